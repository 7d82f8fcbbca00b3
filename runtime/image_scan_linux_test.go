package runtime_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
)

// scribbler is a guest of so many pages, a few parts of which are not zero at the
// beginning. Its hook does what its input says: for every 16 bytes of it, it grows,
// reads a byte, and fills a part of its memory.
func scribbler(pages int) []byte {
	fill := func(address, value, n []byte) []byte { return slices.Concat(address, value, n, []byte{opBulk, 11, 0}) }
	number := func(n int) []byte { return append([]byte{opI32Const}, sleb(n)...) }
	var start []byte
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		start = append(start, fill(number(random.IntN((pages-1)*65536)), number(1+random.IntN(255)), number(1+random.IntN(20_000)))...)
	}
	field := func(offset byte) []byte { return []byte{opLocalGet, 0, opI32Load, 2, offset} }
	const opLocalSet, opLoad8, opMemoryGrow, opI32GeU = 0x21, 0x2d, 0x40, 0x4f
	hook := slices.Concat(
		[]byte{opLocalGet, 0, opLocalGet, 1, opI32Add, opLocalSet, 1},
		[]byte{opBlock, 0x40, opLoop, 0x40, opLocalGet, 0, opLocalGet, 1, opI32GeU, opBrIf, 1},
		field(12), []byte{opMemoryGrow, 0, opDrop},
		field(0), []byte{opLoad8, 0, 0, opDrop},
		fill(field(0), field(4), field(8)),
		[]byte{opLocalGet, 0, opI32Const, 16, opI32Add, opLocalSet, 0, opBr, 0, opEnd, opEnd, opI64Const, 0},
	)
	g := tinyGuest(tinyFunction{name: "_initialize", body: start}, tinyFunction{name: "scribble", params: "ii", results: "I", body: hook})
	g.pages = pages
	return g.build()
}

// scribble is an input of the scribbler, for a memory of so many bytes: it reads
// everywhere, and writes everywhere but where the input is.
func scribble(random *rand.Rand, size int) string {
	const reserved = 4096
	var in []byte
	for range 1 + random.IntN(60) {
		n := []int{0, 1, 9, 5000, 200_000}[random.IntN(5)] // 0: it only reads
		grow := 0
		if random.IntN(200) == 0 {
			grow = 1 + random.IntN(8)
			size += grow * 65536
		}
		at := reserved + random.IntN(size-reserved)
		if random.IntN(4) == 0 {
			at &^= 4095
		}
		for _, v := range []int{at, random.IntN(256), min(n, size-at), grow} {
			in = binary.LittleEndian.AppendUint32(in, uint32(v))
		}
	}
	return string(in)
}

// Whatever guests read and write, the next call finds all of the memory as it was
// at the beginning: with what the system tells of the pages, and without.
func TestScribbledMemoryIsPutBack(t *testing.T) {
	const pages, rounds = 40, 600
	for _, tt := range []struct {
		name string
		scan bool
	}{{"written pages are known", true}, {"they are not", false}} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRuntime(t, runtime.Config{})
			if tt.scan && !runtime.Scans(r) {
				t.Skip("this system does not tell which pages were written to")
			}
			if !tt.scan {
				runtime.StopScanning(r)
			}
			m, err := r.Compile(t.Context(), scribbler(pages), runtime.Limits{Fuel: 1 << 40, Time: time.Minute, Instances: 1})
			if err != nil {
				t.Fatal(err)
			}
			first, _ := runtime.Memory(m)
			image := bytes.Clone(first)
			seed := rand.Uint64()
			random := rand.New(rand.NewPCG(seed, 0))
			keptSome := 0
			for round := range rounds {
				call(t, m, strconv.Itoa(round%3), "scribble", scribble(random, len(image)))
				switch random.IntN(12) {
				case 0:
					runtime.Memory(m) // which is idle then
					runtime.Cool(m)
				case 1:
					if err := runtime.PageOut(m); err != nil {
						t.Fatal(err)
					}
				case 2, 3, 4, 5: // the pages stay as they are
				default:
					memory, kept := runtime.Memory(m)
					if kept > 0 {
						keptSome++
					}
					if !bytes.Equal(memory, image) {
						t.Fatalf("round %d of seed %d: the memory is not put back, first at %d", round, seed, differ(memory, image))
					}
				}
			}
			if (keptSome > 0) != tt.scan {
				t.Errorf("pages were kept %d times", keptSome)
			}
		})
	}
}

// differ returns where two memories begin to differ.
func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
