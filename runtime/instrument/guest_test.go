package instrument_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

const goGuest = `package main

import (
	"encoding/json"
	"unsafe"
)

var buf = make([]byte, 1<<16)

//go:wasmexport trellis_alloc
func alloc(uint32) *byte { return &buf[0] }

//go:wasmexport hook
func hook(p, n uint32) uint64 {
	var v any
	if json.Unmarshal(unsafe.Slice(&buf[0], n), &v) != nil {
		return 0
	}
	out, _ := json.Marshal(v)
	return uint64(copy(buf, out))
}

func main() {}
`

// build writes source, runs the compiler and returns the module.
func build(t testing.TB, file, source string, env []string, command ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "guest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// A guest of the standard Go compiler passes, and so does real recursion: JSON
// that is nested 1,000 deep.
func TestGoGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped the Go guest: -short")
	}
	binary := build(t, "guest.go", goGuest, []string{"GOOS=wasip1", "GOARCH=wasm"}, "go", "build", "-buildmode=c-shared", "-o", "guest.wasm", "guest.go")
	ctx := t.Context()
	out, info, err := instrument.Rewrite(binary, instrument.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes became %d; %d globals", len(binary), len(out), len(info.Globals))
	if !info.Resettable || !info.Memory || info.Exports["hook"] != (instrument.Signature{Params: "ii", Results: "I"}) {
		t.Errorf("info %+v", info)
	}
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	m, err := r.InstantiateWithConfig(ctx, out, wazero.NewModuleConfig().WithRandSource(rand.Reader).WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	fuel := m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)
	depth := m.ExportedGlobal(instrument.DepthGlobal).(api.MutableGlobal)
	fuel.Set(1 << 40)
	if _, err := m.ExportedFunction("_initialize").Call(ctx); err != nil {
		t.Fatal(err)
	}
	p, err := m.ExportedFunction("trellis_alloc").Call(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	in := strings.Repeat(`{"a":[`, 500) + strings.Repeat("]}", 500)
	if !m.Memory().WriteString(uint32(p[0]), in) {
		t.Fatal("no room")
	}
	fuel.Set(1 << 40)
	n, err := m.ExportedFunction("hook").Call(ctx, p[0], uint64(len(in)))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := m.Memory().Read(uint32(p[0]), uint32(n[0])); string(got) != in {
		t.Errorf("got %d bytes, want %d", len(got), len(in))
	}
	if d := depth.Get(); d != 0 {
		t.Errorf("depth %d afterwards", d)
	}
	t.Logf("fuel %d", 1<<40-fuel.Get())
}

const cGuest = `typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned char u8;
#define E(n) __attribute__((export_name(#n)))
static u8 buf[1 << 20];
static u32 depth;
E(alloc) u32 alloc(u32 n) { return (u32)(unsigned long)buf; }
E(tight) u32 tight(u32 n) { u32 h = 2166136261u; for (u32 i = 0; i < n; i++) h = (h ^ i) * 16777619u; return h; }
E(scan) u64 scan(u32 p, u32 n) {
	u8 *s = (u8 *)(unsigned long)p;
	u32 strings = 0, escaped = 0, in = 0, commas = 0;
	depth = 0;
	for (u32 i = 0; i < n; i++) {
		u8 c = s[i];
		if (in) {
			if (escaped) escaped = 0;
			else if (c == '\\') escaped = 1;
			else if (c == '"') { in = 0; strings++; }
			continue;
		}
		switch (c) {
		case '"': in = 1; break;
		case '{': case '[': depth++; break;
		case '}': case ']': depth--; break;
		case ',': commas++; break;
		}
	}
	return ((u64)strings << 32) | (commas << 8) | depth;
}
E(fib) u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
E(sieve) u32 sieve(u32 n) {
	u32 c = 0;
	for (u32 i = 0; i < n; i++) buf[i] = 0;
	for (u32 i = 2; i < n; i++) if (!buf[i]) { c++; for (u32 j = i + i; j < n; j += i) buf[j] = 1; }
	return c;
}
static double square(double x) { return x * x; }
static double cube(double x) { return x * x * x; }
static double (*const table[])(double) = {square, cube};
E(mixed) double mixed(u32 n) { double s = 0; for (u32 i = 0; i < n; i++) s += table[i % 2](i) / (i + 1); return s; }
`

func buildC(t testing.TB) []byte {
	t.Helper()
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("skipped the C guest: clang is not installed")
	}
	return build(t, "guest.c", cGuest, nil, "clang", "--target=wasm32", "-O2", "-mbulk-memory", "-nostdlib", "-Wl,--no-entry", "-o", "guest.wasm", "guest.c")
}

var document = `{"name":"Ada","scores":[` + strings.Repeat("12.5,", 4000) + strings.Repeat(`"hello \" world",`, 2000) + `1],"x":{"y":"z"}}`

func TestCGuest(t *testing.T) {
	binary := buildC(t)
	before, after := plain(t, binary), instantiate(t, binary, instrument.Limits{})
	p, err := before.ExportedFunction("alloc").Call(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	before.Memory().WriteString(uint32(p[0]), document)
	after.Memory().WriteString(uint32(p[0]), document)
	if !after.info.Resettable {
		t.Errorf("not resettable: %s", after.info.NotResettable)
	}
	for _, tt := range []struct {
		name string
		args []uint64
	}{
		{"tight", []uint64{1000}}, {"scan", []uint64{p[0], uint64(len(document))}}, {"fib", []uint64{15}}, {"mixed", []uint64{100}}, {"sieve", []uint64{1000}},
	} {
		want, err := before.ExportedFunction(tt.name).Call(t.Context(), tt.args...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := after.ExportedFunction(tt.name).Call(t.Context(), tt.args...)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %x, %v; want %x", tt.name, got, err, want)
		}
	}
}

// BenchmarkGuest compares the same code as it is, with fuel, and with fuel and
// yielding: the least of many short runs of each, taken in turns, because others
// disturb what runs on a shared machine.
func BenchmarkGuest(b *testing.B) {
	binary := buildC(b)
	trap, yield := instantiate(b, binary, instrument.Limits{}), instantiate(b, binary, instrument.Limits{Yield: true})
	yield.host.slice = 50_000_000
	modules := []api.Module{plain(b, binary), trap.Module, yield.Module}
	p, err := modules[0].ExportedFunction("alloc").Call(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []uint64
	}{
		{"tight", []uint64{100_000}}, {"scan", []uint64{p[0], uint64(len(document))}}, {"fib", []uint64{15}}, {"mixed", []uint64{10_000}}, {"sieve", []uint64{100_000}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var best [3]time.Duration
			for b.Loop() {
				for i, m := range modules {
					trap.refuel(plenty)
					yield.refuel(plenty)
					m.Memory().WriteString(uint32(p[0]), document)
					f := m.ExportedFunction(tt.name)
					var stack [2]uint64
					copy(stack[:], tt.args)
					began := time.Now()
					if err := f.CallWithStack(b.Context(), stack[:]); err != nil {
						b.Fatal(err)
					}
					if took := time.Since(began); best[i] == 0 || took < best[i] {
						best[i] = took
					}
					if used := plenty - trap.left(); i == 1 {
						b.ReportMetric(float64(best[i])/float64(used)*1000, "ns/1000-fuel")
					}
				}
			}
			b.ReportMetric(float64(best[1])/float64(best[0]), "trap/raw")
			b.ReportMetric(float64(best[2])/float64(best[0]), "yield/raw")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkRewrite(b *testing.B) {
	binary := build(b, "guest.go", goGuest, []string{"GOOS=wasip1", "GOARCH=wasm"}, "go", "build", "-buildmode=c-shared", "-o", "guest.wasm", "guest.go")
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := instrument.Rewrite(binary, instrument.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
