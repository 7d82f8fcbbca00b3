package runtime_test

import (
	"bytes"
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// resident returns how much memory the process has, in KiB.
func resident(b *testing.B) float64 {
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("what the process takes is known on Linux only: ", err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(data)[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / 1024
}

// BenchmarkIdle is how much memory an idle instance takes that has run a call: at
// once, and when it was not used for some seconds. One round is enough.
func BenchmarkIdle(b *testing.B) {
	const instances = 1000
	for _, g := range []struct {
		name   string
		binary func() []byte
		call   runtime.Call
	}{
		{"c", func() []byte { return wasm.JobC }, runtime.Call{Hook: "patch", In: wasm.JobInput}},
		{"as", func() []byte { return wasm.JobAS }, runtime.Call{Hook: "patch", In: wasm.JobInput}},
		{"go", func() []byte { return goGuest(b, "../examples/enrollment-policy") }, runtime.Call{Hook: "check",
			In: []byte(`{"id":"1","settings":{"closed_courses":["a","b"]},"data":{"user":{"id":"ada","number":7},"course_key":"course-v1:A+B+C","mode":"audit"}}`)}},
	} {
		b.Run(g.name, func(b *testing.B) {
			r := newRuntime(b, runtime.Config{Memory: 8 << 30})
			m, err := r.Compile(context.Background(), g.binary(), runtime.Limits{Time: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close(context.Background())
			for range b.N {
				before := resident(b)
				if err := runtime.Fill(m, instances, g.call); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric((resident(b)-before)/instances, "KiB/instance")
				runtime.Cool(m)
				b.ReportMetric((resident(b)-before)/instances, "KiB/cool")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
