package runtime_test

import (
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// TestUsageCountsWhatTheHostKeeps: the variables of an Extism guest and the memory
// of its blocks lie outside of its own, and count all the same.
func TestUsageCountsWhatTheHostKeeps(t *testing.T) {
	const name, value, block = 16, 500_000, 200_000
	r := newRuntime(t, runtime.Config{})
	set := code(i64(name), opCall, 0, i64(value), opCall, 0, opCall, 1, i32(0))
	write := code(i64(block), opCall, 0, i64(block-8), opI64Add, i64(1), opCall, 2, i32(0))
	binary := extismOf(map[string][]byte{"nothing": i32(0), "set": set, "write": write}, "alloc", "var_set", "store_u64")
	m, err := r.Compile(t.Context(), binary, runtime.Limits{Isolation: runtime.Pinned, Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	usage := func(hook string) int64 {
		if _, _, err := m.Call(t.Context(), runtime.Call{Hook: hook, Key: "ada"}); err != nil {
			t.Fatal(err)
		}
		return r.Usage().Memory
	}
	before := usage("nothing")
	if more := usage("write") - before; more < block {
		t.Errorf("with a block of %d bytes it takes %d more", block, more)
	}
	if more := usage("set") - before; more < value {
		t.Errorf("with variables of %d bytes it takes %d more", value, more)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if u := r.Usage(); u != (runtime.Usage{}) {
		t.Errorf("closed, it takes %+v", u)
	}
}
