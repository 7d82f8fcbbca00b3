//go:build !wasip1

package guest

import (
	"errors"
	"os"
	"sync/atomic"
)

// Host answers the operations of the host API in a native test. The kind of an
// [*Error] is what the guest sees; any other error is internal to it.
type Host func(operation string, in []byte) ([]byte, error)

// answers is what answers operations in native tests.
var answers atomic.Pointer[Host]

// SetHost lets fn answer the operations of the host API in native tests, until
// restore is called; nil answers none. Tests that run at the same time share it.
func SetHost(fn func(operation string, in []byte) ([]byte, error)) (restore func()) {
	next := Host(fn)
	before := answers.Swap(&next)
	return func() { answers.Store(before) }
}

func host(operation string, in []byte) ([]byte, error) {
	fn := answers.Load()
	if fn == nil || *fn == nil {
		return nil, &Error{Unavailable, operation + ": there is no platform in a native test; give one with SetHost"}
	}
	out, err := (*fn)(operation, in)
	if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
		return nil, &Error{Internal, err.Error()} // the platform has no other errors
	}
	return out, err
}

// Filter answers a question outside of WebAssembly: it takes no part there, and
// is here so that an extension's source compiles for its tests.
func Filter(_, _ uint32, decide func(Question) Answer) uint64 { _ = decide; return 0 }

// Handle is like [Filter], for events.
func Handle(_, _ uint32, hear func(Event) error) uint64 { _ = hear; return 0 }

// Work is like [Filter], for schedules and jobs.
func Work(_, _ uint32, do func(Task) (any, error)) uint64 { _ = do; return 0 }

// Slot is like [Filter], for what is shown in a slot.
func Slot(_, _ uint32, show func(Place) (Node, error)) uint64 { _ = show; return 0 }

// Action is like [Filter], for what is asked by a button or a form.
func Action(_, _ uint32, do func(Act) (Reply, error)) uint64 { _ = do; return 0 }

// Ask puts a question to a filter as the platform does, with JSON in and out.
func Ask(in []byte, decide func(Question) Answer) (out []byte, failed bool) {
	return answer(filtered(in, decide))
}

// Tell tells a subscriber of an event as the platform does.
func Tell(in []byte, hear func(Event) error) (out []byte, failed bool) {
	return answer(handled(in, hear))
}

// Do does a part of a task as the platform does.
func Do(in []byte, do func(Task) (any, error)) (out []byte, failed bool) {
	return answer(worked(in, do))
}

// Display shows a slot as the platform does.
func Display(in []byte, show func(Place) (Node, error)) (out []byte, failed bool) {
	return answer(shown(in, show))
}

// Perform does what somebody asks for, as the platform does.
func Perform(in []byte, do func(Act) (Reply, error)) (out []byte, failed bool) {
	return answer(acted(in, do))
}

// Log writes to standard error in native tests.
func Log(_ int, text string) { _, _ = os.Stderr.WriteString(text + "\n") }
