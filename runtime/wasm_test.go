package runtime_test

import "slices"

// tiny builds modules of a few bytes for what no compiler would make.
type tiny struct {
	imports []tinyFunction
	exports []tinyFunction
	memory  bool // two pages unless pages says otherwise, exported as "memory"
	pages   int
	// table, if not 0, is the size of a table of functions.
	table byte
	// elements are the functions that the table begins with.
	elements []byte
	// globals are mutable numbers (i32) that begin as 0.
	globals int
	// data, if not empty, is a passive segment.
	data string
}

type tinyFunction struct {
	module, name, params, results string // letters as in package instrument
	body                          []byte // code without the final end; nil: returns zeros
	locals                        []byte // groups of locals as they are encoded; nil: none
}

// Opcodes that the tests use.
const (
	opBlock, opLoop, opEnd, opBr   = 0x02, 0x03, 0x0b, 0x0c
	opBrTable                      = 0x0e
	opCall, opLocalGet             = 0x10, 0x20
	opI32Const, opI64Const, opDrop = 0x41, 0x42, 0x1a
	opRefNull, opTableSet          = 0xd0, 0x26
	opRefFunc, opRefIsNull         = 0xd2, 0xd1
	opTableGet, opBulk             = 0x25, 0xfc // the next byte says which
	opGlobalGet, opGlobalSet       = 0x23, 0x24
	opI32Load, opI32Store          = 0x28, 0x36
	opI64Load                      = 0x29
	opI32Add, opI32LtU, opBrIf     = 0x6a, 0x49, 0x0d
	opI64ExtendU                   = 0xad
	typeI32, typeI64, typeFuncref  = 0x7f, 0x7e, 0x70
)

func (t tiny) build() []byte {
	var types, imports, functions, exports, code [][]byte
	known := map[string]byte{}
	addType := func(f tinyFunction) byte {
		if n, ok := known[f.params+">"+f.results]; ok {
			return n
		}
		known[f.params+">"+f.results] = byte(len(types))
		types = append(types, append(append([]byte{0x60}, vector(letters(f.params))...), vector(letters(f.results))...))
		return byte(len(types) - 1)
	}
	for _, f := range t.imports {
		imports = append(imports, append(append(name(f.module), name(f.name)...), 0, addType(f)))
	}
	for i, f := range t.exports {
		functions = append(functions, []byte{addType(f)})
		if f.name != "" {
			exports = append(exports, append(name(f.name), 0, byte(len(t.imports)+i)))
		}
		body := f.body
		if body == nil {
			for _, l := range f.results {
				body = append(body, map[rune]byte{'i': opI32Const, 'I': opI64Const}[l], 0)
			}
		}
		groups := f.locals
		if groups == nil {
			groups = []byte{0}
		}
		body = append(slices.Concat(groups, body), opEnd)
		code = append(code, append(uleb(len(body)), body...))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, types)...)
	out = append(out, section(2, imports)...)
	out = append(out, section(3, functions)...)
	if t.table > 0 {
		out = append(out, section(4, [][]byte{{typeFuncref, 0, t.table}})...)
	}
	if t.memory {
		out = append(out, section(5, [][]byte{append([]byte{0}, uleb(max(t.pages, 2))...)})...)
		exports = append(exports, append(name("memory"), 2, 0))
	}
	var globals [][]byte
	for range t.globals {
		globals = append(globals, []byte{typeI32, 1, opI32Const, 0, opEnd})
	}
	out = append(out, section(6, globals)...)
	out = append(out, section(7, exports)...)
	if len(t.elements) > 0 {
		out = append(out, section(9, [][]byte{append([]byte{0, opI32Const, 0, opEnd}, vector(t.elements)...)})...)
	}
	if t.data == "" {
		return append(out, section(10, code)...)
	}
	out = append(out, 12, 1, 1)
	out = append(out, section(10, code)...)
	return append(out, section(11, [][]byte{append([]byte{1}, name(t.data)...)})...)
}

func letters(s string) []byte {
	var b []byte
	for _, l := range s {
		b = append(b, map[rune]byte{'i': typeI32, 'I': typeI64, 'f': 0x7d, 'F': 0x7c}[l])
	}
	return b
}

func uleb(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func sleb(n int) []byte {
	var b []byte
	for ; n < -0x40 || n >= 0x40; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n)&0x7f)
}

func vector(b []byte) []byte { return append(uleb(len(b)), b...) }
func name(s string) []byte   { return vector([]byte(s)) }

func section(id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return nil
	}
	body := uleb(len(items))
	for _, item := range items {
		body = append(body, item...)
	}
	return append([]byte{id}, vector(body)...)
}

// tinyGuest is a guest of trellis/1 with these functions more.
func tinyGuest(more ...tinyFunction) tiny {
	return tiny{memory: true, exports: append([]tinyFunction{
		{name: "trellis_alloc", params: "i", results: "i", body: []byte{opI32Const, 16}},
		{name: "hook", params: "ii", results: "I"},
	}, more...)}
}
