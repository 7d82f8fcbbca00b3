package symbol

import (
	"encoding/binary"
	"encoding/json"
)

// WithSourceMap returns the module with a source map, as it lies in a file beside
// it, in a custom section [SourceMap]. The text of the sources, which such files
// often hold as well, is left out. What is not a source map changes nothing.
func WithSourceMap(module, text []byte) []byte {
	m := newSourceMap(text)
	if m == nil {
		return module
	}
	short, err := json.Marshal(m)
	if err != nil {
		return module
	}
	body := append(binary.AppendUvarint(nil, uint64(len(SourceMap))), SourceMap...)
	body = append(body, short...)
	out := append(make([]byte, 0, len(module)+len(body)+8), module...)
	out = append(out, 0) // a custom section
	return append(binary.AppendUvarint(out, uint64(len(body))), body...)
}
