package extensions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/runtime"
)

// moduleKey names a compiled module: many installations of one bundle share it.
type moduleKey struct {
	bundle string
	limits runtime.Limits
}

// modules are the modules that are loaded on this node.
type modules struct {
	runtime *runtime.Runtime
	blobs   *blob.Store
	mu      sync.Mutex
	byKey   map[moduleKey]*module
	closing sync.WaitGroup
}

type module struct {
	once   sync.Mutex // held while it is loaded
	loaded *runtime.Module
	tried  time.Time
	err    error
}

// get returns the module of an installation, loading it if need be.
func (m *modules) get(ctx context.Context, in *installation) (*runtime.Module, error) {
	key := moduleKey{in.bundle, in.limits}
	m.mu.Lock()
	mod := m.byKey[key]
	if mod == nil {
		mod = &module{}
		m.byKey[key] = mod
	}
	m.mu.Unlock()
	mod.once.Lock()
	defer mod.once.Unlock()
	if mod.loaded != nil {
		return mod.loaded, nil
	}
	if mod.err != nil && time.Since(mod.tried) < 5*time.Second {
		return nil, mod.err
	}
	mod.tried = time.Now()
	mod.loaded, mod.err = m.load(context.WithoutCancel(ctx), in)
	return mod.loaded, mod.err
}

func (m *modules) load(ctx context.Context, in *installation) (*runtime.Module, error) {
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
	mod, err := m.runtime.Compile(ctx, b.Module, in.limits)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", in.extension, err)
	}
	return mod, nil
}

// keep closes the modules that nobody has installed any more.
func (m *modules) keep(s *snapshot) {
	used := map[moduleKey]bool{}
	for _, t := range s.tenants {
		for _, in := range t.all {
			used[moduleKey{in.bundle, in.limits}] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, mod := range m.byKey {
		if used[key] {
			continue
		}
		delete(m.byKey, key)
		m.closing.Go(func() {
			mod.once.Lock()
			defer mod.once.Unlock()
			if mod.loaded != nil {
				_ = mod.loaded.Close(context.Background()) // waits for the calls under way
			}
		})
	}
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
