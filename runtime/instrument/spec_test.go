package instrument_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// wazeroDir returns where the engine's sources are, or "".
func wazeroDir(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// script is a file of the WebAssembly test suite as JSON.
type script struct {
	Commands []struct {
		Type, Name, As, Filename, Text string
		Line                           int
		ModuleType                     string `json:"module_type"`
		Action                         struct {
			Type, Module, Field string
			Args                []struct {
				Type, LaneType string
				Value          any
			}
		}
	}
}

// side is one of the two engines that run a script: with and without us.
type side struct {
	r       wazero.Runtime
	rewrite bool
	named   map[string]api.Module
	last    api.Module
}

func newSide(ctx context.Context, t *testing.T, rewrite bool) *side {
	t.Helper()
	s := &side{r: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(65536)), rewrite: rewrite, named: map[string]api.Module{}}
	b := s.r.NewHostModuleBuilder("spectest")
	for name, params := range map[string][]api.ValueType{
		"print": nil, "print_i32": {api.ValueTypeI32}, "print_i64": {api.ValueTypeI64}, "print_f32": {api.ValueTypeF32},
		"print_f64": {api.ValueTypeF64}, "print_i32_f32": {api.ValueTypeI32, api.ValueTypeF32}, "print_f64_f64": {api.ValueTypeF64, api.ValueTypeF64},
	} {
		b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {}), params, nil).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

var generous = instrument.Limits{Memory: 65536, Table: 10_000_000}

// module instantiates binary; an error of the rewriter is told apart.
func (s *side) module(ctx context.Context, binary []byte, name, as string) (refused, err error) {
	s.last = nil
	start := ""
	if s.rewrite {
		out, info, err := instrument.Rewrite(binary, generous)
		if err != nil {
			return err, nil
		}
		binary = out
		if info.Start {
			start = instrument.StartExport
		}
	}
	compiled, err := s.r.CompileModule(ctx, binary)
	if err != nil {
		return nil, err
	}
	m, err := s.r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(as).WithStartFunctions())
	if err != nil {
		return nil, err
	}
	if s.rewrite {
		m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal).Set(1 << 50)
	}
	if start != "" {
		if _, err := m.ExportedFunction(start).Call(ctx); err != nil {
			return nil, err
		}
	}
	s.last = m
	if name != "" {
		s.named[name] = m
	}
	return nil, nil
}

func (s *side) invoke(ctx context.Context, module, field string, args []uint64) ([]uint64, error) {
	m := s.last
	if module != "" {
		m = s.named[module]
	}
	if m == nil {
		return nil, nil
	}
	f := m.ExportedFunction(field)
	if f == nil {
		return nil, fmt.Errorf("no export %q", field)
	}
	out, err := f.Call(ctx, args...)
	if err != nil && s.rewrite {
		// The instance lives on in the suite; the host would discard it.
		m.ExportedGlobal(instrument.DepthGlobal).(api.MutableGlobal).Set(0)
	}
	return out, err
}

// TestSpec runs the WebAssembly test suite with and without us and wants the
// same results and traps, and that what is invalid stays so.
func TestSpec(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped the WebAssembly test suite: -short")
	}
	dir := filepath.Join(wazeroDir(t.Context()), "internal", "integration_test", "spectest", "v2", "testdata")
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) == 0 {
		t.Skip("skipped the WebAssembly test suite: it comes with the sources of wazero, which are not there")
	}
	ran, refusals := 0, map[string]int{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) { ran += runScript(t, file, refusals) })
	}
	t.Logf("%d assertions; refused: %v", ran, refusals)
	if ran < 10_000 {
		t.Errorf("only %d assertions ran", ran)
	}
}

func runScript(t *testing.T, file string, refusals map[string]int) (ran int) {
	ctx := t.Context()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	plain, ours := newSide(ctx, t, false), newSide(ctx, t, true)
	defer plain.r.Close(ctx)
	defer ours.r.Close(ctx)
	for i, c := range s.Commands {
		switch c.Type {
		case "module", "assert_invalid", "assert_malformed", "assert_uninstantiable", "assert_unlinkable":
			if c.ModuleType == "text" {
				continue
			}
			binary, err := os.ReadFile(filepath.Join(filepath.Dir(file), c.Filename))
			if err != nil {
				t.Fatal(err)
			}
			as := ""
			if i+1 < len(s.Commands) && s.Commands[i+1].Type == "register" {
				as = s.Commands[i+1].As
			}
			_, want := plain.module(ctx, binary, c.Name, as)
			refused, got := ours.module(ctx, binary, c.Name, as)
			switch {
			case refused != nil && (want == nil || c.Type == "assert_uninstantiable"):
				// It would have changed what it imports: nothing of before can be compared.
				plain.last = nil
				clear(plain.named)
				clear(ours.named)
				refusals[reason(refused)]++
			case refused == nil && (want == nil) != (got == nil):
				t.Errorf("line %d: %s: %v, want %v", c.Line, c.Type, got, want)
			}
		case "assert_return", "action", "assert_trap", "assert_exhaustion":
			if c.Action.Type != "invoke" {
				continue
			}
			var args []uint64
			for _, a := range c.Action.Args {
				args = append(args, scriptValue(t, a.Type, a.LaneType, a.Value)...)
			}
			want, wantErr := plain.invoke(ctx, c.Action.Module, c.Action.Field, args)
			got, gotErr := ours.invoke(ctx, c.Action.Module, c.Action.Field, args)
			if (wantErr == nil) != (gotErr == nil) || !slices.Equal(got, want) && !hasReference(plain, c.Action.Module, c.Action.Field) {
				t.Errorf("line %d: %s%x: %x, %v; want %x, %v", c.Line, c.Action.Field, args, got, gotErr, want, wantErr)
			}
			ran++
		}
	}
	return ran
}

// reason is the part of a refusal that does not depend on the module.
func reason(err error) string {
	for _, r := range byName {
		if i := strings.Index(err.Error(), r); i >= 0 {
			return err.Error()[strings.LastIndex(err.Error()[:i], ": ")+2 : i+len(r)]
		}
	}
	return err.Error()
}

// hasReference reports whether the function's results hold a reference, which
// is an address and so differs between engines.
func hasReference(s *side, module, field string) bool {
	m := s.last
	if module != "" {
		m = s.named[module]
	}
	return slices.ContainsFunc(m.ExportedFunction(field).Definition().ResultTypes(), func(t api.ValueType) bool { return t == api.ValueTypeExternref || t == 0x70 })
}

func scriptValue(t *testing.T, typ, lane string, v any) []uint64 {
	t.Helper()
	number := func(v any) uint64 {
		s := v.(string)
		switch {
		case s == "null":
			return 0
		case strings.HasPrefix(s, "nan"):
			if lane == "f64" || typ == "f64" {
				return 0x7ff8000000000000
			}
			return 0x7fc00000
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if typ == "externref" {
			n++
		}
		return n
	}
	lanes, ok := v.([]any)
	if !ok {
		return []uint64{number(v)}
	}
	out := make([]uint64, 2)
	size := 128 / len(lanes)
	for i, l := range lanes {
		at := i * size
		out[at/64] |= number(l) & (1<<size - 1) << (at % 64)
	}
	return out
}
