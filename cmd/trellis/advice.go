package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// answer is an error that a server answered with.
type answer struct {
	err    error
	status int
	trace  string        // ID of the request
	after  time.Duration // when to try again
}

func (a *answer) Error() string { return a.err.Error() }
func (a *answer) Unwrap() error { return a.err }

// advised is an error that knows what may help.
type advised struct {
	err  error
	next string
}

func (a *advised) Error() string { return a.err.Error() }
func (a *advised) Unwrap() error { return a.err }

// advise adds to an error what to do about it.
func advise(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &advised{err, fmt.Sprintf(format, args...)}
}

// lists says, by how a command begins, what shows the things that it takes.
func lists() []struct{ command, next string } {
	return []struct{ command, next string }{
		{"ext", "trellis ext list"},
		{"jobs", "trellis jobs list"},
		{"deliveries", "trellis deliveries list"},
		{"trace", "only the latest requests are remembered; their traces stand in errors and in the header Trace-Id"},
		{"token create", "an operator's own is made in -tenant _; -role tenant-admin makes one for a service of the tenant"},
		{"token", "trellis token list"},
		{"tenant", "trellis tenant list"},
		{"course", "trellis course list"},
		{"user", "trellis user list"},
		{"role", "trellis role list, trellis user list"},
		{"enroll", "trellis course list, trellis user list"},
		{"unenroll", "trellis course list, trellis user list"},
		{"grade", "trellis course list, trellis user list"},
		{"api", "the paths stand in /api/openapi.json"},
	}
}

const (
	loginFirst = "for the demo: set -a; . .trellis/demo.env; set +a; else: trellis login NAME -tenant TENANT"
	whoFirst   = "trellis whoami says who you are and what you may do"
)

// called is a command as it was called.
type called struct {
	command string
	tenant  bool // it takes a course, and was given none: it is about the whole tenant
}

// advice returns what may help against an error of a command, "" if nothing is
// known.
func advice(err error, c called) string {
	command := c.command
	var known *advised
	if errors.As(err, &known) {
		return known.next
	}
	if next := adviceByText(err.Error(), command); next != "" {
		return next
	}
	if over := (*runtime.LimitError)(nil); errors.As(err, &over) {
		return raiseHere(over)
	}
	if errors.Is(err, runtime.ErrAnswer) {
		return "the module itself answered so: look there for the message, or try another input with " + inputOf(command)
	}
	if next := beyond(err); next != "" {
		return next
	}
	if trap := (*runtime.Trap)(nil); errors.As(err, &trap) {
		return mend(err, trap)
	}
	var a *answer
	if !errors.As(err, &a) {
		if trellis.KindOf(err) == trellis.Invalid && command != "" {
			return "trellis " + strings.TrimSpace(strings.Split(command, "<")[0]) + " --help"
		}
		return ""
	}
	switch kind := trellis.KindOf(err); {
	case a.status == http.StatusUnauthorized:
		return loginFirst
	case (kind == trellis.Denied || kind == trellis.NotFound) && c.tenant && strings.HasPrefix(command, "ext "):
		return inCourse(kind, command)
	case kind == trellis.Denied:
		return whoFirst
	case kind == trellis.Refused:
		return "trellis trace " + a.trace + " shows what extensions did"
	case kind == trellis.Exhausted && a.after > 0:
		return fmt.Sprintf("try again in %v", a.after)
	case kind == trellis.Unavailable || kind == trellis.Internal:
		return "trellis trace " + a.trace + " shows what extensions did; the server's log says more under this trace"
	case kind == trellis.NotFound:
		for _, l := range lists() {
			if command == l.command || strings.HasPrefix(command, l.command+" ") {
				return l.next
			}
		}
	case kind == trellis.Invalid && (strings.HasPrefix(command, "ext install") || strings.HasPrefix(command, "ext upgrade")):
		return mendBundle(err.Error())
	case kind == trellis.Invalid && command != "":
		return "trellis " + strings.TrimSpace(strings.Split(command, "<")[0]) + " --help"
	}
	return ""
}

// mendBundle says what to do about a bundle that a server refuses.
func mendBundle(text string) string {
	const again = "trellis ext test DIR, trellis ext pack DIR, and install the bundle that it makes"
	switch {
	case strings.Contains(text, "limits.work: "):
		return "ask for less in limits.work of extension.json, " + again + "; or have the limit raised"
	case strings.Contains(text, "raises it with"):
		return "have the limit raised; or make the module smaller, " + again
	}
	return "mend that in the project, " + again
}

// beyond says what to do about a limit of calls that a guest has exceeded, "" if it
// has not.
func beyond(err error) string {
	for _, l := range []struct {
		limit error
		next  string
	}{
		{runtime.ErrFuel, "do less in one call (the limit is worth 100ms of computing), or look for a loop without end where it was; what a schedule or a job does may take more, by limits.work in extension.json"},
		{runtime.ErrTime, "do less in one call, and wait for less: 250ms, and where somebody waits 50ms for a filter; schedules and jobs may have more, by limits.work in extension.json"},
		{runtime.ErrMemory, `ask for more in extension.json, up to 64MiB: "limits": {"memory": "64MiB"} (16MiB if it says nothing); for a module alone, -memory 64MiB`},
		{runtime.ErrOutput, "answer less: 1MiB at most, of which an error answer may have 8KiB"},
	} {
		if errors.Is(err, l.limit) {
			return l.next
		}
	}
	if errors.Is(err, runtime.ErrTrap) && strings.Contains(err.Error(), "host operations in one call") {
		return "a call may ask the platform 100 times: ask for lists instead of one by one, or let a job go on, which is called again with its state"
	}
	return ""
}

// inputOf names the flags by which a command hands something to a module.
func inputOf(command string) string {
	if strings.HasPrefix(command, "ext ") {
		return "-data @FILE and -settings @FILE"
	}
	return "-input @FILE and -config KEY=VALUE"
}

// placeholder is an argument as the parser names it.
var placeholder = regexp.MustCompile(`<[a-z]+>`)

// inCourse advises those who asked for what concerns the whole tenant, which course
// staff may not touch, and may be told is not there.
func inCourse(kind trellis.Kind, command string) string {
	if strings.HasPrefix(command, "ext approve") {
		return "trellis ext list shows what waits, and the course that ext approve ID -course KEY has to name; " + whoFirst
	}
	next := "course staff name their own course: trellis " + placeholder.ReplaceAllStringFunc(command, func(s string) string { return strings.ToUpper(s[1 : len(s)-1]) }) + " -course KEY; "
	if kind == trellis.NotFound && !strings.Contains(command, "<file>") {
		return next + "trellis ext list shows what is installed"
	}
	return next + whoFirst
}

// missing says that a file is not there, and what to do.
func missing(fault *fs.PathError, flag, command string) error {
	name := fault.Path
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, name); err == nil && filepath.IsLocal(rel) {
			name = rel
		}
	}
	command, _, _ = strings.Cut(command, " <")
	what, next := "file", "trellis "+strings.TrimSpace(command+" --help")
	switch {
	case flag == "--write":
		what = "directory"
	case flag == "--config":
		next = "trellis " + command + " -config FILE; each of its keys may be absent: " + configKeys
	case flag == "--key":
		next = "trellis ext keygen FILE makes a key"
	case command == "ext trust":
		next = "trellis ext keygen FILE makes a key, and FILE.pub to trust it by"
	case command == "run", command == "bench":
		next = "trellis ext build DIR makes main.wasm from a project"
	case command == "import":
		next = "trellis import FILE takes a OneRoster zip; trellis export oneroster makes one"
	case command == "ext pack", command == "ext test", command == "ext build", command == "ext upgrade-guest":
		next = "trellis ext new PUBLISHER.NAME DIR begins a project"
	case command == "ext settings", command == "ext enable":
		next = "trellis " + command + " --help; settings are JSON, or @FILE with the path of a file that holds it"
	case strings.HasPrefix(command, "ext "):
		next = "trellis ext pack DIR makes a project's bundle, and says where it is"
	}
	return advise(trellis.Errorf(trellis.Invalid, "there is no %s %s", what, name), "%s", next)
}

// adviceByText knows what to do about errors whose kind says too little.
func adviceByText(text, command string) string {
	switch {
	case (strings.HasPrefix(command, "ext install") || strings.HasPrefix(command, "ext upgrade")) && strings.Contains(text, "not signed"):
		return "trellis ext keygen, trellis ext sign FILE -key KEY, and as an operator trellis ext trust PUBLISHER KEY.pub; or unsigned = true in the server's configuration, for trying"
	case strings.HasPrefix(command, "ext ") && strings.HasSuffix(text, ": build it first"):
		dir, _, _ := strings.Cut(text, " has no ")
		return "trellis ext build " + dir
	case strings.HasPrefix(command, "ext ") && strings.Contains(text, "is switched off for everybody"):
		return "those who run the tenant: trellis ext resume ID; others ask them"
	}
	return ""
}
