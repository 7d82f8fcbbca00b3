package runtime

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// workspace is a directory inside the cache in which one module is compiled. Two
// processes may compile the same module at once: each has its own.
type workspace struct{ cache, dir string }

func (c *cache) workspace() (workspace, error) {
	dir, err := os.MkdirTemp(c.dir, buildPrefix)
	if err != nil {
		return workspace{}, fmt.Errorf("make room to compile: %w", err)
	}
	return workspace{c.dir, dir}, nil
}

func (w workspace) remove() { _ = os.RemoveAll(w.dir) }

// build rewrites and compiles a module and moves what comes of it to the cache.
func (w workspace) build(ctx context.Context, key string, binary []byte, l instrument.Limits) (instrument.Info, error) {
	module, info, err := rewrite(binary, l)
	if err != nil {
		return info, err
	}
	native, err := w.compile(ctx, module)
	if err != nil {
		return info, err
	}
	h := entryHeader{Info: info, Native: native}
	if native != "" {
		code, err := os.ReadFile(filepath.Join(w.dir, native))
		if err != nil {
			return info, fmt.Errorf("read machine code: %w", err)
		}
		h.Digest = digestOf(code)
		if err := os.MkdirAll(filepath.Join(w.cache, filepath.Dir(native)), dirMode); err != nil {
			return info, fmt.Errorf("store machine code: %w", err)
		}
		if err := os.Rename(filepath.Join(w.dir, native), filepath.Join(w.cache, native)); err != nil {
			return info, fmt.Errorf("store machine code: %w", err)
		}
	}
	entry, err := encodeEntry(h, module)
	if err != nil {
		return info, err
	}
	return info, w.place(entry, key+entrySuffix)
}

// compile has wazero compile into the workspace and returns the path of the
// machine code there, "" if this engine makes none.
func (w workspace) compile(ctx context.Context, module []byte) (native string, err error) {
	files, err := wazero.NewCompilationCacheWithDir(w.dir)
	if err != nil {
		return "", fmt.Errorf("open workspace: %w", err)
	}
	defer files.Close(ctx)
	r := wazero.NewRuntimeWithConfig(ctx, runtimeConfig().WithCompilationCache(files))
	defer r.Close(ctx)
	if _, err := r.CompileModule(ctx, module); err != nil {
		return "", notCompiled(ctx, err)
	}
	err = filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if native != "" {
			return fmt.Errorf("more than one file of machine code")
		}
		native, err = filepath.Rel(w.dir, path)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("find machine code: %w", err)
	}
	return native, nil
}

// place writes a file in the workspace and renames it into the cache. It does not
// wait for the disk: what a crash tears is found out by its digest.
func (w workspace) place(data []byte, name string) error {
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("store compiled module: %w", err)
	}
	if err := os.Rename(path, filepath.Join(w.cache, name)); err != nil {
		return fmt.Errorf("store compiled module: %w", err)
	}
	return nil
}
