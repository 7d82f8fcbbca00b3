package main

import (
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestLeftAlone: what is left alone is said to be so as long as it is.
func TestLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name        string
		left        time.Duration
		hook, whole string // how what is said begins
	}{
		{"still", time.Hour, "left alone until ", "Left alone until "},
		{"over", -time.Second, "failed 5 times in a row: trapped", "Was left alone, is tried again when it is asked next: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			until := time.Now().Add(tt.left)
			if got := standing(extensions.HookState{State: "open", Until: &until, Failures: 5, Reason: "trapped"}); !strings.HasPrefix(got, tt.hook) || !strings.HasSuffix(got, ": trapped") {
				t.Errorf("the hook: %s", got)
			}
			var out strings.Builder
			describe(&out, extensions.Extension{Resting: &extensions.Resting{Hooks: 2, On: "course.sidebar.v1", Failures: 5, Reason: "trapped", Until: until}})
			if got := out.String(); !strings.Contains(got, "\n"+tt.whole) || !strings.Contains(got, "course.sidebar.v1, which failed 5 times in a row: trapped (one of 2 that are left alone)\n") {
				t.Errorf("the extension: %s", got)
			}
		})
	}
	if got, want := countOf(999)+", "+countOf(1000), "999, 1,000 or more"; got != want {
		t.Errorf("errors: %s, want %s", got, want)
	}
}

// TestClash: whoever enables an extension reads at once that another one acts on the
// same part of a page, and whoever looks at it reads it, too.
func TestClash(t *testing.T) {
	s := demo(t)
	for _, name := range []string{"one", "two"} {
		s.write(name+".trellis", string(testkit.Bundle(t, map[string]any{"id": "acme." + name, "version": "1.0.0", "abi": 1, "title": name,
			"slots": []any{map[string]any{"slot": "course.sidebar.v1", "op": "replace", "target": "trellis-demo.welcome-c", "call": "card"}}},
			testkit.Guest(map[string]func(*testkit.Code){"card": func(c *testkit.Code) { c.Answer(`{"kind":"text","text":"Hello"}`) }}))))
		s.ok("ext", "install", name+".trellis")
	}
	const clash = "TAKE CARE (course.sidebar.v1): acme.one replaces (order 100), acme.two replaces (order 100) what trellis-demo.welcome-c shows"
	if out := s.ok("ext", "enable", "acme.one"); strings.Contains(out, "TAKE CARE") {
		t.Errorf("alone:\n%s", out)
	}
	for _, args := range [][]string{{"ext", "enable", "acme.two"}, {"ext", "show", "acme.one"}} {
		if out := s.ok(args...); !strings.Contains(out, clash) {
			t.Errorf("%s:\n%s", strings.Join(args, " "), out)
		}
	}
	if out := s.ok("ext", "show", "trellis-demo.enrollment-policy-c"); strings.Contains(out, "TAKE CARE") {
		t.Errorf("of another:\n%s", out)
	}
}
