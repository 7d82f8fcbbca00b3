package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestRunTask: a schedule or a job that is tried here may work as long as its
// manifest says, and as the environment lets it, and is told what it would be.
func TestRunTask(t *testing.T) {
	const rounds = 200_000_000 // more than 100 ms on any machine
	s := newShell(t)
	exports := map[string]func(*testkit.Code){
		"tidy":  func(c *testkit.Code) { c.Toil(rounds); c.Answer(`{}`) },
		"count": func(c *testkit.Code) { c.Echo() },
		"again": func(c *testkit.Code) { c.Answer(`{"agian":1}`) },
	}
	bundle := func(file, work string) {
		m := map[string]any{"id": "acme.tasks", "version": "1.0.0", "abi": 1, "title": "Tasks",
			"schedules": []any{map[string]any{"name": "nightly", "cron": "0 3 * * *", "call": "tidy"}},
			"jobs":      []any{map[string]any{"name": "counting", "call": "count"}, map[string]any{"name": "more", "call": "again"}}}
		if work != "" {
			m["limits"] = map[string]any{"work": work}
		}
		if err := os.WriteFile(filepath.Join(s.dir, file), testkit.Bundle(t, m, testkit.Guest(exports)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bundle("long.trellis", "5m")
	bundle("short.trellis", "")
	s.fails(1, "out of ", "ext", "run", "short.trellis")
	s.ok("ext", "run", "long.trellis")
	s.ok("ext", "run", "long.trellis", "-hook", "tidy")
	// It answers with what it was told, which is no answer of a job's.
	if r := s.run("", "ext", "run", "long.trellis", "-hook", "count", "-data", `{"n":7}`); !strings.Contains(r.errs, `"name":"counting"`) || !strings.Contains(r.errs, `"input":{"n":7}`) {
		t.Errorf("told %s", r.errs)
	}
	s.fails(1, "the platform would not take that", "ext", "run", "long.trellis", "-hook", "again")
	t.Setenv("TRELLIS_MODULES_WORK", "250ms")
	s.fails(1, "out of ", "ext", "run", "long.trellis")

	module := filepath.Join(s.dir, "main.wasm")
	if err := os.WriteFile(module, testkit.Guest(exports), 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(1, "out of ", "run", module, "tidy")
	s.ok("run", module, "tidy", "-work", "5m")
	s.fails(1, "-work: ", "run", module, "tidy", "-work", "1ms")
}
