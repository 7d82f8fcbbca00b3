package symbol

// isAddress reports whether v is an address, not a length or an offset.
func (v value) isAddress() bool {
	return v.form == formAddr || v.form == formAddrx || v.form >= formAddrx1 && v.form <= formAddrx4
}

// address returns the address that a value stands for.
func (d *dwarf) address(u *unit, v value) uint64 {
	if v.form == formAddr || !v.isAddress() {
		return v.number
	}
	a, _ := indexed(d.addr, u.addrBase, v.number, u.addrSize, d.work)
	return a
}

// spans returns where an entry has code. Linkers give what they threw away an
// address of zero, or the last ones.
func (d *dwarf) spans(u *unit, e entry) []span {
	if v, ok := e.value(attrRanges); ok {
		if u.version >= 5 {
			return d.rangeList(u, v)
		}
		return d.oldRanges(u, v.number)
	}
	low, ok1 := e.value(attrLowPC)
	high, ok2 := e.value(attrHighPC)
	if !ok1 || !ok2 {
		return nil
	}
	s := span{from: d.address(u, low)}
	if s.to = d.address(u, high); !high.isAddress() {
		s.to += s.from
	}
	return appendSpan(nil, s)
}

func appendSpan(out []span, s span) []span {
	const last = 0xfffffffe
	if s.from == 0 || s.from >= last || s.from >= s.to || len(out) >= maxSpans {
		return out
	}
	return append(out, s)
}

// oldRanges reads a list of DWARF 2 to 4.
func (d *dwarf) oldRanges(u *unit, at uint64) (out []span) {
	if at >= uint64(len(d.ranges)) {
		return nil
	}
	none := uint64(0xffffffff)
	if u.addrSize == 8 {
		none = 1<<64 - 1
	}
	base := u.base
	r := reader{data: d.ranges, pos: int(at), work: d.work}
	for !r.bad {
		from, to := r.fixed(u.addrSize), r.fixed(u.addrSize)
		switch {
		case from == 0 && to == 0:
			return out
		case from == none:
			base = to
		case !r.bad:
			out = appendSpan(out, span{base + from, base + to})
		}
	}
	return out
}

// rangeList reads a list of DWARF 5 (section 7.25).
func (d *dwarf) rangeList(u *unit, v value) (out []span) {
	at := v.number
	if v.form == formRnglistx {
		offset, ok := indexed(d.rnglists, u.rangesBase, v.number, 4, d.work)
		if !ok {
			return nil
		}
		at = u.rangesBase + offset
	}
	if at >= uint64(len(d.rnglists)) {
		return nil
	}
	base := u.base
	r := reader{data: d.rnglists, pos: int(at), work: d.work}
	pooled := func() uint64 {
		a, _ := indexed(d.addr, u.addrBase, r.uint(), u.addrSize, d.work)
		return a
	}
	for !r.bad {
		var s span
		switch r.byte() {
		case 0: // end of list
			return out
		case 1: // base, from the pool
			base = pooled()
			continue
		case 2: // start and end, from the pool
			s.from, s.to = pooled(), pooled()
		case 3: // start from the pool, length
			s.from = pooled()
			s.to = s.from + r.uint()
		case 4: // a pair from the base
			s.from, s.to = base+r.uint(), base+r.uint()
		case 5: // base
			base = r.fixed(u.addrSize)
			continue
		case 6: // start and end
			s.from, s.to = r.fixed(u.addrSize), r.fixed(u.addrSize)
		case 7: // start and length
			s.from = r.fixed(u.addrSize)
			s.to = s.from + r.uint()
		default:
			return out
		}
		if !r.bad {
			out = appendSpan(out, s)
		}
	}
	return out
}
