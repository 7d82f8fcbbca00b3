package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestRunSlot: what an extension shows in a page and does there can be tried without
// a platform, which says what it would not take.
func TestRunSlot(t *testing.T) {
	s := newShell(t)
	says := func(answer string) func(*testkit.Code) { return func(c *testkit.Code) { c.Answer(answer) } }
	bundle := testkit.Bundle(t, map[string]any{"id": "acme.card", "version": "1.0.0", "abi": 1, "title": "Card", "slots": []any{
		map[string]any{"slot": "course.sidebar.v1", "call": "card", "actions": []string{"vote", "bad"}},
		map[string]any{"slot": "course.main.v1", "call": "broken"}}},
		testkit.Guest(map[string]func(*testkit.Code){"card": says(`{"kind":"text","text":"Hello"}`), "broken": says(`{"kind":"html"}`), "vote": says(`{"message":"Counted."}`), "bad": says(`{"redirect":"//x"}`)}))
	if err := os.WriteFile(filepath.Join(s.dir, "card.trellis"), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := s.ok("ext", "run", "card.trellis"), `{"kind":"text","text":"Hello"}`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := s.ok("ext", "run", "card.trellis", "-hook", "vote", "-data", `{"n":1}`), `{"message":"Counted."}`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.fails(1, "the platform would not take that", "ext", "run", "card.trellis", "-hook", "broken")
	s.fails(1, "redirect: must be a path within the tenant", "ext", "run", "card.trellis", "-hook", "bad")
}

// TestRunNotes: what is tried keeps notes and emits events as on a platform, where
// it was granted that and may write; what else it asks for is named.
func TestRunNotes(t *testing.T) {
	s := newShell(t)
	asks := func(operation, in string) func(*testkit.Code) {
		return func(c *testkit.Code) { c.Call(operation, in); c.Result() }
	}
	tries := []struct{ hook, operation, in, out, said string }{
		{"card", "kv.get", `{"key":"n"}`, `{"value":null,"version":0}`, ""},
		{"writes", "kv.set", `{"key":"n","value":1}`, "", "nothing is written within a filter, nor in what a page shows"},
		{"keep", "kv.set", `{"key":"n","value":{"a":1},"if_version":0}`, `{"version":1}`, `kept: n = {"a":1} (version 1)`},
		{"late", "kv.set", `{"key":"n","value":1,"if_version":3}`, "", "has version 0, not 3"},
		{"nothing", "kv.set", `{"key":"","value":1}`, "", "key: 1 to 256 bytes"},
		{"odd", "kv.get", `{"kee":"n"}`, "", "kee"},
		{"many", "kv.list", `{"prefix":"n"}`, `{"items":[]}`, ""},
		{"drop", "kv.delete", `{"key":"n"}`, `{}`, ""},
		{"tell", "events.emit", `{"type":"acme.notes.kept","data":{"n":1}}`, `{"id":`, `emitted: acme.notes.kept {"n":1}`},
		{"claim", "events.emit", `{"type":"acme.other.kept"}`, "", "their types begin with acme.notes."},
		{"people", "users.get", `{"person":"x"}`, "", "users.get was asked for: there is no platform here"},
	}
	exports := map[string]func(*testkit.Code){"both": func(c *testkit.Code) {
		c.Call("kv.set", `{"key":"n/1","value":1}`)
		c.Call("kv.set", `{"key":"n/2","value":2}`)
		c.Call("kv.set", `{"key":"n/1","value":3}`)
		c.Call("kv.list", `{"prefix":"n/","limit":1}`)
		c.Result()
	}}
	var schedules []any
	for _, tt := range tries {
		exports[tt.hook] = asks(tt.operation, tt.in)
		if tt.hook != "card" && tt.hook != "writes" {
			schedules = append(schedules, map[string]any{"name": tt.hook, "cron": "0 3 * * *", "call": tt.hook})
		}
	}
	manifest := map[string]any{"id": "acme.notes", "version": "1.0.0", "abi": 1, "title": "Notes", "permissions": []string{"kv", "events:emit"},
		"slots":     []any{map[string]any{"slot": "course.sidebar.v1", "call": "card"}, map[string]any{"slot": "course.main.v1", "call": "writes"}},
		"schedules": append(schedules, map[string]any{"name": "both", "cron": "0 3 * * *", "call": "both"})}
	s.write("notes.trellis", string(testkit.Bundle(t, manifest, testkit.Guest(exports))))
	for _, tt := range tries {
		r := s.run("", "ext", "run", "notes.trellis", "-hook", tt.hook)
		if tt.out != "" && !strings.Contains(r.out+r.errs, tt.out) || !strings.Contains(r.out+r.errs, tt.said) {
			t.Errorf("%s: %+v, want %q and %q", tt.hook, r, tt.out, tt.said)
		}
	}
	// A schedule that answers so is refused, but what it answered is told.
	s.fails(1, `both answered {"items":[{"key":"n/1","value":3,"version":2}],"next":"n/1"}`+"\n", "ext", "run", "notes.trellis", "-hook", "both")
	delete(manifest, "permissions")
	s.write("bare.trellis", string(testkit.Bundle(t, manifest, testkit.Guest(exports))))
	s.fails(1, "", "ext", "run", "bare.trellis")
	if r := s.run("", "ext", "run", "bare.trellis"); !strings.Contains(r.out+r.errs, "the manifest does not ask for the permission kv") {
		t.Errorf("without the permission: %+v", r)
	}
}
