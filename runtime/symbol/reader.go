package symbol

// reader reads a section. What is read past the end is zero and sets bad. Every
// read is a step of work; when none is left, everything is past the end.
type reader struct {
	data []byte
	pos  int
	bad  bool
	work *int
}

func (r *reader) fail() {
	r.bad = true
	r.pos = len(r.data)
}

func (r *reader) left() int { return len(r.data) - r.pos }

// spend takes n steps of work.
func (r *reader) spend(n int) bool {
	if *r.work -= n; *r.work < 0 {
		r.fail()
		return false
	}
	return true
}

// fixed reads n bytes, of which the first is the least.
func (r *reader) fixed(n int) uint64 {
	if !r.spend(1) || n > r.left() {
		r.fail()
		return 0
	}
	var v uint64
	for i := range n {
		v |= uint64(r.data[r.pos+i]) << (8 * i)
	}
	r.pos += n
	return v
}

func (r *reader) byte() byte { return byte(r.fixed(1)) }

// uint reads an unsigned LEB128 number; what exceeds 64 bits is lost.
func (r *reader) uint() uint64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// int reads a signed LEB128 number.
func (r *reader) int() int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift < 57 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

func (r *reader) skip(n uint64) {
	if n > uint64(r.left()) {
		r.fail()
		return
	}
	r.pos += int(n)
}

func (r *reader) bytes(n uint64) []byte {
	from := r.pos
	if r.skip(n); r.bad {
		return nil
	}
	return r.data[from:r.pos]
}

// text reads what ends in a zero byte.
func (r *reader) text() string {
	from := r.pos
	for r.pos < len(r.data) {
		if r.data[r.pos] == 0 {
			if !r.spend((r.pos - from) / 16) {
				return ""
			}
			s := r.data[from:r.pos]
			r.pos++
			return string(s[:min(len(s), maxText)])
		}
		r.pos++
	}
	r.spend(r.pos - from)
	r.fail()
	return ""
}

// maxText is how many bytes of a name or path are kept.
const maxText = 1000

// textAt reads the text at an offset of a section.
func textAt(section []byte, at uint64, work *int) string {
	if at >= uint64(len(section)) {
		return ""
	}
	r := reader{data: section, pos: int(at), work: work}
	return r.text()
}
