package runtime_test

import (
	"bytes"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// TestExplainingIsInTheBudget: what is read to explain a trap counts as memory that
// is held, until the module is closed, and is the first thing that goes where there
// is not enough for it.
func TestExplainingIsInTheBudget(t *testing.T) {
	const large = 2 << 20
	// The name of function 2, and of one that there is not.
	names := rawSection(0, name("name"), []byte{1}, vector(code(2, 2, name("spring"), 99, vector(bytes.Repeat([]byte{'x'}, large)))))
	module := append(attacker([]byte{opUnreachable}), names...)
	for _, tt := range []struct {
		name   string
		budget int
		kept   bool
	}{
		{"with memory to spare", 64 << 20, true},
		{"with little memory", 1 << 20, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRuntime(t, runtime.Config{Memory: tt.budget})
			other := compile(t, r, "counter", runtime.Limits{})
			call(t, other, "", "count", "")
			m, err := r.Compile(t.Context(), module, runtime.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = m.Call(t.Context(), runtime.Call{Hook: "attack"})
			wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable at spring")
			if u := r.Usage(); u.Memory > large != tt.kept || u.Memory > int64(tt.budget) {
				t.Errorf("%+v is held, of a budget of %d", u, tt.budget)
			}
			if n := runtime.Idle(other); n != 1 {
				t.Errorf("%d instances of another module are idle: one went before that", n)
			}
			for _, m := range []*runtime.Module{m, other} {
				if err := m.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if u := r.Usage(); u != (runtime.Usage{}) {
				t.Errorf("when all is closed, %+v is held", u)
			}
		})
	}
}
