package instrument

import "github.com/trellis-learning/trellis"

// hollowBody is a function without locals that traps, preceded by its size.
var hollowBody = [...]byte{3, 0, 0x00, opEnd}

// markSection is the name of the custom section by which hollow modules differ
// whose functions have the same types.
const markSection = "trellis.of"

// Hollow returns a module that [Rewrite] made with empty functions, and a mark:
// what an engine needs beside the machine code of the functions themselves. With
// the machine code at hand, there is neither a reason to keep their bodies nor to
// read and check them at each start of a server. The mark must be different for
// different modules.
func Hollow(module []byte, mark string) ([]byte, error) {
	r := &reader{data: module, pos: len("\x00asm\x01\x00\x00\x00"), end: len(module)}
	if len(module) < r.pos {
		return nil, trellis.Errorf(trellis.Invalid, "not a WebAssembly module")
	}
	out := append(make([]byte, 0, len(module)), module[:r.pos]...)
	for r.err == nil && r.left() > 0 {
		from := r.pos
		id := r.byte()
		body := reader{data: module, end: r.pos}
		size := r.count("bytes of a section", 1)
		body.pos = r.pos
		r.bytes(size)
		body.end = r.pos
		if id != secCode {
			out = append(out, module[from:r.pos]...)
			continue
		}
		n := body.count("functions", 2)
		if body.err != nil {
			return nil, body.err
		}
		count := appendUint(nil, n)
		out = appendUint(append(out, secCode), len(count)+n*len(hollowBody))
		out = append(out, count...)
		for range n {
			out = append(out, hollowBody[:]...)
		}
	}
	content := append(appendName(nil, markSection), mark...)
	out = appendUint(append(out, 0), len(content))
	return append(out, content...), r.err
}
