package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/project"
)

// TestRefused: what cannot be made is refused with what to do instead, and writes
// nothing.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name, kind, lang, convention, id string
		want                             string
	}{
		{"no publisher", "filter", "go", "trellis", "late", "is not publisher.name"},
		{"a reserved publisher", "filter", "go", "trellis", "org.late", "the publisher org is reserved"},
		{"a language that there is not", "filter", "cobol", "trellis", "acme.late", "the language is one of c, cpp"},
		{"a convention that there is not", "filter", "c", "corba", "acme.late", "the convention is one of trellis, command, extism"},
		{"a convention in another language", "filter", "go", "extism", "acme.late", "a filter in C"},
		{"a kind that there is not", "block", "go", "trellis", "acme.late", "the kind is filter or card"},
		{"a card by another convention", "card", "c", "command", "acme.late", "begins as a filter: choose that, or the convention trellis"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "late")
			err := project.New(dir, tt.kind, tt.lang, tt.convention, tt.id, "")
			if trellis.KindOf(err) != trellis.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the directory is there all the same")
			}
		})
	}
}

// TestFilesAreKept: a directory that has files is left as it is.
func TestFilesAreKept(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := project.New(dir, "filter", "go", "trellis", "acme.late", "")
	if trellis.KindOf(err) != trellis.Conflict {
		t.Errorf("err = %v, want a conflict", err)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "main.go")); string(raw) != "mine" {
		t.Errorf("main.go is %q (%v)", raw, err)
	}
	if err := project.UpgradeGuest(t.TempDir()); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("the library of what is no project: %v", err)
	}
}

// TestEveryKindInEveryLanguage: a project has its manifest, its source, the library and
// what builds it, and nothing in it is left open.
func TestEveryKindInEveryLanguage(t *testing.T) {
	has := map[string][]string{
		"go": {"main.go", "main_test.go", "go.mod", "guest/ui.go"}, "c": {"main.c", "trellis_ui.h", "trellis_uiform.h", "trellis_uitext.h"}, "cpp": {"main.cpp", "trellis_ui.hpp", "trellis_uihook.hpp"},
		"rust": {"main.rs", "build.rs", "Cargo.toml", "trellis-guest/Cargo.toml", "trellis-guest/src/ui.rs"}, "assemblyscript": {"main.ts", "package.json", "tsconfig.json", "trellis/ui.ts"},
	}
	for _, lang := range project.Languages() {
		for _, kind := range []string{"filter", "card"} {
			t.Run(lang+" "+kind, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "waves")
				if err := project.New(dir, kind, lang, "trellis", "acme.waves", `The "waves"`); err != nil {
					t.Fatal(err)
				}
				for _, name := range append([]string{"extension.json", "README.md", ".gitignore"}, has[lang]...) {
					raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
					if err != nil || len(raw) == 0 || strings.Contains(string(raw), "{{.") || strings.Contains(string(raw), "<no value>") {
						t.Errorf("%s: %v\n%s", name, err, raw)
					}
				}
				if raw, err := os.ReadFile(filepath.Join(dir, "extension.json")); err != nil || strings.Contains(string(raw), `"slots"`) != (kind == "card") {
					t.Errorf("its manifest: %v\n%s", err, raw)
				}
			})
		}
	}
}
