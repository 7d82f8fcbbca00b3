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
	explains, err := encodeDebug(binary, l)
	if err != nil {
		return info, err
	}
	if explains != nil {
		if err := w.place(explains, key+debugSuffix); err != nil {
			return info, err
		}
	}
	code, err := w.compile(ctx, "code", module)
	if err != nil {
		return info, err
	}
	h := entryHeader{Info: info}
	if code != "" {
		if module, err = instrument.Hollow(module, key); err != nil {
			return info, fmt.Errorf("hollow out the module: %w", err)
		}
		if h.Native, err = w.compile(ctx, "hollow", module); err != nil {
			return info, err
		}
		if err := w.keep(filepath.Join("code", code), &h); err != nil {
			return info, fmt.Errorf("store machine code: %w", err)
		}
	}
	entry, err := encodeEntry(h, module)
	if err != nil {
		return info, err
	}
	return info, w.place(entry, key+entrySuffix)
}

// keep moves machine code from the workspace to where the engine will look for it
// when it is given the hollow module.
func (w workspace) keep(code string, h *entryHeader) error {
	from, to := filepath.Join(w.dir, code), filepath.Join(w.cache, h.Native)
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	h.Size = st.Size()
	if h.Sum, err = checksum(f); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), dirMode); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// compile has wazero compile into a directory of the workspace and returns the
// path of the machine code there, "" if this engine makes none.
func (w workspace) compile(ctx context.Context, dir string, module []byte) (native string, err error) {
	dir = filepath.Join(w.dir, dir)
	files, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return "", fmt.Errorf("open workspace: %w", err)
	}
	defer files.Close(ctx)
	r := wazero.NewRuntimeWithConfig(ctx, runtimeConfig().WithCompilationCache(files))
	defer r.Close(ctx)
	if _, err := r.CompileModule(ctx, module); err != nil {
		return "", notCompiled(ctx, err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if native != "" {
			return fmt.Errorf("more than one file of machine code")
		}
		native, err = filepath.Rel(dir, path)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("find machine code: %w", err)
	}
	return native, nil
}

// put places a file in the cache.
func (c *cache) put(name string, data []byte) error {
	w, err := c.workspace()
	if err != nil {
		return err
	}
	defer w.remove()
	return w.place(data, name)
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
