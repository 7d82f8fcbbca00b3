package runtime

import (
	"math"
	"time"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

const (
	// sliceTime is what a slice of fuel is worth: as long as a guest that yields
	// runs before it does. The garbage collector waits no longer for it, and its
	// deadline is overrun by no more. A guest that takes longer for its fuel gets
	// less at a time, but no less than a part of slowest.
	sliceTime = 5 * time.Millisecond
	slowest   = 32

	maxFuel = math.MaxInt64 / 2 // of a call: it is counted below zero too
)

// yields reports whether the guests of a module with such limits yield.
func (r *Runtime) yields(l Limits) bool { return l.Fuel > r.fuelFor(longestStretch) }

// sliceOf returns the fuel that a guest of a module with such limits gets at once.
func (r *Runtime) sliceOf(l Limits) int64 {
	if r.yields(l) {
		return int64(r.fuelFor(sliceTime))
	}
	return maxFuel
}

// yieldFunction is what a guest that yields calls where its slice is spent.
func yieldFunction() hostFunction {
	return hostFunction{instrument.YieldModule, instrument.YieldName, "", "", 0, func(f *frame, _ []uint64) { f.yield() }}
}

// left returns the fuel that is left, less than zero if the guest has asked for
// more than it had.
func (f *frame) left() int64 { return int64(f.inst.fuel.Get()) + int64(f.rest) }

// refuel makes total what is left: the guest gets a slice of it.
func (f *frame) refuel(total int64) {
	slice := f.inst.m.slice
	if f.slice != 0 {
		slice = f.slice
	}
	slice = min(slice, total)
	f.inst.fuel.Set(uint64(slice))
	f.rest = uint64(total - slice)
}

// yield gives the guest, whose slice is spent, the next one. It leaves the guest
// for good if that was the last or its time is over, and lets others go first who
// wait for a worker.
func (f *frame) yield() {
	left := f.left()
	if left < 0 {
		f.refuel(left)
		panic(errStop) // the fuel says why
	}
	if late := f.late(); late != nil {
		f.stop(late)
	}
	if f.sliced == 0 {
		f.sliced = f.began
	}
	f.slice = pace(f.slice, f.inst.m.slice, time.Duration(f.inst.m.rt.now()-f.sliced))
	if f.running && f.patience > 0 && f.inst.m.rt.workers.wanted() {
		f.pause()
		if err := f.resume(); err != nil {
			f.stop(err)
		}
	}
	f.sliced = f.inst.m.rt.now()
	f.refuel(left)
}

// pace returns the next slice after one that took so long, 0 standing for the
// whole. Fuel that goes for waiting for memory lasts many times as long as it is
// meant to. What else took the time, such as the host's work, does no harm: slices
// grow again.
func pace(slice, whole int64, took time.Duration) int64 {
	if slice == 0 {
		slice = whole
	}
	took = max(took, sliceTime/4)
	next := int64(float64(slice) * float64(sliceTime) / float64(took))
	return min(max(next, whole/slowest), whole)
}

// wanted reports whether a call waits for a slot.
func (g *gate) wanted() bool { return g.waiting.Load() > 0 }
