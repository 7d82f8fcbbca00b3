package instrument_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// What follows writes tiny modules: a section is its number and items, a body
// its groups of locals and its instructions.

const header = "\x00asm\x01\x00\x00\x00"

const i32, i64, f64, v128, funcref = 0x7f, 0x7e, 0x7c, 0x7b, 0x70

func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func sized(b []byte) []byte { return append(uleb(len(b)), b...) }

func str(s string) []byte { return sized([]byte(s)) }

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

// section is a section that holds a vector of items.
func section(id byte, items ...[]byte) []byte {
	return append([]byte{id}, sized(cat(uleb(len(items)), cat(items...)))...)
}

func module(sections ...[]byte) []byte { return append([]byte(header), cat(sections...)...) }

func typ(params, results []byte) []byte { return cat([]byte{0x60}, sized(params), sized(results)) }

func body(locals []byte, code ...byte) []byte { return sized(append(locals, code...)) }

func exported(name string, kind, index byte) []byte { return cat(str(name), []byte{kind, index}) }

var noLocals = []byte{0}

// one is a module of one function "f" with that type and body, and a memory of
// one page.
func one(params, results, locals []byte, code ...byte) []byte {
	return module(
		section(1, typ(params, results)),
		section(3, []byte{0}),
		section(4, []byte{funcref, 0, 1}),
		section(5, []byte{0, 1}),
		section(7, exported("f", 0, 0), exported("memory", 2, 0)),
		section(10, body(locals, code...)),
	)
}

// guest is an instantiated module that was rewritten.
type guest struct {
	api.Module
	info        instrument.Info
	fuel, depth api.MutableGlobal
	host        *host
}

// host gives fuel to a guest that yields, a slice at a time.
type host struct {
	slice, rest uint64
	yields      int
	watch       func(api.Module) // is called each time, if there is one
}

const plenty = 1 << 40

var errNoFuel = errors.New("the fuel is spent")

// yield is what the guest calls where its fuel is below zero.
func (h *host) yield(_ context.Context, mod api.Module, _ []uint64) {
	if h.yields++; h.watch != nil {
		h.watch(mod)
	}
	fuel := mod.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)
	left := int64(fuel.Get()) + int64(h.rest)
	if left < 0 {
		h.rest = 0
		fuel.Set(uint64(left))
		panic(errNoFuel)
	}
	slice := min(int64(h.slice), left)
	fuel.Set(uint64(slice))
	h.rest = uint64(left - slice)
}

// refuel makes n units the fuel, of which a guest that yields gets no more than a
// slice at first.
func (g guest) refuel(n uint64) {
	if g.host == nil {
		g.fuel.Set(n)
		return
	}
	first := min(n, g.host.slice)
	g.fuel.Set(first)
	g.host.rest = n - first
}

// left is the fuel that is left, below zero if more was spent than there was.
func (g guest) left() int64 {
	left := int64(g.fuel.Get())
	if g.host != nil {
		left += int64(g.host.rest)
	}
	return left
}

// instantiate rewrites a module and instantiates it with plenty of fuel. One that
// yields gets 1,000 units at a time.
func instantiate(t testing.TB, binary []byte, l instrument.Limits) guest {
	t.Helper()
	out, info, err := instrument.Rewrite(binary, l)
	if err != nil {
		t.Fatal(err)
	}
	g := guest{info: info}
	ctx := context.Background()
	r := newEngine(t, wazero.NewRuntimeConfigCompiler())
	if l.Yield {
		g.host = &host{slice: 1000}
		g.host.offer(t, r)
	}
	g.Module, err = r.InstantiateWithConfig(ctx, out, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	g.fuel = g.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)
	g.depth = g.ExportedGlobal(instrument.DepthGlobal).(api.MutableGlobal)
	g.refuel(plenty)
	return g
}

// offer makes the host's function an import that modules may have.
func (h *host) offer(t testing.TB, r wazero.Runtime) {
	t.Helper()
	b := r.NewHostModuleBuilder(instrument.YieldModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(h.yield), nil, nil).Export(instrument.YieldName)
	if _, err := b.Instantiate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func newEngine(t testing.TB, config wazero.RuntimeConfig) wazero.Runtime {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	t.Cleanup(func() { r.Close(ctx) })
	return r
}

// plain instantiates a module as it is.
func plain(t testing.TB, binary []byte) api.Module {
	t.Helper()
	m, err := newEngine(t, wazero.NewRuntimeConfigCompiler()).InstantiateWithConfig(context.Background(), binary, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	return m
}
