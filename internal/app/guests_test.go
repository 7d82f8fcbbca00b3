package app_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestBrokenGuests: whatever a guest does, a filter that cannot decide lets nobody
// through; the answer says whose filter it was, the extension's log says what was
// wrong with it, and calls of another tenant's filter go on as if nothing were.
func TestBrokenGuests(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx, other := p.Tenant(t, "acme"), p.Tenant(t, "other")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	_, token := p.Person(t, ctx, "ada")
	healthy := p.Course(t, other, course)
	p.Install(t, other, policy(t, "acme.policy"), "", nil)

	stop, stopped := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	calls.Go(func() {
		n := 0
		for ; stop.Err() == nil; n++ {
			person, err := p.Learning.Register(other, learning.Register{Username: fmt.Sprint("healthy", n)})
			if err == nil {
				_, err = p.Learning.Enroll(other, learning.Enroll{Person: person.ID, Course: healthy})
			}
			if err != nil {
				t.Errorf("a call of another tenant: %v", err)
				return
			}
		}
		t.Logf("%d enrolments of another tenant meanwhile", n)
	})
	for _, tt := range []struct{ module, hook, log string }{
		{"trap", "unreachable", "trapped"},
		{"trap", "bounds", "trapped"},
		{"trap", "divide", "trapped"},
		{"trap", "table", "trapped"},
		{"spin", "recurse", " at deeper"},
		{"grow", "all", "memory"},
		{"garbage", "huge", "answer"},
		{"garbage", "outside", "answer"},
		{"garbage", "wrap", "answer"},
		{"garbage", "error_huge", "answer"},
		{"counter", "count", "cannot be a JSON number"},
	} {
		t.Run(tt.module+" "+tt.hook, func(t *testing.T) {
			id := "acme.broken"
			p.Install(t, ctx, testkit.Bundle(t, map[string]any{
				"id": id, "version": "1.0.0", "abi": 1, "title": tt.module,
				"filters": []any{map[string]any{"on": enrollment + "started.v1", "call": tt.hook}},
			}, testkit.Module(t, tt.module)), "", nil)
			status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+course+`"}`)
			if status != 503 || !strings.Contains(body, `"extension":"acme.broken"`) || strings.Contains(body, "wasm") {
				t.Errorf("%d %s", status, body)
			}
			lines, err := p.Registry.Logs(ctx, extensions.LogQuery{ID: id})
			said := ""
			for _, l := range lines.Items {
				said += l.Message + "\n"
			}
			if err != nil || !strings.Contains(said, tt.log) {
				t.Errorf("the log says %q (%v), want %q", said, err, tt.log)
			}
			if err := p.Registry.Uninstall(ctx, id, extensions.Scope{}); err != nil {
				t.Error(err)
			}
		})
	}
	stopped()
	calls.Wait()
	if status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+course+`"}`); status != 201 {
		t.Errorf("after all of them: %d %s", status, body)
	}
}

// TestSpinningGuests: a filter that computes without end is ended, by its fuel or by
// the clock, whichever comes first, and its log says by which.
func TestSpinningGuests(t *testing.T) {
	for _, tt := range []struct {
		name string
		fuel uint64 // a second's
		log  string
	}{
		{"little fuel", 1_000_000, "out of fuel: used the 40000 units"}, // worth four fifths of its 50 ms
		{"much fuel", 1 << 50, "out of time: 50ms is over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testkit.Start(t, app.Config{Fuel: tt.fuel, Filters: 250 * time.Millisecond})
			ctx := p.Tenant(t, "acme")
			course := p.Course(t, ctx, "course-v1:A+B+1")
			_, token := p.Person(t, ctx, "ada")
			p.Install(t, ctx, testkit.Bundle(t, map[string]any{
				"id": "acme.broken", "version": "1.0.0", "abi": 1, "title": "Spin",
				"filters": []any{map[string]any{"on": enrollment + "started.v1", "call": "spin"}},
			}, testkit.Module(t, "spin")), "", nil)
			status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+course+`"}`)
			if status != 503 || !strings.Contains(body, `"extension":"acme.broken"`) {
				t.Errorf("%d %s", status, body)
			}
			lines, err := p.Registry.Logs(ctx, extensions.LogQuery{ID: "acme.broken"})
			if err != nil || len(lines.Items) != 1 || !strings.Contains(lines.Items[0].Message, tt.log) {
				t.Errorf("the log says %+v (%v), want %q", lines.Items, err, tt.log)
			}
		})
	}
}

// TestForbiddenCalls: what a filter tries beyond its rights is refused to it, and
// operators find in the audit log that it tried.
func TestForbiddenCalls(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	person, token := p.Person(t, ctx, "ada")
	_, admin := p.Person(t, ctx, "admin", learning.Assign{Role: trellis.RoleTenantAdmin})
	for i, tt := range []struct{ operation, in, kind string }{
		{"users.get", `{"id":"` + person + `"}`, "denied"}, // was not granted
		{"kv.set", `{"key":"x","value":1}`, "denied"},      // was granted, and this is a filter
		{"events.emit", `{"type":"` + enrollment + `created.v1","data":{}}`, "denied"},
		{"no.such", `{}`, "not_found"},
	} {
		t.Run(tt.operation, func(t *testing.T) {
			id := "acme.forbidden" + string(rune('a'+i))
			p.Install(t, ctx, testkit.Bundle(t, map[string]any{
				"id": id, "version": "1.0.0", "abi": 1, "title": "Forbidden", "permissions": []string{"kv", "events:emit"},
				"filters": []any{map[string]any{"on": enrollment + "started.v1", "call": "check"}},
			}, testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) {
				c.Call(tt.operation, tt.in)
				c.Answer("{}")
			}})), "", nil)
			if status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+course+`"}`); status >= 300 {
				t.Errorf("the guest minded its own business, and yet: %d %s", status, body)
			}
			if _, body := p.Do(t, admin, "GET", "/api/v1/audit?outcome=denied&operation="+tt.operation, ""); !strings.Contains(body, `"operation":"`+tt.operation+`"`) {
				t.Errorf("the audit log does not know that it tried %s: %s", tt.operation, body)
			}
			if status, body := p.Do(t, token, "DELETE", "/api/v1/enrollments/"+course, ""); status != 200 {
				t.Errorf("%d %s", status, body)
			}
			if err := p.Registry.Uninstall(ctx, id, extensions.Scope{}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, e := range p.Events(t, ctx, enrollment+"created.v1") {
		if strings.HasPrefix(e.Source, "extension:") {
			t.Errorf("an extension has emitted %+v", e)
		}
	}
}

// TestBreakerNeverOpensADoor: an extension that fails again and again is left
// alone, in the end suspended, and still lets nobody through.
func TestBreakerNeverOpensADoor(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	person, _ := p.Person(t, ctx, "ada")
	p.Install(t, ctx, testkit.Bundle(t, map[string]any{"id": "acme.trap", "version": "1.0.0", "abi": 1, "title": "Trap",
		"filters": []any{map[string]any{"on": enrollment + "started.v1", "call": "unreachable"}}}, testkit.Module(t, "trap")), "", nil)
	testkit.Eventually(t, "the breaker to be open", func() bool {
		_, err := p.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: course})
		if trellis.KindOf(err) != trellis.Unavailable {
			t.Fatalf("err = %v", err)
		}
		return strings.Contains(err.Error(), "left alone")
	})
	// And while it is, as before.
	if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: course}); trellis.KindOf(err) != trellis.Unavailable {
		t.Errorf("err = %v", err)
	}
}
