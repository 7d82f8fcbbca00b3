package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// A module that is refused as it is gets in when the operator raises the bound that
// the refusal names to the value that it names, wherever it is compiled.
func TestBoundsAreRaised(t *testing.T) {
	deep := []byte{}
	for range 2_400 {
		deep = append(deep, opBlock, 0x40)
	}
	for range 2_400 {
		deep = append(deep, opEnd)
	}
	g := tinyGuest()
	g.exports = append(g.exports, tinyFunction{body: deep})
	module := g.build()
	var over *runtime.LimitError
	_, err := runtime.Check(module, runtime.Limits{})
	if !errors.As(err, &over) || *over != (runtime.LimitError{Limit: "nesting", Found: 2_400, Allowed: 2_000, Format: over.Format}) {
		t.Fatalf("refused with %v: %+v", err, over)
	}
	raised := runtime.Accept{Nesting: over.Found}
	source := runtime.Source{ID: "deep", Read: func(context.Context) ([]byte, error) { return module, nil }}
	for _, cfg := range []runtime.Config{{}, {Cache: cacheDir(t)}, {Compiler: compiler(t, childMemory()...)}} {
		t.Run(fmt.Sprintf("%q %q", cfg.Cache, cfg.Compiler), func(t *testing.T) {
			usual := newRuntime(t, cfg)
			_, err := usual.Compile(t.Context(), module, runtime.Limits{Time: patience})
			wantError(t, err, nil, trellis.Invalid, "blocks are nested 2400 deep")
			if over = nil; !errors.As(err, &over) || over.Limit != "nesting" {
				t.Errorf("the error %v does not say which limit", err)
			}
			cfg.Accept = raised
			r := newRuntime(t, cfg)
			if _, err := r.Check(t.Context(), source, runtime.Limits{}); err != nil {
				t.Error(err)
			}
			m, err := r.Compile(t.Context(), module, runtime.Limits{Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			_ = m.Close(t.Context())
		})
	}
	// The bound may be lower than usual, too.
	low := newRuntime(t, runtime.Config{Accept: runtime.Accept{Functions: 1}})
	_, err = low.Check(t.Context(), source, runtime.Limits{})
	wantError(t, err, nil, trellis.Invalid, "functions exceed the limit of 1")
}

func TestBoundsThatAreNone(t *testing.T) {
	for name, bound := range map[string]func(int) runtime.Accept{
		"module":       func(n int) runtime.Accept { return runtime.Accept{Module: n} },
		"locals":       func(n int) runtime.Accept { return runtime.Accept{Locals: n} },
		"body":         func(n int) runtime.Accept { return runtime.Accept{Body: n} },
		"nesting":      func(n int) runtime.Accept { return runtime.Accept{Nesting: n} },
		"branch table": func(n int) runtime.Accept { return runtime.Accept{BranchTable: n} },
		"functions":    func(n int) runtime.Accept { return runtime.Accept{Functions: n} },
		"table":        func(n int) runtime.Accept { return runtime.Accept{Table: n} },
	} {
		for _, n := range []int{-1, 1 << 30} {
			_, err := runtime.New(t.Context(), runtime.Config{Accept: bound(n)})
			wantError(t, err, nil, trellis.Invalid, fmt.Sprintf("bound of %s %d", name, n))
		}
	}
}
