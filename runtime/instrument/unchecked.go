package instrument

// How much may run without a look at the fuel. Functions that may run for long look
// when they are entered, loops at each turn; between two looks there are returns,
// and what stands behind the calls that return. A guest can call itself thousands of
// times and then run all of that at once. So code looks again
//
//   - before it has cost more since such a call returned than restCost for each unit
//     of its activation's depth: then what runs without a look on the way back from
//     the greatest depth is at most that many times [Limits].Depth,
//   - and before it has cost more than straightCost in all: long straight code, and
//     calls of functions that do not look themselves.
//
// Where it looks a region begins, which pays there for what it costs. Fuel bounds
// what a guest computes without that; but between two looks nobody sees the clock,
// and code that waits for memory takes far longer than its fuel says (price.go).
const (
	restCost     = 8
	straightCost = 16_384

	// leafBytes is how long the body of a function may be that does not look.
	leafBytes = 8 * leafCost
)

// unchecked is what may have run at most since the fuel was looked at.
type unchecked struct {
	all      int64 // in this activation, with those of its calls in which it is not looked at
	rest     int64 // since a call returned in which it was
	returned bool  // there was such a call
}

func (u *unchecked) add(fuel int64) {
	u.all += fuel
	u.rest += fuel
}

// join is what may have run where two ways meet.
func (u *unchecked) join(other unchecked) {
	switch {
	case !other.returned:
		u.all = max(u.all, other.all)
	case !u.returned:
		*u = unchecked{all: max(u.all, other.all), rest: other.rest, returned: true}
	default:
		*u = unchecked{all: max(u.all, other.all), rest: max(u.rest, other.rest), returned: true}
	}
}

// look begins a region that looks at the fuel, before an instruction, if too much
// has run without. Instructions that end a way cost next to nothing, and at the head
// of a loop it is looked at anyway.
func (f *function) look(op byte) {
	switch op {
	case opEnd, opElse, opLoop, opBr, opReturn, opUnreachable:
		return
	}
	f.lookIf(f.unchecked)
}

// lookBefore does the same before a call of function callee, or of any if that is
// negative, if with what runs there it would be too much.
func (f *function) lookBefore(callee int) {
	u := f.unchecked
	u.add(f.ahead(callee))
	f.lookIf(u)
}

func (f *function) lookIf(u unchecked) {
	if f.dead || u.all <= straightCost && (!u.returned || u.rest <= restCost*f.units()) {
		return
	}
	f.hold() // while it yields
	f.region = f.addPoint(point{kind: pointLook, parent: f.region})
	f.unchecked = unchecked{}
}

// ahead is what runs in a call at most before it looks. A function of the host's
// has its own clock.
func (f *function) ahead(callee int) int64 {
	switch {
	case callee < 0:
		return leafCost
	case callee < len(f.m.imports):
		return 0
	}
	return max(f.m.leaves[callee], 0)
}

// called counts what ran in such a call.
func (f *function) called(callee int) {
	switch {
	case f.dead:
	case callee >= len(f.m.imports) && f.m.leaves[callee] == looks:
		f.unchecked = unchecked{returned: true}
	case callee < 0 && !f.unchecked.returned: // it may have looked, or not
		f.unchecked = unchecked{all: f.unchecked.all + leafCost, returned: true}
	default:
		f.unchecked.add(f.ahead(callee))
	}
}

// looks says of a function that it looks at the fuel when it is entered.
const looks = -1

// findLeaves finds the functions that do not look: they call nothing and cost no
// more than leafCost, which is kept of each.
func (m *module) findLeaves() {
	m.leaves = make([]int64, len(m.funcs))
	f := function{m: m}
	for i, body := range m.bodies {
		index := len(m.imports) + i
		if m.leaves[index] = looks; body.end-body.pos > leafBytes {
			continue
		}
		f.reset(index, body)
		f.readLocals()
		f.instructions()
		if f.r.err == nil && !f.calls && f.cost() <= leafCost {
			m.leaves[index] = f.cost()
		}
	}
}
