package instrument_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

func repeat(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// code is a module of one function without parameters and results.
func code(b ...byte) []byte { return one(nil, nil, noLocals, append(b, 0x0b)...) }

func TestRefused(t *testing.T) {
	many := func(n int, item ...byte) [][]byte { return slices.Repeat([][]byte{item}, n) }
	empty := body(noLocals, 0x0b)
	imported := func(kind ...byte) []byte {
		return module(section(1, typ(nil, nil)), section(2, cat(str("env"), str("x"), kind)))
	}
	for _, tt := range []struct {
		name   string
		binary []byte
		want   string
	}{
		// Bombs: little to write, much to load.
		{"locals of all the address space", one(nil, nil, cat([]byte{1}, uleb(4e9), []byte{i64}), 0x0b), "4000000000 locals and parameters exceed the limit of 5000"},
		{"locals in groups", one(nil, nil, cat(uleb(3), uleb(4000), []byte{i32}, uleb(1001), []byte{i64}, uleb(1), []byte{i32}), 0x0b), "5001 locals and parameters exceed"},
		{"groups of locals that are not there", one(nil, nil, uleb(4e9), 0x0b), "4000000000 groups of locals do not fit"},
		{"locals of many functions", module(section(1, typ(nil, nil)), section(3, many(1000, 0)...),
			section(10, many(1000, body(cat([]byte{1}, uleb(5000), []byte{i32}), 0x0b)...)...)), "locals and parameters of all functions exceed the limit of 4000000"},
		{"br_table", code(cat([]byte{0x41, 0, 0x0e}, uleb(100_000), repeat(100_001, 0))...), "br_table with 100000 targets exceeds the limit of 4096"},
		{"nesting", code(cat(repeat(20_000, 0x02, 0x40), repeat(20_000, 0x0b))...), "blocks are nested 20000 deep, deeper than the limit of 2000"},
		{"body", code(repeat(1<<20, 0x01)...), "body of 1048577 bytes exceeds the limit of 1048576"},
		{"functions", module(section(1, typ(nil, nil)), section(3, many(50_001, 0)...), section(10, many(50_001, empty...)...)), "50001 functions exceed the limit of 50000"},
		{"types", module(section(1, many(100_001, 0x60, 0, 0)...)), "100001 types exceed the limit of 100000"},
		{"parameters", module(section(1, typ(repeat(1001, i32), nil))), "1001 parameters exceed the limit of 1000"},
		{"results", module(section(1, typ(nil, repeat(1001, i32)))), "1001 results exceed the limit of 1000"},
		{"a short call with many values", module(section(1, typ(repeat(1000, i32), repeat(1000, i32))), section(3, []byte{0}),
			section(10, body(noLocals, cat(repeat(1000, 0x41, 0), repeat(1000, 0x10, 0), []byte{0x0b})...))), "which exceeds the limit of 1048576"},
		{"table", module(section(4, cat([]byte{funcref, 0}, uleb(100_000_000)))), "table begins with a size of 100000000, which exceeds the limit of 65536"},
		{"tables", module(section(4, many(17, funcref, 0, 1)...)), "17 tables exceed the limit of 16"},
		{"memory", module(section(5, cat([]byte{0}, uleb(257)))), "memory begins with 16448 KiB, which exceeds the limit of 16384 KiB"},
		{"elements", module(section(4, []byte{funcref, 0, 1}), section(9, cat([]byte{5, funcref}, uleb(131_073), repeat(131_073, 0xd0, funcref, 0x0b)))), "131073 elements of segments exceed the limit of 131072"},
		{"a count of 4 G", append([]byte(header), 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f), "4294967295 types do not fit into the remaining 0 bytes"},
		{"data that is not there", module(section(5, []byte{0, 1}), section(11, cat([]byte{0, 0x41, 0, 0x0b}, uleb(4e9)))), "4000000000 bytes of data do not fit"},

		// Features.
		{"try", code(0x06, 0x40, 0x0b), "exception handling is not supported (instruction 0x06)"},
		{"try_table", code(0x1f, 0x40, 0x00, 0x0b), "exception handling is not supported"},
		{"tag", module(section(13, []byte{0, 0})), "exception handling is not supported (tag section)"},
		{"exnref", module(section(1, typ([]byte{0x69}, nil))), "exception handling is not supported (value type 0x69)"},
		{"tail call", code(0x12, 0), "tail calls are not supported (instruction 0x12)"},
		{"indirect tail call", code(0x13, 0, 0), "tail calls are not supported"},
		{"call_ref", code(0x14, 0), "typed function references are not supported"},
		{"typed reference", module(section(1, typ([]byte{0x64, 0}, nil))), "typed function references are not supported"},
		{"struct", code(0xfb, 0, 0), "garbage collection is not supported (instruction 0xfb)"},
		{"recursive types", module(section(1, []byte{0x4e, 0, 0})), "garbage collection is not supported"},
		{"atomics", code(0xfe, 0, 0, 0), "threads and atomic instructions are not supported"},
		{"shared memory", module(section(5, []byte{3, 1, 2})), "threads are not supported (shared memory)"},
		{"64-bit memory", module(section(5, []byte{4, 1})), "memory64 is not supported"},
		{"two memories", module(section(5, []byte{0, 1}, []byte{0, 1})), "multiple memories are not supported (2)"},
		{"second memory in an argument", code(0x41, 0, 0x28, 0x42, 1, 0, 0x1a), "multiple memories are not supported (memory argument)"},
		{"relaxed SIMD", code(0xfd, 0x80, 0x02), "relaxed SIMD is not supported (instruction 0xfd 0x100)"},
		{"unknown vector instruction", code(0xfd, 0x9a, 0x01), "unknown instruction 0xfd 0x9a"},
		{"unknown instruction", code(0x27), "unknown instruction 0x27"},
		{"unknown bulk instruction", code(0xfc, 0x12), "unknown instruction 0xfc 0x12"},
		{"wide arithmetic", code(0x42, 0, 0x42, 0, 0x42, 0, 0x42, 0, 0xfc, 0x13), "wide arithmetic is not supported (instruction 0xfc 0x13)"},
		{"pages of another size", module(section(5, []byte{8, 1, 0})), "custom page sizes are not supported"},
		{"constant of two values", module(section(6, []byte{i32, 0, 0x41, 1, 0x41, 2, 0x0b})), "more or less than one value"},
		{"constant of no value", module(section(6, []byte{i32, 0, 0x0b}, []byte{i32, 0, 0x41, 0, 0x0b})), "more or less than one value"},
		{"constant with too few operands", module(section(6, []byte{i32, 0, 0x41, 1, 0x6a, 0x0b})), "finds no two numbers for instruction 0x6a"},
		{"constant of mixed types", module(section(6, []byte{i32, 0, 0x41, 1, 0x42, 1, 0x6a, 0x0b})), "finds no two numbers for instruction 0x6a"},
		{"long constant", module(section(6, cat([]byte{i32, 0}, repeat(2000, 0x41, 1), []byte{0x0b}))), "constant expression of more than 1000 instructions"},
		{"code in a constant", module(section(6, []byte{i32, 0, 0x41, 1, 0x45, 0x0b})), "more or less than one value"},
		{"load in a constant", module(section(6, []byte{i32, 0, 0x28, 0, 0, 0x0b})), "instruction 0x28 in a constant expression"},
		{"import of a memory", imported(2, 0, 1), `import of a memory is not supported: "env"."x"`},
		{"import of a table", imported(1, funcref, 0, 1), "import of a table is not supported"},
		{"import of a global", imported(3, i32, 0), "import of a global is not supported"},
		{"import of a tag", imported(4, 0, 0), "exception handling is not supported"},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), "a WebAssembly component, where a core module is needed"},

		// Names.
		{"our prefix", module(section(5, []byte{0, 1}), section(7, exported("__trellis_fuel", 2, 0))), `export "__trellis_fuel" begins with "__trellis", which is reserved`},
		{"our module", module(section(1, typ(nil, nil)), section(2, cat(str("__trellis"), str("yield"), []byte{0, 0}))), `import from "__trellis", which is reserved`},
		{"name twice", module(section(5, []byte{0, 1}), section(7, exported("m", 2, 0), exported("m", 2, 0))), `export "m" appears twice`},

		// Structure.
		{"nothing", nil, "not a WebAssembly module"},
		{"text", []byte("(module)"), "not a WebAssembly module"},
		{"version 2", []byte("\x00asm\x02\x00\x00\x00"), "not WebAssembly version 1"},
		{"section twice", module(section(1), section(1)), "type section appears twice"},
		{"section out of order", module(section(5), section(4)), "table section is out of order"},
		{"unknown section", module(section(14)), "unknown section 14"},
		{"section with a rest", append([]byte(header), 1, 2, 0, 0), "type section: offset 0xb: 1 bytes too many"},
		{"long number", append([]byte(header), 1, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0), "number is longer than 32 bits"},
		{"code without function", module(section(1, typ(nil, nil)), section(10, empty)), "0 functions are declared, 1 have code"},
		{"function without code", module(section(1, typ(nil, nil)), section(3, []byte{0})), "1 functions are declared, 0 have code"},
		{"data count", module([]byte{12, 1, 2}, section(11)), "2 data segments are declared, there are 0"},
		{"else without if", code(0x02, 0x40, 0x05, 0x0b), "else outside of an if"},
		{"missing end", code(0x02, 0x40), "unexpected end"},
		{"code after the end", code(0x0b, 0x01), "code after the end of the function"},
		{"label", code(0x0c, 1), "there is no label 1"},
		{"local", code(0x20, 0), "there is no local 0"},
		{"type of block", code(0x02, 0x07, 0x0b), "there is no type 7"},
		// The engine itself panics on this one.
		{"type of function", module(section(1, typ(nil, nil)), section(3, []byte{0}, []byte{48}), section(10, body(noLocals, 0x10, 1, 0x0b), empty)), "there is no type 48"},
		{"start with parameters", module(section(1, typ([]byte{i32}, nil)), section(3, []byte{0}), []byte{8, 1, 0}, section(10, empty)), "start function 0 has the type (i32) -> ()"},
		{"no operands", code(0x6a), "too few operands"},
		{"limits upside down", module(section(5, []byte{1, 5, 1})), "memory has a minimum of 5 and a maximum of 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			took := time.Hour
			for range 3 { // the machine may be busy
				began := time.Now()
				_, _, err = instrument.Rewrite(tt.binary, instrument.Limits{})
				took = min(took, time.Since(began))
			}
			if took > time.Minute && !raceEnabled {
				t.Errorf("took %v", took)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("%v of kind %q, want %q", err, trellis.KindOf(err), tt.want)
			}
		})
	}
}

// Every limit can be set, and a module at the limit passes.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name     string
		l        instrument.Limits
		at, over []byte
		want     string
	}{
		{"module", instrument.Limits{Module: len(code())}, code(), code(0x01), fmt.Sprintf("module of %d bytes exceeds the limit of %d", len(code())+1, len(code()))},
		{"locals", instrument.Limits{Locals: 3}, one([]byte{i32}, nil, []byte{1, 2, i64}, 0x0b), one([]byte{i32, i32}, nil, []byte{1, 2, i64}, 0x0b), "4 locals and parameters exceed the limit of 3"},
		{"parameters alone", instrument.Limits{Locals: 1}, one([]byte{i32}, nil, noLocals, 0x0b), one([]byte{i32, i32}, nil, noLocals, 0x0b), "2 locals and parameters exceed the limit of 1"},
		{"body", instrument.Limits{Body: 3}, code(1, 1), code(1, 1, 1), "body of 4 bytes exceeds the limit of 3"},
		{"nesting", instrument.Limits{Nesting: 2}, code(2, 0x40, 2, 0x40, 0x0b, 0x0b), code(2, 0x40, 2, 0x40, 2, 0x40, 0x0b, 0x0b, 0x0b), "deeper than the limit of 2"},
		{"branch table", instrument.Limits{BranchTable: 1}, code(0x41, 0, 0x0e, 1, 0, 0), code(0x41, 0, 0x0e, 2, 0, 0, 0), "2 targets exceeds the limit of 1"},
		{"memory", instrument.Limits{Memory: 1}, code(), module(section(5, []byte{0, 2})), "begins with 128 KiB, which exceeds the limit of 64 KiB"},
		{"segments", instrument.Limits{Segments: 2}, spread(2, 2049), spread(3, 2049), "3 segments of data and elements, which do not lie close enough together to be joined, exceed the limit of 2"},
		{"table", instrument.Limits{Table: 1}, code(), module(section(4, []byte{funcref, 0, 2})), "size of 2, which exceeds the limit of 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := instrument.Rewrite(tt.at, tt.l); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			_, _, err := instrument.Rewrite(tt.over, tt.l)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("over the limit: %v, want %q", err, tt.want)
			}
			var over *instrument.LimitError
			if !errors.As(err, &over) || over.Found <= over.Allowed || over.Limit != strings.Replace(tt.name, "parameters alone", instrument.LimitLocals, 1) {
				t.Errorf("%v says %+v", err, over)
			}
		})
	}
}

// spread is a module with n segments of a byte, with so many bytes between them.
func spread(n, gap int) []byte {
	var data [][]byte
	for i := range n {
		data = append(data, segment(int64(i*(gap+1)), "x"))
	}
	return module(section(5, []byte{0, 1}), section(11, data...))
}

func TestErrorsNameTheFunction(t *testing.T) {
	name := append([]byte{0}, sized(cat(str("name"), []byte{1}, sized(cat(uleb(1), uleb(0), str("bad\n\x1b[31mname")))))...)
	_, _, err := instrument.Rewrite(append(code(0x27), name...), instrument.Limits{})
	if err == nil || !strings.Contains(err.Error(), "function 0 (bad__[31mname): offset 0x") {
		t.Errorf("got %v", err)
	}
}
