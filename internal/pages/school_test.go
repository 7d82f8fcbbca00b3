package pages_test

import (
	"context"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// account makes somebody who can sign in, and returns the ID.
func account(t testing.TB, p *testkit.Platform, tenant, username string, roles ...learning.Assign) string {
	t.Helper()
	ctx := app.System(t.Context(), tenant)
	person, err := p.Learning.Register(ctx, learning.Register{Username: username, Name: username, Email: username + "@" + strings.ReplaceAll(tenant, "_", "platform") + ".example", Password: password})
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

func newSchool(t testing.TB) campus {
	t.Helper()
	p := testkit.Start(t, app.Config{})
	return campus{p, p.Tenant(t, "demo")}
}

// course makes a course and returns its key.
func (s campus) course(t testing.TB, code, title string, change func(*learning.CreateCourse)) string {
	t.Helper()
	in := learning.CreateCourse{Key: "course-v1:Demo+" + code + "+1", Title: title}
	if change != nil {
		change(&in)
	}
	if _, err := s.Learning.CreateCourse(s.ctx, in); err != nil {
		t.Fatal(err)
	}
	return in.Key
}

func (s campus) enrol(t testing.TB, person, course string) {
	t.Helper()
	if _, err := s.Learning.Enroll(s.ctx, learning.Enroll{Person: person, Course: course}); err != nil {
		t.Fatal(err)
	}
}

// enrolled reports whether somebody is in a course, and on which track.
func (s campus) enrolled(t testing.TB, person, course string) (bool, string) {
	t.Helper()
	e, err := s.Learning.Enrollment(s.ctx, course, person)
	if trellis.KindOf(err) == trellis.NotFound {
		return false, ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.Active, e.Mode
}

// filter installs an extension that answers each question about enrolments so.
func (s campus) filter(t testing.TB, on string, do func(*testkit.Code)) {
	t.Helper()
	s.Install(t, s.ctx, testkit.Bundle(t, map[string]any{"id": "acme.policy", "version": "1.0.0", "abi": 1, "title": "Late <b>policy</b>",
		"filters": []any{map[string]any{"on": on, "call": "check"}}}, testkit.Guest(map[string]func(*testkit.Code){"check": do})), "", nil)
}

// password is that of everybody whom a test makes.
const password = "trellis-test"

// campus is a platform with the tenant demo.
type campus struct {
	*testkit.Platform
	ctx context.Context
}
