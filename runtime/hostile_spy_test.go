package runtime_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

const secret = "the password of tenant a"

// spy is a guest with two hooks: "write" puts its input, the secret, where it hopes
// that another call finds it, and "read" looks there, whatever it takes.
type spy struct {
	name   string
	module []byte
	fails  bool // "write" ends with an error
	// forgotten says that not even a pinned instance shows it to its own key.
	forgotten bool
}

func spies() []spy {
	const (
		in     = 16 // where the allocator puts the input
		length = int64(len(secret))
	)
	move := func(to, from int64) []byte {
		return code(i32(to), i32(from), i32(length), opBulk, subMemoryCopy, 0, 0)
	}
	guest := func(write, read []byte, change ...func(*tiny)) []byte {
		g := tinyGuest(tinyFunction{name: "write", params: "ii", results: "I", body: write}, tinyFunction{name: "read", params: "ii", results: "I", body: read})
		for _, c := range change {
			c(&g)
		}
		return g.build()
	}
	done := []byte{opI64Const, 0}
	grow := code(i32(1), opMemoryGrow, 0, opDrop)
	print := func(from, n int64) []byte { // by WASI, which is import 0
		return code(poke(1024, from), poke(1028, n), i32(1), i32(1024), i32(1), i32(1032), opCall, 0, opDrop)
	}
	ask := code(move(64, in), poke(128, 0x72636573), poke(132, 0x7465), // "secret", by trellis.call, which is import 0
		i32(128), i32(6), i32(0), i32(0), opCall, 0, opDrop)
	var list []spy
	for _, n := range []int64{2, 16} { // copied back, mapped
		end := n * pageSize
		size := pages(int(n))
		list = append(list,
			spy{name: fmt.Sprintf("where its input was, of %d pages", n), module: guest(done, answers(0, end), size)},
			spy{name: fmt.Sprintf("at the beginning of %d pages", n), module: guest(code(move(0, in), done), answers(0, end), size)},
			spy{name: fmt.Sprintf("at the end of %d pages", n), module: guest(code(move(end-length, in), done), answers(0, end), size)},
			spy{name: fmt.Sprintf("where %d pages grew", n), module: guest(code(grow, move(end, in), done), code(grow, answers(end, pageSize)), size)},
			spy{name: fmt.Sprintf("across the growth of %d pages", n), module: guest(code(grow, move(end-8, in), done), code(grow, answers(0, end+pageSize)), size)},
			spy{name: fmt.Sprintf("before a trap, in %d pages", n), module: guest(code(move(4096, in), opUnreachable), answers(0, end), size), fails: true, forgotten: true},
			spy{name: fmt.Sprintf("before the fuel ends, in %d pages", n), module: guest(code(move(4096, in), forever()), answers(0, end), size), fails: true, forgotten: true},
			spy{name: fmt.Sprintf("in a table that forbids the reset, of %d pages", n), module: guest(code(move(4096, in), i32(0), opRefNull, typeFuncref, opTableSet, 0, done), answers(0, end), size, withTable(2, 0))},
		)
	}
	return append(list,
		spy{name: "in a global", module: guest(code(i32(in), opI32Load, 2, 0, opGlobalSet, 0, done), code(i32(0), opGlobalGet, 0, opI32Store, 2, 0, answers(0, 4)), func(g *tiny) { g.globals = 1 })},
		spy{name: "in what is printed", module: guest(code(print(in, length), done), code(poke(512, '\n'), print(512, 1), done), importing(importWrite)), forgotten: true},
		spy{name: "in the last words", module: guest(code(print(in, length), done), []byte{opUnreachable}, importing(importWrite)), forgotten: true},
		spy{name: "in an answer of the host", module: guest(code(ask, done), code(i32(4096), i32(4096), i32(0), opCall, 1, opDrop, answers(4096, 4096)), importing(importCall, importRead)),
			forgotten: true},
	)
}

// look calls "read" and returns all that comes out of it.
func look(t *testing.T, m *runtime.Module, key string) string {
	t.Helper()
	var seen strings.Builder
	out, _, err := m.Call(t.Context(), runtime.Call{Hook: "read", Key: key, Log: func(_ int, line string) { seen.WriteString(line) }})
	seen.Write(out)
	if err != nil {
		seen.WriteString(err.Error())
	}
	return seen.String()
}

// TestHostileSpies: nothing that one tenant's call leaves anywhere is seen by the
// call of another, be it in a pristine instance or in a pinned one. What a pinned
// instance shows its own key proves that the spies can see.
func TestHostileSpies(t *testing.T) {
	r := newRuntime(t, runtime.Config{Host: hostFunc(hostileHost)})
	for _, s := range spies() {
		for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
			t.Run(s.name+"/"+isolation.String(), func(t *testing.T) {
				m, err := r.Compile(t.Context(), s.module, runtime.Limits{Isolation: isolation, Instances: 2, Output: 4 << 20, Fuel: r.FuelPerSecond() / 50, Time: patience})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close(t.Context())
				part := secret
				if strings.Contains(s.name, "global") {
					part = secret[:4]
				}
				for i := range 12 { // growth makes another image after some calls
					_, _, err = m.Call(t.Context(), runtime.Call{Hook: "write", In: []byte(secret), Key: "a"})
					if (err != nil) != s.fails {
						t.Fatalf("write: %v", err)
					}
					if seen := look(t, m, "b"); strings.Contains(seen, part) {
						t.Fatalf("call %d of another tenant sees the secret", i)
					}
				}
				sees := strings.Contains(look(t, m, "a"), part)
				if want := isolation == runtime.Pinned && !s.forgotten; sees != want {
					t.Errorf("its own tenant sees it: %v, want %v", sees, want)
				}
			})
		}
	}
}
