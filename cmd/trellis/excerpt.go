package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/trellis-learning/trellis/runtime/symbol"
)

const (
	maxSource  = 4 << 20 // bytes of a file that is looked into
	maxExcerpt = 120     // runes of a line
)

// sourceLine returns where in the project the file of a frame lies, and its line. A
// module says of itself which file that is: only source is shown, and only what lies
// in the directory, to which no link leads.
func sourceLine(dir string, f symbol.Frame) (path, line string) {
	if dir == "" || f.Line == 0 || !isSource(f.File) {
		return "", ""
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", ""
	}
	defer func() { _ = root.Close() }()
	names := []string{f.File}
	if base := filepath.Base(f.File); !ofLibrary(f.File) && base != f.File { // compilers say more of the path than is known here
		names = append(names, base)
	}
	for _, name := range names {
		if line, ok := lineOf(root, filepath.FromSlash(name), f.Line); ok {
			return name, line
		}
	}
	return "", ""
}

// lineOf returns a line of a file, and whether the file is there and may be shown.
func lineOf(root *os.Root, name string, number int) (string, bool) {
	// What is no plain file is not opened: a pipe would wait. A link is followed by
	// nobody, since what it leads to need not be source.
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSource {
		return "", false
	}
	file, err := root.Open(name)
	if err != nil {
		return "", false
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(io.LimitReader(file, maxSource))
	for n := 1; lines.Scan(); n++ {
		if n == number {
			return excerpt(lines.Text()), true
		}
	}
	return "", true
}

// isSource reports whether a file may be what a module is compiled from: a module of
// a stranger could name a file of secrets.
func isSource(file string) bool {
	return filepath.IsLocal(filepath.FromSlash(file)) && slices.Contains([]string{
		".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".rs", ".ts", ".go", ".zig", ".wat", ".d", ".nim", ".swift", ".kt", ".cs",
	}, strings.ToLower(filepath.Ext(file)))
}

// ofLibrary reports whether a file is of what a guest is built with: the guest
// libraries, Extism's kits, the language's own library.
func ofLibrary(file string) bool {
	file = strings.ReplaceAll(file, `\`, "/")
	switch file[strings.LastIndex(file, "/")+1:] {
	case "trellis.h", "trellis_ui.h", "trellis_command.h", "trellis_extism.h", "trellis.hpp", "trellis_json.hpp", "trellis_parse.hpp":
		return true
	}
	for _, part := range []string{"trellis/", "~lib/", "library/"} { // as compilers say it of what is at the top
		if strings.HasPrefix(file, part) && !strings.HasSuffix(file, ".go") { // of Go they are left out already
			return true
		}
	}
	for _, part := range []string{"/trellis-guest/", "/hostapi/guest/", "/@extism/", "/wasi-libc/", "/libc-top-half/", "/libc-bottom-half/", "/dlmalloc/"} {
		if strings.Contains("/"+file, part) {
			return true
		}
	}
	return false
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

// projectAt returns the directory in which the source of an extension is: its own. A
// bundle may be a stranger's, and has none.
func projectAt(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return ""
}
