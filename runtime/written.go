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

// relearn is after how many calls in a row that changed little of the pages that
// they were given a module is looked at anew.
const relearn = 16

// mendView puts back a view of the image.
func (inst *instance) mendView(im *image) bool {
	had := inst.kept
	own, changed, ok := inst.mapping.mend(im, inst.m.rt.scanner, inst.mayKeep())
	if had <= keptMemory && !ok {
		inst.autopsy()
	}
	if inst.m.learn(had, own, changed, ok) || !ok {
		own, ok = 0, inst.mapping.forget(im.size)
	}
	if own != inst.kept {
		inst.kept = own
		inst.weigh()
	}
	return ok
}

// learn remembers what a call was found to have written to: the pages that are the
// instance's own, if it had hardly any before. Those that it had say nothing: of them
// only what was changed tells, where it was looked at. It reports whether they are to
// be dropped, because calls in a row had no use for them: so that a module that once
// wrote to all of its memory does not have all of it compared for ever.
func (m *Module) learn(had, own, changed int, looked bool) (drop bool) {
	switch {
	case had <= keptMemory:
		m.note(own)
	case looked && changed > had/4:
		m.unused.Store(0)
	case m.unused.Add(1) >= relearn:
		m.unused.Store(0)
		m.written.Store(0)
		return true
	}
	return false
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
