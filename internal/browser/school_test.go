//go:build browser

package browser_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

const (
	course   = "course-v1:Demo+Logic+2026"
	password = "a long password"
)

// school is a platform with one tenant, a course, and somebody in each role.
type school struct {
	*testkit.Platform
	t      *testing.T
	chrome *browser.Chrome
	ctx    context.Context   // in which the system acts in the tenant
	people map[string]string // IDs by username
}

func open(t *testing.T) *school {
	t.Helper()
	p := testkit.StartPages(t, app.Config{Tenant: "demo"})
	platform := app.System(t.Context(), trellis.PlatformTenant)
	s := &school{Platform: p, t: t, ctx: app.System(t.Context(), "demo"), people: map[string]string{}}
	if _, err := p.Learning.PutTenant(platform, learning.PutTenant{Name: "demo", Title: "Demo School", Open: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Learning.CreateCourse(s.ctx, learning.CreateCourse{Key: course, Title: "Logic 1: from arguments to proofs"}); err != nil {
		t.Fatal(err)
	}
	s.person(platform, "olivia", "Olivia Operator", learning.Assign{Role: trellis.RoleOperator})
	s.person(s.ctx, "ada", "Ada Admin", learning.Assign{Role: trellis.RoleTenantAdmin})
	s.person(s.ctx, "sam", "Sam Staff", learning.Assign{Role: trellis.RoleStaff, Course: course})
	s.person(s.ctx, "lena", "Lena Learner")
	s.chrome = browser.Start(t)
	return s
}

func (s *school) person(ctx context.Context, username, name string, roles ...learning.Assign) string {
	s.t.Helper()
	p, err := s.Learning.Register(ctx, learning.Register{Username: username, Name: name, Email: username + "@demo.example", Password: password})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range roles {
		r.Person = p.ID
		if _, err := s.Learning.AssignRole(ctx, r); err != nil {
			s.t.Fatal(err)
		}
	}
	s.people[username] = p.ID
	return p.ID
}

// enroll enrols somebody in the course.
func (s *school) enroll(username string) {
	s.t.Helper()
	if _, err := s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.people[username], Course: course}); err != nil {
		s.t.Fatal(err)
	}
}

// signIn opens a tab in which somebody is signed in, by the form.
func (s *school) signIn(t *testing.T, username string) *browser.Tab {
	t.Helper()
	tab := s.chrome.Open(t)
	tab.Origin(s.Content)
	tab.Go(s.URL + "/login")
	tab.Type("#field-username", username)
	tab.Type("#field-password", password)
	tab.Leave(func() { tab.Click("=Sign in") })
	return tab
}

// at returns the address of a page of the course.
func (s *school) at(rest string) string { return s.URL + "/courses/" + url.PathEscape(course) + rest }

// bundle writes a bundle to a file, and returns its name.
func bundle(t *testing.T, name string, manifest map[string]any, module []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, testkit.Bundle(t, manifest, module), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
