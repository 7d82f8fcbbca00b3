package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// peoplePages are those of who is in a course.
func (p *Pages) peoplePages() []page {
	return []page{
		{method: "GET", path: "/courses/:course/people", name: "course.people", summary: "Who is enrolled in a course.", permission: "enrollments:read", handle: p.coursePeople},
		{method: "POST", path: "/courses/:course/people", name: "course.people.act", summary: "Enrols somebody in a course, or ends an enrolment.", permission: "enrollments:write", handle: p.coursePeopleAct},
	}
}

// coursePeoplePage is what the list of people shows.
type coursePeoplePage struct {
	Course         learning.Course
	Tabs           []link
	Seats          learning.Seats
	People         []learning.Member
	Search, More   string
	Later          bool // whether this is not the first page
	Write          bool // whether she may enrol others
	Username, Mode string
	Modes          []mode
}

func (p *Pages) coursePeople(r *request) error { return p.showPeople(r, http.StatusOK, nil) }

func (p *Pages) showPeople(r *request, status int, faults []fault) error {
	key, err := r.param("course")
	if err != nil {
		return err
	}
	q, err := r.query()
	if err != nil {
		return err
	}
	c, err := call[learning.Course](r, "courses.get", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	search := strings.TrimSpace(q.Get("q"))
	list, err := call[learning.List[learning.Member]](r, "courses.people", map[string]any{"course": key, "search": search, "after": q.Get("after")})
	if err != nil {
		return err
	}
	seats, err := call[learning.Seats](r, "courses.seats", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	data := coursePeoplePage{
		Course: c, Tabs: courseTabs(r, key), Seats: seats, People: list.Items, Search: search, More: next(search, "after", list.Next), Later: q.Has("after"),
		Write: can(r.ctx, "enrollments:write", inCourse(key)), Username: r.value("username"), Mode: r.value("mode"),
	}
	slices.SortStableFunc(data.People, func(a, b learning.Member) int { // as far as they stand on one page
		return strings.Compare(strings.ToLower(a.User.PII.Name), strings.ToLower(b.User.PII.Name))
	})
	modes := c.OpenModes
	if len(modes) == 0 {
		modes = []string{learning.DefaultMode}
	}
	for _, m := range modes {
		data.Modes = append(data.Modes, mode{m, track(m), m == data.Mode || data.Mode == "" && m == learning.DefaultMode})
	}
	return r.showAs(status, "people", view{
		Title: "People", Nav: "/courses", Crumbs: []link{{"My courses", "/courses"}, {c.Title, "/courses/" + url.PathEscape(key)}}, Faults: faults, Data: data,
		Code: []code{{"Who is in the course, and who is to be.", "trellis enroll PERSON " + shell(key) + "\ntrellis unenroll PERSON " + shell(key),
			"GET /api/v1/courses/" + key + "/people\nPOST /api/v1/enrollments {\"course\": \"" + key + "\", \"username\": \"USERNAME\"}\nDELETE /api/v1/enrollments/" + key + "?username=USERNAME"}},
	})
}

// peopleAct enrols somebody, by the name that she signs in with or by the ID, or
// ends an enrolment.
func (p *Pages) coursePeopleAct(r *request) error {
	key, err := r.param("course")
	if err != nil {
		return err
	}
	c, err := call[learning.Course](r, "courses.get", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	name, person := strings.TrimSpace(r.value("username")), r.value("person")
	back := map[string]string{"person": person}
	var said string
	switch r.value("do") {
	case "enrol":
		in := map[string]string{"course": key, "mode": r.value("mode")}
		switch {
		case person != "":
			in["person"] = person
		case name == "":
			return p.showPeople(r, http.StatusBadRequest, []fault{{"username", "Say whom: the name that the person signs in with."}})
		default:
			in["username"] = name
		}
		e, failed := call[learning.Enrollment](r, "enrollments.create", in)
		back["do"], back["person"], err = "unenrol", e.Person, failed
		said = "In the course: " + isolated(p.nameIn(r, key, e.Person, name)) + ", on the track " + track(e.Mode) + "."
	case "unenrol":
		name = p.nameIn(r, key, person, "This person")
		e, failed := call[learning.Enrollment](r, "enrollments.delete", learning.Unenroll{Course: key, Person: person})
		back["do"], back["mode"], err = "enrol", e.Mode, failed
		said = "No longer in the course: " + isolated(name) + "."
	default:
		return trellis.Errorf(trellis.Invalid, "this form asks for nothing that can be done here: load the page again")
	}
	at := "/courses/" + url.PathEscape(key) + "/people"
	if err == nil {
		return r.done(at, notice{State: "ok", Text: said, Undo: &undo{Action: at, Fields: back}})
	}
	if !can(r.ctx, "enrollments:write", inCourse(key)) {
		return err // the page is not hers either
	}
	n := r.refused("Nothing has changed", err, key, c.Title)
	field := "username"
	switch {
	case n.To != "":
		return r.done(n.To, notice{State: "warn", Text: n.Text})
	case r.value("do") != "enrol":
		field = ""
	case trellis.KindOf(err) == trellis.NotFound && person == "":
		n.Text = "Nobody here signs in as " + isolated(name) + ". Names are those of the sign-in page; those who run the school make accounts."
	}
	return p.showPeople(r, n.Status, []fault{{field, n.Text}})
}

// nameIn is what somebody in a course is called, as far as it is to be seen.
func (p *Pages) nameIn(r *request, course, person, otherwise string) string {
	u, err := call[trellis.User](r, "users.get", learning.GetUser{ID: person, Course: course})
	switch {
	case err == nil && u.PII.Name != "":
		return u.PII.Name
	case err == nil && u.PII.Username != "":
		return u.PII.Username
	}
	return otherwise
}
