package runtime_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// BenchmarkFlood is what a tenant that floods its extension does to another: 64
// callers of one class call again and again, and the median of another class's
// calls is compared with what it is without them, in turns. The flood's guests are
// cheap, cost 20 ms each, or call the host.
func BenchmarkFlood(b *testing.B) {
	const callers = 64
	for _, f := range []struct {
		name, guest, hook string
		in                []byte
		fuel              time.Duration
	}{
		{"cheap", "echo", "upper", wasm.JobInput, 0},
		{"dear", "spin", "spin", nil, 20 * time.Millisecond},
		{"host", "host", "many", []byte{50}, 0},
	} {
		b.Run(f.name, func(b *testing.B) {
			r := newRuntime(b, runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) { return nil, nil })})
			loud := compile(b, r, f.guest, runtime.Limits{})
			quiet, err := r.Compile(context.Background(), wasm.JobC, runtime.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			budget := runtime.Budget{Fuel: uint64(float64(r.FuelPerSecond()) * f.fuel.Seconds())}
			flood := func(ctx context.Context, wg *sync.WaitGroup) {
				for range callers {
					wg.Go(func() {
						for ctx.Err() == nil {
							_, _, err := loud.Call(ctx, runtime.Call{Hook: f.hook, In: f.in, Class: "loud", Key: "loud", Budget: budget, Untimed: true})
							if err != nil && !errors.Is(err, runtime.ErrFuel) && trellis.KindOf(err) == trellis.Internal {
								b.Error(err)
								return
							}
						}
					})
				}
			}
			alone, among := &way{}, &way{}
			trickle := func(w *way) {
				for range 50 {
					time.Sleep(time.Millisecond)
					start := time.Now()
					if _, _, err := quiet.Call(context.Background(), runtime.Call{Hook: "patch", In: wasm.JobInput, Class: "quiet", Key: "quiet", Untimed: true}); err != nil {
						b.Fatal(err)
					}
					w.times = append(w.times, time.Since(start))
				}
			}
			for b.Loop() {
				trickle(alone)
				ctx, cancel := context.WithCancel(context.Background())
				var wg sync.WaitGroup
				flood(ctx, &wg)
				for runtime.QueuedInAll(loud) < callers/2 {
					time.Sleep(time.Millisecond)
				}
				trickle(among)
				cancel()
				wg.Wait()
			}
			b.ReportMetric(float64(alone.median()), "ns/alone")
			b.ReportMetric(float64(among.median())/float64(alone.median()), "flooded/alone")
			b.ReportMetric(0, "ns/op")
		})
	}
}
