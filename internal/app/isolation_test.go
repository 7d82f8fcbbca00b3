package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestIsolation: an extension of one tenant is never called for another, and one
// of a course sees nothing of another course.
func TestIsolation(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	a, b := p.Tenant(t, "a"), p.Tenant(t, "b")
	here, there := "course-v1:A+Here+1", "course-v1:A+There+1"
	for _, ctx := range []context.Context{a, b} {
		p.Course(t, ctx, here)
		p.Course(t, ctx, there)
	}
	p.Install(t, a, policy(t, "acme.policy"), here, map[string]any{"closed_courses": []string{"*"}})
	p.Install(t, a, welcome(t, "trellis-demo.welcome-c"), here, nil)
	for _, tt := range []struct {
		ctx    context.Context
		course string
		want   trellis.Kind
	}{{a, here, trellis.Refused}, {a, there, ""}, {b, here, ""}, {b, there, ""}} {
		id, _ := p.Person(t, tt.ctx, "p"+strings.ToLower(trellis.NewTraceID()))
		_, err := p.Learning.Enroll(tt.ctx, learning.Enroll{Person: id, Course: tt.course})
		if got := trellis.KindOf(err); got != tt.want {
			t.Errorf("%s in %s: %q, want %q", tt.course, trellis.ActorFrom(tt.ctx).Tenant, got, tt.want)
		}
	}
	if _, err := p.Registry.Disable(a, "acme.policy", here); err != nil {
		t.Fatal(err)
	}
	for _, course := range []string{here, there} {
		id, _ := p.Person(t, a, "q"+strings.ToLower(trellis.NewTraceID()))
		if _, err := p.Learning.Enroll(a, learning.Enroll{Person: id, Course: course}); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "the welcome in the course", func() bool { return len(p.Events(t, a, "trellis-demo.welcome-c.greeted")) == 1 })
	if e := p.Events(t, a, "trellis-demo.welcome-c.greeted")[0]; e.Course != here {
		t.Errorf("welcomed in %s", e.Course)
	}
}

// TestForeignTenant goes through every route with a token of one tenant and
// another tenant's names: nothing is read and nothing changes.
func TestForeignTenant(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	a, b := p.Tenant(t, "a"), p.Tenant(t, "b")
	course := p.Course(t, b, "course-v1:B+Secret+1")
	person, _ := p.Person(t, b, "bea")
	_, token := p.Person(t, a, "ann", learning.Assign{Role: trellis.RoleTenantAdmin})
	if _, err := p.Learning.Enroll(b, learning.Enroll{Person: person, Course: course}); err != nil {
		t.Fatal(err)
	}
	p.Install(t, b, policy(t, "acme.policy"), "", nil)
	bearer, err := p.Learning.CreateToken(b, learning.CreateToken{Person: person, Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	// What a request to each operation names, of the other tenant.
	cases := map[string]string{
		"users.me": "", "users.get": person, "users.list": "", "users.create": `{"username":"new"}`, "users.update": `{"name":"X"}`, "users.set_password": `{"password":"12345678"}`,
		"roles.list": "", "roles.assign": `{"person":"` + person + `","role":"staff","course":"` + course + `"}`, "roles.remove": `{"person":"` + person + `","role":"staff"}`,
		"tokens.list": "", "tokens.create": `{"name":"t","person":"` + person + `"}`, "tokens.revoke": bearer.ID,
		"tenants.get": "", "tenants.list": "", "tenants.put": `{"title":"X"}`, "audit.list": "",
		"organisations.list": "", "organisations.put": `{"title":"X"}`, "courses.list": "", "courses.get": course, "courses.create": `{"key":"course-v1:B+New+1","title":"x"}`,
		"courses.update": `{"title":"X"}`, "enrollments.list": "", "enrollments.get": course, "enrollments.create": `{"course":"` + course + `","person":"` + person + `"}`,
		"enrollments.update": `{"person":"` + person + `","mode":"honor"}`, "enrollments.delete": `{"person":"` + person + `"}`,
		"grades.list": "", "grades.get": course, "grades.set": `{"course":"` + course + `","person":"` + person + `","earned":1,"possible":1}`,
		"completions.get": course, "completions.set": `{"course":"` + course + `","person":"` + person + `","block":"x","completion":1}`,
		"catalogue.list": "", "work.list": "", "work.get": "x", "work.cancel": "", "work.retry": "",
		"deliveries.list": "", "deliveries.get": "x", "deliveries.retry": "", "deliveries.discard": "x",
		"extensions.list": "", "extensions.get": "acme.policy", "extensions.enable": `{"grants":[]}`, "extensions.disable": "{}", "extensions.configure": `{"settings":{}}`,
		"extensions.approve": `{"course":"` + course + `"}`, "extensions.reject": `{"course":"` + course + `"}`, "extensions.consent": `{"grants":[]}`, "extensions.rollback": "{}",
		"extensions.uninstall": "", "extensions.set_secret": `{"value":"x"}`, "extensions.logs": "", "extensions.run": `{"name":"x"}`, "extensions.install": "",
		"keys.list": "", "keys.trust": `{"key":"x"}`, "keys.distrust": "", "traces.get": "x", "events.list": "",
		"imports.create": "", "exports.get": "", "stream.sse": "", "login": `{"username":"bea","password":"12345678"}`,
		"health": "", "ready": "", "metrics": "", "openapi": "",
	}
	before := fingerprint(t, p, b)
	for _, r := range p.Web.Routes() {
		body, ok := cases[r.Name]
		if !ok {
			t.Errorf("the route %s %s (%s) has no case here", r.Method, r.Path, r.Name)
			continue
		}
		if r.Stream || r.Public {
			continue // streams have their own test, and what is public says nothing of a tenant
		}
		path := r.Path
		for _, part := range strings.Split(r.Path, "/") {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				path = strings.Replace(path, part, argument(r.Name, name, person, course, bearer.ID), 1)
			}
		}
		if r.Limit == 0 || !strings.HasPrefix(body, "{") {
			body = ""
		}
		status, answer := p.Do(t, token, r.Method, path, body)
		if status < 400 && (strings.Contains(answer, person) || strings.Contains(answer, "Secret") || strings.Contains(answer, "Bea")) {
			t.Errorf("%s %s answered %d %s", r.Method, path, status, answer)
		}
	}
	for _, header := range []string{"b", "_"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", p.URL+"/api/v1/courses", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Trellis-Tenant", header)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 404 {
			t.Errorf("a token of a in tenant %s: %d", header, res.StatusCode)
		}
	}
	if status, body := p.Do(t, token, "GET", "/t/b/api/v1/courses", ""); status != 404 {
		t.Errorf("a token of a below /t/b: %d %s", status, body)
	}
	if after := fingerprint(t, p, b); after != before {
		t.Errorf("tenant b changed:\n before %s\n after  %s", before, after)
	}
}

func argument(route, name, person, course, token string) string {
	switch {
	case name == "course":
		return course
	case name == "key":
		return "B"
	case name == "id" && strings.HasPrefix(route, "users."):
		return person
	case name == "id" && strings.HasPrefix(route, "tokens."):
		return token
	case name == "id" && strings.HasPrefix(route, "extensions."):
		return "acme.policy"
	case name == "name":
		return "b"
	}
	return "x"
}

// fingerprint is everything that a tenant has, as far as others could change it.
func fingerprint(t *testing.T, p *testkit.Platform, ctx context.Context) string {
	t.Helper()
	tenant, _ := store.Tenant(ctx)
	var out strings.Builder
	err := p.DB.Read(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"people", "courses", "enrollments", "grades", "completions", "roles", "organisations", "installations", "enablements", "extension_kv", "jobs"} {
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+table+` WHERE tenant = ?`, tenant).Scan(&n); err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s=%d ", table, n)
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM tokens WHERE tenant = ? AND revoked = 0`, tenant).Scan(&n); err != nil {
			return err
		}
		fmt.Fprintf(&out, "tokens=%d events=%d", n, len(p.Events(t, ctx, "")))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
