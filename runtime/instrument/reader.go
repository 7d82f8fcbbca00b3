package instrument

import (
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

// reader reads data[pos:end]. The first fault stays in err; from then on there
// is nothing left to read and everything read is zero, so that a caller need
// look at err only before it acts on what it has read.
type reader struct {
	data     []byte // the whole module, so that pos is what a tool would show
	pos, end int
	err      error
}

// fail records what is wrong at the present place, unless something was before.
func (r *reader) fail(format string, args ...any) { r.failAt(r.pos, format, args...) }

func (r *reader) failAt(pos int, format string, args ...any) {
	if r.err == nil {
		r.err = trellis.Errorf(trellis.Invalid, "offset %#x: "+format, append([]any{pos}, args...)...)
	}
	r.pos = r.end
}

// exceeds records that the module exceeds a limit.
func (r *reader) exceeds(at int, limit string, found, allowed int, format string) {
	r.failAt(at, "%w", &LimitError{limit, found, allowed, format})
}

func (r *reader) left() int { return r.end - r.pos }

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.fail("unexpected end")
		return 0
	}
	b := r.data[r.pos]
	r.pos++
	return b
}

func (r *reader) peek() byte {
	if r.pos >= r.end {
		return 0
	}
	return r.data[r.pos]
}

// bytes returns the next n bytes, which remain part of the module.
func (r *reader) bytes(n int) []byte {
	if n < 0 || n > r.left() {
		r.fail("unexpected end: %d bytes wanted, %d left", n, r.left())
		return nil
	}
	r.pos += n
	return r.data[r.pos-n : r.pos]
}

// u32 reads an unsigned LEB128 number of at most 32 bits (specification 5.2.2).
func (r *reader) u32() uint32 {
	var v uint32
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if shift == 28 && b > 0x0f {
			r.fail("number is longer than 32 bits")
			return 0
		}
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// signed reads a signed LEB128 number of 32, 33 or 64 bits.
func (r *reader) signed(bits int) int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if rest := bits - shift; rest < 8 {
			// Only rest bits of the last byte count; the others repeat the sign.
			sign := b & 0x7f >> (rest - 1)
			if b >= 0x80 || sign != 0 && sign != 0x7f>>(rest-1) {
				r.fail("number is longer than %d bits", bits)
				return 0
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// count reads how many things follow, each of which takes at least size bytes,
// and refuses what cannot be: nothing is allocated for what is not there.
func (r *reader) count(what string, size int) int {
	at := r.pos
	n := r.u32()
	if uint64(n)*uint64(size) > uint64(r.left()) {
		r.failAt(at, "%d %s do not fit into the remaining %d bytes", n, what, r.left())
		return 0
	}
	return int(n)
}

// name reads a string (specification 5.2.4).
func (r *reader) name(what string) string {
	at := r.pos
	b := r.bytes(r.count("bytes of a name", 1))
	if !utf8.Valid(b) {
		r.failAt(at, "%s is not UTF-8", what)
		return ""
	}
	return string(b)
}

// index reads an index of one of n things.
func (r *reader) index(what string, n int) uint32 {
	at := r.pos
	i := r.u32()
	if r.err == nil && uint64(i) >= uint64(n) {
		r.failAt(at, "there is no %s %d", what, i)
		return 0
	}
	return i
}

// appendSigned appends v as signed LEB128, in as few bytes as possible.
func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, name string) []byte {
	return append(appendUint(b, len(name)), name...)
}
