package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis"
)

// Settings is the schema of an extension's settings: a strict part of JSON
// Schema, without references, in which every key that is set must be declared.
type Settings struct {
	resolved *jsonschema.Resolved
	schema   *jsonschema.Schema
	root     *node
}

// node is a schema as far as manifests may use it.
type node struct {
	Type                 string           `json:"type"`
	Title                string           `json:"title,omitempty"`
	Description          string           `json:"description,omitempty"`
	Default              json.RawMessage  `json:"default,omitempty"`
	Enum                 []any            `json:"enum,omitempty"`
	OneOf                []choice         `json:"oneOf,omitempty"`
	Format               string           `json:"format,omitempty"`
	Minimum              *float64         `json:"minimum,omitempty"`
	Maximum              *float64         `json:"maximum,omitempty"`
	MinLength            *int             `json:"minLength,omitempty"`
	MaxLength            *int             `json:"maxLength,omitempty"`
	Pattern              string           `json:"pattern,omitempty"`
	Items                *node            `json:"items,omitempty"`
	MinItems             *int             `json:"minItems,omitempty"`
	MaxItems             *int             `json:"maxItems,omitempty"`
	Properties           map[string]*node `json:"properties,omitempty"`
	Required             []string         `json:"required,omitempty"`
	AdditionalProperties *node            `json:"additionalProperties,omitempty"`
}

// choice is a value that a setting may have, and what it is called.
type choice struct {
	Const any    `json:"const"`
	Title string `json:"title,omitempty"`
}

// formats are the formats of texts.
var formats = []string{"date", "email", "uri"}

// Limits of a settings schema and of settings.
const (
	maxSettingsDepth = 8
	maxSettings      = 64 << 10
)

// ParseSettings reads the schema in a manifest. An empty one allows no settings.
func ParseSettings(raw json.RawMessage) (*Settings, error) {
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage(`{"type":"object"}`)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var n node
	if err := dec.Decode(&n); err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "%s (a settings schema is a part of JSON Schema: type, properties, items, enum, oneOf, format, default, limits; what is secret belongs into secrets)", strings.TrimPrefix(err.Error(), "json: "))
	}
	if n.Type != "object" {
		return nil, trellis.Errorf(trellis.Invalid, "type: the settings are an object")
	}
	schema, err := n.schema("", 1)
	if err != nil {
		return nil, err
	}
	resolved, err := schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "%s", err)
	}
	return &Settings{resolved, schema, &n}, nil
}

func (n *node) schema(path string, depth int) (*jsonschema.Schema, error) {
	fault := func(format string, args ...any) error {
		return trellis.Errorf(trellis.Invalid, "%s%s", strings.TrimPrefix(path+": ", ": "), fmt.Sprintf(format, args...))
	}
	if depth > maxSettingsDepth {
		return nil, fault("deeper than %d", maxSettingsDepth)
	}
	s := &jsonschema.Schema{
		Type: n.Type, Title: n.Title, Description: n.Description, Default: n.Default, Enum: n.Enum, Minimum: n.Minimum, Maximum: n.Maximum,
		MinLength: n.MinLength, MaxLength: n.MaxLength, Pattern: n.Pattern, MinItems: n.MinItems, MaxItems: n.MaxItems, Required: n.Required,
	}
	switch {
	case n.Format != "" && (n.Type != "string" || !slices.Contains(formats, n.Format)):
		return nil, fault("format: that of a text is %s", strings.Join(formats, ", "))
	case len(n.OneOf) > 0 && len(n.Enum) > 0:
		return nil, fault("oneOf: the values stand in enum or in oneOf, not in both")
	}
	for _, c := range n.OneOf {
		s.Enum = append(s.Enum, c.Const)
	}
	if len(n.Default) > 0 && n.Type != "object" && (n.Type != "array" || n.Items != nil) {
		var v any
		var faults Faults
		if json.Unmarshal(n.Default, &v) == nil {
			n.checkValue(&faults, "", "It", v, depth)
		}
		if len(faults) > 0 {
			return nil, fault("default: %s", faults[0].Message)
		}
	}
	if _, err := regexp.Compile(n.Pattern); err != nil {
		return nil, fault("pattern: not a regular expression (RE2)")
	}
	switch n.Type {
	case "string", "integer", "number", "boolean":
		return s, nil
	case "array":
		if n.Items == nil {
			return nil, fault("an array says what its items are")
		}
		items, err := n.Items.schema(path+"[]", depth+1)
		s.Items = items
		return s, err
	case "object":
		s.Properties = map[string]*jsonschema.Schema{}
		for name, p := range n.Properties {
			if p == nil {
				return nil, fault("%s is null", name)
			}
			child, err := p.schema(strings.TrimPrefix(path+"."+name, "."), depth+1)
			if err != nil {
				return nil, err
			}
			s.Properties[name] = child
		}
		for _, name := range n.Required {
			if s.Properties[name] == nil {
				return nil, fault("%s is required but not declared", name)
			}
		}
		// What has a default is never missing.
		s.Required = slices.DeleteFunc(slices.Clone(n.Required), func(name string) bool { return s.Properties[name].Default != nil })
		s.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
		if n.AdditionalProperties != nil {
			extra, err := n.AdditionalProperties.schema(path+".*", depth+1)
			s.AdditionalProperties = extra
			return s, err
		}
		return s, nil
	}
	return nil, fault("the type is string, integer, number, boolean, array or object, not %q", n.Type)
}

// Complete checks settings and returns them with the defaults of what is not
// set. Faults are [trellis.Invalid].
func (s *Settings) Complete(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	if len(raw) > maxSettings {
		return nil, trellis.Errorf(trellis.Invalid, "the settings have %d bytes, of at most %d", len(raw), maxSettings)
	}
	var v map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&v); err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the settings are not a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, trellis.Errorf(trellis.Invalid, "there is something after the settings")
	}
	if err := s.resolved.ApplyDefaults(&v); err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "settings: %s", err)
	}
	if faults := s.check(v); len(faults) > 0 {
		return nil, trellis.Errorf(trellis.Invalid, "settings: %w", faults)
	}
	if err := s.resolved.Validate(v); err != nil { // the last word
		return nil, trellis.Errorf(trellis.Invalid, "settings: %s", plain(err))
	}
	return json.Marshal(v)
}

// Defaults returns settings with the defaults of what is not set, whether they fit
// or not.
func (s *Settings) Defaults(raw json.RawMessage) json.RawMessage {
	var v map[string]any
	if json.Unmarshal(raw, &v) != nil || v == nil || s.resolved.ApplyDefaults(&v) != nil {
		return raw
	}
	out, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return out
}

// plain keeps of a validation error what people need: where, and what.
func plain(err error) string {
	parts := strings.Split(err.Error(), ": ")
	for i, p := range parts {
		if strings.HasPrefix(p, "validating ") && i+1 < len(parts) {
			continue
		}
		return strings.Join(parts[max(0, i-1):], ": ")
	}
	return err.Error()
}

func keys[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}
