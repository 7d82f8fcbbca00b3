package runtime_test

import (
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// memoryAttacks want more memory or table than there is, or work of the engine
// that an instruction asks for by a number.
func memoryAttacks() []attack {
	const (
		self = 2 // the function "attack"
		size = 128 << 10
		all  = -1 // 2^32-1, unsigned
	)
	done := []byte{opI64Const, 0}
	bulk := func(sub int, operands ...any) []byte { return code(code(operands...), opBulk, sub) }
	// ended is a call that ends for lack of fuel or by a trap, whichever the
	// machine's speed makes the first.
	ended := func(name string, module []byte) attack {
		return attack{name: name, module: module, kind: trellis.Unavailable}
	}
	return []attack{
		{name: "growth until there is none left", module: attacker(code(
			opLoop, typeEmpty, i32(1), opMemoryGrow, 0, i32(-1), 0x47, opBrIf, 0, opEnd, opUnreachable)), // i32.ne
			sentinel: runtime.ErrMemory, says: []string{"16384 KiB of 16384 KiB in use"}},
		{name: "growth by 4 GiB", module: attacker(code(i32(65_535), opMemoryGrow, 0, opDrop, done))},
		{name: "growth by more than there are addresses", module: attacker(code(i32(all), opMemoryGrow, 0, opDrop, done))},
		{name: "growth by nothing without end", module: attacker(forever(code(i32(0), opMemoryGrow, 0, opDrop))), sentinel: runtime.ErrFuel},
		{name: "growth beyond the limit without end", module: attacker(forever(code(i32(1000), opMemoryGrow, 0, opDrop))), sentinel: runtime.ErrFuel},
		{name: "growth of a large memory", module: attacker(code(i32(100), opMemoryGrow, 0, opDrop, done), pages(100))},
		{name: "growth of the table by 4,000,000,000", module: attacker(code(opRefNull, typeFuncref, i32(all), opBulk, subTableGrow, 0, opDrop, done), withTable(1, 0))},
		{name: "growth of the table without end", module: attacker(forever(code(opRefNull, typeFuncref, i32(1000), opBulk, subTableGrow, 0, opDrop)), withTable(1, 0)), sentinel: runtime.ErrFuel},
		ended("fill of 4 GiB", attacker(code(bulk(subMemoryFill, i32(0), i32(7), i32(all)), 0, done))),
		ended("copy of 4 GiB", attacker(code(bulk(subMemoryCopy, i32(1), i32(0), i32(all)), 0, 0, done))),
		ended("fill beyond the end", attacker(code(bulk(subMemoryFill, i32(size-1), i32(7), i32(2)), 0, done))),
		ended("fill at the end of addresses", attacker(code(bulk(subMemoryFill, i32(all), i32(7), i32(all)), 0, done))),
		{name: "fill without end", module: attacker(forever(code(bulk(subMemoryFill, i32(0), i32(7), i32(size)), 0))), sentinel: runtime.ErrFuel},
		{name: "copy over itself without end", module: attacker(forever(code(bulk(subMemoryCopy, i32(1), i32(0), i32(size-1)), 0, 0))), sentinel: runtime.ErrFuel},
		ended("data of 4 GiB", attacker(code(bulk(subMemoryInit, i32(0), i32(0), i32(all)), 0, 0, done), passive)),
		ended("data that was dropped", attacker(code(opBulk, subDataDrop, 0, bulk(subMemoryInit, i32(0), i32(0), i32(1)), 0, 0, done), passive)),
		ended("elements of 4,000,000,000", attacker(code(bulk(subTableInit, i32(0), i32(0), i32(all)), 0, 0, done), withTable(4, 0))),
		ended("copy of 4,000,000,000 entries", attacker(code(bulk(subTableCopy, i32(0), i32(1), i32(all)), 0, 0, done), withTable(4, 0))),
		ended("fill of 4,000,000,000 entries", attacker(code(bulk(subTableFill, i32(0), opRefNull, typeFuncref, i32(all)), 0, done), withTable(4, 0))),
		{name: "fill of a table without end", module: attacker(forever(code(bulk(subTableFill, i32(0), opRefFunc, self, i32(100)), 0)), withTable(100, self)), sentinel: runtime.ErrFuel},
		{name: "load at the end of addresses", module: attacker(code(i32(all), opI32Load, 2, uleb(1<<32-1), opDrop, done)), sentinel: runtime.ErrTrap, says: []string{"out of bounds memory access"}},
		{name: "load over the end", module: attacker(code(i32(size-3), opI32Load, 0, 0, opDrop, done)), sentinel: runtime.ErrTrap, says: []string{"out of bounds memory access"}},
		{name: "store over the end", module: attacker(code(poke(size-3, 1), done)), sentinel: runtime.ErrTrap, says: []string{"out of bounds memory access"}},
		{name: "load beyond what growth was refused", module: attacker(code(i32(1000), opMemoryGrow, 0, opDrop, i32(size), opI32Load, 2, 0, opDrop, done)), sentinel: runtime.ErrTrap},
		{name: "load beyond a large memory", module: attacker(code(i32(100*pageSize), opI32Load, 2, 0, opDrop, done), pages(100)), sentinel: runtime.ErrTrap},
	}
}

const pageSize = 64 << 10

func passive(g *tiny) { g.data = "passive" }
