//go:build browser

package browser_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

const demoCourse = app.DemoCourse

// school is the demo as browsers find it, with somebody in each role: the demo's
// operator, staff and learner, and ada, who runs the tenant.
type school struct {
	*testkit.Platform
	t      *testing.T
	chrome *browser.Chrome
	ctx    context.Context // in which the system acts in the tenant
	demo   app.Demo
	facts  facts
}

func open(t *testing.T) *school {
	t.Helper()
	p := testkit.StartPages(t, app.Config{Tenant: app.DemoTenant, Slots: 10 * time.Second})
	demo, err := p.SeedDemo(t.Context(), app.Demo{})
	if err != nil {
		t.Fatal(err)
	}
	s := &school{Platform: p, t: t, ctx: app.System(t.Context(), app.DemoTenant), demo: demo}
	s.person("ada", "Ada Admin", learning.Assign{Role: trellis.RoleTenantAdmin})
	s.chrome = browser.Start(t)
	return s
}

// person makes somebody in the demo's tenant, and returns the ID.
func (s *school) person(username, name string, roles ...learning.Assign) string {
	s.t.Helper()
	p, err := s.Learning.Register(s.ctx, learning.Register{Username: username, Name: name, Email: username + "@demo.example", Password: app.DemoPassword})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range roles {
		r.Person = p.ID
		if _, err := s.Learning.AssignRole(s.ctx, r); err != nil {
			s.t.Fatal(err)
		}
	}
	return p.ID
}

// signIn opens a tab in which somebody is signed in, by the form.
func (s *school) signIn(t *testing.T, username string) *browser.Tab {
	t.Helper()
	tab := s.chrome.Open(t)
	tab.Origin(s.ContentURL)
	tab.Go(s.URL + "/login")
	tab.Type("#field-username", username)
	tab.Type("#field-password", app.DemoPassword)
	tab.Leave(func() { tab.Click("=Sign in") })
	return tab
}

// in returns the path of a page of the demo's course.
func in(rest string) string { return "/courses/" + url.PathEscape(demoCourse) + rest }

// packed writes a bundle to a file, and returns its name.
func packed(t *testing.T, name string, manifest map[string]any, module []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, testkit.Bundle(t, manifest, module), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
