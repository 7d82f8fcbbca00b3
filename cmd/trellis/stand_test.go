package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestExtTestAsksAll: ext test asks all that the platform would, with nothing kept
// from one to the next, and starts a module of which nothing is asked.
func TestExtTestAsksAll(t *testing.T) {
	s := newShell(t)
	ok := func(c *testkit.Code) { c.Answer(`null`) }
	bad := func(c *testkit.Code) { c.Trap() }
	filter := func(call string) any {
		return map[string]any{"on": "org.openedx.learning.course.enrollment.started.v1", "call": call}
	}
	event := func(call string) any { return map[string]any{"on": "enrollment.created", "call": call} }
	slot := func(call string, actions ...string) any {
		return map[string]any{"slot": "course.sidebar.v1", "call": call, "actions": actions}
	}
	named := func(call string) any { return map[string]any{"name": call, "call": call} }
	nightly := func(call string) any { return map[string]any{"name": call, "call": call, "cron": "0 3 * * *"} }
	for _, tt := range []struct {
		name   string
		takes  map[string]any
		wanted bool // whether it fits together
	}{
		{"filter", map[string]any{"filters": []any{filter("bad")}}, false},
		{"event", map[string]any{"events": []any{event("ok"), event("bad")}}, false},
		{"card", map[string]any{"slots": []any{slot("bad")}}, false},
		{"second-card", map[string]any{"slots": []any{slot("ok"), slot("bad")}}, false},
		{"action", map[string]any{"slots": []any{slot("ok", "ok", "bad")}}, false},
		{"schedule", map[string]any{"schedules": []any{nightly("ok"), nightly("bad")}}, false},
		{"job", map[string]any{"jobs": []any{named("ok"), named("bad")}}, false},
		{"start", map[string]any{"slots": []any{map[string]any{"slot": "course.sidebar.v1", "op": "hide", "target": "default"}}}, false},
		{"fits", map[string]any{"filters": []any{filter("ok")}, "slots": []any{slot("ok", "ok")}, "jobs": []any{named("ok")}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			exports := map[string]func(*testkit.Code){"ok": ok, "bad": bad}
			if tt.name == "start" {
				delete(exports, "ok")
			}
			dir := filepath.Join(s.dir, tt.name)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			m := map[string]any{"id": "acme." + tt.name, "version": "1.0.0", "abi": 1, "title": "Asks"}
			for k, v := range tt.takes {
				m[k] = v
			}
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			s.write(filepath.Join(tt.name, "extension.json"), string(raw))
			s.write(filepath.Join(tt.name, "main.wasm"), string(testkit.Guest(exports)))
			if tt.wanted {
				s.ok("ext", "test", tt.name)
				return
			}
			s.fails(1, "hook bad: trapped: unreachable", "ext", "test", tt.name)
		})
	}
}
