package runtime

import "github.com/tetratelabs/wazero/experimental"

// heapMemory is the memory of an instance on Go's heap. It implements wazero's
// LinearMemory. wazero's own grows by a quarter at a time, so that a guest which
// takes a page and another one has all of its memory copied and filled with zeros
// again and again, for much longer than its fuel stands for.
type heapMemory struct {
	bytes []byte
	max   uint64
}

var _ experimental.LinearMemory = (*heapMemory)(nil)

func newHeapMemory(_, max uint64) experimental.LinearMemory { return &heapMemory{max: max} }

// Reallocate makes the memory size bytes long, with room for as much again if it
// has been smaller.
func (m *heapMemory) Reallocate(size uint64) []byte {
	if size > m.max {
		return nil
	}
	if size > uint64(cap(m.bytes)) {
		room := size
		if m.bytes != nil {
			room = min(2*size, m.max)
		}
		larger := make([]byte, size, room)
		copy(larger, m.bytes)
		m.bytes = larger
	}
	m.bytes = m.bytes[:size] // what is behind the end is zero: nobody can have written there
	return m.bytes
}

// Free lets go of the memory.
func (m *heapMemory) Free() { m.bytes = nil }
