package app_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
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
	_, token := one.Person(t, ctx, "admin", learning.Assign{Role: trellis.RoleTenantAdmin})
	start := one.DB.Log().Head()
	streams := map[string]*testkit.Stream{"one": one.Follow(t, token, "", start), "two": two.Follow(t, token, "", start)}

	began, n := time.Now(), 0
	testkit.Eventually(t, "the filter on the other node", func() bool { n++; return refuses(two, "a"+strconv.Itoa(n)) })
	t.Logf("the filter was on the other node after %v", time.Since(began)) // within a second, unless the machine is busy
	if _, err := two.Registry.Disable(ctx, "acme.policy", ""); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	testkit.Eventually(t, "the filter gone on the first node", func() bool { n++; return !refuses(one, "b"+strconv.Itoa(n)) })
	t.Logf("the filter was gone on the first node after %v", time.Since(began))

	// Both nodes have written; the followers of both hear of all of it.
	var want []trellis.Event
	for _, e := range one.Events(t, ctx, "") {
		if e.Position > start {
			want = append(want, e)
		}
	}
	for node, s := range streams {
		for _, e := range want {
			if got := s.Next(t); got.ID != e.ID || got.Position != e.Position {
				t.Fatalf("node %s: event %s at %d, want %s at %d", node, got.ID, got.Position, e.ID, e.Position)
			}
		}
	}
}
