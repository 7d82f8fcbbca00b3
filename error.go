package trellis

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind is what an error means to the caller. At each border (HTTP, a guest, the
// command line) one table maps kinds to what is usual there.
type Kind string

// The kinds of error. At a guest's border they are the numbers 1 to 8, in this
// order. Messages of Unavailable and Internal never reach users; those of the
// others do, so they must say nothing that the caller may not know.
const (
	Invalid     Kind = "invalid"     // the input is wrong: change it
	Denied      Kind = "denied"      // the actor may not do this
	Refused     Kind = "refused"     // an extension's filter said no
	NotFound    Kind = "not_found"   // there is no such thing, or none that the actor may see
	Conflict    Kind = "conflict"    // it contradicts the present state: read again, then decide
	Exhausted   Kind = "exhausted"   // a limit or quota is used up: later, or less
	Unavailable Kind = "unavailable" // something needed does not work at the moment: try again
	Internal    Kind = "internal"    // a fault of ours
)

// Kinds returns every kind, in the order of their numbers at a guest's border,
// which begin at 1.
func Kinds() []Kind {
	return []Kind{Invalid, Denied, Refused, NotFound, Conflict, Exhausted, Unavailable, Internal}
}

type kindError struct {
	kind  Kind
	err   error
	after time.Duration
}

func (e *kindError) Error() string { return e.err.Error() }
func (e *kindError) Unwrap() error { return e.err }

// Errorf is [fmt.Errorf] with a kind.
func Errorf(k Kind, format string, args ...any) error {
	return &kindError{kind: k, err: fmt.Errorf(format, args...)}
}

// Exhaustedf returns an error of kind [Exhausted] that says when to try again.
func Exhaustedf(after time.Duration, format string, args ...any) error {
	return &kindError{kind: Exhausted, err: fmt.Errorf(format, args...), after: after}
}

// KindOf returns the kind of the outermost error in err's chain that has one.
// It is [Unavailable] for a context that was cancelled or ran out of time,
// [Internal] for any other error without a kind, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var k interface{ kindOf() Kind }
	if errors.As(err, &k) {
		return k.kindOf()
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Unavailable
	}
	return Internal
}

// RetryAfter returns how long to wait before trying again, or 0 if err does not
// say.
func RetryAfter(err error) time.Duration {
	var e *kindError
	if errors.As(err, &e) {
		return e.after
	}
	return 0
}

func (e *kindError) kindOf() Kind { return e.kind }
func (r *Refusal) kindOf() Kind   { return Refused }

// Refusal is the error of a filter that said no. Its kind is [Refused]; find it
// with [errors.As]. The message is the extension's own and is shown to people.
type Refusal struct {
	Extension string  `json:"extension"` // ID of the extension that refused
	Filter    string  `json:"filter"`    // type of the filter
	Code      string  `json:"code"`      // the extension's own code, for programs
	Message   string  `json:"message"`   // for people
	Effect    *Effect `json:"effect,omitempty"`
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s refused: %s", r.Extension, r.Message)
}
