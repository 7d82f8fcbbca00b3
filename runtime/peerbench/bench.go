package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// bench is what the peers share.
type bench struct {
	options
	progress func(format string, args ...any)
	dir      string                  // of what is built here; removed at the end
	compiled wazero.CompilationCache // of wazero alone
	runtime  *runtime.Runtime        // ours
	guests   map[string][]byte       // those built here
	broken   map[string]error        // guests that could not be built
	programs map[string]*program     // the Rust ones that run
}

func newBench(ctx context.Context, o options, progress func(string, ...any)) (*bench, error) {
	dir, err := os.MkdirTemp("", "peerbench-")
	if err != nil {
		return nil, err
	}
	b := &bench{
		options: o, progress: progress, dir: dir, compiled: wazero.NewCompilationCache(),
		guests: map[string][]byte{}, broken: map[string]error{}, programs: map[string]*program{},
	}
	if b.runtime, err = runtime.New(ctx, runtime.Config{}); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	ctx := context.Background()
	for _, p := range b.programs {
		p.stop()
	}
	if b.runtime != nil {
		_ = b.runtime.Close(ctx)
	}
	_ = b.compiled.Close(ctx)
	_ = os.RemoveAll(b.dir)
}

func (b *bench) moduleGo() ([]byte, error)       { return b.guest("go") }
func (b *bench) moduleExtismGo() ([]byte, error) { return b.guest("extism-go") }
func (b *bench) moduleRPCGo() ([]byte, error)    { return b.guest("rpc-go") }

// The guests of the job that wait for the host as well.
func (b *bench) moduleCrowd() ([]byte, error)   { return wasm.JobCrowd, nil }
func (b *bench) moduleCrowdGo() ([]byte, error) { return b.guest("go", "crowd") }

// guest builds a guest in Go, once, with these build tags.
func (b *bench) guest(dir string, tags ...string) ([]byte, error) {
	name := strings.Join(append([]string{dir}, tags...), "-")
	if err := b.broken[name]; err != nil {
		return nil, err
	}
	if b.guests[name] == nil {
		binary, err := b.build(dir, name, tags)
		if err != nil {
			b.broken[name] = fmt.Errorf("build the guest job/%s: %w", name, err)
			return nil, b.broken[name]
		}
		b.guests[name] = binary
	}
	return b.guests[name], nil
}

func (b *bench) build(dir, name string, tags []string) ([]byte, error) {
	if _, err := os.Stat("job/" + dir); errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("its source is not here: run peerbench in runtime/peerbench")
	}
	b.progress("build the guest job/%s", name)
	path := b.path(name)
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-tags="+strings.Join(tags, ","), "-o", path, "./job/"+dir)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return os.ReadFile(path)
}

// path is where the file of a guest is.
func (b *bench) path(name string) string { return filepath.Join(b.dir, "job-"+name+".wasm") }

// file returns the path of a module, for a peer in another process.
func (b *bench) file(name string, of source) (string, error) {
	binary, err := of(b)
	if err != nil {
		return "", err
	}
	return b.path(name), os.WriteFile(b.path(name), binary, 0o644)
}
