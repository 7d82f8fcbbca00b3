package runtime_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// crash returns one of the modules of package symbol that crash where its sources
// say, with its source map if it has one.
func crash(t testing.TB, name string) []byte {
	t.Helper()
	path := filepath.Join("symbol", "testdata", "crash-"+name+".wasm")
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path + ".map"); err == nil {
		binary = symbol.WithSourceMap(binary, text)
	}
	return binary
}

// TestTrapsSayWhere runs guests in several languages, under each variant of the
// rewriter and from memory and cache, until they trap.
func TestTrapsSayWhere(t *testing.T) {
	for _, tt := range []struct {
		guest, hook, in string
		kind            error
		want            string // of the first frames
		frames          int    // that are compared
	}{
		{"c", "divide", "abc", runtime.ErrTrap, "integer divide by zero at ratio (crash.c:13) < check (crash.c:20) < divide (crash.c:24)", 3},
		{"c5", "divide", "abc", runtime.ErrTrap, "integer divide by zero at ratio (crash.c:13) < check (crash.c:20) < divide (crash.c:24)", 3},
		{"c", "deeper", "", runtime.ErrTrap, "call depth exceeded at deeper (crash.c:28) < deeper (crash.c:29)", 2},
		{"cpp", "look", "abc", runtime.ErrTrap, "out of bounds memory access at acme::Roster<int>::at (crash.cpp:14) < look (crash.cpp:26)", 2},
		{"rust", "count", "", runtime.ErrTrap, "unwrap<u8> (library/core/src/option.rs:1016) < crash::roster::first (crash.rs:23) < count (crash.rs:30)", 3},
		{"as", "divide", "abc", runtime.ErrTrap, "integer divide by zero at crash/divide (crash.ts:17)", 1},
	} {
		t.Run(tt.guest+"/"+tt.hook, func(t *testing.T) {
			for _, cache := range []string{"", t.TempDir()} {
				r := newRuntime(t, runtime.Config{Cache: cache})
				for _, fuel := range []uint64{r.FuelPerSecond() / 1000, 0} { // traps for lack of it, or yields
					m, err := r.Compile(t.Context(), crash(t, tt.guest), runtime.Limits{Fuel: fuel, Time: patience})
					if err != nil {
						t.Fatal(err)
					}
					_, _, err = m.Call(t.Context(), runtime.Call{Hook: tt.hook, In: []byte(tt.in)})
					wantError(t, err, tt.kind, trellis.Unavailable, tt.want)
					var trap *runtime.Trap
					if !errors.As(err, &trap) || len(trap.Frames) < tt.frames {
						t.Errorf("cache %t, fuel %d: not a trap with %d frames: %v", cache != "", fuel, tt.frames, err)
					}
				}
			}
		})
	}
}

// TestFuelEndsWhere: a guest that spins says where it did.
func TestFuelEndsWhere(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m, err := r.Compile(t.Context(), crash(t, "c"), runtime.Limits{Fuel: r.FuelPerSecond() / 50, Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "spin", In: []byte("a")})
	wantError(t, err, runtime.ErrFuel, trellis.Unavailable, "spin (crash.c:3")
}

// TestTrapsWithoutHelp: a module that brings nothing, or whose debug information
// is lost or damaged, says what it can.
func TestTrapsWithoutHelp(t *testing.T) {
	stripped := crash(t, "c")
	for _, s := range instrument.Custom(stripped) {
		stripped = bytes.Replace(stripped, []byte(s.Name), []byte(strings.Repeat("x", len(s.Name))), 1)
	}
	for _, tt := range []struct {
		name   string
		binary []byte
		spoil  func(path string) error
		want   string
	}{
		{"nothing brought", stripped, nil, "integer divide by zero at function 2 < function 1"},
		{"lost", crash(t, "c"), os.Remove, "integer divide by zero at function 2 < function 1"},
		{"damaged", crash(t, "c"), func(path string) error { return os.Truncate(path, 300) }, "integer divide by zero at function 2 < function 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			r := newRuntime(t, runtime.Config{Cache: dir})
			m, err := r.Compile(t.Context(), tt.binary, runtime.Limits{Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.debug"))
			if err != nil || (len(files) == 1) != (tt.spoil != nil) {
				t.Fatalf("debug information in %v, %v", files, err)
			}
			for _, file := range files {
				if err := tt.spoil(file); err != nil {
					t.Fatal(err)
				}
			}
			_, _, err = m.Call(t.Context(), runtime.Call{Hook: "divide", In: []byte("abc")})
			wantError(t, err, runtime.ErrTrap, trellis.Unavailable, tt.want)
		})
	}
}

func TestPanicFrames(t *testing.T) {
	for _, tt := range []struct {
		name, printed, want string
	}{
		{"a panic", `goroutine 1 [running]:
main.check(0x2d0000, 0x3)
/home/ada/policy/main.go:42 +0x2
main.(*roster).first(...)
/home/ada/policy/roster/roster.go:7
main.hook()
/home/ada/policy/main.go:60 +0x1`, "main.check (ada/policy/main.go:42) < main.(*roster).first (policy/roster/roster.go:7) < main.hook (ada/policy/main.go:60)"},
		{"within the runtime and the library", `goroutine 1 [running]:
panic({0x1234?, 0x5678?})
/usr/local/go/src/runtime/panic.go:770 +0x1
acme.dev/policy.decide({{0x1234, 0x5}, {0x28f348, ...}, ...}, 0x1)
policy/main.go:9 +0x1
acme.dev/policy/guest.handle(0x1, 0x2)
policy/guest/guest.go:90 +0x1
runtime.main()
/usr/local/go/src/runtime/proc.go:283 +0x1`, "acme.dev/policy.decide (policy/main.go:9)"},
		{"a place without a function", "/home/ada/main.go:42 +0x1", ""},
		{"no number", "main.f(0x1)\n/home/ada/main.go:x +0x1", ""},
		{"something else between", "main.f(0x1)\nhello\n/home/ada/main.go:3 +0x1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range runtime.PanicFrames(strings.Split(tt.printed, "\n")) {
				got = append(got, f.String())
			}
			if got := strings.Join(got, " < "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// FuzzDebug: what lies on disk, with its digest put right, breaks nothing.
func FuzzDebug(f *testing.F) {
	for _, name := range []string{"c", "as"} {
		data, err := runtime.EncodeDebug(crash(f, name), instrument.Limits{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:len(data)-sha256.Size], uint64(0x180))
	}
	f.Fuzz(func(t *testing.T, body []byte, offset uint64) {
		sum := sha256.Sum256(body)
		if frames := runtime.DecodeDebug(append(body[:len(body):len(body)], sum[:]...), 1, offset); len(frames) == 0 {
			t.Error("no frame")
		}
	})
}
