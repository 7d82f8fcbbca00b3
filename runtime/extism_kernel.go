package runtime

import (
	"encoding/binary"
	"math"
)

// kernel is the memory in which an Extism guest and its host leave blocks of
// bytes for each other. It lies outside of the guest, which reads and writes it
// through functions. Offsets are those of Extism's own kernel, a WebAssembly
// module: a root of 64 bytes at offset 1, then blocks one after the other, each
// behind a header of its state and sizes. The guest may write everywhere, headers
// included, so nothing that stands there is believed without a look at the
// bounds.
type kernel struct {
	mem      []byte // from the first block on, never more than length; what is not there yet reads as zeros
	length   uint64 // bytes that blocks may take up, root included: whole pages
	limit    uint64 // of length
	position uint64 // where the next block begins, from the first one on
	dirty    uint64 // nothing was written from here on
	payer    *frame // of the call that is under way: it pays for memory that is written for the first time

	input, inputLength   uint64
	output, outputLength uint64
	failure              uint64 // the block of the error's text, 0: none
}

const (
	kernelRoot   = 64
	kernelFirst  = kernelRoot + 1 // offset of the first block
	kernelHeader = 12             // status, size at 4, bytes in use at 8
	kernelSplit  = 128            // what must be left over to split a block
	kernelLeast  = 4 << 10        // bytes that are made at once
	kernelKept   = 256 << 10      // bytes that are kept from call to call
	kernelReach  = 1 << 32        // where offsets end

	blockActive = 1
	blockFree   = 2
)

// reset makes the memory that of a new instance.
func (k *kernel) reset() {
	if len(k.mem) > kernelKept {
		k.mem = nil
	}
	clear(k.mem[:min(k.dirty, uint64(len(k.mem)))])
	const length = pageSize - kernelRoot
	*k = kernel{mem: k.mem[:min(len(k.mem), length)], limit: k.limit, length: length, payer: k.payer}
}

// make makes sure that the bytes before end, which is not beyond length, are there.
func (k *kernel) make(end uint64) {
	have := uint64(len(k.mem))
	if end <= have {
		return
	}
	end = min(max(end, 2*have, kernelLeast), k.length)
	k.mem = append(k.mem, make([]byte, end-have)...)
}

// smallJump is how far behind the last byte written another may be written
// without being charged for the zeros between them.
const smallJump = 64

// touch is make for bytes that are about to be written. It charges for what the
// host has to clear, or will, before it does so: that behind what had been written
// before. How much of it was there already, from an earlier call, makes no
// difference, so that a call costs the same whatever came before. Memory that is
// not kept is the system's each time anew, which costs more.
func (k *kernel) touch(end uint64) {
	if end <= k.dirty {
		return
	}
	if k.payer != nil && end-k.dirty > smallJump {
		kept := min(end, kernelKept) - min(k.dirty, kernelKept)
		k.payer.charge(kept/perUnit + (end-k.dirty-kept)*perNewByte)
	}
	k.make(end)
	k.dirty = end
}

// endless is a number of blocks to look at that nothing reaches.
const endless = math.MaxInt

// alloc returns the offset of a new block, 0 if there is no room, and how many
// blocks were looked at: no more than most.
func (k *kernel) alloc(n uint64, most int) (offset uint64, steps int) {
	if n == 0 || n > k.limit {
		return 0, 0
	}
	need, left := n+kernelHeader, k.length-k.position-kernelRoot
	if need >= left {
		if need <= k.position {
			if offset, steps = k.again(n, most); offset != 0 {
				return offset, steps
			}
		}
		grow := (need - left + pageSize - 1) / pageSize * pageSize
		if k.length+grow > k.limit {
			return 0, steps
		}
		k.length += grow
	}
	at := k.position
	k.position += need
	k.touch(at + kernelHeader)
	k.describe(at, blockActive, n, n)
	return kernelFirst + at + kernelHeader, steps
}

// again finds room in a block that was freed.
func (k *kernel) again(n uint64, most int) (offset uint64, steps int) {
	for at := uint64(0); at < k.position && steps < most; {
		steps++
		status, size, _ := k.header(at)
		data := at + kernelHeader
		if status != blockFree || size < n || data+size > k.position {
			at = data + size
			continue
		}
		if rest := size - n; rest >= kernelSplit { // the end of it is taken
			rest -= kernelHeader
			k.describe(at, blockFree, rest, 0)
			at, size = data+rest, n
			data = at + kernelHeader
		}
		k.touch(data)
		k.describe(at, blockActive, size, n)
		return kernelFirst + data, steps
	}
	return 0, steps
}

// header reads what may have been written there by the guest.
func (k *kernel) header(at uint64) (status byte, size, used uint64) {
	if at+kernelHeader > uint64(len(k.mem)) {
		return 0, 0, 0
	}
	h := k.mem[at : at+kernelHeader]
	return h[0], uint64(binary.LittleEndian.Uint32(h[4:])), uint64(binary.LittleEndian.Uint32(h[8:]))
}

func (k *kernel) describe(at uint64, status byte, size, used uint64) {
	h := k.mem[at : at+kernelHeader]
	h[0] = status
	binary.LittleEndian.PutUint32(h[4:], uint32(size))
	binary.LittleEndian.PutUint32(h[8:], uint32(used))
}

// find looks for the block in use whose bytes begin at offset, among the first
// blocks: no more than most.
func (k *kernel) find(offset uint64, most int) (at, used uint64, steps int, ok bool) {
	want := offset - kernelFirst - kernelHeader
	if want >= k.position { // offsets of the root wrap around
		return 0, 0, 0, false
	}
	for at <= want && steps < most {
		steps++
		status, size, used := k.header(at)
		if at == want {
			return at, used, steps, status == blockActive
		}
		at += kernelHeader + size
	}
	return 0, 0, steps, false
}

// free gives a block back.
func (k *kernel) free(offset uint64, most int) (steps int) {
	at, _, steps, ok := k.find(offset, most)
	if ok {
		k.mem[at] = blockFree
		if offset == k.input {
			k.inputLength = 0
		}
	}
	return steps
}

// lengthUnsafe returns the length of a block whose offset is known to be one.
func (k *kernel) lengthUnsafe(offset uint64) uint64 {
	at := offset - kernelFirst - kernelHeader
	if at >= k.position {
		return 0
	}
	status, _, used := k.header(at)
	if status != blockActive {
		return 0
	}
	return used
}

// within reports whether n bytes at offset lie where blocks may.
func (k *kernel) within(offset, n uint64) bool {
	return offset >= kernelFirst && offset < kernelReach && n <= kernelReach && offset+n <= kernelFirst+k.length
}

// view returns n bytes at offset, which are valid until something is allocated.
func (k *kernel) view(offset, n uint64) (b []byte, ok bool) {
	if n == 0 {
		return nil, true
	}
	if !k.within(offset, n) {
		return nil, false
	}
	at := offset - kernelFirst
	k.touch(at + n)
	return k.mem[at : at+n : at+n], true
}

// appendTo appends n bytes at offset to dst, without a need for those to be there
// that were never written.
func (k *kernel) appendTo(dst []byte, offset, n uint64) (b []byte, ok bool) {
	if n == 0 {
		return dst, true
	}
	if !k.within(offset, n) {
		return dst, false
	}
	at, have := offset-kernelFirst, uint64(len(k.mem))
	there := k.mem[min(at, have):min(at+n, have)]
	dst = append(dst, there...)
	return append(dst, make([]byte, n-uint64(len(there)))...), true
}

// put copies b into a new block: 0 for none at all.
func (k *kernel) put(b []byte) (offset uint64, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	if offset, _ = k.alloc(uint64(len(b)), endless); offset == 0 {
		return 0, false
	}
	at := offset - kernelFirst
	k.touch(at + uint64(len(b)))
	copy(k.mem[at:], b)
	return offset, true
}

// load8 and store8 take what is outside of the memory for zero and for nothing.
func (k *kernel) load8(offset uint64) byte {
	if at := offset - kernelFirst; at < uint64(len(k.mem)) {
		return k.mem[at]
	}
	return 0
}

func (k *kernel) store8(offset uint64, v byte) {
	at := offset - kernelFirst
	if at >= k.dirty {
		if !k.within(offset, 1) {
			return
		}
		k.touch(at + 1)
	}
	k.mem[at] = v
}

// load64 reports false for what is not in the memory at all.
func (k *kernel) load64(offset uint64) (v uint64, ok bool) {
	at, have := offset-kernelFirst, uint64(len(k.mem))
	if at < have && have-at >= 8 {
		return binary.LittleEndian.Uint64(k.mem[at:]), true
	}
	return k.edge64(offset)
}

// edge64 is load64 where not all of the bytes are there.
func (k *kernel) edge64(offset uint64) (v uint64, ok bool) {
	if offset+8 > kernelFirst+k.length || offset >= kernelReach {
		return 0, false
	}
	for i := range uint64(8) {
		v |= uint64(k.load8(offset+i)) << (8 * i)
	}
	return v, true
}

// store64 reports false for what is not in the memory at all; what is written to
// the root, as by a guest that was given no block, is lost.
func (k *kernel) store64(offset, v uint64) bool {
	at := offset - kernelFirst
	end := at + 8
	if end < 8 || end > k.dirty {
		if !k.within(offset, 8) {
			return offset < kernelFirst
		}
		k.touch(end)
	}
	binary.LittleEndian.PutUint64(k.mem[at:], v)
	return true
}
