package runtime_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// TestHostileNesting: a guest whose operations call the guest again, which asks for
// more operations, without end: of the same module, pristine and pinned, with a
// single instance and worker, and of two modules that call each other. It ends
// within the first call's fuel, never deeper than allowed, and holds up nobody.
func TestHostileNesting(t *testing.T) {
	again := code(poke(64, 0x69616761), poke(68, 0x6e)) // "again"
	body := code(again, forever(code(i32(64), i32(5), i32(0), i32(0), opCall, 0, opDrop)))
	binary := attacker(body, importing(importCall))
	for _, tt := range []struct {
		name      string
		isolation runtime.Isolation
		two, key  bool // calls another module; under another key
	}{
		{name: "itself"},
		{name: "itself, pinned", isolation: runtime.Pinned},
		{name: "itself, pinned to others", isolation: runtime.Pinned, key: true},
		{name: "one another", two: true},
		{name: "one another, pinned", two: true, isolation: runtime.Pinned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			guarded(t, func() {
				var modules []*runtime.Module
				var depth, deepest, conflicts atomic.Int64
				keys := []string{"a", "b", "c", "d", "e", "f"}
				r := newRuntime(t, runtime.Config{Workers: 1, Host: hostFunc(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
					d := depth.Add(1)
					defer depth.Add(-1)
					deepest.Store(max(deepest.Load(), d))
					c := runtime.Call{Hook: "attack", Key: keys[0]}
					if tt.key {
						c.Key = keys[d]
					}
					_, _, err := modules[int(d)%len(modules)].Call(ctx, c)
					if trellis.KindOf(err) == trellis.Conflict {
						conflicts.Add(1)
					}
					return nil, err
				})})
				fuel := r.FuelPerSecond() / 50
				for range 2 {
					m, err := r.Compile(t.Context(), binary, runtime.Limits{Isolation: tt.isolation, Instances: 1, Fuel: fuel, Time: patience})
					if err != nil {
						t.Error(err)
						return
					}
					modules = append(modules, m)
					if !tt.two {
						break
					}
				}
				for range 2 {
					_, s, err := modules[0].Call(t.Context(), runtime.Call{Hook: "attack", Key: keys[0]})
					// Which of the two limits comes first depends on the machine's speed.
					if !errors.Is(err, runtime.ErrFuel) && !errors.Is(err, runtime.ErrTrap) || s.Fuel > fuel {
						t.Errorf("it ends with %v after %d units, of %d", err, s.Fuel, fuel)
					}
				}
				if deepest.Load() > 4 {
					t.Errorf("operations were %d deep", deepest.Load())
				}
				if tt.isolation == runtime.Pinned && !tt.key && conflicts.Load() == 0 {
					t.Error("no call found the pinned instance busy")
				}
				if _, _, err := modules[0].Call(t.Context(), runtime.Call{Hook: "hook", Key: "another"}); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}
