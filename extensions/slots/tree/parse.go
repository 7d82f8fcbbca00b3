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
func (p *place) String() string {
	if p == nil {
		return ""
	}
	step := p.key
	if p.index > 0 {
		step = strconv.Itoa(p.index - 1)
	} else if len(step) > 80 {
		step = step[:80] + "…"
	}
	return p.up.String() + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.ToValidUTF8(step, ""))
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
	p := parser{in: string(raw)}
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
	v := value{typ: '['}
	for p.next() != ']' {
		item, err := p.value(&place{up: at, index: len(v.items) + 1}, depth)
		if err != nil {
			return value{}, err
		}
		v.items = append(v.items, item)
	}
	p.i++
	return v, nil
}

func (p *parser) object(at *place, depth int) (value, error) {
	v := value{typ: '{'}
	for p.next() != '}' {
		key := p.string()
		here := place{up: at, key: key}
		if slices.Contains(v.keys, key) {
			return value{}, fault(&here, "stands here twice")
		}
		if len(v.keys) == maxMembers {
			return value{}, fault(at, "has more than %d keys", maxMembers)
		}
		item, err := p.value(&here, depth)
		if err != nil {
			return value{}, err
		}
		v.keys = append(v.keys, key)
		v.items = append(v.items, item)
	}
	p.i++
	return v, nil
}
