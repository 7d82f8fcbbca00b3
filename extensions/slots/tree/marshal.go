package tree

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

// MarshalJSON returns the JSON of a tree, which [Decode] reads.
func (n Node) MarshalJSON() ([]byte, error) {
	b := appendNode(nil, &n)
	if !json.Valid(b) {
		return nil, trellis.Errorf(trellis.Invalid, "a tree with a number that is none")
	}
	return b, nil
}

// UnmarshalJSON reads a field as it stands in a form of a tree.
func (f *FormField) UnmarshalJSON(raw []byte) error {
	v, err := parse(raw)
	if err != nil {
		return err
	}
	*f = FormField{}
	if err := readFormField(f, v, nil); err != nil {
		return err
	}
	return f.check(nil)
}

// MarshalJSON returns a field as it stands in a form of a tree.
func (f FormField) MarshalJSON() ([]byte, error) {
	return appendObject([]byte{'{'}, fieldShape(f.Type), &f), nil
}

func appendNode(b []byte, n *Node) []byte {
	b = appendText(append(b, `{"kind":`...), string(n.Kind))
	return appendObject(append(b, ','), shape(n.Kind), n)
}

// appendInner appends a node within another: a text that is only that as a string.
func appendInner(b []byte, n *Node) []byte {
	if n.Kind == Text && n.Runs == nil && n.Tone == "" {
		return appendText(b, n.Text)
	}
	return appendNode(b, n)
}

// appendObject appends the keys of an object whose brace is there already, without
// those that say what they would mean if they were left out.
func appendObject(b []byte, props []property, o object) []byte {
	for _, p := range props {
		from := len(b)
		b = append(appendText(b, p.name), ':')
		value := len(b)
		var empty bool
		if b, empty = appendField(b, o.field(p.name)); empty && !p.need {
			b = b[:from]
			continue
		}
		if len(b) == value {
			b = append(b, "null"...)
		}
		b = append(b, ',')
	}
	return append(bytes.TrimSuffix(b, []byte(",")), '}')
}

func appendField(b []byte, field any) (out []byte, empty bool) {
	switch f := field.(type) {
	case *string:
		return appendText(b, *f), *f == ""
	case *bool:
		if *f {
			return append(b, "true"...), false
		}
		return append(b, "false"...), true
	case *int:
		return append(b, number(float64(*f))...), *f == 0
	case *float64:
		return append(b, number(*f)...), *f == 0
	case **float64:
		if *f == nil {
			return b, true
		}
		return append(b, number(**f)...), false
	case entered:
		if *f.text == "" {
			return b, true
		}
		if f.typ == "checkbox" || f.typ == "number" || f.typ == "integer" {
			return append(b, *f.text...), false
		}
		return appendText(b, *f.text), false
	case *map[string]string:
		b = append(b, '{')
		for i, key := range slices.Sorted(maps.Keys(*f)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, key), ':')
			b = appendText(b, (*f)[key])
		}
		return append(b, '}'), len(*f) == 0
	case *[]string:
		return appendList(b, *f, func(b []byte, s *string) []byte { return appendText(b, *s) })
	case *[]float64:
		return appendList(b, *f, func(b []byte, x *float64) []byte { return append(b, number(*x)...) })
	case *[]Node:
		return appendList(b, *f, appendInner)
	case *[][]Node:
		return appendList(b, *f, func(b []byte, row *[]Node) []byte {
			b, _ = appendList(b, *row, appendInner)
			return b
		})
	case *[]Run:
		b, _ = appendList(b, *f, func(b []byte, r *Run) []byte {
			if r.Style == "" && r.Link == "" {
				return appendText(b, r.Text)
			}
			return appendObject(append(b, '{'), runShape, r)
		})
		return b, *f == nil
	case *[]Column:
		return appendList(b, *f, func(b []byte, c *Column) []byte { return appendObject(append(b, '{'), columnShape, c) })
	case *[]Series:
		return appendList(b, *f, func(b []byte, s *Series) []byte { return appendObject(append(b, '{'), seriesShape, s) })
	case *[]Option:
		return appendList(b, *f, func(b []byte, o *Option) []byte {
			if o.Label == "" {
				return appendText(b, o.Value)
			}
			return appendObject(append(b, '{'), optionShape, o)
		})
	case *[]FormField:
		return appendList(b, *f, func(b []byte, f *FormField) []byte {
			return appendObject(append(b, '{'), fieldShape(f.Type), f)
		})
	}
	return b, true
}

func appendList[T any](b []byte, items []T, item func([]byte, *T) []byte) ([]byte, bool) {
	b = append(b, '[')
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, &items[i])
	}
	return append(b, ']'), len(items) == 0
}

// appendText appends a JSON string, without the escapes that only HTML needs.
func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}
