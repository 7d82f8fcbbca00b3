package team

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/pages/settings"
)

// reviewPage is what one reads before one enables an extension, or lets another
// version of it run.
type reviewPage struct {
	At      place
	X       extensions.Detail
	From    string // version that is there, where another one comes
	Version string // that is looked at
	Digest  string // of its files
	Kept    *extensions.KeptVersion
	Consent bool // whether a version waits
	Held    bool // whether it asks for what only those who run the school grant
	On      bool // whether it is enabled here by now
	Verdict verdict
	New     []rightLine
	Gone    []string
	Groups  []rightGroup
	Same    int
	Changes []string // of settings and limits
	Fails   []string
	Limits  []string
	Fields  []settings.Field
}

func (p *Pages) review(r *frame.Request, at place, d extensions.Detail) error {
	return p.showReview(r, http.StatusOK, at, d, reviewed(at, d), nil)
}

// reviewed puts together what there is to read of an extension.
func reviewed(at place, d extensions.Detail) reviewPage {
	v := reviewPage{At: at, X: d, Version: d.Version, Digest: d.Digest, Consent: d.Next != nil}
	e := ownRow(d, at)
	v.On = e != nil && e.State == "on"
	diff, asked, asks := d.Last, d.Asked, d.Asks
	if v.Consent {
		diff, asked, asks, v.Version, v.Digest = d.Next, d.NextAsked, d.PendingAsks, d.Pending, d.PendingDigest
	}
	for i := range d.Versions {
		if d.Versions[i].Version == v.Version {
			v.Kept = &d.Versions[i]
		}
	}
	fresh := func(bundle.Sentence) bool { return false }
	if diff != nil && (v.Consent || !v.On) {
		v.From = diff.From
		fresh = func(s bundle.Sentence) bool { return slices.Contains(diff.New, s) }
		for _, s := range diff.Gone {
			v.Gone = append(v.Gone, s.Text)
		}
		v.Changes = append(slices.Clone(diff.Settings), diff.Limits...)
	}
	groups := []rightGroup{{Title: "What it sees"}, {Title: "What it changes"}, {Title: "What it sends"}, {Title: "What else it does"}, {Title: "When it acts"}}
	for _, s := range asks {
		line := rightLine{Text: s.Text, Permission: s.Permission, Granted: e == nil || v.Consent, New: fresh(s), Beyond: slices.Contains(d.Beyond, s.Permission)}
		if i := slices.IndexFunc(asked, func(a extensions.Asked) bool { return a.Permission == s.Permission }); i >= 0 && s.Permission != "" {
			a := asked[i]
			if e != nil && !line.New {
				line.Granted = a.Granted
			}
			line.Beyond = !a.SelfService && !at.All
		}
		if v.Consent && line.Beyond {
			line.Held, line.Granted, v.Held = true, false, true
		}
		if line.New {
			v.New = append(v.New, line)
			continue
		}
		v.Same++
		g := &groups[kindOfRight(s.Permission)]
		g.Lines = append(g.Lines, line)
	}
	v.Groups = slices.DeleteFunc(groups, func(g rightGroup) bool { return len(g.Lines) == 0 })
	v.Fails, v.Limits = failing(d), limitsOf(d, v.Kept)
	v.Verdict = judge(at, d, v)
	return v
}

// ownRow returns where the extension is switched on or off at the very place.
func ownRow(d extensions.Detail, at place) *extensions.Enabling {
	for i := range d.Enabled {
		if d.Enabled[i].Course == at.Course() {
			return &d.Enabled[i]
		}
	}
	return nil
}

func (p *Pages) showReview(r *frame.Request, status int, at place, d extensions.Detail, v reviewPage, faults []frame.Fault) error {
	if v.Fields == nil && !v.Consent {
		fields, err := settingFields(d, ownRow(d, at))
		if err != nil {
			return err
		}
		v.Fields = fields
	}
	title, lead := "Review "+d.Title, d.Description
	what := frame.View{Title: title, Lead: lead, Nav: at.Nav, Width: "wide", Crumbs: append(slices.Clone(at.Crumbs), frame.Link{Text: d.Title, Path: at.Of(d.ID)}), Data: v, Faults: faults}
	if v.Consent {
		what.Code = []frame.Code{{What: "Consent to it:", CLI: "trellis ext grant " + d.ID + at.flag(), HTTP: "POST /api/v1/extensions/" + d.ID + "/consent\n{" + joinBody(at.inBody(), `"grants": ["*"], "version": "`+v.Version+`"`) + "}"}}
	} else {
		what.Code = []frame.Code{{What: "Enable it:", CLI: "trellis ext enable " + d.ID + at.flag(), HTTP: "POST /api/v1/extensions/" + d.ID + "/enable\n{" + joinBody(at.inBody(), `"grants": ["*"], "version": "`+v.Version+`"`) + "}"}}
	}
	return r.ShowAs(status, "review", what)
}

func joinBody(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// grants returns the permissions that were ticked.
func grants(r *frame.Request) []string {
	return append([]string{}, r.Form.Values["grant"]...)
}

// ticked puts back which permissions were ticked.
func (v *reviewPage) ticked(grants []string) {
	tick := func(list []rightLine) {
		for i := range list {
			list[i].Granted = !list[i].Held && slices.Contains(grants, list[i].Permission)
		}
	}
	tick(v.New)
	for _, g := range v.Groups {
		tick(g.Lines)
	}
}

func (p *Pages) enable(r *frame.Request, at place, d extensions.Detail) error {
	in := extensions.Enable{ID: d.ID, Course: at.Course(), Grants: grants(r), Version: r.Value("version"), Digest: r.Value("digest"), Locked: r.Value("locked") != ""}
	again := func(status int, fields []settings.Field, faults []frame.Fault) error {
		v := reviewed(at, d)
		v.ticked(in.Grants)
		v.Fields = fields
		v.Verdict = judge(at, d, v)
		return p.showReview(r, status, at, d, v, faults)
	}
	values, fields, faults, err := sentSettings(r, at, d)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return again(http.StatusBadRequest, fields, faults)
	}
	in.Settings = values
	x, err := frame.Call[extensions.Extension](r, "extensions.enable", in)
	if err != nil {
		return p.notTaken(err, fields, again)
	}
	was := ownRow(d, at)
	e := enablingAt(x, at.Scope)
	switch {
	case e != nil && e.State == "waiting":
		return r.Done(at.Of(d.ID), waits(at, d))
	case was != nil && was.State == "on":
		return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: d.Title + ": what it may do is changed."})
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: d.Title + " is on.", Next: seen(at, d), Undo: &frame.Undo{Action: at.Of(d.ID) + "/off"}})
}

// seen is where one sees what an extension does that was enabled.
func seen(at place, d extensions.Detail) *frame.Link {
	if at.Course() == "" {
		return &frame.Link{Text: "Back to all extensions", Path: at.Path}
	}
	of := "/courses/" + url.PathEscape(at.Course())
	for _, h := range d.Hooks {
		if h.Kind == string(extensions.SlotKind) && strings.HasPrefix(h.On, "course.") {
			return &frame.Link{Text: "See it in the course", Path: of}
		}
	}
	return &frame.Link{Text: "Go to the course", Path: of}
}

// notTaken shows a form again that an operation has not taken, with the reason.
func (p *Pages) notTaken(err error, fields []settings.Field, again func(int, []settings.Field, []frame.Fault) error) error {
	var faults bundle.Faults
	if errors.As(err, &faults) {
		return again(http.StatusBadRequest, fields, faultsIn(settings.Blame(fields, nil, faults)))
	}
	text, ok := inWords(err)
	if !ok {
		return err
	}
	status := map[trellis.Kind]int{trellis.Conflict: http.StatusConflict, trellis.Denied: http.StatusForbidden, trellis.Refused: http.StatusForbidden, trellis.Exhausted: http.StatusTooManyRequests}[trellis.KindOf(err)]
	if status == 0 {
		status = http.StatusBadRequest
	}
	return again(status, fields, []frame.Fault{{Text: text}})
}

func (p *Pages) consent(r *frame.Request, at place, d extensions.Detail) error {
	in := extensions.Consenting{ID: d.ID, Course: at.Course(), Grants: grants(r), Version: r.Value("version"), Digest: r.Value("digest")}
	if _, err := frame.Call[extensions.Extension](r, "extensions.consent", in); err != nil {
		return p.notTaken(err, nil, func(status int, _ []settings.Field, faults []frame.Fault) error {
			v := reviewed(at, d)
			v.ticked(in.Grants)
			return p.showReview(r, status, at, d, v, faults)
		})
	}
	return r.Done(at.Of(d.ID), frame.Notice{State: "ok", Text: "Version " + in.Version + " of " + d.Title + " runs.",
		Undo: &frame.Undo{Label: "Go back to " + d.Version, Action: at.Of(d.ID) + "/rollback", Fields: map[string]string{"from": in.Version}}})
}
