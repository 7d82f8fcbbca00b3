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

// toolchain is how projects in a language are built and tested.
type toolchain struct {
	sources []string // the project is one of its own if it has one of these
	build   []string // the command; FILE in it is the module
	env     []string
	test    []string // the command for its tests, if it has any
	get     string   // how to get what is missing
}

const fileArg = "FILE"

// toolchains are the languages that trellis ext build knows.
func toolchains() []toolchain {
	const clang = "apt-get install clang lld, or what your system has for it"
	return []toolchain{
		{
			sources: []string{"main.go", "go.mod"}, env: []string{"GOOS=wasip1", "GOARCH=wasm"},
			build: []string{"go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o", fileArg, "."},
			test:  []string{"go", "test", "./..."}, get: "https://go.dev/dl has Go",
		}, {
			sources: []string{"main.c"}, get: clang,
			build: []string{"clang", "--target=wasm32", "-Os", "-nostdlib", "-fno-builtin", "-gline-tables-only", "-fdebug-compilation-dir=.", "-Wl,--no-entry",
				"-Wl,-z,stack-size=16384", "-I", ".", "-o", fileArg, "main.c"},
		}, {
			sources: []string{"main.cpp"}, get: clang,
			build: []string{"clang++", "--target=wasm32", "-std=c++17", "-Os", "-nostdlib", "-fno-builtin", "-fno-exceptions", "-fno-rtti",
				"-gline-tables-only", "-fdebug-compilation-dir=.", "-Wl,--no-entry", "-Wl,-z,stack-size=16384", "-I", ".", "-o", fileArg, "main.cpp"},
		}, {
			sources: []string{"Cargo.toml"}, get: "https://rustup.rs installs cargo; rustup target add wasm32-unknown-unknown",
			build: []string{"cargo", "build", "--quiet", "--release", "--target", rustTarget, "--target-dir", "target"},
			test:  []string{"cargo", "test", "--quiet", "--target-dir", "target"},
		}, {
			sources: []string{"main.ts"}, get: "npm install --ignore-scripts, in the project",
			build: []string{"asc", "main.ts", "-O3", "--noAssert", "--runtime", "minimal", "--use", "abort=trellis/host/crashed", "--debug", "--sourceMap", "-o", fileArg},
		},
	}
}

const rustTarget = "wasm32-unknown-unknown"

// toolchainOf returns how a project is built.
func toolchainOf(dir string) (toolchain, error) {
	var known []string
	for _, t := range toolchains() {
		for _, source := range t.sources {
			if exists(dir, source) {
				return t, nil
			}
		}
		known = append(known, t.sources[0])
	}
	return toolchain{}, advise(trellis.Errorf(trellis.Invalid, "%s has none of %s", dir, strings.Join(known, ", ")), "trellis ext new acme.first begins a project")
}

// build builds main.wasm from the source of a project.
func build(ctx context.Context, dir string) error { return buildAs(ctx, dir, "main.wasm") }

// buildAs builds the module of a project as a file, whose name counts from there.
func buildAs(ctx context.Context, dir, file string) error {
	t, err := toolchainOf(dir)
	if err != nil {
		return err
	}
	cmd := t.command(ctx, dir, t.build, file)
	cmd.Env = append(os.Environ(), t.env...)
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return t.absent(cmd)
	case err != nil && strings.Contains(string(out), "target may not be installed"):
		return advise(trellis.Errorf(trellis.Unavailable, "Rust's target %s is not installed", rustTarget), "rustup target add %s", rustTarget)
	case err != nil:
		return advise(trellis.Errorf(trellis.Invalid, "%s:\n%s", strings.Join(t.build[:2], " "), strings.TrimSpace(string(out))), "mend the source, then trellis ext build %s", dir)
	case t.build[0] == "cargo":
		return takeCrate(dir, file)
	}
	return nil
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
	t, err := toolchainOf(dir)
	if err != nil || t.test == nil {
		return err
	}
	cmd := t.command(e.ctx, dir, t.test, "")
	cmd.Stdout, cmd.Stderr = e.out, e.errs
	if e.json {
		cmd.Stdout = e.errs
	}
	err = cmd.Run()
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
