package team

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/pages/settings"
)

// settingsPage is what the page of the settings shows.
type settingsPage struct {
	At     place
	X      extensions.Detail
	On     *extensions.Enabling
	Locked bool
	Seen   string // the settings that were looked at
	Fields []settings.Field
}

// patches reports whether settings at a place are a patch upon the tenant's.
func patches(d extensions.Detail, at place) bool {
	return at.Course() != "" && slices.ContainsFunc(d.Enabled, func(e extensions.Enabling) bool { return e.Course == "" })
}

// sentSettings reads the settings that a form has sent: as they are to be set, and
// as fields that show them again.
func sentSettings(r *frame.Request, at place, d extensions.Detail) (set json.RawMessage, fields []settings.Field, faults []frame.Fault, err error) {
	s, err := settings.Parse(d.Schema)
	if err != nil {
		return nil, nil, nil, err
	}
	values, wrong := settings.Read(s, r.Form.Values, d.Base)
	fields = settings.Draw(s, values, d.Base)
	settings.Enter(fields, r.Form.Values)
	if len(wrong) > 0 {
		faults = faultsIn(settings.Blame(fields, wrong, nil))
	}
	return settings.Changed(values, d.Base, patches(d, at)), fields, faults, nil
}

// faultsIn are the faults of a form of settings as a page shows them.
func faultsIn(list []settings.Fault) (faults []frame.Fault) {
	for _, f := range list {
		faults = append(faults, frame.Fault{Field: f.Field, Text: f.Text})
	}
	return faults
}

// settingFields are the fields with the settings in force.
func settingFields(d extensions.Detail, e *extensions.Enabling) ([]settings.Field, error) {
	s, err := settings.Parse(d.Schema)
	if err != nil {
		return nil, err
	}
	values := d.Base
	if e != nil {
		values = e.Settings
	}
	return settings.Draw(s, values, d.Base), nil
}

func (p *Pages) settings(r *frame.Request, at place, d extensions.Detail) error {
	fields, err := settingFields(d, enablingAt(d.Extension, at.Scope))
	if err != nil {
		return err
	}
	return p.showSettings(r, http.StatusOK, at, d, settingsPage{Fields: fields}, nil)
}

func (p *Pages) showSettings(r *frame.Request, status int, at place, d extensions.Detail, data settingsPage, faults []frame.Fault) error {
	data.At, data.X, data.On = at, d, enablingAt(d.Extension, at.Scope)
	data.Locked = data.On != nil && data.On.Locked && data.On.Course != at.Course()
	if row := ownRow(d, at); row != nil && data.Seen == "" {
		data.Seen = row.Revision
	}
	v := at.view("Settings of "+d.Title, d, data)
	v.Faults = faults
	set := d.Set
	if string(set) == "{}" && data.On != nil { // nothing was set: what holds shows how it is written
		set = data.On.Settings
	}
	v.Code = []frame.Code{{What: "Show and change them:", CLI: "trellis ext settings " + d.ID + at.flag() + "\ntrellis ext settings " + d.ID + at.flag() + " '" + shown(set) + "'",
		HTTP: "PUT /api/v1/extensions/" + d.ID + "/settings\n{" + joinBody(at.inBody(), `"settings": `+shown(set)) + "}"}}
	return r.ShowAs(status, "settings", v)
}

// shown is JSON as the lines about code show it: not too much of it.
func shown(raw json.RawMessage) string {
	const most = 2000
	if len(raw) > most {
		return "{…}"
	}
	return strings.ReplaceAll(string(raw), "'", `'\''`)
}

func (p *Pages) saveSettings(r *frame.Request, at place, d extensions.Detail) error {
	set, fields, faults, err := sentSettings(r, at, d)
	if err != nil {
		return err
	}
	data := settingsPage{Fields: fields, Seen: r.Value("seen")}
	if back := r.Value("set"); back != "" { // of the notice that takes a change back
		set, faults = json.RawMessage(back), nil
	}
	if len(faults) > 0 {
		return p.showSettings(r, http.StatusBadRequest, at, d, data, faults)
	}
	if ownRow(d, at) == nil {
		return p.firstSettings(r, at, d, set, data)
	}
	in := map[string]any{"id": d.ID, "course": at.Course(), "settings": set, "seen": data.Seen}
	x, err := frame.Call[extensions.Extension](r, "extensions.configure", in)
	if trellis.KindOf(err) == trellis.Conflict {
		return p.settingsConflict(r, at, data)
	}
	if err != nil {
		return p.notSettled(r, at, d, data, err)
	}
	n := frame.Notice{State: "ok", Text: "The settings of " + d.Title + " are saved."}
	const most = 1000 // a notice travels in a cookie
	if row := enablingAt(x, at.Scope); row != nil && len(d.Set) < most {
		n.Undo = &frame.Undo{Label: "Take them back", Action: at.Of(d.ID) + "/settings", Fields: map[string]string{"set": string(d.Set), "seen": row.Revision}}
	}
	return r.Done(at.Of(d.ID), n)
}

// notSettled shows the form again.
func (p *Pages) notSettled(r *frame.Request, at place, d extensions.Detail, data settingsPage, err error) error {
	return p.notTaken(err, data.Fields, func(status int, fields []settings.Field, faults []frame.Fault) error {
		data.Fields = fields
		return p.showSettings(r, status, at, d, data, faults)
	})
}

// firstSettings sets what a course has not set before: of an extension that the
// school has on, the course's own settings are a decision of its own.
func (p *Pages) firstSettings(r *frame.Request, at place, d extensions.Detail, set json.RawMessage, data settingsPage) error {
	e := enablingAt(d.Extension, at.Scope)
	if e == nil || e.State != "on" {
		return r.GoTo(at.Of(d.ID) + "/review")
	}
	x, err := frame.Call[extensions.Extension](r, "extensions.enable", extensions.Enable{ID: d.ID, Course: at.Course(), Grants: e.Grants, Settings: set, Version: d.Version, Digest: d.Digest})
	if err != nil {
		return p.notSettled(r, at, d, data, err)
	}
	if e := enablingAt(x, at.Scope); e != nil && e.State == "waiting" {
		return r.Done(at.Of(d.ID), waits(at, d))
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: d.Title + " has settings of its own in this course now."})
}

// settingsConflict shows both values of what somebody else has changed meanwhile.
func (p *Pages) settingsConflict(r *frame.Request, at place, data settingsPage) error {
	now, err := p.detail(r, at)
	if err != nil {
		return err
	}
	row := ownRow(now, at)
	theirs, err := settingFields(now, row)
	if err != nil {
		return err
	}
	settings.Differ(data.Fields, theirs)
	if row != nil {
		data.Seen = row.Revision
	}
	return p.showSettings(r, http.StatusConflict, at, now, data, []frame.Fault{{Text: "Somebody has changed these settings meanwhile. Yours are below; where theirs differ, both are shown. Save to put yours in their place."}})
}
