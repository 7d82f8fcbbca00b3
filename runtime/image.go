package runtime

import (
	"bytes"
	"cmp"
	"os"
	"slices"
)

// An image up to so many bytes is copied: all of the memory is compared with it,
// and put back where it differs, which costs 12 us a MiB where it lies in the
// processor's caches, and 80 us where it does not. A larger one is mapped. Where the
// system tells which pages were written to, only these are compared: 1 to 2 us, and
// 0.1 us a page. Where it does not tell, or there is no memory to keep them, they are
// dropped: the next call then pays for each page that it touches anew, 1 to 2 us, in
// large memories 7. Guests in C write some 10 pages in a call, in Go some 60.
const (
	copyLimit     = 128 << 10
	copyLimitDrop = 512 << 10 // where pages have to be dropped
)

// copyLimit returns the limit that holds on this system.
func (r *Runtime) copyLimit() int {
	switch {
	case !canMap:
		return maxMemory
	case r.scanner.works():
		return copyLimit
	}
	return copyLimitDrop
}

// image is the state of an instance after _initialize: memory and globals. It is
// not changed once made, and shared by all instances of a module.
type image struct {
	size    int      // of the memory
	pieces  []piece  // what of it is not zero, in ascending order, without overlaps
	file    *os.File // all of the memory, where it is mapped; the pieces are its then
	globals []uint64
}

// piece is a part of an image's memory. It begins at a multiple of grain.
type piece struct {
	at   int
	data []byte
}

// grain is what memory is compared by: a page of the system's.
const grain = 4096

// zeros is what a grain of unused memory looks like.
var zeros [grain]byte

// takeImage takes the image of an instance.
func takeImage(inst *instance) (*image, error) {
	view, _ := inst.mem.Read(0, inst.mem.Size())
	var globals []uint64
	for _, g := range inst.globals {
		globals = append(globals, g.Get())
	}
	return newImage(len(view), piecesOf(view), globals, inst.m.rt.copyLimit())
}

// newImage makes an image of its parts, which is mapped if it is larger than limit.
// It keeps neither the pieces nor their data.
func newImage(size int, pieces []piece, globals []uint64, limit int) (*image, error) {
	im := &image{size: size, pieces: make([]piece, len(pieces)), globals: globals}
	if size > limit {
		return im, im.put(pieces)
	}
	for i, p := range pieces {
		im.pieces[i] = piece{p.at, bytes.Clone(p.data)}
	}
	return im, nil
}

// piecesOf returns what of a memory is not zero. The data is the memory's.
func piecesOf(memory []byte) (pieces []piece) {
	for at := 0; at < len(memory); at += grain {
		end := min(at+grain, len(memory))
		if bytes.Equal(memory[at:end], zeros[:end-at]) {
			continue
		}
		if n := len(pieces); n > 0 && pieces[n-1].end() == at {
			pieces[n-1].data = memory[pieces[n-1].at:end]
		} else {
			pieces = append(pieces, piece{at, memory[at:end]})
		}
	}
	return pieces
}

func (p piece) end() int { return p.at + len(p.data) }

// adopt makes inst an instance of the image, whatever ran in it before. It
// reports false if that is impossible.
func (im *image) adopt(inst *instance) bool {
	if have := int(inst.mem.Size()); have < im.size {
		if _, ok := inst.mem.Grow(uint32((im.size - have) / pageSize)); !ok {
			return false
		}
	}
	if !im.fits(inst) {
		return false
	}
	if im.file != nil && !inst.mapping.view(im) {
		return false
	}
	inst.image = im
	inst.weigh()
	return im.reset(inst)
}

// fits reports whether the memory of inst still has the size of the image.
func (im *image) fits(inst *instance) bool { return int(inst.mem.Size()) == im.size }

// reset puts back an instance of the image, whose memory has not grown.
func (im *image) reset(inst *instance) bool {
	inst.depth.Set(0)
	for i, g := range inst.globals {
		g.Set(im.globals[i])
	}
	if im.file != nil {
		return inst.mendView(im)
	}
	memory, ok := inst.mem.Read(0, uint32(im.size))
	if ok {
		im.restore(memory, 0, im.size)
	}
	return ok
}

// restore makes the bytes from an offset to another what they are in the image. It
// says how many bytes the pages have that were something else.
func (im *image) restore(memory []byte, from, to int) (changed int) {
	next, _ := slices.BinarySearchFunc(im.pieces, from, func(p piece, from int) int { return cmp.Compare(p.end(), from+1) })
	for _, p := range im.pieces[next:] {
		if p.at >= to {
			break
		}
		start, end := max(p.at, from), min(p.end(), to)
		changed += wipe(memory[from:start])
		changed += restore(memory[start:end], p.data[start-p.at:])
		from = end
	}
	return changed + wipe(memory[from:to])
}

// wipe makes all of memory zero, and says how much was in pages that were not. Most
// usually is: reading costs less than writing, and pages that nobody ever wrote to
// stay without memory of their own.
func wipe(memory []byte) (changed int) {
	for len(memory) > 0 {
		part := memory[:min(grain, len(memory))]
		if !bytes.Equal(part, zeros[:len(part)]) {
			clear(part)
			changed += len(part)
		}
		memory = memory[len(part):]
	}
	return changed
}

// restore makes memory equal to data, and says how much was in pages that were not.
func restore(memory, data []byte) (changed int) {
	for len(memory) > 0 {
		part := memory[:min(grain, len(memory))]
		if !bytes.Equal(part, data[:len(part)]) {
			copy(part, data)
			changed += len(part)
		}
		memory, data = memory[len(part):], data[len(part):]
	}
	return changed
}
