package instrument_test

import (
	"bytes"
	"testing"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// What a processor may take a hundred times as long for as for an addition has a
// price by which fuel still bounds time: with subnormal numbers a guest would
// otherwise run for ten seconds of fuel that is worth a quarter of one.
func TestSlowInstructionsAreDear(t *testing.T) {
	const times = 100
	scalar := func(op byte) []byte { // 1.0 op 1.0, drop
		one := []byte{0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}
		return cat(one, one, []byte{op, 0x1a})
	}
	vector := func(sub ...byte) []byte {
		one := cat([]byte{0xfd, 12}, bytes.Repeat([]byte{1}, 16))
		return cat(one, one, []byte{0xfd}, sub, []byte{0x1a})
	}
	for _, tt := range []struct {
		name  string
		code  []byte
		least int64
	}{
		{"f64.mul", scalar(0xa2), 16},
		{"f64.div", scalar(0xa3), 20},
		{"f32x4.mul", vector(0xe6, 1), 30},
		{"f64x2.div", vector(0xf3, 1), 30},
		{"i64x2.mul", vector(0xd5, 1), 10},
		{"f64.add", scalar(0xa0), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := instantiate(t, one(nil, nil, noLocals, append(bytes.Repeat(tt.code, times), 0x0b)...), instrument.Limits{})
			if _, err := g.ExportedFunction("f").Call(t.Context()); err != nil {
				t.Fatal(err)
			}
			used := 1<<40 - int64(g.fuel.Get())
			if used < times*tt.least || tt.least == 1 && used > 10*times {
				t.Errorf("%d of them cost %d units, want at least %d each", times, used, tt.least)
			}
		})
	}
}
