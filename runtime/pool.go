package runtime

import (
	"context"
	"slices"
	"time"
)

const (
	idleFor     = time.Minute     // how long an instance is kept that nobody needs
	longestWait = 5 * time.Second // for a worker, to start a module
)

// take returns an instance for a call: an idle one, or a new one. Where that has
// to be started, it says what fuel that took of the call's. The caller has a slot
// of the gate, and gives the instance back.
func (m *Module) take(ctx context.Context, at place, b Budget) (inst *instance, fuel uint64, err error) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, 0, errModuleClosed
	}
	if m.limits.Isolation == Pinned {
		inst = m.pinned[at.key]
		delete(m.pinned, at.key)
	}
	if n := len(m.idle); inst == nil && n > 0 {
		inst = m.idle[n-1]
		m.idle[n-1] = nil
		m.idle = m.idle[:n-1]
	}
	m.live++
	m.mu.Unlock()
	if inst == nil {
		inst, fuel, err = m.create(ctx, b)
	}
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.live--
		if m.closed && m.live == 0 {
			_ = m.free(ctx)
		}
		return nil, fuel, err
	}
	inst.at = at
	return inst, fuel, nil
}

// create makes an instance from the image, or by running it from its beginning,
// which the call pays for: otherwise a guest that cannot be put back could do its
// work there, beside every limit.
func (m *Module) create(ctx context.Context, b Budget) (*instance, uint64, error) {
	if im := m.image.Load(); im != nil {
		inst, err := m.fromImage(ctx, im)
		return inst, 0, err
	}
	return m.start(ctx, warmup, b)
}

// give takes an instance back after a call. A pristine one is put back to the
// image here and now, so that what a call left behind is not kept until the next.
func (m *Module) give(inst *instance, keep bool, input int) {
	ctx := context.Background() // nothing that follows waits
	if keep && m.limits.Isolation == Pristine {
		keep = m.putBack(ctx, inst, input)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live--
	var evicted *instance
	switch {
	case !keep || m.closed:
		evicted = inst
	case m.limits.Isolation == Pinned:
		evicted = m.evict()
		m.pinned[inst.at.key] = inst
	default:
		if inst.image != m.image.Load() || len(m.idle) >= m.limits.Instances {
			evicted = inst // of an older image, or of a nested call
			break
		}
		m.keep(inst)
	}
	if evicted != nil {
		evicted.close(ctx)
	}
	if m.closed && m.live == 0 {
		_ = m.free(ctx)
	}
}

// keep makes an instance wait for the next call.
func (m *Module) keep(inst *instance) {
	m.idle = append(m.idle, inst)
	if m.sweeper == nil {
		m.sweeper = time.AfterFunc(idleFor, m.sweep)
	}
}

// sweep closes the idle instances that nobody has needed for a while, and comes
// again as long as there are others. Without it a module that is called no more
// would keep what it needed in its busiest moment.
func (m *Module) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweeper = nil
	n := 0 // the first ones were used longest ago
	for n < len(m.idle) && time.Since(m.idle[n].used) >= idleFor {
		m.idle[n].close(context.Background())
		n++
	}
	m.idle = slices.Delete(m.idle, 0, n)
	if len(m.idle) > 0 {
		m.sweeper = time.AfterFunc(idleFor, m.sweep)
	}
}

// evict makes room for a pinned instance: it takes out the one that was used
// longest ago, if there are too many.
func (m *Module) evict() *instance {
	if len(m.pinned) < m.limits.Instances {
		return nil
	}
	var oldest *instance
	for _, inst := range m.pinned {
		if oldest == nil || inst.used.Before(oldest.used) {
			oldest = inst
		}
	}
	delete(m.pinned, oldest.at.key)
	return oldest
}

// putBack resets an instance. It reports false if that is impossible.
func (m *Module) putBack(ctx context.Context, inst *instance, input int) bool {
	im := inst.image
	if im == nil {
		return false
	}
	if !im.fits(inst) {
		m.grown(ctx, int(inst.mem.Size())-im.size, input)
		return false
	}
	return im.reset(inst)
}

// growth counts how often instances had to be thrown away because they had
// grown, which costs much more than putting them back.
type growth struct {
	times, attempts int
	warm            int // bytes that the allocator was made ready for
	over            bool
}

const (
	growthsBefore  = 3 // instances thrown away before another image is tried
	growthAttempts = 4
)

// grown remembers that a call grew the memory by so many bytes. Memory cannot
// shrink, so the instance is lost. If that goes on, a new image is taken after
// asking the guest's own allocator for as much: then it has the room at the
// start. (Growing it from outside would not help: an allocator asks for memory
// when it has none of its own, however large the memory is.)
func (m *Module) grown(ctx context.Context, by, input int) {
	m.mu.Lock()
	g := &m.growth
	g.times++
	if g.over || g.times < growthsBefore || m.closed || !m.rt.workers.try(ours) {
		m.mu.Unlock() // for lack of a worker: the next time
		return
	}
	defer m.rt.release(ours)
	g.times = 0
	g.attempts++
	g.over = g.attempts == growthAttempts
	g.warm = max(g.warm*2, by, input, 2*warmup)
	g.warm = min(g.warm, m.limits.Memory/2)
	warm := g.warm
	m.mu.Unlock()
	inst, _, err := m.start(ctx, warm, m.rt.startBudget())
	if err != nil {
		m.rt.log.Debug("no larger image", "warm", warm, "err", err)
		return
	}
	if err := m.begin(ctx, inst); err != nil {
		m.rt.log.Debug("no larger image", "warm", warm, "err", err)
	}
}

// free lets go of the compiled code and the image, when nothing runs any more.
func (m *Module) free(ctx context.Context) error {
	if im := m.image.Swap(nil); im != nil {
		im.close()
	}
	m.rt.explainers.forget(m)
	return m.compiled.Close(ctx)
}
