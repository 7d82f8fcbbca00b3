package runtime_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// script writes down calls for the hook "script" of testdata/extism.c.
func script(calls ...[3]uint64) (out []byte) {
	for _, c := range calls {
		out = append(out, byte(c[0]))
		out = binary.LittleEndian.AppendUint64(out, c[1])
		out = binary.LittleEndian.AppendUint64(out, c[2])
	}
	return out
}

// FuzzExtism has a guest call Extism's functions in any order with any numbers.
// Whatever they are, the call ends in an answer or in an error that blames the
// guest, twice in the same way, and the next call sees nothing of it.
func FuzzExtism(f *testing.F) {
	r, err := runtime.New(context.Background(), runtime.Config{Host: hostFunc(extismHost)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close(context.Background()) })
	m := compile(f, r, "extism", runtime.Limits{Memory: 1 << 20, Fuel: 50_000_000, Time: time.Minute})
	const last = 0x80
	for which := range uint64(25) {
		f.Add(script([3]uint64{which, 0, 0}))
		f.Add(script([3]uint64{which, ^uint64(0), ^uint64(0)}))
		f.Add(script([3]uint64{which, 77, 8}))
		f.Add(script([3]uint64{0, 100, 0}, [3]uint64{which | last, 0, 50}, [3]uint64{which | last, 0, 1 << 32}))
	}
	f.Add(script([3]uint64{0, 100, 0}, [3]uint64{7 | last, ^uint64(7), ^uint64(0)}, [3]uint64{2 | last, 0, 0}, [3]uint64{1, 77, 0}, [3]uint64{0, 900_000, 0}, [3]uint64{0, 60_000, 0}, [3]uint64{0, 90, 0}))
	f.Add(script([3]uint64{6, 65600, 1}, [3]uint64{0, 60_000, 0}, [3]uint64{21, 0, 0}, [3]uint64{12, 77, 60_000}))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 60_000 {
			return
		}
		out, s, err := m.Call(t.Context(), runtime.Call{Hook: "script", In: in})
		switch {
		case err == nil:
		case errors.Is(err, runtime.ErrTrap), errors.Is(err, runtime.ErrFuel), errors.Is(err, runtime.ErrOutput), errors.Is(err, runtime.ErrMemory):
		case trellis.KindOf(err) != trellis.Unavailable: // a text of the guest's, perhaps what an operation answered
		default:
			t.Errorf("error %v", err)
		}
		again, s2, err2 := m.Call(t.Context(), runtime.Call{Hook: "script", In: in})
		if !bytes.Equal(out, again) || s.Fuel != s2.Fuel || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Errorf("first %.100q, %d units, %v, then %.100q, %d units, %v", out, s.Fuel, err, again, s2.Fuel, err2)
		}
		if got := call(t, m, "", "count", ""); got != "11000000000" {
			t.Errorf("afterwards %q", got)
		}
	})
}
