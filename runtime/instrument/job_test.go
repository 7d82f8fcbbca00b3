package instrument_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// worker is an instance that does a job: bytes in, bytes out.
type worker struct {
	guest
	alloc, hook api.Function
	best        time.Duration
}

// hire makes an instance of binary, as it is or rewritten.
func hire(b *testing.B, binary []byte, hook string, l *instrument.Limits) *worker {
	b.Helper()
	ctx := b.Context()
	r := newEngine(b, wazero.NewRuntimeConfigCompiler())
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	abort := api.GoFunc(func(context.Context, []uint64) { panic("abort") })
	four := []api.ValueType{i32, i32, i32, i32}
	if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoFunction(abort, four, nil).Export("abort").Instantiate(ctx); err != nil {
		b.Fatal(err)
	}
	w := &worker{}
	if l != nil {
		var err error
		if binary, w.info, err = instrument.Rewrite(binary, *l); err != nil {
			b.Fatal(err)
		}
		if l.Yield {
			w.host = &host{slice: 12_000_000} // 5 ms
			w.host.offer(b, r)
		}
	}
	m, err := r.InstantiateWithConfig(ctx, binary, wazero.NewModuleConfig().WithRandSource(rand.Reader).WithStartFunctions())
	if err != nil {
		b.Fatal(err)
	}
	if w.Module = m; l != nil {
		w.fuel = m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)
		w.refuel(plenty)
	}
	if f := m.ExportedFunction("_initialize"); f != nil {
		if _, err := f.Call(ctx); err != nil {
			b.Fatal(err)
		}
	}
	w.alloc, w.hook = m.ExportedFunction("trellis_alloc"), m.ExportedFunction(hook)
	return w
}

// work does the job n times and keeps the shortest time that this took.
func (w *worker) work(b *testing.B, in []byte, n int) {
	b.Helper()
	var stack [2]uint64
	began := time.Now()
	for range n {
		if w.fuel != nil {
			w.refuel(plenty)
		}
		stack[0] = uint64(len(in))
		if err := w.alloc.CallWithStack(b.Context(), stack[:1]); err != nil {
			b.Fatal(err)
		}
		w.Memory().Write(uint32(stack[0]), in)
		stack[1] = uint64(len(in))
		if err := w.hook.CallWithStack(b.Context(), stack[:]); err != nil {
			b.Fatal(err)
		}
	}
	if took := time.Since(began); w.best == 0 || took < w.best {
		w.best = took
	}
}

// BenchmarkJob is what fuel and yielding cost the job of all benchmarks, without
// the host's part, in turns with the same module as it came. (Where a function
// happens to lie in memory alone makes a difference of a tenth, and in short loops
// of a third.)
func BenchmarkJob(b *testing.B) {
	for _, tt := range []struct {
		name, hook string
		binary     func() []byte
		in         []byte
		n          int
	}{
		{"C", "patch", func() []byte { return wasm.JobC }, wasm.JobInput, 1000},
		{"AssemblyScript", "patch", func() []byte { return wasm.JobAS }, wasm.JobInput, 1000},
		{"Go", "hook", func() []byte {
			return build(b, "guest.go", goGuest, []string{"GOOS=wasip1", "GOARCH=wasm"}, "go", "build", "-buildmode=c-shared", "-o", "guest.wasm", "guest.go")
		}, wasm.JobInput, 20},
	} {
		b.Run(tt.name, func(b *testing.B) {
			binary := tt.binary()
			raw, trap, yield := hire(b, binary, tt.hook, nil), hire(b, binary, tt.hook, &instrument.Limits{}), hire(b, binary, tt.hook, &instrument.Limits{Yield: true})
			for b.Loop() {
				for _, w := range []*worker{raw, trap, yield} {
					w.work(b, tt.in, tt.n)
				}
			}
			b.ReportMetric(float64(raw.best.Nanoseconds())/float64(tt.n), "raw-ns/job")
			b.ReportMetric(float64(trap.best)/float64(raw.best), "trap/raw")
			b.ReportMetric(float64(yield.best)/float64(raw.best), "yield/raw")
			b.ReportMetric(float64(plenty-trap.left()), "fuel/job")
			b.ReportMetric(0, "ns/op")
		})
	}
}
