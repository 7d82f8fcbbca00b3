package tree

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Decode reads a tree strictly. Unknown keys, keys that only look alike, keys that
// stand twice, wrong types and what exceeds the limits are [trellis.Invalid]; the
// message begins with the place of the fault, as a JSON Pointer.
func Decode(raw []byte) (Node, error) {
	v, err := parse(raw)
	if err != nil {
		return Node{}, err
	}
	return decode(v)
}

func decode(v value) (Node, error) {
	var n Node
	if v.typ != '{' {
		return Node{}, fault(nil, "a tree is an object, not %s", v.typeName())
	}
	if err := readNode(&n, v, nil, 1); err != nil {
		return Node{}, err
	}
	c := checker{}
	if err := c.node(&n, nil, 1); err != nil {
		return Node{}, err
	}
	return n, nil
}

// UnmarshalJSON reads a tree as [Decode] does.
func (n *Node) UnmarshalJSON(raw []byte) (err error) {
	*n, err = Decode(raw)
	return err
}

// readNode reads a node, or a string, which is a text.
func readNode(n *Node, v value, at *place, depth int) error {
	if v.typ == '"' {
		n.Kind, n.Text = Text, v.text
		return nil
	}
	if v.typ != '{' {
		return fault(at, "must be a node or a string, not %s", v.typeName())
	}
	if depth > MaxDepth {
		return fault(at, "nested deeper than %d nodes", MaxDepth)
	}
	i := slices.Index(v.keys, "kind")
	if i < 0 {
		return fault(at, "has no kind; it is one of %s", list(Kinds()))
	}
	n.Kind = Kind(v.items[i].text)
	props := shape(n.Kind)
	if props == nil || v.items[i].typ != '"' {
		return fault(&place{up: at, key: "kind"}, "must be one of %s", list(Kinds()))
	}
	return readObject(n, props, "kind", article(n.Kind), v, at, depth)
}

// readObject reads the keys that an object may have; but is one that was read.
func readObject(into object, props []property, but, what string, v value, at *place, depth int) error {
	for _, key := range v.keys {
		if key != but && !slices.ContainsFunc(props, func(p property) bool { return p.name == key }) {
			return fault(&place{up: at, key: key}, "unknown key; %s has %s", what, names(props))
		}
	}
	here := place{up: at}
	for i := range props {
		p := &props[i]
		k := slices.Index(v.keys, p.name)
		if k < 0 {
			if p.need {
				return fault(at, "%s needs %s", what, p.name)
			}
			continue
		}
		here.key = p.name
		if err := readField(into.field(p.name), v.items[k], &here, depth); err != nil {
			return err
		}
		if s, ok := into.field(p.name).(*string); ok && p.enum != nil && !slices.Contains(p.enum, *s) {
			return fault(&here, "must be one of %s", list(p.enum))
		}
	}
	return nil
}

func readField(field any, v value, at *place, depth int) error {
	switch f := field.(type) {
	case *string:
		return readString(f, v, at)
	case *bool:
		if v.typ != 't' {
			return fault(at, "must be true or false, not %s", v.typeName())
		}
		*f = v.truth
	case *int:
		x, err := readNumber(v, at)
		if err == nil && (x != math.Trunc(x) || x < 1) {
			err = fault(at, "must be a whole number, 1 or more")
		}
		*f = int(x)
		return err
	case *float64:
		x, err := readNumber(v, at)
		if err == nil && at.key == "max" && x <= 0 {
			err = fault(at, "must be more than 0")
		}
		*f = x
		return err
	case **float64:
		x, err := readNumber(v, at)
		*f = &x
		return err
	case entered:
		return readDefault(f, v, at)
	case *map[string]string:
		return readValues(f, v, at)
	case *[]string:
		return readList(f, v, at, MaxPoints, readString)
	case *[]float64:
		return readList(f, v, at, MaxPoints, func(x *float64, v value, at *place) (err error) {
			*x, err = readNumber(v, at)
			return err
		})
	case *[]Node:
		return readList(f, v, at, MaxNodes, func(n *Node, v value, at *place) error { return readNode(n, v, at, depth+1) })
	case *[][]Node:
		return readList(f, v, at, MaxNodes, func(row *[]Node, v value, at *place) error { return readField(row, v, at, depth) })
	case *[]Run:
		return readList(f, v, at, MaxNodes, readRun)
	case *[]Column:
		return readList(f, v, at, MaxColumns, func(c *Column, v value, at *place) error {
			return readMember(c, columnShape, "a column", v, at)
		})
	case *[]Series:
		return readList(f, v, at, MaxSeries, func(s *Series, v value, at *place) error {
			return readMember(s, seriesShape, "a series", v, at)
		})
	case *[]Option:
		return readList(f, v, at, MaxOptions, func(o *Option, v value, at *place) error {
			if v.typ == '"' {
				o.Value = v.text
				return nil
			}
			return readMember(o, optionShape, "an option", v, at)
		})
	case *[]FormField:
		return readList(f, v, at, MaxFields, readFormField)
	}
	return nil
}

func readMember(into object, props []property, what string, v value, at *place) error {
	if v.typ != '{' {
		return fault(at, "must be an object, not %s", v.typeName())
	}
	return readObject(into, props, "", what, v, at, 0)
}

// readRun reads a part of a text: an object, or a string.
func readRun(r *Run, v value, at *place) error {
	if v.typ == '"' {
		r.Text = v.text
		return nil
	}
	return readMember(r, runShape, "a run", v, at)
}

func readFormField(f *FormField, v value, at *place) error {
	if v.typ != '{' {
		return fault(at, "must be an object, not %s", v.typeName())
	}
	i := slices.Index(v.keys, "type")
	if i < 0 {
		return fault(at, "a field needs type")
	}
	props := fieldShape(v.items[i].text)
	if props == nil || v.items[i].typ != '"' {
		return fault(&place{up: at, key: "type"}, "must be one of %s", list(fieldTypes))
	}
	return readMember(f, props, "a field of type "+v.items[i].text, v, at)
}

// readDefault reads what a field begins with, which has the field's own type.
func readDefault(d entered, v value, at *place) error {
	switch {
	case d.typ == "checkbox" && v.typ == 't':
		*d.text = strconv.FormatBool(v.truth)
	case d.typ == "checkbox":
		return fault(at, "must be true or false, not %s", v.typeName())
	case d.typ == "number" || d.typ == "integer":
		x, err := readNumber(v, at)
		if err != nil {
			return err
		}
		*d.text = number(x)
	default:
		return readString(d.text, v, at)
	}
	return nil
}

func readString(s *string, v value, at *place) error {
	if v.typ != '"' {
		return fault(at, "must be a string, not %s", v.typeName())
	}
	*s = v.text
	return nil
}

func readNumber(v value, at *place) (float64, error) {
	if v.typ != '0' {
		return 0, fault(at, "must be a number, not %s", v.typeName())
	}
	x, err := strconv.ParseFloat(v.text, 64)
	if err != nil || math.Abs(x) > MaxNumber {
		return 0, fault(at, "must be a number from %s to %s", number(-MaxNumber), number(MaxNumber))
	}
	return x, nil
}

func readValues(m *map[string]string, v value, at *place) error {
	if v.typ != '{' {
		return fault(at, "must be an object, not %s", v.typeName())
	}
	*m = make(map[string]string, len(v.keys))
	for i, key := range v.keys {
		var s string
		if err := readString(&s, v.items[i], &place{up: at, key: key}); err != nil {
			return err
		}
		(*m)[key] = s
	}
	return nil
}

func readList[T any](to *[]T, v value, at *place, most int, read func(*T, value, *place) error) error {
	if v.typ != '[' {
		return fault(at, "must be an array, not %s", v.typeName())
	}
	if len(v.items) > most {
		return fault(at, "has %d items; the limit is %d", len(v.items), most)
	}
	*to = make([]T, len(v.items))
	here := place{up: at}
	for i := range v.items {
		here.index = i + 1
		if err := read(&(*to)[i], v.items[i], &here); err != nil {
			return err
		}
	}
	return nil
}

// number writes a number as JSON and HTML both read it.
func number(x float64) string {
	switch {
	case x == 0:
		return "0" // and not -0
	case math.Abs(x) < 1e-6:
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

func article(k Kind) string {
	if k == Image {
		return "an image"
	}
	return "a " + string(k)
}

func names(props []property) string {
	s := make([]string, len(props))
	for i, p := range props {
		s[i] = p.name
	}
	return list(s)
}

func list[S ~string](words []S) string {
	s := make([]string, len(words))
	for i, w := range words {
		s[i] = string(w)
	}
	return strings.Join(s, ", ")
}
