package instrument_test

import (
	"bytes"
	"testing"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// What takes a processor thirty times as long with subnormal numbers has a price by
// which fuel still bounds time: otherwise a guest could run for ten seconds of fuel
// that is worth a quarter of one.
func TestFloatProductsAreDear(t *testing.T) {
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
		name        string
		code        []byte
		least, most int64
	}{
		{"f64.mul", scalar(0xa2), 16, 30},
		{"f64.div", scalar(0xa3), 20, 40},
		{"f32x4.mul", vector(0xe6, 1), 30, 60},
		{"f64x2.div", vector(0xf3, 1), 30, 60},
		{"f64.add", scalar(0xa0), 1, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := instantiate(t, one(nil, nil, noLocals, append(bytes.Repeat(tt.code, times), 0x0b)...), instrument.Limits{})
			if _, err := g.ExportedFunction("f").Call(t.Context()); err != nil {
				t.Fatal(err)
			}
			if used := 1<<40 - int64(g.fuel.Get()); used < times*tt.least || used > times*tt.most {
				t.Errorf("%d of them cost %d units, want %d to %d each", times, used, tt.least, tt.most)
			}
		})
	}
}
