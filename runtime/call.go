package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trellis-learning/trellis"
)

// Budget narrows the limits of a module for one call; it cannot widen them. A
// zero field changes nothing.
type Budget struct {
	Fuel uint64
	Time time.Duration
}

// Call is one call of a guest.
type Call struct {
	Hook string // one of [Module.Hooks], any name for a WASI command
	In   []byte
	Dst  []byte // the answer is appended to it
	// Key names the instance of a pinned module. It is also whose the call is:
	// calls of different keys take turns.
	Key string
	// Class gathers keys that are one party, such as all extensions of a tenant:
	// classes take turns first, and the keys of a class among themselves, both at
	// the module and at [Config.Workers]. A class that floods makes only itself
	// wait, and while it does a slot of a pristine module is left to others, if there
	// are two, and a worker, if others come. Empty: the key is a class of its own.
	Class  string
	Budget Budget
	// Patience is how long the call waits in all for its turns: to begin, and to
	// go on after each host operation. It is not part of the guest's time.
	// Default: a second, or the limit of time if that is longer.
	Patience time.Duration
	// Untimed leaves [Stats].Time at zero, and has the guest's time begin when it
	// first asks for a host operation or yields, before which its fuel bounds it. To read the
	// clock twice takes half as long as all else that the host does for a call.
	Untimed bool
	// Log receives what the guest logs, with its level (0 debug, 1 info, 2 warn,
	// 3 error), while it runs and on the goroutine of Call. Lines are free of
	// control characters. Nil drops them.
	Log func(level int, line string)
}

// Stats says what a call used. It is filled in for failed calls too, as far as
// they came.
type Stats struct {
	Fuel      uint64        // units, those of nested calls included
	Setup     uint64        // units that it is worth to make another instance, if the guest was ended; not part of Fuel
	Memory    int           // bytes of linear memory at the end
	Time      time.Duration // from the first instruction to the answer, without waiting for a turn
	HostCalls int
}

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
	var s Stats
	out, err := m.call(ctx, &c, &s)
	if err != nil {
		m.explain(ctx, c.place(), err)
		return c.Dst, s, fmt.Errorf("hook %s: %w", clean(c.Hook, 100), err)
	}
	return out, s, nil
}

func (m *Module) call(ctx context.Context, c *Call, s *Stats) (out []byte, err error) {
	if c.Hook == m.hooks[0] {
		c.Hook = m.hooks[0] // the guest compares it again: pointers are compared first
	} else if !m.takes(c.Hook) {
		return nil, trellis.Errorf(trellis.NotFound, "the module has no such hook")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	up := traceFrom(ctx)
	b, err := m.budget(c.Budget, up)
	if err != nil {
		return nil, err
	}
	at, patience := c.place(), c.patience(b)
	inst, held, counted := m.unpark(at.key), aSlot, false
	if inst == nil || !m.rt.workers.tryFree() {
		var waited time.Duration
		waited, held, counted, err = m.admit(ctx, inst, at, patience, up)
		if up != nil {
			up.waited.Add(int64(waited))
		}
		if err != nil {
			return nil, err
		}
		patience -= waited
	}
	var began uint64 // fuel
	if inst == nil {
		if inst, began, err = m.take(ctx, at, b); err != nil {
			m.rt.release(at, counted)
			m.leave(at, held)
		}
		if up != nil {
			up.spent.Add(int64(began))
		}
		if err != nil {
			s.Fuel = began
			return nil, err
		}
		b.Fuel -= began
	}
	inst.at, inst.frame.counted = at, counted
	inst.prepare()
	keep := false
	defer func() {
		running, counted := inst.frame.halt()
		m.give(inst, keep, held, len(c.In))
		if running { // until here: putting the instance back, or freeing it, is work for this call, too
			m.rt.release(at, counted)
		}
	}()
	out, keep, err = inst.run(ctx, c, b, patience, up, s)
	if !keep && inst.image != nil {
		s.Setup = uint64(m.info.Setup) // without an image each call pays that before it begins, by its fuel
	}
	if up != nil {
		up.spent.Add(int64(s.Fuel))
	}
	s.Fuel += began
	return out, err
}

// usualPatience is enough for the turns of several others who each take as long
// as a guest may.
const usualPatience = time.Second

func (c *Call) patience(b Budget) time.Duration {
	if c.Patience > 0 {
		return c.Patience
	}
	return max(b.Time, usualPatience)
}

// ours is the place of what the platform does by itself: starting modules.
var ours place

func (c *Call) place() place {
	if c.Class == "" {
		return place{c.Key, c.Key}
	}
	return place{c.Class, c.Key}
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
	rest := time.Duration(up.deadline - m.rt.now())
	if rest <= 0 {
		return b, fmt.Errorf("%w: nothing of the outer call's time is left", ErrTime)
	}
	b.Time = min(b.Time, rest)
	return b, nil
}

// admit waits for the call's turns, at the module and at the workers, and says
// how long in all. A call that has an instance already, which was parked, waits
// for a worker only. If it fails, the call holds nothing.
func (m *Module) admit(ctx context.Context, inst *instance, at place, patience time.Duration, up *trace) (waited time.Duration, held holding, counted bool, err error) {
	held = aSlot
	if inst == nil {
		if err := m.arrive(); err != nil {
			return 0, nothing, false, err
		}
		if waited, held, err = m.enter(ctx, at, patience, up); err != nil {
			m.depart()
			return waited, nothing, false, err
		}
	}
	more, counted, err := m.rt.acquire(ctx, at, patience-waited)
	if err != nil {
		if inst != nil {
			m.store(inst)
			at = inst.at
		}
		m.leave(at, held)
		held = nothing
	}
	return waited + more, held, counted, err
}

// holding is what a call has of the module's gate.
type holding int

const (
	nothing holding = iota
	aClaim          // to its key
	aSlot
	aShare // a slot that counts as one of its class
)

// enter waits for the call's turn at the module; leave ends it.
func (m *Module) enter(ctx context.Context, at place, patience time.Duration, up *trace) (waited time.Duration, held holding, err error) {
	pinned := m.limits.Isolation == Pinned
	switch {
	case up.holds(m) && pinned:
		if !m.gate.claim(at.key) {
			return 0, nothing, trellis.Errorf(trellis.Conflict, "the pinned instance is busy, and this call comes from within a call")
		}
		return 0, aClaim, nil
	case up.holds(m):
		return 0, nothing, nil
	case up != nil && pinned && m.gate.isBusy(at.key):
		return 0, nothing, trellis.Errorf(trellis.Conflict, "the pinned instance is busy, and this call comes from within a call")
	}
	waited, counted, err := m.gate.enter(ctx, at, patience)
	held = aSlot
	if counted {
		held = aShare
	}
	switch {
	case errors.Is(err, errFull):
		err = trellis.Exhaustedf(time.Second, "too many calls are waiting for this module")
	case errors.Is(err, errWaited):
		err = trellis.Exhaustedf(time.Second, "the module was busy for %v", patience)
	case err != nil:
		err = fmt.Errorf("wait for the module: %w", err)
	}
	return waited, held, err
}

// leave gives back what a call holds, which then has ended.
func (m *Module) leave(at place, held holding) {
	switch held {
	case aSlot, aShare:
		m.gate.leave(at, held == aShare)
	case aClaim:
		m.gate.unclaim(at.key)
	}
	m.depart()
}
