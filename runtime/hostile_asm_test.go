package runtime_test

import "slices"

// What follows writes code and sections for attacks, beside tiny, which writes
// whole guests.

// code joins single bytes and pieces of code.
func code(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case []byte:
			b = append(b, p...)
		default:
			panic("code of neither int nor []byte")
		}
	}
	return b
}

// i32 and i64 push a constant.
func i32(v int64) []byte { return append([]byte{opI32Const}, sleb(int(int32(v)))...) }
func i64(v int64) []byte { return append([]byte{opI64Const}, sleb(int(v))...) }

// poke stores a constant of 32 bits.
func poke(at, v int64) []byte { return code(i32(at), i32(v), opI32Store, 2, 0) }

// forever repeats code without end.
func forever(body ...[]byte) []byte {
	return code(opLoop, typeEmpty, slices.Concat(body...), opBr, 0, opEnd, opUnreachable)
}

// answers is what a hook returns: where its answer is, and the length.
func answers(ptr, length int64) []byte { return i64(ptr<<32 | length) }

const (
	opUnreachable  = 0x00
	opIf, opReturn = 0x04, 0x0f
	opI32Eqz       = 0x45
	opI32Store8    = 0x3a
	typeEmpty      = 0x40
	opCallIndirect = 0x11
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32DivU      = 0x6e
	opLocalSet     = 0x21
	subMemoryInit  = 8
	subDataDrop    = 9
	subMemoryCopy  = 10
	subMemoryFill  = 11
	subTableInit   = 12
	subElemDrop    = 13
	subTableCopy   = 14
	subTableGrow   = 15
	subTableFill   = 17
)

// attacker is a tiny guest with a hook "attack", the first function after the
// imports, the allocator and the harmless hook.
func attacker(body []byte, change ...func(*tiny)) []byte {
	g := tinyGuest(tinyFunction{name: "attack", params: "ii", results: "I", body: body})
	for _, c := range change {
		c(&g)
	}
	return g.build()
}

// importing gives a guest imports, which are the functions from 0 on.
func importing(functions ...tinyFunction) func(*tiny) {
	return func(g *tiny) { g.imports = functions }
}

// exporting gives a guest further functions, from the one after "attack" on.
func exporting(functions ...tinyFunction) func(*tiny) {
	return func(g *tiny) { g.exports = append(g.exports, functions...) }
}

func pages(n int) func(*tiny) { return func(g *tiny) { g.pages = n } }

// withTable gives a guest a table of n, which begins with these functions.
func withTable(n byte, functions ...byte) func(*tiny) {
	return func(g *tiny) { g.table, g.elements = n, functions }
}

var (
	importCall   = tinyFunction{module: "trellis", name: "call", params: "iiii", results: "I"}
	importRead   = tinyFunction{module: "trellis", name: "read", params: "iii", results: "i"}
	importLog    = tinyFunction{module: "trellis", name: "log", params: "iii"}
	importNow    = tinyFunction{module: "trellis", name: "now", results: "I"}
	importRandom = tinyFunction{module: "trellis", name: "random", params: "ii"}
	importWrite  = tinyFunction{module: wasi, name: "fd_write", params: "iiii", results: "i"}
)

const wasi = "wasi_snapshot_preview1"

// binaryOf is a module of these sections, in this order.
func binaryOf(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// rawSection is a section whose content is these bytes.
func rawSection(id byte, content ...[]byte) []byte {
	return append([]byte{id}, vector(slices.Concat(content...))...)
}

// The parts of a whole guest, for those who change one of them: an allocator of
// type 0, a hook of type 1, a function () -> () of type 2.
func partTypes() []byte {
	return section(1, [][]byte{{0x60, 1, typeI32, 1, typeI32}, {0x60, 2, typeI32, typeI32, 1, typeI64}, {0x60, 0, 0}})
}
func partFunctions() []byte { return section(3, [][]byte{{0}, {1}}) }
func partMemory() []byte    { return section(5, [][]byte{{0, 2}}) }
func partExports(more ...[]byte) []byte {
	return section(7, append([][]byte{
		append(name("memory"), 2, 0), append(name("trellis_alloc"), 0, 0), append(name("attack"), 0, 1),
	}, more...))
}
func partCode(hook ...byte) []byte {
	if hook == nil {
		hook = []byte{opI64Const, 0}
	}
	return section(10, [][]byte{
		vector([]byte{0, opI32Const, 16, opEnd}), vector(slices.Concat([]byte{0}, hook, []byte{opEnd})),
	})
}
