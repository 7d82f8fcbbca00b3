package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) extensionPages() []frame.Page {
	read, write := "extensions:read", "extensions:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/extensions", Name: "console.extensions", Summary: "Every extension of the tenant and of its courses.", Permission: read, Handle: behind(read, p.allExtensions)},
		{Method: "GET", Path: "/console/extensions/:id/stop", Name: "console.stop", Summary: "Says what switching an extension off for everybody would do.", Permission: write, Handle: behind(write, p.stopPage)},
		{Method: "POST", Path: "/console/extensions/:id/stop", Name: "console.stop.post", Summary: "Switches an extension off for everybody.", Permission: write, Handle: behind(write, p.stop)},
		{Method: "POST", Path: "/console/extensions/:id/resume", Name: "console.resume", Summary: "Lets an extension go on that was switched off for everybody.", Permission: write, Handle: behind(write, p.resume)},
	}
}

// extensionRow is an extension in the table of all.
type extensionRow struct {
	extensions.Extension
	Path         string
	Where        who      // the course that it is in, or the whole school
	State, Word  string   // what it does, as a badge
	Notes        []string // why, and what else is to be known of it
	By           who
	Updated      time.Time
	Stop, Resume string // paths; "" where there is nothing to stop or resume
	worse        int

	in         []string // courses of an extension of the school that it is on in
	waits      int
	locked     bool
	everywhere bool
	withheld   []string
	reason     string
}

// allExtensionsPage is what the table of all extensions shows.
type allExtensionsPage struct {
	bar
	At     string // where a bundle is brought to
	Write  bool
	Limit  string
	Rows   []extensionRow
	All    int
	Text   string
	States []pickable
	Owners []pickable
}

func (p *Pages) allExtensions(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	list, err := frame.Call[extensions.List[extensions.Extension]](r, "extensions.list", struct{}{})
	if err != nil {
		return err
	}
	d := allExtensionsPage{bar: navigate(r, "/console/extensions"), At: "/console/extensions", Write: frame.Can(r.Ctx, "extensions:write", hostapi.Scope{}), Limit: frame.Megabytes(frame.UploadLimit), All: len(list.Items), Text: q.Get("q"),
		States: options(q.Get("state"), "", "Any state", "attention", "Needs attention", "on", "On", "off", "Off", "stopped", "Switched off for everybody", "suspended", "Suspended"),
		Owners: options(q.Get("owner"), "", "Anywhere", "tenant", "From the school", "course", "From a course"),
	}
	n := p.names(r)
	for _, x := range list.Items {
		if row := rowOf(x, n); row.fits(q) {
			d.Rows = append(d.Rows, row)
		}
	}
	slices.SortStableFunc(d.Rows, func(a, b extensionRow) int {
		return cmp.Or(cmp.Compare(a.worse, b.worse), cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)))
	})
	v := viewOf("Extensions")
	v.Lead, v.Data = "Everything that is installed in the school and in its courses, what needs attention first.", d
	v.Code = []frame.Code{{CLI: "trellis ext list", HTTP: "GET /api/v1/extensions"}, {What: "The kill switch", CLI: "trellis ext stop ID -reason '…'", HTTP: `POST /api/v1/extensions/ID/stop {"reason": "…"}`}}
	return r.Show("extensions", v)
}

// rowOf says of an extension where it is on, and what is the case.
func rowOf(x extensions.Extension, n *names) extensionRow {
	row := extensionRow{Extension: x, Path: pathOf(x), State: "off", Word: "Off", worse: 5}
	fault, granted := "", map[string]bool{}
	for _, e := range x.Enabled {
		if e.Updated.After(row.Updated) {
			row.Updated, row.By = e.Updated, n.of(e.AskedBy)
		}
		if e.State == "waiting" {
			row.waits++
		}
		if e.State != "on" {
			continue
		}
		row.locked = row.locked || e.Locked
		if e.Course == "" {
			row.everywhere = true
		} else {
			row.in = append(row.in, e.Course)
		}
		if e.Fault != "" {
			fault = "Its settings " + where(e.Course) + " do not fit: " + e.Fault
		}
		for _, g := range e.Grants {
			granted[g] = true
		}
	}
	row.Where = row.whereabouts(n)
	if row.on() {
		row.State, row.Word, row.worse = "ok", "Works", 4
		if x.Errors > 0 {
			row.State, row.Word, row.worse, row.reason = "warn", "Works, with errors", 3, "Last: "+x.LastError
		}
		for _, s := range x.Asks {
			if s.Permission != "" && !granted[s.Permission] {
				row.withheld = append(row.withheld, frame.Lowered(s.Text))
			}
		}
	}
	switch {
	case x.State == "suspended":
		row.State, row.Word, row.reason, row.worse = "bad", "Suspended", "It failed again and again: "+x.Reason, 0
	case x.State == "stopped":
		row.State, row.Word, row.reason, row.worse = "off", "Switched off", x.Reason, 4
		row.Updated, row.By = x.Stopped, n.of(x.StoppedBy)
	case fault == "" && row.on() && x.Resting != nil:
		row.State, row.Word, row.reason, row.worse = "warn", "Left alone", frame.RestingReason(x.Resting), 1
	case fault != "":
		row.State, row.Word, row.reason, row.worse = "bad", "Does not run", fault, 0
	case row.waits > 0:
		row.worse = 1
		if !row.on() {
			row.State, row.Word = "warn", "Waits for approval"
		}
	case x.Pending != "":
		row.worse = 2
	}
	row.Notes = row.notes()
	at := "/console/extensions/" + url.PathEscape(x.ID)
	switch query := courseQuery(x.Course); {
	case x.State == "stopped":
		row.Resume = at + "/resume"
	case row.on():
		row.Stop = at + "/stop" + query
	}
	return row
}

// on reports whether it is on anywhere.
func (row extensionRow) on() bool { return row.everywhere || len(row.in) > 0 }

// whereabouts says where an extension is: in the course that it belongs to, in the
// whole school, or in those of its courses that have switched it on.
func (row extensionRow) whereabouts(n *names) who {
	switch {
	case row.Course != "":
		return n.course(row.Course)
	case row.everywhere:
		return who{Text: "The whole school"}
	case len(row.in) == 1:
		return n.course(row.in[0])
	case len(row.in) > 1:
		return who{Text: frame.Many(len(row.in), "course", "courses")}
	}
	return who{Text: "The school, on nowhere"}
}

// notes are the lines below the badge.
func (row extensionRow) notes() (list []string) {
	const most = 120
	if row.reason != "" {
		list = append(list, frame.Short(row.reason, most))
	}
	if row.waits > 0 {
		list = append(list, frame.Many(row.waits, "course waits", "courses wait")+" for approval")
	}
	if len(row.withheld) > 0 {
		list = append(list, frame.Short("May not: "+strings.Join(row.withheld, "; "), most))
	}
	if row.locked {
		list = append(list, "Courses cannot switch it off")
	}
	return list
}

func courseQuery(course string) string {
	if course == "" {
		return ""
	}
	return "?course=" + url.QueryEscape(course)
}

// fits reports whether a row is one that the filters want.
func (row extensionRow) fits(q url.Values) bool {
	text := strings.ToLower(strings.TrimSpace(q.Get("q")))
	if text != "" && !strings.Contains(strings.ToLower(row.Title+"\n"+row.ID+"\n"+row.Course), text) {
		return false
	}
	if owner := q.Get("owner"); owner == "tenant" && row.Course != "" || owner == "course" && row.Course == "" {
		return false
	}
	switch q.Get("state") {
	case "attention":
		return row.worse < 3
	case "on":
		return row.on() && row.Extension.State == "installed"
	case "off":
		return !row.on()
	case "stopped", "suspended":
		return row.Extension.State == q.Get("state")
	}
	return true
}

// stopPage is what is said before an extension is switched off for everybody.
type stopPage struct {
	bar
	X       extensions.Extension
	Effects []string
	Reason  string
	Fault   string
	Action  string
}

// owned returns the extension that a page of the kill switch is about.
func (p *Pages) owned(r *frame.Request, course string) (extensions.Extension, error) {
	id, err := r.Param("id")
	if err != nil {
		return extensions.Extension{}, err
	}
	return frame.Call[extensions.Extension](r, "extensions.get", extensions.Which{ID: id, Course: course})
}

func (p *Pages) stopPage(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	x, err := p.owned(r, q.Get("course"))
	if err != nil {
		return err
	}
	return showStop(r, http.StatusOK, x, "", nil)
}

func showStop(r *frame.Request, status int, x extensions.Extension, reason string, faults []frame.Fault) error {
	at := "/console/extensions/" + url.PathEscape(x.ID) + "/stop"
	v := viewOf("Switch off "+x.Title+" for everybody", frame.Link{Text: "Extensions", Path: "/console/extensions"})
	v.Width, v.Faults = "narrow", faults
	v.Data = stopPage{navigate(r, "/console/extensions"), x, effects(x), reason, frame.FaultIn(faults, "reason"), at}
	v.Code = []frame.Code{{CLI: "trellis ext stop " + x.ID, HTTP: "POST /api/v1/extensions/" + x.ID + "/stop"}}
	return r.ShowAs(status, "stop", v)
}

// effects says what it means to stop an extension.
func effects(x extensions.Extension) []string {
	everywhere, courses := false, 0
	for _, e := range x.Enabled {
		if e.State == "on" && e.Course == "" {
			everywhere = true
		} else if e.State == "on" {
			courses++
		}
	}
	var list []string
	switch {
	case everywhere && courses > 0:
		list = append(list, "Stops it in the whole school, and in "+frame.Many(courses, "course that has", "courses that have")+" settings of its own.")
	case everywhere:
		list = append(list, "Stops it in the whole school.")
	case courses > 0:
		list = append(list, "Stops it in "+frame.Many(courses, "course", "courses")+".")
	default:
		list = append(list, "It is on nowhere at the moment; nobody can switch it on while it is off for everybody.")
	}
	for _, s := range x.Asks {
		switch check, isCheck := strings.CutPrefix(s.Text, "May refuse or change what happens: "); {
		case s.Permission != "":
		case isCheck:
			check, _, _ = strings.Cut(check, ";")
			list = append(list, "Its check ends: what it could refuse or change goes through ("+check+").")
		case strings.HasPrefix(s.Text, "Is told: "):
			list = append(list, "What happens meanwhile it does not hear of later ("+strings.TrimPrefix(s.Text, "Is told: ")+").")
		default:
			list = append(list, "Ends: "+frame.Lowered(s.Text)+".")
		}
	}
	return append(list, "Where it is on, with which settings and permissions, and what it keeps all stay: Switch on brings it back as it was.")
}

func (p *Pages) stop(r *frame.Request) error {
	course, reason := r.Value("course"), strings.TrimSpace(r.Value("reason"))
	x, err := p.owned(r, course)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := frame.Call[extensions.Extension](r, "extensions.stop", extensions.Stopping{ID: x.ID, Course: course, Reason: reason}); err != nil {
		faults, err := faultOf(err, "reason")
		if err != nil {
			return err
		}
		return showStop(r, http.StatusBadRequest, x, reason, faults)
	}
	return r.Done("/console/extensions", frame.Notice{State: "ok",
		Text: fmt.Sprintf("%s is off on this node, after %d ms, and on the others within a second.", x.Title, time.Since(began).Milliseconds()),
		Undo: &frame.Undo{Label: "Switch on", Action: "/console/extensions/" + url.PathEscape(x.ID) + "/resume", Fields: map[string]string{"course": course, "digest": x.Digest}},
	})
}

func (p *Pages) resume(r *frame.Request) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	course := r.Value("course")
	x, err := frame.Call[extensions.Extension](r, "extensions.resume", extensions.Resuming{ID: id, Course: course, Digest: r.Value("digest")})
	if err != nil {
		return err
	}
	n := frame.Notice{State: "ok", Text: x.Title + " is on again, where it was and as it was."}
	if row := rowOf(x, p.names(r)); row.Stop == "" {
		n = frame.Notice{State: "info", Text: x.Title + " may be switched on again; it was on nowhere."}
	}
	return r.Done("/console/extensions", n)
}
