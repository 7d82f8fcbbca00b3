package team

import (
	"net/http"
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/pages/settings"
)

func (p *Pages) switchOff(r *frame.Request, at place, d extensions.Detail) error {
	was := enablingAt(d.Extension, at.Scope)
	if _, err := frame.Call[extensions.Extension](r, "extensions.disable", extensions.Which{ID: d.ID, Course: at.Course()}); err != nil {
		return p.refused(r, at, d, err)
	}
	if was != nil && was.State == "waiting" {
		return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: "You no longer ask for " + d.Title + "."})
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: d.Title + " is off here, and on every node within a second. What it keeps stays.",
		Undo: &frame.Undo{Action: at.Of(d.ID) + "/on"}})
}

// switchOn switches an extension on as it was: with the rights and settings that it
// had or, in a course that has none of its own, as the school has it.
func (p *Pages) switchOn(r *frame.Request, at place, d extensions.Detail) error {
	row := ownRow(d, at)
	var whole *extensions.Enabling
	if at.Course() != "" {
		whole = enablingAt(d.Extension, extensions.Scope{})
	}
	var x extensions.Extension
	var err error
	switch {
	case row == nil:
		return r.GoTo(at.Of(d.ID) + "/review")
	case len(row.Grants) == 0 && string(d.Set) == "{}" && whole != nil && whole.State == "on":
		x, err = frame.Call[extensions.Extension](r, "extensions.follow", extensions.Which{ID: d.ID, Course: at.Course()})
	default:
		x, err = frame.Call[extensions.Extension](r, "extensions.enable", extensions.Enable{ID: d.ID, Course: at.Course(), Grants: row.Grants, Settings: d.Set, Locked: row.Locked})
	}
	if err != nil {
		return p.refused(r, at, d, err)
	}
	if e := enablingAt(x, at.Scope); e != nil && e.State == "waiting" {
		return r.Done(at.Of(d.ID), waits(at, d))
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: d.Title + " is on again, as it was.", Undo: &frame.Undo{Action: at.Of(d.ID) + "/off"}})
}

// waits says that somebody else must approve.
func waits(at place, d extensions.Detail) frame.Notice {
	return frame.Notice{State: "warn", Text: d.Title + " waits for approval by those who run the school. It does nothing until then.",
		Undo: &frame.Undo{Label: "Take it back", Action: at.Of(d.ID) + "/off"}}
}

func (p *Pages) retry(r *frame.Request, at place, d extensions.Detail) error {
	if _, err := frame.Call[extensions.Extension](r, "extensions.retry", extensions.Which{ID: d.ID, Course: at.Course()}); err != nil {
		return p.refused(r, at, d, err)
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "info", Text: "The next call of " + d.Title + " goes through. If it fails again, it is left alone again."})
}

// refused shows the page of an extension again, with the reason why something was
// not done.
func (p *Pages) refused(r *frame.Request, at place, d extensions.Detail, err error) error {
	return p.notTaken(err, nil, func(status int, _ []settings.Field, faults []frame.Fault) error {
		return p.showExtension(r, status, at, d, faults)
	})
}

// sure is what a page shows that asks before something is done.
type sure struct {
	At   place
	X    extensions.Detail
	Ends []string // what is no longer checked
}

func (p *Pages) rollbackForm(r *frame.Request, at place, d extensions.Detail) error {
	if err := at.own(d); err != nil {
		return err
	}
	return r.Show("rollback", rollbackView(at, d))
}

func rollbackView(at place, d extensions.Detail) frame.View {
	v := at.view("Go back to "+d.Previous, d, sure{At: at, X: d})
	if d.Back == nil {
		v.Title = "There is no version to go back to"
	}
	v.Code = []frame.Code{{CLI: "trellis ext rollback " + d.ID + at.flag(), HTTP: "POST /api/v1/extensions/" + d.ID + "/rollback\n{" + at.inBody() + "}"}}
	return v
}

func (p *Pages) rollback(r *frame.Request, at place, d extensions.Detail) error {
	if from := r.Value("from"); from != "" && from != d.Version {
		v := rollbackView(at, d)
		v.Faults = []frame.Fault{{Text: "Version " + d.Version + " runs by now, not the one that you looked at. Look again at what going back would change."}}
		return r.ShowAs(http.StatusConflict, "rollback", v)
	}
	x, err := frame.Call[extensions.Extension](r, "extensions.rollback", extensions.Which{ID: d.ID, Course: at.Course()})
	if err != nil {
		return p.notTaken(err, nil, func(status int, _ []settings.Field, faults []frame.Fault) error {
			v := rollbackView(at, d)
			v.Faults = faults
			return r.ShowAs(status, "rollback", v)
		})
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: "Version " + x.Version + " of " + d.Title + " runs again. To have " + d.Version + " back, bring its bundle again."})
}

func (p *Pages) uninstallForm(r *frame.Request, at place, d extensions.Detail) error {
	if err := at.own(d); err != nil {
		return err
	}
	return r.Show("uninstall", uninstallView(at, d))
}

func uninstallView(at place, d extensions.Detail) frame.View {
	v := at.view("Remove "+d.Title, d, sure{at, d, ending(d)})
	v.Code = []frame.Code{{CLI: "trellis ext uninstall " + d.ID + at.flag(), HTTP: "DELETE /api/v1/extensions/" + d.ID + at.with()}}
	return v
}

func (p *Pages) uninstall(r *frame.Request, at place, d extensions.Detail) error {
	if _, err := frame.Call[extensions.Done](r, "extensions.uninstall", extensions.Which{ID: d.ID, Course: at.Course()}); err != nil {
		return p.notTaken(err, nil, func(status int, _ []settings.Field, faults []frame.Fault) error {
			v := uninstallView(at, d)
			v.Faults = faults
			return r.ShowAs(status, "uninstall", v)
		})
	}
	return r.Done(at.Path, frame.Notice{State: "ok", Text: d.Title + " is gone, with all that it kept."})
}

func (p *Pages) saveSecret(r *frame.Request, at place, d extensions.Detail) error {
	name, value, remove := r.Value("name"), r.Value("value"), r.Value("remove") != ""
	i := slices.IndexFunc(d.Wanted, func(s extensions.SecretState) bool { return s.Name == name })
	if i < 0 {
		return trellis.Errorf(trellis.NotFound, "%s wants no such secret", d.Title)
	}
	title, said := d.Wanted[i].Title, " is set. Nobody can read it back."
	switch {
	case remove:
		value, said = "", " is removed."
	case value == "":
		return r.Done(at.Of(d.ID), frame.Notice{State: "info", Text: title + " is kept as it is."})
	}
	if _, err := frame.Call[extensions.Done](r, "extensions.set_secret", map[string]string{"id": d.ID, "course": at.Course(), "name": name, "value": value}); err != nil {
		return p.refused(r, at, d, err)
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: title + said})
}
