package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// These tests hold our kernel against Extism's own host for Go: on the plugins that
// it brings for its tests, and on scripts of calls.

// compared are the calls of one plugin, and what we say where we refuse it.
type compared struct {
	file, hook string
	inputs     []string
	refused    string
}

// plugins are the calls that are compared, and where the two differ, why.
var plugins = []compared{
	{"alloc", "run_test", []string{""}, ""},
	{"config", "run_test", []string{"", "x"}, ""},
	{"count_vowels", "count_vowels", []string{"hello world", "", "aaa", long}, ""},
	{"count_vowels_std", "_start", []string{"benjamin", "", long}, ""},
	{"exit", "_start", []string{""}, ""},
	{"fail", "run_test", []string{"", "x"}, ""},
	{"hello", "run_test", []string{"", "x"}, ""},
	{"hello_haskell", "testing", []string{"John", "", "é"}, ""},
	{"http", "run_test", []string{""}, ""},
	{"http_headers", "http_get", []string{`{"url":"SERVER/a"}`, `{"url":"SERVER/b","method":"POST"}`, `{"url":"http://elsewhere.example"}`, `{"url":"SERVER/empty"}`, `nonsense`, ``}, ""},
	{"input_offset", "input_offset_length", []string{"hello", "", long}, ""},
	{"log", "run_test", []string{""}, ""},
	{"println", "run_test", []string{"", "hello"}, ""},
	{"replace", "run_test", []string{"hello", "", "five six", long}, ""},
	{"sleep", "run_test", []string{""}, ""},
	{"std_command", "_start", []string{"benjamin", "", long}, ""},
	{"var", "run_test", []string{"", "x", "y"}, ""},
	{"fs", "run_test", []string{""}, ""},     // both refuse: there are no files
	{"fs_std", "run_test", []string{""}, ""}, // likewise
	{"read_write", "try_write", []string{"x"}, ""},
	// Functions of a host, which only that host has.
	{"host", "run_test", nil, "import extism:host/user.mult is not offered"},
	{"host_memory", "run_test", nil, "import host.to_upper is not offered"},
	{"host_multiple", "say_green", nil, "import extism:host/user.hostGreenMessage is not offered"},
	// Several modules in one plugin.
	{"main", "run_test", nil, "import lib.capitalize is not offered"},
	{"lib", "_start", []string{""}, ""},
	// A module that a tool has written observers into.
	{"nested.c.instr", "_start", nil, "import dylibso_observe.instrument_enter is not offered"},
	// It imports nothing of Extism, and so is a command; what it answers is the same.
	{"noop", "run_test", []string{""}, ""},
}

var long = strings.Repeat("benjamin and jane ", 2000)

var settings = map[string]string{"thing": "gizmo", "duration": "1"}

func TestExtismPluginsAreAllCompared(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(pluginDir(t), "*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatal("no plugins", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".wasm")
		if !slices.ContainsFunc(plugins, func(c compared) bool { return c.file == name }) {
			t.Errorf("%s is not compared", name)
		}
	}
}

func pluginDir(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/extism/go-sdk").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(string(bytes.TrimSpace(out)), "wasm")
}

// host is what a platform does for guests, as far as Extism asks for it.
type host struct{ allowed string }

func (h host) Call(ctx context.Context, op string, in []byte) ([]byte, error) {
	switch op {
	case "config.get":
		return json.Marshal(settings)
	case "http.fetch":
		var r struct {
			Method, URL, Body string
			Headers           map[string]string
		}
		if err := json.Unmarshal(in, &r); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(r.URL, h.allowed) {
			return nil, trellis.Errorf(trellis.Denied, "the extension may not go there")
		}
		req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
		if err != nil {
			return nil, err
		}
		for name, value := range r.Headers {
			req.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		headers := map[string]string{}
		for name, values := range res.Header {
			headers[name] = strings.Join(values, ",")
		}
		return json.Marshal(map[string]any{"status": res.StatusCode, "headers": headers, "body": string(body)})
	}
	return nil, trellis.Errorf(trellis.NotFound, "operation %s", op)
}

// outcome is what a call came to, in words that both hosts share.
type outcome struct {
	out, fault string
	log        []string
}

func server(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		w.Header().Set("X-Path", r.URL.Path)
		if r.URL.Path != "/empty" {
			fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// theirs makes plugins of Extism's host; what they print is logged.
type theirs struct {
	compiled *extism.CompiledPlugin
	printed  *bytes.Buffer
	plugin   *extism.Plugin
}

func newTheirs(t *testing.T, binary []byte) *theirs {
	t.Helper()
	extism.SetLogLevel(extism.LogLevelDebug)
	manifest := extism.Manifest{
		Wasm: []extism.Wasm{extism.WasmData{Data: binary}}, Config: settings, AllowedHosts: []string{"127.0.0.1"},
		Memory: &extism.ManifestMemory{MaxPages: 1024, MaxHttpResponseBytes: -1, MaxVarBytes: -1},
	}
	function := func(name string, params, results []extism.ValueType) extism.HostFunction {
		return extism.NewHostFunctionWithStack(name, func(_ context.Context, _ *extism.CurrentPlugin, stack []uint64) { stack[0] = 0 }, params, results)
	}
	compiled, err := extism.NewCompiledPlugin(t.Context(), manifest, extism.PluginConfig{EnableWasi: true, EnableHttpResponseHeaders: true}, []extism.HostFunction{
		function("trellis_call", []extism.ValueType{extism.ValueTypeI64, extism.ValueTypeI64}, []extism.ValueType{extism.ValueTypeI64}),
		function("trellis_error", nil, []extism.ValueType{extism.ValueTypeI32}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = compiled.Close(context.Background()) })
	their := &theirs{compiled: compiled, printed: &bytes.Buffer{}}
	their.renew(t)
	return their
}

// renew begins with a new plugin.
func (p *theirs) renew(t *testing.T) {
	t.Helper()
	if p.plugin != nil {
		_ = p.plugin.Close(t.Context())
	}
	var err error
	p.plugin, err = p.compiled.Instance(t.Context(), extism.PluginInstanceConfig{ModuleConfig: wazero.NewModuleConfig().WithStdout(p.printed).WithStderr(p.printed)})
	if err != nil {
		t.Fatal(err)
	}
}

func (p *theirs) call(hook, in string) (o outcome) {
	p.plugin.SetLogger(func(_ extism.LogLevel, line string) {
		if !strings.HasPrefix(line, "Calling ") && !strings.HasPrefix(line, "Initializ") {
			o.log = append(o.log, line)
		}
	})
	p.printed.Reset()
	status, out, err := p.plugin.Call(hook, []byte(in))
	for line := range strings.Lines(p.printed.String()) {
		o.log = append(o.log, strings.TrimSpace(line))
	}
	var exit *sys.ExitError
	switch text := fmt.Sprint(err); {
	case err == nil && status == 0:
		o.out = string(out)
	case err == nil:
		o.fault = fmt.Sprintf("returned %d", int32(status))
	case errors.As(err, &exit):
		o.fault = fmt.Sprintf("exit %d", exit.ExitCode())
	case strings.Contains(text, " (recovered by wazero)"):
		o.fault, _, _ = strings.Cut(text, " (recovered by wazero)")
	default:
		o.fault = text
	}
	return o
}

func callOurs(t *testing.T, m *runtime.Module, hook, in string) (o outcome) {
	t.Helper()
	out, _, err := m.Call(t.Context(), runtime.Call{Hook: hook, In: []byte(in), Key: "key", Log: func(_ int, line string) { o.log = append(o.log, line) }})
	if err == nil {
		o.out = string(out)
		return o
	}
	o.fault = strings.TrimPrefix(err.Error(), "hook "+hook+": ")
	o.fault = strings.TrimPrefix(o.fault, "trapped: ")
	for _, same := range []struct{ ours, theirs string }{
		{`^exit status (\d+).*`, "exit $1"},
		{`^the guest returned (-?\d+) and said no more.*`, "returned $1"},
		{`^(HTTP request to '.*' is not allowed): .*`, "$1"},
		{`^store_u64: offset (\d+) is outside of the memory$`, "could not write at $1"},
	} {
		o.fault = regexp.MustCompile(same.ours).ReplaceAllString(o.fault, same.theirs)
	}
	return o
}

// sorted returns an object with its keys in order: the plugin's map has none.
func sorted(text string) string {
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil {
		return text
	}
	out, _ := json.Marshal(object)
	return string(out)
}

// TestExtismPlugins wants of every plugin the same answers, errors and lines of
// log: of a new plugin for each call where ours is pristine, and of one plugin for
// all calls where ours is pinned.
func TestExtismPlugins(t *testing.T) {
	url := server(t)
	r, err := runtime.New(t.Context(), runtime.Config{Host: host{url}, Cache: filepath.Join(t.TempDir(), "cache")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	for _, tt := range plugins {
		binary, err := os.ReadFile(filepath.Join(pluginDir(t), tt.file+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
			t.Run(fmt.Sprint(tt.file, " ", isolation), func(t *testing.T) {
				m, err := r.Compile(t.Context(), binary, runtime.Limits{Memory: 64 << 20, Fuel: 1 << 40, Time: time.Minute, Isolation: isolation})
				switch {
				case tt.refused != "":
					if err == nil || !strings.Contains(err.Error(), tt.refused) {
						t.Errorf("%v, want %q", err, tt.refused)
					}
					return
				case tt.file == "noop" && isolation == runtime.Pinned:
					return // a command cannot be pinned
				case err != nil:
					t.Fatal(err)
				}
				defer m.Close(t.Context())
				their := newTheirs(t, binary)
				for i, in := range tt.inputs {
					in = strings.ReplaceAll(in, "SERVER", url)
					if i > 0 && (isolation == runtime.Pristine || tt.hook == "_start") {
						their.renew(t) // a plugin is closed when its main has ended
					}
					want, got := their.call(tt.hook, in), callOurs(t, m, tt.hook, in)
					if tt.file == "http_headers" {
						want.out, got.out = sorted(want.out), sorted(got.out)
					}
					if got.out != want.out || got.fault != want.fault || !slices.Equal(got.log, want.log) {
						t.Errorf("%s(%.60q):\n got %.200q %.200q %q\nwant %.200q %.200q %q", tt.hook, in, got.out, got.fault, got.log, want.out, want.fault, want.log)
					}
				}
			})
		}
	}
}

// TestExtismKernel gives both kernels the same scripts of allocations, loads and
// stores, and wants the same results: offsets, lengths and bytes.
func TestExtismKernel(t *testing.T) {
	binary, err := os.ReadFile("../testdata/extism.wasm")
	if err != nil {
		t.Fatal(err)
	}
	r, err := runtime.New(t.Context(), runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	m, err := r.Compile(t.Context(), binary, runtime.Limits{Memory: 64 << 20, Fuel: 1 << 40, Time: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	their, random := newTheirs(t, binary), rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		s := kernelScript(random)
		their.renew(t)
		want, got := their.call("script", s), callOurs(t, m, "script", s)
		if got.out != want.out || got.fault != want.fault {
			t.Fatalf("script %d, %q:\n got %q %.200q\nwant %q %.200q", n, s, got.out, got.fault, want.out, want.fault)
		}
	}
}

// kernelScript is a script for the hook "script" of testdata/extism.c.
func kernelScript(random *rand.Rand) string {
	var s []byte
	add := func(which byte, a, b uint64) {
		s = append(s, which)
		s = binary.LittleEndian.AppendUint64(s, a)
		s = binary.LittleEndian.AppendUint64(s, b)
	}
	const onLast = 0x80
	var blocks []uint64 // where blocks may begin
	next := uint64(77)
	for range 1 + random.IntN(200) {
		n := []uint64{0, 1, 7, 8, 100, 200, 5000, 40_000, 70_000}[random.IntN(9)] + uint64(random.IntN(3))
		at := uint64(77)
		if len(blocks) > 0 {
			at = blocks[random.IntN(len(blocks))]
		}
		switch random.IntN(12) {
		case 0, 1, 2:
			add(0, n, 0)
			switch {
			case n >= 8:
				add(onLast|7, 0, random.Uint64())
			case n > 0:
				add(onLast|6, 0, random.Uint64())
			}
			blocks = append(blocks, next)
			next += n + 12
		case 3, 4:
			add(1, at, 0)
		case 5:
			add(2, at, 0)
		case 6:
			add(3, at, 0)
		case 7:
			add(4, at+uint64(random.IntN(3)), 0)
		case 8:
			add(5, at+uint64(random.IntN(3)), 0)
		case 9:
			add([]byte{8, 9, 23, 24}[random.IntN(4)], 0, 0)
		case 10:
			add(12, at, uint64(random.IntN(5))) // not input_set: input_load_u64 of the Go host ignores it
		case 11:
			add([]byte{10, 11}[random.IntN(2)], uint64(random.IntN(20)), 0)
		}
	}
	add(13, 0, 0) // no error
	add(25, 0, 0)
	return string(s)
}
