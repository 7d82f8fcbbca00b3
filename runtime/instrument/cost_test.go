package instrument_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// bridges turn a value of one type into one of another, as fast as can be.
var bridges = map[string][]byte{
	"iI": {0xad}, "Ii": {0xa7}, "fi": {0xbc}, "if": {0xbe}, "FI": {0xbd}, "IF": {0xbf},
	"vi": {0xfd, 27, 0}, "iv": {0xfd, 17}, "vI": {0xfd, 29, 0}, "Iv": {0xfd, 18}, "vf": {0xfd, 31, 0}, "fv": {0xfd, 19}, "vF": {0xfd, 33, 0}, "Fv": {0xfd, 20},
	"Fi": {0xbd, 0xa7}, "iF": {0xad, 0xbf}, "fI": {0xbc, 0xad}, "If": {0xa7, 0xbe}, "fF": {0xbb}, "Ff": {0xb6},
}

// chain is a module whose function "f" runs n in a loop, each time on its own
// result, so that the processor waits for it.
func chain(n numeric) []byte {
	locals := "iIfFv" // behind the counter; each begins as something that all take
	local := func(t byte) byte { return byte(1 + strings.IndexByte(locals, t)) }
	var b []byte
	b = append(b, 0x41, 3, 0x21, 1, 0x42, 3, 0x21, 2, 0x43, 0, 0, 0xc0, 0x3f, 0x21, 3, 0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x21, 4)
	b = append(b, 0x20, 4, 0xfd, 20, 0x21, 5, 0x03, 0x40)
	const often = 8
	first := n.params[0]
	for range often {
		for i := range len(n.params) {
			b = append(b, 0x20, local(n.params[i]))
		}
		b = append(b, n.code...)
		if n.result != first {
			b = append(b, bridges[string([]byte{n.result, first})]...)
		}
		b = append(b, 0x21, local(first))
		switch { // what divides by zero or does not fit into an integer traps
		case first == 'i' && len(n.params) == 2:
			b = append(b, 0x20, 1, 0x41, 1, 0x72, 0x21, 1)
		case first == 'I' && len(n.params) == 2:
			b = append(b, 0x20, 2, 0x42, 1, 0x84, 0x21, 2)
		case first == 'f' && n.result != 'f':
			b = append(b, 0x20, 3, 0x43, 0, 0, 0x80, 0x3f, 0x96, 0x21, 3) // at most 1
		case first == 'F' && n.result != 'F':
			b = append(b, 0x20, 4, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0xa4, 0x21, 4)
		}
	}
	b = append(b, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x0b)
	return one([]byte{i32}, nil, cat([]byte{5}, []byte{1, i32, 1, i64, 1, 0x7d, 1, f64, 1, v128}), b...)
}

// perFuel returns the nanoseconds that a unit of fuel takes in a function whose
// one parameter says how often it is to do something.
func perFuel(b *testing.B, g guest, name string, rounds uint64) float64 {
	b.Helper()
	best := 0.0
	f := g.ExportedFunction(name)
	for range 5 {
		g.refuel(plenty)
		began := time.Now()
		if err := f.CallWithStack(b.Context(), []uint64{rounds}); err != nil {
			b.Fatal(err)
		}
		took := float64(time.Since(began).Nanoseconds()) / float64(plenty-g.left())
		if best == 0 || took < best {
			best = took
		}
	}
	return best
}

// BenchmarkNumeric compares the time of each instruction on numbers with the time
// that its fuel stands for, and prints those that take the longest. "worst" is
// what should not exceed 1.3 by much.
func BenchmarkNumeric(b *testing.B) {
	binary, err := os.ReadFile(filepath.Join("..", "calibrate", "calibrate.wasm"))
	if err != nil {
		b.Fatal(err)
	}
	scale := instantiate(b, binary, instrument.Limits{})
	slowest := func() (ns float64) {
		for _, kind := range []string{"scan", "chase", "divide"} {
			ns = max(ns, perFuel(b, scale, kind, 16))
		}
		return ns
	}
	type entry struct {
		name  string
		ratio float64
	}
	var all []entry
	for b.Loop() {
		all = all[:0]
		for _, n := range numerics() {
			g := instantiate(b, chain(n), instrument.Limits{})
			ratio := perFuel(b, g, "f", 2000) / slowest()
			all = append(all, entry{fmt.Sprintf("%x %s->%c", n.code, n.params, n.result), ratio})
			g.Module.Close(b.Context())
		}
	}
	slices.SortFunc(all, func(x, y entry) int { return int((y.ratio - x.ratio) * 1000) })
	for _, e := range all[:8] { // more would not be printed
		b.Logf("%-20s %.2f", e.name, e.ratio)
	}
	b.ReportMetric(all[0].ratio, "worst")
}
