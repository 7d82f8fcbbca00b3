package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) peoplePages() []frame.Page {
	read, write := "users:read", "users:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/people", Name: "console.people", Summary: "The people of the tenant.", Permission: read, Platform: true, Handle: behind(read, p.everybody)},
		{Method: "GET", Path: "/console/people/new", Name: "console.people.new", Summary: "Where one makes an account for somebody.", Permission: write, Platform: true, Handle: behind(write, p.newPerson)},
		{Method: "POST", Path: "/console/people/new", Name: "console.people.new.post", Summary: "Makes an account.", Permission: write, Platform: true, Handle: behind(write, p.makePerson)},
		{Method: "GET", Path: "/console/courses", Name: "console.courses", Summary: "The courses of the tenant.", Permission: "courses:write", Handle: behind("courses:write", p.allCourses)},
	}
}

// personRow is somebody in the list of people.
type personRow struct {
	trellis.User
	Name  string
	Roles []string
}

type everybodyPage struct {
	bar
	Rows       []personRow
	Text       string
	States     []pickable
	May        bool
	Filtered   bool
	Next, Back string
}

func (p *Pages) everybody(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	in := learning.ListUsers{Page: learning.Page{After: q.Get("after"), Limit: 50}, Search: strings.TrimSpace(q.Get("q"))}
	if s := q.Get("state"); s == "on" || s == "off" {
		on := s == "on"
		in.Active = &on
	}
	v := viewOf("People")
	list, err := frame.Call[learning.List[trellis.User]](r, "users.list", in)
	status := http.StatusOK
	if err != nil {
		if v.Faults, err = faultOf(err, "q"); err != nil {
			return err
		}
		status = http.StatusBadRequest
	}
	d := everybodyPage{bar: navigate(r, "/console/people"), Text: q.Get("q"), May: frame.Can(r.Ctx, "users:write", hostapi.Scope{}),
		States: options(q.Get("state"), "", "All accounts", "on", "Accounts that work", "off", "Switched off"), Filtered: in.Search != "" || in.Active != nil}
	roles, err := p.rolesOf(r, "")
	if err != nil {
		return err
	}
	for _, u := range list.Items {
		d.Rows = append(d.Rows, personRow{u, called(u), roles[u.ID]})
	}
	if list.Next != "" {
		d.Next = with("/console/people", q, "after", list.Next)
	}
	if in.After != "" {
		d.Back = with("/console/people", q, "after", "")
	}
	v.Data = d
	v.Code = []frame.Code{{CLI: listing(in.Search), HTTP: "GET " + with("/api/v1/users", url.Values{}, "search", in.Search)}, {What: "Make an account", CLI: "trellis user create NAME", HTTP: "POST /api/v1/users"}}
	return r.ShowAs(status, "people", v)
}

// listing is the command that shows the people whom a search finds.
func listing(search string) string {
	if search == "" {
		return "trellis user list"
	}
	return "trellis user list -search " + frame.Shell(search)
}

// rolesOf returns the roles in words of everybody who has one, or of one person.
func (p *Pages) rolesOf(r *frame.Request, person string) (map[string][]string, error) {
	of := map[string][]string{}
	if !frame.Can(r.Ctx, "roles:read", hostapi.Scope{}) {
		return of, nil
	}
	all, _, err := everyPage(r.Ctx, 1000, func(_ context.Context, after string) ([]learning.RoleAssignment, string, error) {
		list, err := frame.Call[learning.List[learning.RoleAssignment]](r, "roles.list", learning.ListRoles{Page: learning.Page{After: after, Limit: 200}, Person: person})
		return list.Items, list.Next, err
	})
	for _, a := range all {
		of[a.Person] = append(of[a.Person], roleWords(a.Role, a.Organisation, a.Course))
	}
	return of, err
}

// roleWords says what a role is.
func roleWords(role, organisation, course string) string {
	text := map[string]string{trellis.RoleOperator: "Operator of the platform", trellis.RoleTenantAdmin: "Administrator", trellis.RoleStaff: "Staff", trellis.RoleLearner: "Learner"}[role]
	if text == "" {
		text = role
	}
	switch {
	case course != "":
		return text + " of " + course
	case organisation != "":
		return text + " of the organisation " + organisation
	case role == trellis.RoleOperator || role == trellis.RoleLearner:
		return text
	}
	return text + " of the school"
}

// newAccountPage is the form of a new account.
type newAccountPage struct {
	bar
	Username, Name, Email string
	Faults                map[string]string
	Note                  string
}

func (p *Pages) newPerson(r *frame.Request) error { return showNewPerson(r, http.StatusOK, nil) }

func showNewPerson(r *frame.Request, status int, faults []frame.Fault) error {
	d := newAccountPage{bar: navigate(r, "/console/people"), Username: r.Value("username"), Name: r.Value("name"), Email: r.Value("email"), Faults: map[string]string{}}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	v := viewOf("Make an account", frame.Link{Text: "People", Path: "/console/people"})
	v.Width, v.Data, v.Faults = "narrow", d, faults
	v.Code = []frame.Code{{CLI: "trellis user create NAME -email ADDRESS", HTTP: "POST /api/v1/users"}}
	return r.ShowAs(status, "person_new", v)
}

func (p *Pages) makePerson(r *frame.Request) error {
	in := map[string]string{"username": r.Value("username"), "name": r.Value("name"), "email": r.Value("email")}
	if password := r.Value("password"); password != "" {
		in["password"] = password
	}
	u, err := frame.Call[trellis.User](r, "users.create", in)
	if err != nil {
		faults, err := faultOf(err, fieldOf(err, "username", "password", "email", "name"))
		if err != nil {
			return err
		}
		return showNewPerson(r, http.StatusBadRequest, faults)
	}
	text := called(u) + " has an account now."
	if in["password"] == "" {
		text += " Nobody can sign in to it before it has a password."
	}
	return r.Done("/console/people/"+url.PathEscape(u.ID), frame.Notice{State: "ok", Text: text})
}

// fieldOf guesses which field an error is about: the first whose name it has, else
// the first of all.
func fieldOf(err error, fields ...string) string {
	for _, f := range fields {
		if strings.Contains(strings.ToLower(err.Error()), f) {
			return f
		}
	}
	return fields[0]
}

type coursesTable struct {
	bar
	Rows       []learning.Course
	Text       string
	Next, Back string
}

func (p *Pages) allCourses(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	v := viewOf("Courses")
	list, err := frame.Call[learning.List[learning.Course]](r, "courses.list", learning.ListCourses{Page: learning.Page{After: q.Get("after"), Limit: 50}, Search: strings.TrimSpace(q.Get("q"))})
	if err != nil {
		if v.Faults, err = faultOf(err, "q"); err != nil {
			return err
		}
	}
	d := coursesTable{bar: navigate(r, "/console/courses"), Rows: list.Items, Text: q.Get("q")}
	if list.Next != "" {
		d.Next = with("/console/courses", q, "after", list.Next)
	}
	if q.Get("after") != "" {
		d.Back = with("/console/courses", q, "after", "")
	}
	v.Data = d
	v.Code = []frame.Code{{CLI: "trellis course list", HTTP: "GET /api/v1/courses"}, {What: "Make a course", HTTP: "POST /api/v1/courses"}}
	return r.Show("courses", v)
}
