package tree

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

const (
	maxNesting = 4*MaxDepth + 16 // of arrays and objects, which no tree comes near
	maxMembers = 64              // of an object
	maxValues  = 40_000          // of the document: each of the largest chart's points, and more
)

// value is JSON as it stands there. Keys of an object stand once.
type value struct {
	typ   byte // one of {["0tn
	truth bool
	text  string // of a string, or of a number as it is written
	keys  []string
	items []value // of an array, or for the keys of an object
}

// typeName says what a value is, for people.
func (v value) typeName() string {
	switch v.typ {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't':
		return "a boolean"
	}
	return "null"
}

// place is where something stands in a document.
type place struct {
	up    *place
	key   string // of an object's member
	index int    // of an array's item, from 1; 0 if the key counts
}

// String returns the place as a JSON Pointer (RFC 6901).
func (p *place) String() string { return string(p.append(nil)) }

// append appends it. Of the keys it takes copies: so places, of which there are many
// and most are never asked for, need not outlive the functions that made them.
func (p *place) append(b []byte) []byte {
	if p == nil {
		return b
	}
	b = append(p.up.append(b), '/')
	if p.index > 0 {
		return strconv.AppendInt(b, int64(p.index-1), 10)
	}
	for i, r := range p.key {
		switch {
		case i >= 80:
			return append(b, "…"...)
		case r == '~':
			b = append(b, "~0"...)
		case r == '/':
			b = append(b, "~1"...)
		case r != utf8.RuneError || strings.HasPrefix(p.key[i:], "\ufffd"):
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// fault is an error of what stands at a place.
func fault(at *place, format string, args ...any) error {
	if at == nil {
		return trellis.Errorf(trellis.Invalid, format, args...)
	}
	return trellis.Errorf(trellis.Invalid, "%s: "+format, append([]any{at.String()}, args...)...)
}

// parse reads one JSON document. That it is one, encoding/json says; what is left
// here is to take it apart, with bounds that hold before anything is kept.
func parse(raw []byte) (value, error) {
	switch {
	case len(raw) > MaxBytes:
		return value{}, trellis.Errorf(trellis.Invalid, "%d bytes of JSON; the limit is %d", len(raw), MaxBytes)
	case !utf8.Valid(raw):
		return value{}, trellis.Errorf(trellis.Invalid, "not JSON: it is not UTF-8")
	case !json.Valid(raw):
		return value{}, notJSON(raw)
	}
	p := parser{in: string(raw), keys: make([]string, 0, 8), items: make([]value, 0, 16)}
	return p.value(nil, 0)
}

// notJSON says why a document is none.
func notJSON(raw []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(raw, &v)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"):
		return trellis.Errorf(trellis.Invalid, "not JSON: it ends too early")
	case errors.As(err, &syntax):
		return trellis.Errorf(trellis.Invalid, "not JSON: %s, after %d bytes", syntax, syntax.Offset)
	}
	return trellis.Errorf(trellis.Invalid, "not JSON: %v", err)
}

// parser takes apart what is known to be JSON.
type parser struct {
	in    string
	i     int
	count int
	keys  []string // of the objects that are not at their end, the outermost first
	items []value  // of these, and of the arrays
}

// next returns the next character that is neither room nor a comma nor a colon,
// which can stand in no other place than where they have to.
func (p *parser) next() byte {
	for strings.IndexByte(" \t\r\n,:", p.in[p.i]) >= 0 {
		p.i++
	}
	return p.in[p.i]
}

func (p *parser) value(at *place, depth int) (value, error) {
	if p.count++; p.count > maxValues {
		return value{}, trellis.Errorf(trellis.Invalid, "more than %d JSON values", maxValues)
	}
	c := p.next()
	from := p.i
	switch c {
	case '"':
		return value{typ: '"', text: p.string()}, nil
	case 't', 'n':
		p.i += len("true")
		return value{typ: c, truth: c == 't'}, nil
	case 'f':
		p.i += len("false")
		return value{typ: 't'}, nil
	case '[', '{':
		if depth >= maxNesting {
			return value{}, trellis.Errorf(trellis.Invalid, "nested deeper than %d arrays and objects", maxNesting)
		}
		p.i++
		if c == '[' {
			return p.array(at, depth+1)
		}
		return p.object(at, depth+1)
	}
	for p.i < len(p.in) && strings.IndexByte("+-.0123456789eE", p.in[p.i]) >= 0 {
		p.i++
	}
	return value{typ: '0', text: p.in[from:p.i]}, nil
}

// string returns the string that begins here.
func (p *parser) string() string {
	from, plain := p.i, true
	for p.i++; p.in[p.i] != '"'; p.i++ {
		if p.in[p.i] == '\\' {
			plain = false
			p.i++
		}
	}
	p.i++
	if plain {
		return p.in[from+1 : p.i-1]
	}
	var s string
	_ = json.Unmarshal([]byte(p.in[from:p.i]), &s) // of a string that is valid it does not go wrong
	return s
}

func (p *parser) array(at *place, depth int) (value, error) {
	from := len(p.items)
	here := place{up: at}
	for p.next() != ']' {
		here.index++
		item, err := p.value(&here, depth)
		if err != nil {
			return value{}, err
		}
		p.items = append(p.items, item)
	}
	p.i++
	return value{typ: '[', items: cut(&p.items, from)}, nil
}

func (p *parser) object(at *place, depth int) (value, error) {
	from, named := len(p.items), len(p.keys)
	here := place{up: at}
	for p.next() != '}' {
		here.key = p.string()
		if slices.Contains(p.keys[named:], here.key) {
			return value{}, fault(&here, "stands here twice")
		}
		if len(p.keys)-named == maxMembers {
			return value{}, fault(at, "has more than %d keys", maxMembers)
		}
		p.keys = append(p.keys, here.key)
		item, err := p.value(&here, depth)
		if err != nil {
			return value{}, err
		}
		p.items = append(p.items, item)
	}
	p.i++
	return value{typ: '{', keys: cut(&p.keys, named), items: cut(&p.items, from)}, nil
}

// cut takes off the end of a list, nil if nothing is there. What it returns takes no
// more room than it needs.
func cut[T any](list *[]T, from int) []T {
	if len(*list) == from {
		return nil
	}
	end := slices.Clone((*list)[from:])
	*list = (*list)[:from]
	return end
}
