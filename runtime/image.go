package runtime

import (
	"bytes"
	"os"

	"github.com/tetratelabs/wazero/experimental"
)

// copyLimit is the size of image up to which copying all of it is faster than
// taking back, by the system's page tables, what was written. Taking back costs
// little by itself, but the next call pays for each page that it touches anew: 1
// to 2 us, where copying costs about 60 us a MiB. Guests in C write some 10 pages
// in a call, in Go some 60; one that writes all of its memory pays the most, and
// would be better off with copying whatever its size.
const copyLimit = 512 << 10

// image is the state of an instance after _initialize: memory and globals. It is
// not changed once made, and shared by all instances of a module.
type image struct {
	size    int    // of the memory
	memory  []byte // the memory, where it is copied
	spans   []span
	file    *os.File // the memory, where it is mapped
	globals []uint64
}

// span is a piece of the memory that is either all zero or not.
type span struct {
	from, to int
	zero     bool
}

const grain = 4096

// newImage takes the image of an instance.
func newImage(inst *instance) (*image, error) {
	view, _ := inst.mem.Read(0, inst.mem.Size())
	im := &image{size: len(view), spans: spansOf(view)}
	for _, g := range inst.globals {
		im.globals = append(im.globals, g.Get())
	}
	return im, im.keep(func(s span) []byte { return view[s.from:s.to] })
}

func spansOf(memory []byte) (spans []span) {
	var zeros [grain]byte
	for from := 0; from < len(memory); from += grain {
		to := min(from+grain, len(memory))
		zero := bytes.Equal(memory[from:to], zeros[:to-from])
		if n := len(spans); n > 0 && spans[n-1].zero == zero {
			spans[n-1].to = to
		} else {
			spans = append(spans, span{from, to, zero})
		}
	}
	return spans
}

// keep takes in the memory, of which piece returns what is in a span that is not
// all zero.
func (im *image) keep(piece func(span) []byte) (err error) {
	if canMap && im.size > copyLimit {
		im.file, err = imageFile(im.size, im.spans, piece)
		return err
	}
	im.memory = make([]byte, im.size)
	for _, s := range im.spans {
		if !s.zero {
			copy(im.memory[s.from:s.to], piece(s))
		}
	}
	return nil
}

// fits reports whether the memory of inst still has the size of the image.
func (im *image) fits(inst *instance) bool { return int(inst.mem.Size()) == im.size }

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
	if im.file != nil && (inst.mapping == nil || !inst.mapping.view(im)) {
		return false
	}
	inst.image = im
	return im.reset(inst)
}

// reset puts back an instance of the image, whose memory has not grown.
func (im *image) reset(inst *instance) bool {
	for i, g := range inst.globals {
		g.Set(im.globals[i])
	}
	if im.file != nil {
		return inst.mapping.forget(im.size)
	}
	view, ok := inst.mem.Read(0, uint32(im.size))
	if !ok {
		return false
	}
	for _, s := range im.spans {
		if s.zero {
			clear(view[s.from:s.to])
		} else {
			copy(view[s.from:s.to], im.memory[s.from:s.to])
		}
	}
	return true
}

// close lets go of the file; instances that have it mapped keep their view.
func (im *image) close() {
	if im.file != nil {
		_ = im.file.Close()
	}
}

// allocator returns an allocator of memory for inst.
func (inst *instance) allocator() experimental.MemoryAllocator {
	if !inst.m.mapped.Load() {
		return experimental.MemoryAllocatorFunc(newHeapMemory)
	}
	return experimental.MemoryAllocatorFunc(func(_, max uint64) experimental.LinearMemory {
		inst.mapping = newMapping(max)
		return inst.mapping
	})
}
