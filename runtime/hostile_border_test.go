package runtime_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis/runtime"
)

// borderAttacks pass numbers to the host that lead outside of the memory, or that
// make it work for ever.
func borderAttacks() []attack {
	var list []attack
	const size = 128 << 10
	// What a hook answers with, at every border. Those that fit are answers.
	for _, at := range []struct {
		ptr, length int64
		sentinel    error
	}{
		{0, 0, nil}, {size, 0, nil}, {size - 1, 1, nil}, {0, size, nil},
		{size + 1, 0, runtime.ErrTrap}, {size, 1, runtime.ErrTrap}, {size - 1, 2, runtime.ErrTrap},
		{1<<31 - 1, 1, runtime.ErrTrap}, {1 << 31, 1, runtime.ErrTrap}, {1<<32 - 1, 0, runtime.ErrTrap}, {1<<32 - 1, 1, runtime.ErrTrap},
		{1<<32 - 2, 2, runtime.ErrTrap}, {1<<32 - 1, 1 << 20, runtime.ErrTrap}, {0, 1<<20 + 1, runtime.ErrOutput}, {0, 1<<31 - 1, runtime.ErrOutput},
		{1<<32 - 1, 1<<31 - 1, runtime.ErrOutput}, {0, 1<<32 - 1, runtime.ErrOutput}, {16, 1<<31 | 8193, runtime.ErrOutput}, {size, 1<<31 | 1, runtime.ErrTrap},
	} {
		a := attack{name: fmt.Sprintf("answer of %d bytes at %d", at.length, at.ptr), module: attacker(answers(at.ptr, at.length)), sentinel: at.sentinel}
		if at.sentinel == nil {
			a.answer = strings.Repeat("\x00", int(at.length))
		}
		if at.sentinel == runtime.ErrTrap {
			a.says = []string{fmt.Sprintf("the answer is at %d", at.ptr), "outside of the memory"}
		}
		list = append(list, a)
	}
	// What is passed to the host's own functions.
	type border struct{ ptr, length int64 }
	outside := []border{{size, 1}, {size - 1, 2}, {1 << 31, 1}, {-1, 1}, {-1, -1}, {1, -1}, {0, size + 1}, {size + 1, 0}, {-1, 0}}
	fits := []border{{size, 0}, {0, 0}, {size - 1, 1}}
	for _, f := range []struct {
		name string
		imp  tinyFunction
		says string
		code func(b border) []byte
	}{
		{"read", importRead, "read: the room", func(b border) []byte { return code(i32(b.ptr), i32(b.length), i32(-1), opCall, 0, opDrop) }},
		{"log", importLog, "log: the line", func(b border) []byte { return code(i32(-1), i32(b.ptr), i32(b.length), opCall, 0) }},
		{"random", importRandom, "random: the room", func(b border) []byte { return code(i32(b.ptr), i32(b.length), opCall, 0) }},
		{"call's input", importCall, "call: the input", func(b border) []byte {
			return code(i32(0), i32(0), i32(b.ptr), i32(b.length), opCall, 0, opDrop)
		}},
		{"call's name", importCall, "call: the operation's name", func(b border) []byte {
			return code(i32(b.ptr), i32(b.length), i32(0), i32(0), opCall, 0, opDrop)
		}},
	} {
		attempt := func(b border) attack {
			return attack{name: fmt.Sprintf("%s of %d bytes at %d", f.name, b.length, b.ptr), module: attacker(code(f.code(b), opI64Const, 0), importing(f.imp))}
		}
		for _, b := range outside {
			a := attempt(b)
			a.sentinel, a.says = runtime.ErrTrap, []string{f.says}
			list = append(list, a)
		}
		for _, b := range fits {
			list = append(list, attempt(b))
		}
	}
	return append(list, wasiAttacks()...)
}

// vectors writes n pairs of pointer and length to 1024.
func vectors(n int, ptr, length int64) []byte {
	var b []byte
	for i := range n {
		b = code(b, poke(int64(1024+8*i), ptr), poke(int64(1028+8*i), length))
	}
	return b
}

// wasiAttacks pass lists of pieces to standard output and the like.
func wasiAttacks() []attack {
	write := func(fd, iovecs, count, result int64, before ...[]byte) []byte {
		return attacker(code(slices.Concat(before...), i32(fd), i32(iovecs), i32(count), i32(result), opCall, 0, opDrop, opI64Const, 0), importing(importWrite), pages(200))
	}
	const most = 12 << 20
	lines := code(i32(1<<16), i32('\n'), i32(most), opBulk, subMemoryFill, 0)
	poll := tinyFunction{module: wasi, name: "poll_oneoff", params: "iiii", results: "i"}
	return []attack{
		{name: "pieces that overlap, 4 GiB in sum", module: write(1, 1024, 1024, 0, vectors(1024, 0, 4<<20))},
		{name: "pieces of 4 GiB", module: write(1, 1024, 2, 0, vectors(2, 0, -1))},
		{name: "pieces outside of the memory", module: write(1, 1024, 2, 0, vectors(2, -8, 8))},
		{name: "a list outside of the memory", module: write(1, -8, 2, 0)},
		{name: "a list of 4,000,000,000", module: write(1, 0, -1, 0)},
		{name: "a list of 2^29, whose bytes wrap to 0", module: write(1, 0, 1<<29, 0)},
		{name: "a result outside of the memory", module: write(1, 1024, 1, -1, vectors(1, 0, 1))},
		{name: "a result over the list", module: write(1, 1024, 1, 1024, vectors(1, 0, 1))},
		{name: "lines of nothing, 1.5 GiB of them", module: write(1, 1024, 128, 0, lines, vectors(128, 1<<16, most)), sentinel: runtime.ErrFuel},
		{name: "an event for everything", module: attacker(code(i32(0), i32(16), i32(1024), i32(0), opCall, 0, opDrop, opI64Const, 0), importing(poll))},
		{name: "events without end", module: attacker(forever(code(i32(0), i32(16), i32(1024), i32(0), opCall, 0, opDrop)), importing(poll)), sentinel: runtime.ErrFuel},
		{name: "4,000,000,000 events", module: attacker(code(i32(0), i32(0), i32(-1), i32(0), opCall, 0, opDrop, opI64Const, 0), importing(poll))},
		{name: "events over their subscriptions", module: attacker(code(i32(0), i32(0), i32(100), i32(0), opCall, 0, opDrop, opI64Const, 0), importing(poll))},
	}
}

// floodAttacks ask the host for more than anybody needs.
func floodAttacks() []attack {
	ask := func(name string, in int64) []byte { // the name lies at 64
		var b []byte
		for i, c := range []byte(name) {
			b = code(b, i32(int64(64+i)), i32(int64(c)), opI32Store8, 0, 0)
		}
		return code(b, i32(64), i32(int64(len(name))), i32(0), i32(in), opCall, 0, opDrop)
	}
	log := func(ptr, length int64) []byte { return code(i32(1), i32(ptr), i32(length), opCall, 0) }
	fill := func(c byte) []byte { return code(i32(0), i32(int64(c)), i32(128<<10), opBulk, subMemoryFill, 0) }
	print := func(length int64, c byte) []byte {
		return attacker(code(fill(c), forever(code(poke(1024, 0), poke(1028, length), i32(1), i32(1024), i32(1), i32(0), opCall, 0, opDrop))), importing(importWrite))
	}
	refused := []string{"more than 100 host operations in one call"}
	list := []attack{
		{name: "operations without end", module: attacker(forever(ask("echo", 0)), importing(importCall)), sentinel: runtime.ErrTrap, says: refused},
		{name: "large operations without end", module: attacker(forever(ask("echo", 128<<10)), importing(importCall)), sentinel: runtime.ErrTrap, says: refused},
		{name: "large answers without end", module: attacker(forever(ask("large", 0)), importing(importCall)), sentinel: runtime.ErrTrap, says: refused},
		{name: "clocks without end", module: attacker(forever(code(opCall, 0, opDrop)), importing(importNow)), sentinel: runtime.ErrFuel},
		{name: "reads without end", module: attacker(forever(code(i32(0), i32(128<<10), i32(0), opCall, 0, opDrop)), importing(importRead)), sentinel: runtime.ErrFuel},
		{name: "randomness without end", module: attacker(forever(code(i32(0), i32(128<<10), opCall, 0)), importing(importRandom)), sentinel: runtime.ErrFuel},
		{name: "log of all memory without end", module: attacker(code(fill('x'), forever(log(0, 128<<10))), importing(importLog)), sentinel: runtime.ErrFuel},
		{name: "log of nothing without end", module: attacker(forever(log(0, 0)), importing(importLog)), sentinel: runtime.ErrFuel},
		{name: "log of control characters", module: attacker(code(fill(0x1b), forever(log(0, 100))), importing(importLog)), sentinel: runtime.ErrFuel},
		{name: "log of bad text", module: attacker(code(fill(0xe2), forever(log(0, 1000))), importing(importLog)), sentinel: runtime.ErrFuel},
		{name: "output without an end of line", module: print(1, 'x'), sentinel: runtime.ErrFuel},
		{name: "output of ends of lines", module: print(100_000, '\n'), sentinel: runtime.ErrFuel},
		{name: "output of control characters", module: print(100, 0x9b), sentinel: runtime.ErrFuel},
		{name: "an error answer of control characters", module: attacker(code(fill(0x1b), answers(0, 1<<31|200))), kind: "internal", says: []string{"not {kind, message}"}},
	}
	return list
}
