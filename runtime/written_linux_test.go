package runtime_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
)

// writer is a guest of so many pages whose hooks say something and then write to
// every page of the system's: "write" answers then, "crash" traps. "rest" only says
// something.
func writer(pages int) []byte {
	var stores []byte
	for at := int64(0); at < int64(pages)*pageSize; at += 4096 {
		stores = append(stores, poke(at, 7)...)
	}
	says := saysHello()
	g := tinyGuest(
		tinyFunction{name: "write", params: "ii", results: "I", body: slices.Concat(says, stores, i64(0))},
		tinyFunction{name: "rest", params: "ii", results: "I", body: slices.Concat(says, i64(0))},
		tinyFunction{name: "crash", params: "ii", results: "I", body: slices.Concat(says, stores, []byte{opUnreachable})},
	)
	g.imports, g.pages = []tinyFunction{importLog}, pages
	return g.build()
}

// TestWriters: a module that writes to all of a large memory is given its pages
// before it runs, when that is known, also after a trap. They are kept where there is
// memory for them, as long as calls have use for them. None of that changes what a
// call costs, or what it finds.
func TestWriters(t *testing.T) {
	const pages, size = 128, 128 * pageSize
	for _, tt := range []struct {
		name   string
		budget int
		kept   int
	}{
		{"with memory to spare", 64 * size, size},
		{"with little memory", size, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRuntime(t, runtime.Config{Memory: tt.budget})
			if !runtime.Scans(r) {
				t.Skip("this system does not tell which pages were written to")
			}
			m, err := r.Compile(t.Context(), writer(pages), runtime.Limits{Instances: 1, Time: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			// run calls a hook and returns what the instance took when it began.
			run := func(hook string) (took int64, fuel uint64, err error) {
				_, s, err := m.Call(t.Context(), runtime.Call{Hook: hook, Log: func(int, string) { took = r.Usage().Memory }})
				return took, s.Fuel, err
			}
			if took, _, err := run("crash"); err == nil || took >= size/2 {
				t.Errorf("the first call ends with %v and began with %d bytes, though nobody knew what it does", err, took)
			}
			if took, _, err := run("crash"); err == nil || took < size {
				t.Errorf("after a trap a call ends with %v and began with %d bytes, of %d that are known to be written to", err, took, size)
			}
			_, first, err := run("write")
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				memory, kept := runtime.Memory(m)
				if kept != tt.kept {
					t.Errorf("%d bytes of pages are kept, want %d", kept, tt.kept)
				}
				if !bytes.Equal(memory, make([]byte, size)) {
					t.Error("the memory is not put back")
				}
				if took, fuel, err := run("write"); err != nil || took < size || fuel != first {
					t.Errorf("%v; it began with %d bytes, used %d units, at first %d", err, took, fuel, first)
				}
			}
			for n := range 17 {
				took, _, err := run("rest")
				if given := took >= size; err != nil || given && n == 16 || !given && n < 12 {
					t.Errorf("call %d that writes to nothing: %v; it began with %d bytes", n+1, err, took)
				}
			}
			if _, kept := runtime.Memory(m); kept > pageSize {
				t.Errorf("%d bytes of pages are kept that nobody has use for", kept)
			}
		})
	}
}
