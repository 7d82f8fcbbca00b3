package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"github.com/trellis-learning/trellis"
)

type extBuildCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extBuildCmd) Run(e *env) error {
	if err := build(e, c.Dir); err != nil {
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

// build builds main.wasm from the source of a project. Where there is none that it
// knows, main.wasm is what it is.
func build(e *env, dir string) error {
	t, err := toolchainOf(dir)
	if err != nil {
		return err
	}
	if t.build == nil {
		e.note("%s is taken as it is: %s has %s.", filepath.Join(dir, "main.wasm"), dir, nothingToBuild)
		return nil
	}
	return t.run(e.ctx, dir, "main.wasm")
}

// buildAs builds the module of a project as a file, whose name counts from there.
func buildAs(ctx context.Context, dir, file string) error {
	t, known := languageOf(dir)
	if !known {
		return trellis.Errorf(trellis.Invalid, "%s is in no language that is known", dir)
	}
	return t.run(ctx, dir, file)
}

// run builds the module of a project as a file; one that says itself how it is built
// makes main.wasm.
func (t toolchain) run(ctx context.Context, dir, file string) error {
	cmd := t.command(ctx, dir, t.build, file)
	cmd.Env = append(os.Environ(), t.env...)
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return t.absent(cmd)
	case err != nil && strings.Contains(string(out), "target may not be installed"):
		return advise(trellis.Errorf(trellis.Unavailable, "Rust's target %s is not installed", rustTarget), "rustup target add %s", rustTarget)
	case err != nil && t.build[0] == "npm" && cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == notFound:
		return advise(trellis.Errorf(trellis.Unavailable, "npm run build:\n%s", strings.TrimSpace(string(out))), "npm install --ignore-scripts, in %s", dir)
	case err != nil && t.own:
		return advise(trellis.Errorf(trellis.Invalid, "%s:\n%s", t.name(), strings.TrimSpace(strings.TrimSpace(string(out))+"\n"+err.Error())), "mend the source, then trellis ext build %s", dir)
	case err != nil:
		return advise(trellis.Errorf(trellis.Invalid, "%s:\n%s", t.name(), strings.TrimSpace(string(out))), "mend the source, then trellis ext build %s; a command of its own is what %s holds", dir, filepath.Join(dir, ownCommand))
	case t.own && !exists(dir, file):
		return advise(trellis.Errorf(trellis.Invalid, "%s has made no main.wasm", t.name()), "it runs in %s, and leaves main.wasm there", dir)
	case t.build[0] == "cargo":
		return takeCrate(dir, file)
	}
	return nil
}

// notFound is how a shell ends that does not find a program.
const notFound = 127

// name is the command as messages have it.
func (t toolchain) name() string {
	if t.build[0] == "npm" {
		return "npm run build"
	}
	return strings.Join(t.build[:2], " ")
}

func (t toolchain) absent(cmd *exec.Cmd) error {
	return advise(trellis.Errorf(trellis.Unavailable, "%s is not installed", filepath.Base(cmd.Args[0])), "%s; trellis doctor says what else is missing", t.get)
}

// command prepares a command of the toolchain. Compilers that npm installs lie in the
// project, or in a directory around it.
func (t toolchain) command(ctx context.Context, dir string, args []string, file string) *exec.Cmd {
	name := args[0]
	if name == "asc" {
		name = installed(dir, name)
	}
	cmd := exec.CommandContext(ctx, name)
	for _, a := range args[1:] {
		if a == fileArg {
			a = file
		}
		cmd.Args = append(cmd.Args, a)
	}
	if root, ok := sourceAround(dir); ok && t.library != "" && !t.own {
		cmd.Args = append(cmd.Args, "-I", filepath.Join(root, t.library))
	}
	cmd.Dir = dir
	return cmd
}

// installed returns the program of a node_modules, or its bare name.
func installed(dir, name string) string {
	at, err := filepath.Abs(dir)
	file := name
	if goruntime.GOOS == "windows" {
		file += ".cmd"
	}
	for ; err == nil; at = filepath.Dir(at) {
		if bin := filepath.Join(at, "node_modules", ".bin"); exists(bin, file) {
			return filepath.Join(bin, file)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return name
}

// takeCrate copies the module that cargo has built.
func takeCrate(dir, file string) error {
	built, err := filepath.Glob(filepath.Join(dir, "target", rustTarget, "release", "*.wasm"))
	if err != nil {
		return err
	}
	if len(built) != 1 {
		return advise(trellis.Errorf(trellis.Invalid, "cargo has built %d modules, want one", len(built)), `Cargo.toml has one [lib] with crate-type = ["cdylib"]; cargo clean removes modules of other names`)
	}
	in, err := os.Open(built[0])
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	return replace(file, 0o644, func(w io.Writer) error { _, err := io.Copy(w, in); return err })
}

// runTests runs the tests that a project has in its own language.
func runTests(e *env, dir string) error {
	t, _ := languageOf(dir)
	if t.test == nil {
		return nil
	}
	cmd := t.command(e.ctx, dir, t.test, "")
	cmd.Stdout, cmd.Stderr = e.out, e.errs
	if e.json {
		cmd.Stdout = e.errs
	}
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return t.absent(cmd)
	case err != nil:
		return advise(trellis.Errorf(trellis.Invalid, "the project's tests fail"), "%s in %s says the same", strings.Join(t.test, " "), dir)
	}
	return nil
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}
