package runtime_test

import (
	"bytes"
	"io"
	"os"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

func TestChildRefusesAsWeDo(t *testing.T) {
	r := newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: compiler(t, childMemory()...)})
	bad := tinyGuest()
	bad.imports = []tinyFunction{{module: "env", name: "memcpy", params: "iii", results: "i"}}
	_, err := r.Compile(t.Context(), bad.build(), runtime.Limits{Time: patience})
	wantError(t, err, nil, trellis.Invalid, "import env.memcpy is not offered")
	_, err = r.Compile(t.Context(), []byte("nonsense"), runtime.Limits{Time: patience})
	wantError(t, err, nil, trellis.Invalid)
	wrong := tinyGuest(tinyFunction{name: "bad", params: "ii", results: "I", body: []byte{opI32Const, 0}})
	_, err = r.Compile(t.Context(), wrong.build(), runtime.Limits{Time: patience}) // wazero's own refusal
	wantError(t, err, nil, trellis.Invalid)
}

// bomb is a small valid module that takes much to compile: deeply nested blocks,
// out of which a table branches to each.
func bomb(functions int) []byte {
	const depth = 1900
	deep := bytes.Repeat([]byte{opBlock, 0x40}, depth)
	deep = append(append(deep, opI32Const, 0, opBrTable), uleb(depth)...)
	for i := range depth + 1 {
		deep = append(deep, uleb(i%depth)...)
	}
	deep = append(deep, bytes.Repeat([]byte{opEnd}, depth)...)
	g := tinyGuest()
	for range functions {
		g.exports = append(g.exports, tinyFunction{body: deep})
	}
	return g.build()
}

func TestChildIsLimited(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Skip("limits of the child hold on Linux only")
	}
	if raced {
		t.Skip("the race detector uses more memory than the child may have: tested without it")
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"memory", []string{"-memory", "25000000"}, "compiling needs more memory than allowed: try 46MiB, it was 23MiB"},
		{"processor time", []string{"-cpu", "1", "-memory", "0"}, "compiling needs more processor time than allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "memory" && os.Getenv(emulatorVariable) != "" {
				t.Skip("an emulator does not hold its program to limits of memory: tested on a machine of its own")
			}
			r := newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: compiler(t, tt.args...)})
			_, err := r.Compile(t.Context(), bomb(400), runtime.Limits{Time: patience})
			wantError(t, err, nil, trellis.Invalid, tt.want)
			// A small module gets through under the same limits, unless they are absurd.
			if tt.name == "processor time" {
				compile(t, r, "echo", runtime.Limits{})
			}
		})
	}
}

func TestChildRefusesBadArguments(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"-nonsense"},
		{"-memory", "much"},
		{"-cache", "/tmp", "-dir", "/tmp", "-key", "x", "-limits", `{"Unknown":1}`},
	} {
		var complaint bytes.Buffer
		if got := runtime.CompileChild(args, strings.NewReader(""), io.Discard, &complaint); got != 2 || complaint.Len() == 0 {
			t.Errorf("%v: exit status %d, said %q", args, got, complaint.String())
		}
	}
}

func TestChildThatIsNone(t *testing.T) {
	for _, tt := range []struct {
		argv []string
		want string
	}{
		{[]string{"/nonexistent/compiler"}, "start compiler /nonexistent/compiler"},
		{[]string{"/bin/false"}, "exit status 1"},
		{[]string{"/bin/true"}, "not in the compile cache"},
	} {
		r := newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: tt.argv})
		_, err := r.Compile(t.Context(), guest(t, "echo"), runtime.Limits{Time: patience})
		wantError(t, err, nil, trellis.Internal, tt.want)
	}
}
