package web

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/trellis-learning/trellis"
)

// traceParent is the header of that name (W3C Trace Context, section 3.2): the
// trace that a request belongs to, and the step in it.
type traceParent struct {
	id, span string
	sampled  bool
}

// parentOf reads a traceparent header. Without one that is valid, a new trace
// begins. In either case the step is a new one.
func parentOf(header string) traceParent {
	p, ok := parseTraceParent(header)
	if !ok {
		p = traceParent{id: trellis.NewTraceID()}
	}
	var b [8]byte
	_, _ = rand.Read(b[:])
	p.span = hex.EncodeToString(b[:])
	return p
}

// parseTraceParent reads version 00 and, as section 3.2.4 has it, the beginning
// of later ones.
func parseTraceParent(header string) (traceParent, bool) {
	const length = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(header) < length || len(header) > 512 {
		return traceParent{}, false
	}
	version, id, span, flags := header[:2], header[3:35], header[36:52], header[53:55]
	if header[2] != '-' || header[35] != '-' || header[52] != '-' || version == "ff" ||
		len(header) > length && (version == "00" || header[length] != '-') ||
		!isHex(version) || !isHex(id) || !isHex(span) || !isHex(flags) ||
		strings.Trim(id, "0") == "" || strings.Trim(span, "0") == "" {
		return traceParent{}, false
	}
	return traceParent{id: strings.Clone(id), span: strings.Clone(span), sampled: strings.ContainsRune("13579bdf", rune(flags[1]))}, true
}

func isHex(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
}

func (p traceParent) String() string {
	flags := "00"
	if p.sampled {
		flags = "01"
	}
	return "00-" + p.id + "-" + p.span + "-" + flags
}
