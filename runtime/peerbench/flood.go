package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// callers is how many of the tenant that floods call at a time.
const callers = 64

// floods is what the tenant that floods calls, on which modules.
func floods() []struct {
	name, title, hook string
	work              time.Duration // what fuel each call may use is worth; 0: what is usual
	shared            bool
} {
	type flood = struct {
		name, title, hook string
		work              time.Duration
		shared            bool
	}
	const dear = 20 * time.Millisecond
	return []flood{
		{"cheap", "cheap calls", "patch", 0, false},
		{"dear", "calls of 20 ms", "spin", dear, false},
		{"host", "calls that call the host", "wait", 0, false},
		{"cheap-shared", "cheap calls, both of one module", "patch", 0, true},
		{"dear-shared", "calls of 20 ms, both of one module", "spin", dear, true},
		{"host-shared", "calls that call the host, both of one module", "wait", 0, true},
	}
}

// flood measures what a tenant that floods its extension does to another: the
// median of the other's calls, which follow each other without a pause, divided by
// what it is without the flood, in turns. Either tenant has a module, as each that
// installs an extension has, or both share one, as they do where the platform
// offers it.
func (b *bench) flood(ctx context.Context) ([]figure, error) {
	r, err := runtime.New(ctx, runtime.Config{Host: nothing{}})
	if err != nil {
		return nil, err
	}
	defer r.Close(context.WithoutCancel(ctx))
	var all []figure
	for _, f := range floods() {
		loud, err := r.Compile(ctx, wasm.JobCrowd, runtime.Limits{})
		if err != nil {
			return nil, err
		}
		quiet := loud
		if !f.shared {
			if quiet, err = r.Compile(ctx, wasm.JobCrowd, runtime.Limits{}); err != nil {
				return nil, err
			}
		}
		call := runtime.Call{Hook: f.hook, In: wasm.JobInput, Class: "loud", Key: "loud", Untimed: true}
		call.Budget.Fuel = uint64(f.work.Seconds() * float64(r.FuelPerSecond()))
		fig := figure{Name: "flood/" + f.name, Title: fmt.Sprintf("another tenant's median while one floods, against alone: %s", f.title), Unit: "×"}
		var ratios []float64
		for range b.times(9) {
			ratio, err := floodOnce(ctx, loud, call, quiet)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fig.Name, err)
			}
			ratios = append(ratios, ratio)
		}
		fig.set(ratios)
		all = append(all, fig)
		if err := errors.Join(loud.Close(ctx), quiet.Close(ctx)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// nothing is a host that answers at once.
type nothing struct{}

// Call implements [runtime.Host].
func (nothing) Call(context.Context, string, []byte) ([]byte, error) { return nil, nil }

// floodOnce returns the median of a lone caller's calls during a flood, divided by
// that before it. Both sides are warm when it is looked at.
func floodOnce(ctx context.Context, loud *runtime.Module, call runtime.Call, quiet *runtime.Module) (float64, error) {
	alone, err := trickle(ctx, quiet)
	if err != nil {
		return 0, err
	}
	flooding, stop := context.WithCancel(ctx)
	defer stop()
	var once sync.Once
	var warm, all sync.WaitGroup
	var broken error
	warm.Add(callers)
	for range callers {
		all.Go(func() {
			for n := 0; flooding.Err() == nil; n++ {
				_, _, err := loud.Call(flooding, call)
				if n == 0 {
					warm.Done() // each has called once
				}
				if err != nil && !floodMayEndBy(err) {
					once.Do(func() { broken = err })
					return
				}
			}
		})
	}
	warm.Wait()
	among, err := trickle(ctx, quiet)
	stop()
	all.Wait()
	return among / alone, errors.Join(err, broken)
}

// floodMayEndBy reports whether a call of the flood may end so: it has used the
// fuel that it was given, waits too long, or the flood is over.
func floodMayEndBy(err error) bool {
	return errors.Is(err, runtime.ErrFuel) || errors.Is(err, context.Canceled) || trellis.KindOf(err) == trellis.Exhausted
}

// trickle returns the median of some calls, one after the other.
func trickle(ctx context.Context, m *runtime.Module) (float64, error) {
	times := make([]float64, 0, 500)
	var dst []byte
	for len(times) < cap(times) {
		start := time.Now()
		out, _, err := m.Call(ctx, runtime.Call{Hook: "patch", In: wasm.JobInput, Dst: dst[:0], Class: "quiet", Key: "quiet", Untimed: true, Patience: patience})
		if err != nil {
			return 0, fmt.Errorf("the other tenant's call: %w", err)
		}
		dst = out
		times = append(times, float64(time.Since(start)))
	}
	return median(times), nil
}
