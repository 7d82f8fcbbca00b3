package courses

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// peoplePages are those of who is in a course.
func (p *Pages) peoplePages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/courses/:course/people", Name: "course.people", Summary: "Who is enrolled in a course.", Permission: "enrollments:read", Handle: p.coursePeople},
		{Method: "POST", Path: "/courses/:course/people", Name: "course.people.act", Summary: "Enrols somebody in a course, or ends an enrolment.", Permission: "enrollments:write", Handle: p.coursePeopleAct},
	}
}

// coursePeoplePage is what the list of people shows.
type coursePeoplePage struct {
	Course         learning.Course
	Tabs           []frame.Link
	Seats          learning.Seats
	People         []learning.Member
	Search, More   string
	Later          bool // whether this is not the first page
	Write          bool // whether she may enrol others
	Username, Mode string
	Modes          []mode
}

func (p *Pages) coursePeople(r *frame.Request) error { return p.showPeople(r, http.StatusOK, nil) }

func (p *Pages) showPeople(r *frame.Request, status int, faults []frame.Fault) error {
	key, err := r.Param("course")
	if err != nil {
		return err
	}
	q, err := r.Query()
	if err != nil {
		return err
	}
	c, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	search := strings.TrimSpace(q.Get("q"))
	list, err := frame.Call[learning.List[learning.Member]](r, "courses.people", map[string]any{"course": key, "search": search, "after": q.Get("after")})
	if err != nil {
		return err
	}
	seats, err := frame.Call[learning.Seats](r, "courses.seats", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	data := coursePeoplePage{
		Course: c, Tabs: frame.CourseTabs(r, key), Seats: seats, People: list.Items, Search: search, More: frame.Next(search, "after", list.Next), Later: q.Has("after"),
		Write: frame.Can(r.Ctx, "enrollments:write", frame.InCourse(key)), Username: r.Value("username"), Mode: r.Value("mode"),
	}
	slices.SortStableFunc(data.People, func(a, b learning.Member) int { // as far as they stand on one page
		return strings.Compare(strings.ToLower(a.User.PII.Name), strings.ToLower(b.User.PII.Name))
	})
	modes := c.OpenModes
	if len(modes) == 0 {
		modes = []string{learning.DefaultMode}
	}
	for _, m := range modes {
		data.Modes = append(data.Modes, mode{m, frame.Track(m), m == data.Mode || data.Mode == "" && m == learning.DefaultMode})
	}
	return r.ShowAs(status, "people", frame.View{
		Title: "People", Nav: "/courses", Crumbs: []frame.Link{{Text: "My courses", Path: "/courses"}, {Text: c.Title, Path: "/courses/" + url.PathEscape(key)}}, Faults: faults, Data: data,
		Code: []frame.Code{{What: "Who is in the course, and who is to be.", CLI: "trellis enroll PERSON " + frame.Shell(key) + "\ntrellis unenroll PERSON " + frame.Shell(key),
			HTTP: "GET /api/v1/courses/" + key + "/people\nPOST /api/v1/enrollments {\"course\": \"" + key + "\", \"username\": \"USERNAME\"}\nDELETE /api/v1/enrollments/" + key + "?username=USERNAME"}},
	})
}

// peopleAct enrols somebody, by the name that she signs in with or by the ID, or
// ends an enrolment.
func (p *Pages) coursePeopleAct(r *frame.Request) error {
	key, err := r.Param("course")
	if err != nil {
		return err
	}
	c, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	name, person := strings.TrimSpace(r.Value("username")), r.Value("person")
	back := map[string]string{"person": person}
	var said string
	switch r.Value("do") {
	case "enrol":
		in := map[string]string{"course": key, "mode": r.Value("mode")}
		switch {
		case person != "":
			in["person"] = person
		case name == "":
			return p.showPeople(r, http.StatusBadRequest, []frame.Fault{{Field: "username", Text: "Say whom: the name that the person signs in with."}})
		default:
			in["username"] = name
		}
		e, failed := frame.Call[learning.Enrollment](r, "enrollments.create", in)
		back["do"], back["person"], err = "unenrol", e.Person, failed
		said = "In the course: " + frame.Isolated(p.nameIn(r, key, e.Person, name)) + ", on the track " + frame.Track(e.Mode) + "."
	case "unenrol":
		name = p.nameIn(r, key, person, "This person")
		e, failed := frame.Call[learning.Enrollment](r, "enrollments.delete", learning.Unenroll{Course: key, Person: person})
		back["do"], back["mode"], err = "enrol", e.Mode, failed
		said = "No longer in the course: " + frame.Isolated(name) + "."
	default:
		return trellis.Errorf(trellis.Invalid, "this form asks for nothing that can be done here: load the page again")
	}
	at := "/courses/" + url.PathEscape(key) + "/people"
	if err == nil {
		return r.Done(at, frame.Notice{State: "ok", Text: said, Undo: &frame.Undo{Action: at, Fields: back}})
	}
	if !frame.Can(r.Ctx, "enrollments:write", frame.InCourse(key)) {
		return err // the page is not hers either
	}
	n := r.Refused("Nothing has changed", err, key, c.Title)
	field := "username"
	switch {
	case n.To != "":
		return r.Done(n.To, frame.Notice{State: "warn", Text: n.Text})
	case r.Value("do") != "enrol":
		field = ""
	case trellis.KindOf(err) == trellis.NotFound && person == "":
		n.Text = "Nobody here signs in as " + frame.Isolated(name) + ". Names are those of the sign-in page; those who run the school make accounts."
	}
	return p.showPeople(r, n.Status, []frame.Fault{{Field: field, Text: n.Text}})
}

// nameIn is what somebody in a course is called, as far as it is to be seen.
func (p *Pages) nameIn(r *frame.Request, course, person, otherwise string) string {
	u, err := frame.Call[trellis.User](r, "users.get", learning.GetUser{ID: person, Course: course})
	switch {
	case err == nil && u.PII.Name != "":
		return u.PII.Name
	case err == nil && u.PII.Username != "":
		return u.PII.Username
	}
	return otherwise
}
