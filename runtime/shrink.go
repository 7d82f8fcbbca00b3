package runtime

import "github.com/tetratelabs/wazero/experimental"

// linear is the memory of an instance as wazero sees it. WebAssembly's memories
// only grow, and wazero's do; but it takes for the memory whatever its allocator
// returns, so the allocator can answer the wish for more with less.
type linear struct {
	experimental.LinearMemory
	cut uint64 // if not 0: what it is to be, whatever is asked for
}

// Reallocate makes the first size bytes usable.
func (l *linear) Reallocate(size uint64) []byte {
	if l.cut > 0 {
		size = l.cut
	}
	return l.LinearMemory.Reallocate(size)
}

// shrink gives the memory of an instance, in which nothing runs, the size that it
// had before it grew. What is behind that is zero when it grows again. It reports
// false if that is impossible, as it is where the memory cannot grow any more.
func (inst *instance) shrink(size int) bool {
	was := int(inst.mem.Size())
	if size == 0 || was <= size {
		return was == size
	}
	if inst.mapping != nil && !inst.mapping.zero(size, was) {
		return false
	}
	inst.linear.cut = uint64(size)
	_, ok := inst.mem.Grow(1)
	inst.linear.cut = 0
	return ok && int(inst.mem.Size()) == size
}
