package runtime

import (
	"context"
	"errors"
	"fmt"
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
	rt       *Runtime
	compiled wazero.CompiledModule
	info     instrument.Info
	conv     convention
	hooks    []string
	limits   Limits
	gate     *gate
	mapped   atomic.Bool           // memories are mapped, not allocated
	image    atomic.Pointer[image] // nil: instances cannot be put back

	ended atomic.Bool // closed, for a first look

	mu     sync.Mutex
	closed bool
	live   int         // instances that run a call
	idle   []*instance // the last one was used last
	pinned map[string]*instance
	growth growth
}

// Budget narrows the limits of a module for one call; it cannot widen them. A
// zero field changes nothing.
type Budget struct {
	Fuel uint64
	Time time.Duration
}

// Call is one call of a guest.
type Call struct {
	Hook string // one of [Module.Hooks]
	In   []byte
	Dst  []byte // the answer is appended to it
	// Key is the class of fair admission: calls of different keys take turns.
	// For a pinned module it also names the instance.
	Key    string
	Budget Budget
	// Log receives what the guest logs, with its level (0 debug, 1 info, 2 warn,
	// 3 error), while it runs and on the goroutine of Call. Lines are free of
	// control characters. Nil drops them.
	Log func(level int, line string)
}

// Stats says what a call used. It is filled in for failed calls too, as far as
// they came.
type Stats struct {
	Fuel      uint64        // units, those of nested calls included
	Memory    int           // bytes of linear memory at the end
	Time      time.Duration // from the first instruction to the answer, without waiting for a turn
	HostCalls int
}

func newModule(ctx context.Context, r *Runtime, compiled wazero.CompiledModule, info instrument.Info, l Limits) (*Module, error) {
	conv, err := recognise(info)
	if err != nil {
		return nil, err
	}
	m := &Module{
		rt: r, compiled: compiled, info: info, conv: conv, hooks: conv.hooks(info), limits: l,
		gate: newGate(l.Instances, l.Isolation == Pinned), pinned: map[string]*instance{},
	}
	m.mapped.Store(canMap && int(info.MinMemory)*pageSize >= copyLimit)
	if err := r.acquire(ctx, longestWait); err != nil {
		return nil, err
	}
	defer r.release()
	inst, err := m.start(ctx, warmup)
	if errors.Is(err, errNoMemory) {
		return nil, err
	}
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "%w", err)
	}
	return m, m.begin(ctx, inst)
}

// begin keeps the image of an instance that was just started and, if it can be
// put back, the instance itself.
func (m *Module) begin(ctx context.Context, inst *instance) error {
	if !m.info.Resettable {
		inst.close(ctx)
		return nil
	}
	im, err := newImage(inst)
	if err != nil {
		inst.close(ctx)
		return err
	}
	if im.file != nil {
		m.mapped.Store(true) // from now on
	}
	keep := im.adopt(inst) // not if it will be mapped and this one was not
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
	m.idle = m.idle[:0]
	m.image.Store(im) // calls under way may still hold the one before: it is collected
	if keep {
		m.idle = append(m.idle, inst)
	} else {
		inst.close(ctx)
	}
	return nil
}

// Hooks returns the names of the hooks, in alphabetical order.
func (m *Module) Hooks() []string { return slices.Clone(m.hooks) }

// Info returns what is known of the module, as [Check] does.
func (m *Module) Info() Info { return describe(m.conv, m.info) }

// Call calls a hook and appends its answer to c.Dst.
//
// An error that the guest answered with has the kind and the message that it
// gave. [ErrFuel], [ErrTime], [ErrMemory], [ErrTrap] and [ErrOutput] say that the
// guest was ended. NotFound means that there is no such hook, Exhausted that too
// many calls wait or are nested, Conflict that a pinned instance which is busy
// was called from within, and Unavailable that ctx or the module has ended.
//
// A call made with the context that [Host] was given is nested: it runs in the
// slot of the guest that waits for it if it is of the same module, and uses up
// that guest's fuel and time.
func (m *Module) Call(ctx context.Context, c Call) ([]byte, Stats, error) {
	if err := m.rt.begin(); err != nil {
		return c.Dst, Stats{}, err
	}
	defer m.rt.end()
	out, s, err := m.call(ctx, c)
	if err != nil {
		return c.Dst, s, fmt.Errorf("hook %s: %w", clean(c.Hook, 100), err)
	}
	return out, s, nil
}

func (m *Module) call(ctx context.Context, c Call) (out []byte, s Stats, err error) {
	if _, ok := slices.BinarySearch(m.hooks, c.Hook); !ok {
		return nil, s, trellis.Errorf(trellis.NotFound, "the module has no such hook")
	}
	if err := ctx.Err(); err != nil {
		return nil, s, err
	}
	if m.ended.Load() {
		return nil, s, errModuleClosed
	}
	up := traceFrom(ctx)
	b, err := m.budget(c.Budget, up)
	if err != nil {
		return nil, s, err
	}
	leave, err := m.enter(ctx, c.Key, b.Time, up)
	if err != nil {
		return nil, s, err
	}
	defer leave(m, c.Key)
	if err := m.rt.acquire(ctx, b.Time); err != nil {
		return nil, s, err
	}
	inst, err := m.take(ctx, c.Key)
	if err != nil {
		m.rt.release()
		return nil, s, err
	}
	keep := false
	defer func() {
		inst.frame.pause() // if something of ours panicked
		m.give(inst, keep, len(c.In))
	}()
	out, s, keep, err = inst.run(ctx, c, b, up)
	if up != nil {
		up.spent.Add(int64(s.Fuel))
	}
	return out, s, err
}

// budget returns what a call may use: no more than the module, the caller and, if
// it is nested, the guest that waits for it have left.
func (m *Module) budget(b Budget, up *trace) (Budget, error) {
	if b.Fuel == 0 || b.Fuel > m.limits.Fuel {
		b.Fuel = m.limits.Fuel
	}
	if b.Time <= 0 || b.Time > m.limits.Time {
		b.Time = m.limits.Time
	}
	if up == nil {
		return b, nil
	}
	if !up.open.Load() {
		return b, trellis.Errorf(trellis.Unavailable, "the host operation that this call belongs to has ended")
	}
	if up.depth >= maxNesting {
		return b, trellis.Errorf(trellis.Exhausted, "calls are nested more than %d deep", maxNesting)
	}
	left := up.fuel - up.spent.Load()
	if left <= 0 {
		return b, fmt.Errorf("%w: nested calls have used what the outer one had left", ErrFuel)
	}
	b.Fuel = min(b.Fuel, uint64(left))
	rest := time.Until(up.deadline)
	if rest <= 0 {
		return b, fmt.Errorf("%w: nothing of the outer call's time is left", ErrTime)
	}
	b.Time = min(b.Time, rest)
	return b, nil
}

// enter waits for the call's turn; leave ends it. They are functions without
// state of their own, so that nothing is allocated.
func (m *Module) enter(ctx context.Context, key string, patience time.Duration, up *trace) (leave func(*Module, string), err error) {
	pinned := m.limits.Isolation == Pinned
	switch {
	case up.holds(m) && pinned:
		if !m.gate.claim(key) {
			return nil, trellis.Errorf(trellis.Conflict, "the pinned instance is busy, and this call comes from within a call")
		}
		return leaveClaim, nil
	case up.holds(m):
		return leaveNothing, nil
	case up != nil && pinned && m.gate.isBusy(key):
		return nil, trellis.Errorf(trellis.Conflict, "the pinned instance is busy, and this call comes from within a call")
	}
	if err := m.gate.enter(ctx, key, patience); err != nil {
		return nil, err
	}
	return leaveSlot, nil
}

func leaveNothing(*Module, string)     {}
func leaveClaim(m *Module, key string) { m.gate.unclaim(key) }
func leaveSlot(m *Module, key string)  { m.gate.leave(key) }

// Close refuses new calls and frees the instances; those that run a call are
// freed when it ends. It does not wait for them.
func (m *Module) Close(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.ended.Store(true)
	for _, inst := range m.idle {
		inst.close(ctx)
	}
	m.idle = nil
	for _, inst := range m.pinned {
		inst.close(ctx)
	}
	m.pinned = nil
	if m.live == 0 {
		return m.free(ctx)
	}
	return nil
}
