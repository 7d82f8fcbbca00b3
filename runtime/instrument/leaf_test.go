package instrument_test

import (
	"bytes"
	"testing"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// A function that calls nothing and has no loop still takes a while if it is
// long. Whoever calls it again and again without a loop of its own is stopped all
// the same, soon after the fuel has gone.
func TestLongLeavesAreStopped(t *testing.T) {
	const calls = 1000
	for _, tt := range []struct {
		name string
		leaf []byte
	}{
		{"straight", bytes.Repeat([]byte{0x20, 0, 0x45, 0x21, 0}, 2000)},                 // local.get, i32.eqz, local.set
		{"of many regions", bytes.Repeat([]byte{0x20, 0, 0x0d, 0, 0x41, 1, 0x1a}, 2000)}, // local.get, br_if 0, i32.const, drop
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := module(
				section(1, typ([]byte{i32}, nil), typ(nil, nil)),
				section(3, []byte{0}, []byte{1}),
				section(7, exported("f", 0, 1)),
				section(10, body(noLocals, append(tt.leaf, 0x0b)...), body(noLocals, append(bytes.Repeat([]byte{0x41, 0, 0x10, 0}, calls), 0x0b)...)),
			)
			g := instantiate(t, m, instrument.Limits{})
			f := g.ExportedFunction("f")
			if _, err := f.Call(t.Context()); err != nil {
				t.Fatal(err)
			}
			all := int64(1<<40 - g.fuel.Get())
			g.fuel.Set(uint64(all / 10))
			if _, err := f.Call(t.Context()); err == nil {
				t.Fatalf("%d units of work were done with a tenth of the fuel", all)
			}
			if left := int64(g.fuel.Get()); left < -2*all/calls {
				t.Errorf("it went on for %d units after the fuel had gone, of %d in all", -left, all)
			}
		})
	}
}
