package instrument

// How depth is counted: every activation of a function adds the function's
// weight to the global, and takes it off when it returns.
//
// The engine gives every value that lives across a call a place of its own in
// the frame. Such are the parameters and locals, each assignment to one, each
// local at each label where ways with different values meet, and the operands
// that wait below a call's. Their number bounds the frame, to the worst that a
// hostile module can do: for the output of compilers (Go, C, Rust, Zig, TinyGo)
// and for functions made to have large frames, a unit of weight never stands for
// more than 140 bytes of the engine's stack. So recursion without end stops below
// 8 MiB; what compilers write takes 10 to 30 bytes a unit on average, so that
// real recursion gets far.
const (
	// DefaultDepth is the call depth that [Limits] allows if it does not say.
	DefaultDepth = 60_000

	baseWeight   = 2
	slotsPerUnit = 16
	// leafSlots is up to which size the frame of a function that calls nothing is
	// not counted: there is never more than one on the stack.
	leafSlots = 512
	// maxDepth keeps the sum of the depth and a weight within 32 bits.
	maxDepth = 1 << 30
)

// weight returns what an activation of the function adds to the depth, or 0 if
// it is not counted.
func (f *function) weight() int64 {
	if !f.calls && f.slots() <= leafSlots {
		return 0
	}
	return f.units()
}

// units returns what an activation weighs for the code that was read so far.
func (f *function) units() int64 {
	return min(int64(baseWeight+f.slots()/slotsPerUnit), maxDepth)
}

// slots are places in the frame, of 8 bytes.
func (f *function) slots() int {
	n := len(f.locals) + f.maxHeight + f.sets + f.held + f.merged
	if f.vectors {
		n *= 2
	}
	return n
}
