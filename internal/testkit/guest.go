package testkit

import (
	"maps"
	"slices"
)

// Guest returns a module of the convention trellis/1 that does what a test needs
// and no more: one export for each entry, written down with the methods of
// [Code]. It takes inputs of up to 64 KiB.
func Guest(exports map[string]func(*Code)) []byte {
	names := slices.Sorted(maps.Keys(exports))
	g := &guest{at: firstText}
	hookTypes := []byte{1}                                                                                                  // of trellis_alloc
	bodies := [][]byte{{0, 0x20, 0, 0x41, 0x80, 0x80, 4, 0x4b, 0x04, 0x7f, 0x41, 0, 0x05, 0x41, 0x80, 0x80, 8, 0x0b, 0x0b}} // n > 65536 ? 0 : inputAt
	for _, name := range names {
		c := &Code{g: g, body: []byte{1, 1, 0x7e}} // one local, an i64: what the last operation returned
		exports[name](c)
		hookTypes = append(hookTypes, 0)
		bodies = append(bodies, append(c.body, 0x42, 0, 0x0b)) // i64.const 0: an empty answer
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, n int, content []byte) {
		content = append(unsigned(uint64(n)), content...)
		out = append(append(append(out, id), unsigned(uint64(len(content)))...), content...)
	}
	section(1, 5, []byte{
		0x60, 2, 0x7f, 0x7f, 1, 0x7e, // a hook
		0x60, 1, 0x7f, 1, 0x7f, // trellis_alloc
		0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7e, // call
		0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f, // read
		0x60, 3, 0x7f, 0x7f, 0x7f, 0, // log
	})
	var imports []byte
	for i, name := range []string{"call", "read", "log"} {
		imports = append(append(append(imports, text("trellis")...), text(name)...), 0, byte(2+i))
	}
	section(2, 3, imports)
	section(3, len(hookTypes), hookTypes)
	section(5, 1, []byte{1, 4, 16}) // a memory of four pages, with room to grow: a full one is taken for the cause of a trap
	exported := append(append(text("memory"), 2, 0), append(text("trellis_alloc"), 0, 3)...)
	for i, name := range names {
		exported = append(append(append(exported, text(name)...), 0), unsigned(uint64(4+i))...)
	}
	section(7, 2+len(names), exported)
	var code []byte
	for _, b := range bodies {
		code = append(append(code, unsigned(uint64(len(b)))...), b...)
	}
	section(10, len(bodies), code)
	data := append([]byte{0, 0x41}, signed(firstText)...)
	section(11, 1, append(append(append(data, 0x0b), unsigned(uint64(len(g.texts)))...), g.texts...))
	return out
}

// Where things are in the guest's memory.
const (
	firstText = 1024
	inputAt   = 2 << 16
	answerAt  = 3 << 16
)

type guest struct {
	texts []byte
	at    int64
}

func (g *guest) text(s string) (at int64) {
	at = g.at
	g.texts = append(g.texts, s...)
	g.at += int64(len(s))
	return at
}

// Code is what an export of a [Guest] does, step by step.
type Code struct {
	g    *guest
	body []byte
}

// Answer ends with an answer.
func (c *Code) Answer(s string) { c.result(c.g.text(s)<<32 | int64(len(s))) }

// Fail ends with an error, {"kind": …, "message": …}.
func (c *Code) Fail(s string) { c.result(c.g.text(s)<<32 | 1<<31 | int64(len(s))) }

// Claim ends with an answer of so many bytes, whatever there is.
func (c *Code) Claim(n int) { c.result(firstText<<32 | int64(n)) }

func (c *Code) result(v int64) { c.add(0x42, signed(v), 0x0f) }

// Trap ends with a crash.
func (c *Code) Trap() { c.add(0x00, nil) }

// Spin never ends.
func (c *Code) Spin() { c.add(0x03, []byte{0x40, 0x0c, 0}, 0x0b) }

// Toil goes round a loop n times and forgets the length of the input.
func (c *Code) Toil(n int) {
	c.add(0x41, signed(int64(n)), 0x21, 1)                                    // local.set 1
	c.add(0x03, []byte{0x40, 0x20, 1, 0x41, 1, 0x6b, 0x22, 1}, 0x0d, 0, 0x0b) // loop, local 1 - 1, local.tee 1, br_if 0
}

// TrapOver crashes if the input has more than n bytes.
func (c *Code) TrapOver(n int) {
	c.add(0x20, []byte{1})
	c.add(0x41, signed(int64(n)), 0x4b, 0x04, 0x40, 0x00, 0x0b) // i32.gt_u, if, unreachable, end
}

// Call runs an operation of the platform and goes on, whatever came of it.
func (c *Code) Call(operation, in string) {
	for _, s := range []string{operation, in} {
		c.add(0x41, signed(c.g.text(s)))
		c.add(0x41, signed(int64(len(s))))
	}
	c.add(0x10, []byte{0, 0x21, 2}) // call 0, local.set 2
}

// Result ends with the answer of the last operation, or its error as an answer.
func (c *Code) Result() {
	c.add(0x41, signed(answerAt))
	c.add(0x41, signed(1<<16))
	c.add(0x41, []byte{0, 0x10, 1, 0xad}) // i32.const 0, call 1, i64.extend_i32_u
	c.add(0x42, signed(answerAt<<32), 0x84, 0x0f)
}

// Echo ends with the input as the answer.
func (c *Code) Echo() {
	c.add(0x20, []byte{0, 0xad, 0x42, 32, 0x86, 0x20, 1, 0xad, 0x84, 0x0f})
}

// Log writes a line to the extension's log.
func (c *Code) Log(s string) {
	c.add(0x41, []byte{1})
	c.add(0x41, signed(c.g.text(s)))
	c.add(0x41, signed(int64(len(s))), 0x10, 2)
}

// LogInput writes the input to the extension's log.
func (c *Code) LogInput() { c.add(0x41, []byte{1, 0x20, 0, 0x20, 1, 0x10, 2}) }

func (c *Code) add(op byte, args []byte, more ...byte) {
	c.body = append(append(append(c.body, op), args...), more...)
}

// text is a name: its length and its bytes.
func text(s string) []byte { return append(unsigned(uint64(len(s))), s...) }

// unsigned and signed are the variable-length integers of WebAssembly (LEB128).
func unsigned(v uint64) (b []byte) {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func signed(v int64) (b []byte) {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
