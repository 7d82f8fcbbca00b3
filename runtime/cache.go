package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
)

// cache is a directory with, for each compiled module, an entry (what the
// rewriter made of the module and said of it), a file of machine code, which is
// wazero's, and an image of its memory. The entry holds a checksum of the machine
// code and, like the image, ends in a digest of itself, so that anything torn or
// changed counts as absent. Files appear by being renamed into place, the entry
// last.
//
// The engine asks for machine code by a digest of the module that it is given,
// which it reads and checks first. So it is given a hollow one, without the code
// that it does not need any more, and the machine code is filed under that: a
// guest in Go is loaded in a third of the time.
type cache struct {
	dir       string // "": none
	temporary bool   // made by open, to be removed at the end
	machine   string // stands for wazero's version and this machine's abilities
	bound     int64  // bytes

	sweeping sync.Mutex // held while it is swept
}

const (
	cacheFormat  = 3 // of the entries
	entryMagic   = "trellis-module\n"
	entrySuffix  = ".module"
	buildPrefix  = "build-"
	maxEntry     = 256 << 20
	nativePrefix = "wazero-" // of the engine's own directories
	staleBuild   = time.Hour
	unusedFor    = 60 * 24 * time.Hour
	usualCache   = 4 << 30
	inUse        = time.Minute // what was written or loaded since is not removed to make room
	dirMode      = 0o700
	othersMayAct = 0o022
)

// open makes or checks the directory. Without one, but with a child that needs a
// place for what it compiles, it makes a temporary one.
func (c *cache) open(dir string, needed bool) error {
	if dir == "" {
		if !needed {
			return nil
		}
		dir, err := os.MkdirTemp("", "trellis-modules-")
		if err != nil {
			return fmt.Errorf("make temporary compile cache: %w", err)
		}
		c.dir, c.temporary = dir, true
		c.machine, err = machine()
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("open compile cache: %w", err)
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("open compile cache: %w", err)
	}
	if err := onlyOurs(dir); err != nil {
		return err
	}
	c.dir = dir
	c.sweep()
	c.machine, err = machine()
	return err
}

// onlyOurs refuses a directory that others may write to: what lies in it is run
// as machine code.
func onlyOurs(dir string) error {
	st, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("open compile cache: %w", err)
	case !st.IsDir():
		return trellis.Errorf(trellis.Invalid, "compile cache %s is not a directory", dir)
	case !ownedByUs(st):
		return trellis.Errorf(trellis.Invalid, "compile cache %s belongs to another user", dir)
	case checksModes && st.Mode().Perm()&othersMayAct != 0:
		return trellis.Errorf(trellis.Invalid, "compile cache %s may be written to by others (mode %04o): machine code is run from it", dir, st.Mode().Perm())
	}
	return nil
}

// cached is a file that sweeping may remove.
type cached struct {
	path string
	size int64
	used time.Time // when it was last loaded, about to the day
}

// sweep removes what killed compilations left behind, and what nobody has loaded
// for long: modules of extensions, or for versions of ours, that are no more; and
// what was loaded longest ago, until the rest is within the bound. What another
// process removes at the same time, or loads, it finds out.
func (c *cache) sweep() {
	if !c.sweeping.TryLock() {
		return // whoever sweeps at the moment does it for us
	}
	defer c.sweeping.Unlock()
	files := c.files()
	slices.SortFunc(files, func(a, b cached) int { return a.used.Compare(b.used) })
	var total int64
	for _, f := range files {
		total += f.size
	}
	for _, f := range files {
		unused := time.Since(f.used)
		if unused > unusedFor || total > c.bound && unused > inUse {
			_ = os.Remove(f.path)
			total -= f.size
		}
	}
}

// files returns the files of the cache, and removes workspaces of those who are gone.
func (c *cache) files() (files []cached) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil // the next use of the directory says why
	}
	add := func(path string, e fs.DirEntry) {
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			files = append(files, cached{path, st.Size(), st.ModTime()})
		}
	}
	for _, e := range entries {
		path := filepath.Join(c.dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), buildPrefix):
			if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > staleBuild {
				_ = os.RemoveAll(path)
			}
		case strings.HasPrefix(e.Name(), nativePrefix):
			native, _ := os.ReadDir(path)
			for _, e := range native {
				add(filepath.Join(path, e.Name()), e)
			}
		default:
			add(path, e)
		}
	}
	return files
}

// touch notes that files of the cache are in use, about once a day.
func (c *cache) touch(paths ...string) {
	now := time.Now()
	for _, path := range paths {
		if st, err := os.Stat(path); err == nil && now.Sub(st.ModTime()) > 24*time.Hour {
			_ = os.Chtimes(path, now, now)
		}
	}
}

func (c *cache) file(key, suffix string) string { return filepath.Join(c.dir, key+suffix) }

// errMiss is why a lookup in the cache found nothing usable.
var errMiss = errors.New("not in the compile cache")

// load returns the module from the cache, if entry and machine code are whole.
func (r *Runtime) load(ctx context.Context, key string) (c code, err error) {
	// One at a time for each module: what one finds to be wrong no other may get
	// from the engine's memory.
	lock := r.lockOf(key)
	lock.Lock()
	defer lock.Unlock()
	for range loadAttempts {
		if c, err = r.loadOnce(ctx, key); !errors.Is(err, errChanged) {
			return c, err
		}
	}
	return code{}, errMiss
}

// lockOf returns the lock of a key, whose digits are those of a digest.
func (r *Runtime) lockOf(key string) *sync.Mutex {
	n, _ := strconv.ParseUint(key[:2], 16, 8)
	return &r.loading[n]
}

// errChanged is why what was loaded may not be what was checked.
var errChanged = errors.New("machine code was changed meanwhile")

// loadAttempts is how often another process may put the same module into the cache
// while it is loaded.
const loadAttempts = 8

func (r *Runtime) loadOnce(ctx context.Context, key string) (code, error) {
	module, h, err := r.cache.read(key)
	if err != nil {
		return code{}, err
	}
	native := filepath.Join(r.cache.dir, h.Native)
	checked, err := h.checkNative(native)
	if err != nil {
		return code{}, err
	}
	compiled, err := r.wasm.CompileModule(ctx, module)
	if err != nil {
		return code{}, fmt.Errorf("load compiled module: %w", err)
	}
	if h.Native == "" {
		return code{module: compiled, info: h.Info, debug: debugSource{key: key}}, nil
	}
	// Had the machine code gone meanwhile, the engine would have compiled the
	// hollow module, and kept what came of it: the next attempt finds that to be
	// damaged.
	if now, err := os.Stat(native); err != nil || !os.SameFile(now, checked) {
		_ = compiled.Close(ctx)
		return code{}, errChanged
	}
	r.cache.touch(native, r.cache.file(key, entrySuffix), r.cache.file(key, imageSuffix), r.cache.file(key, debugSuffix))
	return code{module: compiled, info: h.Info, size: h.Size, debug: debugSource{key: key}}, nil
}
