package runtime

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
)

// usualMemory is what instances may hold together if [Config.Memory] does not say.
const usualMemory = 1 << 30

// instanceOverhead is about what an instance takes beside its memory: the engine's
// stacks and tables. Those of large modules grow with their code.
const (
	instanceOverhead = 48 << 10
	codePerOverhead  = 16
)

// Usage is what instances take at the moment.
type Usage struct {
	Instances int   // running and idle
	Memory    int64 // bytes, about, with what explains traps: an estimate from what they may have written to, or were found to have some seconds ago
}

// Usage says what the instances of all modules take.
func (r *Runtime) Usage() Usage {
	return Usage{Instances: int(r.held.instances.Load()), Memory: r.held.bytes.Load()}
}

// held counts instances and what they take.
type held struct{ instances, bytes atomic.Int64 }

// weigh notes what the instance takes now. Whoever owns it calls this when that
// has changed.
func (inst *instance) weigh() {
	h := &inst.m.rt.held
	if inst.weight == 0 {
		h.instances.Add(1)
	}
	weight := int64(instanceOverhead) + inst.m.code/codePerOverhead
	if g, ok := inst.guest.(*extismGuest); ok {
		g.weight = g.beside()
		weight += g.weight
	}
	mapped := inst.image != nil && inst.image.file != nil && inst.m.limits.Isolation == Pristine
	switch {
	case inst.cold:
	case mapped:
		weight += int64(inst.kept) // all other pages are the image's
	default:
		weight += int64(int(inst.mem.Size()) - inst.shared)
	}
	h.bytes.Add(weight - inst.weight)
	inst.weight = weight
}

// look finds out how much of its memory a pinned instance, which is idle, has of its
// own: most of a large guest's is the image's, or was never touched. What it writes
// after that is not noted until the next look. That is not done for each call, because
// it takes some 10 us a MiB.
func (inst *instance) look() {
	if inst.mapping == nil || inst.cold {
		return
	}
	size := int(inst.mem.Size())
	if own, ok := inst.mapping.own(size); ok {
		inst.shared = size - own
		inst.weigh()
	}
}

// unweigh notes that the instance is no more.
func (inst *instance) unweigh() {
	if inst.weight > 0 {
		inst.m.rt.held.instances.Add(-1)
		inst.m.rt.held.bytes.Add(-inst.weight)
		inst.weight = 0
	}
}

// shed lets go of what explains traps and closes idle instances, if all together take
// more than they may, until they take an eighth less: of all modules those first
// that were used longest ago.
// Pinned ones, which lose their state, come after all others.
func (r *Runtime) shed() {
	if r.held.bytes.Load() <= int64(r.cfg.Memory) || !r.shedding.TryLock() {
		return
	}
	defer r.shedding.Unlock()
	goal := int64(r.cfg.Memory) / 8 * 7
	r.explainers.shed(goal)
	if r.look(goal); r.held.bytes.Load() <= goal {
		return
	}
	r.discard(goal)
	if r.held.bytes.Load() <= goal {
		return
	}
	for _, m := range r.list() {
		m.clearParking() // what was used in the last seconds comes last
	}
	r.discard(goal)
}

// look looks at pinned instances that nobody has looked at yet: they may take less
// than was thought.
func (r *Runtime) look(goal int64) {
	for _, m := range r.list() {
		m.mu.Lock()
		for _, inst := range m.pinned {
			if inst.shared == 0 && r.held.bytes.Load() > goal {
				inst.look()
			}
		}
		m.mu.Unlock()
	}
}

func (r *Runtime) discard(goal int64) {
	for _, c := range r.candidates() {
		if r.held.bytes.Load() <= goal {
			return
		}
		c.inst.m.discard(c.inst)
	}
}

// candidate is an idle instance as it was when it was looked at.
type candidate struct {
	inst   *instance
	pinned bool
	used   int64
}

func (r *Runtime) candidates() (all []candidate) {
	now := r.now()
	for _, m := range r.list() {
		m.mu.Lock()
		for _, inst := range m.idle {
			all = append(all, candidate{inst, false, inst.lastUse(now)})
		}
		for _, inst := range m.pinned {
			all = append(all, candidate{inst, true, inst.lastUse(now)})
		}
		m.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.pinned != b.pinned {
			if a.pinned {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.used, b.used)
	})
	return all
}

// lastUse returns when an idle instance was used, as far as is known.
func (inst *instance) lastUse(now int64) int64 {
	if inst.fresh {
		return now
	}
	return inst.used
}

// discard closes an instance, if it still is idle.
func (m *Module) discard(inst *instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.idle, inst); i >= 0 {
		m.idle = slices.Delete(m.idle, i, i+1)
		inst.close(context.Background())
	} else if m.limits.Isolation == Pinned && m.pinned[inst.key] == inst {
		delete(m.pinned, inst.key)
		inst.close(context.Background())
	}
}
