package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// BenchmarkFlood is what a tenant that floods its extension does to another: 64
// callers of one class call again and again, and the median of another class's
// calls, one after the other, without a pause or as seldom as a person, is compared
// with what it is without them, in turns. The flood's guests are cheap, cost 20 ms
// each, or call the host; each class has its own module, as tenants have, or both
// share one, as they do an extension that the platform offers to all.
func BenchmarkFlood(b *testing.B) {
	for _, f := range []struct {
		name, guest, hook string
		in                []byte
		quiet             string // a hook of the same guest
		fuel              time.Duration
	}{
		{"cheap", "echo", "upper", []byte("x"), "upper", 0},
		{"dear", "spin", "spin", nil, "work", 20 * time.Millisecond},
		{"host", "host", "many", []byte{50}, "clock", 0},
	} {
		for _, own := range []bool{true, false} {
			name := f.name + "/shared"
			if own {
				name = f.name + "/own"
			}
			for _, pause := range []time.Duration{0, 20 * time.Millisecond} {
				if pause > 0 && !own {
					continue
				}
				b.Run(fmt.Sprint(name, "/every ", pause), func(b *testing.B) {
					r := newRuntime(b, runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) { return nil, nil })})
					loud := compile(b, r, f.guest, runtime.Limits{})
					quiet := loud
					if own {
						quiet = compile(b, r, f.guest, runtime.Limits{})
					}
					budget := runtime.Budget{Fuel: uint64(float64(r.FuelPerSecond()) * f.fuel.Seconds())}
					benchmarkFlood(b, loud, runtime.Call{Hook: f.hook, In: f.in, Class: "loud", Key: "loud", Budget: budget, Untimed: true},
						quiet, runtime.Call{Hook: f.quiet, In: []byte("x"), Class: "quiet", Key: "quiet", Untimed: true}, pause)
				})
			}
		}
	}
}

func benchmarkFlood(b *testing.B, loud *runtime.Module, flood runtime.Call, quiet *runtime.Module, lone runtime.Call, pause time.Duration) {
	const callers = 64
	alone, among := &way{}, &way{}
	trickle := func(w *way) {
		n := 200
		if pause > 0 {
			n = 50
		}
		for range n {
			time.Sleep(pause)
			start := time.Now()
			if _, _, err := quiet.Call(context.Background(), lone); err != nil {
				b.Fatal(err)
			}
			w.times = append(w.times, time.Since(start))
		}
	}
	for b.Loop() {
		trickle(alone)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for ctx.Err() == nil {
					_, _, err := loud.Call(ctx, flood)
					if err != nil && !errors.Is(err, runtime.ErrFuel) && trellis.KindOf(err) == trellis.Internal {
						b.Error(err)
						return
					}
				}
			})
		}
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
}
