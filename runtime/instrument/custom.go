package instrument

// Section is a custom section, which says something of a module to people and
// tools and nothing to the engine.
type Section struct {
	Name string
	Data []byte // part of the binary
}

// Custom returns the custom sections of a module, none of which [Rewrite] keeps,
// in order. What is not a module has none from where it is wrong.
func Custom(binary []byte) []Section {
	var out []Section
	eachSection(binary, func(id byte, body span) {
		if id != secCustom {
			return
		}
		r := &reader{data: binary, pos: body.pos, end: body.end}
		if name := r.name("name of a custom section"); r.err == nil {
			out = append(out, Section{name, binary[r.pos:r.end]})
		}
	})
	return out
}

// CodeStart returns where in the binary the contents of the code section begin:
// what offsets into the code are counted from. It is 0 if there is no code.
func CodeStart(binary []byte) int {
	start := 0
	eachSection(binary, func(id byte, body span) {
		if id == secCode {
			start = body.pos
		}
	})
	return start
}

func eachSection(binary []byte, visit func(id byte, body span)) {
	const header = 8 // magic number and version
	r := &reader{data: binary, pos: min(header, len(binary)), end: len(binary)}
	for r.err == nil && r.left() > 0 {
		id := r.byte()
		size := r.count("bytes of a section", 1)
		r.bytes(size)
		if r.err == nil {
			visit(id, span{r.pos - size, r.pos})
		}
	}
}
