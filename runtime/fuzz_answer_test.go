package runtime_test

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// FuzzErrorAnswer has guests of each convention answer with any bytes as an error.
// Whatever they are, it has a kind, and a message that may be shown.
func FuzzErrorAnswer(f *testing.F) {
	r, err := runtime.New(context.Background(), runtime.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close(context.Background()) })
	guests := []*runtime.Module{compile(f, r, "echo", runtime.Limits{}), compile(f, r, "command", runtime.Limits{})}
	for _, answer := range []string{
		`{"kind":"refused","message":"the course is full"}`, `{"kind":"odd","message":"x"}`, `{"kind":"denied"}`, `{"message":"a\u0000\nb\u202e\ud800c"}`,
		`{"kind":"internal","message":"x","kind":"invalid"}`, `[]`, `null`, `{}`, ``, "\xff", "crashed\x00", `{"kind":1,"message":[]}`, `{"kind":"not_found","message":" "} x`,
		strings.Repeat(`{"kind":`, 2000),
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, m := range guests {
			out, _, err := m.Call(context.Background(), runtime.Call{Hook: "refuse", In: answer, Log: plainLines(t)})
			if err == nil || len(out) > 0 {
				t.Fatalf("answer %q instead of an error", out)
			}
			if text := err.Error(); trellis.KindOf(err) == "" || len(text) > 5000 || strings.ContainsAny(text, "\n\r\x1b\x00\u202e\u009b") {
				t.Errorf("error of kind %q: %.300q", trellis.KindOf(err), text)
			}
		}
	})
}

// wasiProgram is a command that runs its input as a program: the number of a
// function of WASI and up to nine operands, eight bytes each.
func wasiProgram() []byte {
	const at, room, step = 4096, 60_000, 80
	var names []string
	for _, f := range runtime.WASI() {
		names = append(names, f[0])
	}
	index := func(name string) int {
		for i, n := range names {
			if n == name {
				return i
			}
		}
		panic(name)
	}
	body := code(poke(16, at), poke(20, room), i32(0), i32(16), i32(1), i32(24), opCall, index("fd_read"), opDrop, i32(at), opLocalSet, 0, opLoop, typeEmpty)
	for n, f := range runtime.WASI() {
		body = code(body, opLocalGet, 0, opI32Load, 2, 0, i32(int64(n)), 0x46, opIf, typeEmpty) // i32.eq
		for i, letter := range f[1] {
			load := opI32Load
			if letter == 'I' {
				load = opI64Load
			}
			body = code(body, opLocalGet, 0, load, 0, uleb(8+8*i))
		}
		body = code(body, opCall, n)
		for range f[2] {
			body = code(body, opDrop)
		}
		body = code(body, opEnd)
	}
	body = code(body, opLocalGet, 0, i32(step), opI32Add, opLocalTee, 0, i32(24), opI32Load, 2, 0, i32(at), opI32Add, opI32LtU, opBrIf, 0, opEnd)
	g := tiny{memory: true, exports: []tinyFunction{{name: "_start", locals: []byte{1, 1, typeI32}, body: body}}}
	for _, f := range runtime.WASI() {
		g.imports = append(g.imports, tinyFunction{module: wasi, name: f[0], params: f[1], results: f[2]})
	}
	return g.build()
}

// FuzzCommand has a command call the functions of WASI in any order with any
// numbers: those that a command is given more of than other guests above all.
func FuzzCommand(f *testing.F) {
	r, err := runtime.New(context.Background(), runtime.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close(context.Background()) })
	m, err := r.Compile(context.Background(), wasiProgram(), runtime.Limits{Fuel: r.FuelPerSecond() / 100, Time: patience})
	if err != nil {
		f.Fatal(err)
	}
	step := func(n int, operands ...uint64) []byte {
		b := binary.LittleEndian.AppendUint64(nil, uint64(n))
		for i := range 9 {
			v := uint64(0)
			if i < len(operands) {
				v = operands[i]
			}
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	for n := range runtime.WASI() {
		f.Add(step(n, 1, 16, 1, 1000))
		f.Add(append(step(n, 0, 4096, 100, 4096), step(n, 1<<32-1, 1<<32-8, 1<<29, 1<<31, 1<<63)...))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, s, err := m.Call(context.Background(), runtime.Call{Hook: "hook", In: in, Log: plainLines(t)})
		if len(out) > 1<<20 || s.Memory == 0 || s.Time > 10*time.Second {
			t.Errorf("answer of %d bytes, %+v", len(out), s)
		}
		if err != nil && trellis.KindOf(err) == "" {
			t.Errorf("error without a kind: %v", err)
		}
		if again, _, second := m.Call(context.Background(), runtime.Call{Hook: "hook", In: in}); (second == nil) != (err == nil) || len(again) != len(out) {
			t.Errorf("the same input gave %d bytes, %v, then %d bytes, %v", len(out), err, len(again), second)
		}
	})
}
