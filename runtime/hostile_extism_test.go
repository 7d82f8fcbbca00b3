package runtime_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// extismOf is an Extism plugin with these hooks, () -> (i32), and these imports,
// which are the functions from 0 on. Each hook has three locals (i64).
func extismOf(hooks map[string][]byte, imports ...string) []byte {
	g := tiny{memory: true}
	for _, name := range imports {
		for _, f := range runtime.Extism() {
			if f[1] == name {
				g.imports = append(g.imports, tinyFunction{module: f[0], name: name, params: f[2], results: f[3]})
			}
		}
	}
	names := make([]string, 0, len(hooks))
	for name := range hooks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		g.exports = append(g.exports, tinyFunction{name: name, results: "i", locals: []byte{1, 3, typeI64}, body: hooks[name]})
	}
	return g.build()
}

const (
	opI64Eq, opI64LtU, opI64Add = 0x51, 0x54, 0x7c
	opI32WrapI64, opLocalTee    = 0xa7, 0x22
)

// extismAttacks are attacks by what only an Extism plugin can do: its blocks lie in
// memory of the host.
func extismAttacks() []attack {
	one := func(body []byte, imports ...string) []byte {
		return extismOf(map[string][]byte{"attack": code(body, i32(0))}, imports...)
	}
	block := func(n int64) []byte { return code(i64(n), opCall, 0) } // alloc is import 0
	drop := []byte{opDrop}
	text := func(s string) []byte { // leaves the offset of a block with s in local 0; store_u8 is import 1
		b := code(block(int64(len(s))), opLocalSet, 0)
		for i, c := range []byte(s) {
			b = code(b, opLocalGet, 0, i64(int64(i)), opI64Add, i32(int64(c)), opCall, 1)
		}
		return b
	}
	outside := []string{"outside of the memory"}
	return []attack{
		{name: "blocks without end", module: one(forever(block(1), drop), "alloc"), sentinel: runtime.ErrFuel},
		{name: "large blocks without end", module: one(forever(block(1<<20), drop), "alloc"), sentinel: runtime.ErrFuel},
		{name: "a block of everything", module: one(code(block(-1), opDrop, block(1<<63-1), opDrop, block(1<<32), opDrop, block(16<<20+1), opDrop), "alloc")},
		{name: "blocks freed twice, and what is none", module: one(code(block(9), opLocalTee, 0, opCall, 1, opLocalGet, 0, opCall, 1, i64(-1), opCall, 1, i64(0), opCall, 1, i64(70), opCall, 1), "alloc", "free")},
		{name: "many blocks, freed from the front", module: one(forever(code(block(1), opCall, 1, block(300), drop)), "alloc", "free"), sentinel: runtime.ErrFuel},
		{name: "headers that lie", module: one(code(block(64), opLocalSet, 0, // sizes of 4 GiB, and a state of free
			opLocalGet, 0, i64(-8), opI64Add, i64(-1), opCall, 1, opLocalGet, 0, i64(-12), opI64Add, i64(2), opCall, 1,
			opLocalGet, 0, opCall, 2, opDrop, block(60_000), opDrop, block(60_000), opDrop, opLocalGet, 0, opCall, 3),
			"alloc", "store_u64", "length", "free")},
		{name: "headers of nothing, looked through without end", module: one(code(block(200_000), opDrop, forever(code(i64(190_000), opCall, 1, opDrop))), "alloc", "length"), sentinel: runtime.ErrFuel},
		{name: "a word outside of the memory", module: one(code(i64(1<<20), i64(1), opCall, 0), "store_u64"), sentinel: runtime.ErrTrap, says: outside},
		{name: "a word at the end of offsets", module: one(code(i64(-4), opCall, 0, opDrop), "load_u64"), sentinel: runtime.ErrTrap, says: outside},
		{name: "bytes all over", module: one(code(i64(-1), i32(1), opCall, 0, i64(1<<40), i32(1), opCall, 0, i64(0), i32(1), opCall, 0, i64(-1), opCall, 1, opDrop), "store_u8", "load_u8")},
		{name: "words without end", module: one(forever(code(i64(100), opCall, 0, opDrop)), "load_u64"), sentinel: runtime.ErrFuel},
		{name: "an answer from outside", module: one(code(i64(-5), i64(100), opCall, 0), "output_set")},
		{name: "an answer of 2^64 bytes", module: one(code(i64(200), i64(-49), opCall, 0), "output_set"), sentinel: runtime.ErrOutput},
		{name: "an answer of all there is", module: one(code(block(2<<20), i64(2<<20), opCall, 1), "alloc", "output_set"), sentinel: runtime.ErrOutput},
		{name: "an input of 2^64 bytes", module: one(code(i64(200), i64(-49), opCall, 0, i64(1<<40), opCall, 1, opDrop), "input_set", "input_load_u8"), in: "x"},
		{name: "an error from nowhere", module: one(code(i64(5000), opCall, 0), "error_set")},
		{name: "an error that fools", module: one(code(text("a\n\x1b[31mb"), opLocalGet, 0, opCall, 2), "alloc", "store_u8", "error_set"), kind: trellis.Internal, says: []string{"a [31mb"}},
		{name: "the host's reset without end", module: one(forever(code(block(100), opDrop, opCall, 1)), "alloc", "reset"), sentinel: runtime.ErrFuel},
		{name: "log without end", module: one(code(text("x"), forever(code(opLocalGet, 0, opCall, 2))), "alloc", "store_u8", "log_info"), sentinel: runtime.ErrFuel},
		{name: "a name of an operation that is too long", module: one(code(block(1000), i64(0), opCall, 1, opDrop), "alloc", "trellis_call"), sentinel: runtime.ErrTrap, says: []string{"of 128 allowed"}},
		{name: "a request that is no JSON", module: one(code(text("{"), opLocalGet, 0, i64(0), opCall, 2, opDrop), "alloc", "store_u8", "http_request"), sentinel: runtime.ErrTrap, says: []string{"the request is not {url, method, headers}"}},
		{name: "operations without end", module: one(code(text("echo"), forever(code(opLocalGet, 0, i64(0), opCall, 2, opDrop))), "alloc", "store_u8", "trellis_call"), sentinel: runtime.ErrTrap, says: []string{"more than 100 host operations in one call"}},
		{name: "answers of the host until no room is left", module: one(code(text("large"), forever(code(opLocalGet, 0, i64(0), opCall, 2, opDrop))), "alloc", "store_u8", "trellis_call"), kind: trellis.Unavailable},
		{name: "variables without end", module: one(forever(code(block(200_000), block(200_000), opCall, 1)), "alloc", "var_set"), kind: trellis.Unavailable},

		{name: "hooks that are the compiler's", module: extismOf(map[string][]byte{"attack": i32(0), "__wasm_call_dtors": i32(0)}, "alloc"), hook: "__wasm_call_dtors", kind: trellis.NotFound},
		{name: "an import of the other convention", module: binaryWith(importNow), refused: []string{"import trellis.now is not offered"}},
	}
}

// binaryWith is an Extism plugin that imports something else too.
func binaryWith(imp tinyFunction) []byte {
	alloc := tinyFunction{module: "extism:host/env", name: "alloc", params: "I", results: "I"}
	return tiny{memory: true, imports: []tinyFunction{alloc, imp}, exports: []tinyFunction{{name: "attack", results: "i"}}}.build()
}

// extismSpies leave the secret, their input, in the host's memory and look for it
// there: "read" copies what lies in the kernel to the guest, by whole words.
func extismSpies() map[string][]byte {
	const show = 60_000
	// take returns, as the answer, all bytes from offset 1 on, whatever they are of.
	take := code(i64(65), i64(show), opCall, 0)
	imports := []string{"output_set", "alloc", "store_u64", "input_offset", "input_length", "var_set", "var_get", "error_set", "free", "load_u64"}
	copyInput := func(to []byte) []byte { // three words from the input to blocks that were just made
		b := code(to, opLocalSet, 0)
		for i := range 3 {
			b = code(b, opLocalGet, 0, i64(int64(8*i)), opI64Add, opCall, 3, i64(int64(8*i)), opI64Add, opCall, 9, opCall, 2)
		}
		return b
	}
	done := i32(0)
	return map[string][]byte{
		"input":          extismOf(map[string][]byte{"write": done, "read": code(take, done)}, imports...),
		"a block":        extismOf(map[string][]byte{"write": code(copyInput(code(i64(50_000), opCall, 1)), done), "read": code(take, done)}, imports...),
		"a freed block":  extismOf(map[string][]byte{"write": code(copyInput(code(i64(100), opCall, 1)), opLocalGet, 0, opCall, 8, done), "read": code(i64(100), opCall, 1, opDrop, take, done)}, imports...),
		"behind a block": extismOf(map[string][]byte{"write": code(copyInput(i64(59_000)), done), "read": code(take, done)}, imports...),
		"a variable": extismOf(map[string][]byte{"write": code(opCall, 3, opCall, 3, opCall, 5, done), // its name is the secret too
			"read": code(i64(24), opCall, 1, opCall, 6, opDrop, take, done)}, imports...),
		"an error": extismOf(map[string][]byte{"write": code(opCall, 3, opCall, 7, done), "read": code(take, done)}, imports...),
		"a trap":   extismOf(map[string][]byte{"write": code(copyInput(i64(59_000)), opUnreachable), "read": code(take, done)}, imports...),
	}
}

// TestHostileExtismSpies: what one call leaves in the memory that the host keeps
// for a plugin is not seen by the next one's, pristine or pinned: it is made anew
// for each call.
func TestHostileExtismSpies(t *testing.T) {
	r := newRuntime(t, runtime.Config{Host: hostFunc(hostileHost)})
	for name, binary := range extismSpies() {
		for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
			t.Run(name+"/"+isolation.String(), func(t *testing.T) {
				m, err := r.Compile(t.Context(), binary, runtime.Limits{Isolation: isolation, Instances: 1, Time: patience})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close(t.Context())
				for i := range 5 {
					_, _, err := m.Call(t.Context(), runtime.Call{Hook: "write", In: []byte(secret), Key: "a"})
					if (err != nil) != (name == "an error" || name == "a trap") {
						t.Fatal(err)
					}
					out, _, err := m.Call(t.Context(), runtime.Call{Hook: "read", Key: "b"})
					if err != nil || len(out) != 60_000 || strings.Contains(string(out), secret) {
						t.Fatalf("call %d reads %d bytes, another's among them: %v (%v)", i, len(out), strings.Contains(string(out), secret), err)
					}
				}
				// What it looks at is the memory: its own input is there.
				out, _, err := m.Call(t.Context(), runtime.Call{Hook: "read", In: []byte(secret), Key: "b"})
				if err != nil || !strings.Contains(string(out), secret) {
					t.Errorf("it does not see its own input (%v)", err)
				}
			})
		}
	}
}
