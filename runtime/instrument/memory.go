package instrument

import "fmt"

// memoryArgument reads alignment and offset of a load or store.
func (f *function) memoryArgument() {
	at := f.r.pos
	align := f.r.u32()
	if align >= 64 && align < 128 {
		f.r.failAt(at, "multiple memories are not supported (memory argument)")
	}
	if align >= 32 {
		f.r.failAt(at, "alignment of 2 to the power of %d", align)
	}
	f.out = appendUint(f.out, align)
	f.out = appendUint(f.out, f.r.u32())
}

// vector reads an instruction with prefix 0xfd.
func (f *function) vector(at int) {
	r := &f.r
	sub := r.u32()
	f.vectors = true
	f.spend(costOfVector(sub))
	f.out = appendUint(append(f.out, opVector), sub)
	if r.err == nil && sub >= 0x100 && sub < 0x140 {
		r.failAt(at, "relaxed SIMD is not supported (instruction %s)", hexSub(opVector, sub))
	}
	if r.err != nil || int(sub) >= len(vectorShapes) || shape(vectorShapes[sub]) == unknown {
		r.failAt(at, "%s", unknown.refusal(hexSub(opVector, sub)))
		return
	}
	s := shape(vectorShapes[sub])
	switch s {
	case load, store:
		f.memoryArgument()
	case loadLane, storeLane:
		f.memoryArgument()
		f.out = append(f.out, r.byte())
	case extract, replace:
		f.out = append(f.out, r.byte())
	case bits128, shuffle:
		f.out = append(f.out, r.bytes(16)...)
	}
	f.stack(s.stack())
}

// memoryIndex reads the byte that stands for the only memory.
func (f *function) memoryIndex() {
	at := f.r.pos
	if n := f.r.byte(); n != 0 {
		f.r.failAt(at, "multiple memories are not supported (memory %d)", n)
	}
	f.out = append(f.out, 0)
}

// bulk reads an instruction with prefix 0xfc.
func (f *function) bulk(at int) {
	r := &f.r
	sub := r.u32()
	if r.err != nil {
		return
	}
	switch {
	case sub < bulkMemoryInit: // conversions that saturate
		f.spend(costConvert)
		f.out = append(f.out, opBulk, byte(sub))
		f.stack(1, 1)
		return
	case sub >= 19 && sub <= 22:
		r.failAt(at, "wide arithmetic is not supported (instruction %s)", hexSub(opBulk, sub))
		return
	case sub > bulkTableFill:
		r.failAt(at, "%s", unknown.refusal(hexSub(opBulk, sub)))
		return
	case sub == bulkTableSize:
		f.spend(1)
	case sub == bulkTableGrow:
		f.spend(costGrow)
	default:
		f.spend(costBulk)
	}
	switch sub {
	case bulkMemoryInit, bulkMemoryCopy, bulkMemoryFill:
		f.length(shiftBytes, noMost)
	case bulkTableInit, bulkTableCopy, bulkTableFill:
		f.length(shiftEntries, noMost)
	case bulkTableGrow:
		f.length(shiftEntries, int64(f.m.limits.Table))
	}
	f.out = append(f.out, opBulk, byte(sub))
	table := func() { f.out = appendUint(f.out, r.index("table", len(f.m.tables))) }
	element := func() { f.out = appendUint(f.out, r.index("element segment", len(f.m.elements))) }
	data := func() {
		f.m.dataByIndex = true
		if f.m.dataCount < 0 {
			r.failAt(at, "%s needs a data count section", bulkName(sub))
		}
		f.out = appendUint(f.out, r.index("data segment", len(f.m.data)))
	}
	switch sub {
	case bulkMemoryInit:
		data()
		f.memoryIndex()
		f.stack(3, 0)
	case bulkDataDrop:
		data()
	case bulkMemoryCopy:
		f.memoryIndex()
		f.memoryIndex()
		f.stack(3, 0)
	case bulkMemoryFill:
		f.memoryIndex()
		f.stack(3, 0)
	case bulkTableInit:
		element()
		table()
		f.stack(3, 0)
	case bulkElemDrop:
		element()
	case bulkTableCopy:
		table()
		table()
		f.stack(3, 0)
	case bulkTableGrow:
		table()
		f.stack(2, 1)
	case bulkTableSize:
		table()
		f.stack(0, 1)
	case bulkTableFill:
		table()
		f.stack(3, 0)
	}
	if sub != bulkMemoryInit && sub != bulkMemoryCopy && sub != bulkMemoryFill && sub != bulkTableSize {
		f.m.unreset(bulkName(sub))
	}
}

func bulkName(sub uint32) string {
	names := [...]string{"memory.init", "data.drop", "memory.copy", "memory.fill", "table.init", "elem.drop",
		"table.copy", "table.grow", "table.size", "table.fill"}
	if i := int(sub) - bulkMemoryInit; i >= 0 && i < len(names) {
		return names[i]
	}
	return fmt.Sprint(sub)
}

// unreset notes an instruction that changes what memory and globals do not hold.
func (m *module) unreset(instruction string) {
	if m.unresettable == "" {
		m.unresettable = "its code uses " + instruction
	}
}
