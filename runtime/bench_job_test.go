package runtime_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// BenchmarkJob is the job that the comparison with other engines measures (see
// peerbench): about 300 bytes of JSON in, one field found and replaced, JSON out.
// "raw" is wazero alone, with the module as it was compiled, its functions looked
// up once, one instance used again and again without limits: the least that any
// host can need. "fuel" is the same with the rewritten module, which says what of
// the difference is the guest's own. All take turns, some calls at a time, so that
// the ratios, which are of medians, hold on a busy machine too.
func BenchmarkJob(b *testing.B) {
	r := newRuntime(b, runtime.Config{})
	for _, g := range []struct {
		name   string
		binary []byte
	}{{"c", wasm.JobC}, {"as", wasm.JobAS}} {
		b.Run(g.name, func(b *testing.B) {
			rewritten, _, err := instrument.Rewrite(g.binary, instrument.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			ways := []*way{
				{name: "raw", call: rawWazero(b, g.binary)},
				{name: "fuel", call: rawWazero(b, rewritten)},
				{name: "pinned", call: ourModule(b, r, g.binary, runtime.Limits{Isolation: runtime.Pinned, Fuel: r.FuelPerSecond() / 1000})},
				{name: "pristine", call: ourModule(b, r, g.binary, runtime.Limits{})},
				{name: "yield", call: ourModule(b, r, g.binary, runtime.Limits{Isolation: runtime.Pinned})},
			}
			takeTurns(b, 32, ways)
			raw := ways[0].median()
			b.ReportMetric(float64(raw), "ns/raw")
			for _, w := range ways[1:] {
				b.ReportMetric(float64(w.median())/float64(raw), w.name+"/raw")
			}
		})
	}
}

// way is one way to have something done, and how long that took each time.
type way struct {
	name  string
	call  func(b *testing.B)
	times []time.Duration
}

func (w *way) median() time.Duration {
	slices.Sort(w.times)
	return w.times[len(w.times)/2]
}

// takeTurns measures the ways against each other, b.N rounds of so many calls.
func takeTurns(b *testing.B, calls int, ways []*way) {
	for b.Loop() {
		for _, w := range ways {
			start := time.Now()
			for range calls {
				w.call(b)
			}
			w.times = append(w.times, time.Since(start)/time.Duration(calls))
		}
	}
	b.ReportMetric(0, "ns/op") // of no interest
}

// ourModule returns what calls a module's only hook with the job.
func ourModule(b *testing.B, r *runtime.Runtime, binary []byte, l runtime.Limits) func(*testing.B) {
	m, err := r.Compile(context.Background(), binary, l)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close(context.Background()) })
	ctx := context.Background()
	var out []byte
	return func(b *testing.B) {
		if out, _, err = m.Call(ctx, runtime.Call{Hook: "patch", In: wasm.JobInput, Dst: out[:0], Key: "tenant", Untimed: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// rawWazero returns what does the same with wazero alone.
func rawWazero(b *testing.B, binary []byte) func(*testing.B) {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	b.Cleanup(func() { r.Close(ctx) })
	mod, err := r.Instantiate(ctx, binary)
	if err != nil {
		b.Fatal(err)
	}
	fuel, _ := mod.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)
	if fuel != nil {
		fuel.Set(1 << 60)
		if start := mod.ExportedFunction(instrument.StartExport); start != nil {
			if _, err := start.Call(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	alloc, hook, mem := mod.ExportedFunction("trellis_alloc"), mod.ExportedFunction("patch"), mod.Memory()
	var out []byte
	var stack [2]uint64
	return func(b *testing.B) {
		stack[0] = uint64(len(wasm.JobInput))
		if err := alloc.CallWithStack(ctx, stack[:1]); err != nil {
			b.Fatal(err)
		}
		ptr := stack[0]
		mem.Write(uint32(ptr), wasm.JobInput)
		stack[0], stack[1] = ptr, uint64(len(wasm.JobInput))
		if err := hook.CallWithStack(ctx, stack[:]); err != nil {
			b.Fatal(err)
		}
		answer, _ := mem.Read(uint32(stack[0]>>32), uint32(stack[0]))
		out = append(out[:0], answer...)
	}
}
