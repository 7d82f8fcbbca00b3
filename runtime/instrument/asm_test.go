package instrument_test

import (
	"context"
	"encoding/binary"
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
}

func instantiate(t testing.TB, binary []byte, l instrument.Limits) guest {
	t.Helper()
	out, info, err := instrument.Rewrite(binary, l)
	if err != nil {
		t.Fatal(err)
	}
	m := plain(t, out)
	g := guest{
		Module: m, info: info,
		fuel:  m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal),
		depth: m.ExportedGlobal(instrument.DepthGlobal).(api.MutableGlobal),
	}
	g.fuel.Set(1 << 40)
	return g
}

// plain instantiates a module as it is.
func plain(t testing.TB, binary []byte) api.Module {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	t.Cleanup(func() { r.Close(ctx) })
	m, err := r.InstantiateWithConfig(ctx, binary, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	return m
}
