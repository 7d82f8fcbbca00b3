package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
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

// advice returns what may help against an error of a command, "" if nothing is
// known.
func advice(err error, command string) string {
	var known *advised
	if errors.As(err, &known) {
		return known.next
	}
	if next := adviceByText(err.Error(), command); next != "" {
		return next
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
	case (kind == trellis.Denied || kind == trellis.NotFound) && strings.HasPrefix(command, "ext install"):
		return "course staff install into their own course: trellis ext install FILE -course KEY; " + whoFirst
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
	case kind == trellis.Invalid && command != "":
		return "trellis " + strings.TrimSpace(strings.Split(command, "<")[0]) + " --help"
	}
	return ""
}

// adviceByText knows what to do about errors whose kind says too little.
func adviceByText(text, command string) string {
	switch {
	case strings.HasPrefix(command, "ext install") && strings.Contains(text, "not signed"):
		return "trellis ext keygen, trellis ext sign FILE -key KEY, and as an operator trellis ext trust PUBLISHER KEY.pub; or unsigned = true in the server's configuration, for trying"
	case strings.HasPrefix(command, "ext ") && strings.HasSuffix(text, ": build it first"):
		dir, _, _ := strings.Cut(text, " has no ")
		return "trellis ext build " + dir
	}
	return ""
}
