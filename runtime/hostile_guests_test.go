package runtime_test

import (
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// startAttacks do their harm before the first call: in the start function, in
// _initialize, in the allocator that the host asks for room.
func startAttacks() []attack {
	initialize := func(body ...[]byte) []byte {
		return tinyGuest(tinyFunction{name: "_initialize", body: slices.Concat(body...)}).build()
	}
	start := func(body ...[]byte) []byte { // as the module's start function
		return binaryOf(partTypes(), section(3, [][]byte{{0}, {1}, {2}}), partMemory(), partExports(), rawSection(8, []byte{2}),
			section(10, [][]byte{
				vector([]byte{0, opI32Const, 16, opEnd}), vector([]byte{0, opI64Const, 0, opEnd}),
				vector(slices.Concat([]byte{0}, slices.Concat(body...), []byte{opEnd})),
			}))
	}
	allocator := func(body []byte) []byte {
		return tiny{memory: true, exports: []tinyFunction{
			{name: "trellis_alloc", params: "i", results: "i", body: body}, {name: "attack", params: "ii", results: "I"},
		}}.build()
	}
	// later behaves until it has been called once, which the host does to warm it up.
	later := func(then ...any) []byte {
		return code(i32(0), opI32Load, 2, 0, opI32Eqz, opIf, typeEmpty, poke(0, 1), i32(16), opReturn, opEnd, code(then...))
	}
	grow := code(i32(200), opMemoryGrow, 0, opDrop)
	outside := []string{"trellis_alloc(16384) returned", "outside of the memory of 131072 bytes"}
	stuck := []string{"start module", "out of fuel"}
	return []attack{
		{name: "initialize spins", module: initialize(forever()), refused: stuck},
		{name: "initialize traps", module: initialize([]byte{opUnreachable}), refused: []string{"start module", "trapped: unreachable"}},
		{name: "initialize recurses", module: initialize(code(opCall, 2)), refused: []string{"start module", "call depth exceeded"}},
		{name: "initialize grows", module: initialize(grow), hook: "hook"},
		{name: "initialize grows beyond the limit", module: initialize(code(i32(100_000), opMemoryGrow, 0, opDrop)), hook: "hook"},
		{name: "initialize grows without end", module: initialize(forever(code(i32(1), opMemoryGrow, 0, opDrop))), refused: stuck},
		{name: "initialize calls the host", module: callsHostAtStart(), hook: "attack", answer: ""},
		{name: "initialize calls the host without end", module: callsHostAtStart(forever), refused: []string{"start module", "more than 100 host operations in one call"}},
		{name: "initialize exits", module: exitsAtStart(), refused: []string{"start module", "exit code 0"}},
		{name: "start spins", module: start(forever()), refused: stuck},
		{name: "start traps", module: start([]byte{opUnreachable}), refused: []string{"start module", "trapped: unreachable"}},
		{name: "start recurses", module: start(code(opCall, 2)), refused: []string{"start module", "call depth exceeded"}},
		{name: "start grows", module: start(grow)},
		{name: "allocator spins", module: allocator(code(forever())), refused: stuck},
		{name: "allocator traps", module: allocator([]byte{opUnreachable}), refused: []string{"start module", "trapped: unreachable"}},
		{name: "allocator grows", module: allocator(code(grow, i32(16)))},
		{name: "allocator gives the end of memory", module: allocator(i32(128<<10 - 1)), refused: outside},
		{name: "allocator gives what is beyond memory", module: allocator(i32(128 << 10)), refused: outside},
		{name: "allocator gives 2^31", module: allocator(i32(-1 << 31)), refused: outside},
		{name: "allocator gives 2^32-1", module: allocator(i32(-1)), refused: outside},
		{name: "allocator refuses", module: allocator(i32(0)), in: "x", sentinel: runtime.ErrMemory, says: []string{"no room for 1 bytes"}},
		{name: "allocator gives 1", module: allocator(i32(1)), in: "unaligned"},
		{name: "allocator gives exactly what is left", module: allocator(code(i32(128<<10), opLocalGet, 0, 0x6b)), in: "x"},
		{name: "allocator is of the host", module: binaryOf(
			section(1, [][]byte{{0x60, 1, typeI32, 1, typeI32}, {0x60, 2, typeI32, typeI32, 1, typeI64}}),
			section(2, [][]byte{slices.Concat(name(wasi), name("fd_close"), []byte{0, 0})}), section(3, [][]byte{{1}}), partMemory(),
			partExports(), section(10, [][]byte{vector([]byte{0, opI64Const, 0, opEnd})})), refused: []string{`export "trellis_alloc" is an import of the module`}},
		{name: "allocator lies later", module: allocator(later(i32(-1))), in: "x", sentinel: runtime.ErrTrap, says: []string{"trellis_alloc(1) returned 4294967295"}},
		{name: "allocator spins later", module: allocator(later(forever())), in: "x", sentinel: runtime.ErrFuel},
	}
}

// callsHostAtStart is a guest that asks for an operation while it starts. It is
// answered with Unavailable, which it takes.
func callsHostAtStart(around ...func(...[]byte) []byte) []byte {
	ask := code(i32(0), i32(4), i32(0), i32(0), opCall, 0, opDrop)
	for _, f := range around {
		ask = f(ask)
	}
	return attacker([]byte{opI64Const, 0}, importing(importCall), exporting(tinyFunction{name: "_initialize", body: ask}))
}

func exitsAtStart() []byte {
	return attacker([]byte{opI64Const, 0}, importing(tinyFunction{module: wasi, name: "proc_exit", params: "i"}),
		exporting(tinyFunction{name: "_initialize", body: code(i32(0), opCall, 0)}))
}

// stackAttacks call without end.
func stackAttacks() []attack {
	deep := []string{"call depth exceeded"}
	const self = 2 // the function "attack" of a guest without imports
	indirect := attacker(code(opLocalGet, 0, opLocalGet, 1, i32(0), opCallIndirect, 1, 0), withTable(4, self))
	wide := tinyFunction{name: "attack", params: "ii", results: "I", // 4,900 locals that live across the call
		locals: code(1, uleb(4900), typeI64), body: slices.Concat(useLocals(4900), code(opLocalGet, 0, opLocalGet, 1, opCall, self, opLocalGet, 7, 0x7c))}
	return []attack{
		{name: "direct", module: attacker(code(opLocalGet, 0, opLocalGet, 1, opCall, self)), sentinel: runtime.ErrTrap, says: deep},
		{name: "mutual", module: attacker(code(opLocalGet, 0, opLocalGet, 1, opCall, self+1),
			exporting(tinyFunction{params: "ii", results: "I", body: code(opLocalGet, 1, opLocalGet, 0, opCall, self)})), sentinel: runtime.ErrTrap, says: deep},
		{name: "indirect", module: indirect, sentinel: runtime.ErrTrap, says: deep},
		{name: "with large frames", module: tinyGuest(wide).build(), sentinel: runtime.ErrTrap, says: deep},
		{name: "exponential", module: attacker(code(opLocalGet, 0, opLocalGet, 1, opCall, self+1, opDrop, opI64Const, 0), exporting(doubling(self+1, 24)...)),
			sentinel: runtime.ErrFuel},
		{name: "a hundred thousand calls of a long function", module: tinyGuest(
			tinyFunction{name: "attack", params: "ii", results: "I", body: code(slices.Repeat([]byte{opCall, self + 1}, 100_000), opI64Const, 0)},
			tinyFunction{body: slices.Repeat(code(i32(7), i32(3), opI32DivU, opDrop), 30_000)}).build(), sentinel: runtime.ErrFuel},
		{name: "back from 20,000 calls through long code", module: attacker(code(i32(20_000), opCall, self+1, opI64Const, 0),
			exporting(tinyFunction{params: "i", body: code(opLocalGet, 0, opI32Eqz, opIf, typeEmpty, opReturn, opEnd, opLocalGet, 0, i32(1), 0x6b, opCall, self+1,
				opLocalGet, 0, opI32Eqz, opIf, typeEmpty, opReturn, opEnd, slices.Repeat(code(opLocalGet, 0, opI32Load, 2, 0, opDrop), 30_000))})), sentinel: runtime.ErrFuel},
		{name: "a table of itself", module: attacker(code(i32(0), opRefFunc, self, opTableSet, 0, opLocalGet, 0, opLocalGet, 1, i32(0), opCallIndirect, 1, 0), withTable(4, self)),
			sentinel: runtime.ErrTrap, says: deep},
		{name: "an entry of another type", module: attacker(code(opLocalGet, 0, opLocalGet, 1, i32(0), opCallIndirect, 1, 0), withTable(4, 0)),
			sentinel: runtime.ErrTrap, says: []string{"indirect call type mismatch"}},
		{name: "an empty entry", module: attacker(code(opLocalGet, 0, opLocalGet, 1, i32(2), opCallIndirect, 1, 0), withTable(4, 0)),
			sentinel: runtime.ErrTrap, says: []string{"invalid table access"}},
		{name: "an entry beyond the table", module: attacker(code(opLocalGet, 0, opLocalGet, 1, i32(-1), opCallIndirect, 1, 0), withTable(4, 0)),
			sentinel: runtime.ErrTrap, says: []string{"invalid table access"}},
		{name: "an entry taken out", module: attacker(code(i32(0), opRefNull, typeFuncref, opTableSet, 0, opLocalGet, 0, opLocalGet, 1, i32(0), opCallIndirect, 1, 0), withTable(4, self)),
			sentinel: runtime.ErrTrap, says: []string{"invalid table access"}},
	}
}

// useLocals gives the locals from 2 on values that are not known.
func useLocals(n int) (b []byte) {
	for i := range n {
		b = code(b, opLocalGet, 0, opI64ExtendU, opLocalSet, uleb(i+2))
	}
	return b
}

// doubling are functions that each call the next one twice.
func doubling(first, n int) (list []tinyFunction) {
	for i := range n {
		next := first + i + 1
		f := tinyFunction{params: "ii", results: "I", body: code(opLocalGet, 0, opLocalGet, 1, opCall, next, opDrop, opLocalGet, 0, opLocalGet, 1, opCall, next)}
		if i == n-1 {
			f.body = []byte{opI64Const, 0}
		}
		list = append(list, f)
	}
	return list
}

// nameAttacks take names that are ours, or that fool who reads them.
func nameAttacks() []attack {
	hook := func(n string) tinyFunction { return tinyFunction{name: n, params: "ii", results: "I"} }
	imported := func(module, n, params, results string) []byte {
		return attacker([]byte{opI64Const, 0}, importing(tinyFunction{module: module, name: n, params: params, results: results}))
	}
	with := func(n string) []byte { return tinyGuest(hook(n)).build() }
	whole := func(exports ...[]byte) []byte {
		return binaryOf(partTypes(), partFunctions(), partMemory(), section(6, [][]byte{{typeI32, 1, opI32Const, 0, opEnd}}), partExports(exports...), partCode())
	}
	return []attack{
		{name: "our global of fuel", module: with("__trellis_fuel"), refused: []string{"__trellis_fuel", "reserved"}},
		{name: "our start", module: with("__trellis_start"), refused: []string{"__trellis_start", "reserved"}},
		{name: "a global of ours", module: whole(append(name("__trellis_g0"), 3, 0)), refused: []string{"__trellis_g0", "reserved"}},
		{name: "import of ours", module: imported("__trellis", "yield", "", ""), refused: []string{"__trellis"}},
		{name: "import of nobody's", module: imported("env", "system", "i", "i"), refused: []string{"import env.system is not offered"}},
		{name: "import of control characters", module: imported("env\n\x1b[2J", "\u202esystem", "i", "i"), refused: []string{"is not offered"}},
		{name: "import of a wrong type", module: imported("trellis", "read", "III", "I"), refused: []string{"import trellis.read is"}},
		{name: "import of a memory", module: binaryOf(rawSection(2, []byte{1}, name("env"), name("memory"), []byte{2, 0, 1})), refused: []string{"import of a memory is not supported"}},
		{name: "import of a table", module: binaryOf(rawSection(2, []byte{1}, name("env"), name("table"), []byte{1, typeFuncref, 0, 1})), refused: []string{"import of a table is not supported"}},
		{name: "import of a global", module: binaryOf(rawSection(2, []byte{1}, name("env"), name("g"), []byte{3, typeI32, 1})), refused: []string{"import of a global is not supported"}},
		{name: "memory exported twice", module: whole(append(name("memory2"), 2, 0))},
		{name: "one name twice", module: whole(append(name("attack"), 0, 1)), refused: []string{`export "attack" appears twice`}},
		{name: "the memory is a function", module: binaryOf(partTypes(), partFunctions(), partMemory(),
			section(7, [][]byte{append(name("memory"), 0, 0), append(name("trellis_alloc"), 0, 0), append(name("attack"), 0, 1)}), partCode()),
			refused: []string{`no memory is exported as "memory"`}},
		{name: "no memory", module: binaryOf(partTypes(), partFunctions(),
			section(7, [][]byte{append(name("trellis_alloc"), 0, 0), append(name("attack"), 0, 1)}), partCode()), refused: []string{"no memory is exported"}},
		{name: "names that are not UTF-8", module: with("\xff\xfe"), refused: []string{"not UTF-8"}},
		{name: "a hook of control characters", module: with("a\x00\x1b[31m\n\u202eb"), refused: []string{"has characters that cannot be printed"}},
		{name: "a hook without a name", module: with(""), hook: "none\n\x1b[31m", kind: trellis.NotFound, says: []string{"has no such hook"}},
		{name: "a hook of a megabyte", module: with(string(slices.Repeat([]byte("x"), 1<<20))), hook: string(slices.Repeat([]byte("x"), 1<<20))},
		{name: "the allocator as a hook", module: tinyGuest().build(), hook: "trellis_alloc", kind: trellis.NotFound, says: []string{"has no such hook"}},
		{name: "a name too long for an error", module: imported("env", string(slices.Repeat([]byte("y"), 1<<20)), "i", "i"), refused: []string{"is not offered"}},
		{name: "globals and memory under our prefix", module: whole(append(name("__trellis"), 2, 0)), refused: []string{"reserved"}},
	}
}
