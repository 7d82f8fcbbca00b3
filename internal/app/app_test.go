package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile-child" {
		os.Exit(runtime.CompileChild(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	if dir := os.Getenv("TRELLIS_TEST_LIFE"); dir != "" {
		life(dir)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const enrollment = "org.openedx.learning.course.enrollment."

func policy(t testing.TB, id string) []byte {
	return testkit.Bundle(t, map[string]any{
		"id": id, "version": "1.0.0", "abi": 1, "title": "Policy",
		"settings": map[string]any{"type": "object", "properties": map[string]any{
			"closed_courses": map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
			"upgrade_mode":   map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}},
			"message":        map[string]any{"type": "string"},
		}},
		"filters": []any{map[string]any{"on": enrollment + "started.v1", "call": "check"}},
	}, testkit.Module(t, "enrollment-policy"))
}

func welcome(t testing.TB, id string) []byte {
	return testkit.Bundle(t, map[string]any{
		"id": id, "version": "1.0.0", "abi": 1, "title": "Welcome", "permissions": []string{"kv", "users:read", "events:emit", "pii:name"},
		"events": []any{map[string]any{"on": enrollment + "created.v1", "call": "welcome"}},
	}, testkit.Module(t, "welcome"))
}

// TestMainJob: a filter decides, the accepted ones are heard of, and the filter is
// gone when it is switched off.
func TestMainJob(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	open, closed := p.Course(t, ctx, "course-v1:A+Open+1"), p.Course(t, ctx, "course-v1:A+Closed+1")
	person, token := p.Person(t, ctx, "ada")
	p.Install(t, ctx, policy(t, "acme.policy"), "", map[string]any{"closed_courses": []string{closed}, "upgrade_mode": map[string]string{"honor": "verified"}})
	p.Install(t, ctx, welcome(t, "trellis-demo.welcome-c"), "", nil)

	status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+closed+`"}`)
	if status != 403 || !strings.Contains(body, "Enrolment in "+closed+" is closed.") || !strings.Contains(body, `"extension":"acme.policy"`) {
		t.Errorf("refused with %d %s", status, body)
	}
	if status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+open+`","mode":"honor"}`); status != 201 || !strings.Contains(body, `"mode":"verified"`) {
		t.Errorf("enrolled with %d %s", status, body)
	}
	testkit.Eventually(t, "the subscriber's own event", func() bool { return len(p.Events(t, ctx, "trellis-demo.welcome-c.greeted")) == 1 })
	created := p.Events(t, ctx, enrollment+"created.v1")
	greeted := p.Events(t, ctx, "trellis-demo.welcome-c.greeted")[0]
	if len(created) != 1 || created[0].Person != person || greeted.Cause != created[0].ID || greeted.Hops != 1 || string(greeted.Data) != `{"named":true}` {
		t.Errorf("created %+v, greeted %+v", created, greeted)
	}
	if strings.Contains(string(created[0].Data), "Ada") {
		t.Errorf("a name is in the log: %s", created[0].Data)
	}
	if _, err := p.Registry.Disable(ctx, "acme.policy", ""); err != nil {
		t.Fatal(err)
	}
	if status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+closed+`"}`); status != 201 {
		t.Errorf("after the filter was switched off: %d %s", status, body)
	}
}

// TestEverythingTwice: a redelivery repeats no effect of ours.
func TestEverythingTwice(t *testing.T) {
	p := testkit.Start(t, app.Config{Twice: true})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	p.Install(t, ctx, welcome(t, "trellis-demo.welcome-c"), "", nil)
	const people = 20
	for i := range people {
		id, _ := p.Person(t, ctx, "person"+strconv.Itoa(i))
		if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: course}); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "every welcome", func() bool {
		return note(t, p, ctx, "welcomed") == strconv.Itoa(people) && len(p.Events(t, ctx, "trellis-demo.welcome-c.greeted")) >= people
	})
	if n := len(p.Events(t, ctx, "trellis-demo.welcome-c.greeted")); n != people {
		t.Errorf("%d welcomes, want %d", n, people)
	}
	testkit.Eventually(t, "no delivery that failed", func() bool { // those that met at the counter are tried again
		letters, err := p.Ledger.List(ctx, deliveryQuery())
		return err == nil && len(letters.Items) == 0
	})
}

// note returns what the only extension of a tenant keeps under a key.
func note(t *testing.T, p *testkit.Platform, ctx context.Context, key string) (value string) {
	t.Helper()
	tenant, _ := store.Tenant(ctx)
	err := p.DB.Read(ctx, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `SELECT value FROM extension_kv WHERE tenant = ? AND key = ?`, tenant, key).Scan(&value)
		if err != nil {
			value = ""
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestTwoNodes: a change takes effect on every node within a second, without
// restart, and each event reaches the followers of both, in order and once.
func TestTwoNodes(t *testing.T) {
	dir := t.TempDir()
	url := natsServer(t)
	one := testkit.Start(t, app.Config{Dir: dir, Node: "one", NATS: url})
	second, err := store.Open(t.Context(), store.Config{Path: dir + "/trellis.db"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	two := testkit.Start(t, app.Config{Dir: dir, Node: "two", DB: second, NATS: url})
	ctx := one.Tenant(t, "acme")
	closed := one.Course(t, ctx, "course-v1:A+Closed+1")
	one.Install(t, ctx, policy(t, "acme.policy"), "", map[string]any{"closed_courses": []string{closed}})

	refuses := func(p *testkit.Platform, name string) bool {
		id, _ := p.Person(t, ctx, name)
		_, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: closed})
		return trellis.KindOf(err) == trellis.Refused
	}
	began, n := time.Now(), 0
	testkit.Eventually(t, "the filter on the other node", func() bool { n++; return refuses(two, "a"+strconv.Itoa(n)) })
	if d := time.Since(began); d > time.Second {
		t.Errorf("the filter was on the other node after %v", d)
	}
	if _, err := two.Registry.Disable(ctx, "acme.policy", ""); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	testkit.Eventually(t, "the filter gone on the first node", func() bool { n++; return !refuses(one, "b"+strconv.Itoa(n)) })
	if d := time.Since(began); d > time.Second {
		t.Errorf("the filter was gone on the first node after %v", d)
	}
}

// TestStream: events are followed live, and a client that was cut off goes on
// where it was, with each event once.
func TestStream(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	other := p.Tenant(t, "other")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	_, token := p.Person(t, ctx, "admin", learning.Assign{Role: trellis.RoleTenantAdmin})
	p.Course(t, other, "course-v1:A+B+1")

	seen := map[string]int{}
	last := ""
	read := func(n int) {
		t.Helper()
		reqCtx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(reqCtx, "GET", p.URL+"/stream/sse?type=org.openedx.learning.*", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Last-Event-ID", last)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		lines := bufio.NewScanner(res.Body)
		for n > 0 && lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				last = value
			case "data":
				var e trellis.Event
				if err := json.Unmarshal([]byte(value), &e); err != nil {
					t.Fatal(err)
				}
				if e.Tenant != "acme" {
					t.Errorf("an event of %s", e.Tenant)
				}
				seen[e.ID]++
				n--
			}
		}
		if n > 0 {
			t.Fatalf("%d events were not streamed", n)
		}
	}
	last = "0"
	enrol := func(n int) {
		for i := range n {
			for _, c := range []context.Context{ctx, other} {
				id, _ := p.Person(t, c, "person"+strconv.Itoa(len(seen)*1000+i))
				if _, err := p.Learning.Enroll(c, learning.Enroll{Person: id, Course: course}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	enrol(5)
	read(5) // some of the registrations and enrolments
	enrol(5)
	read(16)
	for id, n := range seen {
		if n != 1 {
			t.Errorf("event %s came %d times", id, n)
		}
	}
}

// TestBrokenGuests: whatever a guest does harms no other call, and a filter that
// cannot decide lets nobody through.
func TestBrokenGuests(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	person, token := p.Person(t, ctx, "ada")
	names, err := os.ReadDir(testkit.Root(t) + "/runtime/testdata")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, f := range names {
		name, ok := strings.CutSuffix(f.Name(), ".wasm")
		if !ok || !slices.Contains([]string{"spin", "trap", "garbage", "grow", "big", "counter"}, name) {
			continue
		}
		module := testkit.Module(t, name)
		info, err := runtime.Check(module, runtime.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		tried++
		t.Run(name, func(t *testing.T) {
			id := "acme." + name
			p.Install(t, ctx, testkit.Bundle(t, map[string]any{
				"id": id, "version": "1.0.0", "abi": 1, "title": name,
				"filters": []any{map[string]any{"on": enrollment + "started.v1", "call": info.Hooks[0]}},
			}, module), "", nil)
			status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+course+`"}`)
			if status != 503 || strings.Contains(body, "wasm") {
				t.Errorf("%d %s", status, body)
			}
			lines, err := p.Registry.Logs(ctx, extensions.LogQuery{ID: id})
			if err != nil || len(lines.Items) == 0 {
				t.Errorf("nothing in the extension's log: %v", err)
			} else {
				t.Log(lines.Items[len(lines.Items)-1].Message)
			}
			if err := p.Registry.Uninstall(ctx, id, extensions.Scope{}); err != nil {
				t.Error(err)
			}
		})
	}
	if tried < 5 {
		t.Errorf("only %d guests were tried", tried)
	}
	if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: course}); err != nil {
		t.Errorf("after all of them: %v", err)
	}
}

// TestBreakerNeverOpensADoor: an extension that fails again and again is left
// alone, in the end suspended, and still lets nobody through.
func TestBreakerNeverOpensADoor(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	person, _ := p.Person(t, ctx, "ada")
	module := testkit.Module(t, "trap")
	info, err := runtime.Check(module, runtime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p.Install(t, ctx, testkit.Bundle(t, map[string]any{"id": "acme.trap", "version": "1.0.0", "abi": 1, "title": "Trap",
		"filters": []any{map[string]any{"on": enrollment + "started.v1", "call": info.Hooks[0]}}}, module), "", nil)
	for range 20 {
		_, err := p.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: course})
		if trellis.KindOf(err) != trellis.Unavailable {
			t.Fatalf("err = %v", err)
		}
	}
	_, err = p.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: course})
	if !strings.Contains(err.Error(), "left alone") {
		t.Errorf("the breaker is not open: %v", err)
	}
}

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

// TestEveryEventAndFilter provokes each live event and filter.
func TestEveryEventAndFilter(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	core := p.Learning
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	person, err := core.Register(ctx, learning.Register{Username: "ada", Password: "correct horse"})
	must(err)
	name := "Ada"
	_, err = core.UpdatePerson(ctx, learning.UpdatePerson{ID: person.ID, Name: &name})
	must(err)
	_, err = core.Login(trellis.WithActor(t.Context(), trellis.Actor{Tenant: "acme"}), learning.Login{Username: "ADA", Password: "correct horse"})
	must(err)
	for _, mode := range []string{"audit", "verified"} {
		_, err = core.Enroll(ctx, learning.Enroll{Person: person.ID, Course: course, Mode: mode})
		must(err)
	}
	_, err = core.Unenroll(ctx, learning.Unenroll{Person: person.ID, Course: course})
	must(err)
	_, err = core.SetGrade(ctx, learning.SetGrade{Person: person.ID, Course: course, Earned: 1, Possible: 2, Passed: true})
	must(err)
	_, err = core.SetGrade(ctx, learning.SetGrade{Person: person.ID, Course: course, Item: "quiz", Earned: 1, Possible: 2})
	must(err)
	_, err = core.SetCompletion(ctx, learning.SetCompletion{Person: person.ID, Course: course, Block: "b", Value: .5})
	must(err)
	role := learning.Assign{Person: person.ID, Role: trellis.RoleStaff, Course: course}
	_, err = core.AssignRole(ctx, role)
	must(err)
	_, err = core.RemoveRole(ctx, role)
	must(err)

	zip := func(version string, permissions ...string) []byte {
		return testkit.Bundle(t, map[string]any{"id": "acme.life", "version": version, "abi": 1, "title": "Life", "permissions": permissions,
			"events": []any{map[string]any{"on": enrollment + "changed.v1", "call": "welcome"}}}, testkit.Module(t, "welcome"))
	}
	_, err = p.Registry.Install(ctx, zip("1.0.0"), extensions.Scope{})
	must(err)
	_, err = p.Registry.Enable(ctx, extensions.Enable{ID: "acme.life", Grants: []string{}})
	must(err)
	x, err := p.Registry.Install(ctx, zip("1.1.0", "kv"), extensions.Scope{})
	must(err)
	if x.Pending != "1.1.0" || x.Version != "1.0.0" {
		t.Errorf("a version that asks for more does not wait: %+v", x)
	}
	x, err = p.Registry.Consent(ctx, "acme.life", extensions.Scope{}, []string{"kv"})
	must(err)
	if x.Version != "1.1.0" {
		t.Errorf("version %s after consent", x.Version)
	}
	x, err = p.Registry.Rollback(ctx, "acme.life", extensions.Scope{})
	must(err)
	if x.Version != "1.0.0" {
		t.Errorf("version %s after rollback", x.Version)
	}
	staff := trellis.WithActor(ctx, trellis.Actor{Tenant: "acme", ID: person.ID, Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: course}}})
	_, err = p.Registry.Install(staff, testkit.Bundle(t, map[string]any{"id": "ada.own", "version": "1.0.0", "abi": 1, "title": "Own", "permissions": []string{"pii:name"},
		"events": []any{map[string]any{"on": enrollment + "created.v1", "call": "welcome"}}}, testkit.Module(t, "welcome")), extensions.Scope{Course: course})
	must(err)
	own, err := p.Registry.Enable(staff, extensions.Enable{ID: "ada.own", Course: course, Grants: []string{"*"}})
	must(err)
	if own.Enabled[0].State != "waiting" {
		t.Errorf("course staff granted themselves names: %+v", own.Enabled)
	}
	if _, err := p.Registry.Approve(staff, "ada.own", course); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("course staff approved their own extension: %v", err)
	}
	own, err = p.Registry.Approve(ctx, "ada.own", course)
	must(err)
	if own.Enabled[0].State != "on" {
		t.Errorf("approved: %+v", own.Enabled)
	}
	_, err = p.Registry.Disable(ctx, "acme.life", "")
	must(err)
	must(p.Registry.Uninstall(ctx, "acme.life", extensions.Scope{}))

	happened := map[string]bool{"org.trellis.extension.suspended.v1": true} // TestSuspended provokes it
	for _, e := range p.Events(t, ctx, "") {
		happened[e.Type] = true
	}
	for _, e := range app.Known().Events {
		if !happened[e.Name] {
			t.Errorf("nothing provoked %s", e.Name)
		}
	}
	for _, f := range app.Known().Filters {
		asked, err := learningAsks(ctx, p, f.Name, course)
		if err != nil || !asked {
			t.Errorf("nobody asked %s: %v", f.Name, err)
		}
	}
}

var errUnknown = errors.New("no operation is known that asks it")
