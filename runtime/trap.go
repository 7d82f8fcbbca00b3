package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/sys"
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// Trap is what ended a guest in the middle of its code: a crash, or a limit. Find
// it with [errors.As]; it wraps [ErrTrap], [ErrFuel] or [ErrMemory]. It is for the
// people who wrote the guest and those who run it.
type Trap struct {
	// Reason is what went wrong, such as "integer divide by zero" or the message
	// of a panic.
	Reason string
	// Frames are where, the innermost function first, as far as the module's names
	// and debug information tell. One stands for all of a function that calls
	// itself. After thirty, or where more was left out, comes one whose function
	// is "…".
	Frames []symbol.Frame

	spots []spot // until they are explained
	kind  error
	last  string // what the guest logged last, if the reason does not say it
}

// Error returns the reason, where it was in up to five frames, and what the guest
// logged last: "trapped: integer divide by zero at check (main.c:42) < enroll
// (main.c:60)".
func (t *Trap) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s", t.kind, t.Reason)
	for i, f := range t.Frames {
		if i == maxTraceFrames {
			b.WriteString(" < " + leftOut)
			break
		}
		b.WriteString([]string{" at ", " < "}[min(i, 1)])
		b.WriteString(f.String())
	}
	if t.last != "" {
		fmt.Fprintf(&b, " (last log line: %s)", t.last)
	}
	return b.String()
}

// Unwrap returns the sentinel, whose kind is the error's.
func (t *Trap) Unwrap() error { return t.kind }

const (
	maxTraceFrames  = 5  // that the error shows
	maxFrames       = 30 // of a trap
	engineFrames    = 30 // that the engine prints, at most
	leftOut         = "…"
	ourPanicMark    = "(recovered by wazero)" // a panic that was Go's, not the guest's
	wazeroTraceMark = "wasm stack trace:\n\t"
)

// fault says why a call of the guest ended with err, and gives it its sentinel. A
// trap has to be explained.
func (f *frame) fault(err error) error {
	if f.stopped != nil {
		return f.stopped
	}
	f.broken = true
	f.flush() // what it said last may have no end of line
	inst := f.inst
	reason, trace := takeApart(err)
	t := &Trap{Reason: reason, kind: ErrTrap}
	var exit *sys.ExitError
	switch {
	case f.left() < 0:
		t.Reason, t.kind = fmt.Sprintf("used the %d units it may", f.budget.Fuel), ErrFuel
	case inst.tooDeep():
		t.Reason = "call depth exceeded"
	case errors.As(err, &exit):
		t.Reason = fmt.Sprintf("exit code %d", int32(exit.ExitCode()))
		f.obituary(t)
	case strings.Contains(err.Error(), ourPanicMark):
		inst.m.rt.log.Error("panic while a guest ran", "hook", f.hook, "err", err)
		return trellis.Errorf(trellis.Internal, "the host panicked: %s", reason)
	case reason == "unreachable" && inst.nearlyFull():
		t.Reason, t.kind = fmt.Sprintf("%d KiB of %d KiB in use", inst.mem.Size()>>10, inst.m.info.MaxMemory*(pageSize>>10)), ErrMemory
		t.last = f.lastLine()
	case reason == "unreachable":
		f.obituary(t)
	default:
		t.last = f.lastLine()
		if reason == outOfBounds && recursive(trace) {
			t.Reason += " (endless recursion?)"
		}
	}
	if len(t.Frames) == 0 {
		t.spots = trace
	}
	return t
}

// outOfBounds is how the engine says that a guest reached outside of its memory: the
// end of a stack that it keeps there itself, as C and Rust do.
const outOfBounds = "out of bounds memory access"

// recursive reports whether a trace is as long as traces are, and of few functions.
func recursive(trace []spot) bool {
	different := map[int]bool{}
	for _, p := range trace {
		different[p.function] = true
	}
	return len(trace) == engineFrames && len(different) <= engineFrames/5
}

// obituary fills in t from what the guest printed before it gave up.
func (f *frame) obituary(t *Trap) {
	if isObituary(f.last) {
		t.Reason, t.Frames = clean(f.last, 300), f.panicked.frames
	} else {
		t.last = f.lastLine()
	}
}

// spot is where a function was when the guest ended, as the engine has it.
type spot struct {
	function int    // index in the rewritten module
	offset   uint64 // in its code section; 0: not known
}

// takeApart returns what wazero's error says: the cause, and where, the innermost
// function first. It prints a function of a guest as ".$12(i32) i32", because
// neither the module nor the function has a name, and below it the offset in the
// code, "\t0x1a2b: m:1", if the module has debug information.
func takeApart(err error) (reason string, trace []spot) {
	text, stack, _ := strings.Cut(err.Error(), wazeroTraceMark)
	reason = strings.TrimPrefix(text, "wasm error: ")
	if inner := errors.Unwrap(err); inner != nil {
		reason = inner.Error()
	}
	ours := false // the last function was one of the guest's
	for line := range strings.SplitSeq(stack, "\n\t") {
		if offset, ok := strings.CutPrefix(line, "\t0x"); ok {
			number, _, _ := strings.Cut(offset, ":")
			if at, err := strconv.ParseUint(number, 16, 32); err == nil && ours {
				trace[len(trace)-1].offset = at
			}
			continue
		}
		name, _, _ := strings.Cut(line, "(")
		index, err := strconv.Atoi(strings.TrimPrefix(name, ".$"))
		if ours = err == nil; ours {
			trace = append(trace, spot{function: index})
		}
	}
	return clean(reason, 200), trace
}

// lastLine is what the guest logged before it ended.
func (f *frame) lastLine() string { return clean(f.last, 200) }

// lastWords quotes that.
func (f *frame) lastWords() string {
	if f.last == "" {
		return ""
	}
	return fmt.Sprintf(" (last log line: %s)", f.lastLine())
}
