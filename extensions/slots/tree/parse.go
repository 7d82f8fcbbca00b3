package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
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

// parse reads one JSON document, with bounds that hold before anything is kept.
func parse(raw []byte) (value, error) {
	switch {
	case len(raw) > MaxBytes:
		return value{}, trellis.Errorf(trellis.Invalid, "%d bytes of JSON; the limit is %d", len(raw), MaxBytes)
	case !utf8.Valid(raw):
		return value{}, trellis.Errorf(trellis.Invalid, "not JSON: it is not UTF-8")
	}
	p := parser{dec: json.NewDecoder(bytes.NewReader(raw))}
	p.dec.UseNumber()
	v, err := p.value(nil, 0)
	if err != nil {
		return value{}, err
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return value{}, trellis.Errorf(trellis.Invalid, "more than one JSON value")
	}
	return v, nil
}

type parser struct {
	dec   *json.Decoder
	count int
}

// token is the next one of the document.
func (p *parser) token() (json.Token, error) {
	tok, err := p.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return tok, nil
	case errors.As(err, &syntax):
		return nil, trellis.Errorf(trellis.Invalid, "not JSON: %s, after %d bytes", syntax, syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, trellis.Errorf(trellis.Invalid, "not JSON: it ends too early")
	}
	return nil, trellis.Errorf(trellis.Invalid, "not JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
}

func (p *parser) value(at *place, depth int) (value, error) {
	tok, err := p.token()
	if err != nil {
		return value{}, err
	}
	if p.count++; p.count > maxValues {
		return value{}, trellis.Errorf(trellis.Invalid, "more than %d JSON values", maxValues)
	}
	switch tok := tok.(type) {
	case string:
		return value{typ: '"', text: tok}, nil
	case json.Number:
		return value{typ: '0', text: string(tok)}, nil
	case bool:
		return value{typ: 't', truth: tok}, nil
	case json.Delim:
		if depth >= maxNesting {
			return value{}, trellis.Errorf(trellis.Invalid, "nested deeper than %d arrays and objects", maxNesting)
		}
		if tok == '[' {
			return p.array(at, depth+1)
		}
		return p.object(at, depth+1)
	}
	return value{typ: 'n'}, nil
}

func (p *parser) array(at *place, depth int) (value, error) {
	v := value{typ: '['}
	for p.dec.More() {
		item, err := p.value(&place{up: at, index: len(v.items) + 1}, depth)
		if err != nil {
			return value{}, err
		}
		v.items = append(v.items, item)
	}
	_, err := p.token()
	return v, err
}

func (p *parser) object(at *place, depth int) (value, error) {
	v := value{typ: '{'}
	for p.dec.More() {
		tok, err := p.token()
		if err != nil {
			return value{}, err
		}
		key, _ := tok.(string)
		here := &place{up: at, key: key}
		for _, k := range v.keys {
			if k == key {
				return value{}, fault(here, "stands here twice")
			}
		}
		if len(v.keys) == maxMembers {
			return value{}, fault(at, "has more than %d keys", maxMembers)
		}
		item, err := p.value(here, depth)
		if err != nil {
			return value{}, err
		}
		v.keys = append(v.keys, key)
		v.items = append(v.items, item)
	}
	_, err := p.token()
	return v, err
}
