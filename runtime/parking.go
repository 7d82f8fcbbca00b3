package runtime

import "sync/atomic"

// parking is where idle instances wait with everything that a call needs: their
// slot at the gate and, if they are pinned, the claim to their key. A call that
// finds one there needs no lock, neither before nor after. Nothing is parked
// while a call waits for a slot: whoever begins to wait has the parking cleared
// (gate.spare), and whoever parks looks afterwards whether somebody waits, so one
// of the two sees the other.
type parking [parkingPlaces]atomic.Pointer[instance]

// parkingPlaces is how many calls of one module may be so fast at a time.
const parkingPlaces = 4

// unpark returns a parked instance that a call of key may use, and with it a slot,
// or nil.
func (m *Module) unpark(key string) *instance {
	for i := range m.parked {
		inst := m.parked[i].Load()
		if inst != nil && (m.limits.Isolation != Pinned || inst.key == key) && m.parked[i].CompareAndSwap(inst, nil) {
			return inst
		}
	}
	return nil
}

// park keeps an instance, and the slot that it holds, for the next call. It
// reports false if they are to be given back.
func (m *Module) park(inst *instance) bool {
	if m.mayNotPark() {
		return false
	}
	for i := range m.parked {
		if m.parked[i].Load() == nil && m.parked[i].CompareAndSwap(nil, inst) {
			// If another call took it meanwhile, and parked it again, it does not
			// matter whose it is.
			return !m.mayNotPark() || !m.parked[i].CompareAndSwap(inst, nil)
		}
	}
	return false
}

func (m *Module) mayNotPark() bool { return m.halted.Load() || m.gate.waiting.Load() > 0 }

// clearParking gives back what parked instances hold, as if their calls ended now.
func (m *Module) clearParking() {
	for i := range m.parked {
		if inst := m.parked[i].Swap(nil); inst != nil {
			at := inst.at // after store it is whoever's takes it
			m.store(inst)
			m.leave(at, aSlot)
		}
	}
}

// halt ends parking for good.
func (m *Module) halt() {
	m.halted.Store(true)
	m.clearParking()
}
