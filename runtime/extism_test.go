package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

func TestExtism(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "extism", runtime.Limits{})
	info := m.Info()
	if info.Convention != "extism" || info.Fresh != "" || !slices.Contains(info.Hooks, "echo") || !slices.Contains(info.Hooks, "none") || slices.Contains(info.Hooks, "_initialize") {
		t.Errorf("info %+v", info)
	}
	long := strings.Repeat("0123456789", 6000)
	for range 2 {
		for _, tt := range []struct{ hook, in, want string }{
			{"echo", "hello", "hello"},
			{"echo", "twelve bytes", "twelve bytes"},
			{"echo", "", ""},
			{"echo", long, long},
			{"none", "x", ""},
			{"count", "x", "11000000000"}, // nothing is left of an earlier call
			{"status", "0", ""},
			{"leave", "0", "left"}, // exit status 0 is success
			{"blocks", "twelve bytes", "."},
			{"large", "", strings.Repeat("x", 59990)},
			{"eat", "?", "y"},
		} {
			if got := call(t, m, "", tt.hook, tt.in); got != tt.want {
				t.Errorf("%s(%.50q) = %.100q, want %.100q", tt.hook, tt.in, got, tt.want)
			}
		}
	}
	out, s, err := m.Call(t.Context(), runtime.Call{Hook: "echo", In: []byte("hello"), Dst: []byte("before ")})
	if err != nil || string(out) != "before hello" || s.Fuel == 0 || s.Fuel > 20_000 || s.HostCalls != 0 {
		t.Errorf("answer %q, %+v, %v", out, s, err)
	}
	_, again, err := m.Call(t.Context(), runtime.Call{Hook: "echo", In: []byte("hello")})
	if err != nil || again.Fuel != s.Fuel {
		t.Errorf("the same call used %d, then %d units (%v)", s.Fuel, again.Fuel, err)
	}
}

func TestExtismErrors(t *testing.T) {
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		m := compile(t, newRuntime(t, runtime.Config{}), "extism", runtime.Limits{Isolation: isolation})
		for _, tt := range []struct {
			name, hook, in string
			sentinel       error
			kind           trellis.Kind
			says           string
			lost           bool // of a pinned instance
		}{
			{"text", "fail", "no more seats", runtime.ErrAnswer, trellis.Internal, "hook fail: no more seats", false},
			{"text without a status", "warn", "no more seats", runtime.ErrAnswer, trellis.Internal, "no more seats", false},
			{"kind", "fail", `{"kind":"refused","message":"no more seats"}`, runtime.ErrAnswer, trellis.Refused, "hook fail: no more seats", false},
			{"odd kind", "fail", `{"kind":"odd","message":"x"}`, runtime.ErrAnswer, trellis.Internal, `{"kind":"odd","message":"x"}`, false},
			{"control characters", "fail", "a\x00\nb", runtime.ErrAnswer, trellis.Internal, "a b", false},
			{"status", "status", "7", runtime.ErrAnswer, trellis.Internal, "the guest returned 7", false},
			{"exit", "leave", "3", runtime.ErrTrap, trellis.Unavailable, "exit status 3", true},
			{"output", "flood", "", runtime.ErrOutput, trellis.Unavailable, "2097152 bytes, of 1048576 allowed", true},
			{"far store", "stray", "f", runtime.ErrTrap, trellis.Unavailable, "store_u64: offset 1099511627776 is outside of the memory", true},
			{"near store", "stray", "n", runtime.ErrTrap, trellis.Unavailable, "store_u64: offset 20971520 is outside", true},
			{"input", "echo", strings.Repeat("x", 17<<20), nil, trellis.Exhausted, "17825792 bytes does not fit", false},
			{"trap", "echo", strings.Repeat("x", 70_000), runtime.ErrTrap, trellis.Unavailable, "unreachable", true},
			{"variables", "hoard", "", runtime.ErrTrap, trellis.Unavailable, "more than the 1048576 bytes allowed", true},
			{"unknown hook", "_initialize", "", nil, trellis.NotFound, "", false},
		} {
			t.Run(fmt.Sprint(isolation, " ", tt.name), func(t *testing.T) {
				key := tt.name
				call(t, m, key, "count", "")
				out, _, err := m.Call(t.Context(), runtime.Call{Hook: tt.hook, In: []byte(tt.in), Dst: []byte("before"), Key: key})
				wantError(t, err, tt.sentinel, tt.kind, tt.says)
				if string(out) != "before" {
					t.Errorf("dst is %q", out)
				}
				want := "1"
				if isolation == runtime.Pinned && !tt.lost {
					want = "2"
				}
				if got := call(t, m, key, "count", ""); got[:1] != want || got[2:] != "000000000" {
					t.Errorf("afterwards: %q, want call %s", got, want)
				}
			})
		}
	}
}

// extismHost answers as a platform does.
func extismHost(_ context.Context, op string, in []byte) ([]byte, error) {
	switch op {
	case "config.get":
		return []byte(`{"text":"plain \"text\"","number":7,"list":[1, 2],"nothing":null,"empty":""}`), nil
	case "echo":
		return in, nil
	case "http.fetch":
		var r struct {
			Method, URL, Body string
			Bytes             []byte `json:"body_base64"`
		}
		if err := json.Unmarshal(in, &r); err != nil {
			return nil, err
		}
		switch r.URL {
		case "https://denied.example":
			return nil, trellis.Errorf(trellis.Denied, "the extension may not reach denied.example")
		case "https://down.example":
			return nil, trellis.Errorf(trellis.Unavailable, "dial 10.0.0.7: refused")
		case "https://empty.example":
			return []byte(`{"status":204}`), nil
		case "https://mirror.example":
			return json.Marshal(map[string]any{"status": 200, "body": r.Body, "body_base64": r.Bytes})
		}
		return fmt.Appendf(nil, `{"status":201,"headers":{"X-Name":"value"},"body":%q}`, r.Method+" "+r.URL+" "+r.Body), nil
	}
	return nil, trellis.Errorf(trellis.NotFound, "operation %q", op)
}

func TestExtismHost(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{Host: hostFunc(extismHost)}), "extism", runtime.Limits{})
	for _, tt := range []struct{ hook, in, want string }{
		{"config", "text", `plain "text"`},
		{"config", "number", "7"},
		{"config", "list", "[1, 2]"},
		{"config", "nothing", ""},
		{"config", "empty", ""},
		{"config", "other", ""},
		{"fetch", `{"url":"https://a.example","method":"post","headers":{"A":"b"}}`, `201{"x-name":"value"}POST https://a.example body`},
		{"fetch", `{"Url":"https://a.example"}`, `201{"x-name":"value"}GET https://a.example body`},
		{"fetch", `{"url":"https://empty.example"}`, `204{}`},
		{"fetch", `{"url":"https://mirror.example"}` + "\x00\xff\xfe\x00png", "200{}\xff\xfe\x00png"},
		{"fetch", `{"url":"https://mirror.example"}` + "\x00\xc3\xa9\x00", "200{}é\x00"},
		{"fetch", `{"url":"https://a.example"}` + "\x00\xc3\xa9", `201{"x-name":"value"}GET https://a.example é`},
		{"ask", "echo hello", "0hello"},
		{"ask", "echo", "0"},
		{"ask", "other x", `4{"kind":"not_found","message":"operation \"other\""}`},
	} {
		if got := call(t, m, "", tt.hook, tt.in); got != tt.want {
			t.Errorf("%s(%s) = %q, want %q", tt.hook, tt.in, got, tt.want)
		}
	}
	for _, tt := range []struct{ in, says string }{
		{`{"url":"https://denied.example"}`, "HTTP request to 'https://denied.example' is not allowed: the extension may not reach denied.example"},
		{`{"url":"https://down.example"}`, "HTTP request to 'https://down.example': not available at the moment"},
		{`nonsense`, "http_request: the request is not {url, method, headers}"},
		{``, "http_request: the request is not"},
	} {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "fetch", In: []byte(tt.in)})
		wantError(t, err, runtime.ErrTrap, trellis.Unavailable, tt.says)
	}
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "ask", In: []byte(strings.Repeat("x", 200))})
	wantError(t, err, runtime.ErrTrap, trellis.Unavailable, "the operation's name has 200 bytes, of 128 allowed")
}

// Absent settings are not to be taken for empty ones.
func TestExtismSettingsThatCannotBeRead(t *testing.T) {
	down := errors.New("disk")
	m := compile(t, newRuntime(t, runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) { return nil, down })}), "extism", runtime.Limits{})
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "config", In: []byte("text")})
	if !errors.Is(err, down) {
		t.Errorf("error %v, want %v", err, down)
	}
	alone := compile(t, newRuntime(t, runtime.Config{}), "extism", runtime.Limits{})
	if got := call(t, alone, "", "config", "text"); got != "" {
		t.Errorf("without a host: %q", got)
	}
}

func TestExtismVariables(t *testing.T) {
	for _, tt := range []struct {
		isolation runtime.Isolation
		want      []string
	}{
		{runtime.Pristine, []string{"", "", "", "", ""}},
		{runtime.Pinned, []string{"", "one", "two two", "two two", ""}},
	} {
		t.Run(fmt.Sprint(tt.isolation), func(t *testing.T) {
			m := compile(t, newRuntime(t, runtime.Config{}), "extism", runtime.Limits{Isolation: tt.isolation})
			for i, in := range []string{"one", "two two", "", "-", ""} {
				if got := call(t, m, "a", "keep", in); got != tt.want[i] {
					t.Errorf("before keep(%q): %q, want %q", in, got, tt.want[i])
				}
			}
			call(t, m, "a", "keep", "mine")
			if got := call(t, m, "b", "keep", ""); got != "" {
				t.Errorf("another key reads %q", got)
			}
		})
	}
}

func TestExtismLog(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "extism", runtime.Limits{})
	got, err := logged(t, m, "log", "")
	want := []line{{0, "debug"}, {1, "info"}, {2, "warn"}, {3, "error"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("logged %v, %v", got, err)
	}
	if level := call(t, m, "", "log", ""); level != "1" {
		t.Errorf("level %q", level)
	}
}

func TestExtismModulesAreChecked(t *testing.T) {
	uses := []tinyFunction{{module: "extism:host/env", name: "input_length", results: "I"}}
	hook := tinyFunction{name: "hook", results: "i"}
	for _, tt := range []struct {
		name   string
		module tiny
		hooks  string
		want   string
	}{
		{"fine", tiny{memory: true, imports: uses, exports: []tinyFunction{hook, {name: "nothing"}, {name: "_start"}, {name: "other", params: "ii", results: "I"}}}, "_start hook nothing", ""},
		{"compilers' own", tiny{memory: true, imports: uses, exports: []tinyFunction{hook, {name: "_initialize"}, {name: "__wasm_call_ctors"}, {name: "asyncify_stop_unwind"}, {name: "hs_exit"}, {name: "*"}}}, "hook", ""},
		{"command", tiny{memory: true, imports: uses, exports: []tinyFunction{{name: "_start"}}}, "_start", ""},
		{"no hook", tiny{memory: true, imports: uses, exports: []tinyFunction{{name: "f", params: "i"}}}, "", "a hook of an Extism module is a function () -> (i32) or () -> ()"},
		{"no memory", tiny{imports: uses, exports: []tinyFunction{hook}}, "", "no memory is exported"},
		{"another's function", tiny{memory: true, imports: append(uses, tinyFunction{module: "extism:host/user", name: "mult"}), exports: []tinyFunction{hook}}, "", "import extism:host/user.mult is not offered"},
		{"other type", tiny{memory: true, imports: []tinyFunction{{module: "extism:host/env", name: "alloc", params: "i", results: "i"}}, exports: []tinyFunction{hook}}, "", "import extism:host/env.alloc is (i32) -> (i32), want (i64) -> (i64)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			info, err := runtime.Check(tt.module.build(), runtime.Limits{})
			if tt.want != "" {
				wantError(t, err, nil, trellis.Invalid, tt.want)
			} else if got := strings.Join(info.Hooks, " "); err != nil || got != tt.hooks {
				t.Errorf("hooks %q, %v, want %q", got, err, tt.hooks)
			}
		})
	}
}

// A program's main function can run once in each instance.
func TestExtismMainIsRunOnce(t *testing.T) {
	// _start counts in a global, sets the error and so fails when it runs again.
	once := tiny{memory: true, globals: 1,
		imports: []tinyFunction{{module: "extism:host/env", name: "error_set", params: "I"}},
		exports: []tinyFunction{
			{name: "_start", body: []byte{opGlobalGet, 0, 0x04, 0x40, 0x00, opEnd, opI32Const, 1, opGlobalSet, 0}}, // if calls: unreachable
		}}.build()
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		m, err := newRuntime(t, runtime.Config{}).Compile(t.Context(), once, runtime.Limits{Isolation: isolation, Time: patience})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			call(t, m, "a", "_start", "")
		}
	}
}

// What starts a module runs once, in the order of Extism's hosts.
func TestExtismStart(t *testing.T) {
	// step appends n to a global, as a digit; hook returns what it is.
	step := func(n byte) []byte {
		return []byte{opGlobalGet, 0, opI32Const, 10, 0x6c, opI32Const, n, opI32Add, opGlobalSet, 0}
	}
	hook := tinyFunction{name: "hook", results: "i", body: []byte{opGlobalGet, 0}}
	initialize := tinyFunction{name: "_initialize", body: step(1)}
	ctors := tinyFunction{name: "__wasm_call_ctors", body: step(2)}
	haskell := tinyFunction{name: "hs_init", params: "ii", body: slices.Concat(step(3), []byte{opLocalGet, 0, 0x04, 0x40, 0x00, opEnd})}
	for _, tt := range []struct {
		name    string
		exports []tinyFunction
		want    string
	}{
		{"nothing", []tinyFunction{hook}, ""},
		{"_initialize", []tinyFunction{hook, initialize}, "returned 1 "},
		{"constructors", []tinyFunction{hook, ctors}, "returned 2 "},
		{"both", []tinyFunction{hook, initialize, ctors}, "returned 1 "},
		{"Haskell", []tinyFunction{hook, initialize, haskell}, "returned 13 "},
		{"Haskell alone", []tinyFunction{hook, ctors, haskell}, "returned 3 "},
		{"of another type", []tinyFunction{hook, {name: "_initialize", params: "i", body: step(1)}, ctors}, "returned 2 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			binary := tiny{memory: true, globals: 1, exports: tt.exports,
				imports: []tinyFunction{{module: "extism:host/env", name: "error_set", params: "I"}}}.build()
			m, err := newRuntime(t, runtime.Config{}).Compile(t.Context(), binary, runtime.Limits{Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, _, err = m.Call(t.Context(), runtime.Call{Hook: "hook"})
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("%v, want %q", err, tt.want)
				}
			}
		})
	}
}

func BenchmarkExtism(b *testing.B) {
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		b.Run(isolation.String(), func(b *testing.B) {
			m, err := newRuntime(b, runtime.Config{}).Compile(b.Context(), wasm.JobExtism, runtime.Limits{Isolation: isolation, Time: patience})
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := m.Call(b.Context(), runtime.Call{Hook: "patch", In: wasm.JobInput, Dst: dst}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
