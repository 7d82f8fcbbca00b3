package symbol

import (
	"encoding/binary"
	"encoding/json"
	"strings"
)

// ShortSourceMap returns a source map with nothing in it that places are not
// found by, such as the text of the sources. What is not a source map comes back
// as it is.
func ShortSourceMap(text []byte) []byte {
	m := newSourceMap(text, maxSourceFile)
	if m == nil {
		return text
	}
	short, err := json.Marshal(m)
	if err != nil {
		return text
	}
	return short
}

// WithSourceMap returns the module with a source map, as it lies in a file beside
// it, in a custom section [SourceMap]. What is not a source map changes nothing.
func WithSourceMap(module, text []byte) []byte {
	if newSourceMap(text, maxSourceFile) == nil {
		return module
	}
	short := ShortSourceMap(text)
	body := append(binary.AppendUvarint(nil, uint64(len(SourceMap))), SourceMap...)
	body = append(body, short...)
	out := append(make([]byte, 0, len(module)+len(body)+8), module...)
	out = append(out, 0) // a custom section
	return append(binary.AppendUvarint(out, uint64(len(body))), body...)
}

// WithoutDWARF returns the module without its sections of DWARF, and how many
// bytes these were. Names of functions stay.
func WithoutDWARF(module []byte) (stripped []byte, saved int) {
	const header = 8
	work := 16 * len(module)
	r := reader{data: module, pos: min(header, len(module)), work: &work}
	out := append(make([]byte, 0, len(module)), module[:r.pos]...)
	for r.left() > 0 {
		from := r.pos
		id := r.byte()
		body := reader{data: r.bytes(r.uint()), work: &work}
		if r.bad {
			return module, 0 // whoever reads the module says what is wrong
		}
		if id == 0 && strings.HasPrefix(string(body.bytes(body.uint())), ".debug_") {
			continue
		}
		out = append(out, module[from:r.pos]...)
	}
	return out, len(module) - len(out)
}
