package runtime

import "github.com/tetratelabs/wazero/experimental"

// allocate makes the memory of inst. It may grow to no more than the module's
// limit, whatever the compiled module says.
func (inst *instance) allocate(_, most uint64) experimental.LinearMemory {
	most = min(most, uint64(inst.m.limits.Memory))
	if !canMap {
		inst.linear.LinearMemory = &heapMemory{most: most}
	} else {
		inst.mapping = newMapping(most)
		inst.linear.LinearMemory = inst.mapping
	}
	return &inst.linear
}

// heapMemory is the memory of an instance on Go's heap.
type heapMemory struct {
	all  []byte
	most uint64
}

// Reallocate makes the first size bytes usable.
func (h *heapMemory) Reallocate(size uint64) []byte {
	switch {
	case size > h.most:
		return nil
	case size > uint64(cap(h.all)):
		room := size
		if h.all != nil { // it grows, perhaps again and again
			room = min(2*size, h.most)
		}
		all := make([]byte, size, room)
		copy(all, h.all)
		h.all = all
	}
	h.all = h.all[:size]
	return h.all[:size:size]
}

// Free lets go of the memory.
func (h *heapMemory) Free() { h.all = nil }

// free gives the memory back, unless wazero has done so: it does not where making
// an instance fails half-way.
func (inst *instance) free() {
	if inst.mapping != nil {
		inst.mapping.Free()
	}
}

// cool lets go of the pages of an idle instance's memory, until restore.
func (inst *instance) cool() {
	if g, ok := inst.guest.(*extismGuest); ok {
		g.kernel.mem = nil
	}
	if im := inst.image; !inst.cold && im != nil && inst.mapping != nil {
		if inst.cold = inst.mapping.forget(im.size); inst.cold {
			inst.kept = 0
		}
		inst.weigh()
	}
}

// restore puts back a memory that was let go of. It reports false if that is
// impossible.
func (inst *instance) restore() bool {
	inst.cold = false
	inst.weigh()
	im := inst.image
	if im.file != nil {
		return true // the pages come back by themselves
	}
	memory, ok := inst.mem.Read(0, uint32(im.size))
	if !ok {
		return false
	}
	for _, p := range im.pieces {
		copy(memory[p.at:], p.data)
	}
	return true
}
