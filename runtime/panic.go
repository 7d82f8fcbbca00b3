package runtime

import (
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis/runtime/symbol"
)

// isObituary recognises how Go and Rust begin to say why a program ends; what
// they print after that says only where.
func isObituary(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") ||
		strings.HasPrefix(line, "thread '") && strings.Contains(line, "panicked")
}

// goTrace gathers where a program in Go was when it panicked, out of what it
// prints: a line "main.check(0x1, …)" for each function, and one of its place,
// "/home/ada/policy/main.go:42 +0x1f". A module of Go holds no such thing itself.
type goTrace struct {
	function string // of the line before
	frames   []symbol.Frame
}

// maxPanicFrames is how many frames of the author's own code are kept.
const maxPanicFrames = 10

// line takes the next line, without the white space around it.
func (t *goTrace) line(line string) {
	function := t.function
	t.function = ""
	if place, _, ok := strings.Cut(line, ".go:"); ok && function != "" {
		number, _, _ := strings.Cut(line[len(place)+len(".go:"):], " ")
		if n, err := strconv.Atoi(number); err == nil && n > 0 && !ofTheRuntime(function) && !strings.Contains(place, "/guest/") && len(t.frames) < maxPanicFrames {
			t.frames = append(t.frames, symbol.Frame{Function: function, File: symbol.ShortPath(place + ".go"), Line: n})
		}
		return
	}
	if open := strings.LastIndexByte(line, '('); open > 0 && strings.HasSuffix(line, ")") {
		t.function = clean(line[:open], 120)
	}
}

// ofTheRuntime reports whether a function of Go is none of the author's: the
// language's own, or those of the guest library that call a hook, which lies in the
// project's directory guest.
func ofTheRuntime(function string) bool {
	for _, prefix := range []string{"runtime.", "runtime/", "internal/", "panic", "goroutine ", "created by ", "main._cgoexp", "syscall.", "reflect."} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return strings.HasPrefix(function[strings.LastIndex(function, "/")+1:], "guest.")
}
