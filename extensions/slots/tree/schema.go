package tree

import (
	_ "embed" // the schema
	"encoding/json"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema of a tree (draft 2020-12). It says what stands in
// the tables that [Decode] reads by; what they cannot say, such as that a row has a
// cell for each column, Decode alone knows.
func Schema() []byte { return slices.Clone(schema) }

// ordered is a JSON object with its keys in order.
type ordered []member

type member struct {
	key   string
	value any
}

func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		raw, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendText(b, m.key), ':'), raw...)
	}
	return append(b, '}'), nil
}

// document makes the schema from the tables.
func document() ordered {
	defs := ordered{
		{"node", anyOf("A node, or a string, which is a text.", ref("inline"), ref("object"))},
		{"inline", ordered{{"type", "string"}, {"maxLength", MaxText}}},
		{"object", anyOf("A node.", kindRefs(Kinds())...)},
		{"cell", anyOf("A cell of a table.", append([]ordered{ref("inline")}, kindRefs([]Kind{Text, Badge, Progress, Image, Button})...)...)},
		{"number", ordered{{"type", "number"}, {"minimum", -MaxNumber}, {"maximum", MaxNumber}}},
		{"values", ordered{
			{"type", "object"}, {"maxProperties", MaxValues},
			{"propertyNames", ordered{{"pattern", fieldName.String()}}},
			{"additionalProperties", ordered{{"type", "string"}, {"maxLength", MaxValue}}}}},
		{"run", anyOf("A part of a text.", ref("inline"), objectSchema(runShape, &Run{}))},
		{"column", objectSchema(columnShape, &Column{})},
		{"series", objectSchema(seriesShape, &Series{})},
		{"option", anyOf("Something to choose.", ref("inline"), objectSchema(optionShape, &Option{}))},
	}
	for _, k := range Kinds() {
		props := append([]property{{"kind", true, []string{string(k)}, ""}}, shape(k)...)
		defs = append(defs, member{string(k), objectSchema(props, &Node{})})
	}
	var fields []ordered
	for _, typ := range fieldTypes {
		props := slices.Clone(fieldShape(typ))
		props[0].enum = []string{typ}
		fields = append(fields, objectSchema(props, &FormField{Type: typ}))
	}
	defs = append(defs, member{"field", anyOf("Something to fill in.", fields...)})
	return ordered{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://trellis.invalid/schemas/tree-1.json"},
		{"title", "What an extension shows in a slot"},
		{"$ref", "#/$defs/object"},
		{"$defs", defs},
	}
}

func ref(name string) ordered { return ordered{{"$ref", "#/$defs/" + name}} }

func kindRefs(kinds []Kind) []ordered {
	refs := make([]ordered, len(kinds))
	for i, k := range kinds {
		refs[i] = ref(string(k))
	}
	return refs
}

func anyOf(doc string, of ...ordered) ordered {
	return ordered{{"description", doc}, {"anyOf", of}}
}

func objectSchema(props []property, o object) ordered {
	var required []string
	var of ordered
	for _, p := range props {
		if p.need {
			required = append(required, p.name)
		}
		of = append(of, member{p.name, p.schema(o)})
	}
	return ordered{{"type", "object"}, {"required", required}, {"properties", of}, {"additionalProperties", false}}
}

// schema returns the schema of a key, by the type of the field that it is read to.
func (p property) schema(o object) ordered {
	var s ordered
	if p.doc != "" {
		s = ordered{{"description", p.doc}}
	}
	if p.enum != nil {
		return append(s, member{"enum", p.enum})
	}
	array := func(of string, least, most int) ordered {
		return append(s, member{"type", "array"}, member{"minItems", least}, member{"maxItems", most}, member{"items", ref(of)})
	}
	switch f := o.field(p.name).(type) {
	case *string:
		return append(s, p.text()...)
	case *bool:
		return append(s, member{"type", "boolean"})
	case *int:
		limit := map[string][2]int{"level": {1, 3}, "maxlength": {1, MaxEntered}, "width": {1, 4096}, "height": {1, 4096}}[p.name]
		return append(s, member{"type", "integer"}, member{"minimum", limit[0]}, member{"maximum", limit[1]})
	case *float64:
		if p.name == "max" {
			return append(s, member{"type", "number"}, member{"exclusiveMinimum", 0}, member{"maximum", MaxNumber})
		}
		return append(s, ref("number")...)
	case **float64:
		return append(s, ref("number")...)
	case entered:
		switch f.typ {
		case "checkbox":
			return append(s, member{"type", "boolean"})
		case "number", "integer":
			return append(s, ref("number")...)
		}
		return append(s, member{"type", "string"})
	case *map[string]string:
		return append(s, ref("values")...)
	case *[]string:
		return append(s, member{"type", "array"}, member{"maxItems", MaxPoints}, member{"items", ordered{{"type", "string"}}})
	case *[]float64:
		return array("number", 0, MaxPoints)
	case *[]Node:
		return array("node", 0, MaxNodes)
	case *[][]Node:
		row := ordered{{"type", "array"}, {"maxItems", MaxColumns}, {"items", ref("cell")}}
		return append(s, member{"type", "array"}, member{"maxItems", MaxNodes}, member{"items", row})
	case *[]Run:
		return array("run", 0, MaxNodes)
	case *[]Column:
		return array("column", 1, MaxColumns)
	case *[]Series:
		return array("series", 1, MaxSeries)
	case *[]Option:
		return array("option", 1, MaxOptions)
	case *[]FormField:
		return array("field", 0, MaxFields)
	}
	return s
}

// text returns what a string must be.
func (p property) text() ordered {
	s := ordered{{"type", "string"}}
	switch p.name {
	case "action":
		return append(s, member{"pattern", exportName.String()})
	case "name": // of a field, and of a series
		return append(s, member{"minLength", 1}, member{"maxLength", MaxText})
	case "link":
		return append(s, member{"maxLength", maxLink})
	case "value":
		return append(s, member{"minLength", 1}, member{"maxLength", MaxValue})
	case "earliest", "latest":
		return append(s, member{"pattern", `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`})
	}
	return append(s, member{"maxLength", MaxText})
}
