package runtime_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// FuzzModule gives any bytes to Check, which must accept or refuse them.
func FuzzModule(f *testing.F) {
	guests, err := filepath.Glob("testdata/*.wasm")
	if err != nil || len(guests) == 0 {
		f.Fatal("no guests in testdata", err)
	}
	for _, path := range guests {
		binary, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(binary)
	}
	f.Add(tableGuest())
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, binary []byte) {
		info, err := runtime.Check(binary, runtime.Limits{})
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("kind of %v = %q", err, trellis.KindOf(err))
			}
			return
		}
		if info.Convention == "" || len(info.Hooks) == 0 || info.Memory > info.MaxMemory {
			t.Errorf("accepted with %+v", info)
		}
	})
}

// FuzzHostBorder has a guest call the host's functions with any numbers, and
// answer with any. Whatever they are, the call ends in an answer or in one of the
// errors that blame the guest.
func FuzzHostBorder(f *testing.F) {
	r, err := runtime.New(context.Background(), runtime.Config{Host: hostFunc(func(_ context.Context, _ string, in []byte) ([]byte, error) {
		return in, nil
	})})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close(context.Background()) })
	m := compile(f, r, "host", runtime.Limits{})
	for which := range uint32(5) {
		f.Add(which, uint32(0), uint32(0), uint32(0), uint32(0))
		f.Add(which, uint32(1024), uint32(4), uint32(2048), uint32(16))
		f.Add(which, uint32(0xffffffff), uint32(1), uint32(0xffffffff), uint32(0xffffffff))
		f.Add(which, uint32(1), uint32(0xffffffff), uint32(1), uint32(0xffffffff))
		f.Add(which, uint32(0x7fffffff), uint32(0x80000001), uint32(0x7fffffff), uint32(0x80000001))
	}
	f.Fuzz(func(t *testing.T, which, a, b, c, d uint32) {
		var in []byte
		for _, n := range []uint32{which, a, b, c, d} {
			in = binary.LittleEndian.AppendUint32(in, n)
		}
		out, s, err := m.Call(context.Background(), runtime.Call{Hook: "border", In: in, Log: func(level int, text string) {
			if level < 0 || level > 3 || len(text) > 64<<10 {
				t.Errorf("log line of level %d, %d bytes", level, len(text))
			}
		}})
		if len(out) > 1<<20 || s.Memory == 0 || s.Time > time.Minute {
			t.Errorf("answer of %d bytes, %+v", len(out), s)
		}
		if err != nil && trellis.KindOf(err) == "" {
			t.Errorf("error without a kind: %v", err)
		}
	})
}

// wasiGuest has a hook for each function of WASI, which calls it with the numbers
// that its input begins with, eight bytes each.
func wasiGuest() []byte {
	g := tinyGuest()
	const room = 16 // where the allocator puts the input
	for i, f := range runtime.WASI() {
		g.imports = append(g.imports, tinyFunction{module: "wasi_snapshot_preview1", name: f[0], params: f[1], results: f[2]})
		var body []byte
		for n, letter := range f[1] {
			load := byte(opI32Load)
			if letter == 'I' {
				load = opI64Load
			}
			body = append(append(body, opI32Const, 0, load, 0), uleb(room+8*n)...)
		}
		body = append(body, opCall, byte(i))
		for range f[2] {
			body = append(body, opDrop)
		}
		g.exports = append(g.exports, tinyFunction{name: f[0], params: "ii", results: "I", body: append(body, opI64Const, 0)})
	}
	return g.build()
}

// FuzzWASI calls the functions of WASI with any numbers, over a memory of any
// bytes. Nothing that a guest passes may get the host into trouble.
func FuzzWASI(f *testing.F) {
	r, err := runtime.New(context.Background(), runtime.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close(context.Background()) })
	m, err := r.Compile(context.Background(), wasiGuest(), runtime.Limits{Fuel: r.FuelPerSecond() / 100, Time: patience})
	if err != nil {
		f.Fatal(err)
	}
	numbers := func(n ...uint64) (b []byte) {
		for _, v := range n {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	for which := range len(runtime.WASI()) {
		f.Add(uint8(which), numbers(1, 88, 2, 1000, 16, 16, 16, 16, 16))
		f.Add(uint8(which), numbers(1<<64-1, 1<<32-1, 1<<31, 1<<32-8, 1<<16, 1<<63, 7, 0, 1))
		f.Add(uint8(which), numbers(2, 16, 1<<29, 16, 0, 0, 0, 0, 0))
	}
	f.Fuzz(func(t *testing.T, which uint8, in []byte) {
		hook := runtime.WASI()[int(which)%len(runtime.WASI())][0]
		_, s, err := m.Call(context.Background(), runtime.Call{Hook: hook, In: in, Log: func(level int, text string) {
			if level < 1 || level > 2 || len(text) > 64<<10 {
				t.Errorf("log line of level %d, %d bytes", level, len(text))
			}
		}})
		if err != nil && !errors.Is(err, runtime.ErrFuel) && !errors.Is(err, runtime.ErrTrap) && !errors.Is(err, runtime.ErrMemory) && trellis.KindOf(err) != trellis.Exhausted {
			t.Errorf("%s(%x): %v", hook, in, err)
		}
		if s.Time > 10*time.Second {
			t.Errorf("%s(%x) lasted %v, of fuel worth 10ms", hook, in, s.Time)
		}
	})
}

// FuzzCacheEntry reads any bytes as an entry of the cache.
func FuzzCacheEntry(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "cache")
	r, err := runtime.New(context.Background(), runtime.Config{Cache: dir})
	if err != nil {
		f.Fatal(err)
	}
	compile(f, r, "echo", runtime.Limits{})
	if err := r.Close(context.Background()); err != nil {
		f.Fatal(err)
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*.module"))
	if err != nil || len(entries) != 1 {
		f.Fatal("no entry", err)
	}
	entry, err := os.ReadFile(entries[0])
	if err != nil {
		f.Fatal(err)
	}
	if err := runtime.DecodeEntry(entry); err != nil {
		f.Fatal(err)
	}
	f.Add(entry)
	f.Add(entry[:40])
	f.Add([]byte("trellis-module\n\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := runtime.DecodeEntry(data); err == nil && len(data) < 40 {
			t.Errorf("accepted %d bytes", len(data))
		}
	})
}
