package extensions

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"unicode"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

//go:embed templates
var templates embed.FS

// NewProject makes the directory of a new extension, in Go or C ("go", "c"): a
// filter or a card ("filter", "card") that works, its tests, and a copy of the guest
// library, so that nothing has to be fetched. A card is in Go. A directory that has
// files already is refused.
func NewProject(dir, kind, lang, id, title string) error {
	parts := idPattern.FindStringSubmatch(id)
	switch {
	case parts == nil:
		return trellis.Errorf(trellis.Invalid, "%.80q is not publisher.name, each of lower-case letters, digits and hyphens", id)
	case reserved(parts[1]):
		return trellis.Errorf(trellis.Invalid, "the publisher %s is reserved", parts[1])
	case lang != "go" && lang != "c":
		return trellis.Errorf(trellis.Invalid, "the language is go or c, not %q", lang)
	case kind != "filter" && kind != "card":
		return trellis.Errorf(trellis.Invalid, "the kind is filter or card, not %q", kind)
	case kind == "card" && lang == "c":
		return trellis.Errorf(trellis.Invalid, "a new card is in Go; in C, begin with a filter and take examples/live-card-c as a pattern")
	}
	if title == "" {
		title = strings.ReplaceAll(parts[2], "-", " ")
		title = string(unicode.ToUpper(rune(title[0]))) + title[1:]
	}
	quoted, err := json.Marshal(title)
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return trellis.Errorf(trellis.Conflict, "%s has files already", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	values := map[string]string{"ID": id, "Name": parts[2], "Title": string(quoted)}
	for _, from := range []string{"templates/" + kind, "templates/" + lang, "templates/" + kind + "/" + lang} {
		if err := fill(from, dir, values); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("main.wasm\n*.trellis\n"), 0o644); err != nil {
		return err
	}
	return UpgradeGuest(dir)
}

// fill writes what the templates of a directory give.
func fill(from, dir string, values map[string]string) error {
	entries, err := fs.ReadDir(templates, from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing that all in this language, or all of this kind, have
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".tmpl")
		if e.IsDir() || !ok {
			continue
		}
		t, err := template.ParseFS(templates, from+"/"+e.Name())
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := errors.Join(t.Execute(f, values), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// UpgradeGuest writes this program's guest library into a project.
func UpgradeGuest(dir string) error {
	source := hostapi.GuestSource()
	if _, err := os.Stat(filepath.Join(dir, "main.c")); err == nil {
		for _, name := range []string{"trellis.h", "trellis_ui.h"} {
			raw, err := fs.ReadFile(source, "guest/c/"+name)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil {
				return err
			}
		}
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return trellis.Errorf(trellis.Invalid, "%s is no project: it has neither go.mod nor main.c", dir)
	}
	files, err := fs.Glob(source, "guest/*.go")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "guest"), 0o755); err != nil {
		return err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		raw, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}
