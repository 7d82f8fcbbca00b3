package instrument

// The price of instructions in units of fuel; those that are not named cost 1. A
// unit is about a cycle of a processor that waits for each result, so that no
// mix of instructions takes much longer than its fuel stands for; code whose
// instructions do not wait for one another gets several done in a cycle. What
// waits for memory is the exception, and nothing that it does tells it apart: a
// way through lines that are all over 1 MiB has been seen to take 25 times what it
// should on a busy machine, over 4 MiB 160 times and over 16 MiB, where no cache
// helps, 430 times; alone on a machine it is 4 to 13 times. Its slices are short for
// that, and it ends with its time; a guest that does not yield is given little fuel.
// So does a store to each page of a large image that the system has yet to copy: 1
// to 7 us for 4 units. What is written to is known only afterwards, and not on every
// system, so it has no price in fuel; the host sees to it that the pages are there
// (written.go in package runtime), so that it costs a module as much once. Multiplication and division of floats are dearer than that:
// with subnormal numbers they take some processors 150 cycles, and a guest that
// knows it would hold up everybody for forty times as long as its fuel stands for.
// Now it is five to ten times.
const (
	costCall         = 4 // the host charges for its functions when they are called, by whatever way
	costCallIndirect = 10
	costDivide       = 10 // integers
	costFloatProduct = 16
	costFloatDivide  = 20
	costFloatRoot    = 16
	costFloatMin     = 4
	costRound        = 10
	costConvert      = 8 // between integers and floats
	costTable        = 2
	costBulk         = 100   // besides what the length costs
	costGrow         = 1_000 // besides what the length costs
	costVector       = 3
	costVectorMany   = 10 // vector instructions for which the engine needs several
	costVectorMore   = 14 // and those for which it needs many
	costVectorFloat  = 30 // multiplication and division of floats
)

// Lengths are paid by their shift to the left, or if it is negative to the right.
const (
	shiftBytes   = -2 // 1 unit for 4 bytes that are copied or filled
	shiftPages   = 15 // 32,768 units for a page that is added
	shiftEntries = 1  // 2 units for an element of a table
)

// What it takes to make an instance, whatever runs in it.
const (
	setupBase    = 60_000
	setupGlobal  = 1_000 // a mutable one, which the host can get at
	setupEntry   = 2     // of a table, or any other global, or a function
	setupElement = 40    // of a segment that fills a table
	setupSegment = 400   // of data or elements
	setupGrain   = 4_096 // a page of the system's, of 4 KiB, that data is written to
)

// setup returns what an instance of the module costs before anything runs in it.
func (m *module) setup() int64 {
	cost := int64(setupBase + setupEntry*(len(m.funcs)+len(m.globals)) + setupElement*m.elementCount + setupSegment*len(m.elements))
	for _, g := range m.globals {
		if g.mutable {
			cost += setupGlobal
		}
	}
	for _, t := range m.tables {
		cost += setupEntry * int64(t.min)
	}
	var grains int64
	for _, d := range m.mergedData() {
		if !d.passive {
			cost += setupSegment
			grains += int64(len(d.bytes))/setupGrain + 1
		}
	}
	return cost + setupGrain*min(grains, 16*int64(m.min))
}

func costOf(op byte) int64 {
	switch {
	case op >= 0x6d && op <= 0x70, op >= 0x7f && op <= 0x82:
		return costDivide
	case op == 0x94, op == 0xa2:
		return costFloatProduct
	case op == 0x95, op == 0xa3:
		return costFloatDivide
	case op == 0x91, op == 0x9f:
		return costFloatRoot
	case op == 0x96, op == 0x97, op == 0xa4, op == 0xa5:
		return costFloatMin
	case op >= 0x8d && op <= 0x90, op >= 0x9b && op <= 0x9e:
		return costRound
	case op >= 0xa8 && op <= 0xab, op >= 0xae && op <= 0xbb:
		return costConvert
	}
	return 1
}

// costOfVector is what an instruction with prefix 0xfd costs.
func costOfVector(sub uint32) int64 {
	switch {
	case sub >= 0x67 && sub <= 0x6a, sub == 0x74, sub == 0x75, sub == 0x7a, sub == 0x94: // ceil, floor, trunc, nearest
		return costRound
	case sub == 0xe3, sub == 0xef: // square roots
		return costFloatRoot
	case sub == 0xe6, sub == 0xe7, sub == 0xf2, sub == 0xf3: // multiplication and division of floats
		return costVectorFloat
	case sub >= 0xf8: // conversions
		return costVectorMore
	case sub >= 0xcb && sub <= 0xcd, sub == 0xd5, sub >= 0xdc && sub <= 0xdf, // shifts and multiplication of i64x2
		sub == 0xb5, sub >= 0xbc && sub <= 0xbf, // multiplication of i32x4
		sub == 0xe8, sub == 0xe9, sub == 0xf4, sub == 0xf5: // min and max of floats
		return costVectorMany
	}
	return costVector
}
