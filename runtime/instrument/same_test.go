package instrument_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// outcome is all that can be seen of the calls of a module's functions.
type outcome struct {
	Results [][]uint64
	Traps   []string
	Globals []uint64
	Memory  []byte
	Host    []uint64 // what the imported function was given
}

// way is a way to run a random module.
type way struct {
	rewrite     bool
	yield       bool
	interpreter bool
	fuel        uint64 // of each call; 0: plenty
}

func (r way) String() string {
	return fmt.Sprintf("rewritten %v, yielding %v, interpreted %v, fuel %d", r.rewrite, r.yield, r.interpreter, r.fuel)
}

// outcome runs each function of the module once, on one instance, and says what
// fuel each call left.
func (r way) outcome(t *testing.T, binary []byte) (o outcome, left []int64) {
	t.Helper()
	ctx := context.Background()
	config := wazero.NewRuntimeConfigCompiler()
	if r.interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	engine := wazero.NewRuntimeWithConfig(ctx, config)
	defer engine.Close(ctx)
	g := guest{}
	if r.rewrite {
		var err error
		if binary, g.info, err = instrument.Rewrite(binary, instrument.Limits{Yield: r.yield, Depth: 1 << 29}); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
	}
	if r.yield {
		g.host = &host{slice: 37}
		g.host.offer(t, engine)
	}
	called := api.GoFunc(func(_ context.Context, stack []uint64) {
		o.Host = append(o.Host, uint64(uint32(stack[0])))
		stack[0] = uint64(uint32(stack[0])*3 + 1)
	})
	if _, err := engine.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoFunction(called, []api.ValueType{i32}, []api.ValueType{i32}).Export("host").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := engine.InstantiateWithConfig(ctx, binary, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	if g.Module = m; r.rewrite {
		g.fuel = m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)
		g.depth = m.ExportedGlobal(instrument.DepthGlobal).(api.MutableGlobal)
	}
	for n := 1; ; n++ {
		f := m.ExportedFunction(fmt.Sprint("f", n))
		if f == nil {
			break
		}
		m.ExportedGlobal("g0").(api.MutableGlobal).Set(makerTurns)
		fuel := r.fuel
		if fuel == 0 {
			fuel = plenty
		}
		if r.rewrite {
			g.refuel(fuel)
			g.depth.Set(0)
		}
		results, err := f.Call(ctx, arguments(f.Definition().ParamTypes(), n)...)
		trap := ""
		if err != nil {
			trap, _, _ = strings.Cut(err.Error(), "\n")
		}
		o.Results, o.Traps = append(o.Results, known(results, f.Definition().ResultTypes())), append(o.Traps, trap)
		if !r.rewrite {
			continue
		}
		left = append(left, g.left())
		if err == nil && g.depth.Get() != 0 {
			t.Errorf("%v: f%d returned at depth %d", r, n, g.depth.Get())
		}
	}
	for n := 0; n < 10; n++ {
		if v := m.ExportedGlobal(fmt.Sprint("g", n)); v != nil {
			o.Globals = append(o.Globals, v.Get())
		}
	}
	memory, _ := m.Memory().Read(0, m.Memory().Size())
	o.Memory = bytes.Clone(memory)
	return o, left
}

// known returns results without the upper halves of those that have 32 bits, which
// the engine leaves undefined.
func known(results []uint64, types []api.ValueType) []uint64 {
	if len(results) == 0 {
		return nil
	}
	at := 0
	for _, t := range types {
		if at >= len(results) {
			break // it trapped
		}
		switch t {
		case api.ValueTypeI32, api.ValueTypeF32:
			results[at] = uint64(uint32(results[at]))
		case v128:
			at++
		}
		at++
	}
	return results
}

// arguments are the same ones each time.
func arguments(types []api.ValueType, n int) []uint64 {
	var out []uint64
	for i, t := range types {
		switch v := uint64(n*7 + i*3); t {
		case api.ValueTypeF32:
			out = append(out, api.EncodeF32(float32(v)/4))
		case api.ValueTypeF64:
			out = append(out, api.EncodeF64(float64(v)/8))
		case v128:
			out = append(out, v, ^v)
		default:
			out = append(out, v)
		}
	}
	return out
}

// checkSame wants that a module does the same however it is run, that it costs the
// same fuel, and that fuel runs out at the same place.
func checkSame(t *testing.T, binary []byte) {
	t.Helper()
	want, _ := way{}.outcome(t, binary)
	trap := way{rewrite: true}
	got, left := trap.outcome(t, binary)
	compare(t, trap, got, want)
	for _, r := range []way{trap, {rewrite: true, yield: true}, {rewrite: true, interpreter: true}, {rewrite: true, yield: true, interpreter: true}} {
		again, l := r.outcome(t, binary)
		compare(t, r, again, want)
		if !reflect.DeepEqual(l, left) {
			t.Errorf("%v: fuel left %v, want %v", r, l, left)
		}
	}
	most := uint64(0)
	for _, l := range left {
		most = max(most, uint64(plenty-l))
	}
	for _, fuel := range []uint64{most / 2, most / 7} {
		if fuel == 0 {
			continue
		}
		trap := way{rewrite: true, fuel: fuel}
		yield := way{rewrite: true, fuel: fuel, yield: true}
		want, left := trap.outcome(t, binary)
		got, l := yield.outcome(t, binary)
		for i, trap := range got.Traps {
			if strings.HasPrefix(trap, errNoFuel.Error()) {
				got.Traps[i] = "wasm error: unreachable"
			}
		}
		compare(t, yield, got, want)
		if !reflect.DeepEqual(l, left) {
			t.Errorf("%v: fuel left %v, want %v", yield, l, left)
		}
	}
}

func compare(t *testing.T, r way, got, want outcome) {
	t.Helper()
	if !bytes.Equal(got.Memory, want.Memory) {
		t.Errorf("%v: memories differ", r)
	}
	got.Memory, want.Memory = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v:\ngot  %+v\nwant %+v", r, got, want)
	}
}

// FuzzSame makes modules out of bytes and wants checkSame of them.
func FuzzSame(f *testing.F) {
	for seed := range 20 {
		f.Add(choices(seed, 400))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		checkSame(t, randomModule(in[:min(len(in), 2000)]))
	})
}

func choices(seed, n int) []byte {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(random.Uint32())
	}
	return out
}

// TestSame is FuzzSame on modules that are always the same ones.
func TestSame(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 30
	}
	trapped := map[string]int{}
	for seed := range n {
		binary := randomModule(choices(seed, 100+20*(seed%50)))
		checkSame(t, binary)
		if t.Failed() {
			t.Fatalf("seed %d: %x", seed, binary)
		}
		o, _ := way{}.outcome(t, binary)
		for _, trap := range o.Traps {
			trapped[trap]++
		}
	}
	t.Logf("calls ended by: %v", trapped)
	if trapped[""] < n/4 || len(trapped) < 4 {
		t.Errorf("the modules do too little: %v", trapped)
	}
}
