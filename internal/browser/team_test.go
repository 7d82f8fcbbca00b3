//go:build browser

package browser_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// policyBundle is a bundle that has a little of everything. From version 2 on it
// asks for more, and its filter traps.
func policyBundle(t *testing.T, version string) []byte {
	t.Helper()
	permissions := []string{"kv", "users:read", "enrollments:write", "pii:email", "http:api.example.org"}
	check := func(c *testkit.Code) { c.Log("looked at the date"); c.Trap() }
	if version > "2" {
		permissions = append(permissions, "courses:read")
	}
	return testkit.Bundle(t, map[string]any{
		"id": "acme.late-policy", "version": version, "abi": 1, "title": "Late submission policy", "description": "Refuses who enrols too late, and tells the team about it.",
		"permissions": permissions, "secrets": []any{map[string]any{"name": "key", "title": "Key of the mail service"}},
		"settings": map[string]any{"type": "object", "properties": map[string]any{
			"grace_days": map[string]any{"type": "integer", "title": "Grace days", "description": "How long after the start one may still come.", "default": 2, "minimum": 0, "maximum": 30},
			"mode":       map[string]any{"type": "string", "title": "What happens to who is late", "oneOf": []any{map[string]any{"const": "refuse", "title": "Is refused"}, map[string]any{"const": "warn", "title": "Is warned"}}, "default": "refuse"},
			"from":       map[string]any{"type": "string", "title": "From", "format": "date"},
			"mail":       map[string]any{"type": "object", "title": "Mail to the team", "properties": map[string]any{"on": map[string]any{"type": "boolean", "title": "Send a mail", "default": true}, "to": map[string]any{"type": "string", "title": "To", "format": "email"}}},
			"exempt":     map[string]any{"type": "array", "title": "People who are exempt", "items": map[string]any{"type": "string"}},
			"rules":      map[string]any{"type": "array", "title": "Rules", "items": map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"type": "string"}}}},
		}},
		"filters": []any{map[string]any{"on": learning.EnrollmentStarted.Name(), "call": "check"}},
		"events":  []any{map[string]any{"on": "org.openedx.learning.course.enrollment.created.v1", "call": "hear"}},
	}, testkit.Guest(map[string]func(*testkit.Code){"check": check, "hear": func(c *testkit.Code) { c.Answer("{}") }}))
}

// TestTeamPages looks at the pages of a course's extensions as people with all kinds
// of eyes do: empty, with an extension to review, with faults in the form, with one
// that runs and fails, and with a version that waits.
func TestTeamPages(t *testing.T) {
	const course, password = "course-v1:Demo+Logic+1", "trellis-test"
	p := testkit.Start(t, app.Config{Tenant: "demo"})
	ctx := p.Tenant(t, "demo")
	p.Course(t, ctx, course)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	staff, err := p.Learning.Register(ctx, learning.Register{Username: "sasha", Name: "Sasha Staff", Password: password})
	must(err)
	_, err = p.Learning.AssignRole(ctx, learning.Assign{Person: staff.ID, Role: trellis.RoleStaff, Course: course})
	must(err)
	tab := browser.Open(t)
	tab.Allow("status of 400", "favicon.ico") // a form that is shown again
	tab.Go(p.URL + "/t/demo/login")
	tab.Type("#field-username", "sasha")
	tab.Type("#field-password", password)
	tab.Leave(func() { tab.Click("=Sign in") })
	list := p.URL + "/t/demo/courses/" + url.PathEscape(course) + "/extensions"
	one := list + "/acme.late-policy"
	look := func(name, address string, prepare func(*browser.Tab)) {
		t.Run(name, func(t *testing.T) { browser.CheckEverywhere(t, tab.In(t), address, prepare) })
	}
	look("empty", list, nil)

	bundle := filepath.Join(t.TempDir(), "late.trellis")
	must(os.WriteFile(bundle, policyBundle(t, "1.0.0"), 0o600))
	tab.Go(list)
	tab.Upload("#field-bundle", bundle)
	tab.Click("=Upload")
	tab.Wait("h1", "Review")
	look("review", one+"/review", nil)
	look("review with faults", one+"/review", func(tab *browser.Tab) {
		tab.Type("#"+browser.Eval[string](tab, `document.querySelector("input[inputmode=numeric]").id`), "99")
		tab.Leave(func() { tab.Click("=Enable") })
		tab.Wait(".errors", "Grace days must be 0 to 30.")
	})
	at := extensions.Scope{Course: course}
	sasha := trellis.WithActor(context.Background(), trellis.Actor{Tenant: "demo", ID: staff.ID, Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: course}}})
	_, err = p.Registry.Enable(sasha, extensions.Enable{ID: "acme.late-policy", Course: course, Grants: []string{"kv"}})
	must(err)
	trace := trellis.NewTraceID()
	for range 5 {
		if _, err := p.Learning.Enroll(trellis.WithTrace(ctx, trellis.Trace{ID: trace}), learning.Enroll{Person: staff.ID, Course: course}); err == nil {
			t.Fatal("a filter that traps lets people through")
		}
	}
	_, err = p.Registry.Install(sasha, policyBundle(t, "2.0.0"), at)
	must(err)
	look("list", list, nil)
	look("extension", one, nil)
	look("consent", one+"/review", nil)
	look("settings", one+"/settings", nil)
	look("log", one+"/log", nil)
	look("trace", one+"/errors/"+trace, nil)
	look("remove", one+"/uninstall", nil)
	_, err = p.Registry.Consent(app.System(context.Background(), "demo"), "acme.late-policy", at, []string{"kv"})
	must(err)
	look("going back", one+"/rollback", nil)
	look("bundle with a fault", list+"/upload", func(tab *browser.Tab) {
		broken := filepath.Join(t.TempDir(), "no zip.trellis")
		must(os.WriteFile(broken, []byte("no zip"), 0o600))
		tab.Upload("#field-bundle", broken)
		tab.Click("=Upload")
		tab.Wait(".errors", "The bundle has a fault")
	})
}
