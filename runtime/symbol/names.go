package symbol

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ianlancetaylor/demangle"
)

const (
	functionNames = 1   // the subsection (WebAssembly Core Specification 7.4.1)
	maxName       = 120 // bytes of a name that is shown
	maxMangled    = 1000
	perMangled    = 50 // steps of work for a byte of a mangled name
)

// maxFunctions is how many names are looked at: a module that may run has fewer
// functions.
const maxFunctions = 1 << 16

// functionsByName returns the names of functions that a name section holds, which
// remain part of it. They are gathered once: to look for each in the section would
// make a trap of thirty frames cost seconds.
func functionsByName(section []byte) map[uint64][]byte {
	work := 8 * len(section)
	r := reader{data: section, work: &work}
	for !r.bad && r.left() > 0 {
		id := r.byte()
		body := r.bytes(r.uint())
		if id != functionNames {
			continue
		}
		s := reader{data: body, work: &work}
		names := make(map[uint64][]byte)
		for range min(s.uint(), maxFunctions) {
			at := s.uint()
			name := s.bytes(s.uint())
			if s.bad {
				break
			}
			if _, twice := names[at]; !twice {
				names[at] = name[:min(len(name), maxMangled)]
			}
		}
		return names
	}
	return nil
}

// name returns the name of a function by its index, "" if it has none.
func (t *Table) name(index int) string {
	t.gather.Do(func() { t.functions, t.names = functionsByName(t.names), nil })
	return string(t.functions[uint64(index)])
}

// readable makes a compiler's name of a function one for people: names of C++ and
// Rust are demangled, without the types of parameters, and what could not stand in
// a line of a log is replaced. When no work is left, a name stays mangled.
func readable(name string, work *int) string {
	if strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R") || strings.HasPrefix(name, "__Z") {
		if *work -= perMangled * len(name); *work >= 0 {
			// 1<<10 bounds what a few bytes can be made to expand to.
			name = demangle.Filter(name, demangle.NoParams, demangle.NoTemplateParams, demangle.MaxLength(10))
		}
	}
	name = printable(withoutParameters(name))
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName-len("…")], "") + "…"
	}
	return name
}

// withoutParameters cuts off the parameters of a C++ function, which linkers that
// demangle names leave there.
func withoutParameters(name string) string {
	body := strings.TrimSuffix(name, " const")
	if !strings.HasSuffix(body, ")") || strings.HasSuffix(body, "operator()") {
		return name
	}
	depth := 0
	for i := len(body) - 1; i > 0; i-- {
		switch body[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return body[:i]
			}
		}
	}
	return name
}

// printable makes text of a module's choice fit for a line of a log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
}
