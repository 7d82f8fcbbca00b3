// Package instrument checks a WebAssembly module and rewrites it so that it can
// be stopped, measured and put back: it is the only way by which the code of a
// guest reaches the engine.
//
// [Rewrite] parses the whole binary itself, compares every count with the bytes
// that are left before it allocates anything, refuses by name what it does not
// know, and encodes the result anew: the engine never sees a section that was
// not read here. What it adds to the code is invisible to the guest:
//
//   - Fuel, the global [FuelGlobal]. Code pays before it runs; a guest whose
//     fuel falls below zero traps at the next loop, call or instruction that
//     takes as long as its operand says, or soon in straight code. With [Limits].Yield it asks its host for
//     more instead.
//   - Call depth, the global [DepthGlobal]. Functions weigh as much as their
//     frame; a guest that calls itself too deep traps before the engine's stack
//     has grown large.
//   - An export for every mutable global ([GlobalExport]), so that memory and
//     globals can be saved and put back between calls, and for the start
//     function ([StartExport]), which no longer runs by itself.
//
// The same module and input always cost the same fuel, to the unit: on every
// machine and engine, whether it yields or not, and also where it traps. A unit is
// worth about a cycle, by prices that keep its time within bounds whatever the
// code; price.go says what they are and where that does not hold.
//
// The binary format is that of the WebAssembly Core Specification 2.0, chapter
// 5: the MVP with sign extension, non-trapping conversions, multi-value, bulk
// memory, reference types, 128-bit SIMD and mutable globals; sums in constant
// expressions, which are a proposal, are computed here. Everything else is refused
// by name: tail calls, exception handling, typed references, garbage collection,
// threads, several or 64-bit memories, relaxed SIMD, wide arithmetic, components,
// and imports of anything but functions. The types of operands are not checked;
// the engine does that afterwards.
package instrument

import (
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Version is part of the key under which compiled modules are cached. It grows
// whenever the output of [Rewrite] changes for some input.
const Version = 11

// Names of the exports that [Rewrite] adds. No module may bring an export that
// begins with "__trellis".
const (
	// FuelGlobal is a mutable i64: what is left to spend. The host sets it before
	// a call. After a trap, a value below zero means that fuel was the cause.
	FuelGlobal = "__trellis_fuel"
	// DepthGlobal is a mutable i32: the weight of the frames on the stack. After
	// a trap, a value above [Limits].Depth means that recursion was the cause. It
	// is not put back by a trap: the instance is discarded, or the host sets 0.
	DepthGlobal = "__trellis_depth"
	// YieldModule and YieldName are the import that a module with [Limits].Yield
	// calls, a function without parameters and results. It is the last import. No
	// module may bring an import of its own from YieldModule.
	YieldModule = "__trellis"
	YieldName   = "yield"
	// StartExport is the module's start function, a function without parameters
	// and results, if it had one. The host calls it once, before anything else.
	StartExport = "__trellis_start"

	reservedPrefix = "__trellis"
)

// GlobalExport returns the name under which the mutable global number n is
// exported, counting from 0 those that the original module defines.
func GlobalExport(n int) string { return "__trellis_g" + strconv.Itoa(n) }

// Limits bound what [Rewrite] accepts. Each limit keeps a small module from
// taking much memory or time of whoever compiles or runs it. A field that is
// zero stands for the default.
type Limits struct {
	Module      int    // bytes of the binary; default 16 MiB
	Locals      int    // locals and parameters of one function; default 5,000
	Body        int    // bytes of one function's body, and values that its blocks, branches and calls pass; default 1 MiB
	Nesting     int    // blocks within blocks; default 2,000
	BranchTable int    // targets of one br_table; default 4,096
	Functions   int    // functions, imported ones included; default 50,000
	Table       int    // elements of one table; default 65,536
	Segments    int    // of data and elements, when those of data that lie close together were joined; default 10,000
	Memory      uint32 // pages of 64 KiB that the memory may grow to; default 256
	Depth       int    // call depth in units of frame weight; default [DefaultDepth]

	// Yield makes the module ask its host for more fuel where it would trap for
	// lack of it: it calls the import [YieldModule].[YieldName], which sets the
	// fuel anew, or ends the call by a panic. What a call costs does not change.
	Yield bool
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Module, 16<<20)
	set(&l.Locals, 5_000)
	set(&l.Body, 1<<20)
	set(&l.Nesting, 2_000)
	set(&l.BranchTable, 4_096)
	set(&l.Functions, 50_000)
	set(&l.Table, 65_536)
	set(&l.Segments, 10_000)
	set(&l.Depth, DefaultDepth)
	if l.Memory == 0 {
		l.Memory = 256
	}
	l.Memory = min(l.Memory, maxPages)
	l.Depth = min(l.Depth, maxDepth)
	return l
}

// Signature is the type of a function: one letter a value, i and I for i32 and
// i64, f and F for f32 and f64, v for a vector and r for a reference.
type Signature struct {
	Params  string `json:"params"`
	Results string `json:"results"`
}

// String returns the signature in the words of the text format.
func (s Signature) String() string {
	return "(" + words(s.Params) + ") -> (" + words(s.Results) + ")"
}

func words(letters string) string {
	names := map[rune]string{'i': "i32", 'I': "i64", 'f': "f32", 'F': "f64", 'v': "v128", 'r': "ref"}
	var out []string
	for _, l := range letters {
		out = append(out, names[l])
	}
	return strings.Join(out, ", ")
}

// Import is a function that the module wants from its host. Whether there is
// such a function is for the host to decide.
type Import struct {
	Module    string    `json:"module"`
	Name      string    `json:"name"`
	Signature Signature `json:"signature"`
}

// Info is what [Rewrite] learned about a module. It survives being encoded as
// JSON.
type Info struct {
	Imports       []Import             `json:"imports,omitempty"`        // in order; there are only functions
	Exports       map[string]Signature `json:"exports,omitempty"`        // exported functions of the original module
	Passed        []string             `json:"passed,omitempty"`         // exports that are imports, in order; StartExport for the start function
	Memory        bool                 `json:"memory,omitempty"`         // it exports a memory called "memory"
	MinMemory     uint32               `json:"min_memory,omitempty"`     // pages that it begins with
	MaxMemory     uint32               `json:"max_memory,omitempty"`     // pages that it may grow to
	Start         bool                 `json:"start,omitempty"`          // it had a start function, now StartExport
	Globals       []byte               `json:"globals,omitempty"`        // letter of each global behind GlobalExport
	Resettable    bool                 `json:"resettable,omitempty"`     // memory and globals are its whole state
	NotResettable string               `json:"not_resettable,omitempty"` // why they are not
	Setup         int64                `json:"setup,omitempty"`          // units of fuel that it is worth to make an instance, before anything runs
}

// Rewrite checks binary against l and returns the instrumented module with what
// was learned about it. It keeps no reference to binary and is safe for
// concurrent use. Every error is of kind [trellis.Invalid], names what is wrong
// and where, and is meant for the author of the module.
func Rewrite(binary []byte, l Limits) ([]byte, Info, error) {
	l = l.withDefaults()
	if len(binary) > l.Module {
		return nil, Info{}, trellis.Errorf(trellis.Invalid, "%w", &LimitError{LimitModule, len(binary), l.Module, "module of %d bytes exceeds the limit of %d"})
	}
	m, err := parse(binary, l)
	if err != nil {
		return nil, Info{}, err
	}
	code, err := m.rewriteCode()
	if err != nil {
		return nil, Info{}, err
	}
	if err := m.checkSegments(); err != nil {
		return nil, Info{}, err
	}
	return m.encode(code), m.info(), nil
}
