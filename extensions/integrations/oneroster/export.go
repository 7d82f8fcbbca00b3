package oneroster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// Export writes the tenant of ctx as a OneRoster 1.1 bulk archive: its people,
// courses, enrolments, course staff and grades. Importing it into the same tenant
// changes nothing. People whose accounts do not work, and what ended, are left
// out: a bulk file has no way to say so. Trellis has neither terms nor, in a tenant
// without courses, organisations; where the specification demands one there is one
// of ours.
func Export(ctx context.Context, core *learning.Learning, w io.Writer) error {
	out := NewWriter(w, WriterConfig{})
	x := &exporting{core: core, out: out, shown: map[string]bool{}, people: map[string]bool{}}
	for _, part := range []func(context.Context) error{x.orgs, x.terms, x.courses, x.classes, x.users, x.enrollments, x.grades} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return out.Close()
}

// What an archive has to have and Trellis has not.
const (
	theOrg    = "trellis-org"
	theTerm   = "trellis-term"
	thePeriod = "trellis-grading-period"
)

type exporting struct {
	core   *learning.Learning
	out    *Writer
	first  string            // an organisation: everybody belongs to one
	list   []learning.Course // those that are written
	shown  map[string]bool   // their keys
	people map[string]bool   // IDs of those who are written
}

func (x *exporting) orgs(ctx context.Context) error {
	if err := x.core.EachOrganisation(ctx, func(o learning.Organisation) error {
		if x.first == "" {
			x.first = o.Key
		}
		return x.out.Org(Org{Meta: Meta{SourcedID: o.Key}, Name: titled(o.Title, o.Key), Type: "school", Identifier: o.Key})
	}); err != nil || x.first != "" {
		return err
	}
	x.first = theOrg
	return x.out.Org(Org{Meta: Meta{SourcedID: theOrg}, Name: trellis.ActorFrom(ctx).Tenant, Type: "district", Identifier: theOrg})
}

func (x *exporting) terms(context.Context) error {
	term := AcademicSession{Meta: Meta{SourcedID: theTerm}, Title: "All terms", Type: "term", Start: "2000-01-01", End: "2099-12-31", SchoolYear: "2099"}
	if err := x.out.AcademicSession(term); err != nil {
		return err
	}
	term.SourcedID, term.Title, term.Type, term.Parent = thePeriod, "All grading periods", "gradingPeriod", theTerm
	return x.out.AcademicSession(term)
}

// courses finds the courses that have not been removed, and writes what they teach.
func (x *exporting) courses(ctx context.Context) error {
	return x.core.EachCourse(ctx, func(c learning.Course) error {
		if c.Hidden {
			return nil
		}
		x.list, x.shown[c.Key] = append(x.list, c), true
		return x.out.Course(Course{Meta: Meta{SourcedID: "course:" + c.Key}, Title: titled(c.Title, c.Key), Org: c.Organisation})
	})
}

func (x *exporting) classes(context.Context) error {
	for _, c := range x.list {
		key, err := trellis.ParseCourseKey(c.Key)
		if err != nil {
			return err
		}
		if err := x.out.Class(Class{
			Meta: Meta{SourcedID: c.Key}, Title: titled(c.Title, c.Key), Course: "course:" + c.Key, Code: key.Code, Type: "scheduled", School: c.Organisation, Terms: []string{theTerm},
		}); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporting) users(ctx context.Context) error {
	staff := map[string]bool{}
	if err := x.core.EachRole(ctx, func(r learning.RoleAssignment) error {
		if r.Role == trellis.RoleStaff {
			staff[r.Person] = true
		}
		return nil
	}); err != nil {
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
		x.people[p.ID] = true
		given, family := SplitName(p.PII.Name)
		return x.out.User(User{
			Meta: Meta{SourcedID: p.ID}, Enabled: true, Role: role, Orgs: []string{x.first}, Username: p.PII.Username, GivenName: given, FamilyName: family,
			Email: p.PII.Email,
		})
	})
}

func (x *exporting) enrollments(ctx context.Context) error {
	row := func(course, person, role string) error {
		if !x.people[person] || !x.shown[course] {
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
		if !x.shown[g.Course] || !x.people[g.Person] {
			return nil
		}
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
			GradingPeriod: thePeriod, Max: most[i],
		}); err != nil {
			return err
		}
	}
	return x.core.EachGrade(ctx, func(g learning.Grade) error {
		if !x.people[g.Person] || !x.shown[g.Course] {
			return nil
		}
		return x.out.Result(Result{
			Meta: Meta{SourcedID: "result:" + digest(g.Course, g.Item, g.Person)}, LineItem: "item:" + digest(g.Course, g.Item), Student: g.Person,
			ScoreStatus: "fully graded", Score: g.Earned, Scored: true, Date: g.Graded.Format("2006-01-02"),
		})
	})
}

// titled returns a title without spaces around it, which mean nothing in a file of
// CSV, or else the key.
func titled(title, key string) string { return cmp.Or(strings.TrimSpace(title), key) }

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(p + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
