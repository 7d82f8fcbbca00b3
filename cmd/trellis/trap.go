package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// crashed is the error of a guest that ran here, whose source may be here as well.
type crashed struct {
	err error
	dir string // in which the module lies
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
	for _, f := range trap.Frames {
		lines = append(lines, "  at "+f.String())
		if text := sourceLine(dir, f); text != "" {
			lines = append(lines, fmt.Sprintf("  %8d | %s", f.Line, text))
		}
	}
	return before, lines
}

const (
	maxSource  = 4 << 20 // bytes of a file that is looked into
	maxExcerpt = 120     // runes of a line
)

// sourceLine returns the line of a frame, if its file lies in or below dir.
func sourceLine(dir string, f symbol.Frame) string {
	if dir == "" || f.Line == 0 || !filepath.IsLocal(f.File) {
		return ""
	}
	for _, path := range []string{f.File, filepath.Base(f.File)} {
		file, err := os.Open(filepath.Join(dir, path))
		if err != nil {
			continue
		}
		defer file.Close()
		if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxSource {
			return ""
		}
		lines := bufio.NewScanner(file)
		for n := 1; lines.Scan(); n++ {
			if n == f.Line {
				return excerpt(lines.Text())
			}
		}
		return ""
	}
	return ""
}

// excerpt is a line as a terminal may show it.
func excerpt(line string) string {
	text := []rune(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.TrimSpace(line)))
	return string(text[:min(len(text), maxExcerpt)])
}

// projectOf returns the directory in which the source of an extension would be: a
// bundle lies in its project.
func projectOf(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

// mend says what to do about a crash: where to look, or how to learn where.
func mend(t *runtime.Trap) string {
	for _, f := range t.Frames {
		if f.Line > 0 && filepath.IsLocal(f.File) && !strings.HasPrefix(f.File, "library/") { // of Rust
			return "mend " + f.Place() + ", build the module again and try the same"
		}
	}
	return `build the module with debug information, and this says file and line: clang -gline-tables-only, cargo with debug = "line-tables-only", asc --sourceMap; in Go -ldflags=-w keeps the names of functions`
}
