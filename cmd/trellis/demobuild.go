package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/app"
)

// goExamples builds the examples that are written in Go and installs them in the
// demo's tenant, enabled for nobody, while the demo runs: they are there to be
// looked at and switched on. It needs a Go toolchain and the source of Trellis,
// which whoever says "go run ./cmd/trellis demo" has; without them it does
// nothing. An example that fails is reported and leaves the others alone.
func goExamples(ctx context.Context, e *env, a *app.App) {
	if _, err := exec.LookPath("go"); err != nil {
		return
	}
	root, ok := source()
	if !ok {
		return
	}
	sources, err := filepath.Glob(filepath.Join(root, "examples", "*", "main.go"))
	if err != nil {
		return // the pattern is a good one
	}
	for _, main := range sources {
		id, err := goExample(app.System(ctx, app.DemoTenant), a, filepath.Dir(main))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.log.Warn("example not installed", "example", filepath.Base(filepath.Dir(main)), "err", err)
		case id != "":
			e.note("examples/%s was built and installed. Next: trellis ext enable %s", filepath.Base(filepath.Dir(main)), id)
		}
	}
}

// goExample builds and installs one example. It returns its ID, or nothing if it
// is there already.
func goExample(ctx context.Context, a *app.App, dir string) (id string, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, "extension.json"))
	if err != nil {
		return "", err
	}
	m, err := bundle.ReadManifest(raw)
	if err != nil {
		return "", err
	}
	if x, err := a.Registry.Get(ctx, m.ID, extensions.Scope{}); err == nil && x.Version == m.Version {
		return "", nil
	} else if err != nil && trellis.KindOf(err) != trellis.NotFound {
		return "", err
	}
	tmp, err := os.MkdirTemp("", "trellis-example-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	out := filepath.Join(tmp, "main.wasm")
	if err := buildAs(ctx, dir, out); err != nil {
		return "", err
	}
	module, err := os.ReadFile(out)
	if err != nil {
		return "", err
	}
	b, err := bundle.Make(map[string][]byte{"extension.json": raw, "main.wasm": module})
	if err != nil {
		return "", err
	}
	var zip bytes.Buffer
	if err := b.Write(&zip); err != nil {
		return "", err
	}
	x, err := a.Registry.Install(ctx, zip.Bytes(), extensions.Scope{})
	return x.ID, err
}

// source returns the root of the source of Trellis, if this is run within it.
func source() (string, bool) { return sourceAround(".") }

// sourceAround returns the root of the source of Trellis, if the directory is in it.
func sourceAround(dir string) (string, bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	for {
		f, err := os.Open(filepath.Join(dir, "go.mod"))
		if err == nil {
			first, err := io.ReadAll(io.LimitReader(f, 256))
			_ = f.Close()
			return dir, err == nil && strings.HasPrefix(string(first), "module github.com/trellis-learning/trellis\n")
		}
		if parent := filepath.Dir(dir); parent != dir && os.IsNotExist(err) {
			dir = parent
			continue
		}
		return "", false
	}
}
