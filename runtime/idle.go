package runtime

import (
	"context"
	"slices"
	"time"
)

const (
	sweepEvery = 5 * time.Second
	coolAfter  = 5 * time.Second // how long an unused instance keeps its pages of memory
	idleFor    = time.Minute     // how long an instance is kept that nobody needs
)

// sweepLater has the module swept, as long as it has instances that are used or
// not pinned.
func (m *Module) sweepLater() {
	if m.sweeper == nil && !m.closed {
		m.sweeper = time.AfterFunc(sweepEvery, m.sweep)
	}
}

// sweep closes the idle instances that nobody has needed for a while, and lets go
// of the memory of the others, which is restored when they are needed. Without it
// a module that is called no more would keep what it needed in its busiest moment.
func (m *Module) sweep() {
	m.clearParking()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweeper = nil
	if m.rt.closed.Load() {
		return // whoever closes it has the instances dropped
	}
	now := m.rt.now()
	again := m.calls > 0
	for _, inst := range m.pinned {
		if inst.fresh {
			inst.fresh, inst.used, again = false, now, true
			inst.look()
		}
	}
	m.idle = slices.DeleteFunc(m.idle, func(inst *instance) bool {
		if inst.fresh {
			inst.fresh, inst.used = false, now
		}
		switch unused := time.Duration(now - inst.used); {
		case unused >= idleFor:
			inst.close(context.Background())
			return true
		case unused >= coolAfter:
			inst.cool()
		}
		return false
	})
	if len(m.idle) > 0 || again {
		m.sweepLater()
	}
}

// drop closes all instances that wait for a call.
func (m *Module) drop(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropLocked(ctx)
}

func (m *Module) dropLocked(ctx context.Context) {
	for _, inst := range m.idle {
		inst.close(ctx)
	}
	for _, inst := range m.pinned {
		inst.close(ctx)
	}
	m.idle = nil
	clear(m.pinned)
	if m.sweeper != nil {
		m.sweeper.Stop()
		m.sweeper = nil
	}
}
