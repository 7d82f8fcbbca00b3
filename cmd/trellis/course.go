package main

import (
	"fmt"
	"io"

	"github.com/trellis-learning/trellis/internal/learning"
)

type enrollCmd struct {
	remote
	Person string `arg:"" help:"The person: an ID, or the name that she logs in with."`
	Course string `arg:"" help:"Key of the course."`
	Mode   string `help:"Track; audit if absent."`
}

func (c *enrollCmd) Run(e *env) error {
	person, username, err := named(e, c.remote, c.Person)
	if err != nil {
		return err
	}
	var out learning.Enrollment
	in := learning.EnrollSomebody{Enroll: learning.Enroll{Person: person, Course: c.Course, Mode: c.Mode}, Username: username}
	if err := c.do(e.ctx, "POST", "/api/v1/enrollments", nil, in, &out); err != nil {
		return err
	}
	e.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "Enrolled in %s (%s). Next: trellis events -course %s\n", out.Course, out.Mode, out.Course)
	})
	return nil
}

type unenrollCmd struct {
	remote
	Person string `arg:"" help:"The person: an ID, or the name that she logs in with."`
	Course string `arg:"" help:"Key of the course."`
}

func (c *unenrollCmd) Run(e *env) error {
	person, username, err := named(e, c.remote, c.Person)
	if err != nil {
		return err
	}
	var out learning.Enrollment
	if err := c.do(e.ctx, "DELETE", "/api/v1/enrollments/"+seg(c.Course), params("person", person, "username", username), nil, &out); err != nil {
		return err
	}
	e.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "The enrolment in %s has ended. Next: trellis events -course %s\n", out.Course, out.Course)
	})
	return nil
}

type courseCmd struct {
	List   courseListCmd   `cmd:"" default:"1" help:"Show the courses."`
	Create courseCreateCmd `cmd:"" help:"Make a course."`
}

type courseListCmd struct {
	remote
	After string `help:"Begin after this one: the value of next in the page before."`
}

func (c *courseListCmd) Run(e *env) error {
	var list learning.List[learning.Course]
	if err := c.do(e.ctx, "GET", "/api/v1/courses", params("after", c.After), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "There are no courses. Next: trellis course create KEY TITLE, or trellis import FILE")
		}
		for _, x := range list.Items {
			fmt.Fprintf(w, "%s\t%s\n", x.Key, x.Title)
		}
		more(w, "trellis course list", list.Next)
	})
	return nil
}

type courseCreateCmd struct {
	remote
	Key   string `arg:"" help:"Key of the course: course-v1:ORG+CODE+RUN. The organisation is made if it is new."`
	Title string `arg:"" help:"What it is called."`
}

func (c *courseCreateCmd) Run(e *env) error {
	var out learning.Course
	if err := c.do(e.ctx, "POST", "/api/v1/courses", nil, some("key", c.Key, "title", c.Title), &out); err != nil {
		return err
	}
	e.done(out, "%s: %s. Next: trellis enroll PERSON %s", out.Key, out.Title, out.Key)
	return nil
}

type gradeCmd struct {
	List gradeListCmd `cmd:"" default:"1" help:"Show grades."`
	Set  gradeSetCmd  `cmd:"" help:"Grade somebody."`
}

type gradeListCmd struct {
	remote
	Course string `help:"Only those in a course."`
	After  string `help:"Begin after this one: the value of next in the page before."`
}

func (c *gradeListCmd) Run(e *env) error {
	var list learning.List[learning.Grade]
	if err := c.do(e.ctx, "GET", "/api/v1/grades", params("course", c.Course, "after", c.After), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "Nobody is graded. Next: trellis grade set PERSON COURSE EARNED POSSIBLE")
		}
		for _, g := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%v of %v\n", g.Course, g.Person, g.Item, g.Earned, g.Possible)
		}
		more(w, "trellis grade list", list.Next)
	})
	return nil
}

type gradeSetCmd struct {
	remote
	Person   string  `arg:"" help:"The person: an ID, or the name that she logs in with."`
	Course   string  `arg:"" help:"Key of the course."`
	Earned   float64 `arg:"" help:"Points earned."`
	Possible float64 `arg:"" help:"Points possible."`
	Item     string  `help:"What was graded; the course as a whole if absent."`
	Passed   bool    `help:"It suffices."`
}

func (c *gradeSetCmd) Run(e *env) error {
	person, err := personID(e, c.remote, c.Person, c.Course)
	if err != nil {
		return err
	}
	var out learning.Grade
	in := learning.SetGrade{Person: person, Course: c.Course, Item: c.Item, Earned: c.Earned, Possible: c.Possible, Passed: c.Passed}
	if err := c.do(e.ctx, "PUT", "/api/v1/grades", nil, in, &out); err != nil {
		return err
	}
	e.done(out, "%v of %v in %s. Next: trellis grade list -course %s", out.Earned, out.Possible, out.Course, out.Course)
	return nil
}
