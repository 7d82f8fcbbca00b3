// Package courses is the pages of courses as such: the list of them, a course, who
// is in it, what it is called and when it runs, and making one. They are for
// learners and for those who teach.
package courses

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

//go:embed templates
var templates embed.FS

// Config is what the pages need.
type Config struct {
	Logger *slog.Logger
}

// Pages are the pages of courses.
type Pages struct{ log *slog.Logger }

var _ frame.Part = (*Pages)(nil)

// New returns the pages.
func New(cfg Config) *Pages { return &Pages{cfg.Logger} }

// Templates holds what the pages are shown by.
func (p *Pages) Templates() fs.FS { return templates }

// Pages returns the pages.
func (p *Pages) Pages() []frame.Page {
	return slices.Concat(p.coursePages(), p.courseSettingPages(), p.peoplePages())
}

// coursePages are those of learners, and of courses as such.
func (p *Pages) coursePages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/courses", Name: "courses", Summary: "The courses of whoever is signed in, and those to join.", Permission: "courses:read", Handle: p.courses},
		{Method: "POST", Path: "/courses", Name: "courses.act", Summary: "Joins or leaves a course, or does what extensions offer above the list.", Permission: "enrollments:write", Handle: p.coursesAct},
		{Method: "GET", Path: "/courses/:course", Name: "course", Summary: "A course.", Permission: "courses:read", Handle: p.course},
		{Method: "POST", Path: "/courses/:course", Name: "course.act", Summary: "Joins or leaves a course, or does what extensions offer on its page.", Permission: "enrollments:write", Handle: p.courseAct},
	}
}

// perPage is how many courses a page lists.
const perPage = 24

// coursesPage is what the list of courses shows.
type coursesPage struct {
	Search         string
	Find           bool           // whether there is so much that one may want to search
	Lost           *frame.Refusal // why the courses are not there
	Mine           []standing
	Teaching       []standing
	Others         []standing
	More, MoreMine string // queries of the pages that follow
	Later          bool   // whether this is such a page
	New            bool   // whether she may make courses
	Runs           bool   // whether she runs the tenant, and looks in
}

func (p *Pages) courses(r *frame.Request) error { return p.showCourses(r, http.StatusOK, "", nil) }

// showCourses shows the list, with why a course on it was not joined or left.
func (p *Pages) showCourses(r *frame.Request, status int, of string, refusal *frame.Refusal) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	v := frame.View{Title: "My courses", Nav: "/courses", Code: []frame.Code{{What: "What you are in, what you can join, and joining.", CLI: "trellis course list\ntrellis enroll PERSON COURSE", HTTP: "GET /api/v1/courses?enrolled=true\nPOST /api/v1/enrollments {\"course\": \"COURSE\"}"}}}
	data, err := p.listCourses(r, q)
	switch trellis.KindOf(err) {
	case "":
	case trellis.Unavailable, trellis.Internal:
		p.log.Warn("courses not loaded", "trace", trellis.TraceFrom(r.Ctx).ID, "err", err)
		status, data.Lost = http.StatusServiceUnavailable, &frame.Refusal{Trace: trellis.TraceFrom(r.Ctx).ID}
	default:
		return err
	}
	if refusal != nil {
		for _, list := range [][]standing{data.Mine, data.Teaching, data.Others} {
			for i := range list {
				if list[i].Course.Key == of {
					list[i].Refusal = refusal
					v.Faults = []frame.Fault{{Field: "course-" + strconv.Itoa(list[i].Number), Text: refusal.Text}}
				}
			}
		}
		if v.Faults == nil {
			v.Faults = []frame.Fault{{Text: refusal.Text}}
		}
	}
	if v.Data = data; data.Runs {
		v.Title = "Courses"
	}
	return r.ShowSlotsAs(status, "courses", "", []slots.Want{{Slot: "courses.banner.v1"}}, v)
}

func (p *Pages) listCourses(r *frame.Request, q url.Values) (data coursesPage, err error) {
	data.Search, data.Later = strings.TrimSpace(q.Get("q")), q.Has("after") || q.Has("mine")
	data.New, data.Runs = makesCourses(r), frame.Can(r.Ctx, "extensions:read", hostapi.Scope{})
	list := func(enrolled bool, after string) (learning.List[learning.Course], error) {
		return frame.Call[learning.List[learning.Course]](r, "courses.list", map[string]any{"enrolled": enrolled, "search": data.Search, "after": after, "limit": perPage})
	}
	mine, err := list(true, q.Get("mine"))
	if err != nil {
		return data, err
	}
	others, err := list(false, q.Get("after"))
	if err != nil {
		return data, err
	}
	teaching, taught, err := p.teaching(r, mine.Items)
	if err != nil {
		return data, err
	}
	if !q.Has("after") {
		data.Mine = p.standings(r, mine.Items, true)
	}
	if !data.Later && data.Search == "" {
		data.Teaching = p.standings(r, teaching, false)
	}
	if !q.Has("mine") {
		rest := others.Items
		if data.Search == "" {
			rest = without(rest, taught)
		}
		data.Others = p.standings(r, rest, false)
	}
	number := 0
	for _, l := range [][]standing{data.Mine, data.Teaching, data.Others} {
		inOrder(l)
		for i := range l {
			number++
			l[i].Number = number
		}
	}
	data.MoreMine, data.More = frame.Next(data.Search, "mine", mine.Next), frame.Next(data.Search, "after", others.Next)
	data.Find = data.Search != "" || data.More != "" || data.MoreMine != "" || data.Later || number > 8
	return data, nil
}

func without(list []learning.Course, keys map[string]bool) (rest []learning.Course) {
	for _, c := range list {
		if !keys[c.Key] {
			rest = append(rest, c)
		}
	}
	return rest
}

// teaching returns the courses that somebody has a role in and is not enrolled in.
// A role that reaches farther than a course is no answer to what is next.
func (p *Pages) teaching(r *frame.Request, mine []learning.Course) (list []learning.Course, keys map[string]bool, err error) {
	keys = map[string]bool{}
	enrolled := map[string]bool{}
	for _, c := range mine {
		enrolled[c.Key] = true
	}
	for _, role := range trellis.ActorFrom(r.Ctx).Roles {
		if role.Course == "" || keys[role.Course] || enrolled[role.Course] || len(list) == perPage {
			continue
		}
		c, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: role.Course})
		switch trellis.KindOf(err) {
		case "":
		case trellis.NotFound:
			continue
		default:
			return nil, nil, err
		}
		e, err := p.enrollment(r, c.Key)
		if err != nil {
			return nil, nil, err
		}
		if !e.Active {
			keys[c.Key], list = true, append(list, c)
		}
	}
	return list, keys, nil
}

// enrollment returns how whoever is signed in is enrolled in a course; the zero
// enrolment if she never was.
func (p *Pages) enrollment(r *frame.Request, course string) (learning.Enrollment, error) {
	if !member(r.Ctx) {
		return learning.Enrollment{}, nil
	}
	e, err := frame.Call[learning.Enrollment](r, "enrollments.get", learning.ByEnrollment{Course: course})
	if trellis.KindOf(err) == trellis.NotFound {
		return learning.Enrollment{}, nil
	}
	return e, err
}

// standings is how somebody stands to courses. What it cannot find out about a
// course (its seats, the track) it leaves out: the course itself decides when
// somebody joins.
func (p *Pages) standings(r *frame.Request, list []learning.Course, in bool) (out []standing) {
	modes := map[string]string{}
	if in && len(list) > 0 {
		e, err := frame.Call[learning.List[learning.Enrollment]](r, "enrollments.list", map[string]any{"person": trellis.ActorFrom(r.Ctx).ID, "active": true, "limit": 200})
		if err == nil {
			for _, e := range e.Items {
				modes[e.Course] = e.Mode
			}
		}
	}
	for _, c := range list {
		out = append(out, p.stand(r, c, learning.Enrollment{Active: in, Mode: modes[c.Key]}))
	}
	return out
}

// stand is how somebody stands to a course.
func (p *Pages) stand(r *frame.Request, c learning.Course, e learning.Enrollment) standing {
	var seats learning.Seats
	if c.Seats > 0 && !e.Active {
		if found, err := frame.Call[learning.Seats](r, "courses.seats", learning.ByCourse{Course: c.Key}); err == nil {
			seats = found
		}
	}
	return stand(c, e, frame.Can(r.Ctx, "enrollments:write", frame.InCourse(c.Key)), member(r.Ctx), seats, time.Now())
}

// coursesAct joins or leaves a course of the list.
func (p *Pages) coursesAct(r *frame.Request) error {
	if slots.Acts(r.Form.Values) {
		return p.courses(r)
	}
	key := r.Value("course")
	refusal, err := p.enrol(r, key)
	if refusal == nil {
		return err
	}
	return p.showCourses(r, refusal.Status, key, refusal)
}

// enrol does what a form with the fields course, do (join or leave) and mode asks
// for, and sends the browser on. If it is not done it returns why.
func (p *Pages) enrol(r *frame.Request, key string) (*frame.Refusal, error) {
	course, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: key})
	if err != nil {
		return nil, err
	}
	title := frame.Isolated(course.Title)
	did, back := "Not joined", map[string]string{"course": key, "do": "leave"}
	var e learning.Enrollment
	switch r.Value("do") {
	case "join":
		e, err = frame.Call[learning.Enrollment](r, "enrollments.create", learning.Enroll{Course: key, Mode: r.Value("mode")})
	case "leave":
		did = "You are still in it"
		e, err = frame.Call[learning.Enrollment](r, "enrollments.delete", learning.Unenroll{Course: key})
		back = map[string]string{"course": key, "do": "join", "mode": e.Mode}
	default:
		return nil, trellis.Errorf(trellis.Invalid, "this form asks for nothing that can be done here: load the page again")
	}
	if err != nil {
		n := r.Refused(did, err, key, course.Title)
		if n.To != "" {
			return nil, r.Done(n.To, frame.Notice{State: "warn", Text: n.Text})
		}
		return &n, nil
	}
	if r.Value("do") == "leave" {
		return nil, r.Done("/courses", frame.Notice{State: "ok", Text: "You left " + title + ".", Undo: &frame.Undo{Action: "/courses", Fields: back}})
	}
	said := "You are in " + title + "."
	if course.Start != nil && time.Now().Before(*course.Start) {
		said += " It starts on " + frame.OnDay(*course.Start) + "."
	}
	return nil, r.Done("/courses/"+url.PathEscape(key), frame.Notice{State: "ok", Text: said, Undo: &frame.Undo{Label: "Leave again", Action: "/courses", Fields: back}})
}

// makesCourses reports whether somebody may make a course.
func makesCourses(r *frame.Request) bool {
	for _, c := range hostapi.ReachOf(r.Ctx, "courses:write") {
		if c.Course == "" && c.Person == "" {
			return r.Tenant() != trellis.PlatformTenant
		}
	}
	return false
}

// member reports whether whoever is signed in has an account in this tenant: those
// who run the platform look in from outside.
func member(ctx context.Context) bool {
	a := trellis.ActorFrom(ctx)
	return a.Kind == trellis.PersonActor && !a.Is(trellis.RoleOperator)
}
