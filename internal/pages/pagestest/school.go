package pagestest

import (
	"context"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// Password is that of everybody whom a test makes.
const Password = "trellis-test"

// School is a platform with the tenant demo.
type School struct {
	*testkit.Platform
	Ctx context.Context // in which the system acts
}

// NewSchool starts a platform with the tenant demo, for the time of the test.
func NewSchool(t testing.TB) School {
	t.Helper()
	p := testkit.Start(t, app.Config{})
	return School{p, p.Tenant(t, "demo")}
}

// Account makes somebody who can sign in, and returns the ID.
func Account(t testing.TB, p *testkit.Platform, tenant, username string, roles ...learning.Assign) string {
	t.Helper()
	ctx := app.System(t.Context(), tenant)
	person, err := p.Learning.Register(ctx, learning.Register{Username: username, Name: username, Email: username + "@" + strings.ReplaceAll(tenant, "_", "platform") + ".example", Password: Password})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		r.Person = person.ID
		if _, err := p.Learning.AssignRole(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	return person.ID
}

// Course makes a course and returns its key.
func (s School) Course(t testing.TB, code, title string, change func(*learning.CreateCourse)) string {
	t.Helper()
	in := learning.CreateCourse{Key: "course-v1:Demo+" + code + "+1", Title: title}
	if change != nil {
		change(&in)
	}
	if _, err := s.Learning.CreateCourse(s.Ctx, in); err != nil {
		t.Fatal(err)
	}
	return in.Key
}

// Enrol puts somebody into a course.
func (s School) Enrol(t testing.TB, person, course string) {
	t.Helper()
	if _, err := s.Learning.Enroll(s.Ctx, learning.Enroll{Person: person, Course: course}); err != nil {
		t.Fatal(err)
	}
}

// Enrolled reports whether somebody is in a course, and on which track.
func (s School) Enrolled(t testing.TB, person, course string) (bool, string) {
	t.Helper()
	e, err := s.Learning.Enrollment(s.Ctx, course, person)
	if trellis.KindOf(err) == trellis.NotFound {
		return false, ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.Active, e.Mode
}

// Filter installs an extension that answers each question about enrolments so.
func (s School) Filter(t testing.TB, on string, do func(*testkit.Code)) {
	t.Helper()
	s.Install(t, s.Ctx, testkit.Bundle(t, map[string]any{"id": "acme.policy", "version": "1.0.0", "abi": 1, "title": "Late <b>policy</b>",
		"filters": []any{map[string]any{"on": on, "call": "check"}}}, testkit.Guest(map[string]func(*testkit.Code){"check": do})), "", nil)
}
