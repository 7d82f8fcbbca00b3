package instrument_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// spin is loop br 0 end; recurse calls itself without end.
var (
	spin    = one(nil, nil, noLocals, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b)
	recurse = one(nil, nil, noLocals, 0x10, 0, 0x0b)
	// factorial returns from within blocks: 1 if n is 0, else n * f(n-1).
	factorial = one([]byte{i64}, []byte{i64}, noLocals,
		0x02, 0x40, 0x20, 0, 0x50, 0x45, 0x0d, 0, // block; n == 0, not: br_if 0
		0x42, 1, 0x0f, 0x0b, // return 1; end
		0x20, 0, 0x20, 0, 0x42, 1, 0x7d, 0x10, 0, 0x7e, 0x0b)
	// sum adds 1 to n in a loop that has a parameter (of type 1) and a result.
	sum = module(
		section(1, typ([]byte{i32}, []byte{i32}), typ([]byte{i32}, []byte{i32})),
		section(3, []byte{0}), section(7, exported("f", 0, 0)),
		section(10, body(noLocals, 0x41, 0, 0x03, 1, // 0; loop (i32) -> (i32)
			0x20, 0, 0x6a, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x0b))) // + n; n-1 -> n; br_if 0
	// swap returns two values through a call, so its wrapper needs a type.
	swap = module(
		section(1, typ([]byte{i32, i64}, []byte{i64, i32})),
		section(3, []byte{0}, []byte{0}), section(7, exported("f", 0, 0)),
		section(10, body(noLocals, 0x20, 0, 0x20, 1, 0x10, 1, 0x0f, 0x0b), body(noLocals, 0x20, 1, 0x20, 0, 0x0b)))
	// choose goes through a br_table to one of three results.
	choose = one([]byte{i32}, []byte{i32}, noLocals,
		0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e, 2, 0, 1, 2, 0x0b,
		0x41, 10, 0x0f, 0x0b, 0x41, 20, 0x0f, 0x0b, 0x41, 30, 0x0b)
)

// variants are the two ways of rewriting a module.
func variants() []instrument.Limits { return []instrument.Limits{{}, {Yield: true}} }

func TestSameResults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		binary []byte
		args   [][]uint64
	}{
		{"factorial", factorial, [][]uint64{{0}, {1}, {20}}},
		{"loop with a parameter", sum, [][]uint64{{1}, {100}}},
		{"two results", swap, [][]uint64{{7, 1 << 40}}},
		{"br_table", choose, [][]uint64{{0}, {1}, {2}, {99}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := plain(t, tt.binary).ExportedFunction("f")
			for _, l := range variants() {
				after := instantiate(t, tt.binary, l)
				for _, args := range tt.args {
					want, err := before.Call(t.Context(), args...)
					if err != nil {
						t.Fatal(err)
					}
					got, err := after.ExportedFunction("f").Call(t.Context(), args...)
					if err != nil || !slices.Equal(got, want) {
						t.Errorf("yield %v: f%d = %d, %v; want %d", l.Yield, args, got, err, want)
					}
					if d := after.depth.Get(); d != 0 {
						t.Errorf("yield %v: depth after f%d is %d", l.Yield, args, d)
					}
				}
			}
		})
	}
}

func TestCausesAreToldApart(t *testing.T) {
	for _, tt := range []struct {
		name        string
		binary      []byte
		fuel, depth bool
	}{
		{"loop", spin, true, false},
		{"recursion", recurse, false, true},
		{"trap", code(0x00), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var left [2]int64
			for i, l := range variants() {
				g := instantiate(t, tt.binary, l)
				g.refuel(10_000_000)
				_, err := g.ExportedFunction("f").Call(t.Context())
				if want := l.Yield && tt.fuel; err == nil || errors.Is(err, errNoFuel) != want || strings.Contains(err.Error(), "unreachable") == want {
					t.Errorf("yield %v: ended with %v", l.Yield, err)
				}
				if got := g.left() < 0; got != tt.fuel {
					t.Errorf("yield %v: fuel %d", l.Yield, g.left())
				}
				if got := g.depth.Get() > instrument.DefaultDepth; got != tt.depth {
					t.Errorf("yield %v: depth %d", l.Yield, g.depth.Get())
				}
				left[i] = g.left()
			}
			if left[0] != left[1] {
				t.Errorf("fuel left: %d without yielding, %d with", left[0], left[1])
			}
		})
	}
}

// The fuel of a call is the same each time and known in advance: it is part of
// what people are billed and limited by.
func TestFuelIsExact(t *testing.T) {
	fill := func(n ...byte) []byte { // memory.fill of so many bytes
		return code(cat([]byte{0x41, 0, 0x41, 0, 0x41}, n, []byte{0xfc, 0x0b, 0})...)
	}
	grow := func(n ...byte) []byte { return code(cat([]byte{0x41}, n, []byte{0x40, 0, 0x1a})...) }
	for _, tt := range []struct {
		name   string
		binary []byte
		args   []uint64
		want   uint64
	}{
		{"nothing", code(), nil, 0},
		{"three instructions", code(1, 1, 1), nil, 3},
		{"nothing after a branch", code(0x0c, 0, 1, 1, 1), nil, 1},
		{"loop", sum, []uint64{100}, 2 + 100*7},
		{"fill of nothing", fill(0), nil, 3 + 100},
		{"fill of 8,000 bytes", fill(0xc0, 0x3e), nil, 3 + 100 + 2000},
		{"growth by a page", grow(1), nil, 3 + 1000 + 32_768},
		{"growth that fails", grow(0x80, 0x80, 0x04), nil, 3 + 1000},
		{"division", code(0x41, 6, 0x41, 3, 0x6d, 0x1a), nil, 3 + 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, l := range variants() {
				g := instantiate(t, tt.binary, l)
				for range 2 {
					g.refuel(plenty)
					if _, err := g.ExportedFunction("f").Call(t.Context(), tt.args...); err != nil {
						t.Fatal(err)
					}
					if got := plenty - g.left(); got != int64(tt.want) {
						t.Errorf("yield %v: fuel %d, want %d", l.Yield, got, tt.want)
					}
				}
			}
		})
	}
}

// One case of an interpreter's switch is paid, not all of them.
func TestFuelOfBranchesNotTaken(t *testing.T) {
	const cases = 100
	var b []byte
	b = append(b, 0x03, 0x40) // loop
	for range cases {
		b = append(b, 0x02, 0x40)
	}
	b = append(b, 0x41, 0, 0x0e)
	b = append(b, uleb(cases-1)...)
	for i := range cases {
		b = append(b, byte(i))
	}
	b = append(b, 0x0b)
	for i := range cases {
		b = append(b, bytes.Repeat([]byte{1}, 50)...) // the case: 50 instructions
		b = append(b, 0x0f)
		if i < cases-1 {
			b = append(b, 0x0b)
		}
	}
	b = append(b, 0x0b)
	g := instantiate(t, code(b...), instrument.Limits{})
	if _, err := g.ExportedFunction("f").Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if used := plenty - g.left(); used < 50 || used > 300 {
		t.Errorf("fuel %d for 100 blocks and 50 instructions of %d", used, cases*50)
	}
}

func TestLengthsArePaidBefore(t *testing.T) {
	// memory.copy of 4 GiB, again and again, must not run past the fuel.
	for _, l := range variants() {
		g := instantiate(t, code(0x41, 0, 0x41, 0, 0x41, 0x7f, 0xfc, 0x0a, 0, 0), l)
		g.refuel(1_000_000)
		if _, err := g.ExportedFunction("f").Call(t.Context()); err == nil || g.left() >= 0 {
			t.Errorf("yield %v: ended with %v, fuel %d", l.Yield, err, g.left())
		}
	}
}

// Recursion without end stops before the engine's stack, which doubles as it
// grows, has taken much. A function with few locals can have a large frame: every
// label where ways meet may hold a value of its own for each local.
func TestRecursionTakesLittleMemory(t *testing.T) {
	const locals, blocks = 200, 120
	var large []byte
	for range blocks {
		large = append(large, 0x02, 0x40)
	}
	large = append(append(large, 0x02, 0x40, 0x20, 0, 0x0e), uleb(blocks-1)...)
	for i := range blocks {
		large = append(large, byte(i))
	}
	large = append(large, 0x0b)
	for i := range locals {
		large = cat(large, []byte{0x20}, uleb(i+1), []byte{0x42, 3, 0x7c, 0x21}, uleb(i+1))
	}
	for range blocks {
		large = append(large, 0x0b, 0x41, 0, 0x40, 0, 0x1a) // end; memory.grow 0, which is a call
	}
	large = append(large, 0x42, 0) // the sum of all, plus that of the next one down
	for i := range locals {
		large = append(append(append(large, 0x20), uleb(i+1)...), 0x7c)
	}
	large = append(large, 0x20, 0, 0x10, 0, 0x7c, 0x0b)
	for _, tt := range []struct {
		name   string
		binary []byte
	}{
		{"small frames", recurse},
		{"many parameters", one(repeat(300, i64), nil, noLocals, cat(repeat(300, 0x42, 1), []byte{0x10, 0, 0x0b})...)},
		{"operands that wait", one(nil, []byte{i32}, noLocals, cat(repeat(500, 0x10, 0), repeat(499, 0x6a), []byte{0x0b})...)},
		{"large frames", one([]byte{i32}, []byte{i64}, cat([]byte{1}, uleb(locals), []byte{i64}), large...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := instantiate(t, tt.binary, instrument.Limits{})
			f := g.ExportedFunction("f")
			args := make([]uint64, len(f.Definition().ParamTypes()))
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			_, err := f.Call(t.Context(), args...)
			goruntime.ReadMemStats(&after)
			if err == nil || g.depth.Get() <= instrument.DefaultDepth {
				t.Errorf("ended with %v at depth %d", err, g.depth.Get())
			}
			// All stacks on the way together: twice the last one at most.
			if total := (after.TotalAlloc - before.TotalAlloc) >> 20; total > 32 {
				t.Errorf("took %d MiB", total)
			} else {
				t.Logf("took %d MiB", total)
			}
		})
	}
}

// everything is a module with an import, globals of all kinds, a start function,
// data that can be merged and a function of each exported kind.
func everything() []byte {
	name := cat(str("name"), []byte{1}, sized(cat(uleb(1), uleb(1), str("begin"))))
	return module(
		section(1, typ(nil, nil), typ([]byte{i32, i64, 0x7d, f64}, []byte{i32})),
		section(2, cat(str("env"), str("log"), []byte{0, 0})),
		section(3, []byte{0}, []byte{1}),
		section(5, []byte{1, 1, 0xc8, 1}),
		section(6, []byte{i32, 1, 0x41, 5, 0x0b}, []byte{i64, 0, 0x42, 7, 0x0b}, append([]byte{f64, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0}, 0x0b)),
		section(7, exported("memory", 2, 0), exported("calc", 0, 2), exported("log", 0, 0), exported("seven", 3, 1)),
		[]byte{8, 1, 1},
		section(10, body(noLocals, 0x41, 9, 0x24, 0, 0x0b), body(noLocals, 0x20, 0, 0x0b)),
		section(11, cat([]byte{0, 0x41, 8, 0x0b}, str("ab")), cat([]byte{0, 0x41, 12, 0x0b}, str("cd")), cat([]byte{0, 0x41, 0xc0, 0, 0x0b}, str("ef"))),
		append([]byte{0}, sized(name)...),
		append([]byte{0}, sized(cat(str("producers"), []byte("someone")))...),
	)
}

func TestInfo(t *testing.T) {
	out, got, err := instrument.Rewrite(everything(), instrument.Limits{Memory: 100})
	if err != nil {
		t.Fatal(err)
	}
	want := instrument.Info{
		Imports:   []instrument.Import{{Module: "env", Name: "log"}},
		Exports:   map[string]instrument.Signature{"calc": {Params: "iIfF", Results: "i"}, "log": {}},
		Passed:    []string{"log"},
		Memory:    true,
		MinMemory: 1, MaxMemory: 100,
		Start:   true,
		Globals: []byte("iF"), Resettable: true, Setup: 71_004,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back instrument.Info
	if err := json.Unmarshal(encoded, &back); err != nil || !reflect.DeepEqual(back, want) {
		t.Errorf("through JSON: %+v, %v", back, err)
	}
	if s := want.Exports["calc"].String(); s != "(i32, i64, f32, f64) -> (i32)" {
		t.Errorf("signature %q", s)
	}
	if bytes.Contains(out, []byte("someone")) {
		t.Error("a custom section is left")
	}
	if bytes.Contains(out, []byte("begin")) {
		t.Error("names of functions are left: the engine is to give their numbers")
	}
}

func TestStateCanBePutBack(t *testing.T) {
	ctx := t.Context()
	out, info, err := instrument.Rewrite(everything(), instrument.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func(context.Context) {}).Export("log").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := r.Instantiate(ctx, out)
	if err != nil {
		t.Fatal(err)
	}
	global := m.ExportedGlobal(instrument.GlobalExport(0)).(api.MutableGlobal)
	if got := global.Get(); got != 5 {
		t.Errorf("global is %d before the start function, which must not run by itself", got)
	}
	if _, err := m.ExportedFunction(instrument.StartExport).Call(ctx); err != nil {
		t.Fatal(err)
	}
	if got := global.Get(); got != 9 {
		t.Errorf("global is %d after the start function", got)
	}
	global.Set(5)
	for n := range info.Globals {
		if m.ExportedGlobal(instrument.GlobalExport(n)) == nil {
			t.Errorf("global %d is not exported", n)
		}
	}
	if m.ExportedGlobal(instrument.GlobalExport(len(info.Globals))) != nil {
		t.Error("one global too many")
	}
	if data, _ := m.Memory().Read(8, 6); string(data) != "ab\x00\x00cd" {
		t.Errorf("data %q", data)
	}
	if data, _ := m.Memory().Read(64, 2); string(data) != "ef" {
		t.Errorf("data %q", data)
	}
}

func TestNotResettable(t *testing.T) {
	elements := section(9, cat([]byte{1, 0, 0}))
	bulk := func(code ...byte) []byte {
		return module(section(1, typ(nil, nil)), section(3, []byte{0}), section(4, []byte{funcref, 0, 1}), section(5, []byte{0, 1}),
			section(7, exported("memory", 2, 0)), elements, []byte{12, 1, 1}, section(10, body(noLocals, append(code, 0x0b)...)), section(11, []byte{1, 0}))
	}
	for _, tt := range []struct {
		name   string
		binary []byte
		want   string
	}{
		{"nothing", bulk(), ""},
		{"memory.init", bulk(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0), ""},
		{"memory.copy", bulk(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 10, 0, 0), ""},
		{"data.drop", bulk(0xfc, 9, 0), "its code uses data.drop"},
		{"table.set", bulk(0x41, 0, 0xd0, funcref, 0x26, 0), "its code uses table.set"},
		{"table.init", bulk(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 12, 0, 0), "its code uses table.init"},
		{"elem.drop", bulk(0xfc, 13, 0), "its code uses elem.drop"},
		{"table.copy", bulk(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 14, 0, 0), "its code uses table.copy"},
		{"table.grow", bulk(0xd0, funcref, 0x41, 0, 0xfc, 15, 0, 0x1a), "its code uses table.grow"},
		{"table.size", bulk(0xfc, 16, 0, 0x1a), ""},
		{"table.fill", bulk(0x41, 0, 0xd0, funcref, 0x41, 0, 0xfc, 17, 0), "its code uses table.fill"},
		{"global of a reference", module(section(6, []byte{funcref, 1, 0xd0, funcref, 0x0b})), "it has a mutable global of a vector or reference type"},
		{"hidden memory", module(section(5, []byte{0, 1})), `its memory is not exported as "memory"`},
		{"no memory", module(), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, info, err := instrument.Rewrite(tt.binary, instrument.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if info.NotResettable != tt.want || info.Resettable != (tt.want == "") {
				t.Errorf("got %v, %q; want %q", info.Resettable, info.NotResettable, tt.want)
			}
			plain(t, out)
		})
	}
}

func TestVectorsThroughATable(t *testing.T) {
	// A wrapper, a call through a table and a vector in one.
	binary := module(
		section(1, typ([]byte{i32}, []byte{i32})), section(3, []byte{0}, []byte{0}), section(4, []byte{funcref, 0, 2}),
		section(7, exported("f", 0, 0)), section(9, cat([]byte{0, 0x41, 0, 0x0b}, []byte{2, 0, 1})),
		section(10,
			body(noLocals, 0x20, 0, 0x41, 1, 0x11, 0, 0, 0x0b),
			body([]byte{1, 1, v128}, 0x20, 0, 0xfd, 17, 0x22, 1, 0x20, 1, 0xfd, 0xae, 1, 0xfd, 27, 2, 0x0b)))
	got, err := instantiate(t, binary, instrument.Limits{}).ExportedFunction("f").Call(t.Context(), 21)
	if err != nil || len(got) != 1 || got[0] != 42 {
		t.Errorf("got %d, %v", got, err)
	}
}

// Sums in constant expressions are computed before the engine sees them, which
// does not know them.
func TestConstantsAreComputed(t *testing.T) {
	binary := module(
		section(5, []byte{0, 1}),
		section(6,
			cat([]byte{i32, 1, 0x41}, []byte{7, 0x41, 3, 0x6b, 0x41, 5, 0x6c, 0x41, 1, 0x6a}, []byte{0x0b}),    // (7 - 3) * 5 + 1
			cat([]byte{i64, 1, 0x42}, []byte{0x7f, 0x42, 3, 0x7e, 0x42, 4, 0x7d, 0x42, 1, 0x7c}, []byte{0x0b}), // -1 * 3 - 4 + 1
			cat([]byte{i32, 1, 0x41}, []byte{0xff, 0xff, 0xff, 0xff, 7, 0x41, 1, 0x6a}, []byte{0x0b})),         // the largest + 1
		section(7, exported("memory", 2, 0)),
		section(11, cat([]byte{0, 0x41, 8, 0x41, 4, 0x6a, 0x0b}, str("ab"))),
	)
	g := instantiate(t, binary, instrument.Limits{})
	for n, want := range []int64{21, -6, math.MinInt32} {
		got := int64(g.ExportedGlobal(instrument.GlobalExport(n)).Get())
		if n != 1 {
			got = int64(int32(uint32(got)))
		}
		if got != want {
			t.Errorf("global %d is %d, want %d", n, got, want)
		}
	}
	if data, _ := g.Memory().Read(12, 2); string(data) != "ab" {
		t.Errorf("data %q", data)
	}
}
