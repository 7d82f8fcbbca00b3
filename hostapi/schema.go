package hostapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// SchemaOf returns the JSON Schema (draft 2020-12) of documents of type t, as
// encoding/json reads and writes them: an object has no keys but those of its
// fields, and those without omitempty or omitzero are required. Descriptions come
// from the tag doc, the values of an enumeration from the tag enum, separated by
// commas. A type that refers to itself has no schema.
func SchemaOf(t reflect.Type) (json.RawMessage, error) {
	s, err := schemaOf(t)
	if err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

func schemaOf(t reflect.Type) (*jsonschema.Schema, error) {
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[json.RawMessage](): {}, // anything
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[[]byte]():          {Types: []string{"null", "string"}, ContentEncoding: "base64"},
	}})
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t, err)
	}
	describe(s, t)
	return s, nil
}

// describe puts the tags of t's fields into its schema.
func describe(s *jsonschema.Schema, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		if s.Items != nil {
			describe(s.Items, t.Elem())
		}
	case reflect.Map:
		if s.AdditionalProperties != nil {
			describe(s.AdditionalProperties, t.Elem())
		}
	case reflect.Struct:
		for i := range t.NumField() {
			describeField(s, t.Field(i))
		}
	}
}

func describeField(s *jsonschema.Schema, f reflect.StructField) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if f.Anonymous && name == "" {
		describe(s, f.Type)
		return
	}
	if name == "" {
		name = f.Name
	}
	p, ok := s.Properties[name]
	if !ok || !f.IsExported() {
		return
	}
	describe(p, f.Type)
	p.Description = f.Tag.Get("doc")
	values := f.Tag.Get("enum")
	if values == "" {
		return
	}
	if p.Items != nil {
		p = p.Items // each element is one of the values
	}
	for v := range strings.SplitSeq(values, ",") {
		p.Enum = append(p.Enum, v)
	}
}
