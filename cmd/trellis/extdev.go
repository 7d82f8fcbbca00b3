package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

type extNewCmd struct {
	ID    string `arg:"" help:"ID of the extension: publisher.name."`
	Dir   string `arg:"" optional:"" help:"Directory to make; the second half of the ID if absent."`
	Kind  string `default:"filter" enum:"filter,card" help:"What it begins as: filter (decides about enrolments) or card (shown beside a course, with a button)."`
	Lang  string `default:"go" enum:"go,c" help:"Language: go or c."`
	Title string `help:"What it is called."`
}

func (c *extNewCmd) Run(e *env) error {
	if c.Dir == "" {
		_, c.Dir, _ = strings.Cut(c.ID, ".")
	}
	switch err := extensions.NewProject(c.Dir, c.Kind, c.Lang, c.ID, c.Title); {
	case trellis.KindOf(err) == trellis.Conflict:
		return advise(err, "say another directory: trellis ext new %s DIRECTORY", c.ID)
	case err != nil:
		return err
	}
	e.show(map[string]string{"dir": c.Dir}, func(w io.Writer) {
		what, ask, browser := "an enrolment filter", "ask it about an enrolment, here and now", ""
		if c.Kind == "card" {
			what, ask = "a card beside a course", "what it shows, here and now; -hook wave presses its button"
			browser = "\nOr drop the bundle on the page of your course, under Extensions (/courses/KEY/extensions).\n"
		}
		fmt.Fprintf(w, `%s is %s that works. Next:

  trellis ext test %s                 its tests, and whether everything fits together
  trellis ext build %s                main.wasm
  trellis ext run %s                  %s
  trellis ext pack %s                 the bundle
  trellis ext install %s
  trellis ext enable %s
%s`, c.Dir, what, c.Dir, c.Dir, c.Dir, ask, c.Dir, filepath.Join(c.Dir, c.ID+"-0.1.0.trellis"), c.ID, browser)
	})
	return nil
}

type extBuildCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extBuildCmd) Run(e *env) error {
	if err := build(e.ctx, c.Dir); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(c.Dir, "main.wasm"))
	if err != nil {
		return err
	}
	file := filepath.Join(c.Dir, "main.wasm")
	e.done(map[string]any{"file": file, "bytes": info.Size()}, "%s (%d bytes)\n\nNext: trellis ext run %s, trellis ext pack %s", file, info.Size(), c.Dir, c.Dir)
	return nil
}

// build builds main.wasm from main.go or main.c.
func build(ctx context.Context, dir string) error { return buildAs(ctx, dir, "main.wasm") }

// buildAs builds the module of a project as a file, whose name counts from there.
func buildAs(ctx context.Context, dir, file string) error {
	var cmd *exec.Cmd
	switch {
	case exists(dir, "main.go"):
		cmd = exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o", file, ".")
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	case exists(dir, "main.c"):
		cmd = exec.CommandContext(ctx, "clang", "--target=wasm32", "-Os", "-nostdlib", "-fno-builtin", "-gline-tables-only", "-fdebug-compilation-dir=.", "-Wl,--no-entry",
			"-Wl,-z,stack-size=16384", "-I", ".", "-o", file, "main.c")
	default:
		return advise(trellis.Errorf(trellis.Invalid, "%s has neither main.go nor main.c", dir), "trellis ext new acme.first begins a project")
	}
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return advise(trellis.Errorf(trellis.Unavailable, "%s is not installed", cmd.Args[0]), "trellis doctor says what is missing, and how to get it")
	}
	if err != nil {
		return advise(trellis.Errorf(trellis.Invalid, "%s:\n%s", strings.Join(cmd.Args[:2], " "), strings.TrimSpace(string(out))), "mend the source, then trellis ext build %s", dir)
	}
	return nil
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

type extTestCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extTestCmd) Run(e *env) error {
	if exists(c.Dir, "main.go") {
		cmd := exec.CommandContext(e.ctx, "go", "test", "./...")
		cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, e.out, e.errs
		if e.json {
			cmd.Stdout = e.errs
		}
		if err := cmd.Run(); err != nil {
			return advise(trellis.Errorf(trellis.Invalid, "the project's tests fail"), "go test ./... in %s says the same", c.Dir)
		}
	}
	if err := build(e.ctx, c.Dir); err != nil {
		return err
	}
	b, err := extensions.Pack(c.Dir, io.Discard)
	if err != nil {
		return err
	}
	if err := check(b); err != nil {
		return err
	}
	e.done(map[string]string{"dir": c.Dir, "state": "fits together"}, "Everything fits together. Next: trellis ext pack %s", c.Dir)
	return nil
}

type extGuestCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extGuestCmd) Run(e *env) error {
	if err := extensions.UpgradeGuest(c.Dir); err != nil {
		return err
	}
	e.done(map[string]string{"dir": c.Dir, "state": "up to date"}, "The guest library in %s is that of this program. Next: trellis ext test %s", c.Dir, c.Dir)
	return nil
}
