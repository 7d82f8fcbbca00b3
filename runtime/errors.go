package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/sys"
	"github.com/trellis-learning/trellis"
)

// What ends a call of a guest early, for [errors.Is]. The messages that wrap
// these name the hook and the cause; they are for operators and authors of
// extensions. The kind of all is Unavailable: whoever asked did nothing wrong.
// The instance is discarded (a pinned one loses its state); the [Module] stays
// usable.
var (
	ErrFuel   = trellis.Errorf(trellis.Unavailable, "out of fuel")
	ErrTime   = trellis.Errorf(trellis.Unavailable, "out of time")
	ErrMemory = trellis.Errorf(trellis.Unavailable, "out of memory")
	ErrTrap   = trellis.Errorf(trellis.Unavailable, "trapped") // crashed, exited, or passed an impossible pointer to the host
	ErrOutput = trellis.Errorf(trellis.Unavailable, "answer too large")
)

// errStop is what a host function panics with to leave the guest; the frame says why.
var errStop = errors.New("stopped by the host")

// What is nobody's fault.
var errNoMemory = trellis.Errorf(trellis.Unavailable, "no memory for another instance")

var (
	errModuleClosed  = trellis.Errorf(trellis.Unavailable, "the module is closed")
	errRuntimeClosed = trellis.Errorf(trellis.Unavailable, "the runtime is closed")
)

const (
	maxMessage      = 1000    // runes of an error message that crosses the border
	maxErrorAnswer  = 8 << 10 // bytes of {"kind","message"}
	maxTraceFrames  = 3
	ourPanicMark    = "(recovered by wazero)" // a panic that was Go's, not the guest's
	wazeroTraceMark = "wasm stack trace:\n\t"
)

// problem is an error at the border, in both directions.
type problem struct {
	Kind    trellis.Kind `json:"kind"`
	Message string       `json:"message"`
}

// kindNumber returns the number of k at the border: 1 to 8.
func kindNumber(k trellis.Kind) int {
	for i, known := range trellis.Kinds() {
		if known == k {
			return i + 1
		}
	}
	return len(trellis.Kinds())
}

// encodeProblem returns how err looks to a guest. Messages of Unavailable and
// Internal may name what is not the guest's business, and are replaced.
func encodeProblem(err error) (kind int, answer []byte) {
	p := problem{Kind: trellis.KindOf(err)}
	switch p.Kind {
	case trellis.Unavailable:
		p.Message = "not available at the moment"
	case trellis.Internal:
		p.Message = "internal error"
	default:
		p.Message = clean(err.Error(), maxMessage)
	}
	answer, _ = json.Marshal(p) // two strings cannot fail
	return kindNumber(p.Kind), answer
}

// decodeProblem returns the error that a guest answered with.
func decodeProblem(answer []byte) error {
	var p problem
	if err := json.Unmarshal(answer, &p); err != nil {
		return trellis.Errorf(trellis.Internal, "the guest's error answer is not {kind, message}: %s", clean(string(answer), 200))
	}
	message := clean(p.Message, maxMessage)
	if message == "" {
		message = "the guest gave no message"
	}
	for _, k := range trellis.Kinds() {
		if p.Kind == k {
			return trellis.Errorf(k, "%s", message)
		}
	}
	return trellis.Errorf(trellis.Internal, "%s", message)
}

// clean makes text of a guest fit for logs and messages: valid UTF-8, no control
// characters but spaces for them, at most limit runes.
func clean(s string, limit int) string {
	if len(s) > limit*utf8.UTFMax {
		s = s[:limit*utf8.UTFMax]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit-1]) + "…"
	}
	return s
}

// fault says why a call of the guest ended with err, and gives it its sentinel.
func (f *frame) fault(err error) error {
	if f.stopped != nil {
		return f.stopped
	}
	f.broken = true
	inst := f.inst
	var exit *sys.ExitError
	switch reason, trace := trapReason(err); {
	case f.left() < 0:
		return fmt.Errorf("%w: used the %d units it may", ErrFuel, f.budget.Fuel)
	case inst.tooDeep():
		return fmt.Errorf("%w: call depth exceeded%s", ErrTrap, trace)
	case errors.As(err, &exit):
		return fmt.Errorf("%w: exit code %d%s", ErrTrap, exit.ExitCode(), f.lastWords())
	case strings.Contains(err.Error(), ourPanicMark):
		inst.m.rt.log.Error("panic while a guest ran", "hook", f.hook, "err", err)
		return trellis.Errorf(trellis.Internal, "the host panicked: %s", reason)
	case reason == "unreachable" && inst.nearlyFull():
		return fmt.Errorf("%w: %d KiB of %d KiB in use%s", ErrMemory, inst.mem.Size()>>10, inst.m.info.MaxMemory*(pageSize>>10), f.lastWords())
	default:
		return fmt.Errorf("%w: %s%s%s", ErrTrap, reason, trace, f.lastWords())
	}
}

// trapReason takes wazero's error apart: the cause, and the innermost functions.
func trapReason(err error) (reason, trace string) {
	text := err.Error()
	text, stack, _ := strings.Cut(text, wazeroTraceMark)
	reason = strings.TrimPrefix(text, "wasm error: ")
	if inner := errors.Unwrap(err); inner != nil {
		reason = inner.Error()
	}
	var names []string
	for line := range strings.SplitSeq(stack, "\n\t") {
		name, _, ok := strings.Cut(line, "(")
		if name = clean(strings.TrimPrefix(name, "."), 60); !ok || name == "" {
			continue
		}
		if names = append(names, name); len(names) == maxTraceFrames {
			break
		}
	}
	if len(names) > 0 {
		trace = " in " + strings.Join(names, " < ")
	}
	return clean(reason, 200), trace
}

// lastWords quotes what the guest logged before it ended.
func (f *frame) lastWords() string {
	if f.last == "" {
		return ""
	}
	return fmt.Sprintf(" (last log line: %s)", clean(f.last, 200))
}
