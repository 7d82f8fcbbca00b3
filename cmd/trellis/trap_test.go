package main

import (
	"fmt"
	"os"
	"os/exec"
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

// TestExtTestSaysWhere: ext test asks the module that it built, and shows where it
// crashes, for each language whose compiler is here.
func TestExtTestSaysWhere(t *testing.T) {
	s := newShell(t)
	for _, tt := range []struct {
		lang, tool, file, begin, crash, want string
	}{
		{"go", "go", "main.go", "func decide(", "\tvar none []int\n\tprintln(none[len(none)])\n", "panic: runtime error: index out of range [0] with length 0"},
		{"c", "clang", "main.c", "static tr_str check(", "\t__builtin_trap();\n", "trapped: unreachable"},
	} {
		t.Run(tt.lang, func(t *testing.T) {
			if _, err := exec.LookPath(tt.tool); err != nil {
				t.Skipf("SKIPPED a project in %s: there is no %s", tt.lang, tt.tool)
			}
			s.ok("ext", "new", "acme.crash-"+tt.lang, tt.lang, "-lang", tt.lang)
			file := filepath.Join(s.dir, tt.lang, tt.file)
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			before, rest, ok := strings.Cut(string(source), tt.begin)
			head, body, ok2 := strings.Cut(rest, "{\n")
			if !ok || !ok2 {
				t.Fatalf("no %s in\n%s", tt.begin, source)
			}
			line := strings.Count(before+tt.begin+head, "\n") + 1 + strings.Count(tt.crash, "\n")
			if err := os.WriteFile(file, []byte(before+tt.begin+head+"{\n"+tt.crash+body), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"main_test.go"} { // its own tests would fail first
				_ = os.Remove(filepath.Join(s.dir, tt.lang, name))
			}
			r := s.run("", "ext", "test", tt.lang)
			for _, want := range []string{tt.want, fmt.Sprintf("%s:%d)", tt.file, line), fmt.Sprintf("%8d | ", line), "Next: mend "} {
				if r.status != 1 || !strings.Contains(r.errs, want) {
					t.Errorf("status %d, want %q in\n%s", r.status, want, r.errs)
				}
			}
		})
	}
}
