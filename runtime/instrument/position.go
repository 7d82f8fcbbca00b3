package instrument

import "encoding/binary"

// How a trap finds its line. The engine knows, for a place in its machine code,
// the offset of the instruction in the code section that it compiled, but only
// of modules that bring DWARF; and what it compiled is not what the author's
// tools described. So a module that came with DWARF or a source map gets a few
// bytes of DWARF of ours (debugSections), of which the engine prints nothing but
// the offset, and [PositionsOf] says where that was in the original.

// Names of custom sections that make a module traceable.
const (
	dwarfSection = ".debug_line"
	// SourceMapSection holds the source map of a module, as JSON. Whoever has the
	// map in a file of its own may append it to the module as such a section.
	SourceMapSection = "trellis.sourcemap"
	sourceMapURL     = "sourceMappingURL"
)

// maxTraced is the size of the code up to which the engine is made to keep
// offsets: it keeps two words for almost every instruction.
const maxTraced = 1 << 20

// Traceable reports whether [Rewrite] makes the engine say at which instruction a
// module trapped: it brings DWARF or a source map, and is not too large.
func Traceable(binary []byte) bool {
	told, code := false, 0
	eachSection(binary, func(id byte, body span) {
		switch id {
		case secCode:
			code = body.end - body.pos
		case secCustom:
			r := &reader{data: binary, pos: body.pos, end: body.end}
			switch r.name("name of a custom section") {
			case dwarfSection, SourceMapSection, sourceMapURL:
				told = true
			}
		}
	})
	return told && code <= maxTraced
}

// Positions says where the instructions of a rewritten module stood in the
// original. It may be stored. The zero value knows nothing.
type Positions []byte

// PositionsOf returns the positions of a module that [Rewrite] accepts under the
// same limits; errors are the same.
func PositionsOf(binary []byte, l Limits) (Positions, error) {
	m, err := parse(binary, l.withDefaults())
	if err != nil {
		return nil, err
	}
	m.marking = true
	code, err := m.rewriteCode()
	if err != nil {
		return nil, err
	}
	return m.positions(code), nil
}

// Original returns the offset of an instruction in the code section of the
// original, given the one in the code section that [Rewrite] wrote. What was put
// in counts as the instruction before which it stands.
func (p Positions) Original(offset uint64) (original uint64, ok bool) {
	var at, in uint64
	for len(p) > 0 {
		step, n := binary.Uvarint(p)
		if n <= 0 {
			return 0, false
		}
		move, k := binary.Varint(p[n:])
		if k <= 0 {
			return 0, false
		}
		if at+step > offset {
			return min(in+offset-at, in+uint64(move)), ok
		}
		at, in, ok = at+step, in+uint64(move), true
		p = p[n+k:]
	}
	return in + offset - at, ok
}

// mark says that what stands at out in a function's new body begins, in the
// binary, at in; until the next mark both go on alike.
type mark struct{ out, in int }

// markInstruction notes where the instruction that begins at the present end of
// the output was, if that does not follow from the one before.
func (f *function) markInstruction(at int) {
	if !f.m.marking {
		return
	}
	if n := len(f.marks); n == 0 || f.marks[n-1].in-f.marks[n-1].out != at-len(f.out) {
		f.marks = append(f.marks, mark{len(f.out), at})
	}
}

// put says that what stood at out stands at to once our code is between.
type put struct{ out, to int }

func (f *function) markPut(out, to int) {
	if !f.m.marking {
		return
	}
	if n := len(f.puts); n == 0 || f.puts[n-1].to-f.puts[n-1].out != to-out {
		f.puts = append(f.puts, put{out, to})
	}
}

// placed returns the marks of the finished body, which begins with head bytes that
// say how long it is.
func (f *function) placed(head int) []mark {
	var out []mark
	delta, shift := 0, 0
	marks, puts := f.marks, f.puts
	for len(marks) > 0 || len(puts) > 0 {
		at := 0
		if len(puts) == 0 || len(marks) > 0 && marks[0].out <= puts[0].out {
			at, delta = marks[0].out, marks[0].in-marks[0].out
			marks = marks[1:]
		} else {
			at, shift = puts[0].out, puts[0].to-puts[0].out
			puts = puts[1:]
		}
		out = append(out, mark{head + at + shift, at + delta})
	}
	return out
}

// positions encodes the marks of all bodies: pairs of how far the output, and
// how far the original has moved on.
func (m *module) positions(code [][]byte) Positions {
	var b []byte
	at := len(appendUint(nil, len(code)))
	out, in := 0, m.codeStart
	for i, marks := range m.marks {
		for _, k := range marks {
			b = binary.AppendUvarint(b, uint64(at+k.out-out))
			b = binary.AppendVarint(b, int64(k.in-in))
			out, in = at+k.out, k.in
		}
		at += len(code[i])
	}
	return b
}

// debugSections is DWARF 2 of one compilation unit with one line, over all code
// that there can be. The engine takes nothing from it, but prints offsets.
func debugSections() []Section {
	const highest = "\xff\xff\xff\x7f"
	abbrev := "\x01\x11\x00" + // 1: a compilation unit without children
		"\x10\x06" + "\x11\x01" + "\x12\x01" + // lines, first and last address
		"\x00\x00\x00"
	info := "\x02\x00" + "\x00\x00\x00\x00" + "\x04" + // version, abbreviations, size of addresses
		"\x01" + "\x00\x00\x00\x00" + "\x01\x00\x00\x00" + highest
	header := "\x01\x01\x00\x01\x0a" + "\x00\x01\x01\x01\x01\x00\x00\x00\x01" + // the numbers of DWARF 2
		"\x00" + "m\x00\x00\x00\x00" + "\x00" // no directories; one file, m
	program := "\x00\x05\x02\x01\x00\x00\x00" + "\x01" + // line 1 from address 1
		"\x00\x05\x02" + highest + "\x00\x01\x01" // to the last
	line := "\x02\x00" + sized(header) + program
	return []Section{{".debug_abbrev", []byte(abbrev)}, {".debug_info", []byte(sized(info))}, {".debug_line", []byte(sized(line))}}
}

// sized puts the length in front.
func sized(s string) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func appendSections(out []byte, sections []Section) []byte {
	for _, s := range sections {
		body := append(appendName(nil, s.Name), s.Data...)
		out = append(appendUint(append(out, secCustom), len(body)), body...)
	}
	return out
}
