package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewProjectIn: what ext new writes is a project that works in each other
// language that there is a compiler for.
func TestNewProjectIn(t *testing.T) {
	s := newShell(t)
	for _, tt := range []struct{ lang, guest string }{{"c", "c"}, {"cpp", "cpp"}, {"rust", "rust"}, {"assemblyscript", "as"}} {
		t.Run(tt.lang, func(t *testing.T) {
			s.ok("ext", "new", "acme.in-"+tt.lang, tt.lang, "-lang", tt.lang)
			if lacks, err := exec.Command("sh", "../../.ci/wasm", "missing", tt.guest).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED building a new project in %s: %s%v", tt.lang, lacks, err)
			}
			if tt.lang == "assemblyscript" {
				inProject(t, s, tt.lang)
			}
			s.ok("ext", "upgrade-guest", tt.lang)
			s.ok("ext", "test", tt.lang)
			s.ok("ext", "pack", tt.lang, "-o", tt.lang+".trellis")
			for course, want := range map[string]string{"course-v1:Demo+Closed+2026": `"code":"closed"`, "course-v1:Demo+Welcome+2026": "{}"} {
				if out := s.ok("ext", "run", tt.lang+".trellis", "-course", course); !strings.Contains(out, want) {
					t.Errorf("%s: %s", course, out)
				}
			}
		})
	}
	s.fails(1, "a new card is in Go", "ext", "new", "acme.waves-in-rust", "-kind", "card", "-lang", "rust")
}

// inProject puts what npm has installed for .ci/wasm into a project, which says
// before that it lacks it.
func inProject(t *testing.T, s *shell, dir string) {
	t.Helper()
	if _, err := exec.LookPath("asc"); err != nil {
		s.fails(1, "asc is not installed", "ext", "build", dir)
	}
	where, err := exec.Command("sh", "../../.ci/wasm", "where").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.TrimSpace(string(where)), filepath.Join(s.dir, dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}
