package runtime_test

import (
	"context"
	"encoding/binary"
	"math"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
	"golang.org/x/sys/unix"
)

// priced is a kind of work that a guest does in a loop until its fuel is spent.
type priced struct {
	name   string
	longer uint64 // how many times as long as others it runs
	before []byte // runs once; locals 2 and 3 are i64, 4 and 5 f64, 6 and 7 vectors
	body   []byte
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func constI32(n int) []byte { return append([]byte{opI32Const}, sleb(n)...) }
func constI64(n int) []byte { return append([]byte{opI64Const}, sleb(n)...) }
func constF64(v float64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{0x44}, math.Float64bits(v))
}

// Numbers of the functions that a priced module imports or has.
const (
	pricedNow = iota
	pricedRead
	pricedLog
	pricedRandom
	pricedCallHost
	pricedWrite
	pricedClock
	pricedAlloc
	_ // hook
	pricedLeaf
	pricedWide
	pricedNest
)

const (
	local2, local3 = 2, 3 // i64
	local4         = 4    // f64
	local6         = 6    // v128
	pricedPages    = 128  // 8 MiB
	mebibyte       = 1 << 20
	pricedLeafType = 9 // of pricedLeaf
)

// step is local n = op(local n, operand).
func step(local byte, operand []byte, op ...byte) []byte {
	return cat([]byte{opLocalGet, local}, operand, op, []byte{0x21, local})
}

// bulk3 is an instruction with three constant operands.
func bulk3(a, b, c int, op ...byte) []byte {
	return cat(constI32(a), constI32(b), constI32(c), []byte{opBulk}, op)
}

func vectorOp(sub ...byte) []byte { return append([]byte{0xfd}, sub...) }

// links fills the first mask+1 words of 4 bytes with a way through all of them.
func links(mask int) []byte {
	return cat(constI64(0), []byte{0x21, local2, opLoop, 0x40},
		[]byte{opLocalGet, local2, 0xa7}, constI32(4), []byte{0x6c}, // address: 4 i
		[]byte{opLocalGet, local2, 0xa7}, constI32(40503*4+1), []byte{0x6c}, constI32(12345), []byte{0x6a}, constI32(mask), []byte{0x71}, constI32(4), []byte{0x6c},
		[]byte{opI32Store, 2, 0},
		step(local2, constI64(1), 0x7c),
		[]byte{opLocalGet, local2}, constI64(mask), []byte{0x58, opBrIf, 0, opEnd},
		constI64(0), []byte{0x21, local2})
}

// chase is local 2 = the word at local 2.
var chase = []byte{opLocalGet, local2, 0xa7, opI32Load, 2, 0, opI64ExtendU, 0x21, local2}

func pricedKinds() []priced {
	random := cat( // xorshift
		step(local2, cat([]byte{opLocalGet, local2}, constI64(13), []byte{0x86}), 0x85),
		step(local2, cat([]byte{opLocalGet, local2}, constI64(7), []byte{0x88}), 0x85),
		step(local2, cat([]byte{opLocalGet, local2}, constI64(17), []byte{0x86}), 0x85))
	seed := cat(constI64(88172645463325252), []byte{0x21, local2})
	float := cat(constF64(1.5), []byte{0x21, local4})
	wide := make([]byte, 0, 100)
	for range 50 {
		wide = append(wide, opI32Const, 1)
	}
	wide = append(append(wide, opCall, pricedWide), slices.Repeat([]byte{opDrop}, 50)...)
	return []priced{
		{"nothing", 1, nil, nil},
		{"add", 1, nil, step(local2, constI64(3), 0x7c)},
		{"multiply", 1, nil, step(local2, constI64(3), 0x7e)},
		{"divide i32", 1, nil, cat(constI32(-1), []byte{opLocalGet, local2, 0xa7}, constI32(1), []byte{0x72, 0x6e, opI64ExtendU, 0x21, local2})},
		{"divide i64", 1, nil, cat(constI64(-1), []byte{opLocalGet, local2}, constI64(1), []byte{0x84, 0x80, 0x21, local2})},
		{"remainder i64", 1, nil, cat(constI64(math.MinInt64), []byte{opLocalGet, local2}, constI64(1), []byte{0x84, 0x81, 0x21, local2})},
		{"popcnt", 1, nil, cat([]byte{opLocalGet, local2, 0x7b, 0x21, local2})},
		{"divide f64", 1, float, step(local4, constF64(1.0001), 0xa3)},
		{"sqrt f64", 1, float, cat([]byte{opLocalGet, local4, 0x9f, 0x21, local4})},
		{"min f64", 1, float, step(local4, constF64(2), 0xa4)},
		{"nearest f64", 1, float, cat([]byte{opLocalGet, local4, 0x9e, 0x21, local4})},
		{"convert", 1, float, cat([]byte{opLocalGet, local4, 0xfc, 6, 0xb9, 0x21, local4})},
		{"convert unsigned", 1, float, cat([]byte{opLocalGet, local4, 0xb1, 0xba, 0x21, local4})},
		{"mispredicted branches", 1, seed, cat(random, []byte{opBlock, 0x40, opLocalGet, local2, 0xa7}, constI32(1), []byte{0x71, opBrIf, 0}, step(local3, constI64(1), 0x7c), []byte{opEnd})},
		{"mispredicted br_table", 1, seed, cat(random, []byte{opBlock, 0x40, opBlock, 0x40, opBlock, 0x40, opBlock, 0x40, opLocalGet, local2, 0xa7}, constI32(3), []byte{0x71, opBrTable, 3, 0, 1, 2, 3, opEnd},
			step(local3, constI64(1), 0x7c), []byte{opEnd}, step(local3, constI64(2), 0x7c), []byte{opEnd}, step(local3, constI64(3), 0x7e), []byte{opEnd})},
		{"load", 1, nil, chase},
		{"store", 1, nil, cat(chase, constI32(0), []byte{opLocalGet, local2, 0xa7, opI32Store, 2, 0})},
		{"chase 256 KiB", 1, links(1<<16 - 1), chase},
		{"chase 1 MiB", 4, links(1<<18 - 1), chase},
		{"chase 8 MiB", 25, links(1<<21 - 1), chase},
		{"globals", 1, nil, cat([]byte{opGlobalGet, 0}, constI32(1), []byte{opI32Add, opGlobalSet, 0})},
		{"call", 1, nil, []byte{opCall, pricedLeaf}},
		{"call within call", 1, nil, []byte{opCall, pricedNest}},
		{"call with 50 values", 1, nil, wide},
		{"call_indirect", 1, nil, cat(constI32(0), []byte{0x11, pricedLeafType, 0})},
		{"table.get and set", 1, nil, cat(constI32(1), constI32(0), []byte{opTableGet, 0, opTableSet, 0})},
		{"table.fill 8", 1, nil, cat(constI32(0), []byte{opRefNull, typeFuncref}, constI32(8), []byte{opBulk, 17, 0})},
		{"table.fill 100", 1, nil, cat(constI32(8), []byte{opRefNull, typeFuncref}, constI32(100), []byte{opBulk, 17, 0})},
		{"table.copy 8", 1, nil, bulk3(0, 8, 8, 14, 0, 0)},
		{"table.copy 100", 1, nil, bulk3(0, 8, 100, 14, 0, 0)},
		{"table.grow 0", 1, nil, cat([]byte{opRefNull, typeFuncref}, constI32(0), []byte{opBulk, 15, 0, opDrop})},
		{"table.grow 1", 1, nil, cat([]byte{opRefNull, typeFuncref}, constI32(1), []byte{opBulk, 15, 0, opDrop})},
		{"table.size", 1, nil, cat([]byte{opBulk, 16, 0, opDrop})},
		{"memory.size", 1, nil, cat([]byte{0x3f, 0, opDrop})},
		{"memory.grow 0", 1, nil, cat(constI32(0), []byte{0x40, 0, opDrop})},
		{"memory.grow 1", 25, nil, grow(1)},
		{"memory.grow 1, from little", 25, nil, grow(1)},
		{"memory.grow 16, from little", 25, nil, grow(16)},
		{"memory.grow, refused", 1, nil, cat(constI32(-1), []byte{0x40, 0, opDrop})},
		{"memory.fill 0", 1, nil, bulk3(0, 1, 0, 11, 0)},
		{"memory.fill 64 B", 1, nil, bulk3(0, 1, 64, 11, 0)},
		{"memory.fill 4 KiB", 1, nil, bulk3(0, 1, 4096, 11, 0)},
		{"memory.fill 1 MiB", 1, nil, bulk3(0, 1, mebibyte, 11, 0)},
		{"memory.fill 8 MiB", 1, nil, bulk3(0, 1, 8*mebibyte, 11, 0)},
		{"memory.copy 0", 1, nil, bulk3(0, 1, 0, 10, 0, 0)},
		{"memory.copy 64 B", 1, nil, bulk3(0, 128, 64, 10, 0, 0)},
		{"memory.copy 4 KiB", 1, nil, bulk3(0, 8192, 4096, 10, 0, 0)},
		{"memory.copy 4 KiB, overlapping", 1, nil, bulk3(1, 0, 4096, 10, 0, 0)},
		{"memory.copy 1 MiB", 1, nil, bulk3(0, 2*mebibyte, mebibyte, 10, 0, 0)},
		{"memory.copy 1 MiB, overlapping", 1, nil, bulk3(1, 0, mebibyte, 10, 0, 0)},
		{"memory.copy 4 MiB", 1, nil, bulk3(0, 4*mebibyte, 4*mebibyte, 10, 0, 0)},
		{"memory.init 64 B", 1, nil, bulk3(0, 0, 64, 8, 0, 0)},
		{"vector add", 1, nil, step(local6, []byte{opLocalGet, local6}, vectorOp(0xae, 1)...)},
		{"vector multiply i64x2", 1, nil, step(local6, []byte{opLocalGet, local6}, vectorOp(0xd5, 1)...)},
		{"vector shift i8x16", 1, nil, step(local6, constI32(3), vectorOp(0x6b)...)},
		{"vector shift i64x2", 1, nil, step(local6, constI32(3), vectorOp(0xcc, 1)...)},
		{"vector swizzle", 1, nil, step(local6, []byte{opLocalGet, local6}, vectorOp(0x0e)...)},
		{"vector sqrt f64x2", 1, nil, cat([]byte{opLocalGet, local6}, vectorOp(0xef, 1), []byte{0x21, local6})},
		{"vector divide f64x2", 1, nil, step(local6, []byte{opLocalGet, local6}, vectorOp(0xf3, 1)...)},
		{"vector min f64x2", 1, nil, step(local6, []byte{opLocalGet, local6}, vectorOp(0xf4, 1)...)},
		{"vector trunc_sat", 1, nil, cat([]byte{opLocalGet, local6}, vectorOp(0xf9, 1), []byte{0x21, local6})},
		{"vector popcnt", 1, nil, cat([]byte{opLocalGet, local6}, vectorOp(0x62), []byte{0x21, local6})},
		{"vector extmul", 1, nil, step(local6, []byte{opLocalGet, local6}, vectorOp(0xdc, 1)...)},
		{"host now", 1, nil, []byte{opCall, pricedNow, opDrop}},
		{"host read", 1, nil, cat(constI32(0), constI32(64), constI32(0), []byte{opCall, pricedRead, opDrop})},
		{"host log", 1, nil, cat(constI32(1), constI32(0), constI32(40), []byte{opCall, pricedLog})},
		{"host random 16 B", 1, nil, cat(constI32(0), constI32(16), []byte{opCall, pricedRandom})},
		{"host random 64 KiB", 1, nil, cat(constI32(0), constI32(1<<16), []byte{opCall, pricedRandom})},
		{"host call", 1, nil, cat(constI32(0), constI32(1), constI32(0), constI32(64), []byte{opCall, pricedCallHost, opDrop})},
		{"host call 64 KiB", 1, nil, cat(constI32(0), constI32(1), constI32(0), constI32(1<<16), []byte{opCall, pricedCallHost, opDrop})},
		{"fd_write", 1, nil, cat(constI32(1), constI32(1024), constI32(1), constI32(2048), []byte{opCall, pricedWrite, opDrop})},
		{"clock_time_get", 1, nil, cat(constI32(0), constI64(0), constI32(2048), []byte{opCall, pricedClock, opDrop})},
	}
}

// grow adds pages to the memory until there can be no more, and ends.
func grow(pages int) []byte {
	return cat(constI32(pages), []byte{0x40, 0}, constI32(-1), []byte{0x46, 0x04, 0x40, opI64Const, 0, 0x0f, opEnd})
}

func (p priced) build() []byte {
	m := tinyGuest(
		tinyFunction{name: "leaf"},
		tinyFunction{name: "wide", params: letter('i', 50), results: letter('i', 50), body: wideBody()},
		tinyFunction{name: "nest", body: []byte{opCall, pricedLeaf}},
	)
	m.imports = []tinyFunction{
		{module: "trellis", name: "now", results: "I"},
		{module: "trellis", name: "read", params: "iii", results: "i"},
		{module: "trellis", name: "log", params: "iii"},
		{module: "trellis", name: "random", params: "ii"},
		{module: "trellis", name: "call", params: "iiii", results: "I"},
		{module: "wasi_snapshot_preview1", name: "fd_write", params: "iiii", results: "i"},
		{module: "wasi_snapshot_preview1", name: "clock_time_get", params: "iIi", results: "i"},
	}
	pages := pricedPages
	if strings.HasSuffix(p.name, "little") {
		pages = 1
	}
	m.pages, m.table, m.globals, m.data = pages, 120, 1, string(make([]byte, 64))
	m.exports[1].locals = []byte{3, 2, typeI64, 2, 0x7c, 2, 0x7b}
	iovec := cat(constI32(1024), constI32(0), []byte{opI32Store, 2, 0}, constI32(1028), constI32(40), []byte{opI32Store, 2, 0})
	first := cat(constI32(0), []byte{opRefFunc, pricedLeaf, opTableSet, 0})
	m.exports[1].body = cat(iovec, first, p.before, []byte{opLoop, 0x40}, p.body, []byte{opBr, 0, opEnd, opI64Const, 0})
	return m.build()
}

func letter(l byte, n int) string { return string(slices.Repeat([]byte{l}, n)) }

func wideBody() []byte {
	var b []byte
	for i := range 50 {
		b = append(b, opLocalGet, byte(i))
	}
	return b
}

// processor returns the time that this thread has had of a processor: the machine
// may be busy with other things.
func processor(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// BenchmarkPrice says for each kind of work how much time its fuel takes, compared
// with the time that the fuel stands for. What is above 1 overruns it.
func BenchmarkPrice(b *testing.B) {
	r := newRuntime(b, runtime.Config{})
	fuel := r.FuelPerSecond() / 100
	for _, k := range pricedKinds() {
		b.Run(k.name, func(b *testing.B) {
			m, err := r.Compile(context.Background(), k.build(), runtime.Limits{HostCalls: 1 << 20, Fuel: 30 * fuel, Time: patience})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close(context.Background())
			goruntime.LockOSThread()
			defer goruntime.UnlockOSThread()
			best := math.Inf(1)
			for b.Loop() {
				began := processor(b)
				_, s, _ := m.Call(context.Background(), runtime.Call{Hook: "hook", Budget: runtime.Budget{Fuel: k.longer * fuel, Time: time.Hour}, Patience: time.Hour})
				best = min(best, (processor(b)-began).Seconds()/float64(s.Fuel)*float64(r.FuelPerSecond()))
			}
			b.ReportMetric(best, "of-its-time")
			b.ReportMetric(0, "ns/op")
		})
	}
}
