package runtime_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// formAttacks are modules whose form alone is meant to cost the host memory or
// time, or to get past the reader of modules.
func formAttacks() []attack {
	whole := func(sections ...[]byte) []byte { return binaryOf(sections...) }
	odd := func(hook ...byte) []byte { // a whole guest whose hook has this code
		return whole(partTypes(), partFunctions(), partMemory(), partExports(), partCode(hook...))
	}
	typed := func(typ ...byte) []byte { return whole(section(1, [][]byte{typ})) }
	many := func(n int, item []byte) []byte { return append(uleb(n), bytes.Repeat(item, n)...) }
	claims := func(id byte) []byte { // four thousand million items, in four bytes
		return whole(partTypes(), rawSection(id, uleb(4_000_000_000), []byte{0, 0, 0, 0}))
	}
	data := func(segment ...byte) []byte {
		return whole(partTypes(), partFunctions(), partMemory(), partExports(), partCode(), section(11, [][]byte{segment}))
	}
	elements := func(segment ...byte) []byte {
		return whole(partTypes(), partFunctions(), section(4, [][]byte{{typeFuncref, 0, 4}}), partMemory(), partExports(),
			section(9, [][]byte{segment}), partCode())
	}
	exports := func(n int) []byte {
		var list [][]byte
		for i := range n {
			list = append(list, append(name(fmt.Sprint("hook", i)), 0, 1))
		}
		return whole(partTypes(), partFunctions(), partMemory(), partExports(list...), partCode())
	}
	names := func(content ...[]byte) []byte {
		return append(odd(), rawSection(0, append([][]byte{name("name")}, content...)...)...)
	}
	return []attack{
		{name: "4,000,000,000 locals", module: withBody(code(1, uleb(4_000_000_000), typeI64)), refused: []string{"4000000000 locals and parameters", "limit of 5000"}},
		{name: "many groups of locals", module: withBody(code(many(100, code(uleb(4000), typeI64)))), refused: []string{"locals and parameters", "limit of 5000"}},
		{name: "br_table of 100,000", module: withBody([]byte{0}, code(i32(0), opBrTable, uleb(100_000), make([]byte, 100_001))), refused: []string{"br_table with 100000 targets", "limit of 4096"}},
		{name: "br_table of more than there is", module: withBody([]byte{0}, code(i32(0), opBrTable, uleb(4_000_000_000))), refused: []string{"do not fit into the remaining"}},
		{name: "20,000 blocks in one another", module: withBody([]byte{0}, bytes.Repeat([]byte{opBlock, typeEmpty}, 20_000), bytes.Repeat([]byte{opEnd}, 20_000)), refused: []string{"deeper than the limit of 2000"}},
		{name: "body of 1 MiB", module: withBody([]byte{0}, bytes.Repeat([]byte{1}, 1<<20)), refused: []string{"limit of 1048576"}},
		{name: "100,000 functions", module: whole(partTypes(), rawSection(3, many(100_000, []byte{2})), rawSection(10, many(100_000, []byte{2, 0, opEnd}))), refused: []string{"100000 functions exceed the limit of 50000"}},
		{name: "table of 100,000,000", module: whole(partTypes(), partFunctions(), section(4, [][]byte{append([]byte{typeFuncref, 0}, uleb(100_000_000)...)})), refused: []string{"table begins with a size of 100000000", "limit of 65536"}},
		{name: "17 tables", module: whole(rawSection(4, many(17, []byte{typeFuncref, 0, 1}))), refused: []string{"17 tables exceed the limit of 16"}},
		{name: "memory of 4 GiB", module: attacker([]byte{opI64Const, 0}, pages(65_536)), refused: []string{"memory begins with 4194304 KiB", "limit of 16384 KiB"}},
		{name: "memory that ends before it begins", module: whole(rawSection(5, []byte{1, 1, 9, 3})), refused: []string{"a minimum of 9 and a maximum of 3"}},
		{name: "module of 17 MiB", module: append(odd(), rawSection(0, name("x"), make([]byte, 17<<20))...), refused: []string{"limit of 16777216"}},
		{name: "custom section of 15 MiB", module: append(odd(), rawSection(0, name("x"), make([]byte, 15<<20))...)},
		{name: "custom section without a name", module: append(odd(), rawSection(0)...), refused: []string{"unexpected end"}},
		{name: "custom section longer than the module", module: append(odd(), 0, 0xff, 0xff, 0xff, 0x7f), refused: []string{"do not fit into the remaining"}},
		{name: "4,000,000,000 names", module: names([]byte{1}, vector(uleb(4_000_000_000)))},
		{name: "names of control characters", module: names([]byte{1}, vector(code(1, 1, name("\x1b[31m\u202e\n\x00"))))},
		{name: "names that overlap the end", module: names([]byte{1}, vector(code(1, 1, uleb(1<<30))))},
		{name: "number of ten bytes", module: whole([]byte{1, 0x83, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}), refused: []string{"number is longer than 32 bits"}},
		{name: "constant longer than 32 bits", module: odd(opI32Const, 0xff, 0xff, 0xff, 0xff, 0x4f, opDrop, opI64Const, 0), refused: []string{"number is longer than 32 bits"}},
		{name: "constant longer than 64 bits", module: odd(opI64Const, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02), refused: []string{"number is longer than 64 bits"}},
		{name: "section twice", module: whole(partTypes(), partTypes()), refused: []string{"type section appears twice"}},
		{name: "sections out of order", module: whole(partTypes(), partMemory(), partFunctions()), refused: []string{"function section is out of order"}},
		{name: "unknown section", module: whole(rawSection(99)), refused: []string{"unknown section 99"}},
		{name: "section shorter than its content", module: whole([]byte{1, 1, 1}), refused: []string{"do not fit"}},
		{name: "section longer than its content", module: whole(rawSection(1, []byte{0, 0, 0})), refused: []string{"too many"}},
		{name: "code after the end", module: odd(opI64Const, 0, opEnd, opI64Const, 0), refused: []string{"code after the end of the function"}},
		{name: "code without an end", module: whole(partTypes(), partFunctions(), rawSection(10, []byte{2, 2, 0, 1, 2, 0, 1})), refused: []string{"unexpected end"}},
		{name: "functions without code", module: whole(partTypes(), partFunctions()), refused: []string{"2 functions are declared, 0 have code"}},
		{name: "4,000,000,000 types", module: claims(1), refused: []string{"appears twice"}},
		{name: "4,000,000,000 imports", module: claims(2), refused: []string{"do not fit"}},
		{name: "4,000,000,000 functions", module: claims(3), refused: []string{"do not fit"}},
		{name: "4,000,000,000 tables", module: claims(4), refused: []string{"do not fit"}},
		{name: "4,000,000,000 memories", module: claims(5), refused: []string{"do not fit"}},
		{name: "4,000,000,000 globals", module: claims(6), refused: []string{"do not fit"}},
		{name: "4,000,000,000 exports", module: claims(7), refused: []string{"do not fit"}},
		{name: "4,000,000,000 element segments", module: claims(9), refused: []string{"do not fit"}},
		{name: "4,000,000,000 bodies", module: claims(10), refused: []string{"do not fit"}},
		{name: "4,000,000,000 data segments", module: claims(11), refused: []string{"do not fit"}},
		{name: "4,000,000,000 parameters", module: typed(code(0x60, uleb(4_000_000_000))...), refused: []string{"do not fit"}},
		{name: "2,000 parameters", module: typed(code(0x60, many(2000, []byte{typeI32}), 0)...), refused: []string{"2000 parameters exceed the limit of 1000"}},
		{name: "data outside of the memory", module: data(code(0, i32(2*64<<10-1), opEnd, name("ab"))...), refused: []string{"out of bounds"}},
		{name: "data at 4 GiB", module: data(code(0, i32(-1), opEnd, name("ab"))...), refused: []string{"out of bounds"}},
		{name: "data longer than the module", module: data(code(0, i32(0), opEnd, uleb(1<<31))...), refused: []string{"do not fit"}},
		{name: "data without a memory", module: whole(partTypes(), rawSection(11, []byte{1, 0, opI32Const, 0, opEnd, 0})), refused: []string{"data segment without a memory"}},
		// The engine leaves out what does not fit, where the specification has it trap.
		{name: "elements outside of the table", module: elements(code(0, i32(4), opEnd, 1, 0)...)},
		{name: "elements at 4 GiB", module: elements(code(0, i32(-1), opEnd, 2, 0, 0)...)},
		{name: "elements of no function", module: elements(code(0, i32(0), opEnd, 1, 9)...), refused: []string{"there is no function 9"}},
		{name: "4,000,000,000 elements", module: elements(code(0, i32(0), opEnd, uleb(4_000_000_000))...), refused: []string{"do not fit"}},
		{name: "start of no function", module: whole(partTypes(), partFunctions(), partMemory(), partExports(), rawSection(8, []byte{77}), partCode()), refused: []string{"there is no function 77"}},
		{name: "start with parameters", module: whole(partTypes(), partFunctions(), partMemory(), partExports(), rawSection(8, []byte{1}), partCode()), refused: []string{"start function 1 has the type"}},
		{name: "9,000 exports", module: exports(9_000)},
		{name: "10,001 exports", module: exports(10_001), refused: []string{"exported functions exceed the limit of 10000"}},
		{name: "100,001 exports", module: exports(100_001), refused: []string{"exports exceed the limit of 100000"}},
		{name: "a component", module: []byte("\x00asm\x0d\x00\x01\x00"), refused: []string{"a WebAssembly component"}},

		{name: "exception handling", module: whole(rawSection(13, []byte{1, 0, 0})), refused: []string{"exception handling is not supported"}},
		{name: "throw", module: odd(0x08, 0, opI64Const, 0), refused: []string{"exception handling is not supported"}},
		{name: "threads", module: whole(rawSection(5, []byte{1, 3, 1, 2})), refused: []string{"threads are not supported"}},
		{name: "atomics", module: odd(code(i32(0), 0xfe, 0x10, 2, 0, opDrop, opI64Const, 0)...), refused: []string{"not supported"}},
		{name: "two memories", module: whole(rawSection(5, []byte{2, 0, 1, 0, 1})), refused: []string{"multiple memories are not supported"}},
		{name: "memory of 64 bits", module: whole(rawSection(5, []byte{1, 4, 1})), refused: []string{"memory64 is not supported"}},
		{name: "tail call", module: odd(code(opLocalGet, 0, opLocalGet, 1, 0x12, 1)...), refused: []string{"not supported"}},
		{name: "garbage collection", module: typed(0x5f, 1, typeI32, 0), refused: []string{"garbage collection is not supported"}},
		{name: "relaxed SIMD", module: odd(code(0xfd, uleb(0x100), opI64Const, 0)...), refused: []string{"relaxed SIMD is not supported"}},
		{name: "unknown instruction", module: odd(0xff, opI64Const, 0), refused: []string{"0xff"}},
	}
}

// withBody is a guest with one function more, of these groups of locals and code.
func withBody(locals []byte, body ...[]byte) []byte {
	g := tinyGuest()
	g.exports = append(g.exports, tinyFunction{locals: locals, body: bytes.Join(body, nil)})
	return g.build()
}

// TestHostileFormsInChild gives the same modules to a compiler in a process of its
// own, as a server does: what it says does not differ.
func TestHostileFormsInChild(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process for each of the forms")
	}
	r := newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: compiler(t, childMemory()...)})
	for _, a := range formAttacks() {
		t.Run(a.name, func(t *testing.T) {
			guarded(t, func() {
				m, err := r.Compile(t.Context(), a.module, a.limits)
				if a.refused != nil {
					a.blame(t, err, nil, trellis.Invalid, a.refused)
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				_ = m.Close(t.Context())
			})
		})
	}
}
