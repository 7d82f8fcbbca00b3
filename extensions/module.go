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
	"github.com/trellis-learning/trellis/extensions/bundle"
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
	closed  bool
	closing sync.WaitGroup // what is loaded and closed at the moment
}

type module struct {
	key   moduleKey
	users atomic.Int64 // calls that have it in hand

	// Of modules, by its lock.
	loading *loading // under way; nil: not at the moment
	loaded  *runtime.Module
	tried   time.Time // when it could not be loaded
	err     error
	place   *list.Element // nil: not loaded
	size    int64
	dropped bool // from the others: what is loading at the moment is so in vain
}

// loading is a module on its way, for which calls wait.
type loading struct {
	done   chan struct{} // closed when it has ended
	cancel context.CancelFunc
	loaded *runtime.Module
	err    error
}

const (
	// retryLoading is how long a module that could not be loaded is left alone.
	retryLoading = 5 * time.Second
	// loadPatience is how long a call waits for its module that says nothing of it.
	loadPatience = 10 * time.Second
)

var errModulesClosed = trellis.Errorf(trellis.Unavailable, "extensions are closed")

// get returns the module of an installation under these limits, loading it if need
// be. It stays loaded until done is called. Whoever waits for it waits until ctx
// ends or patience does, and the module is loaded all the same: then the error is
// of kind Unavailable.
func (m *modules) get(ctx context.Context, in *installation, l runtime.Limits, patience time.Duration) (loaded *runtime.Module, done func(), err error) {
	key := moduleKey{in.bundle, l}
	m.mu.Lock()
	mod := m.byKey[key]
	if mod == nil {
		mod = &module{key: key}
		m.byKey[key] = mod
	}
	if mod.place != nil {
		mod.users.Add(1)
		m.recent.MoveToFront(mod.place)
		m.mu.Unlock()
		return mod.loaded, mod.done, nil
	}
	way, err := m.begin(ctx, mod, in)
	if err == nil {
		mod.users.Add(1)
	}
	m.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	if err := way.wait(ctx, in, patience); err != nil {
		mod.done()
		return nil, nil, err
	}
	return way.loaded, mod.done, nil
}

func (mod *module) done() { mod.users.Add(-1) }

// begin begins to load a module, unless that is under way or has just failed. It
// goes on when whoever began it has gone. The lock is held.
func (m *modules) begin(ctx context.Context, mod *module, in *installation) (*loading, error) {
	switch {
	case m.closed:
		return nil, errModulesClosed
	case mod.loading != nil:
		return mod.loading, nil
	case mod.err != nil && time.Since(mod.tried) < retryLoading:
		return nil, mod.err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	way := &loading{done: make(chan struct{}), cancel: cancel}
	mod.loading = way
	m.closing.Go(func() {
		defer cancel()
		m.load(ctx, mod, in, way)
	})
	return way, nil
}

func (l *loading) wait(ctx context.Context, in *installation, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return fmt.Errorf("wait for %s to be loaded: %w", in.extension, ctx.Err())
	case <-timer.C:
		return trellis.Errorf(trellis.Unavailable, "%s was not loaded within %v", in.extension, patience.Round(time.Millisecond))
	}
}

// load loads a module for all that wait for it.
func (m *modules) load(ctx context.Context, mod *module, in *installation, way *loading) {
	began := time.Now()
	way.loaded, way.err = m.compile(ctx, in, mod.key.limits)
	took := time.Since(began)
	defer close(way.done)
	m.mu.Lock()
	defer m.mu.Unlock()
	mod.loading, mod.loaded, mod.err = nil, way.loaded, way.err
	if way.err != nil {
		mod.tried = time.Now()
		m.metrics.ModuleLoad("failed", took)
		return
	}
	m.metrics.ModuleLoad(map[bool]string{true: "cached", false: "compiled"}[way.loaded.Cached()], took)
	if mod.dropped {
		m.closeLater(way.loaded)
		return
	}
	mod.size = way.loaded.Footprint()
	mod.place = m.recent.PushFront(mod)
	m.held += mod.size
	m.shrink()
}

func (m *modules) compile(ctx context.Context, in *installation, l runtime.Limits) (*runtime.Module, error) {
	mod, err := m.runtime.Load(ctx, runtime.Source{
		ID: sourceID(in.bundle), Class: in.tenant, Key: in.owner.Course, Read: func(ctx context.Context) ([]byte, error) { return m.read(ctx, in) },
	}, l)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", in.extension, err)
	}
	return mod, nil
}

// sourceID names the module of a bundle for the compile cache, so that a bundle,
// which is compressed, need not be read to load it.
func sourceID(blob string) string { return "bundle " + blob }

// read returns the module of an installation.
func (m *modules) read(ctx context.Context, in *installation) ([]byte, error) {
	raw, err := m.blobs.ReadAll(ctx, in.bundle, bundle.MaxSize)
	if err != nil {
		return nil, trellis.Errorf(trellis.Unavailable, "the bundle of %s could not be read: %w", in.extension, err)
	}
	b, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
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
		m.closeLater(mod.loaded)
	}
}

func (m *modules) closeLater(loaded *runtime.Module) {
	m.closing.Go(func() { _ = loaded.Close(context.Background()) })
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
	m.mu.Lock()
	m.closed = true
	for _, mod := range m.byKey {
		if mod.loading != nil {
			mod.loading.cancel()
		}
	}
	m.mu.Unlock()
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
