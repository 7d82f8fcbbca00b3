package project

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

// language is one that a project can be in.
type language struct {
	name   string
	marker string // a file by which its projects are known
	from   string // the directory of the library in hostapi.GuestSource
	to     string // and in a project
	tools  string // what building takes, for README.md
}

func languages() []language {
	return []language{
		{"c", "main.c", "guest/c", ".", "clang and lld (`apt-get install clang lld`)"},
		{"cpp", "main.cpp", "guest/cpp", ".", "clang and lld (`apt-get install clang lld`)"},
		{"rust", "Cargo.toml", "guest/rust", "trellis-guest", "cargo (https://rustup.rs) and `rustup target add wasm32-unknown-unknown`"},
		{"assemblyscript", "main.ts", "guest/assemblyscript/assembly", "trellis", "node, and here, once, `npm install --ignore-scripts`"},
		{"go", "go.mod", "guest", "guest", "Go (https://go.dev/dl)"},
	}
}

// Languages returns the names of the languages that [New] knows.
func Languages() []string {
	var names []string
	for _, l := range languages() {
		names = append(names, l.name)
	}
	return names
}

// tools says what building a project in a language takes.
func tools(name string) string {
	for _, l := range languages() {
		if l.name == name {
			return l.tools
		}
	}
	return ""
}

// UpgradeGuest writes this program's guest library into a project.
func UpgradeGuest(dir string) error {
	var markers []string
	for _, l := range languages() {
		if _, err := os.Stat(filepath.Join(dir, l.marker)); err == nil {
			return l.copy(dir)
		}
		markers = append(markers, l.marker)
	}
	return trellis.Errorf(trellis.Invalid, "%s is no project: it has none of %s", dir, strings.Join(markers, ", "))
}

// copy writes the library of the language into a project.
func (l language) copy(dir string) error {
	source := hostapi.GuestSource()
	return fs.WalkDir(source, l.from, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && l.name == "go" && name != l.from:
			return fs.SkipDir // the libraries of the other languages
		case d.IsDir() || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		raw, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, l.to, filepath.FromSlash(strings.TrimPrefix(name, l.from+"/")))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, raw, 0o644)
	})
}
