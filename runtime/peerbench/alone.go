package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	goruntime "runtime"
	"runtime/metrics"
	"time"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// figure is something that is measured of our runtime alone.
type figure struct {
	Name  string  `json:"name"` // such as "load/c"
	Title string  `json:"title"`
	Value float64 `json:"value"`
	Worst float64 `json:"worst"`
	Unit  string  `json:"unit"`
	// Missing says why there is no value.
	Missing string `json:"missing,omitempty"`
}

// alone measures what has no peer: stopping, loading, density, floods.
func (b *bench) alone(ctx context.Context) ([]figure, error) {
	var all []figure
	add := func(f []figure, err error) error {
		all = append(all, f...)
		return err
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context) ([]figure, error)
	}{
		{"spin", b.spin},
		{"load/c", func(ctx context.Context) ([]figure, error) { return b.load(ctx, "c", "C guest", (*bench).moduleC) }},
		{"load/go", func(ctx context.Context) ([]figure, error) { return b.load(ctx, "go", "Go guest", (*bench).moduleGo) }},
		{"density/c", func(context.Context) ([]figure, error) { return b.density("c", "C guest", (*bench).moduleCrowd) }},
		{"density/go", func(context.Context) ([]figure, error) { return b.density("go", "Go guest", (*bench).moduleCrowdGo) }},
		{"flood", b.flood},
	} {
		if !b.only.MatchString(part.name) {
			continue
		}
		b.progress("measure %s", part.name)
		if err := add(part.measure(ctx)); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return all, nil
}

// spin lets a guest that never ends run into its limit of time, while the garbage
// collector of this process is kept at work.
func (b *bench) spin(ctx context.Context) ([]figure, error) {
	const limit = 100 * time.Millisecond
	late := figure{Name: "spin/stop", Title: "a spinning guest is stopped, after its deadline", Unit: "ms"}
	pause := figure{Name: "spin/gc", Title: "the longest pause of the garbage collector meanwhile", Unit: "ms"}
	m, err := b.runtime.Compile(ctx, wasm.JobSpin, runtime.Limits{Time: limit, Fuel: math.MaxInt64})
	if err != nil {
		return nil, err
	}
	defer m.Close(ctx)
	var lates, pauses []float64
	for range b.times(9) {
		done, collected := make(chan struct{}), make(chan struct{})
		before := gcPauses()
		go func() {
			defer close(collected)
			for {
				select {
				case <-done:
					return
				default:
					goruntime.GC()
				}
			}
		}()
		start := time.Now()
		_, _, err := m.Call(ctx, runtime.Call{Hook: "spin"})
		took := time.Since(start)
		close(done)
		<-collected
		if err := stoppedByTime(err); err != nil {
			return nil, err
		}
		lates = append(lates, milliseconds(took-limit))
		pauses = append(pauses, longest(before, gcPauses()))
	}
	late.set(lates)
	pause.set(pauses)
	return []figure{late, pause}, nil
}

// stoppedByTime is nil if a call ended as one does that only spins. Any other end is
// a fault of ours, and no figure.
func stoppedByTime(err error) error {
	switch {
	case errors.Is(err, runtime.ErrTime):
		return nil
	case err == nil:
		return errors.New("a guest that never ends has answered")
	default:
		return fmt.Errorf("a guest that never ends did not end by its limit of time: %w", err)
	}
}

// times is how often something is measured: once for a smoke test.
func (b *bench) times(n int) int {
	if b.smoke {
		return 1
	}
	return n
}

func (f *figure) set(values []float64) {
	f.Value = median(values)
	for _, v := range values {
		f.Worst = max(f.Worst, v)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }

// gcPauses is how often the collector stopped the world for how long, from the
// decision to stop it until it went on.
func gcPauses() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64Histogram()
}

// longest is the longest pause between two readings, in milliseconds: the upper
// end of its bucket.
func longest(before, after *metrics.Float64Histogram) float64 {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			return min(after.Buckets[i+1], 1e6) * 1e3
		}
	}
	return 0
}

// load measures what a module costs at the start of a server, which finds it in
// its cache, and its first call after that.
func (b *bench) load(ctx context.Context, name, title string, of source) ([]figure, error) {
	binary, err := of(b)
	if err != nil {
		return nil, err
	}
	cache := filepath.Join(b.dir, "cache-"+name)
	var loads, firsts []float64
	for n := range b.times(7) + 1 {
		load, first, err := loadOnce(ctx, cache, binary)
		if err != nil {
			return nil, err
		}
		if n > 0 { // the first one put it there
			loads, firsts = append(loads, milliseconds(load)), append(firsts, milliseconds(first))
		}
	}
	figures := []figure{
		{Name: "load/" + name, Title: title + ": loaded from the cache", Unit: "ms"},
		{Name: "first/" + name, Title: title + ": the first call after that", Unit: "ms"},
	}
	figures[0].set(loads)
	figures[1].set(firsts)
	return figures, nil
}

func loadOnce(ctx context.Context, cache string, binary []byte) (load, first time.Duration, err error) {
	r, err := runtime.New(ctx, runtime.Config{Cache: cache})
	if err != nil {
		return 0, 0, err
	}
	defer r.Close(ctx)
	goruntime.GC()
	start := time.Now()
	m, err := r.Compile(ctx, binary, runtime.Limits{})
	if err != nil {
		return 0, 0, err
	}
	load = time.Since(start)
	_, _, err = m.Call(ctx, runtime.Call{Hook: "patch", In: wasm.JobInput})
	return load, time.Since(start) - load, err
}
