package runtime_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// goGuest builds a guest in Go.
func goGuest(t testing.TB, source string) []byte {
	return buildGo(t, source, "-buildmode=c-shared")
}

// buildGo builds a program in Go for WASI.
func buildGo(t testing.TB, source string, flags ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "go.wasm")
	build := exec.Command("go", slices.Concat([]string{"build", "-ldflags=-s -w", "-o", path}, flags, []string{source})...)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build guest: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// A guest in Go brings a whole runtime: WASI, a large table, megabytes of memory
// that are mapped, an allocator that grows.
func TestGoGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles a guest in Go: seconds")
	}
	binary := goGuest(t, "./testdata/goguest")
	r := newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: compiler(t, childMemory()...)})
	m, err := r.Compile(t.Context(), binary, runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	if why := m.Info().Fresh; why != "" {
		t.Errorf("instances cannot be put back: %s", why)
	}
	const want = `{"calls":1,"clock":true,"name":"ada","started":10}`
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if got := call(t, m, "", "count", `{"name":"ada"}`); got != want {
					t.Errorf("answer %s, want %s", got, want)
				}
			}
		})
	}
	wg.Wait()
	lines, err := logged(t, m, "count", `{}`)
	if err != nil || len(lines) != 1 || lines[0] != (line{1, "counted 1"}) {
		t.Errorf("logged %v, %v", lines, err)
	}
	for range 20 {
		if got := call(t, m, "", "garbage", ""); got != "4019900" {
			t.Errorf("garbage answered %s", got)
		}
	}
	for _, tt := range []struct {
		hook string
		want error
		says string
	}{
		{"fail", runtime.ErrTrap, "trapped: panic: this guest gives up at main.fail (testdata/goguest/main.go:56)"},
		{"leave", runtime.ErrTrap, "exit code 7"},
		{"spin", runtime.ErrFuel, ""},
	} {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: tt.hook})
		wantError(t, err, tt.want, trellis.Unavailable, tt.says)
	}
	if got := call(t, m, "", "ask", "config.get"); got != "7" {
		t.Errorf("a host operation answered %s", got)
	}
	_, s, err := m.Call(context.Background(), runtime.Call{Hook: "count", In: []byte(`{}`)})
	t.Logf("a call: %+v, %v", s, err)
}
