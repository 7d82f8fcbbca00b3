//go:build wasip1

package guest

import (
	"bytes"
	"encoding/json"
	"unsafe"
)

//go:wasmimport trellis call
func hostCall(name unsafe.Pointer, nameLen uint32, in unsafe.Pointer, inLen uint32) uint64

//go:wasmimport trellis read
func hostRead(to unsafe.Pointer, capacity, offset uint32) uint32

//go:wasmimport trellis log
func hostLog(level uint32, text unsafe.Pointer, textLen uint32)

// The buffer that inputs are written to, and the last answer: both must stay
// where they are until the next call.
var (
	input  []byte
	output []byte
)

//go:wasmexport trellis_alloc
func alloc(n uint32) uint32 {
	if n > 1<<30 {
		return 0
	}
	if input == nil {
		warm()
	}
	if int(n) > cap(input) || input == nil {
		input = make([]byte, max(n, 1024))
	}
	input = input[:cap(input)]
	return uint32(uintptr(unsafe.Pointer(&input[0])))
}

// warm reads and writes one message of each kind. The platform asks for room once
// while the module starts and keeps the memory as it is then, for every call to
// begin with: without this each call would first have to find out how the types
// are read and written, which takes several times as long as most extensions do.
func warm() {
	const sample = `{"id":"1","time":"2026-01-01T00:00:00Z","position":1,"settings":{"a":[1,"b"]},"data":{"a":null},"input":{},"state":{},"person":{"id":"1","roles":["a"]},"values":{}}`
	_, _ = answer(filtered([]byte(sample), func(q Question) Answer {
		var fields map[string]json.RawMessage
		_, _ = q.Decode(&fields), q.Configure(&fields)
		return Refuse("a", "b").Redirect("c")
	}))
	_, _ = answer(filtered([]byte(sample), func(Question) Answer { return Change(map[string]string{"a": "b"}) }))
	_, _ = answer(handled([]byte(sample), func(Event) error { return &Error{Invalid, "a"} }))
	_, _ = answer(worked([]byte(sample), func(Task) (any, error) { return nil, nil }))
	_, _ = answer(shown([]byte(sample), func(Place) (Node, error) { return nil, nil })) // no node: their code is for those who use it
	_, _ = answer(acted([]byte(sample), func(a Act) (Reply, error) {
		var fields map[string]json.RawMessage
		return Say("a", OK), a.Decode(&fields)
	}))
}

// run calls a hook with its input and hands over the answer.
func run(ptr, size uint32, hook func([]byte) (any, error)) uint64 {
	_ = ptr                              // it is where alloc said: the beginning of input
	in := bytes.Clone(input[:size:size]) // a hook may keep what it was given
	v, err := hook(in)
	var failed bool
	output, failed = answer(v, err)
	length := uint64(len(output))
	if failed {
		length |= 1 << 31
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | length
}

// Filter is the body of a filter's export.
func Filter(ptr, size uint32, decide func(Question) Answer) uint64 {
	return run(ptr, size, func(in []byte) (any, error) { return filtered(in, decide) })
}

// Handle is the body of an event's export. An error lets the event be delivered
// again, later.
func Handle(ptr, size uint32, hear func(Event) error) uint64 {
	return run(ptr, size, func(in []byte) (any, error) { return handled(in, hear) })
}

// Work is the body of a schedule's or job's export. What it returns, unless nil,
// is the state that it is called again with.
func Work(ptr, size uint32, do func(Task) (any, error)) uint64 {
	return run(ptr, size, func(in []byte) (any, error) { return worked(in, do) })
}

// Slot is the body of a slot's export. A nil node shows nothing.
func Slot(ptr, size uint32, show func(Place) (Node, error)) uint64 {
	return run(ptr, size, func(in []byte) (any, error) { return shown(in, show) })
}

// Action is the body of the export that a button or a form asks.
func Action(ptr, size uint32, do func(Act) (Reply, error)) uint64 {
	return run(ptr, size, func(in []byte) (any, error) { return acted(in, do) })
}

func host(operation string, in []byte) ([]byte, error) {
	name := []byte(operation)
	r := hostCall(unsafe.Pointer(unsafe.SliceData(name)), uint32(len(name)), unsafe.Pointer(unsafe.SliceData(in)), uint32(len(in)))
	out := make([]byte, uint32(r))
	if len(out) > 0 {
		hostRead(unsafe.Pointer(&out[0]), uint32(len(out)), 0)
	}
	if r>>32 == 0 {
		return out, nil
	}
	e := &Error{Kind: Internal}
	if err := json.Unmarshal(out, e); err != nil {
		e.Message = string(out)
	}
	return nil, e
}

// Log writes to the extension's log; levels are 0 debug, 1 info, 2 warn, 3 error.
func Log(level int, text string) {
	b := []byte(text)
	hostLog(uint32(level), unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b)))
}
