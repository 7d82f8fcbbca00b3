package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// TestBeyond: who exceeds a limit of calls reads which, and what to do.
func TestBeyond(t *testing.T) {
	file := t.TempDir() + "/main.wasm"
	module := testkit.Guest(map[string]func(*testkit.Code){
		"spin":  func(c *testkit.Code) { c.Spin() },
		"flood": func(c *testkit.Code) { c.Claim(2 << 20) },
		"ask": func(c *testkit.Code) {
			for range 120 {
				c.Call("config.get", "{}")
			}
		},
		"fail": func(c *testkit.Code) { c.Fail(`{"kind":"invalid","message":"no such shelf"}`) },
	})
	if err := os.WriteFile(file, module, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ hook, says, next string }{
		{"spin", "out of ", "limits.work"},
		{"flood", "2097152 bytes, of 1048576 allowed", "1MiB at most"},
		{"ask", "more than 100 host operations", "100 times"},
		{"fail", "no such shelf", "the module itself answered so"},
	} {
		status, _, errs := here(t, "run", file, tt.hook)
		before, next, _ := strings.Cut(errs, "\nNext: ")
		if status != 1 || !strings.Contains(before, tt.says) || !strings.Contains(next, tt.next) {
			t.Errorf("%s: status %d, want %q and next %q\n%s", tt.hook, status, tt.says, tt.next, errs)
		}
	}
	if next := advice(fmt.Errorf("x: %w", runtime.ErrMemory), called{}); !strings.Contains(next, `"limits": {"memory": "64MiB"}`) {
		t.Errorf("out of memory: %q", next)
	}
}
