package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
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

// alone measures what has no peer: stopping, density, loading.
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
		{"density/c", func(context.Context) ([]figure, error) { return b.density("c", "C guest", (*bench).moduleC) }},
		{"density/go", func(context.Context) ([]figure, error) { return b.density("go", "Go guest", (*bench).moduleGo) }},
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
		if !errors.Is(err, runtime.ErrTime) {
			late.Missing = fmt.Sprintf("not built: guests that run longer do not yield (%v)", err)
			pause.Missing = late.Missing
			return []figure{late, pause}, nil
		}
		lates = append(lates, milliseconds(took-limit))
		pauses = append(pauses, longest(before, gcPauses()))
	}
	late.set(lates)
	pause.set(pauses)
	return []figure{late, pause}, nil
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

// density measures, in a process of its own, what an idle instance holds.
func (b *bench) density(name, title string, of source) ([]figure, error) {
	figures := []figure{
		{Name: "density/" + name, Title: title + ": resident memory of an idle instance, of 1,000", Unit: "KiB"},
		{Name: "own/" + name, Title: title + ": of that its own, not shared with the others", Unit: "KiB"},
	}
	path, err := b.file("density-"+name, of)
	if err != nil {
		return nil, err
	}
	if _, err := resident(); err != nil {
		for i := range figures {
			figures[i].Missing = err.Error()
		}
		return figures, nil
	}
	count := 1000
	if b.smoke {
		count = 50
	}
	cmd, err := self("density", path, strconv.Itoa(count))
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	for i, field := range strings.Fields(string(out)) {
		each, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, err
		}
		figures[min(i, len(figures)-1)].set([]float64{each})
	}
	return figures, nil
}

// density holds as many instances as it is told, each of which was called once,
// and prints how much memory each of them holds, and how much of it alone.
func density(args []string, out io.Writer) error {
	binary, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx := context.Background()
	r, err := runtime.New(ctx, runtime.Config{})
	if err != nil {
		return err
	}
	defer r.Close(ctx)
	m, err := r.Compile(ctx, binary, runtime.Limits{Isolation: runtime.Pinned, Instances: count + 1})
	if err != nil {
		return err
	}
	call := func(key int) error {
		_, _, err := m.Call(ctx, runtime.Call{Hook: "patch", In: wasm.JobInput, Key: strconv.Itoa(key)})
		return err
	}
	if err := call(0); err != nil {
		return err
	}
	before, err := settled()
	if err != nil {
		return err
	}
	for key := range count {
		if err := call(key + 1); err != nil {
			return err
		}
	}
	after, err := settled()
	if err != nil {
		return err
	}
	each := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(count) }
	_, err = fmt.Fprintf(out, "%.1f %.1f\n", each(after.resident-before.resident), each(after.own-before.own))
	return err
}

// settled is what is resident when all is given back that can be.
func settled() (held, error) {
	for range 3 {
		debug.FreeOSMemory()
	}
	return resident()
}

// held is the memory of this process, in bytes. Pages that are in memory once, but
// shown to this process at several addresses, count for each of them in resident,
// and once in own.
type held struct{ resident, own int64 }

// resident reads how much of this process is in memory.
func resident() (held, error) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return held{}, fmt.Errorf("resident memory is read from /proc, which is not here: %w", err)
	}
	var h held
	for line := range strings.Lines(string(text)) {
		for name, to := range map[string]*int64{"Rss:": &h.resident, "Pss:": &h.own} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					return held{}, err
				}
				*to = kib << 10
			}
		}
	}
	if h.resident == 0 {
		return held{}, errors.New("/proc/self/smaps_rollup does not say what is resident")
	}
	return h, nil
}
