// Package symbol says what stands in the source where a WebAssembly module
// trapped: the function by the name section, file and line by DWARF or a source
// map. It reads what compilers leave in custom sections.
//
// All of that comes with a module that nobody has reason to trust, so it is read
// by code that allocates nothing for what is not there, and that stops when it
// has done a fixed amount of work: what is wrong, or too much, is left out, and
// the answer has less in it.
package symbol

import (
	"fmt"
	"slices"
	"sync"
)

// Section is a custom section of a module.
type Section struct {
	Name string
	Data []byte
}

// Names of sections, beside those of DWARF.
const (
	nameSection = "name"
	// SourceMap holds the source map itself.
	SourceMap = "trellis.sourcemap"
	// SourceMapURL holds where the source map is. Only what is a data: URL is
	// read; nothing is ever fetched.
	SourceMapURL = "sourceMappingURL"
)

// Frame is a place in the source. A field that is not known is zero.
type Frame struct {
	Function string `json:"function,omitempty" doc:"Name of the function."`
	File     string `json:"file,omitempty" doc:"File, as the compiler was given it, in short."`
	Line     int    `json:"line,omitempty" doc:"Line, from 1."`
	Column   int    `json:"column,omitempty" doc:"Column, from 1."`
	Inlined  bool   `json:"inlined,omitempty" doc:"The compiler put the function into that of the next frame."` // the compiler put the function into the next frame's
}

// String returns the frame in one line: function (file:line).
func (f Frame) String() string {
	place := f.Place()
	switch {
	case place == "":
		return f.Function
	case f.Function == "":
		return place
	}
	return f.Function + " (" + place + ")"
}

// Place returns file:line, or as much of it as is known.
func (f Frame) Place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// Table answers for one module. It is safe for concurrent use, and keeps the
// sections and what it found in them.
type Table struct {
	mu        sync.Mutex
	names     []byte // the section, until it is gathered
	gather    sync.Once
	functions map[uint64][]byte
	dwarf     *dwarf
	sourceMap *sourceMap
	codeStart uint64
	work      int // what is left to do, in all
	answers   map[question][]Frame
	answered  int // frames in them
}

// question is what a table is asked: guests trap where they did before.
type question struct {
	function int
	offset   uint64
}

// maxWork bounds what all questions to a table may cost together: a step is an
// attribute, a line or some bytes, and takes some ten nanoseconds.
const maxWork = 15_000_000

// maxNames is how many bytes of names are looked at.
const maxNames = 4 << 20

// maxAnswered is how many frames of answers are kept.
const maxAnswered = 2_000

// maxInlined is how many frames one place may have.
const maxInlined = 16

// New returns a table of what the sections hold. codeStart is where in the module
// the contents of the code section begin, which source maps count from.
func New(sections []Section, codeStart int) *Table {
	t := &Table{codeStart: uint64(max(codeStart, 0)), work: maxWork, answers: map[question][]Frame{}}
	debug := map[string][]byte{}
	for _, s := range sections {
		if _, twice := debug[s.Name]; twice {
			continue
		}
		debug[s.Name] = s.Data
	}
	t.names = debug[nameSection]
	t.names = t.names[:min(len(t.names), maxNames)]
	if len(debug[".debug_info"]) > 0 {
		t.dwarf = newDWARF(debug, &t.work)
	}
	text := debug[SourceMap]
	if len(text) == 0 {
		text = dataURL(debug[SourceMapURL])
	}
	t.sourceMap = newSourceMap(text, maxSourceMap)
	t.work -= min(len(text), maxSourceMap)
	return t
}

// Function returns the name of a function by its index, which counts imports, or
// "function N" if it has none.
func (t *Table) Function(index int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if name := t.name(index); name != "" {
		return readable(name, &t.work)
	}
	return fmt.Sprintf("function %d", index)
}

// Frames returns the places at an offset in the code section, the innermost
// first: more than one where functions were inlined, at least one. An offset of 0
// stands for one that is not known.
func (t *Table) Frames(function int, offset uint64) []Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := question{function, offset}
	frames, ok := t.answers[q]
	if !ok {
		if frames = t.frames(function, offset); t.answered < maxAnswered {
			t.answers[q] = frames
			t.answered += len(frames)
		}
	}
	return slices.Clone(frames)
}

func (t *Table) frames(function int, offset uint64) []Frame {
	var frames []Frame
	if offset > 0 && t.dwarf != nil {
		frames = t.dwarf.frames(offset)
	}
	if offset > 0 && len(frames) == 0 && t.sourceMap != nil {
		frames = t.sourceMap.frames(t.codeStart+offset, &t.work)
	}
	if len(frames) == 0 {
		frames = []Frame{{}}
	}
	last := &frames[len(frames)-1]
	if name := t.name(function); name != "" {
		last.Function = readable(name, &t.work)
	} else if last.Function == "" {
		last.Function = fmt.Sprintf("function %d", function)
	}
	return frames
}
