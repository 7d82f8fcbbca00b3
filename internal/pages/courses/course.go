package courses

import (
	"net/http"
	"strconv"
	"time"

	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// coursePage is what the page of a course shows.
type coursePage struct {
	standing
	Tabs []frame.Link // for those who teach it
}

func (p *Pages) course(r *frame.Request) error { return p.showCourse(r, http.StatusOK, nil) }

// courseAct joins or leaves the course, or does what an extension offers.
func (p *Pages) courseAct(r *frame.Request) error {
	key, err := r.Param("course")
	if err != nil {
		return err
	}
	if slots.Acts(r.Form.Values) {
		return p.showCourse(r, http.StatusOK, nil)
	}
	refusal, err := p.enrol(r, key)
	if refusal == nil {
		return err
	}
	return p.showCourse(r, refusal.Status, refusal)
}

// showCourse shows a course, with why it was not joined or left.
func (p *Pages) showCourse(r *frame.Request, status int, refusal *frame.Refusal) error {
	key, err := r.Param("course")
	if err != nil {
		return err
	}
	c, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	e, err := p.enrollment(r, key)
	if err != nil {
		return err
	}
	data := coursePage{standing: p.stand(r, c, e), Tabs: frame.CourseTabs(r, key)}
	v := frame.View{
		Title: c.Title, Nav: "/courses", Crumbs: []frame.Link{{Text: "My courses", Path: "/courses"}}, Width: "wide",
		Code: []frame.Code{{What: "The course, and joining it.", CLI: "trellis enroll PERSON " + frame.Shell(key), HTTP: "GET /api/v1/courses/" + key + "\nPOST /api/v1/enrollments {\"course\": \"" + key + "\"}"}},
	}
	if data.Refusal = refusal; refusal != nil {
		v.Faults = []frame.Fault{{Field: "course-0", Text: refusal.Text}}
	}
	v.Data = data
	about := aboutCourse(c)
	return r.ShowSlotsAs(status, "course", key, []slots.Want{{Slot: "course.main.v1"}, {Slot: "course.about.v1", Default: &about}, {Slot: "course.sidebar.v1"}}, v)
}

// aboutCourse is what a course page says of the course unless an extension says
// it better.
func aboutCourse(c learning.Course) tree.Node {
	var items []tree.Node
	fact := func(name, value string) {
		items = append(items, tree.Node{Kind: tree.Text, Runs: []tree.Run{{Text: name + ": "}, {Text: value, Style: "strong"}}})
	}
	for _, d := range []struct {
		name string
		at   *time.Time
	}{{"Starts", c.Start}, {"Ends", c.End}, {"Enrolment opens", c.EnrollmentStart}, {"Enrolment closes", c.EnrollmentEnd}} {
		if d.at != nil {
			fact(d.name, moment(*d.at))
		}
	}
	pace := "set by those who teach it"
	if c.Pacing == "self" {
		pace = "your own"
	}
	fact("Pace", pace)
	if c.Seats > 0 {
		fact("Seats", strconv.Itoa(c.Seats))
	}
	fact("Organisation", c.Organisation)
	return tree.Node{Kind: tree.Card, Title: "About this course", Children: []tree.Node{{Kind: tree.List, Items: items}}}
}
