package tree

import (
	"fmt"
	"strings"
)

// Object is a kind of object in the JSON of a tree, as [Objects] describes it.
type Object struct {
	Name string // "card", or "field: date" for what only fields of that type have
	Keys []Key
}

// Key is a key of an [Object].
type Key struct {
	Name string
	Type string // in a few words: "array of node"
	Need bool   // it must be there
	Doc  string
}

// Objects describes every kind of node, and what stands in nodes, for people. It
// says what [Schema] says, of which it comes from the same tables.
func Objects() []Object {
	var all []Object
	for _, k := range Kinds() {
		all = append(all, described(string(k), shape(k), &Node{}))
	}
	all = append(all, described("run", runShape, &Run{}), described("column", columnShape, &Column{}), described("series", seriesShape, &Series{}),
		described("option", optionShape, &Option{}), described("field", fieldCommon, &FormField{}))
	for _, types := range [][]string{{"text", "textarea"}, {"number", "integer"}, {"checkbox"}, {"select", "radio"}, {"date"}} {
		all = append(all, described("field: "+strings.Join(types, ", "), fieldShape(types[0])[len(fieldCommon):], &FormField{Type: types[0]}))
	}
	return all
}

// Limits says what a tree may have at most, each as the end of a sentence.
func Limits() []string {
	return []string{
		fmt.Sprintf("%d KiB of JSON", MaxBytes>>10), fmt.Sprintf("%d nodes, cells and runs", MaxNodes), fmt.Sprintf("%d nodes within each other", MaxDepth),
		fmt.Sprintf("%d KiB of text in a node", MaxText>>10), fmt.Sprintf("%d charts", MaxCharts), fmt.Sprintf("%d buttons and forms", MaxActions),
		fmt.Sprintf("%d fixed values of %d bytes in each of them", MaxValues, MaxValue),
	}
}

func described(name string, props []property, o object) Object {
	d := Object{Name: name, Keys: make([]Key, len(props))}
	for i, p := range props {
		d.Keys[i] = Key{p.name, p.typeName(o), p.need, p.doc}
	}
	return d
}

// typeName says what a key's value is, by the type of the field that it is read to.
func (p property) typeName(o object) string {
	if p.enum != nil {
		return "`" + strings.Join(p.enum, "`, `") + "`"
	}
	switch f := o.field(p.name).(type) {
	case *bool:
		return "boolean"
	case *int:
		return "integer"
	case *float64, **float64:
		return "number"
	case entered:
		switch f.typ {
		case "checkbox":
			return "boolean"
		case "number", "integer":
			return "number"
		}
	case *map[string]string:
		return "object of string"
	case *[]string:
		return "array of string"
	case *[]float64:
		return "array of number"
	case *[]Node:
		return "array of node"
	case *[][]Node:
		return "array of array of cell"
	case *[]Run:
		return "array of string or run"
	case *[]Column:
		return "array of column"
	case *[]Series:
		return "array of series"
	case *[]Option:
		return "array of string or option"
	case *[]FormField:
		return "array of field"
	}
	return "string"
}
