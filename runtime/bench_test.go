package runtime_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/trellis-learning/trellis/runtime"
)

// What a call costs: 300 bytes in, changed by the guest, 300 bytes out. "raw" is
// wazero alone, with the module as it was compiled and its functions looked up
// once: the least that any host can need.
func BenchmarkCall(b *testing.B) {
	in := []byte(strings.Repeat(`{"grade":0.75}, `, 19)[:300])
	b.Run("raw", func(b *testing.B) {
		ctx := context.Background()
		r := wazero.NewRuntime(ctx)
		defer r.Close(ctx)
		mod, err := r.Instantiate(ctx, guest(b, "echo"))
		if err != nil {
			b.Fatal(err)
		}
		alloc, hook, mem := mod.ExportedFunction("trellis_alloc"), mod.ExportedFunction("upper"), mod.Memory()
		var out []byte
		var stack [2]uint64
		b.ReportAllocs()
		for b.Loop() {
			stack[0] = uint64(len(in))
			if err := alloc.CallWithStack(ctx, stack[:1]); err != nil {
				b.Fatal(err)
			}
			ptr := stack[0]
			mem.Write(uint32(ptr), in)
			stack[0], stack[1] = ptr, uint64(len(in))
			if err := hook.CallWithStack(ctx, stack[:]); err != nil {
				b.Fatal(err)
			}
			answer, _ := mem.Read(uint32(stack[0]>>32), uint32(stack[0]))
			out = append(out[:0], answer...)
		}
	})
	r := newRuntime(b, runtime.Config{})
	for _, isolation := range []runtime.Isolation{runtime.Pinned, runtime.Pristine} {
		b.Run(isolation.String(), func(b *testing.B) {
			m := compile(b, r, "echo", runtime.Limits{Isolation: isolation})
			defer m.Close(context.Background())
			ctx := context.Background()
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if out, _, err = m.Call(ctx, runtime.Call{Hook: "upper", In: in, Dst: out[:0], Key: "tenant"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("pristine parallel", func(b *testing.B) {
		m := compile(b, r, "echo", runtime.Limits{})
		defer m.Close(context.Background())
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			var out []byte
			for pb.Next() {
				var err error
				if out, _, err = m.Call(context.Background(), runtime.Call{Hook: "upper", In: in, Dst: out[:0], Key: "tenant"}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("pristine mapped", func(b *testing.B) { // the worst that there is: of a memory of 1 MiB the call writes all 256 pages
		m := compile(b, r, "big", runtime.Limits{})
		defer m.Close(context.Background())
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := m.Call(context.Background(), runtime.Call{Hook: "sum"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("host call", func(b *testing.B) {
		r := newRuntime(b, runtime.Config{Host: hostFunc(func(_ context.Context, _ string, in []byte) ([]byte, error) { return in, nil })})
		m := compile(b, r, "host", runtime.Limits{})
		in := operation("echo", "x")
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := m.Call(context.Background(), runtime.Call{Hook: "call", In: in}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGoGuest is what a call costs whose guest brings all of Go with it, with
// messages decoded by encoding/json: pristine adds the pages that it touches.
func BenchmarkGoGuest(b *testing.B) {
	binary := goGuest(b, "../examples/enrollment-policy")
	in := []byte(`{"id":"1","settings":{"closed_courses":["a","b"]},"data":{"user":{"id":"ada","number":7},"course_key":"course-v1:A+B+C","mode":"audit"}}`)
	r := newRuntime(b, runtime.Config{})
	for _, isolation := range []runtime.Isolation{runtime.Pinned, runtime.Pristine} {
		b.Run(isolation.String(), func(b *testing.B) {
			m, err := r.Compile(context.Background(), binary, runtime.Limits{Isolation: isolation, Time: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close(context.Background())
			var s runtime.Stats
			for b.Loop() {
				if _, s, err = m.Call(context.Background(), runtime.Call{Hook: "check", In: in, Key: "tenant"}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(s.Fuel), "fuel/op")
		})
	}
}

// BenchmarkInstance is what a call costs whose instance is thrown away.
func BenchmarkInstance(b *testing.B) {
	r := newRuntime(b, runtime.Config{})
	m := compile(b, r, "trap", runtime.Limits{})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := m.Call(context.Background(), runtime.Call{Hook: "bounds"}); err == nil {
			b.Fatal("no trap")
		}
	}
}

// BenchmarkLoad is what a module costs at the start of a server: from the cache.
func BenchmarkLoad(b *testing.B) {
	for _, tt := range []struct {
		name   string
		binary []byte
	}{
		{"C", guest(b, "echo")},
		{"Go", goGuest(b, "./testdata/goguest")},
	} {
		b.Run(tt.name, func(b *testing.B) {
			r := newRuntime(b, runtime.Config{Cache: cacheDir(b)})
			load := func() time.Duration {
				began := time.Now()
				m, err := r.Compile(context.Background(), tt.binary, runtime.Limits{})
				took := time.Since(began)
				if err != nil {
					b.Fatal(err)
				}
				_ = m.Close(context.Background())
				return took
			}
			load() // compiles
			var all []time.Duration
			for b.Loop() {
				all = append(all, load())
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "median-ms")
		})
	}
}
