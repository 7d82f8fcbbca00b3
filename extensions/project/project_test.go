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
		{"a card in C", "card", "c", "trellis", "acme.late", "a new card is in Go"},
		{"a card in Rust", "card", "rust", "trellis", "acme.late", "a new card is in Go"},
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
