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
	for _, tt := range []struct {
		lang, tool string // which it takes
		has        func() bool
	}{
		{"c", "clang", func() bool { return found("clang") && found("wasm-ld") }},
		{"cpp", "clang++", func() bool { return found("clang++") && found("wasm-ld") }},
		{"rust", "cargo, with wasm32-unknown-unknown", func() bool {
			root, err := exec.Command("rustc", "--print", "sysroot").Output()
			_, absent := os.Stat(filepath.Join(strings.TrimSpace(string(root)), "lib", "rustlib", "wasm32-unknown-unknown"))
			return found("cargo") && err == nil && absent == nil
		}},
		{"assemblyscript", "asc (.ci/wasm install as)", func() bool { return npmCompilers(t) != "" }},
	} {
		t.Run(tt.lang, func(t *testing.T) {
			s.ok("ext", "new", "acme.in-"+tt.lang, tt.lang, "-lang", tt.lang)
			if !tt.has() {
				t.Skipf("SKIPPED building a new project in %s: there is no %s", tt.lang, tt.tool)
			}
			if tt.lang == "assemblyscript" {
				if !found("asc") {
					s.fails(1, "asc is not installed", "ext", "build", tt.lang)
				}
				if err := os.Symlink(npmCompilers(t), filepath.Join(s.dir, tt.lang, "node_modules")); err != nil {
					t.Fatal(err)
				}
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

func found(tool string) bool {
	_, err := exec.LookPath(tool)
	return err == nil
}

// npmCompilers is where .ci/wasm has npm put compilers, "" if it has not.
func npmCompilers(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "trellis", "guests", "node_modules")
	if _, err := os.Stat(filepath.Join(dir, ".bin", "asc")); err != nil {
		return ""
	}
	return dir
}
