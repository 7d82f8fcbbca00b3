package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunSaysWhere: a guest that crashes here shows frame by frame where, with
// the source that lies beside it.
func TestRunSaysWhere(t *testing.T) {
	s := newShell(t)
	from := filepath.Join("..", "..", "runtime", "symbol", "testdata")
	for _, name := range []string{"crash-c.wasm", "crash.c", "crash-as.wasm", "crash-as.wasm.map", "crash.ts"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.fails(1, `trellis: hook divide: trapped: integer divide by zero
  at ratio (crash.c:13)
        13 | return a / b; // line 13
  at check (crash.c:20)
        20 | return all + ratio(all, len - 3); // line 20
  at divide (crash.c:24)
        24 | seats = check(len); // line 24
`, "run", "crash-c.wasm", "divide", "-input", "abc")
	s.fails(1, `  at crash/divide (crash.ts:17)
        17 | return a / b; // line 17
`, "run", "crash-as.wasm", "divide", "-input", "abc")
	if err := os.Remove(filepath.Join(s.dir, "crash.c")); err != nil {
		t.Fatal(err)
	}
	s.fails(1, "  at ratio (crash.c:13)\n  at check (crash.c:20)\n", "run", "crash-c.wasm", "divide", "-input", "abc")

	var out struct {
		Error struct {
			Message string
			Frames  []struct {
				Function, File string
				Line           int
			}
		}
	}
	got := s.json(&out, "run", "crash-c.wasm", "divide", "-input", "abc")
	if f := out.Error.Frames; len(f) != 3 || f[1].Function != "check" || f[1].File != "crash.c" || f[1].Line != 20 || !strings.Contains(out.Error.Message, "< check (crash.c:20) <") {
		t.Errorf("as JSON: %s", got.out)
	}
}
