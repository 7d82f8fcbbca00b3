package runtime

import (
	"errors"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// Accept bounds what a module may look like, whatever it does: each bound keeps a
// small module from taking much memory or time of whoever compiles it. A field
// that is zero takes the default named beside it, which every toolchain that we
// know keeps to. The bounds hold when a module is checked and compiled, and not
// when it comes from the cache.
type Accept struct {
	Module      int // bytes: 16 MiB; at most 64 MiB
	Locals      int // locals and parameters of a function: 5,000; at most 50,000
	Body        int // bytes of a function: 1 MiB; at most 16 MiB
	Nesting     int // blocks within blocks: 2,000; at most 50,000
	BranchTable int // targets of one br_table: 4,096; at most 100,000
	Functions   int // 50,000; at most 1,000,000
	Table       int // elements of a table of functions: 65,536; at most 10,000,000
	Segments    int // of data and elements, those that lie close together counted as one: 10,000; at most 100,000
}

// LimitError says that a module exceeds a bound of [Accept], whose name is that of
// the field in small letters ("branch table"), or, with the name "memory", begins
// with more memory than [Limits] allow; Found and Allowed say by how much. With the
// names "compile memory" and "compile time" it says that a limit ended the child
// that compiled the module; by how much is not known then, and Found is what may be
// tried, of memory in MiB. It is found with
// [errors.As] in an error of [Check], [Runtime.Check] and [Runtime.Compile].
type LimitError = instrument.LimitError

// WidestAccept returns the highest bounds that [New] takes.
func WidestAccept() Accept {
	return Accept{
		Module: childModule, Locals: 50_000, Body: 16 << 20, Nesting: 50_000,
		BranchTable: 100_000, Functions: 1_000_000, Table: 10_000_000, Segments: 100_000,
	}
}

// Check refuses bounds that are none, as [New] does, with an error of kind Invalid.
func (a Accept) Check() error {
	widest := WidestAccept()
	for _, b := range []struct {
		name     string
		is, most int
	}{
		{instrument.LimitModule, a.Module, widest.Module},
		{instrument.LimitLocals, a.Locals, widest.Locals},
		{instrument.LimitBody, a.Body, widest.Body},
		{instrument.LimitNesting, a.Nesting, widest.Nesting},
		{instrument.LimitBranchTable, a.BranchTable, widest.BranchTable},
		{instrument.LimitFunctions, a.Functions, widest.Functions},
		{instrument.LimitTable, a.Table, widest.Table},
		{instrument.LimitSegments, a.Segments, widest.Segments},
	} {
		if b.is < 0 || b.is > b.most {
			return trellis.Errorf(trellis.Invalid, "bound of %s %d is not within 1 to %d", b.name, b.is, b.most)
		}
	}
	return nil
}

// over adds the bounds to what the rewriter is told of a module.
func (a Accept) over(l instrument.Limits) instrument.Limits {
	l.Module, l.Locals, l.Body, l.Nesting = a.Module, a.Locals, a.Body, a.Nesting
	l.BranchTable, l.Functions, l.Table, l.Segments = a.BranchTable, a.Functions, a.Table, a.Segments
	return l
}

// limitOf returns the limit that err says is exceeded, to be reported by a child.
func limitOf(err error) *LimitError {
	var over *LimitError
	errors.As(err, &over)
	return over
}

// refusal is the error that a child reports, with the limit in it.
func (r report) refusal() error {
	message := clean(r.Error.Message, maxMessage)
	if r.Limit != nil {
		if before, ok := strings.CutSuffix(message, r.Limit.Error()); ok {
			return trellis.Errorf(r.Error.Kind, "%s%w", before, r.Limit)
		}
	}
	return trellis.Errorf(r.Error.Kind, "%s", message)
}
