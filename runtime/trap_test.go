package runtime_test

import (
	"bytes"
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
				for _, fuel := range []uint64{0, 4 * r.FuelPerSecond()} { // traps for lack of it, or yields
					m, err := r.Compile(t.Context(), crash(t, tt.guest), runtime.Limits{Fuel: fuel})
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
	m, err := r.Compile(t.Context(), crash(t, "c"), runtime.Limits{Fuel: r.FuelPerSecond() / 50})
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
			m, err := r.Compile(t.Context(), tt.binary, runtime.Limits{})
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
