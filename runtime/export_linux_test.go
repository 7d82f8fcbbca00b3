package runtime

import "golang.org/x/sys/unix"

// Scans reports whether this system tells which pages were written to.
func Scans(r *Runtime) bool { return r.scanner.works() }

// StopScanning makes r put mapped memories back without the system's telling.
func StopScanning(r *Runtime) {
	r.scanner.close()
	r.scanner = &scanner{}
}

// one returns the only instance of m, which is idle.
func one(m *Module) *instance {
	m.clearParking()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.idle) != 1 {
		return nil
	}
	return m.idle[0]
}

// Memory returns all of the memory of m's only instance, and how many bytes of
// pages of its own that had when it was put back.
func Memory(m *Module) (all []byte, kept int) {
	inst := one(m)
	if inst == nil {
		return nil, 0
	}
	all, _ = inst.mem.Read(0, inst.mem.Size())
	return all, inst.kept
}

// PageOut has the system write the memory of m's only instance to its swap, if there is any.
func PageOut(m *Module) error {
	if inst := one(m); inst != nil {
		return unix.Madvise(inst.mapping.all[:inst.image.size], unix.MADV_PAGEOUT)
	}
	return nil
}
