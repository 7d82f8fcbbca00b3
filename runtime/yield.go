package runtime

import (
	"math"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

const (
	// sliceFuel is as much fuel as a guest that yields spends before it does: some
	// 20 µs of most code. The garbage collector waits no longer for it, and its
	// deadline is overrun by no more. It is this little because of code whose fuel
	// lasts longer than it should: where each load waits for memory, 25 to 400 times
	// as long, which this keeps within some milliseconds.
	sliceFuel = 50_000

	maxFuel = math.MaxInt64 / 2 // of a call: it is counted below zero too
)

// yields reports whether the guests of a module with such limits yield.
func (r *Runtime) yields(l Limits) bool { return l.Fuel > r.fuelFor(longestStretch) }

// sliceOf returns the fuel that a guest of a module with such limits gets at once.
func (r *Runtime) sliceOf(l Limits) int64 {
	if r.yields(l) {
		return sliceFuel
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
	slice := min(f.inst.m.slice, total)
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
	if f.running && f.patience > 0 && f.inst.m.rt.workers.wanted() {
		f.pause()
		if err := f.resume(); err != nil {
			f.stop(err)
		}
	}
	f.refuel(left)
}

// wanted reports whether a call waits for a slot.
func (g *gate) wanted() bool { return g.waiting.Load() > 0 }
