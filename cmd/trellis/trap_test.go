package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	for _, tt := range []struct{ lang, guest, file, begin, crash, want string }{
		{"go", "", "main.go", "func decide(", "\tvar none []int\n\tprintln(none[len(none)])\n", "panic: runtime error: index out of range [0] with length 0"},
		{"c", "c", "main.c", "static tr_str check(", "\t__builtin_trap();\n", "trapped: unreachable"},
		{"rust", "rust", "main.rs", "fn decide(", "    #[cfg(target_arch = \"wasm32\")] panic!(\"boom\");\n", "boom"},
		{"assemblyscript", "as", "main.ts", "function decide(", "  if (q.type.length) throw new Error(\"boom\");\n", "boom (main.ts:"},
	} {
		t.Run(tt.lang, func(t *testing.T) {
			if lacks, err := exec.Command("sh", "../../.ci/wasm", "missing", tt.guest).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED a project in %s: %s%v", tt.lang, lacks, err)
			}
			s.ok("ext", "new", "acme.crash-"+tt.lang, tt.lang, "-lang", tt.lang)
			if tt.lang == "assemblyscript" {
				inProject(t, s, tt.lang)
			}
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
			place := fmt.Sprintf("%s:%d", tt.file, line)
			next := "Next: mend " + filepath.Join(tt.lang, place) + ", "
			r := s.run("", "ext", "test", tt.lang)
			for _, want := range []string{tt.want, place, fmt.Sprintf("%8d | ", line), next} {
				if r.status != 1 || !strings.Contains(r.errs, want) {
					t.Errorf("status %d, want %q in\n%s", r.status, want, r.errs)
				}
			}
			// A bundle may be a stranger's: it shows nothing that lies here.
			bundle := filepath.Join(tt.lang, "b.trellis")
			s.ok("ext", "pack", tt.lang, "-o", bundle)
			r = s.run("", "ext", "run", bundle)
			if r.status != 1 || !regexp.MustCompile(`Next: mend \S*`+place+",").MatchString(r.errs) || strings.Contains(r.errs, " | ") {
				t.Errorf("of the bundle: status %d\n%s", r.status, r.errs)
			}
			if tt.lang == "assemblyscript" { // what it logs is the place, too
				if err := os.Remove(filepath.Join(s.dir, tt.lang, "main.wasm.map")); err != nil {
					t.Fatal(err)
				}
				s.fails(1, tt.want, "ext", "run", tt.lang)
				if r = s.run("", "ext", "run", tt.lang); !strings.Contains(r.errs, next) {
					t.Errorf("without a source map, want %q in\n%s", next, r.errs)
				}
			}
		})
	}
}
