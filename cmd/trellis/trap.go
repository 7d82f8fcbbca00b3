package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// crashed is the error of a guest that ran here, whose source may be here as well.
type crashed struct {
	err error
	dir string // the project's; "": it is not known to be one of those who read this
}

func (c *crashed) Error() string { return c.err.Error() }
func (c *crashed) Unwrap() error { return c.err }

// traceOf returns where a guest ended that ran here: what went wrong without that,
// and a line for each frame, with the line of the source where that is found.
func traceOf(err error) (message string, lines []string) {
	message = err.Error()
	trap := (*runtime.Trap)(nil)
	if !errors.As(err, &trap) || len(trap.Frames) == 0 {
		return message, nil
	}
	// The message has the first frames in one line, and may go on after them.
	before, _, _ := strings.Cut(message, " at "+trap.Frames[0].String())
	if i := strings.LastIndex(message, " (last log line: "); i > len(before) {
		before += message[i:]
	}
	dir := ""
	if c := (*crashed)(nil); errors.As(err, &c) {
		dir = c.dir
	}
	for _, f := range framesOf(message, trap) {
		lines = append(lines, "  at "+f.String())
		if _, text := sourceLine(dir, f); text != "" {
			lines = append(lines, fmt.Sprintf("  %8d | %s", f.Line, text))
		}
	}
	return before, lines
}

// mend says what to do about a crash: where to look, or how to learn where.
func mend(err error, t *runtime.Trap) string {
	const again = ", build the module again and try the same"
	dir := ""
	if c := (*crashed)(nil); errors.As(err, &c) {
		dir = c.dir
	}
	place := "" // of the first function that could be the author's
	for _, f := range framesOf(err.Error(), t) {
		if f.Line == 0 || ofLibrary(f.File) {
			continue
		}
		if path, _ := sourceLine(dir, f); path != "" {
			return fmt.Sprintf("mend %s:%d%s", filepath.Join(dir, path), f.Line, again)
		}
		if place == "" && filepath.IsLocal(f.File) {
			place = f.Place()
		}
	}
	switch {
	case place != "":
		return "mend " + place + again
	case strings.HasPrefix(t.Reason, "exit code "):
		return "the program ended itself; what it logged before that says why"
	case ofGo(t):
		return "look at the functions above; in Go lines are known of panics alone"
	case len(t.Frames) > 0 && t.Frames[0].Line > 0:
		return "look at what calls the functions above: a library gave up, and none of the project's own files is among them"
	}
	return `build the module with debug information, and this says file and line: clang -gline-tables-only, cargo with debug = "line-tables-only", asc --sourceMap`
}

// abortLine is what an abort of AssemblyScript logs last: the message, file, line and
// column.
var abortLine = regexp.MustCompile(`\(last log line: .*\(([^\s():]+\.ts):([0-9]{1,9}):[0-9]+\)\)`)

// framesOf returns where a guest ended. Where AssemblyScript threw comes first: it is
// logged, needs no source map and is more exact than one.
func framesOf(message string, t *runtime.Trap) []symbol.Frame {
	m := abortLine.FindStringSubmatch(message)
	if m == nil {
		return t.Frames
	}
	line, err := strconv.Atoi(m[2])
	if err != nil || ofLibrary(m[1]) || !filepath.IsLocal(m[1]) {
		return t.Frames
	}
	return append([]symbol.Frame{{File: m[1], Line: line}}, t.Frames...)
}

// ofGo reports whether a module in Go crashed, which has no lines to tell.
func ofGo(t *runtime.Trap) bool {
	if strings.HasPrefix(t.Reason, "panic: ") || strings.HasPrefix(t.Reason, "fatal error: ") {
		return true
	}
	return slices.ContainsFunc(t.Frames, func(f symbol.Frame) bool {
		return strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, "main.")
	})
}
