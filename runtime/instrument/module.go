package instrument

import (
	"strings"
	"unicode"

	"github.com/trellis-learning/trellis"
)

// Limits that nobody needs to change: real modules stay far below them.
const (
	maxPages      = 65_536    // a 32-bit memory
	maxItems      = 100_000   // types, globals, exports, element segments, data segments
	maxMutable    = 1_000     // globals that can change: each is looked up for a new instance and put back after a call
	maxArity      = 1_000     // parameters, and results, of one type
	maxTables     = 16        // tables of one module
	maxAllLocals  = 4_000_000 // locals and parameters of all functions together
	maxNameLength = 100       // bytes of a function's name in a trace
)

// The sections (specification 5.5.2).
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
	secTag // exception handling
	sections
)

var sectionNames = [sections]string{"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count", "tag"}

// sectionRank is the place of each section in the order of a module.
var sectionRank = [sections]int{secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secTag: 6, secGlobal: 7,
	secExport: 8, secStart: 9, secElement: 10, secDataCount: 11, secCode: 12, secData: 13}

const (
	typeI32       = 0x7f
	typeI64       = 0x7e
	typeF32       = 0x7d
	typeF64       = 0x7c
	typeV128      = 0x7b
	typeFuncref   = 0x70
	typeExternref = 0x6f
	typeEmpty     = 0x40 // of a block
)

// letterOf is the letter of a value type in a [Signature].
func letterOf(t byte) byte {
	switch t {
	case typeI32:
		return 'i'
	case typeI64:
		return 'I'
	case typeF32:
		return 'f'
	case typeF64:
		return 'F'
	case typeV128:
		return 'v'
	}
	return 'r'
}

type funcType struct{ params, results []byte }

func (t funcType) signature() Signature {
	letters := func(types []byte) string {
		var b strings.Builder
		for _, t := range types {
			b.WriteByte(letterOf(t))
		}
		return b.String()
	}
	return Signature{letters(t.params), letters(t.results)}
}

type importFunc struct {
	module, name string
	typ          uint32
}

type tableType struct {
	elem     byte
	min, max uint32
}

type globalVar struct {
	typ     byte
	mutable bool
	init    []byte // encoded anew, with its end
}

type export struct {
	name  string
	kind  byte // 0 function, 1 table, 2 memory, 3 global
	index uint32
}

type dataSegment struct {
	passive bool
	offset  []byte // of an active segment, encoded anew, with its end
	at      uint32 // the offset, if fixed
	fixed   bool   // the offset is an i32.const
	bytes   []byte
}

// span is where something lies in the binary.
type span struct{ pos, end int }

// module is a parsed binary. Slices of bytes are parts of it.
type module struct {
	limits Limits
	binary []byte

	types        []funcType
	imports      []importFunc
	funcs        []uint32 // types of all functions, imported ones first
	tables       []tableType
	memory       bool
	min, max     uint32 // pages
	globals      []globalVar
	exports      []export
	start        int      // function, or -1
	elements     [][]byte // encoded anew
	elementCount int
	dataCount    int // as declared, or -1
	bodies       []span
	data         []dataSegment
	merged       []dataSegment
	declared     []bool            // functions that are named outside of the code
	names        map[uint32]string // of functions, fit for a trace

	// What the bodies do that memory and globals do not undo, by its first
	// instruction, and whether they name data segments by number.
	unresettable string
	dataByIndex  bool

	// Types that we need and the module may not have, each once.
	addedTypes map[string]int
	moreTypes  []funcType

	leaves []int64 // of each function: what it costs if it does not look at the fuel, or looks

	codeStart int
	marking   bool     // where instructions go is to be kept
	marks     [][]mark // of each body
}

// output returns the index that function f of the original module has in what we
// write: the import for yielding, if any, stands behind all others.
func (m *module) output(f uint32) uint32 {
	if m.limits.Yield && int(f) >= len(m.imports) {
		return f + 1
	}
	return f
}

// yield returns the index of the import for yielding.
func (m *module) yield() uint32 { return uint32(len(m.imports)) }

// addType returns the index of a type t.
func (m *module) addType(t funcType) int {
	key := string(t.params) + "\x00" + string(t.results)
	index, ok := m.addedTypes[key]
	if !ok {
		index = len(m.types) + len(m.moreTypes)
		m.moreTypes = append(m.moreTypes, t)
		if m.addedTypes == nil {
			m.addedTypes = make(map[string]int)
		}
		m.addedTypes[key] = index
	}
	return index
}

// parse reads everything but the bodies, which need to know all the rest.
func parse(binary []byte, l Limits) (*module, error) {
	m := &module{limits: l, binary: binary, start: -1, dataCount: -1}
	found, err := m.sections()
	if err != nil {
		return nil, err
	}
	for id, read := range [sections]func(*reader){
		secType: m.readTypes, secImport: m.readImports, secFunction: m.readFunctions, secTable: m.readTables,
		secMemory: m.readMemory, secGlobal: m.readGlobals, secExport: m.readExports, secStart: m.readStart,
		secElement: m.readElements, secDataCount: m.readDataCount, secCode: m.readCode, secData: m.readData,
	} {
		if read == nil || found[id] == (span{}) {
			continue
		}
		r := &reader{data: binary, pos: found[id].pos, end: found[id].end}
		read(r)
		if r.err == nil && r.left() != 0 {
			r.fail("%d bytes too many", r.left())
		}
		if r.err != nil {
			return nil, trellis.Errorf(trellis.Invalid, "%s section: %w", sectionNames[id], r.err)
		}
	}
	if declared := len(m.funcs) - len(m.imports); declared != len(m.bodies) {
		return nil, trellis.Errorf(trellis.Invalid, "%d functions are declared, %d have code", declared, len(m.bodies))
	}
	if m.dataCount >= 0 && m.dataCount != len(m.data) {
		return nil, trellis.Errorf(trellis.Invalid, "%d data segments are declared, there are %d", m.dataCount, len(m.data))
	}
	m.codeStart = found[secCode].pos
	if s := found[secCustom]; s != (span{}) {
		m.readNames(&reader{data: binary, pos: s.pos, end: s.end})
	}
	return m, nil
}

// sections finds the sections and checks their order. The custom section that
// it returns is the first called "name", without that name.
func (m *module) sections() (found [sections]span, err error) {
	r := &reader{data: m.binary, end: len(m.binary)}
	if string(r.bytes(min(4, r.left()))) != "\x00asm" {
		return found, trellis.Errorf(trellis.Invalid, "not a WebAssembly module: the magic number is missing")
	}
	switch v := string(r.bytes(min(4, r.left()))); {
	case len(v) == 4 && v[2:] == "\x01\x00":
		return found, trellis.Errorf(trellis.Invalid, "a WebAssembly component, where a core module is needed")
	case v != "\x01\x00\x00\x00":
		return found, trellis.Errorf(trellis.Invalid, "not WebAssembly version 1")
	}
	last := 0
	for r.err == nil && r.left() > 0 {
		at := r.pos
		id := r.byte()
		size := r.count("bytes of a section", 1)
		body := span{r.pos, r.pos + size}
		r.bytes(size)
		switch {
		case r.err != nil:
		case id == secTag:
			r.failAt(at, "exception handling is not supported (tag section)")
		case id >= sections:
			r.failAt(at, "unknown section %d", id)
		case id == secCustom:
			c := &reader{data: m.binary, pos: body.pos, end: body.end}
			name := c.name("name of a custom section")
			if c.err != nil {
				return found, c.err
			}
			if name == "name" && found[secCustom] == (span{}) {
				found[secCustom] = span{c.pos, c.end}
			}
		case sectionRank[id] == last:
			r.failAt(at, "%s section appears twice", sectionNames[id])
		case sectionRank[id] < last:
			r.failAt(at, "%s section is out of order", sectionNames[id])
		default:
			last = sectionRank[id]
			found[id] = body
		}
	}
	return found, r.err
}

// readNames reads the names of functions (specification 7.4.1). They are for
// people only, so whatever is wrong with them leaves out the rest.
func (m *module) readNames(r *reader) {
	for r.err == nil && r.left() > 0 {
		id := r.byte()
		body := r.bytes(r.count("bytes of names", 1))
		if id != 1 || r.err != nil {
			continue
		}
		s := &reader{data: r.data, pos: r.pos - len(body), end: r.pos}
		n := s.count("names", 2)
		m.names = make(map[uint32]string, min(n, len(m.funcs)))
		for range n {
			index := s.u32()
			name := s.bytes(s.count("bytes of a name", 1))
			if s.err != nil {
				return
			}
			if _, twice := m.names[index]; int(index) < len(m.funcs) && !twice {
				m.names[index] = printable(name)
			}
		}
		return
	}
}

// printable makes a name of the guest's choice fit for a log.
func printable(name []byte) string {
	const cut = "…"
	long := len(name) > maxNameLength
	if long {
		name = name[:maxNameLength-len(cut)]
	}
	s := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(string(name), "_"))
	if long {
		s += cut
	}
	return s
}
