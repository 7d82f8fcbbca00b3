package instrument_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// crashes is a module whose function f traps at another instruction for each value
// of its parameter, with all that the rewriter puts in between; it says where each
// of those instructions is.
func crashes() (binary []byte, traps []int) {
	const marker = 0xfe // no instruction: found and replaced below
	wide := func(op byte, n byte) []byte { return []byte{op, n | 0x80, 0x80, 0x80, 0x80, 0x00} }
	var code []byte
	when := func(k byte, trap ...byte) {
		code = append(code, 0x20, 0, 0x41, k, 0x46, 0x04, 0x40) // if the parameter is k
		code = append(code, trap...)
		code = append(code, 0x0b)
	}
	loop := []byte{0x03, 0x40, 0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x41, 10, 0x48, 0x0d, 0, 0x0b} // ten turns
	when(0, marker, 0x00)
	code = append(code, loop...)
	when(1, 0x41, 1, 0x41, 0, marker, 0x6e, 0x1a)                          // i32.div_u
	code = append(code, wide(0x41, 1)...)                                  // a constant, longer than need be, and what calls the function itself
	code = append(code, 0x41, 0, 0x46, 0x04, 0x40, 0x41, 9, 0x10, 0, 0x0b) // with 9: never
	when(2, 0x41, 0x7f, marker, 0x28, 0, 0, 0x1a)                          // i32.load
	when(3, 0x41, 0, 0x40, 0, 0x1a, 0x41, 0, 0x41, 0, 0x41, 0x80, 0x80, 0xc0, 0, marker, 0xfc, 11, 0)
	when(4, 0x41, 0, 0x41, 3, marker, 0x11, 0, 0) // call_indirect of nothing
	code = append(code, 0x0b)
	binary = module(
		section(1, typ([]byte{i32}, nil)),
		section(3, []byte{0}, []byte{0}),
		section(4, []byte{funcref, 0, 4}),
		section(5, []byte{0, 1}),
		section(7, exported("f", 0, 1), exported("memory", 2, 0)),
		section(10, body(noLocals, 0x0b), body([]byte{1, 1, i32}, code...)),
	)
	for {
		at := bytes.IndexByte(binary, marker)
		if at < 0 {
			break
		}
		binary[at] = 0x01 // nop
		traps = append(traps, at+1)
	}
	return append(binary, append([]byte{0}, sized(str(instrument.SourceMapSection))...)...), traps
}

func TestPositions(t *testing.T) {
	ctx := t.Context()
	binary, traps := crashes()
	out, _, err := instrument.Rewrite(binary, instrument.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	positions, err := instrument.PositionsOf(binary, instrument.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntime(ctx)
	defer func() { _ = r.Close(ctx) }()
	compiled, err := r.CompileModule(ctx, out)
	if err != nil {
		t.Fatal(err)
	}
	offset := regexp.MustCompile(`(?m)^\t\t(0x[0-9a-f]+): `)
	for k, want := range traps {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
			if err != nil {
				t.Fatal(err)
			}
			m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal).Set(1 << 40)
			_, err = m.ExportedFunction("f").Call(ctx, uint64(k))
			if err == nil {
				t.Fatal("no trap")
			}
			found := offset.FindStringSubmatch(err.Error())
			if found == nil {
				t.Fatalf("the trace has no offset: %v", err)
			}
			at, err := strconv.ParseUint(found[1], 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := positions.Original(at)
			if got += uint64(instrument.CodeStart(binary)); !ok || got != uint64(want) {
				t.Errorf("trapped at %#x, want %#x (%v)", got, want, ok)
			}
		})
	}
}

func TestTraceable(t *testing.T) {
	plain := everything()
	with := func(name string, data []byte) []byte {
		return append(bytes.Clone(plain), append([]byte{0}, sized(append(str(name), data...))...)...)
	}
	for _, tt := range []struct {
		name   string
		binary []byte
		want   bool
	}{
		{"names only", plain, false},
		{"DWARF", with(".debug_line", nil), true},
		{"a source map", with(instrument.SourceMapSection, nil), true},
		{"the address of a source map", with("sourceMappingURL", str("a.map")), true},
		{"something else", with(".debug_loc", nil), false},
		{"not a module", []byte("nothing of it"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := instrument.Traceable(tt.binary); got != tt.want {
				t.Errorf("traceable: %v", got)
			}
		})
	}
}

func TestCustom(t *testing.T) {
	names := []string{}
	for _, s := range instrument.Custom(everything()) {
		names = append(names, s.Name)
	}
	if got := fmt.Sprint(names); got != "[name producers]" {
		t.Errorf("sections %s", got)
	}
	if got := instrument.Custom(everything()[:40]); len(got) != 0 {
		t.Errorf("sections %v of what is cut", got)
	}
}

func FuzzPositions(f *testing.F) {
	binary, _ := crashes()
	positions, err := instrument.PositionsOf(binary, instrument.Limits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(positions), uint64(40))
	f.Add([]byte{0x80}, uint64(1))
	f.Fuzz(func(_ *testing.T, p []byte, offset uint64) {
		instrument.Positions(p).Original(offset)
	})
}
