package instrument_test

import (
	"bytes"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// Wherever long code stands, little of it runs between two looks at the fuel: so a
// guest that calls itself deep does not come back from there, through all that
// stands behind its calls, while nobody sees the clock. Steps are counted in a
// global, at 4 units each.
func TestLittleRunsUnchecked(t *testing.T) {
	const (
		frames   = 3000
		rest     = 8*2 + 8 // of a frame that weighs 2, with the instructions that end its ways
		straight = 16_384 + 200
	)
	steps := func(n int) []byte { return bytes.Repeat([]byte{0x23, 0, 0x41, 1, 0x6a, 0x24, 0}, n) }
	zero := []byte{0x20, 0, 0x45}                                // local.get 0, i32.eqz
	leave := cat(zero, []byte{0x0d, 0})                          // br_if 0
	again := []byte{0x20, 0, 0x41, 1, 0x6b, 0x10, 0}             // call 0 with one less
	table := []byte{0x20, 0, 0x41, 1, 0x6b, 0x41, 0, 0x11, 0, 0} // the same through the table
	for _, tt := range []struct {
		name string
		code []byte // of function 0; function 1 has few steps
		ran  int    // steps in all
		most int    // units between two looks
	}{
		{"behind a call", cat(leave, again, steps(400)), frames * 400, frames*rest + straight},
		{"a little behind a call", cat(leave, again, steps(4)), frames * 4, frames*rest + straight},
		{"behind an indirect call", cat(leave, table, steps(400)), frames * 400, frames*rest + straight},
		{"behind a branch behind a call", cat(leave, again, leave, steps(400)), frames * 400, frames*rest + straight},
		{"in an arm", cat(leave, again, zero, []byte{0x04, 0x40}, steps(1), []byte{0x05}, steps(400), []byte{0x0b}), frames * 400, frames*rest + straight},
		{"behind an arm without a call", cat(leave, zero, []byte{0x04, 0x40, 0x05}, again, []byte{0x0b}, steps(400)), frames * 400, frames*rest + straight},
		{"behind a block that is left", cat(leave, []byte{0x02, 0x40}, again, []byte{0x41, 1, 0x0d, 0}, steps(9), []byte{0x0b}, steps(400)), frames * 400, frames*rest + straight},
		{"behind a call in many small blocks", cat(leave, again, bytes.Repeat(cat([]byte{0x02, 0x40}, zero, []byte{0x0d, 0}, steps(8), []byte{0x0b}), 50)), frames * 400, frames*rest + straight},
		{"in small functions behind a call", cat(leave, again, bytes.Repeat([]byte{0x10, 1}, 20)), frames * 20 * 20, frames*rest + straight},
		{"straight", cat(leave, steps(40_000)), 40_000, straight},
		{"in small functions", cat(leave, bytes.Repeat([]byte{0x10, 1}, 2000)), 20 * 2000, straight},
		{"in small functions by the table", cat(leave, bytes.Repeat([]byte{0x41, 1, 0x11, 1, 0}, 2000)), 20 * 2000, straight},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := instantiate(t, module(
				section(1, typ([]byte{i32}, nil), typ(nil, nil)),
				section(3, []byte{0}, []byte{1}),
				section(4, []byte{funcref, 0, 2}),
				section(6, []byte{i32, 1, 0x41, 0, 0x0b}),
				section(7, exported("f", 0, 0), exported("n", 3, 0)),
				section(9, cat([]byte{0, 0x41, 0, 0x0b}, []byte{2, 0, 1})),
				section(10, body(noLocals, append(tt.code, 0x0b)...), body(noLocals, append(steps(20), 0x0b)...)),
			), instrument.Limits{Yield: true})
			g.host.slice = 0 // it yields wherever it looks
			last, most := 0, 0
			see := func(m api.Module) {
				n := int(m.ExportedGlobal("n").Get())
				last, most = n, max(most, n-last)
			}
			g.host.watch = see
			g.refuel(plenty)
			if _, err := g.ExportedFunction("f").Call(t.Context(), frames); err != nil {
				t.Fatal(err)
			}
			if see(g); last != tt.ran {
				t.Errorf("%d steps, want %d", last, tt.ran)
			}
			if 4*most > tt.most {
				t.Errorf("%d units ran between two looks at the fuel, want at most %d", 4*most, tt.most)
			}
			t.Logf("%d of %d units at once", 4*most, 4*tt.ran)
		})
	}
}
