package pages

import (
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

// coursePages are those of learners.
func coursePages() []page {
	return []page{
		{method: "GET", path: "/courses", name: "courses", summary: "The courses of whoever is signed in, and those to join.", permission: "courses:read", handle: (*Pages).courses},
		{method: "GET", path: "/courses/:course", name: "course", summary: "A course.", permission: "courses:read", handle: (*Pages).course},
		{method: "POST", path: "/courses/:course", name: "course.act", summary: "What extensions offer on the page of a course.", permission: "courses:read", handle: (*Pages).course},
	}
}

// coursesPage is what the list of courses shows.
type coursesPage struct{ Courses []learning.Course }

func (p *Pages) courses(r *request) error {
	list, err := call[learning.List[learning.Course]](r.ctx, p, "courses.list", struct{}{})
	if err != nil {
		return err
	}
	return r.show("courses", view{Title: "Courses", Nav: "/courses", Data: coursesPage{list.Items}})
}

// coursePage is what the page of a course shows.
type coursePage struct {
	Course learning.Course
	Team   bool // whether she may see the course's extensions
}

func (p *Pages) course(r *request) error {
	key, err := r.param("course")
	if err != nil {
		return err
	}
	course, err := call[learning.Course](r.ctx, p, "courses.get", learning.ByCourse{Course: key})
	if err != nil {
		return err
	}
	return r.showSlots("course", key, []slots.Want{{Slot: "course.main.v1"}, {Slot: "course.sidebar.v1"}}, view{
		Title: course.Title, Nav: "/courses", Crumbs: []link{{"Courses", "/courses"}}, Width: "wide",
		Data: coursePage{course, can(r.ctx, "extensions:read", inCourse(key))},
	})
}

func inCourse(key string) hostapi.Scope {
	return hostapi.Scope{Organisation: trellis.OrganisationOf(key), Course: key}
}
