package runtime_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// TestCrossingIsPaid: a function of the host costs at least what it takes to leave
// the guest and come back, however it is called: by its name or out of a table.
func TestCrossingIsPaid(t *testing.T) {
	const (
		calls    = 200
		crossing = 1000
		indirect = 30 // units more for finding it in the table
	)
	r := newRuntime(t, runtime.Config{})
	functions := slices.Concat(runtime.Extism(), [][4]string{{"wasi_snapshot_preview1", "sched_yield", "", "i"}})
	for _, f := range functions {
		module, name, params, results := f[0], f[1], f[2], f[3]
		if !slices.Contains([]string{"load_u8", "store_u64", "input_length", "output_offset", "get_log_level", "reset", "sched_yield"}, name) {
			continue // the others go the same way
		}
		t.Run(name, func(t *testing.T) {
			var fuel [2]uint64
			for way, call := range [2][]byte{code(opCall, 0), code(i32(0), opCallIndirect, 0, 0)} {
				one := call
				for i := len(params) - 1; i >= 0; i-- {
					one = code(map[byte][]byte{'i': i32(70), 'I': i64(70)}[params[i]], one)
				}
				if results != "" {
					one = code(one, opDrop)
				}
				g := tiny{memory: true, table: 1, elements: []byte{0}}
				g.imports = []tinyFunction{{module: module, name: name, params: params, results: results}, {module: "extism:host/env", name: "alloc", params: "I", results: "I"}}
				g.exports = []tinyFunction{{name: "attack", results: "i", body: code(bytes.Repeat(one, calls), i32(0))}}
				m, err := r.Compile(t.Context(), g.build(), runtime.Limits{Time: patience})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close(t.Context())
				_, s, err := m.Call(t.Context(), runtime.Call{Hook: "attack"})
				if err != nil {
					t.Fatal(err)
				}
				fuel[way] = s.Fuel
			}
			if fuel[0] < calls*crossing || fuel[1] < fuel[0] || fuel[1] > fuel[0]+calls*indirect {
				t.Errorf("%d calls cost %d units by name and %d out of a table, want at least %d each", calls, fuel[0], fuel[1], crossing)
			}
		})
	}
}

// TestNewInstanceIsPaid: a module that needs a new instance for each call pays for
// it, and one that cannot is not made.
func TestNewInstanceIsPaid(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	fresh := code(i32(0), opRefNull, typeFuncref, opTableSet, 0, i64(0))
	base := attacker(fresh, func(g *tiny) { g.table, g.pages = 1, 64 })
	var data [][]byte
	for i := range int64(10_000) {
		data = append(data, code(0, i32(i*100), opEnd, 1, 1))
	}
	m, err := r.Compile(t.Context(), append(base[:len(base):len(base)], section(11, data)...), runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, s, err := m.Call(t.Context(), runtime.Call{Hook: "attack"})
		if err != nil || s.Fuel < 4_000_000 {
			t.Errorf("a new instance with ten thousand pieces of data cost %d units (%v)", s.Fuel, err)
		}
	}
	_, s, err := m.Call(t.Context(), runtime.Call{Hook: "attack", Budget: runtime.Budget{Fuel: 100_000}})
	if !errors.Is(err, runtime.ErrFuel) || s.Fuel != 100_000 {
		t.Errorf("with too little fuel for it: %v, %d units used", err, s.Fuel)
	}
}
