package runtime

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// Module is a compiled module with its idle instances. It is safe for concurrent
// use. Close it when it is no longer wanted.
type Module struct {
	rt        *Runtime
	compiled  wazero.CompiledModule
	code      int64 // bytes of machine code
	cached    bool  // nothing was compiled or started
	info      instrument.Info
	conv      convention
	hooks     []string
	limits    Limits
	debug     debugSource
	explained readings
	slice     int64 // fuel that a guest gets at once: if that is less than it may use, it yields
	gate      *gate
	image     atomic.Pointer[image] // nil: instances cannot be put back
	parked    parking
	uses      atomic.Int64 // of pinned instances
	written   atomic.Int64 // bytes of memory that a call was found to have written to, at most
	unused    atomic.Int64 // calls in a row that had no use for most of the pages they were given
	halted    atomic.Bool  // nothing is parked any more

	mu     sync.Mutex
	closed bool
	calls  int         // under way; each parked instance counts as one
	idle   []*instance // the last one was used last
	pinned map[string]*instance
	growth growth

	sweeper *time.Timer // of sweep; nil while there is nothing to sweep
}

// newModule returns a module that has neither an image nor an instance yet.
func newModule(r *Runtime, compiled wazero.CompiledModule, info instrument.Info, l Limits) (*Module, error) {
	conv, err := recognise(info)
	if err != nil {
		return nil, err
	}
	if err := mayIsolate(conv, l.Isolation); err != nil {
		return nil, err
	}
	m := &Module{
		rt: r, compiled: compiled, info: info, conv: conv, hooks: conv.hooks(info), limits: l, slice: r.sliceOf(l),
		gate: newGate(l.Instances, l.Isolation == Pinned), pinned: map[string]*instance{},
	}
	if l.Isolation == Pristine { // of a pinned one a key has no more than one slot anyway
		m.gate.share = max(1, l.Instances-1)
	}
	m.gate.spare = m.clearParking
	m.uses.Store(1)                      // so that an instance that was never used differs
	m.growth.over = conv != (trellis1{}) // there is no allocator to make ready
	return m, nil
}

// prime starts an instance, to see whether it starts and to keep its image.
func (m *Module) prime(ctx context.Context) error {
	_, counted, err := m.rt.acquire(ctx, ours, longestWait)
	if err != nil {
		return err
	}
	release := sync.OnceFunc(func() { m.rt.release(ours, counted) })
	defer release()
	inst, _, err := m.start(ctx, warmup, m.rt.startBudget())
	if errors.Is(err, errNoMemory) {
		return err
	}
	if err != nil {
		release()
		m.explain(ctx, ours, err)
		return trellis.Errorf(trellis.Invalid, "%w", err)
	}
	return m.begin(ctx, inst)
}

// begin keeps the image of an instance that was just started and, if it can be
// put back, the instance itself.
func (m *Module) begin(ctx context.Context, inst *instance) error {
	if !m.info.Resettable {
		inst.close(ctx)
		return nil
	}
	im, err := takeImage(inst)
	if err != nil {
		inst.close(ctx)
		return err
	}
	keep := im.adopt(inst)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		inst.close(ctx)
		im.close()
		return nil
	}
	for _, old := range m.idle {
		old.close(ctx)
	}
	clear(m.idle)
	m.idle = m.idle[:0]
	m.image.Store(im) // calls under way may still hold the one before: it is collected
	if keep {
		inst.fresh = true
		m.keep(inst)
	} else {
		inst.close(ctx)
	}
	return nil
}

// Hooks returns the names of the hooks, in alphabetical order; "*" alone says that
// every name is a hook, as with a WASI command.
func (m *Module) Hooks() []string { return slices.Clone(m.hooks) }

// Info returns what is known of the module, as [Check] does.
func (m *Module) Info() Info { return describe(m.conv, m.info) }

// Cached reports whether the module came from the cache with its image, so that
// nothing of it was compiled or started.
func (m *Module) Cached() bool { return m.cached }

// Footprint returns about how many bytes the module takes as long as it is not
// closed: its machine code and its image. Instances come on top.
func (m *Module) Footprint() int64 {
	n := m.code + moduleOverhead + int64(len(m.debug.memory))
	if im := m.image.Load(); im != nil {
		for _, p := range im.pieces {
			n += int64(len(p.data))
		}
	}
	return n
}

// moduleOverhead is what a module takes however small it is.
const moduleOverhead = 256 << 10

// arrive counts a call, unless the module or the runtime is closed; depart ends it.
func (m *Module) arrive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.rt.closed.Load():
		return errRuntimeClosed
	case m.closed:
		return errModuleClosed
	case m.calls == 0:
		if err := m.rt.begin(); err != nil {
			return err
		}
	}
	m.calls++
	return nil
}

func (m *Module) depart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls--; m.calls > 0 {
		return
	}
	if m.closed {
		_ = m.free(context.Background())
	}
	m.rt.end()
}

// Close refuses new calls and frees the instances; those that run a call are
// freed when it ends. It does not wait for them.
func (m *Module) Close(ctx context.Context) error {
	m.halt()
	m.rt.remove(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.dropLocked(ctx)
	if m.calls == 0 {
		return m.free(ctx)
	}
	return nil
}

// free lets go of the compiled code and the image, when nothing runs any more.
func (m *Module) free(ctx context.Context) error {
	if im := m.image.Swap(nil); im != nil {
		im.close()
	}
	m.rt.explainers.forget(m)
	return m.compiled.Close(ctx)
}
