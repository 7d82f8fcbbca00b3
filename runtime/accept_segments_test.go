package runtime_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// A module with so many pieces of data far from each other that an instance takes
// long to make is refused, and gets in where an operator raises the bound.
func TestSegmentsAreBounded(t *testing.T) {
	const segments, apart = 10_001, 4096
	var data [][]byte
	for i := range segments {
		data = append(data, slices.Concat([]byte{0, opI32Const}, sleb(i*apart), []byte{opEnd}, vector([]byte{1})))
	}
	g := tinyGuest()
	g.pages = segments*apart/pageSize + 1
	module := append(g.build(), section(11, data)...)
	limits := runtime.Limits{Memory: g.pages * pageSize}
	_, err := runtime.Check(module, limits)
	var over *runtime.LimitError
	if !errors.As(err, &over) || over.Limit != "segments" || over.Found != segments || over.Allowed != segments-1 || trellis.KindOf(err) != trellis.Invalid {
		t.Fatalf("%v: %+v", err, over)
	}
	m, err := newRuntime(t, runtime.Config{Accept: runtime.Accept{Segments: segments}}).Compile(t.Context(), module, limits)
	if err != nil {
		t.Fatal(err)
	}
	call(t, m, "", "hook", "")
}
