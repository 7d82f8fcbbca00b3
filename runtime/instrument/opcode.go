package instrument

import "fmt"

// shape says what an instruction reads and does to the operand stack, as far as
// that is the same for all instructions of the shape.
type shape byte

const (
	unknown   shape = 'x'
	special   shape = '.' // has a case of its own in function.go
	unary     shape = 'u' // 1 operand, 1 result
	dual      shape = 'b' // 2 operands, 1 result
	ternary   shape = 't' // 3 operands, 1 result
	load      shape = 'l' // memory argument; 1 operand, 1 result
	store     shape = 's' // memory argument; 2 operands
	loadLane  shape = 'L' // memory argument and lane; 2 operands, 1 result
	storeLane shape = 'S' // memory argument and lane; 2 operands
	extract   shape = 'e' // lane; 1 operand, 1 result
	replace   shape = 'p' // lane; 2 operands, 1 result
	bits128   shape = 'k' // 16 bytes; 1 result
	shuffle   shape = 'h' // 16 bytes; 2 operands, 1 result

	// What the specification or a proposal knows and we refuse by name.
	exceptions shape = 'E'
	tailCalls  shape = 'T'
	typedRefs  shape = 'R'
	garbage    shape = 'G'
	atomics    shape = 'A'
)

// coreShapes are the shapes of the one-byte instructions 0x00 to 0xff
// (specification 5.4), sixteen a line.
const coreShapes = "" +
	"......EEEEE....." + // 0x00 control
	"..TTRRxxEE...xxE" + // 0x10 calls, drop, select
	".......xllllllll" + // 0x20 variables, tables, loads
	"llllllsssssssss." + // 0x30 loads, stores
	".....ubbbbbbbbbb" + // 0x40 constants, i32 comparisons
	"ubbbbbbbbbbbbbbb" + // 0x50 i64 and f32 comparisons
	"bbbbbbbuuubbbbbb" + // 0x60 f64 comparisons, i32 arithmetic
	"bbbbbbbbbuuubbbb" + // 0x70 i64 arithmetic
	"bbbbbbbbbbbuuuuu" + // 0x80 f32 arithmetic
	"uubbbbbbbuuuuuuu" + // 0x90 f64 arithmetic
	"bbbbbbbuuuuuuuuu" + // 0xa0 conversions
	"uuuuuuuuuuuuuuuu" + // 0xb0
	"uuuuuxxxxxxxxxxx" + // 0xc0 sign extension
	".u.GRRRxxxxxxxxx" + // 0xd0 references
	"xxxxxxxxxxxxxxxx" + // 0xe0
	"xxxxxxxxxxxG..Ax" //   0xf0 prefixes

// vectorShapes are the shapes of the instructions with prefix 0xfd.
const vectorShapes = "" +
	"lllllllllllskhbu" + // 0x00
	"uuuuueepeepepepe" + // 0x10
	"pepbbbbbbbbbbbbb" + // 0x20
	"bbbbbbbbbbbbbbbb" + // 0x30
	"bbbbbbbbbbbbbubb" + // 0x40
	"bbtuLLLLSSSSlluu" + // 0x50
	"uuuuubbuuuubbbbb" + // 0x60
	"bbbbuubbbbubuuuu" + // 0x70
	"uubuubbuuuubbbbb" + // 0x80
	"bbbbubbbbbxbbbbb" + // 0x90
	"uuxuuxxuuuubbbbx" + // 0xa0
	"xbxxxbbbbbbxbbbb" + // 0xb0
	"uuxuuxxuuuubbbbx" + // 0xc0
	"xbxxxbbbbbbbbbbb" + // 0xd0
	"uuxubbbbbbbbuuxu" + // 0xe0
	"bbbbbbbbuuuuuuuu" //   0xf0

// stack is what a shape takes and gives.
func (s shape) stack() (operands, results int) {
	switch s {
	case unary, load, extract:
		return 1, 1
	case dual, replace, loadLane, shuffle:
		return 2, 1
	case ternary:
		return 3, 1
	case store, storeLane:
		return 2, 0
	case bits128:
		return 0, 1
	}
	return 0, 0
}

// refusal names the feature of an instruction that is not taken.
func (s shape) refusal(op string) string {
	switch s {
	case exceptions:
		return "exception handling is not supported (instruction " + op + ")"
	case tailCalls:
		return "tail calls are not supported (instruction " + op + ")"
	case typedRefs:
		return "typed function references are not supported (instruction " + op + ")"
	case garbage:
		return "garbage collection is not supported (instruction " + op + ")"
	case atomics:
		return "threads and atomic instructions are not supported (instruction " + op + ")"
	}
	return "unknown instruction " + op
}

func hex(op byte) string                   { return fmt.Sprintf("%#02x", op) }
func hexSub(prefix byte, op uint32) string { return fmt.Sprintf("%#02x %#02x", prefix, op) }

// The instructions that have a case of their own, or that we write.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectType   = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32GtU       = 0x4b
	opI64LtS       = 0x53
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32Mul       = 0x6c
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64Shl       = 0x86
	opI64ShrU      = 0x88
	opI64ExtendU   = 0xad
	opI32LeU       = 0x4d
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opBulk         = 0xfc
	opVector       = 0xfd
)

// The instructions with prefix 0xfc.
const (
	bulkMemoryInit = 8 + iota
	bulkDataDrop
	bulkMemoryCopy
	bulkMemoryFill
	bulkTableInit
	bulkElemDrop
	bulkTableCopy
	bulkTableGrow
	bulkTableSize
	bulkTableFill
)
