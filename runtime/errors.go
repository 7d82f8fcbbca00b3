package runtime

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

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

// ErrAnswer is found with [errors.Is] in an error that a guest answered with, of
// whatever kind: it said so on purpose, and goes on. The message is the guest's.
var ErrAnswer = errors.New("the guest answered with an error")

// answered is an error that a guest answered with.
type answered struct{ error }

func (a answered) Unwrap() error        { return a.error }
func (a answered) Is(target error) bool { return target == ErrAnswer }

// answeredf is an error that a guest answered with.
func answeredf(k trellis.Kind, format string, args ...any) error {
	return answered{trellis.Errorf(k, format, args...)}
}

// errStop is what a host function panics with to leave the guest; the frame says why.
var errStop = errors.New("stopped by the host")

// What is nobody's fault.
var errNoMemory = trellis.Errorf(trellis.Unavailable, "no memory for another instance")

var (
	errModuleClosed  = trellis.Errorf(trellis.Unavailable, "the module is closed")
	errRuntimeClosed = trellis.Errorf(trellis.Unavailable, "the runtime is closed")
)

const (
	maxMessage     = 1000    // runes of an error message that crosses the border
	maxErrorAnswer = 8 << 10 // bytes of {"kind","message"}
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
	p := problemOf(err)
	answer, _ = json.Marshal(p) // two strings cannot fail
	return kindNumber(p.Kind), answer
}

func problemOf(err error) problem {
	p := problem{Kind: trellis.KindOf(err)}
	switch p.Kind {
	case trellis.Unavailable:
		p.Message = "not available at the moment"
	case trellis.Internal:
		p.Message = "internal error"
	default:
		p.Message = clean(err.Error(), maxMessage)
	}
	return p
}

// decodeProblem returns the error that a guest answered with.
func decodeProblem(answer []byte) error {
	var p problem
	if err := json.Unmarshal(answer, &p); err != nil {
		return answeredf(trellis.Internal, "the guest's error answer is not {kind, message}: %s", clean(string(answer), 200))
	}
	message := clean(p.Message, maxMessage)
	if message == "" {
		message = "the guest gave no message"
	}
	for _, k := range trellis.Kinds() {
		if p.Kind == k {
			return answeredf(k, "%s", message)
		}
	}
	return answeredf(trellis.Internal, "%s", message)
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
