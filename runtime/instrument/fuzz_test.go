package instrument_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// byName are what the refusals of things say that the engine may well accept. It
// takes numbers whose last byte does not repeat the sign, which the specification
// (5.2.2) calls malformed.
var byName = []string{"number is longer than", "do not fit", "not supported", "limit of", "more than", "is reserved", "component"}

// FuzzRewrite takes each variant of half of the modules, and wants that nothing panics, that the engine accepts with us what it
// accepts without us unless we refuse it by name, and that what runs ends.
func FuzzRewrite(f *testing.F) {
	for _, seed := range [][]byte{spin, recurse, factorial, sum, swap, choose, everything(), code(), one(nil, nil, noLocals, 0x0b)} {
		f.Add(seed)
	}
	// Examples of every instruction, if the engine's sources are there.
	if out := wazeroDir(f.Context()); out != "" {
		for _, name := range []string{"bulk", "br_table", "block", "call_indirect", "conversions", "elem", "global", "if", "labels", "left-to-right", "loop",
			"memory_grow", "names", "ref_func", "select", "simd_align", "simd_i8x16_cmp", "simd_lane", "start", "table_fill", "table_get", "unreached-valid", "unwind"} {
			files, _ := filepath.Glob(filepath.Join(out, "internal", "integration_test", "spectest", "v2", "testdata", name+".*.wasm"))
			for _, file := range files[:min(len(files), 12)] {
				if data, err := os.ReadFile(file); err == nil && len(data) < 8<<10 {
					f.Add(data)
				}
			}
		}
	}
	ctx := context.Background()
	limits := instrument.Limits{Memory: 16, Table: 1000, Nesting: 200, Functions: 200}
	f.Fuzz(func(t *testing.T, in []byte) {
		limits := limits
		limits.Yield = len(in)%2 == 1
		out, info, err := instrument.Rewrite(in, limits)
		if err != nil && trellis.KindOf(err) != trellis.Invalid {
			t.Fatalf("kind of %v = %q", err, trellis.KindOf(err))
		}
		if err != nil && (containsAny(err.Error(), byName) || !strings.HasPrefix(err.Error(), "function ")) {
			return // it may be a bomb: malformed sections cost the engine gigabytes
		}
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(16))
		defer r.Close(ctx)
		before := compileUnchecked(ctx, r, withoutCustom(in))
		if err != nil {
			if before == nil {
				t.Fatalf("refused, but not by name: %v", err)
			}
			return
		}
		compiled, after := r.CompileModule(ctx, out)
		if before == nil && after != nil {
			t.Fatalf("valid before, invalid now: %v", after)
		}
		if after == nil {
			run(ctx, t, r, compiled, info, limits.Yield)
		}
	})
}

// withoutCustom returns a module whose sections were found to be in order without
// those that are custom: 50 bytes of names make the engine ask for gigabytes.
func withoutCustom(module []byte) []byte {
	out := bytes.Clone(module[:len(header)])
	for rest := module[len(header):]; len(rest) > 0; {
		size, n := binary.Uvarint(rest[1:])
		end := 1 + n + int(size)
		if rest[0] != 0 {
			out = append(out, rest[:end]...)
		}
		rest = rest[end:]
	}
	return out
}

// compileUnchecked has the engine compile what was not read by us, upon which it
// may panic.
func compileUnchecked(ctx context.Context, r wazero.Runtime, binary []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	_, err = r.CompileModule(ctx, binary)
	return err
}

// run calls every function that needs no arguments and wants it to end.
func run(ctx context.Context, t *testing.T, r wazero.Runtime, compiled wazero.CompiledModule, info instrument.Info, yields bool) {
	t.Helper()
	var h *host
	if yields {
		h = &host{slice: 1000}
		h.offer(t, r)
	}
	m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return // imports, or segments that do not fit
	}
	g := guest{Module: m, host: h, fuel: m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)}
	depth := m.ExportedGlobal(instrument.DepthGlobal).(api.MutableGlobal)
	for name, s := range info.Exports {
		if s.Params != "" {
			continue
		}
		g.refuel(100_000)
		depth.Set(0)
		if _, err := m.ExportedFunction(name).Call(ctx); err == nil && depth.Get() != 0 {
			t.Fatalf("%s returned at depth %d", name, depth.Get())
		}
	}
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}
