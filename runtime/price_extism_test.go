package runtime_test

import (
	"errors"
	goruntime "runtime"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// TestExtismPaysBefore: what a plugin has its host do costs it fuel before it is
// done. None of these may make the host allocate the 16 MiB of blocks that they
// name, or walk through them, for the little fuel that they have.
func TestExtismPaysBefore(t *testing.T) {
	const (
		big    = 16<<20 - 200
		fuel   = 100_000
		little = 1 << 20 // bytes that the host may allocate
	)
	r := newRuntime(t, runtime.Config{})
	imports := []string{"alloc", "output_set", "error_set", "store_u64", "log_info", "store_u8", "length"}
	block := code(i64(big), opCall, 0)
	// behind is a block whose header says that it is empty, so that all that
	// follows, which is zero, looks like headers.
	behind := code(block, opLocalTee, 0, i64(-8), opI64Add, i64(0), opCall, 3)
	for _, tt := range []struct {
		name string
		body []byte
		want error // nil: the answer is ten zeros
	}{
		{"an answer behind what was written", code(block, opDrop, i64(big), i64(10), opCall, 1, i32(0)), nil},
		{"an error of all there is", code(block, opCall, 2, i32(0)), trellis.Errorf(trellis.Internal, "")},
		{"an error behind empty blocks", code(behind, i64(big-50), opCall, 2, i32(0)), runtime.ErrFuel},
		{"a length behind empty blocks", code(behind, i64(big-50), opCall, 6, opDrop, i32(0)), runtime.ErrFuel},
		{"a second block", code(block, opDrop, i64(10), opCall, 0, opDrop, i32(0)), runtime.ErrFuel},
		{"a line of all there is", code(block, opCall, 4, i32(0)), runtime.ErrFuel},
		{"a byte at the end", code(block, i64(big-50), opI64Add, i32(1), opCall, 5, i32(0)), runtime.ErrFuel},
		{"a word at the end", code(block, i64(big-50), opI64Add, i64(1), opCall, 3, i32(0)), runtime.ErrFuel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := r.Compile(t.Context(), extismOf(map[string][]byte{"attack": tt.body}, imports...), runtime.Limits{Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close(t.Context())
			call := func() ([]byte, runtime.Stats, error) {
				return m.Call(t.Context(), runtime.Call{Hook: "attack", Budget: runtime.Budget{Fuel: fuel}})
			}
			_, first, _ := call()
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			out, s, err := call()
			goruntime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > little {
				t.Errorf("the host allocated %d bytes", n)
			}
			if s.Fuel != first.Fuel {
				t.Errorf("%d units of fuel, the first time %d", s.Fuel, first.Fuel)
			}
			switch {
			case tt.want == nil:
				if err != nil || string(out) != string(make([]byte, 10)) {
					t.Errorf("answer %q (%v)", out, err)
				}
			case trellis.KindOf(tt.want) == trellis.Internal:
				if trellis.KindOf(err) != trellis.Internal {
					t.Errorf("err = %v, want one of kind internal", err)
				}
			case !errors.Is(err, tt.want):
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}
