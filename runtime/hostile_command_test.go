package runtime_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// commandOf is a WASI command whose _start is the first function after these
// imports.
func commandOf(body []byte, imports ...string) []byte {
	g := tiny{memory: true, exports: []tinyFunction{{name: "_start", body: body}}}
	for _, name := range imports {
		for _, f := range runtime.WASI() {
			if f[0] == name {
				g.imports = append(g.imports, tinyFunction{module: wasi, name: name, params: f[1], results: f[2]})
			}
		}
	}
	return g.build()
}

// commandAttacks are attacks by what only a command can do.
func commandAttacks() []attack {
	stream := func(fd, iovecs, count, result int64) []byte { // by import 0
		return code(i32(fd), i32(iovecs), i32(count), i32(result), opCall, 0, opDrop)
	}
	say := func(text string) (b []byte) { // writes text to 64 and prints it, by import 0
		for i, c := range []byte(text) {
			b = code(b, i32(int64(64+i)), i32(int64(c)), opI32Store8, 0, 0)
		}
		return code(b, poke(1024, 64), poke(1028, int64(len(text))), stream(1, 1024, 1, 0))
	}
	exit := func(status int64, import_ int) []byte { return code(i32(status), opCall, import_) }
	const whole = 128 << 10
	return []attack{
		{name: "spins", module: commandOf(forever()), sentinel: runtime.ErrFuel},
		{name: "traps", module: commandOf([]byte{opUnreachable}), sentinel: runtime.ErrTrap, says: []string{"unreachable"}},
		{name: "recurses beyond a stack of its own", module: commandOf(code(
			i32(0), i32(0), 0x28, 2, 0, i32(1024), 0x6a, 0x36, 2, 0, // the word at 0 grows by 1024
			i32(0), 0x28, 2, 0, i32(1), 0x36, 2, 0, // and something is kept there
			opCall, 0)), sentinel: runtime.ErrTrap, says: []string{"out of bounds memory access (endless recursion?) at"}},
		{name: "recurses", module: commandOf([]byte{opCall, 0}), sentinel: runtime.ErrTrap, says: []string{"call depth exceeded"}},
		{name: "answers without end", module: commandOf(code(vectors(1, 0, 1000), forever(stream(1, 1024, 1, 0))), "fd_write"), sentinel: runtime.ErrOutput, says: []string{"more than the 1048576 bytes allowed"}},
		{name: "answers nothing without end", module: commandOf(forever(stream(1, 1024, 0, 0)), "fd_write"), sentinel: runtime.ErrFuel},
		{name: "answers the same 4 GiB", module: commandOf(code(vectors(1024, 0, whole), stream(1, 1024, 1024, 0)), "fd_write"), sentinel: runtime.ErrOutput},
		{name: "answers from outside of the memory", module: commandOf(code(vectors(1, whole-1, 2), stream(1, 1024, 1, 0)), "fd_write")},
		{name: "answers with a list that wraps", module: commandOf(code(vectors(1, 0, 1), stream(1, 1024, 1<<29, 0)), "fd_write")},
		{name: "complains without end", module: commandOf(code(i32(0), i32(0x9b), i32(1000), opBulk, subMemoryFill, 0, vectors(1, 0, 1000), forever(stream(2, 1024, 1, 0))), "fd_write"), sentinel: runtime.ErrFuel},
		{name: "reads without end", module: commandOf(code(vectors(1, 4096, 1000), forever(stream(0, 1024, 1, 0))), "fd_read"), in: "x", sentinel: runtime.ErrFuel},
		{name: "reads over its own list", module: commandOf(code(vectors(8, 1024, 64), stream(0, 1024, 8, 1024)), "fd_read"), in: strings.Repeat("\xff", 1000)},
		{name: "reads to outside of the memory", module: commandOf(code(vectors(1, -1, -1), stream(0, 1024, 1, -1)), "fd_read"), in: "x"},
		{name: "reads from where it writes", module: commandOf(code(vectors(1, 0, 10), stream(1, 1024, 1, 0)), "fd_read"), in: "x"},
		{name: "arguments to outside of the memory", module: commandOf(code(i32(-1), i32(-4), opCall, 0, opDrop, i32(whole-4), i32(whole-1), opCall, 0, opDrop), "args_get")},
		{name: "sizes of arguments to outside of the memory", module: commandOf(code(i32(-1), i32(-4), opCall, 0, opDrop), "args_sizes_get")},
		{name: "arguments without end", module: commandOf(forever(code(i32(0), i32(64), opCall, 0, opDrop)), "args_get"), sentinel: runtime.ErrFuel},
		{name: "exits with 0", module: commandOf(code(say("ok"), exit(0, 1)), "fd_write", "proc_exit"), answer: "ok"},
		{name: "exits with -1", module: commandOf(exit(-1, 0), "proc_exit"), sentinel: runtime.ErrTrap, says: []string{"exit status -1"}},
		{name: "an error that fools", module: commandOf(code(say(`{"kind":"denied","message":"a\n\u001b[31mb\u202e"}`), exit(1, 1)), "fd_write", "proc_exit"), kind: trellis.Denied, says: []string{"a [31mb"}},
		{name: "an error of our own making", module: commandOf(code(say(`{"kind":"internal","message":"disk full"}`), exit(1, 1)), "fd_write", "proc_exit"), kind: trellis.Internal, says: []string{"disk full"}},
		{name: "operations of the host", module: tiny{memory: true, imports: []tinyFunction{importCall}, exports: []tinyFunction{{name: "_start"}}}.build(),
			refused: []string{"import trellis.call is not offered"}},
		{name: "state that is kept", module: commandOf(nil), limits: runtime.Limits{Isolation: runtime.Pinned}, refused: []string{"pristine"}},
	}
}

// TestHostileCommandSpies: a command that answers with all of its memory, after it
// has read its input into it and grown it, never answers with another's.
func TestHostileCommandSpies(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	const whole = 128 << 10
	read := code(vectors(1, 8192, 100), i32(0), i32(1024), i32(1), i32(1032), opCall, 0, opDrop)
	show := code(vectors(1, 0, whole), i32(1), i32(1024), i32(1), i32(1032), opCall, 1, opDrop)
	for name, body := range map[string][]byte{
		"memory": code(show, read),
		"growth": code(show, read, i32(1), opMemoryGrow, 0, opDrop),
		"exit":   code(show, read, i32(0), opCall, 2),
		"trap":   code(show, read, opUnreachable),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := r.Compile(t.Context(), commandOf(body, "fd_read", "fd_write", "proc_exit"), runtime.Limits{Instances: 1, Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close(t.Context())
			for i := range 8 {
				out, _, err := m.Call(t.Context(), runtime.Call{Hook: secret, In: []byte(secret), Key: fmt.Sprint(i)})
				if (err != nil) != (name == "trap") {
					t.Fatal(err)
				}
				if len(out) != whole && err == nil || strings.Contains(string(out), secret) {
					t.Fatalf("call %d answers with %d bytes, another's among them: %v", i, len(out), strings.Contains(string(out), secret))
				}
			}
		})
	}
}
