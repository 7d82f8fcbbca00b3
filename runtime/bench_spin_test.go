package runtime_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
)

// BenchmarkSpin is how long after its deadline a guest is stopped that only spins,
// with a guest on each processor, and the longest time that the garbage collector,
// which runs all the while, stopped the process or waited for it to stop.
func BenchmarkSpin(b *testing.B) {
	const limit = 100 * time.Millisecond
	r := newRuntime(b, runtime.Config{})
	m := compile(b, r, "spin", runtime.Limits{Fuel: 100 * r.FuelPerSecond(), Time: limit})
	before := pauses()
	var late way
	for b.Loop() {
		n := goruntime.GOMAXPROCS(0)
		ended := make(chan time.Duration, n)
		for range n {
			go func() {
				_, s, err := m.Call(context.Background(), runtime.Call{Hook: "spin"})
				if !errors.Is(err, runtime.ErrTime) {
					b.Errorf("it ended by %v", err)
				}
				ended <- s.Time - limit
			}()
		}
		for got := 0; got < n; {
			goruntime.GC()
			select {
			case d := <-ended:
				late.times = append(late.times, d)
				got++
			default:
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	b.ReportMetric(float64(late.median())/1e6, "ms-late")
	b.ReportMetric(float64(late.times[len(late.times)-1])/1e6, "ms-latest")
	b.ReportMetric(1000*longestSince(before, pauses()), "ms-pause")
	b.ReportMetric(0, "ns/op")
}

func pauses() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// longestSince returns the upper end of the highest bucket that grew.
func longestSince(before, after *metrics.Float64Histogram) float64 {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			return after.Buckets[i+1]
		}
	}
	return 0
}
