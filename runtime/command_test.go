package runtime_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

func TestCommand(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "command", runtime.Limits{})
	if info := m.Info(); info.Convention != "command" || info.Fresh != "" || len(info.Hooks) != 1 || info.Hooks[0] != "*" {
		t.Errorf("info %+v", info)
	}
	long := strings.Repeat("0123456789", 20_000)
	for range 2 {
		for _, tt := range []struct{ hook, in, want string }{
			{"echo", "hello", "hello"},
			{"echo", "", ""},
			{"echo", long, long},
			{"arguments", "", "module\narguments\nnull\n"},
			{"count", "A", "1 65"},
			{"count", "", "1 -1"},
			{"log", "", "the answer"},
			{"outside", "", "Capabilities insufficient no env 0 0"},
			{"leave", "0", "half an answer"},
			{"use", "3000000", "1"}, // grows, so that the instance is lost
			{"use", "100", "1"},
		} {
			if got := call(t, m, "", tt.hook, tt.in); got != tt.want {
				t.Errorf("%s(%.50q) = %.100q, want %.100q", tt.hook, tt.in, got, tt.want)
			}
		}
	}
	out, s, err := m.Call(t.Context(), runtime.Call{Hook: "echo", In: []byte("hello"), Dst: []byte("before ")})
	if err != nil || string(out) != "before hello" || s.Fuel == 0 || s.HostCalls != 0 {
		t.Errorf("answer %q, %+v, %v", out, s, err)
	}
}

func TestCommandErrors(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "command", runtime.Limits{Output: 10_000, Memory: 2 << 20})
	refusal := `{"kind":"refused","message":"the course is full"}`
	for _, tt := range []struct {
		name, hook, in string
		sentinel       error
		kind           trellis.Kind
		says           string
	}{
		{"status", "leave", "3", runtime.ErrTrap, trellis.Unavailable, "exit status 3 (last log line: leaving)"},
		{"status of errors without one", "leave", "1", runtime.ErrTrap, trellis.Unavailable, "exit status 1"},
		{"error", "refuse", refusal, runtime.ErrAnswer, trellis.Refused, "hook refuse: the course is full"},
		{"error with a line end", "refuse", refusal + "\n", runtime.ErrAnswer, trellis.Refused, "the course is full"},
		{"error of no kind", "refuse", `{"kind":"odd","message":"x"}`, runtime.ErrTrap, trellis.Unavailable, "exit status 1"},
		{"error without a message", "refuse", `{"kind":"denied"}`, runtime.ErrTrap, trellis.Unavailable, "exit status 1"},
		{"error too long", "refuse", `{"kind":"denied","message":"` + strings.Repeat("x", 9000) + `"}`, runtime.ErrTrap, trellis.Unavailable, "exit status 1"},
		{"unknown hook", "none", "", runtime.ErrTrap, trellis.Unavailable, "exit status 101"},
		{"output", "flood", "", runtime.ErrOutput, trellis.Unavailable, "more than the 10000 bytes allowed"},
		{"trap", "crash", "", runtime.ErrTrap, trellis.Unavailable, "unreachable"},
		{"fuel", "spin", "", runtime.ErrFuel, trellis.Unavailable, ""},
		{"memory", "use", "9000000", runtime.ErrTrap, trellis.Unavailable, "exit status 9"},
		{"no name", "", "", nil, trellis.NotFound, ""},
		{"zero in the name", "a\x00b", "", nil, trellis.NotFound, ""},
		{"long name", strings.Repeat("x", 129), "", nil, trellis.NotFound, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, _, err := m.Call(t.Context(), runtime.Call{Hook: tt.hook, In: []byte(tt.in), Dst: []byte("before")})
			wantError(t, err, tt.sentinel, tt.kind, tt.says)
			if string(out) != "before" {
				t.Errorf("dst is %q", out)
			}
			if got := call(t, m, "", "count", "A"); got != "1 65" {
				t.Errorf("afterwards: %q", got)
			}
		})
	}
}

// A program ends with an exit status, which must not cost its instance.
func TestCommandsArePutBack(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "command", runtime.Limits{})
	for _, tt := range []struct {
		hook, in string
		idle     int
	}{{"echo", "x", 1}, {"leave", "0", 1}, {"leave", "3", 1}, {"use", "3000000", 1}, {"crash", "", 0}} {
		_ = call(t, m, "", "count", "")
		_, _, _ = m.Call(t.Context(), runtime.Call{Hook: tt.hook, In: []byte(tt.in)})
		if got := runtime.Idle(m); got != tt.idle {
			t.Errorf("after %s %s %d instances are idle, want %d", tt.hook, tt.in, got, tt.idle)
		}
	}
}

func TestCommandLog(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "command", runtime.Limits{})
	got, err := logged(t, m, "log", "")
	if err != nil || len(got) != 2 || got[0] != (line{2, "one"}) || got[1] != (line{2, "two"}) {
		t.Errorf("logged %v, %v", got, err)
	}
}

func TestCommandsAreChecked(t *testing.T) {
	start := tinyFunction{name: "_start"}
	for _, tt := range []struct {
		name   string
		binary []byte
		limits runtime.Limits
		want   string
	}{
		{"fine", tiny{memory: true, exports: []tinyFunction{start}}.build(), runtime.Limits{}, ""},
		{"like a hook", tiny{memory: true, exports: []tinyFunction{start, {name: "f", params: "ii", results: "I"}}}.build(), runtime.Limits{}, ""},
		{"no memory", tiny{exports: []tinyFunction{start}}.build(), runtime.Limits{}, `no memory is exported as "memory"`},
		{"parameters", tiny{memory: true, exports: []tinyFunction{{name: "_start", params: "i"}}}.build(), runtime.Limits{}, `export "_start" is (i32) -> ()`},
		{"host operations", tiny{memory: true, imports: []tinyFunction{{module: "trellis", name: "now", results: "I"}}, exports: []tinyFunction{start}}.build(), runtime.Limits{}, "import trellis.now is not offered"},
		{"pinned", tiny{memory: true, exports: []tinyFunction{start}}.build(), runtime.Limits{Isolation: runtime.Pinned}, "its isolation must be pristine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runtime.Check(tt.binary, tt.limits)
			_, compiled := newRuntime(t, runtime.Config{}).Compile(t.Context(), tt.binary, tt.limits)
			for _, err := range []error{err, compiled} {
				if tt.want != "" {
					wantError(t, err, nil, trellis.Invalid, tt.want)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Forged pieces of memory are answered with an error number, and ended by what
// they cost, never by reading past the memory.
func TestCommandForgesPieces(t *testing.T) {
	// f writes n pieces listed at ptr to descriptor fd, n times over.
	write := func(name string, fd, ptr, n int) []byte {
		body := slices.Concat([]byte{opI32Const}, sleb(fd), []byte{opI32Const}, sleb(ptr), []byte{opI32Const}, sleb(n), []byte{opI32Const}, sleb(64), []byte{opCall, 0, opDrop})
		return tiny{memory: true, imports: []tinyFunction{{module: "wasi_snapshot_preview1", name: name, params: "iiii", results: "i"}},
			exports: []tinyFunction{{name: "_start", body: body}}}.build()
	}
	r := newRuntime(t, runtime.Config{})
	for _, tt := range []struct {
		name, call string
		fd, at, n  int
	}{
		{"far list", "fd_write", 1, -16, 1},
		{"list at the end", "fd_write", 1, 131070, 1},
		{"many pieces", "fd_write", 1, 0, -1},
		{"empty pieces", "fd_write", 1, 0, 1024},
		{"far list to read to", "fd_read", 0, -16, 1},
		{"many pieces to read to", "fd_read", 0, 0, -1},
		{"another descriptor", "fd_read", 3, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := r.Compile(t.Context(), write(tt.call, tt.fd, tt.at, tt.n), runtime.Limits{Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			out, _, err := m.Call(t.Context(), runtime.Call{Hook: "x", In: []byte("input")})
			if err != nil || len(out) > 0 {
				t.Errorf("answer %q, %v", out, err)
			}
		})
	}
}

func TestGoCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles a program in Go: seconds")
	}
	binary := buildGo(t, "./testdata/gocommand")
	r := newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: compiler(t, childMemory()...)})
	m, err := r.Compile(t.Context(), binary, runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 5 {
				for _, tt := range []struct{ hook, in, want string }{
					{"greet", `{"name":"ada"}`, `{"arguments":2,"clock":true,"environment":0,"hello":"ada"}` + "\n"},
					{"garbage", `{}`, "3999000"},
					{"outside", `{}`, "true true"},
				} {
					if got := call(t, m, "", tt.hook, tt.in); got != tt.want {
						t.Errorf("%s(%s) = %q, want %q", tt.hook, tt.in, got, tt.want)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, tt := range []struct {
		hook, in string
		sentinel error
		kind     trellis.Kind
		says     string
	}{
		{"refuse", `{"name":"ada"}`, nil, trellis.Refused, "not ada"},
		{"greet", `{`, runtime.ErrTrap, trellis.Unavailable, "exit status 1 (last log line: input: unexpected EOF)"},
		{"panic", `{}`, runtime.ErrTrap, trellis.Unavailable, "panic: this command gives up"},
		{"sleep", `{}`, runtime.ErrFuel, trellis.Unavailable, ""},
	} {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: tt.hook, In: []byte(tt.in)})
		wantError(t, err, tt.sentinel, tt.kind, tt.says)
	}
	_, s, err := m.Call(t.Context(), runtime.Call{Hook: "greet", In: []byte(`{}`)})
	t.Logf("a call: %+v, %v", s, err)
}

func BenchmarkCommand(b *testing.B) {
	m := compile(b, newRuntime(b, runtime.Config{}), "command", runtime.Limits{})
	in, dst := []byte(strings.Repeat("x", 300)), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := m.Call(b.Context(), runtime.Call{Hook: "echo", In: in, Dst: dst}); err != nil {
			b.Fatal(err)
		}
	}
}
