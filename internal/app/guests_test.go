package app_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

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
