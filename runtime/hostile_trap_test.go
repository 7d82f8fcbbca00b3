package runtime_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// TestHostileTraps: reading what explains a trap takes the host longer than a guest
// may run, so modules that trap in turns, each with its own, do not have it read
// every time. Their traps still have a cause and a place.
func TestHostileTraps(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	names := func(n int) []byte { // the name of function 2
		body := code(1, 2, name(fmt.Sprint("named ", n)))
		return rawSection(0, name("name"), []byte{1}, vector(body))
	}
	var modules []*runtime.Module
	for n := range 6 {
		m, err := r.Compile(t.Context(), append(attacker([]byte{opUnreachable}), names(n)...), runtime.Limits{Time: patience})
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, m)
	}
	const rounds = 10
	named := 0
	for range rounds {
		for n, m := range modules {
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "attack"})
			wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable at ")
			switch text := err.Error(); {
			case strings.Contains(text, fmt.Sprint("at named ", n)):
				named++
			case !strings.Contains(text, "at function 2"):
				t.Errorf("module %d: %v", n, err)
			}
		}
	}
	// Some are left out, by which those of the others can be kept.
	if all := rounds * len(modules); named < len(modules) || named == all {
		t.Errorf("%d traps of %d have names", named, all)
	}
	// One that traps alone has its names every time.
	m, err := r.Compile(t.Context(), append(attacker([]byte{opUnreachable}), names(9)...), runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	for range rounds {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "attack"})
		wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable at named 9")
	}
}
