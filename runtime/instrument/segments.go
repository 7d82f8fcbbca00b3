package instrument

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/trellis-learning/trellis"
)

// declare notes that f is named outside of the code, which ref.func wants.
func (m *module) declare(f uint32) {
	if m.declared == nil {
		m.declared = make([]bool, len(m.funcs))
	}
	if int(f) < len(m.declared) {
		m.declared[f] = true
	}
}

func (m *module) readElements(r *reader) {
	n := r.items("element segments", 3)
	for range n {
		m.elements = append(m.elements, m.element(r))
		if r.err != nil {
			return
		}
	}
}

// element reads an element segment (specification 5.5.12) and encodes it anew.
// Of the three bits of its flags the first means passive or declared, the
// second that a table is named (or that it is declared), the third that the
// elements are expressions.
func (m *module) element(r *reader) []byte {
	at := r.pos
	flags := r.u32()
	if flags > 7 {
		r.failAt(at, "unknown kind of element segment %d", flags)
		return nil
	}
	out := appendUint(nil, flags)
	if flags&1 == 0 {
		if flags&2 != 0 {
			out = appendUint(out, r.index("table", len(m.tables)))
		} else if len(m.tables) == 0 {
			r.failAt(at, "there is no table 0")
		}
		offset, _, _ := m.constant(r)
		out = append(out, offset...)
	}
	if flags&3 != 0 {
		if flags&4 != 0 {
			out = append(out, r.refType())
		} else {
			kind := r.byte()
			if kind != 0 {
				r.failAt(at, "unknown kind of elements %#02x", kind)
			}
			out = append(out, kind)
		}
	}
	n := r.count("elements", 1)
	if m.elementCount += n; m.elementCount > 2*m.limits.Table {
		r.exceeds(at, LimitTable, m.elementCount, 2*m.limits.Table, "%d elements of segments exceed the limit of %d, twice that of a table")
	}
	out = appendUint(out, n)
	for range n {
		if r.err != nil {
			return nil
		}
		if flags&4 != 0 {
			expr, _, _ := m.constant(r)
			out = append(out, expr...)
		} else {
			f := r.index("function", len(m.funcs))
			m.declare(f)
			out = appendUint(out, m.output(f))
		}
	}
	return out
}

func (m *module) readDataCount(r *reader) { m.dataCount = int(r.u32()) }

func (m *module) readData(r *reader) {
	n := r.items("data segments", 2)
	m.data = make([]dataSegment, 0, n)
	for range n {
		at := r.pos
		var d dataSegment
		switch flags := r.u32(); flags {
		case 1:
			d.passive = true
		case 2:
			if r.u32() != 0 {
				r.failAt(at, "multiple memories are not supported (data segment)")
			}
			fallthrough
		case 0:
			if !m.memory {
				r.failAt(at, "data segment without a memory")
			}
			d.offset, d.at, d.fixed = m.constant(r)
		default:
			r.failAt(at, "unknown kind of data segment %d", flags)
		}
		d.bytes = r.bytes(r.count("bytes of data", 1))
		if r.err != nil {
			return
		}
		m.data = append(m.data, d)
	}
}

// readCode finds the bodies; function.go reads them.
func (m *module) readCode(r *reader) {
	n := r.count("bodies", 3)
	for range n {
		size := r.count("bytes of a body", 1)
		body := span{r.pos, r.pos + size}
		r.bytes(size)
		if r.err != nil {
			return
		}
		m.bodies = append(m.bodies, body)
	}
}

// mergeGap is how many zero bytes may be written to make one segment of two: a
// segment of its own costs about as much, for every instance. The gaps between
// those of Go's linker are 9 bytes or more. Where there still are more segments than
// there may be, the gap is widened, up to widestGap: PHP's linker leaves 36,000 that
// way. All zeros that are written have at most mostZeros bytes.
const (
	mergeGap  = 32
	widestGap = 2048
	mostZeros = 8 << 20
)

// mergedData returns the data segments, joined where they lie close together:
// compilers write tens of thousands of small ones, each of which takes time at
// every instantiation and memory in every instance. They are joined only if no two
// of them overlap: then their order does not matter, and the bytes in the gaps are
// zero before and after. It is asked for when the code was read.
func (m *module) mergedData() []dataSegment {
	if m.merged == nil {
		m.merged = m.mergeData()
	}
	return m.merged
}

func (m *module) mergeData() []dataSegment {
	if m.dataByIndex || slices.ContainsFunc(m.data, func(d dataSegment) bool { return !d.fixed }) {
		return m.data
	}
	sorted := slices.Clone(m.data)
	slices.SortStableFunc(sorted, func(a, b dataSegment) int { return cmp.Compare(a.at, b.at) })
	var end uint64
	for _, d := range sorted {
		if uint64(d.at) < end {
			return m.data
		}
		end = d.end()
	}
	return join(sorted, gapFor(sorted, m.limits.Segments))
}

func (d dataSegment) end() uint64 { return uint64(d.at) + uint64(len(d.bytes)) }

// gapFor returns the gap that is to be closed between segments in their order, so
// that no more than so many are left, or few.
func gapFor(sorted []dataSegment, most int) uint64 {
	for gap := uint64(mergeGap); gap < widestGap; gap *= 2 {
		if left, _ := joining(sorted, gap); left <= most {
			return gap
		}
		if _, zeros := joining(sorted, 2*gap); zeros > mostZeros {
			return gap
		}
	}
	return widestGap
}

// joining says how many segments are left where gaps up to gap are closed, and how
// many zeros that takes.
func joining(sorted []dataSegment, gap uint64) (left int, zeros uint64) {
	for i, d := range sorted {
		if i > 0 {
			if between := uint64(d.at) - sorted[i-1].end(); between <= gap {
				zeros += between
				continue
			}
		}
		left++
	}
	return left, zeros
}

// join joins segments in their order that are no more than gap apart.
func join(sorted []dataSegment, gap uint64) (out []dataSegment) {
	for _, d := range sorted {
		if len(out) > 0 {
			last := &out[len(out)-1]
			if between := uint64(d.at) - last.end(); between <= gap {
				last.bytes = append(last.bytes, make([]byte, between)...)
				last.bytes = append(last.bytes, d.bytes...)
				continue
			}
		}
		d.bytes = slices.Clip(d.bytes) // part of the binary, so that the first append copies
		out = append(out, d)
	}
	return out
}

// checkSegments refuses more segments than there may be: each takes time and memory
// of whoever makes an instance.
func (m *module) checkSegments() error {
	n := len(m.mergedData()) + len(m.elements)
	if n <= m.limits.Segments {
		return nil
	}
	return trellis.Errorf(trellis.Invalid, "%w", &LimitError{LimitSegments, n, m.limits.Segments, "%d segments of data and elements, which do not lie close enough together to be joined, exceed the limit of %d"})
}

// appendUint appends v, which is not negative, as unsigned LEB128.
func appendUint[T int | uint32](b []byte, v T) []byte { return binary.AppendUvarint(b, uint64(v)) }
