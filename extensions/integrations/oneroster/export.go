package oneroster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// Export writes the tenant of ctx as a OneRoster 1.1 bulk archive: its people,
// courses, enrolments, course staff and grades. Importing it into the same tenant
// changes nothing. People whose accounts do not work, and what ended, are left
// out: a bulk file has no way to say so. Courses without a school year or terms
// get a term of their own.
func Export(ctx context.Context, core *learning.Learning, w io.Writer) error {
	out := NewWriter(w, WriterConfig{})
	x := &exporting{core: core, out: out, people: map[string]string{}}
	for _, part := range []func(context.Context) error{x.orgs, x.terms, x.courses, x.classes, x.users, x.enrollments, x.grades} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return out.Close()
}

const theTerm = "trellis-term"

type exporting struct {
	core   *learning.Learning
	out    *Writer
	first  string            // an organisation: everybody belongs to one
	people map[string]string // roles by ID, of those who are written
}

func (x *exporting) orgs(ctx context.Context) error {
	return x.core.EachOrganisation(ctx, func(o learning.Organisation) error {
		if x.first == "" {
			x.first = o.Key
		}
		return x.out.Org(Org{Meta: Meta{SourcedID: o.Key}, Name: o.Title, Type: "school", Identifier: o.Key})
	})
}

func (x *exporting) terms(context.Context) error {
	return x.out.AcademicSession(AcademicSession{
		Meta: Meta{SourcedID: theTerm}, Title: "All terms", Type: "term", Start: "2000-01-01", End: "2099-12-31", SchoolYear: "2099",
	})
}

func (x *exporting) courses(ctx context.Context) error {
	return x.each(ctx, func(c learning.Course) error {
		return x.out.Course(Course{Meta: Meta{SourcedID: "course:" + c.Key}, Title: c.Title, Org: c.Organisation})
	})
}

func (x *exporting) classes(ctx context.Context) error {
	return x.each(ctx, func(c learning.Course) error {
		key, err := trellis.ParseCourseKey(c.Key)
		if err != nil {
			return err
		}
		return x.out.Class(Class{
			Meta: Meta{SourcedID: c.Key}, Title: c.Title, Course: "course:" + c.Key, Code: key.Code, Type: "scheduled", School: c.Organisation, Terms: []string{theTerm},
		})
	})
}

// each calls fn with the courses that have not been removed.
func (x *exporting) each(ctx context.Context, fn func(learning.Course) error) error {
	return x.core.EachCourse(ctx, func(c learning.Course) error {
		if c.Hidden {
			return nil
		}
		return fn(c)
	})
}

func (x *exporting) users(ctx context.Context) error {
	staff := map[string]bool{}
	if err := x.core.EachRole(ctx, func(r learning.RoleAssignment) error {
		if r.Role == trellis.RoleStaff {
			staff[r.Person] = true
		}
		return nil
	}); err != nil || x.first == "" {
		return err
	}
	return x.core.EachPerson(ctx, func(p learning.Person) error {
		if !p.Active {
			return nil
		}
		role := "student"
		if staff[p.ID] {
			role = "teacher"
		}
		x.people[p.ID] = role
		name := p.PII.Name
		given, family := SplitName(name)
		return x.out.User(User{
			Meta: Meta{SourcedID: p.ID}, Enabled: true, Role: role, Orgs: []string{x.first}, Username: p.PII.Username, GivenName: given, FamilyName: family,
			Email: p.PII.Email,
		})
	})
}

func (x *exporting) enrollments(ctx context.Context) error {
	hidden := map[string]bool{}
	if err := x.core.EachCourse(ctx, func(c learning.Course) error {
		hidden[c.Key] = c.Hidden
		return nil
	}); err != nil {
		return err
	}
	row := func(course, person, role string) error {
		if x.people[person] == "" || hidden[course] {
			return nil
		}
		return x.out.Enrollment(Enrollment{
			Meta: Meta{SourcedID: role + ":" + digest(course, person)}, Class: course, School: trellis.OrganisationOf(course), User: person, Role: role,
		})
	}
	if err := x.core.EachEnrollment(ctx, func(e learning.Enrollment) error {
		if !e.Active {
			return nil
		}
		return row(e.Course, e.Person, "student")
	}); err != nil {
		return err
	}
	return x.core.EachRole(ctx, func(r learning.RoleAssignment) error {
		if r.Role != trellis.RoleStaff || r.Course == "" {
			return nil
		}
		return row(r.Course, r.Person, "teacher")
	})
}

// grades writes a line item for each course and item, and a result for each grade.
func (x *exporting) grades(ctx context.Context) error {
	type item struct{ course, name string }
	most := map[item]float64{}
	var order []item
	if err := x.core.EachGrade(ctx, func(g learning.Grade) error {
		i := item{g.Course, g.Item}
		if _, ok := most[i]; !ok {
			order = append(order, i)
		}
		most[i] = max(most[i], g.Possible)
		return nil
	}); err != nil || len(order) == 0 {
		return err
	}
	if err := x.out.Category(Category{Meta: Meta{SourcedID: "trellis-grades"}, Title: "Grades"}); err != nil {
		return err
	}
	for _, i := range order {
		title := i.name
		if title == "" {
			title = "Course"
		}
		if err := x.out.LineItem(LineItem{
			Meta: Meta{SourcedID: "item:" + digest(i.course, i.name)}, Title: title, Assigned: "2000-01-01", Due: "2099-12-31", Class: i.course, Category: "trellis-grades",
			GradingPeriod: theTerm, Max: most[i],
		}); err != nil {
			return err
		}
	}
	return x.core.EachGrade(ctx, func(g learning.Grade) error {
		if x.people[g.Person] == "" {
			return nil
		}
		return x.out.Result(Result{
			Meta: Meta{SourcedID: "result:" + digest(g.Course, g.Item, g.Person)}, LineItem: "item:" + digest(g.Course, g.Item), Student: g.Person,
			ScoreStatus: "fully graded", Score: g.Earned, Scored: true, Date: g.Graded.Format("2006-01-02"),
		})
	})
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(p + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
