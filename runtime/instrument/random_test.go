package instrument_test

import (
	"encoding/binary"
	"slices"
	"strings"
)

// maker writes a random module that is always valid, and always ends: each turn of
// a loop and each call of a function takes one from a global, and traps when there
// is nothing left. Its choices are the bytes of in; once they are spent it chooses
// what is simplest, so that few bytes make a small module.
type maker struct {
	in      []byte
	types   []signature
	funcs   []int  // types; function 0 is imported
	globals string // types; global 0 is what loops and calls take from
	numbers map[byte][]numeric

	out    []byte
	locals string   // of the present function
	labels []string // of the blocks around, the innermost last: what a branch there passes
	depth  int
	result string
}

type signature struct{ params, results string }

const (
	makerTurns    = 300 // of all loops and calls together
	makerDepth    = 12
	makerTable    = 8
	makerPages    = 3
	makerPassive  = 40 // bytes of the passive data segment
	makerTableAll = 20 // elements that the table may grow to
)

var valueLetters = map[byte]byte{'i': i32, 'I': i64, 'f': 0x7d, 'F': f64, 'v': v128}

func valueTypes(letters string) []byte {
	var b []byte
	for i := range len(letters) {
		b = append(b, valueLetters[letters[i]])
	}
	return b
}

// pick returns a number below n, 0 when the choices are spent.
func (m *maker) pick(n int) int {
	if len(m.in) == 0 {
		return 0
	}
	c := int(m.in[0])
	m.in = m.in[1:]
	if n > 256 && len(m.in) > 0 {
		c = c<<8 | int(m.in[0])
		m.in = m.in[1:]
	}
	return c % n
}

func (m *maker) letters(most int, of string) string {
	var b strings.Builder
	for range m.pick(most + 1) {
		b.WriteByte(of[m.pick(len(of))])
	}
	return b.String()
}

func (m *maker) emit(b ...byte) { m.out = append(m.out, b...) }

// randomModule returns the module that in stands for. Its functions are exported
// as f1, f2, …, its globals that are not vectors as g0, g1, …, its memory as
// "memory".
func randomModule(in []byte) []byte {
	m := &maker{in: in, numbers: map[byte][]numeric{}, globals: "i"}
	for _, n := range numerics() {
		m.numbers[n.result] = append(m.numbers[n.result], n)
	}
	m.types = []signature{{"i", "i"}, {"", ""}}
	for range m.pick(5) {
		m.types = append(m.types, signature{m.letters(4, "iIfFv"), m.letters(3, "iIfFv")})
	}
	m.funcs = []int{0}
	for range 1 + m.pick(4) {
		m.funcs = append(m.funcs, m.pick(len(m.types)))
	}
	m.globals += m.letters(5, "iIfFv")
	var bodies [][]byte
	for f := 1; f < len(m.funcs); f++ {
		bodies = append(bodies, m.function(m.types[m.funcs[f]]))
	}
	return m.module(bodies)
}

func (m *maker) module(bodies [][]byte) []byte {
	var types, functions, globals, exports [][]byte
	for _, t := range m.types {
		types = append(types, typ(valueTypes(t.params), valueTypes(t.results)))
	}
	for f, t := range m.funcs {
		if f > 0 {
			functions = append(functions, uleb(t))
			exports = append(exports, exported("f"+string(rune('0'+f)), 0, byte(f)))
		}
	}
	for g := range len(m.globals) {
		m.out = nil
		m.constant(m.globals[g])
		globals = append(globals, cat([]byte{valueLetters[m.globals[g]], 1}, m.out, []byte{0x0b}))
		if m.globals[g] != 'v' {
			exports = append(exports, exported("g"+string(rune('0'+g)), 3, byte(g)))
		}
	}
	exports = append(exports, exported("memory", 2, 0))
	elements := func() []byte { // functions, for the table
		b := uleb(makerTable / 2)
		for range makerTable / 2 {
			b = append(b, byte(m.pick(len(m.funcs))))
		}
		return b
	}
	declared := uleb(len(m.funcs))
	for f := range m.funcs {
		declared = append(declared, byte(f))
	}
	return module(
		section(1, types...),
		section(2, cat(str("env"), str("host"), []byte{0, 0})),
		section(3, functions...),
		section(4, []byte{funcref, 1, makerTable, makerTableAll}, []byte{0x6f, 0, 2}),
		section(5, []byte{1, 1, makerPages}),
		section(6, globals...),
		section(7, exports...),
		section(9, cat([]byte{0, 0x41, 0, 0x0b}, elements()), cat([]byte{1, 0}, elements()), cat([]byte{3, 0}, declared)),
		[]byte{12, 1, 2},
		section(10, bodies...),
		section(11, cat([]byte{0, 0x41, 16, 0x0b}, str("some data that is there at the start")), cat([]byte{1}, str(strings.Repeat("x", makerPassive)))),
	)
}

func (m *maker) function(t signature) []byte {
	m.out, m.labels, m.depth, m.result = nil, []string{t.results}, 0, t.results
	own := m.letters(5, "iIfFv") + "iIfFv" // the last of each type is for what has to wait
	m.locals = t.params + own
	m.turn()
	m.statements()
	m.values(t.results)
	var groups []byte
	for i := range len(own) {
		groups = append(groups, 1, valueLetters[own[i]])
	}
	return sized(cat(uleb(len(own)), groups, m.out, []byte{0x0b}))
}

// turn takes one from global 0, and traps if there is none.
func (m *maker) turn() {
	m.emit(0x23, 0, 0x41, 1, 0x6b, 0x24, 0, 0x23, 0, 0x41, 0, 0x48, 0x04, 0x40, 0x00, 0x0b)
}

func (m *maker) statements() {
	for range m.pick(6) {
		m.statement()
	}
}

func (m *maker) values(types string) {
	for i := range len(types) {
		m.value(types[i])
	}
}

// local returns a local of type t; each function has one.
func (m *maker) local(t byte) byte {
	var of []byte
	for i := range len(m.locals) {
		if m.locals[i] == t {
			of = append(of, byte(i))
		}
	}
	return of[m.pick(len(of))]
}

// spare returns the local of type t that is written just before it is read.
func (m *maker) spare(t byte) byte { return byte(strings.LastIndexByte(m.locals, t)) }

// global returns a global of type t that may be written.
func (m *maker) global(t byte) (byte, bool) {
	var of []byte
	for i := 1; i < len(m.globals); i++ {
		if m.globals[i] == t {
			of = append(of, byte(i))
		}
	}
	if len(of) == 0 {
		return 0, false
	}
	return of[m.pick(len(of))], true
}

func (m *maker) constant(t byte) {
	small := []int64{0, 1, -1, 2, 7, 31, 64, 255, 1 << 20, -1 << 31, 1<<31 - 1, 12345}
	n := small[m.pick(len(small))]
	switch t {
	case 'i':
		m.emit(append([]byte{0x41}, sleb(int64(int32(n)))...)...)
	case 'I':
		m.emit(append([]byte{0x42}, sleb(n<<m.pick(40))...)...)
	case 'f':
		floats := []uint32{0, 0x3f800000, 0xbf800000, 0x7f800000, 0x7fc00000, 1, 0x4f000000, 0x80000000, 0x3fc00000}
		m.emit(binary.LittleEndian.AppendUint32([]byte{0x43}, floats[m.pick(len(floats))])...)
	case 'F':
		floats := []uint64{0, 0x3ff << 52, 0xbff << 52, 0x7ff << 52, 0x7ff8 << 48, 1, 0x41e << 52, 1 << 63, 0x3ff8 << 48}
		m.emit(binary.LittleEndian.AppendUint64([]byte{0x44}, floats[m.pick(len(floats))])...)
	case 'v':
		m.emit(0xfd, 12)
		for range 16 {
			m.emit(byte(m.pick(256)))
		}
	}
}

func sleb(n int64) []byte {
	var b []byte
	for ; n < -0x40 || n >= 0x40; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n)&0x7f)
}

// value writes code that puts a value of type t on the stack.
func (m *maker) value(t byte) {
	m.depth++
	defer func() { m.depth-- }()
	choice := m.pick(16)
	if m.depth > makerDepth || len(m.in) == 0 {
		choice %= 3
	}
	switch choice {
	case 0:
		m.emit(0x20, m.local(t))
	case 1:
		m.constant(t)
	case 2:
		if g, ok := m.global(t); ok {
			m.emit(0x23, g)
		} else {
			m.constant(t)
		}
	case 3:
		m.value(t)
		m.emit(0x22, m.local(t))
	case 4:
		m.load(t)
	case 5: // block
		m.block(0x02, string(t))
	case 6: // loop
		m.block(0x03, string(t))
	case 7:
		m.value('i')
		m.block(0x04, string(t))
	case 8:
		m.value(t)
		m.value(t)
		m.value('i')
		if t == 'v' {
			m.emit(0x1c, 1, v128)
		} else {
			m.emit(0x1b)
		}
	case 9:
		m.callFor(t)
	case 10:
		m.odd(t)
	default:
		m.numeric(t)
	}
}

// numeric is an instruction on numbers. Where the result may be NaN, zero takes
// its place: engines differ in its bits.
func (m *maker) numeric(t byte) {
	of := m.numbers[t]
	n := of[m.pick(len(of))]
	m.values(n.params)
	m.emit(n.code...)
	if n.nan == 0 {
		return
	}
	s := m.spare(t)
	equal := map[byte][]byte{'f': {0x5b}, 'F': {0x61}}[n.nan]
	if t == 'v' {
		equal = map[byte][]byte{'f': {0xfd, 0x41}, 'F': {0xfd, 0x47}}[n.nan]
		m.emit(cat([]byte{0x22, s, 0x20, s, 0x20, s}, equal, []byte{0xfd, 0x4e})...)
		return
	}
	m.emit(0x22, s)
	m.emit(map[byte][]byte{'f': {0x43, 0, 0, 0, 0}, 'F': {0x44, 0, 0, 0, 0, 0, 0, 0, 0}}[t]...)
	m.emit(cat([]byte{0x20, s, 0x20, s}, equal, []byte{0x1b})...)
}

// address writes one that is mostly within the memory.
func (m *maker) address() {
	m.value('i')
	if m.pick(8) != 1 {
		m.emit(cat([]byte{0x41}, sleb(0xffff), []byte{0x71})...)
	}
}

func (m *maker) load(t byte) {
	m.address()
	op := map[byte]string{'i': "\x28\x2c\x2d\x2e\x2f", 'I': "\x29\x30\x31\x32\x33\x34\x35", 'f': "\x2a", 'F': "\x2b", 'v': "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x5c\x5d"}[t]
	if t == 'v' {
		m.emit(0xfd)
	}
	m.emit(op[m.pick(len(op))], 0, byte(m.pick(64)))
}

func (m *maker) store(t byte) {
	m.address()
	m.value(t)
	op := map[byte]string{'i': "\x36\x3a\x3b", 'I': "\x37\x3c\x3d\x3e", 'f': "\x38", 'F': "\x39", 'v': "\x0b"}[t]
	if t == 'v' {
		m.emit(0xfd)
	}
	m.emit(op[m.pick(len(op))], 0, byte(m.pick(64)))
}

// odd is what only some types have.
func (m *maker) odd(t byte) {
	switch {
	case t == 'v': // a lane of the memory
		m.address()
		m.value('v')
		m.emit(0xfd, 0x54+byte(m.pick(4)), 0, 0, 1)
	case t != 'i':
		m.constant(t)
	default:
		switch m.pick(5) {
		case 0:
			m.emit(0x3f, 0)
		case 1:
			m.value('i')
			m.emit(0x40, 0)
		case 2:
			m.emit(0xfc, 16, 0) // table.size
		case 3: // table.grow
			m.emit(0xd0, funcref)
			m.value('i')
			m.emit(0xfc, 15, 0)
		default: // ref.is_null of table.get
			m.value('i')
			m.emit(0x25, 0, 0xd1)
		}
	}
}

// callFor calls a function that has a t among its results, if there is one.
func (m *maker) callFor(t byte) {
	f := m.pick(len(m.funcs))
	results := m.types[m.funcs[f]].results
	at := strings.IndexByte(results, t)
	if at < 0 {
		m.constant(t)
		return
	}
	m.call(f)
	for i := len(results) - 1; i > at; i-- {
		m.emit(0x1a)
	}
	if at > 0 { // what lies below goes too
		s := m.spare(t)
		m.emit(0x21, s)
		m.emit(slices.Repeat([]byte{0x1a}, at)...)
		m.emit(0x20, s)
	}
}

func (m *maker) call(f int) {
	t := m.funcs[f]
	m.values(m.types[t].params)
	if m.pick(3) != 1 {
		m.emit(0x10, byte(f))
		return
	}
	m.value('i')
	m.emit(cat([]byte{0x41, makerTable - 1, 0x71, 0x11}, uleb(t), []byte{0})...)
}
