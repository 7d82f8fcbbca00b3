package pages

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
)

// reviewPage is what one reads before one enables an extension, or lets another
// version of it run.
type reviewPage struct {
	At      place
	X       extensions.Detail
	From    string // version that is there, where another one comes
	Version string // that is looked at
	Kept    *extensions.KeptVersion
	Consent bool // whether a version waits
	On      bool // whether it is enabled here by now
	Verdict verdict
	New     []rightLine
	Gone    []string
	Groups  []rightGroup
	Same    int
	Changes []string // of settings and limits
	Fails   []string
	Limits  []string
	Fields  []setting
}

// verdict says what becomes of it when it is enabled.
type verdict struct{ State, Word, Text string }

// rightLine is something that an extension may do, or where it takes part.
type rightLine struct {
	Text       string
	Permission string // "" of a place that it takes part in, which comes with it
	Granted    bool
	Beyond     bool // whether somebody else must approve
	New        bool
}

// rightGroup is several of one kind.
type rightGroup struct {
	Title string
	Lines []rightLine
}

func (p *Pages) review(r *request, at place, d extensions.Detail) error {
	return p.showReview(r, http.StatusOK, at, d, reviewed(at, d), nil)
}

// reviewed puts together what there is to read of an extension.
func reviewed(at place, d extensions.Detail) reviewPage {
	v := reviewPage{At: at, X: d, Version: d.Version, Consent: d.Next != nil}
	e := ownRow(d, at)
	v.On = e != nil && e.State == "on"
	diff, asked, asks := d.Last, d.Asked, d.Asks
	if v.Consent {
		diff, asked, asks, v.Version = d.Next, d.NextAsked, d.PendingAsks, d.Pending
	}
	for i := range d.Versions {
		if d.Versions[i].Version == v.Version {
			v.Kept = &d.Versions[i]
		}
	}
	fresh := func(extensions.Sentence) bool { return false }
	if diff != nil && (v.Consent || !v.On) {
		v.From = diff.From
		fresh = func(s extensions.Sentence) bool { return slices.Contains(diff.New, s) }
		for _, s := range diff.Gone {
			v.Gone = append(v.Gone, s.Text)
		}
		v.Changes = append(slices.Clone(diff.Settings), diff.Limits...)
	}
	groups := []rightGroup{{Title: "What it sees"}, {Title: "What it changes"}, {Title: "What it sends"}, {Title: "What else it does"}, {Title: "Where it takes part"}}
	for _, s := range asks {
		line := rightLine{Text: s.Text, Permission: s.Permission, Granted: e == nil || v.Consent, New: fresh(s), Beyond: slices.Contains(d.Beyond, s.Permission)}
		if i := slices.IndexFunc(asked, func(a extensions.Asked) bool { return a.Permission == s.Permission }); i >= 0 && s.Permission != "" {
			a := asked[i]
			if e != nil && !line.New {
				line.Granted = a.Granted
			}
			line.Beyond = !a.SelfService && !at.All
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

// kindOfRight says in which group a permission stands: what it sees, changes,
// sends, does besides; or where it takes part.
func kindOfRight(permission string) int {
	switch {
	case permission == "":
		return 4
	case strings.HasPrefix(permission, "http:"):
		return 2
	case strings.HasSuffix(permission, ":write") || permission == "events:emit":
		return 1
	case strings.HasSuffix(permission, ":read") || strings.HasPrefix(permission, "pii:"):
		return 0
	}
	return 3
}

// checked says of a filter what is refused while it breaks, and what goes on where
// it is not asked.
func checked(filter string) (refused, goesOn string, known bool) {
	words := map[string][2]string{
		learning.EnrollmentStarted.Name():     {"enrolments are refused", "people are enrolled"},
		learning.UnenrollmentStarted.Name():   {"nobody can leave a course", "people leave courses"},
		learning.RegistrationRequested.Name(): {"nobody gets an account", "people get accounts"},
		learning.LoginRequested.Name():        {"nobody can sign in", "people sign in"},
	}
	w, known := words[filter]
	return w[0], w[1], known
}

// ending says what is no longer checked when the extension is gone.
func ending(d extensions.Detail) (list []string) {
	for _, h := range d.Hooks {
		if h.Kind != string(extensions.FilterKind) {
			continue
		}
		if _, goesOn, known := checked(h.On); known {
			list = append(list, "Its check ends: "+goesOn+" without it.")
		} else {
			list = append(list, "Its check ends: "+lower(or(h.Doc, h.On))+".")
		}
	}
	return list
}

// failing says what it means for others when the extension fails.
func failing(d extensions.Detail) (list []string) {
	kinds := map[string]bool{}
	for _, h := range d.Hooks {
		kinds[h.Kind] = true
		if h.Kind != string(extensions.FilterKind) {
			continue
		}
		refused, goesOn, known := checked(h.On)
		switch {
		case h.Refuses && known:
			list = append(list, "If it breaks, "+refused+".")
		case h.Refuses:
			list = append(list, "If it breaks, nobody is let through: "+lower(or(h.Doc, h.On))+".")
		case known:
			list = append(list, "If it breaks, "+goesOn+" without being checked.")
		default:
			list = append(list, "If it breaks, things go on without it: "+lower(or(h.Doc, h.On))+".")
		}
	}
	if kinds[string(extensions.SlotKind)] {
		list = append(list, "If it breaks, pages leave out what it shows.")
	}
	if kinds[string(extensions.EventKind)] {
		list = append(list, "If it breaks, what it was to be told is told again later.")
	}
	return append(list, "If it fails again and again it is left alone for a while, and in the end suspended.")
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func lower(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToLower(string(r[:1])) + string(r[1:])
}

func limitsOf(d extensions.Detail, kept *extensions.KeptVersion) (list []string) {
	list = append(list, "Memory: "+or(d.Limits.Memory, "16MiB")+", time of a call: "+or(d.Limits.Time, "50ms")+".")
	if d.Isolation == "pinned" {
		list = append(list, "It keeps its state from one call to the next.")
	} else {
		list = append(list, "Each call begins afresh: none sees what another left.")
	}
	if kept != nil && kept.Size > 0 {
		list = append(list, "Size of the bundle: "+size(kept.Size)+".")
	}
	return list
}

// judge says whether it runs at once.
func judge(at place, d extensions.Detail, v reviewPage) verdict {
	var beyond []string
	declined := false
	for _, g := range append([]rightGroup{{Lines: v.New}}, v.Groups...) {
		for _, l := range g.Lines {
			if l.Beyond && l.Granted {
				beyond = append(beyond, l.Text)
			}
			declined = declined || l.Permission != "" && !l.Granted
		}
	}
	switch {
	case d.State == "stopped":
		return verdict{"bad", "Stopped", "Those who run the school have switched it off for everybody" + because(d.Reason) + "."}
	case !at.Write:
		return verdict{"info", "To read", "Whoever may change the extensions here decides about it."}
	case v.Consent && len(beyond) > 0:
		return verdict{"warn", "Needs those who run the school", "Only they may grant: " + strings.Join(beyond, "; ") + ". Without that you can let it run yourself."}
	case len(beyond) > 0:
		return verdict{"warn", "Waits for approval", "Because course staff may not grant this by themselves: " + strings.Join(beyond, "; ") + ". Without that it runs at once."}
	}
	if declined {
		return verdict{"ok", "Runs at once", "It gets what is ticked, and runs without the rest."}
	}
	return verdict{"ok", "Runs at once", "Everything that it asks for is yours to grant."}
}

func (p *Pages) showReview(r *request, status int, at place, d extensions.Detail, v reviewPage, faults []fault) error {
	if v.Fields == nil && !v.Consent {
		fields, err := settingFields(d, ownRow(d, at))
		if err != nil {
			return err
		}
		v.Fields = fields
	}
	title, lead := "Review "+d.Title, d.Description
	what := view{Title: title, Lead: lead, Nav: at.Nav, Crumbs: append(slices.Clone(at.Crumbs), link{d.Title, at.Of(d.ID)}), Data: v, Faults: faults}
	if v.Consent {
		what.Code = []code{{"Consent to it:", "trellis ext grant " + d.ID + at.flag(), "POST /api/v1/extensions/" + d.ID + "/consent\n{" + joinBody(at.inBody(), `"grants": ["*"], "version": "`+v.Version+`"`) + "}"}}
	} else {
		what.Code = []code{{"Enable it:", "trellis ext enable " + d.ID + at.flag(), "POST /api/v1/extensions/" + d.ID + "/enable\n{" + joinBody(at.inBody(), `"grants": ["*"], "version": "`+v.Version+`"`) + "}"}}
	}
	return r.showAs(status, "team_review", what)
}

func joinBody(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// grants returns the permissions that were ticked.
func (r *request) grants() []string {
	return append([]string{}, r.form.Values["grant"]...)
}

// ticked puts back which permissions were ticked.
func (v *reviewPage) ticked(grants []string) {
	tick := func(list []rightLine) {
		for i := range list {
			list[i].Granted = slices.Contains(grants, list[i].Permission)
		}
	}
	tick(v.New)
	for _, g := range v.Groups {
		tick(g.Lines)
	}
}

func (p *Pages) enable(r *request, at place, d extensions.Detail) error {
	in := extensions.Enable{ID: d.ID, Course: at.Course(), Grants: r.grants(), Version: r.value("version"), Locked: r.value("locked") != ""}
	again := func(status int, fields []setting, faults []fault) error {
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
	x, err := call[extensions.Extension](r.ctx, p, "extensions.enable", in)
	if err != nil {
		return p.notTaken(err, fields, again)
	}
	was := ownRow(d, at)
	e := enablingAt(x, at.Scope)
	switch {
	case e != nil && e.State == "waiting":
		return r.done(at.Of(d.ID), waits(at, d))
	case was != nil && was.State == "on":
		return r.done(at.Of(d.ID), notice{State: "ok", Text: d.Title + ": what it may do is changed."})
	}
	return r.done(at.Of(d.ID), notice{State: "ok", Text: d.Title + " is on.", Undo: &undo{Action: at.Of(d.ID) + "/off"}})
}

// notTaken shows a form again that an operation has not taken, with the reason.
func (p *Pages) notTaken(err error, fields []setting, again func(int, []setting, []fault) error) error {
	var faults extensions.Faults
	if errors.As(err, &faults) {
		return again(http.StatusBadRequest, fields, blame(fields, nil, faults))
	}
	text, ok := inWords(err)
	if !ok {
		return err
	}
	status := map[trellis.Kind]int{trellis.Conflict: http.StatusConflict, trellis.Denied: http.StatusForbidden, trellis.Refused: http.StatusForbidden, trellis.Exhausted: http.StatusTooManyRequests}[trellis.KindOf(err)]
	if status == 0 {
		status = http.StatusBadRequest
	}
	return again(status, fields, []fault{{Text: text}})
}

func (p *Pages) consent(r *request, at place, d extensions.Detail) error {
	in := extensions.Consenting{ID: d.ID, Course: at.Course(), Grants: r.grants(), Version: r.value("version")}
	if _, err := call[extensions.Extension](r.ctx, p, "extensions.consent", in); err != nil {
		return p.notTaken(err, nil, func(status int, _ []setting, faults []fault) error {
			v := reviewed(at, d)
			v.ticked(in.Grants)
			return p.showReview(r, status, at, d, v, faults)
		})
	}
	return r.done(at.Of(d.ID), notice{State: "ok", Text: "Version " + in.Version + " of " + d.Title + " runs.",
		Undo: &undo{Label: "Go back to " + d.Version, Action: at.Of(d.ID) + "/rollback", Fields: map[string]string{"from": in.Version}}})
}
