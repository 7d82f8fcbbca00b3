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
	"github.com/tetratelabs/wazero/experimental"

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

// side is one of the engines that run a script: without us, or with one of the
// variants that we write.
type side struct {
	r      wazero.Runtime
	limits *instrument.Limits // nil: without us
	named  map[string]api.Module
	last   api.Module
}

// generous limits are those of the suite's modules.
func generous(yield bool) *instrument.Limits {
	return &instrument.Limits{Memory: 65536, Table: 10_000_000, BranchTable: 1 << 16, Yield: yield}
}

func newSide(ctx context.Context, t *testing.T, features api.CoreFeatures, l *instrument.Limits) *side {
	t.Helper()
	config := wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(65536).WithCoreFeatures(features)
	s := &side{r: wazero.NewRuntimeWithConfig(ctx, config), limits: l, named: map[string]api.Module{}}
	if l != nil && l.Yield {
		(&host{slice: 1000, rest: 1 << 60}).offer(t, s.r)
	}
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

// module instantiates binary; an error of the rewriter is told apart.
func (s *side) module(ctx context.Context, binary []byte, name, as string) (refused, err error) {
	s.last = nil
	start := ""
	if s.limits != nil {
		out, info, err := instrument.Rewrite(binary, *s.limits)
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
	switch {
	case s.limits == nil:
	case s.limits.Yield:
		m.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal).Set(1000)
	default:
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
	if err != nil && s.limits != nil {
		// The instance lives on in the suite; the host would discard it.
		m.ExportedGlobal(instrument.DepthGlobal).(api.MutableGlobal).Set(0)
	}
	return out, err
}

// tally is what became of the suite.
type tally struct {
	assertions int
	modules    int
	text       int            // modules as text, of which an engine sees nothing
	other      int            // commands that are no calls: exported globals, registrations
	refused    map[string]int // modules, by reason
}

// TestSpec runs the WebAssembly test suite without us and with both variants, and
// wants the same results and traps, and that what is invalid stays so. Suites of
// proposals are there for what we take of them; the rest must be refused by name.
// (The suite v1 is left out: its scripts are older forms of those in v2.)
func TestSpec(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped the WebAssembly test suite: -short")
	}
	dir := filepath.Join(wazeroDir(t.Context()), "internal", "integration_test", "spectest")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("skipped the WebAssembly test suite: it comes with the sources of wazero, which are not there")
	}
	const v2 = api.CoreFeaturesV2
	for _, suite := range []struct {
		name     string
		features api.CoreFeatures // of the engine without us
		least    int              // assertions of each variant
	}{
		{"v2", v2, 40_000},
		{"extended-const", v2 | experimental.CoreFeaturesExtendedConst, 6},
		{"tail-call", v2 | experimental.CoreFeaturesTailCall, 0},
		{"threads", v2 | experimental.CoreFeaturesThreads, 0},
		{"typed-function-references", v2 | experimental.CoreFeaturesTypedFunctionReferences | experimental.CoreFeaturesTailCall, 0},
		{"exception-handling", v2 | experimental.CoreFeaturesExceptionHandling | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesTypedFunctionReferences, 0},
	} {
		t.Run(suite.name, func(t *testing.T) {
			files, _ := filepath.Glob(filepath.Join(dir, suite.name, "testdata", "*.json"))
			if len(files) == 0 {
				t.Fatal("the suite has no scripts")
			}
			n := tally{refused: map[string]int{}}
			for _, file := range files {
				plain := newSide(t.Context(), t, suite.features, nil)
				ours := []*side{newSide(t.Context(), t, v2, generous(false)), newSide(t.Context(), t, v2, generous(true))}
				runScript(t, file, plain, ours, &n)
				for _, s := range append(ours, plain) {
					s.r.Close(t.Context())
				}
			}
			t.Logf("%d assertions on %d modules; left out: %d modules as text, %d commands without a call; refused: %v",
				n.assertions, n.modules, n.text, n.other, n.refused)
			if n.assertions < suite.least {
				t.Errorf("only %d assertions ran, want %d", n.assertions, suite.least)
			}
			for reason := range n.refused {
				if !containsAny(reason, byName) {
					t.Errorf("refused, but not by name: %s", reason)
				}
			}
		})
	}
}

func runScript(t *testing.T, file string, plain *side, ours []*side, n *tally) {
	t.Helper()
	ctx := t.Context()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	for i, c := range s.Commands {
		where := fmt.Sprintf("%s, line %d: %s", filepath.Base(file), c.Line, c.Type)
		switch c.Type {
		case "module", "assert_invalid", "assert_malformed", "assert_uninstantiable", "assert_unlinkable":
			if c.ModuleType == "text" {
				n.text++
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
			n.modules++
			_, want := plain.module(ctx, binary, c.Name, as)
			for _, o := range ours {
				refused, got := o.module(ctx, binary, c.Name, as)
				switch {
				case refused != nil && (want == nil || c.Type == "assert_uninstantiable"):
					// It would have changed what it imports: nothing of before can be compared.
					plain.last = nil
					clear(plain.named)
					clear(o.named)
					if o == ours[0] {
						n.refused[reason(refused)]++
					}
				case refused == nil && (want == nil) != (got == nil):
					t.Errorf("%s: %v, want %v", where, got, want)
				}
			}
		case "assert_return", "action", "assert_trap", "assert_exhaustion", "assert_exception":
			if c.Action.Type != "invoke" {
				n.other++
				continue
			}
			m := plain.last
			if c.Action.Module != "" {
				m = plain.named[c.Action.Module]
			}
			if m == nil {
				continue // refused
			}
			var args []uint64
			for _, a := range c.Action.Args {
				args = append(args, scriptValue(t, a.Type, a.LaneType, a.Value)...)
			}
			want, wantErr := plain.invoke(ctx, c.Action.Module, c.Action.Field, args)
			for _, o := range ours {
				got, gotErr := o.invoke(ctx, c.Action.Module, c.Action.Field, args)
				if (wantErr == nil) != (gotErr == nil) || !slices.Equal(got, want) && !hasReference(plain, c.Action.Module, c.Action.Field) {
					t.Errorf("%s: yield %v: %s%x: %x, %v; want %x, %v", where, o.limits.Yield, c.Action.Field, args, got, gotErr, want, wantErr)
				}
			}
			n.assertions++
		default:
			n.other++
		}
	}
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
		if signed, bad := strconv.ParseInt(s, 10, 64); bad == nil && signed < 0 {
			n, err = uint64(uint32(signed)), nil
			if typ == "i64" {
				n = uint64(signed)
			}
		}
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
