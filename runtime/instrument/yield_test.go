package instrument_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// The import for yielding moves all functions of the module by one. This one
// names its functions in every way there is: calls, ref.func, elements by index
// and by expression, a global, exports, the start function and names.
func TestYieldMovesFunctions(t *testing.T) {
	const table = funcref
	binary := module(
		section(1, typ(nil, nil), typ(nil, []byte{i32}), typ([]byte{i32}, []byte{i32})),
		section(2, cat(str("env"), str("five"), []byte{0, 1})),            // 0
		section(3, []byte{0}, []byte{1}, []byte{1}, []byte{2}, []byte{1}), // 1 to 5
		section(4, []byte{table, 0, 4}),
		section(6, []byte{i32, 1, 0x41, 0, 0x0b}, []byte{table, 0, 0xd2, 3, 0x0b}),
		section(7, exported("imported", 0, 0), exported("call", 0, 2), exported("twenty", 0, 3), exported("through", 0, 4), exported("set", 0, 5)),
		[]byte{8, 1, 1},
		section(9,
			cat([]byte{0, 0x41, 0, 0x0b}, []byte{2, 2, 3}),                          // table[0] = 2, [1] = 3
			cat([]byte{4, 0x41, 2, 0x0b}, []byte{2, 0xd2, 0, 0x0b, 0xd2, 3, 0x0b})), // [2] = 0, [3] = 3
		section(10,
			body(noLocals, 0x41, 9, 0x24, 0, 0x0b),                                // 1: the start function sets global 0
			body(noLocals, 0x10, 0, 0x10, 3, 0x6a, 0x23, 0, 0x6a, 0x0b),           // 2: five + twenty + global 0
			body(noLocals, 0x41, 20, 0x0b),                                        // 3: twenty
			body(noLocals, 0x20, 0, 0x11, 1, 0, 0x0b),                             // 4: through the table
			body(noLocals, 0x41, 0, 0xd2, 3, 0x26, 0, 0x41, 0, 0x11, 1, 0, 0x0b))) // 5: table[0] = twenty; call it
	for _, l := range variants() {
		out, info, err := instrument.Rewrite(binary, l)
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Imports) != 1 || info.Imports[0].Name != "five" {
			t.Errorf("imports %v, want only what the module itself asks for", info.Imports)
		}
		ctx := t.Context()
		r := newEngine(t, wazero.NewRuntimeConfigCompiler())
		h := &host{slice: 1000}
		h.offer(t, r)
		five := api.GoFunc(func(_ context.Context, stack []uint64) { stack[0] = 5 })
		if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoFunction(five, nil, []api.ValueType{i32}).Export("five").Instantiate(ctx); err != nil {
			t.Fatal(err)
		}
		m, err := r.Instantiate(ctx, out)
		if err != nil {
			t.Fatal(err)
		}
		m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal).Set(plenty)
		if _, err := m.ExportedFunction(instrument.StartExport).Call(ctx); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name string
			args []uint64
			want uint64
		}{
			{"imported", nil, 5}, {"call", nil, 34}, {"twenty", nil, 20},
			{"through", []uint64{0}, 34}, {"through", []uint64{1}, 20}, {"through", []uint64{2}, 5}, {"through", []uint64{3}, 20},
			{"set", nil, 20}, {"through", []uint64{0}, 20},
		} {
			if got, err := m.ExportedFunction(tt.name).Call(ctx, tt.args...); err != nil || got[0] != tt.want {
				t.Errorf("yield %v: %s%d = %d, %v; want %d", l.Yield, tt.name, tt.args, got, err, tt.want)
			}
		}
	}
}

// A guest that yields goes on where it was as long as its host gives it fuel.
func TestYieldGoesOn(t *testing.T) {
	g := instantiate(t, sum, instrument.Limits{Yield: true})
	g.host.slice = 100
	got, err := g.ExportedFunction("f").Call(t.Context(), 10_000)
	if err != nil || got[0] != 10_000*10_001/2 {
		t.Errorf("sum %d, %v", got, err)
	}
	// 7 units a turn, so that a slice lasts for 15 turns.
	if g.host.yields < 10_000/16 || g.host.yields > 10_000/14 {
		t.Errorf("yielded %d times", g.host.yields)
	}
}
