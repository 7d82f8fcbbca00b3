package extensions_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// toiler is a bundle whose filter, schedule and job all take the fuel that 200 ms
// are worth, which is twice what a call may use.
func toiler(t testing.TB, r *rig, work string) []byte {
	t.Helper()
	rounds := int(r.cfg.Runtime.FuelPerSecond() / 5 / 3) // a round takes three units at least
	return testkit.Bundle(t, manifestOf("acme.x", "1.0.0", map[string]any{
		"limits":    map[string]any{"work": work},
		"schedules": []any{map[string]any{"name": "nightly", "cron": "0 3 * * *", "call": "toil"}},
		"jobs":      []any{map[string]any{"name": "tidy", "call": "toil"}},
	}), testkit.Guest(map[string]func(*testkit.Code){
		"check": func(c *testkit.Code) { c.Toil(rounds); c.Answer("{}") },
		"toil":  func(c *testkit.Code) { c.Toil(rounds); c.Answer("{}") },
	}))
}

// What nobody waits for may work as long as its manifest asks; filters may not.
func TestWorkThatNobodyWaitsFor(t *testing.T) {
	for _, tt := range []struct {
		work string
		ends bool
	}{{"", false}, {"60s", true}} {
		t.Run(tt.work, func(t *testing.T) {
			r := newRigAt(t, 1_000_000, func(c *extensions.Config) { c.Modules.Time = testkit.Patience })
			a := admin(t, "a")
			r.install(t, a, toiler(t, r, tt.work), "")
			r.enable(t, a, "acme.x", "", "")
			in, err := r.Get(a, "acme.x", extensions.Scope{})
			must(t, err)
			filter := r.Filters(a, asked.Name(), "")[0]
			if _, err := filter.Call(a, extensions.Call{In: []byte("{}")}); !errors.Is(err, runtime.ErrFuel) {
				t.Errorf("a filter that works too long: %v", err)
			}
			for _, name := range []string{"nightly", "tidy"} {
				h, ok := r.Work("a", in.Installation, name, "")
				if !ok {
					t.Fatalf("there is no %s", name)
				}
				s, err := h.Call(trellis.WithActor(t.Context(), h.Actor("")), extensions.Call{In: []byte("{}")})
				if (err == nil) != tt.ends || tt.ends && s.Fuel < r.cfg.Runtime.FuelPerSecond()/5 {
					t.Errorf("%s: %v, after %d units of fuel", name, err, s.Fuel)
				}
			}
		})
	}
}

// What a call may compute goes with the time that it may take, so that what spins is
// blamed for that: four fifths of it, unless who calls says otherwise, and never more
// than the module may.
func TestWorkGoesWithTime(t *testing.T) {
	r := newRigAt(t, 1_000_000, func(c *extensions.Config) { c.Modules.Time = testkit.Patience })
	a := admin(t, "a")
	spin := map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Spin() }}
	for i, tt := range []struct {
		name   string
		limits string // limits.time of the manifest
		call   extensions.Call
		fuel   uint64
	}{
		{"the call's time", "", extensions.Call{Time: 50 * time.Millisecond}, 40_000},
		{"little time", "", extensions.Call{Time: 10 * time.Millisecond}, 8_000},
		{"the manifest's time", "20ms", extensions.Call{}, 16_000},
		{"the shorter of both", "20ms", extensions.Call{Time: 10 * time.Millisecond}, 8_000},
		{"as who calls says", "", extensions.Call{Time: 50 * time.Millisecond, Work: 5 * time.Millisecond}, 5_000},
		{"more than a module may", "", extensions.Call{}, 100_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := fmt.Sprint("acme.x", i)
			var change map[string]any
			if tt.limits != "" {
				change = map[string]any{"limits": map[string]any{"time": tt.limits}}
			}
			r.install(t, a, pack(t, id, "1.0.0", change, spin), "")
			r.enable(t, a, id, "", "")
			defer func() { must(t, r.Uninstall(a, id, extensions.Scope{})) }()
			tt.call.In = []byte("{}")
			s, err := r.Filters(a, asked.Name(), "")[0].Call(a, tt.call)
			if !errors.Is(err, runtime.ErrFuel) || s.Fuel != tt.fuel {
				t.Errorf("%v after %d units, want %d", err, s.Fuel, tt.fuel)
			}
		})
	}
}

// How much work a manifest may ask for is the operator's to say.
func TestWorkIsBounded(t *testing.T) {
	r := newRig(t, func(c *extensions.Config) {
		c.Modules = extensions.Modules{Work: 5 * time.Second, Raise: func(limit string) string { return "an operator raises " + limit }}
	})
	a := admin(t, "a")
	for _, tt := range []struct{ work, want string }{
		{"5s", ""},
		{"6s", "limits.work: 6s exceeds the limit of 5s; an operator raises work"},
	} {
		t.Run(tt.work, func(t *testing.T) {
			zip := pack(t, "acme.x", "1.0.0", map[string]any{"limits": map[string]any{"work": tt.work}})
			seen, err := r.Inspect(a, zip, extensions.Scope{})
			must(t, err)
			if got := fmt.Sprint(seen.Faults); (tt.want == "") != (len(seen.Faults) == 0) || !strings.Contains(got, tt.want) {
				t.Errorf("faults %s, want %q", got, tt.want)
			}
			_, err = r.Install(a, zip, extensions.Scope{})
			if tt.want == "" {
				must(t, err)
				return
			}
			kind(t, "install", err, trellis.Invalid, tt.want)
		})
	}
}
