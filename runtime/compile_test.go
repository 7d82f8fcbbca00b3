package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

func TestCompileRefuses(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	noMemory := tinyGuest()
	noMemory.memory = false
	importing := func(module, name, params, results string) []byte {
		g := tinyGuest()
		g.imports = []tinyFunction{{module: module, name: name, params: params, results: results}}
		return g.build()
	}
	alloc := tinyFunction{name: "trellis_alloc", params: "i", results: "i"}
	hook := tinyFunction{name: "hook", params: "ii", results: "I"}
	for _, tt := range []struct {
		name   string
		module []byte
		limits runtime.Limits
		want   string
	}{
		{"not a module", []byte("#!/bin/sh\n"), runtime.Limits{}, ""},
		{"empty", nil, runtime.Limits{}, ""},
		{"cut", guest(t, "echo")[:100], runtime.Limits{}, ""},
		{"nothing exported", tiny{memory: true}.build(), runtime.Limits{}, "follows no known calling convention"},
		{"no memory", noMemory.build(), runtime.Limits{}, `no memory is exported as "memory"`},
		{"no allocator", tiny{memory: true, exports: []tinyFunction{hook}}.build(), runtime.Limits{}, `no function is exported as "trellis_alloc"`},
		{"allocator of another type", tiny{memory: true, exports: []tinyFunction{hook, {name: "trellis_alloc", params: "ii", results: "i"}}}.build(),
			runtime.Limits{}, `export "trellis_alloc" is (i32, i32) -> (i32), want (i32) -> (i32)`},
		{"initialize of another type", tinyGuest(tinyFunction{name: "_initialize", results: "i"}).build(), runtime.Limits{},
			`export "_initialize" is () -> (i32), want () -> ()`},
		{"no hook", tiny{memory: true, exports: []tinyFunction{alloc}}.build(), runtime.Limits{}, "no hook is exported"},
		{"unknown module", importing("env", "memcpy", "iii", "i"), runtime.Limits{}, "import env.memcpy is not offered"},
		{"unknown function", importing("trellis", "open", "ii", "i"), runtime.Limits{}, "import trellis.open is not offered"},
		{"function of another type", importing("trellis", "now", "", "i"), runtime.Limits{}, "import trellis.now is () -> (i32), want () -> (i64)"},
		{"unknown function of WASI", importing("wasi_snapshot_preview1", "thread_spawn", "i", "i"), runtime.Limits{}, "wasi_snapshot_preview1.thread_spawn is not offered"},
		{"wrong types", tinyGuest(tinyFunction{name: "bad", params: "ii", results: "I", body: []byte{opI32Const, 0}}).build(), runtime.Limits{}, ""},
		{"more memory than allowed", guest(t, "big"), runtime.Limits{Memory: 1 << 20}, ""},
		{"memory below a page", guest(t, "echo"), runtime.Limits{Memory: 1}, "limit of memory 1 is less than a page"},
		{"negative limit", guest(t, "echo"), runtime.Limits{Output: -1}, "limit of output -1"},
		{"an export that commands a terminal", tinyGuest(tinyFunction{name: "a\x1b]0;PWNED\a", params: "ii", results: "I"}).build(), runtime.Limits{}, `"a\x1b]0;PWNED\a" has characters that cannot be printed`},
		{"an export that turns text around", tinyGuest(tinyFunction{name: "a\u202eb", params: "ii", results: "I"}).build(), runtime.Limits{}, `"a\u202eb" has characters`},
		{"negative time", guest(t, "echo"), runtime.Limits{Time: -1}, "limit of time"},
		{"isolation", guest(t, "echo"), runtime.Limits{Isolation: 7}, "no such isolation: 7"},
		{"start traps", tinyGuest(tinyFunction{name: "_initialize", body: []byte{0}}).build(), runtime.Limits{}, "start module"},
		{"start spins", tinyGuest(tinyFunction{name: "_initialize", body: []byte{opLoop, 0x40, opBr, 0, opEnd}}).build(), runtime.Limits{}, "out of fuel"},
		{"allocator lies", tiny{memory: true, exports: []tinyFunction{hook, {name: "trellis_alloc", params: "i", results: "i",
			body: []byte{opI32Const, 0x7f}}}}.build(), runtime.Limits{}, "outside of the memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := r.Compile(t.Context(), tt.module, tt.limits)
			if err == nil {
				_ = m.Close(t.Context())
			}
			wantError(t, err, nil, trellis.Invalid, tt.want)
			if _, e := runtime.Check(tt.module, tt.limits); e != nil && !strings.HasSuffix(err.Error(), e.Error()) {
				t.Errorf("Check says %q, Compile %q", e, err)
			}
		})
	}
}

// TestBombs: modules that are small to write and would cost the engine gigabytes
// or seconds are refused by name, before it sees a byte of them: the first alone
// would end this process.
func TestBombs(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	withBody := func(locals []byte, code ...[]byte) []byte {
		g := tinyGuest()
		g.exports = append(g.exports, tinyFunction{locals: locals, body: bytes.Join(code, nil)})
		return g.build()
	}
	vast := tinyGuest()
	vast.pages = 65_536
	for _, tt := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"4,000,000,000 locals", withBody(append(append([]byte{1}, uleb(4_000_000_000)...), typeI64)), "4000000000 locals and parameters exceed the limit of 5000"},
		{"a br_table of 100,000", withBody(nil, []byte{opI32Const, 0, opBrTable}, uleb(100_000), make([]byte, 100_001)), "br_table with 100000 targets exceeds the limit of 4096"},
		{"20,000 blocks in one another", withBody(nil, bytes.Repeat([]byte{opBlock, 0x40}, 20_000), bytes.Repeat([]byte{opEnd}, 20_000)), "nested 20000 deep, deeper than the limit of 2000"},
		{"a body of 1 MiB", withBody(nil, bytes.Repeat([]byte{0x01}, 1<<20)), "exceeds the limit of 1048576"},
		{"a module of 16 MiB", append(tinyGuest().build(), make([]byte, 16<<20)...), "exceeds the limit of 16777216"},
		{"a memory of 4 GiB", vast.build(), "memory begins with 4194304 KiB, which exceeds the limit of 16384 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runtime.Check(tt.module, runtime.Limits{})
			wantError(t, err, nil, trellis.Invalid, tt.want)
			_, err = r.Compile(t.Context(), tt.module, runtime.Limits{Time: patience})
			wantError(t, err, nil, trellis.Invalid, tt.want)
		})
	}
}

// TestChecksTakeTurns: of one key, one module is checked at a time, since that takes
// the processor as compiling does; others are not held up by it.
func TestChecksTakeTurns(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	binary := guest(t, "echo")
	began, end := make(chan struct{}), make(chan struct{})
	check := func(ctx context.Context, class, key string, read func()) error {
		_, err := r.Check(ctx, runtime.Source{ID: class + key, Class: class, Key: key, Read: func(context.Context) ([]byte, error) {
			read()
			return binary, nil
		}}, runtime.Limits{})
		return err
	}
	first := make(chan error, 1)
	go func() { first <- check(t.Context(), "school", "math", func() { close(began); <-end }) }()
	<-began
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err := check(gone, "school", "math", func() { t.Error("the second one is checked beside the first") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the second one: %v", err)
	}
	must(t, check(t.Context(), "college", "math", func() {}))
	close(end)
	must(t, <-first)
}

func TestCheck(t *testing.T) {
	got, err := runtime.Check(guest(t, "host"), runtime.Limits{Memory: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	want := runtime.Info{
		Convention: "trellis/1",
		Hooks:      []string{"border", "call", "clock", "leftover", "many", "random"},
		Imports:    []string{"trellis.call", "trellis.log", "trellis.now", "trellis.random", "trellis.read"},
		Memory:     128 << 10, MaxMemory: 8 << 20,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("info = %+v\nwant %+v", got, want)
	}
	m := compile(t, newRuntime(t, runtime.Config{}), "host", runtime.Limits{Memory: 8 << 20})
	if !reflect.DeepEqual(m.Info(), want) || !reflect.DeepEqual(m.Hooks(), want.Hooks) {
		t.Errorf("the module says %+v", m.Info())
	}
	if got, err := runtime.Check(tableGuest(), runtime.Limits{}); err != nil || got.Fresh == "" {
		t.Errorf("a guest that changes its table: %+v, %v", got, err)
	}
}

func TestStart(t *testing.T) {
	asked := 0
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) {
		asked++
		return nil, nil
	})})
	m := compile(t, r, "start", runtime.Limits{})
	if got := call(t, m, "", "refused", ""); got[4] != byte(7) { // Unavailable
		t.Errorf("a host operation while starting gave kind %d", got[4])
	}
	if asked != 0 {
		t.Errorf("the host was asked %d times", asked)
	}
	if a, b := call(t, m, "", "seed", ""), call(t, m, "", "seed", ""); a != b || a == strings.Repeat("\x00", 16) {
		t.Errorf("the image's seed is %x, then %x", a, b)
	}
}

func TestCompileHonoursContext(t *testing.T) {
	r := newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: compiler(t, childMemory()...)})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Compile(gone, guest(t, "echo"), runtime.Limits{Time: patience})
	wantError(t, err, context.Canceled, trellis.Unavailable)
}
