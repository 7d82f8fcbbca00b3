// Package project makes the directory in which somebody writes a new extension:
// one that works, with its tests, and all that it takes to build it.
package project

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"unicode"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

//go:embed templates
var templates embed.FS

// New makes the directory of a new extension, in one of [Languages]: a filter
// or a card ("filter", "card") that works, its tests where the language has them, and
// a copy of the guest library, so that no library has to be fetched.
// A directory that has files already is refused. It is called by one of
// [Conventions]; in languages other than C that is the first.
func New(dir, kind, lang, convention, id, title string) error {
	_, name, err := bundle.ParseID(id)
	switch {
	case err != nil:
		return err
	case !slices.Contains(Languages(), lang):
		return trellis.Errorf(trellis.Invalid, "the language is one of %s, not %q", strings.Join(Languages(), ", "), lang)
	case !slices.Contains(Conventions(), convention):
		return trellis.Errorf(trellis.Invalid, "the convention is one of %s, not %q", strings.Join(Conventions(), ", "), convention)
	case convention != Conventions()[0] && lang == "c" && kind == "card":
		return trellis.Errorf(trellis.Invalid, "a new project that is called as %s begins as a filter: choose that, or the convention %s for a card", convention, Conventions()[0])
	case convention != Conventions()[0] && (lang != "c" || kind != "filter"):
		return trellis.Errorf(trellis.Invalid, "a new project that is called as %s is a filter in C; in another language, copy extension.json from examples/enrollment-policy-command or -extism-c, and write the command that makes main.wasm into build.sh", convention)
	case kind != "filter" && kind != "card":
		return trellis.Errorf(trellis.Invalid, "the kind is filter or card, not %q", kind)
	}
	if title == "" {
		title = strings.ReplaceAll(name, "-", " ")
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
	values := map[string]string{"ID": id, "Name": name, "Title": string(quoted), "Tools": tools(lang), "Header": "trellis.h"}
	if convention != Conventions()[0] {
		values["Header"] = "trellis_" + convention + ".h"
	}
	for _, from := range []string{"templates/" + kind, "templates/" + lang, "templates/" + kind + "/" + lang, "templates/" + lang + "/" + convention} {
		if err := fill(from, dir, values); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("main.wasm\nmain.wasm.map\n*.trellis\nnode_modules/\ntarget/\n"), 0o644); err != nil {
		return err
	}
	return UpgradeGuest(dir)
}

// Conventions returns by which a project that [New] makes can be called: Trellis'
// own, as a WASI command, as an Extism plug-in.
func Conventions() []string { return []string{"trellis", "command", "extism"} }

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
