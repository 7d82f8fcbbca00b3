package runtime

import (
	"context"
	"time"
)

const longestWait = 5 * time.Second // for a worker, to start a module

// take returns an instance for a call: an idle one, or a new one. Where that has
// to be started, it says what fuel that took of the call's. The caller has a slot
// of the gate, and gives the instance back.
func (m *Module) take(ctx context.Context, at place, b Budget) (inst *instance, fuel uint64, err error) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, 0, errModuleClosed
	}
	known := false // by its key, which does not change
	if m.limits.Isolation == Pinned {
		inst, known = m.pinned[at.key]
		delete(m.pinned, at.key)
	}
	if n := len(m.idle); inst == nil && n > 0 {
		inst = m.idle[n-1]
		m.idle[n-1] = nil
		m.idle = m.idle[:n-1]
		if m.limits.Isolation == Pinned {
			inst.key = at.key
		}
	}
	fresh := inst == nil
	var out *instance
	if m.limits.Isolation == Pinned && !known && len(m.pinned)+m.gate.inUse(m.limits.Instances) > m.limits.Instances {
		out = m.evict()
	}
	m.sweepLater()
	m.mu.Unlock()
	if out != nil {
		out.close(ctx)
	}
	switch {
	case inst == nil:
		inst, fuel, err = m.create(ctx, b)
	case inst.cold && !inst.restore():
		inst.close(ctx)
		err = errNoMemory
	}
	if err != nil {
		return nil, fuel, err
	}
	if m.limits.Isolation == Pinned && fresh {
		inst.key = at.key
	}
	m.rt.shed()
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
func (m *Module) give(inst *instance, keep bool, held holding, input int) {
	switch {
	case !keep:
		inst.autopsy()
	case m.limits.Isolation == Pristine:
		keep = m.putBack(inst, input)
	case inst.order != m.uses.Load(): // another was used since
		inst.order = m.uses.Add(1)
	}
	if keep && held == aSlot && inst.image == m.image.Load() && m.park(inst) {
		return
	}
	at := inst.at // from then on the instance may be another's
	if keep {
		m.store(inst)
	} else {
		inst.close(context.Background())
	}
	m.leave(at, held)
}

// store makes an instance wait for the next call, or closes it if there is no
// reason to.
func (m *Module) store(inst *instance) {
	inst.weigh() // a pinned one may have grown
	if out := m.stored(inst); out != nil {
		out.close(context.Background()) // nothing of it waits
	}
}

// stored returns the instance that is to be closed instead.
func (m *Module) stored(inst *instance) *instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return inst
	case m.limits.Isolation == Pinned:
		var out *instance
		if len(m.pinned) >= m.limits.Instances {
			out = m.evict()
		}
		m.pinned[inst.key] = inst
		return out
	case inst.image != m.image.Load() || len(m.idle) >= m.limits.Instances:
		return inst // of an older image, or of a nested call
	}
	m.keep(inst)
	return nil
}

// keep makes an instance wait for the next call.
func (m *Module) keep(inst *instance) {
	m.idle = append(m.idle, inst)
	m.sweepLater()
}

// evict takes out the pinned instance that was used longest ago, nil if none is
// idle.
func (m *Module) evict() *instance {
	var oldest *instance
	for _, inst := range m.pinned {
		if oldest == nil || inst.order < oldest.order {
			oldest = inst
		}
	}
	if oldest != nil {
		delete(m.pinned, oldest.key)
	}
	return oldest
}

// putBack resets an instance. It reports false if that is impossible.
func (m *Module) putBack(inst *instance, input int) bool {
	im := inst.image
	if im == nil {
		return false
	}
	if grew := int(inst.mem.Size()) - im.size; grew > 0 {
		shrunk := inst.shrink(im.size)
		m.grown(context.Background(), grew, input)
		if !shrunk {
			return false
		}
	}
	return im.reset(inst)
}
