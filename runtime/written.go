package runtime

// Pages that a guest writes to cost it a unit of fuel or two like any other store,
// because fuel is the same everywhere, and which of an image's pages the system has
// to make is not. But the first store to each takes 1 to 7 us, in which nothing can
// stop the guest, and the garbage collector waits: all of 64 MiB takes a tenth of a
// second. So as many pages are kept as there is memory for, and a module that writes
// to most of its memory is given them before it runs, by the system at once and while
// the collector can work. A guest without an image has its pages made as it grows,
// which it pays for, or pays for what its data takes.

// keptMemory is how many bytes of pages of its own an instance of a mapped image may
// keep from call to call in any case. Comparing a page with the image costs a tenth
// of dropping it and having the next call make it again, or less.
const keptMemory = 1 << 20

// mayKeep returns how many bytes of pages of its own the instance may keep. More
// than keptMemory it may only while half of the budget is free, so that nobody's
// idle instance is closed for it.
func (inst *instance) mayKeep() int {
	r := inst.m.rt
	if free := r.cfg.Memory/2 - int(r.held.bytes.Load()) + inst.kept; free > keptMemory {
		return free
	}
	return keptMemory
}

// note remembers the most that a call was found to have written to.
func (m *Module) note(written int) {
	for {
		most := m.written.Load()
		if int64(written) <= most || m.written.CompareAndSwap(most, int64(written)) {
			return
		}
	}
}

// autopsy finds out what a call that was ended has written to: it will not be put
// back, and what comes instead of it may do the same.
func (inst *instance) autopsy() {
	im := inst.image
	if im == nil || im.file == nil || inst.m.written.Load() > int64(im.size/2) {
		return
	}
	if own, ok := inst.mapping.own(im.size); ok {
		inst.m.note(own)
	}
}

// prepare gives an instance the pages that its module was seen to write to, where
// they are most of the image.
func (inst *instance) prepare() {
	im := inst.image
	if im == nil || im.file == nil || im.size <= keptMemory || inst.m.written.Load() <= int64(im.size/2) || inst.kept > im.size/2 {
		return
	}
	inst.mapping.populate(im.size)
	inst.kept = im.size
	inst.weigh()
}
