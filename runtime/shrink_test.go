package runtime_test

import (
	"slices"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// A memory that a call has grown is as small as before for the next one, ends
// where it ended, and is zero where it grows again. One that cannot grow any more
// is not shrunk: its instance is lost, and the next call has another.
func TestGrownMemoryShrinks(t *testing.T) {
	const opMemorySize, opMemoryGrow, opStore8, opLoad8 = 0x3f, 0x40, 0x3a, 0x2d
	for _, tt := range []struct {
		pages, limit, idle int
	}{
		{1, 200, 1}, {4, 200, 1}, // written over with zeros
		{100, 200, 1},            // dropped
		{3, 5, 0}, {198, 200, 0}, // all that there may be
	} {
		pages := tt.pages
		last := slices.Concat([]byte{opI32Const}, sleb((2+pages)*65536-1))
		grow := slices.Concat([]byte{opI32Const}, sleb(pages), []byte{opMemoryGrow, 0})
		binary := tiny{memory: true,
			imports: []tinyFunction{{module: "extism:host/env", name: "error_set", params: "I"}},
			exports: []tinyFunction{
				{name: "size", results: "i", body: []byte{opMemorySize, 0}},
				{name: "grow", results: "i", body: slices.Concat(grow, last, []byte{opI32Const, 7, opStore8, 0, 0}, []byte{opI32Const, 2, 0x6b})}, // grew from 2 pages
				{name: "look", results: "i", body: slices.Concat(grow, []byte{opDrop}, last, []byte{opLoad8, 0, 0})},
				{name: "beyond", results: "i", body: slices.Concat([]byte{opI32Const}, sleb(2*65536), []byte{opLoad8, 0, 0})},
			}}.build()
		m, err := newRuntime(t, runtime.Config{}).Compile(t.Context(), binary, runtime.Limits{Memory: tt.limit * 65536, Time: patience})
		if err != nil {
			t.Fatal(err)
		}
		says := func(hook, want string) {
			t.Helper()
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: hook})
			if want == "" && err != nil || want != "" && (err == nil || trellis.KindOf(err) != trellis.Internal) {
				t.Errorf("%d pages: %s: %v, want %q", pages, hook, err, want)
			} else if want != "" {
				wantError(t, err, nil, trellis.Internal, want)
			}
		}
		for range 3 {
			says("size", "returned 2 ")
			says("grow", "")
			if got := runtime.Idle(m); got != tt.idle {
				t.Errorf("%d pages of %d: %d instances are idle after one grew, want %d", pages, tt.limit, got, tt.idle)
			}
			says("size", "returned 2 ")
			says("look", "")
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "beyond"})
			wantError(t, err, runtime.ErrTrap, trellis.Unavailable, "out of bounds")
		}
	}
}
