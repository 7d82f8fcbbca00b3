package runtime

import (
	"math"
	"time"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

const (
	// sliceFuel is as much fuel as a guest that yields spends before it does: some
	// 20 µs of most code. The garbage collector waits no longer for it, and its
	// deadline is overrun by no more. It is this little because of code whose fuel
	// lasts longer than it should: where each load waits for memory, 25 to 400 times
	// as long, which this keeps within some milliseconds.
	sliceFuel = 50_000

	// turnSlices is how many slices, some 0.4 ms, a guest has its worker for while
	// only others of its own class wait. What they do together, such as the cards of
	// a page, takes as long however they take turns, and less if they do so seldom.
	turnSlices = 20

	// calmWorkers is how long a class must have come alone to have all workers. One
	// that comes then waits for the end of a slice, once: some 20 us, but milliseconds
	// where a guest has been made to wait for memory. With two workers, half of the
	// machine would otherwise lie idle for that.
	calmWorkers = time.Second

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
// wait for a worker: those of its own class after some slices only.
func (f *frame) yield() {
	left := f.left()
	if left < 0 {
		f.refuel(left)
		panic(errStop) // the fuel says why
	}
	if late := f.late(); late != nil {
		f.stop(late)
	}
	f.slices++
	if f.running && f.patience > 0 && f.inst.m.rt.workers.wanted(f.inst.at.class, f.slices) {
		f.pause()
		if err := f.resume(); err != nil {
			f.stop(err)
		}
	}
	f.refuel(left)
}

// wanted reports whether a call waits for the slot that one of a class has had for
// so many slices.
func (g *gate) wanted(class string, slices int) bool {
	switch {
	case g.waiting.Load() == 0:
		return false
	case slices >= turnSlices:
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.turns) > 1 || len(g.turns) == 1 && g.turns[0].name != class
}
