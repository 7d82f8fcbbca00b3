package runtime_test

import (
	"context"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/trellis-learning/trellis/runtime"
)

// BenchmarkFresh compares a pristine call of a guest that brings all of Go with it
// with what gives the same promise without images: an instance of raw wazero for
// each call.
func BenchmarkFresh(b *testing.B) {
	binary := goGuest(b, "./testdata/goguest")
	in := []byte(`{"name":"ada"}`)
	ctx := context.Background()
	raw := wazero.NewRuntime(ctx)
	defer raw.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, raw)
	if _, err := raw.NewHostModuleBuilder("trellis").
		NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32, uint32) uint64 { return 0 }).Export("call").
		NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32) uint32 { return 0 }).Export("read").
		NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32) {}).Export("log").Instantiate(ctx); err != nil {
		b.Fatal(err)
	}
	compiled, err := raw.CompileModule(ctx, binary)
	if err != nil {
		b.Fatal(err)
	}
	fresh := &way{call: func(b *testing.B) {
		mod, err := raw.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
		if err != nil {
			b.Fatal(err)
		}
		at, err := mod.ExportedFunction("trellis_alloc").Call(ctx, uint64(len(in)))
		if err != nil || !mod.Memory().Write(uint32(at[0]), in) {
			b.Fatal(err)
		}
		if _, err := mod.ExportedFunction("count").Call(ctx, at[0], uint64(len(in))); err != nil {
			b.Fatal(err)
		}
		_ = mod.Close(ctx)
	}}
	r := newRuntime(b, runtime.Config{})
	ours := func(isolation runtime.Isolation) *way {
		m, err := r.Compile(ctx, binary, runtime.Limits{Isolation: isolation, Time: time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { m.Close(ctx) })
		return &way{call: func(b *testing.B) {
			if _, _, err := m.Call(ctx, runtime.Call{Hook: "count", In: in, Untimed: true}); err != nil {
				b.Fatal(err)
			}
		}}
	}
	pinned, pristine := ours(runtime.Pinned), ours(runtime.Pristine)
	takeTurns(b, 1, []*way{fresh, pinned, pristine})
	b.ReportMetric(float64(pinned.median())/1e3, "us/pinned")
	b.ReportMetric(float64(pristine.median())/1e3, "us/pristine")
	b.ReportMetric(float64(fresh.median())/float64(pristine.median()), "fresh/pristine")
}
