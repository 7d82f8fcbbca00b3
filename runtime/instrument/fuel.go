package instrument

// How code pays. A body is cut into regions, each of which has one way in: its
// first instruction. Regions begin at the function's entry, at the head of a
// loop, after a conditional branch, in each arm of an if, and where a block
// ends that something leaves early. Every region has one that always runs
// before it (for what follows a block: the one in which the block began).
//
// What follows a block out of which nothing leads but to its end runs as often as
// what stands before it. Both are one region, and paid for at once. (Something in
// the block may trap, or never end: then what follows was paid for in vain.)
//
// Any other region either pays for itself where it begins or lets the one before
// it pay in advance. It does the latter as long as what is paid in advance, and
// perhaps never used, stays below slack. The heads of loops and the entries of
// functions always pay themselves, so a loop pays for each turn.
//
// So what a guest pays exceeds what it uses by at most slack for each payment,
// and code with few branches pays seldom. An interpreter, one loop around a
// thousand cases, pays for the case that runs.
//
// Paying only subtracts; whether anything is left is asked at the heads of loops,
// at the entry of functions that call or cost more than leafCost, in straight code
// behind calls and in any that is long (unchecked.go), and before instructions that
// take as long as an operand says.
const slack = 64

// leafCost is what a function that calls nothing may cost without being asked: one
// of a body's limit of instructions, called as often as fits into another, runs
// for minutes.
const leafCost = 2 * slack

type pointKind byte

const (
	pointRegion pointKind = iota // pay
	pointEntry                   // of the function: pay
	pointLoop                    // pay and check
	pointLook                    // pay and check
	pointReturn                  // a return with that many blocks around it
	pointLength                  // pay for a length and check
)

// point is a place of the output at which something is put in.
type point struct {
	at      int // offset in function.out
	kind    pointKind
	value   int64 // fuel; of a return, blocks; of a length, the shift
	advance int64 // what it pays for later regions
	parent  int   // region that always runs before
	same    bool  // and after which this one always runs
	first   int   // the first of the regions that are the same: itself or one before it
	payer   int   // point that pays for the region: itself or one before it
	most    int64 // of a length: more than that costs nothing
}

// noMost is for instructions that trap where they cannot do what they are asked.
const noMost = -1

// addPoint adds p at the present end of the output.
func (f *function) addPoint(p point) int {
	p.at = len(f.out)
	f.points = append(f.points, p)
	return len(f.points) - 1
}

// enter begins a region, which runs only after the region parent has.
func (f *function) enter(parent int) {
	f.region = f.addPoint(point{kind: pointRegion, parent: parent})
}

// loop begins the region at the head of a loop.
func (f *function) loop() {
	f.hold() // while it yields
	f.region = f.addPoint(point{kind: pointLoop, parent: f.region})
	f.unchecked = unchecked{}
}

// rejoin begins the region that follows a block, which began in region parent. It
// is the same one if nothing leads out of the block but to its end.
func (f *function) rejoin(parent int, same bool) {
	f.region = f.addPoint(point{kind: pointRegion, parent: parent, same: same})
}

// settle decides who pays for what, once all is known.
func (f *function) settle() {
	for i := range f.points {
		p := &f.points[i]
		p.first = i
		if p.same {
			p.first = f.points[p.parent].first
			f.points[p.first].value += p.value
			p.value = 0
		}
	}
	for i := range f.points {
		p := &f.points[i]
		switch p.kind {
		case pointEntry, pointLoop, pointLook:
			p.payer = i
		case pointRegion:
			if p.first != i {
				p.payer = f.points[p.first].payer
				continue
			}
			p.payer = i
			before := f.points[p.parent].payer
			if payer := &f.points[before]; payer.advance+p.value <= slack {
				payer.advance += p.value
				payer.value += p.value
				p.value, p.payer = 0, before
			}
		}
	}
}

// cost returns what one run of the body costs at most, its loops taken once.
func (f *function) cost() int64 {
	var sum int64
	for _, p := range f.points {
		switch p.kind {
		case pointRegion, pointEntry, pointLoop, pointLook:
			sum += p.value
		}
	}
	return sum
}

// spend adds to the cost of the present region.
func (f *function) spend(fuel int64) {
	if !f.dead {
		f.points[f.region].value += fuel
		f.unchecked.add(fuel)
	}
}

// length makes the instruction that follows pay for the i32 on top of the stack.
// More than most costs nothing: such a growth fails at once.
func (f *function) length(shift int, most int64) {
	if f.dead {
		return
	}
	f.hold()
	f.addPoint(point{kind: pointLength, value: int64(shift), most: most})
	f.unchecked = unchecked{}
}
