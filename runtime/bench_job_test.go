package runtime_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// BenchmarkJob is the job that the comparison with other engines measures (see
// peerbench): about 300 bytes of JSON in, one field found and replaced, JSON out.
// "raw" is wazero alone, with the module as it was compiled, its functions looked
// up once, one instance used again and again without limits: the least that any
// host can need. "fresh" is the same with an instance for each call.
func BenchmarkJob(b *testing.B) {
	r := newRuntime(b, runtime.Config{})
	for _, g := range []struct {
		name   string
		binary []byte
	}{{"c", wasm.JobC}, {"as", wasm.JobAS}} {
		b.Run(g.name+"/raw", func(b *testing.B) { benchmarkRaw(b, g.binary) })
		for _, isolation := range []runtime.Isolation{runtime.Pinned, runtime.Pristine} {
			b.Run(g.name+"/"+isolation.String(), func(b *testing.B) {
				m, err := r.Compile(context.Background(), g.binary, runtime.Limits{Isolation: isolation})
				if err != nil {
					b.Fatal(err)
				}
				defer m.Close(context.Background())
				benchmarkModule(b, m, "patch", wasm.JobInput)
			})
		}
	}
}

func benchmarkModule(b *testing.B, m *runtime.Module, hook string, in []byte) {
	ctx := context.Background()
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, _, err = m.Call(ctx, runtime.Call{Hook: hook, In: in, Dst: out[:0], Key: "tenant"}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRaw(b *testing.B, binary []byte) {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	mod, err := r.Instantiate(ctx, binary)
	if err != nil {
		b.Fatal(err)
	}
	alloc, hook, mem := mod.ExportedFunction("trellis_alloc"), mod.ExportedFunction("patch"), mod.Memory()
	var out []byte
	var stack [2]uint64
	b.ReportAllocs()
	for b.Loop() {
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
