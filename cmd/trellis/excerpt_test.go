package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// sources writes a project's directory, and beside it what is none of its business.
func sources(t *testing.T) (dir, outside string) {
	t.Helper()
	top := t.TempDir()
	dir, outside = filepath.Join(top, "project"), filepath.Join(top, "secret.c")
	for name, text := range map[string]string{
		outside: "secret\n", filepath.Join(dir, "main.c"): "one\n\ttwo\x1b[31m\n", filepath.Join(dir, "trellis.h"): "library\n",
		filepath.Join(dir, "src", "lib.rs"): "crate\n", filepath.Join(dir, ".env"): "KEY=secret\n", filepath.Join(dir, "key"): "secret\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.Symlink(outside, filepath.Join(dir, "link.c")), os.Symlink(top, filepath.Join(dir, "up")), os.Symlink(".env", filepath.Join(dir, "env.c")),
		os.Mkdir(filepath.Join(dir, "dir.c"), 0o700),
	); err != nil {
		t.Skipf("SKIPPED: there are no links here: %v", err)
	}
	return dir, outside
}

// TestSourceLine: a module that names files makes nothing be shown but source in the
// project.
func TestSourceLine(t *testing.T) {
	dir, outside := sources(t)
	for _, tt := range []struct {
		name, dir, file string
		line            int
		path, want      string
	}{
		{"at the top", dir, "main.c", 2, "main.c", "two[31m"},
		{"below", dir, "src/lib.rs", 1, "src/lib.rs", "crate"},
		{"by a longer path", dir, "build/project/main.c", 1, "main.c", "one"},
		{"past its end", dir, "main.c", 9, "", ""},
		{"no line", dir, "main.c", 0, "", ""},
		{"of a library that has one of this name", dir, "library/core/main.c", 1, "", ""},
		{"not known to be a project", "", "main.c", 1, "", ""},
		{"absolute", dir, outside, 1, "", ""},
		{"above", dir, "../secret.c", 1, "", ""},
		{"above, the long way", dir, "src/../../secret.c", 1, "", ""},
		{"a link out", dir, "link.c", 1, "", ""},
		{"a directory that is a link out", dir, "up/secret.c", 1, "", ""},
		{"a link to what is no source", dir, "env.c", 1, "", ""},
		{"a directory", dir, "dir.c", 1, "", ""},
		{"no source", dir, ".env", 1, "", ""},
		{"no source either", dir, "key", 1, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, got := sourceLine(tt.dir, symbol.Frame{File: tt.file, Line: tt.line})
			if got != tt.want || tt.want != "" && path != tt.path {
				t.Errorf("%q in %q, want %q in %q", got, path, tt.want, tt.path)
			}
		})
	}
}

// TestMend: what comes next after a crash is the author's own file, not that of a
// library which gave up.
func TestMend(t *testing.T) {
	dir, _ := sources(t)
	frame := func(file string, line int) symbol.Frame { return symbol.Frame{Function: "f", File: file, Line: line} }
	for _, tt := range []struct {
		name, dir, reason, last string
		frames                  []symbol.Frame
		want                    string
	}{
		{"after the header", dir, "unreachable", "", []symbol.Frame{frame("trellis.h", 1), frame("main.c", 2)}, "mend " + filepath.Join(dir, "main.c") + ":2, "},
		{"after other libraries", "", "unreachable", "", []symbol.Frame{
			frame("library/core/src/panicking.rs", 9), frame("trellis-guest/src/hook.rs", 3), frame("~lib/string.ts", 4), frame("trellis/host.ts", 4),
			frame("wasi-libc/libc-top-half/abort.c", 4), frame("main.c", 2),
		}, "mend main.c:2, "},
		{"what is here goes before what is not", dir, "unreachable", "", []symbol.Frame{frame("vendored.c", 7), frame("src/lib.rs", 1)}, "mend " + filepath.Join(dir, "src", "lib.rs") + ":1, "},
		{"what AssemblyScript logged", "", "unreachable", "no such mode (in verified) (main.ts:10:5)", []symbol.Frame{frame("trellis/host.ts", 99)}, "mend main.ts:10, "},
		{"what a library of it logged", "", "unreachable", "Index out of range (~lib/array.ts:114:42)", []symbol.Frame{frame("~lib/array.ts", 114), frame("main.ts", 3)}, "mend main.ts:3, "},
		{"a log line that leads away", dir, "unreachable", "(/etc/passwd.ts:1:1)", []symbol.Frame{frame("main.c", 1)}, "mend " + filepath.Join(dir, "main.c") + ":1, "},
		{"libraries alone", "", "unreachable", "", []symbol.Frame{frame("trellis.h", 1)}, "look at what calls "},
		{"an exit status", "", "exit code 3", "", []symbol.Frame{{Function: "exit"}}, "the program ended itself"},
		{"Go without a panic", "", "unreachable", "", []symbol.Frame{{Function: "runtime.abort"}, {Function: "main.decide"}}, "look at the functions above; in Go "},
		{"no debug information", "", "unreachable", "", []symbol.Frame{{Function: "check"}}, "build the module with debug information"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trap := &runtime.Trap{Reason: tt.reason, Frames: tt.frames}
			err := error(trap)
			if tt.last != "" {
				err = &logged{trap, tt.last}
			}
			if got := mend(&crashed{err, tt.dir}, trap); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// logged is a crash whose message ends as those of guests that have logged.
type logged struct {
	*runtime.Trap
	last string
}

func (l *logged) Error() string { return "trapped (last log line: " + l.last + ")" }
