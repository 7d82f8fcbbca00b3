package runtime

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// frame is the state of one call of a guest, from the host's side. It is the
// context that wazero gets and hands to the host functions, which thereby find
// it without a search. It belongs to the instance and is used again; nothing of
// it is given to anybody else (see trace for what is).
type frame struct {
	context.Context // the caller's

	inst     *instance
	hook     string
	emit     func(level int, line string) // the caller's log, or nil
	budget   Budget
	rest     uint64        // fuel that the guest gets when it yields
	began    int64         // when, as Runtime.now says it; 0: the clock was not read yet
	deadline int64         // of the guest, pushed out by what it waited for its turns
	patience time.Duration // what is left of it
	starting bool          // _initialize and warming up: no host operations
	running  bool          // holds one of the runtime's tokens
	counted  bool          // which is counted
	slices   int           // that it has had it for
	broken   bool          // the guest must not be called again

	up *trace // the call that this one is nested in

	called    bool          // a host function: what follows is not all zero
	waited    time.Duration // for its turns, since it began
	trace     *trace        // given to the host, made when first needed
	limited   context.Context
	cancel    context.CancelFunc
	stopped   error // why a host function left the guest
	hostCalls int

	answer   []byte // of the last host operation, for read
	logLeft  int    // not zero either
	logged   int    // lines
	logFull  bool
	last     string          // the last line logged, or the one that said why
	panicked goTrace         // what it printed after that
	lines    [2]bytes.Buffer // what stands on stdout and stderr since the last line's end
}

// Value hides the caller's values from wazero, which searches them on each call.
func (f *frame) Value(any) any { return nil }

// trace tells nested calls what they are nested in. It travels in the context
// given to the host, which may keep it: it outlives the frame.
type trace struct {
	up       *trace
	module   *Module
	depth    int
	deadline int64        // as Runtime.now says it
	fuel     int64        // what the guest had left at the start of the operation
	spent    atomic.Int64 // what nested calls have used of it
	waited   atomic.Int64 // nanoseconds that nested calls waited for their turns
	open     atomic.Bool  // whether the operation is still under way
}

type traceKey struct{}

func traceFrom(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

// traceContext carries a trace; it saves the general context's bookkeeping.
type traceContext struct {
	context.Context
	trace *trace
}

func (c traceContext) Value(key any) any {
	if _, ok := key.(traceKey); ok {
		return c.trace
	}
	return c.Context.Value(key)
}

// holds reports whether a call of m is on the trace.
func (t *trace) holds(m *Module) bool {
	for ; t != nil; t = t.up {
		if t.module == m {
			return true
		}
	}
	return false
}

// begin readies the frame for a call. What host functions leave in it was
// cleared at the end of the call before.
func (f *frame) begin(ctx context.Context, hook string, emit func(int, string), b Budget, patience time.Duration, up *trace) {
	f.Context, f.hook, f.emit, f.up = ctx, hook, emit, up
	f.budget, f.patience, f.logLeft, f.began = b, patience, f.inst.m.limits.Log, 0
	f.slices = 0
	f.refuel(int64(b.Fuel))
}

// clock starts the guest's time, if it does not run yet, and returns the time.
func (f *frame) clock() int64 {
	now := f.inst.m.rt.now()
	if f.began == 0 {
		f.began = now
		f.deadline = now + int64(f.budget.Time)
	}
	return now
}

// finish logs what has no line end yet and lets go of all that belongs to the call.
func (f *frame) finish() {
	if f.called {
		f.settle()
	}
	f.Context, f.emit, f.up = nil, nil, nil
}

// settle ends what host functions began, and forgets it.
func (f *frame) settle() {
	f.flush()
	if f.cancel != nil {
		f.cancel()
	}
	if f.trace != nil {
		f.trace.open.Store(false)
	}
	f.called, f.waited, f.trace, f.limited, f.cancel, f.stopped, f.hostCalls = false, 0, nil, nil, nil, nil, 0
	f.answer, f.logged, f.logFull, f.last, f.panicked = nil, 0, false, "", goTrace{}
	for i := range f.lines {
		f.lines[i].Reset()
	}
}

// used returns the units of fuel that the call has used, nested calls included.
func (f *frame) used() uint64 {
	return f.budget.Fuel - uint64(max(f.left(), 0))
}

// charge takes fuel for work that the host does for the guest.
func (f *frame) charge(units uint64) {
	left := int64(f.inst.fuel.Get()) - int64(units)
	f.inst.fuel.Set(uint64(left))
	if left < 0 {
		f.yield()
	}
}

// stop leaves the guest for good.
func (f *frame) stop(err error) {
	f.stopped, f.broken = err, true
	panic(errStop)
}

// faultf is an error that the guest is to blame for; it will not be called again.
func (f *frame) faultf(kind error, format string, args ...any) error {
	f.broken = true
	return fmt.Errorf("%w: %s%s", kind, fmt.Sprintf(format, args...), f.lastWords())
}

// wait accounts for a wait for a turn: others are to blame for it, so the guest
// gets the time back, as far as its patience goes.
func (f *frame) wait(d time.Duration) {
	if d = min(d, f.patience); d <= 0 {
		return
	}
	f.clock()
	f.patience -= d
	f.waited += d
	f.deadline += int64(d)
	if f.cancel != nil { // the next operation gets the new deadline
		f.cancel()
		f.limited, f.cancel = nil, nil
	}
	if f.up != nil {
		f.up.waited.Add(int64(d))
	}
}

// late returns why the guest may not go on, if its time is over.
func (f *frame) late() error {
	if err := f.Context.Err(); err != nil {
		return fmt.Errorf("the caller has gone: %w", err)
	}
	if f.clock() > f.deadline {
		return fmt.Errorf("%w: %v is over", ErrTime, f.budget.Time)
	}
	return nil
}
