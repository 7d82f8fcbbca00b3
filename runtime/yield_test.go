package runtime_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// long is as much fuel as makes a guest yield, and time enough.
var long = runtime.Limits{Fuel: 1 << 62, Time: time.Hour}

// A guest that yields is stopped at its deadline, or when the caller has gone,
// however much fuel it has.
func TestYieldSeesTheClock(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "spin", long)
	for _, hook := range []string{"spin", "now"} {
		_, s, err := m.Call(t.Context(), runtime.Call{Hook: hook, Budget: runtime.Budget{Time: 30 * time.Millisecond}})
		wantError(t, err, runtime.ErrTime, trellis.Unavailable, "hook "+hook+": out of time: 30ms is over")
		if s.Time < 30*time.Millisecond || s.Fuel == 0 {
			t.Errorf("%s: stopped after %v and %d units", hook, s.Time, s.Fuel)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, _, err := m.Call(ctx, runtime.Call{Hook: "spin"})
	wantError(t, err, context.DeadlineExceeded, trellis.Unavailable, "the caller has gone")
}

// What ends a guest that spins does not depend on how fast the machine is: with
// little fuel, that; with much, the clock.
func TestWhatEndsASpinningGuest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		speed  uint64 // units worth a second
		limits runtime.Limits
		want   error
		fuel   uint64 // all that it may use; 0: less
	}{
		{"slow fuel", 400_000, runtime.Limits{Time: time.Hour}, runtime.ErrFuel, 40_000},
		{"little fuel", 1 << 40, runtime.Limits{Time: time.Hour, Fuel: 1_000_000}, runtime.ErrFuel, 1_000_000},
		{"much fuel", 1 << 50, runtime.Limits{Time: 10 * time.Millisecond}, runtime.ErrTime, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRuntime(t, runtime.Config{FuelPerSecond: tt.speed})
			if got := r.FuelPerSecond(); got != tt.speed {
				t.Errorf("a second is worth %d units, want %d", got, tt.speed)
			}
			_, s, err := compile(t, r, "spin", tt.limits).Call(t.Context(), runtime.Call{Hook: "spin"})
			wantError(t, err, tt.want, trellis.Unavailable)
			if tt.fuel > 0 && s.Fuel != tt.fuel || s.Fuel == 0 {
				t.Errorf("it used %d units, want %d", s.Fuel, tt.fuel)
			}
		})
	}
}

// What a call costs is the same with and without yielding, to the unit.
func TestYieldCostsNoFuel(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	short, long := compile(t, r, "spin", runtime.Limits{Fuel: r.FuelPerSecond() / 1000}), compile(t, r, "spin", long)
	most := r.FuelPerSecond() / 1000 // many slices
	for _, tt := range []struct {
		hook string
		in   int
		fuel uint64
		want error
	}{
		{"work", 100, most, nil},
		{"work", 100, 100_000, runtime.ErrFuel},
		{"spin", 0, most, runtime.ErrFuel},
		{"now", 0, most, runtime.ErrFuel},
		{"random", 0, most, runtime.ErrFuel},
		{"recurse", 0, most, runtime.ErrTrap},
	} {
		c := runtime.Call{Hook: tt.hook, In: make([]byte, tt.in), Budget: runtime.Budget{Fuel: tt.fuel}}
		_, want, wantErr := short.Call(t.Context(), c)
		_, got, gotErr := long.Call(t.Context(), c)
		if !errors.Is(wantErr, tt.want) || !errors.Is(gotErr, tt.want) {
			t.Errorf("%s: %v without yielding, %v with, want %v", tt.hook, wantErr, gotErr, tt.want)
		}
		if got.Fuel != want.Fuel || got.Fuel == 0 {
			t.Errorf("%s: used %d without yielding, %d with", tt.hook, want.Fuel, got.Fuel)
		}
	}
}

// A guest that runs for long does not keep the worker from others.
func TestYieldLetsOthersGoFirst(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 1})
	m, other := compile(t, r, "spin", long), compile(t, r, "echo", runtime.Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	began, ended := make(chan struct{}), make(chan error)
	go func() {
		var once sync.Once
		_, _, err := m.Call(ctx, runtime.Call{Hook: "fill", In: []byte("x"), Key: "long", Log: func(int, string) { once.Do(func() { close(began) }) }})
		ended <- err
	}()
	<-began
	for range 3 {
		if _, _, err := other.Call(t.Context(), runtime.Call{Hook: "upper", In: []byte("a"), Key: "short", Patience: time.Hour}); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wantError(t, <-ended, context.Canceled, trellis.Unavailable, "the caller has gone")
}
