package symbol

import "slices"

// dwarf reads DWARF 2 to 5 as far as places need it: which functions, inlined ones
// too, span an address, and the line table. Addresses are offsets in the code
// section. The format of 64 bits, supplementary files and split units are left
// out: no compiler writes these for WebAssembly.
type dwarf struct {
	info, abbrev, str, lineStr, line, ranges, rnglists, addr, strOffsets []byte

	work    *int
	room    int // how many more things may be kept
	units   []*unit
	abbrevs map[uint64][]abbrev
}

// unit is a compilation unit.
type unit struct {
	start, entries, end int // in the info section: header, first entry
	version             int
	addrSize            int
	abbrevs             []abbrev
	dir                 string // in which the compiler ran
	lineOffset          uint64
	hasLines            bool
	base                uint64 // address that ranges begin from
	strBase, addrBase   uint64
	rangesBase          uint64
	spans               []span

	read   bool
	scopes []scope
	lines  *lineTable
}

// span is a range of addresses, without its end.
type span struct{ from, to uint64 }

func (s span) holds(a uint64) bool { return s.from <= a && a < s.to }

// scope is a function, or one that was inlined, where it has code.
type scope struct {
	span
	depth    int32
	inlined  bool
	entry    uint32 // in the info section
	callFile uint32
	callLine uint32
	callCol  uint32
}

const (
	maxUnits  = 20_000
	maxThings = 500_000 // functions and lines, of all units that were asked for
	maxSpans  = 10_000  // of one entry
	maxDepth  = 200     // of entries within entries
)

// newDWARF reads the headers of the units.
func newDWARF(sections map[string][]byte, work *int) *dwarf {
	d := &dwarf{
		info: sections[".debug_info"], abbrev: sections[".debug_abbrev"], str: sections[".debug_str"],
		lineStr: sections[".debug_line_str"], line: sections[".debug_line"], ranges: sections[".debug_ranges"],
		rnglists: sections[".debug_rnglists"], addr: sections[".debug_addr"], strOffsets: sections[".debug_str_offsets"],
		work: work, room: maxThings, abbrevs: map[uint64][]abbrev{},
	}
	r := reader{data: d.info, work: work}
	for r.left() > 0 && len(d.units) < maxUnits {
		start := r.pos
		size := r.fixed(4)
		end := uint64(r.pos) + size
		if r.bad || size >= 0xfffffff0 || end > uint64(len(d.info)) {
			break
		}
		if u := d.header(start, r.pos, int(end)); u != nil {
			d.units = append(d.units, u)
		}
		r.pos = int(end)
	}
	return d
}

// header reads the header of a unit and its first entry.
func (d *dwarf) header(start, from, end int) *unit {
	u := &unit{start: start, end: end}
	r := reader{data: d.info[:end], pos: from, work: d.work}
	u.version = int(r.fixed(2))
	var abbrevs uint64
	switch {
	case u.version >= 2 && u.version <= 4:
		abbrevs = r.fixed(4)
		u.addrSize = int(r.byte())
	case u.version == 5:
		const compile, partial = 1, 3
		kind := r.byte()
		u.addrSize = int(r.byte())
		abbrevs = r.fixed(4)
		if kind != compile && kind != partial {
			return nil
		}
		u.strBase, u.addrBase, u.rangesBase = 8, 8, 12 // of a unit that does not say
	default:
		return nil
	}
	if r.bad || u.addrSize != 4 && u.addrSize != 8 {
		return nil
	}
	u.abbrevs = d.abbreviations(abbrevs)
	u.entries = r.pos
	e, ok := d.entry(u, &r)
	if !ok || e.tag != tagCompileUnit {
		return nil
	}
	// The bases first: other attributes are found by them.
	e.number(attrStrOffsetsBase, &u.strBase)
	e.number(attrAddrBase, &u.addrBase)
	e.number(attrRnglistsBase, &u.rangesBase)
	u.hasLines = e.number(attrStmtList, &u.lineOffset)
	if v, ok := e.value(attrLowPC); ok {
		u.base = d.address(u, v)
	}
	if v, ok := e.value(attrCompDir); ok {
		u.dir = d.text(u, v)
	}
	u.spans = d.spans(u, e)
	if d.room -= len(u.spans); d.room < 0 {
		return nil
	}
	return u
}

// frames returns the places at an address, the innermost first.
func (d *dwarf) frames(address uint64) []Frame {
	for _, u := range d.units {
		if *d.work -= 1 + len(u.spans); *d.work < 0 {
			return nil
		}
		if slices.ContainsFunc(u.spans, func(s span) bool { return s.holds(address) }) {
			return d.unitFrames(u, address)
		}
	}
	return nil
}

func (d *dwarf) unitFrames(u *unit, address uint64) []Frame {
	if !u.read {
		u.read = true
		u.scopes = d.scopes(u)
		if u.hasLines {
			u.lines = d.lineTable(u)
		}
	}
	around := d.around(u, address)
	if *d.work < 0 {
		return nil
	}
	row := u.lines.at(address, d.work)
	here := Frame{File: u.lines.file(u, row.file), Line: int(row.line), Column: int(row.column)}
	var frames []Frame
	for _, s := range around {
		here.Function = readable(d.nameOf(u, s.entry), d.work)
		here.Inlined = s.inlined
		frames = append(frames, here)
		if !s.inlined {
			return frames
		}
		here = Frame{File: u.lines.file(u, s.callFile), Line: int(s.callLine), Column: int(s.callCol)}
	}
	if here.Line == 0 && len(frames) == 0 {
		return nil
	}
	return append(frames, here)
}

// around returns the innermost of the scopes that span an address, the innermost
// first, of those of one depth the one that comes first. All may span it.
func (d *dwarf) around(u *unit, address uint64) []scope {
	*d.work -= len(u.scopes)
	var out []scope
	for i := range u.scopes {
		s := &u.scopes[i]
		if !s.holds(address) {
			continue
		}
		at := len(out)
		for at > 0 && out[at-1].depth < s.depth {
			at--
		}
		if *d.work -= len(out) - at; *d.work < 0 {
			return nil
		}
		if at == maxInlined {
			continue
		}
		out = slices.Insert(out[:min(len(out), maxInlined-1)], at, *s)
	}
	return out
}

// scopes reads all functions of a unit that have code.
func (d *dwarf) scopes(u *unit) []scope {
	var out []scope
	r := reader{data: d.info[:u.end], pos: u.entries, work: d.work}
	depth := int32(0)
	for r.left() > 0 && !r.bad && d.room > 0 {
		at := r.pos
		e, ok := d.entry(u, &r)
		if !ok {
			return out
		}
		if e.tag == 0 { // the end of a list
			if depth--; depth <= 0 {
				return out
			}
			continue
		}
		if e.tag == tagSubprogram || e.tag == tagInlined {
			s := scope{depth: depth, inlined: e.tag == tagInlined, entry: uint32(at)}
			s.callFile, s.callLine, s.callCol = e.small(attrCallFile), e.small(attrCallLine), e.small(attrCallColumn)
			for _, p := range d.spans(u, e) {
				s.span = p
				out = append(out, s)
				d.room--
			}
		}
		if e.children {
			if depth++; depth > maxDepth {
				return out
			}
		}
	}
	return out
}

// nameOf returns the name of a function's entry, or of that which it stands for.
func (d *dwarf) nameOf(u *unit, at uint32) string {
	const hops = 8
	for range hops {
		if int(at) < u.entries || int(at) >= u.end {
			*d.work -= len(d.units)
			other := slices.IndexFunc(d.units, func(o *unit) bool { return o.entries <= int(at) && int(at) < o.end })
			if other < 0 {
				return ""
			}
			u = d.units[other]
		}
		r := reader{data: d.info[:u.end], pos: int(at), work: d.work}
		e, ok := d.entry(u, &r)
		if !ok {
			return ""
		}
		for _, attr := range []uint64{attrLinkageName, attrMIPSLinkageName, attrName} {
			if v, ok := e.value(attr); ok {
				if name := d.text(u, v); name != "" {
					return name
				}
			}
		}
		v, ok := e.value(attrAbstractOrigin)
		if !ok {
			v, ok = e.value(attrSpecification)
		}
		if !ok {
			return ""
		}
		switch to := v.number; v.form {
		case formRefAddr:
			at = uint32(to)
		default:
			at = uint32(uint64(u.start) + to)
		}
	}
	return ""
}
