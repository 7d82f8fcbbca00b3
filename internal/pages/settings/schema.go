package settings

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/trellis-learning/trellis/extensions/bundle"
)

// Schema is the JSON Schema of settings, as far as a form can be made of it. What
// it describes in the order of its document, the form shows in that order.
type Schema struct {
	Type        string
	Title       string
	Description string
	Format      string
	Pattern     string
	Default     json.RawMessage
	Enum        []json.RawMessage
	OneOf       []struct {
		Const json.RawMessage
		Title string
	}
	Minimum, Maximum                         *float64
	MinLength, MaxLength, MinItems, MaxItems *int
	Items                                    *Schema
	Properties                               properties
	Required                                 []string
	Additional                               *Schema `json:"additionalProperties"`
}

// properties are the settings of a group, in order.
type properties []property

type property struct {
	Name   string
	Schema *Schema
}

// UnmarshalJSON reads an object and keeps its order.
func (p *properties) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return err // null leaves it empty
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		s := &Schema{}
		if err := dec.Decode(s); err != nil {
			return err
		}
		if i := slices.IndexFunc(*p, func(q property) bool { return q.Name == name }); i >= 0 {
			(*p)[i].Schema = s
			continue
		}
		*p = append(*p, property{name, s})
	}
	return nil
}

// Parse reads the schema of an extension's settings.
func Parse(raw json.RawMessage) (*Schema, error) {
	if _, err := bundle.ParseSettings(raw); err != nil {
		return nil, err
	}
	s := &Schema{}
	if len(raw) == 0 || string(raw) == "null" {
		return s, nil
	}
	return s, json.Unmarshal(raw, s)
}

// choice is a value that may be chosen.
type choice struct {
	value json.RawMessage
	label string
}

func choicesOf(s *Schema) (list []choice) {
	for _, c := range s.OneOf {
		list = append(list, choice{c.Const, c.Title})
	}
	for _, raw := range s.Enum {
		list = append(list, choice{raw, ""})
	}
	for i := range list {
		if list[i].label == "" {
			list[i].label = written(jsonKind, decode(list[i].value))
			if text, ok := decode(list[i].value).(string); ok {
				list[i].label = text
			}
		}
		if list[i].label == "" {
			list[i].label = "(empty)"
		}
	}
	return list
}
