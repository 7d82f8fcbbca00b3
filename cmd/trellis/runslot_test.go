package main

import (
	"os"
	"path/filepath"
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
