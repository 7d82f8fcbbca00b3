package project_test

import (
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis/extensions/project"
)

// A new project has all that it takes to build it.
func Example() {
	top, err := os.MkdirTemp("", "project")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(top) }()
	dir := filepath.Join(top, "late-policy")
	if err := project.New(dir, "filter", "c", "trellis", "acme.late-policy", "Late submission policy"); err != nil {
		log.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			fmt.Println(name)
		}
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// .gitignore
	// README.md
	// extension.json
	// main.c
	// trellis.h
	// trellis_ui.h
	// trellis_uiform.h
	// trellis_uitext.h
}
