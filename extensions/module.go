package extensions

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/runtime"
)

// moduleKey names a compiled module: many installations of one bundle share it.
type moduleKey struct {
	bundle string
	limits runtime.Limits
}

// modules are the modules that are loaded on this node. They are loaded when they
// are needed, and let go of again, the one first that was called longest ago, when
// together they take more than the bound.
type modules struct {
	runtime *runtime.Runtime
	blobs   *blob.Store
	log     *slog.Logger
	metrics *metrics.Registry
	bound   int64 // bytes

	mu      sync.Mutex
	byKey   map[moduleKey]*module
	recent  list.List // of the loaded ones, the one that was called last first
	held    int64     // bytes that these take
	closing sync.WaitGroup
}

type module struct {
	key    moduleKey
	users  atomic.Int64 // calls that have it in hand
	once   sync.Mutex   // held while it is loaded
	loaded *runtime.Module
	tried  time.Time
	err    error

	// Of modules, by its lock.
	place   *list.Element // nil: not loaded
	size    int64
	dropped bool // from the others: whoever loads it at the moment does so in vain
}

// retryLoading is how long a module that could not be loaded is left alone.
const retryLoading = 5 * time.Second

// get returns the module of an installation under these limits, loading it if need
// be. It stays loaded until done is called.
func (m *modules) get(ctx context.Context, in *installation, l runtime.Limits) (loaded *runtime.Module, done func(), err error) {
	key := moduleKey{in.bundle, l}
	m.mu.Lock()
	mod := m.byKey[key]
	if mod == nil {
		mod = &module{key: key}
		m.byKey[key] = mod
	}
	mod.users.Add(1)
	if mod.place != nil {
		m.recent.MoveToFront(mod.place)
		m.mu.Unlock()
		return mod.loaded, mod.done, nil
	}
	m.mu.Unlock()
	if loaded, err = m.load(ctx, mod, in); err != nil {
		mod.done()
		return nil, nil, err
	}
	return loaded, mod.done, nil
}

func (mod *module) done() { mod.users.Add(-1) }

// load loads a module, unless somebody else just has.
func (m *modules) load(ctx context.Context, mod *module, in *installation) (*runtime.Module, error) {
	mod.once.Lock()
	defer mod.once.Unlock()
	if mod.loaded != nil {
		return mod.loaded, nil
	}
	if mod.err != nil && time.Since(mod.tried) < retryLoading {
		return nil, mod.err
	}
	mod.tried = time.Now()
	mod.loaded, mod.err = m.compile(context.WithoutCancel(ctx), in, mod.key.limits)
	took := time.Since(mod.tried)
	if mod.err != nil {
		m.metrics.ModuleLoad("failed", took)
		return nil, mod.err
	}
	m.metrics.ModuleLoad(map[bool]string{true: "cached", false: "compiled"}[mod.loaded.Cached()], took)
	m.mu.Lock()
	defer m.mu.Unlock()
	if mod.dropped {
		return mod.loaded, nil
	}
	mod.size = mod.loaded.Footprint()
	mod.place = m.recent.PushFront(mod)
	m.held += mod.size
	m.shrink()
	return mod.loaded, nil
}

func (m *modules) compile(ctx context.Context, in *installation, l runtime.Limits) (*runtime.Module, error) {
	mod, err := m.runtime.Load(ctx, runtime.Source{
		ID: sourceID(in.bundle), Class: in.tenant, Read: func(ctx context.Context) ([]byte, error) { return m.read(ctx, in) },
	}, l)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", in.extension, err)
	}
	return mod, nil
}

// sourceID names the module of a bundle for the compile cache, so that a bundle,
// which is compressed, need not be read to load it.
func sourceID(bundle string) string { return "bundle " + bundle }

// read returns the module of an installation.
func (m *modules) read(ctx context.Context, in *installation) ([]byte, error) {
	raw, err := m.blobs.ReadAll(ctx, in.bundle, MaxBundle)
	if err != nil {
		return nil, trellis.Errorf(trellis.Unavailable, "the bundle of %s could not be read: %w", in.extension, err)
	}
	b, err := ReadBundle(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("installed bundle of %s: %w", in.extension, err)
	}
	if b.Digest != in.digest {
		return nil, trellis.Errorf(trellis.Unavailable, "the bundle of %s is not the one that was installed", in.extension)
	}
	return b.Module, nil
}

// shrink lets go of modules that nobody calls at the moment until the others are
// within the bound. The one that was called last stays in any case.
func (m *modules) shrink() {
	for e := m.recent.Back(); e != nil && e != m.recent.Front() && m.held > m.bound; {
		mod := e.Value.(*module)
		e = e.Prev()
		if mod.users.Load() == 0 {
			m.log.Debug("module unloaded", "bundle", mod.key.bundle, "bytes", mod.size)
			m.drop(mod)
		}
	}
	m.metrics.Modules(m.recent.Len(), m.held)
}

// drop forgets a module, and closes it when the calls under way have ended.
func (m *modules) drop(mod *module) {
	mod.dropped = true
	delete(m.byKey, mod.key)
	if mod.place != nil {
		m.recent.Remove(mod.place)
		m.held -= mod.size
		mod.place = nil
	}
	m.closing.Go(func() {
		mod.once.Lock()
		defer mod.once.Unlock()
		if mod.loaded != nil {
			_ = mod.loaded.Close(context.Background())
		}
	})
}

// keep closes the modules that nobody has installed any more.
func (m *modules) keep(s *snapshot) {
	used := map[moduleKey]bool{}
	for _, t := range s.tenants {
		for _, in := range t.all {
			used[moduleKey{in.bundle, in.limits}] = true
			used[moduleKey{in.bundle, in.work}] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, mod := range m.byKey {
		if !used[key] {
			m.drop(mod)
		}
	}
	m.metrics.Modules(m.recent.Len(), m.held)
}

func (m *modules) close(ctx context.Context) error {
	m.keep(&snapshot{})
	done := make(chan struct{})
	go func() { m.closing.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("close extensions"), ctx.Err())
	}
}

// Loaded returns how many modules are loaded on this node, and how many bytes of
// machine code and images they take.
func (r *Registry) Loaded() (modules int, bytes int64) {
	r.modules.mu.Lock()
	defer r.modules.mu.Unlock()
	return r.modules.recent.Len(), r.modules.held
}
