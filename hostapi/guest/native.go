//go:build !wasip1

package guest

import "os"

// answers is what answers operations in native tests.
var answers = func(operation string, _ []byte) ([]byte, error) {
	return nil, &Error{"unavailable", operation + ": there is no platform in a native test; give one with SetHost"}
}

// SetHost lets fn answer the operations of the host API in native tests.
func SetHost(fn func(operation string, in []byte) ([]byte, error)) { answers = fn }

func host(operation string, in []byte) ([]byte, error) { return answers(operation, in) }

// Filter answers a question outside of WebAssembly: it takes no part there, and
// is here so that an extension's source compiles for its tests.
func Filter(_, _ uint32, decide func(Question) Answer) uint64 { _ = decide; return 0 }

// Handle is like [Filter], for events.
func Handle(_, _ uint32, hear func(Event) error) uint64 { _ = hear; return 0 }

// Work is like [Filter], for schedules and jobs.
func Work(_, _ uint32, do func(Task) (any, error)) uint64 { _ = do; return 0 }

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

// Log writes to standard error in native tests.
func Log(_ int, text string) { _, _ = os.Stderr.WriteString(text + "\n") }
