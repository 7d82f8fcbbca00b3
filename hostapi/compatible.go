package hostapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis"
)

// contract is the host API for programs: what [Schemas] writes.
type contract struct {
	Version     int                  `json:"version"`
	Permissions []string             `json:"permissions"` // that an extension may ask for
	Operations  map[string]operation `json:"operations"`
}

type operation struct {
	Permission string             `json:"permission,omitempty"`
	Writes     bool               `json:"writes,omitempty"`
	Doors      []string           `json:"doors"`
	Input      *jsonschema.Schema `json:"input"`
	Answer     *jsonschema.Schema `json:"answer"`
}

// Schemas returns the contract for programs, as one JSON document: of every
// operation the permission that it takes, its doors and the JSON Schemas of its
// input and its answer.
func Schemas(operations []Operation) ([]byte, error) {
	c := contract{Version: Version, Permissions: []string{}, Operations: map[string]operation{}}
	for _, p := range Permissions() {
		if p.Grantable {
			c.Permissions = append(c.Permissions, p.Name)
		}
	}
	for _, o := range operations {
		s := o.spec
		in, err := schemaOf(o.in)
		if err != nil {
			return nil, fmt.Errorf("input of %s: %w", s.Name, err)
		}
		out, err := schemaOf(o.out)
		if err != nil {
			return nil, fmt.Errorf("answer of %s: %w", s.Name, err)
		}
		c.Operations[s.Name] = operation{s.Permission, s.Writes, s.Doors.names(), in, out}
	}
	raw, err := json.MarshalIndent(c, "", " ")
	return append(raw, '\n'), err
}

// Compatible reports whether whoever relies on the contract old can go on with
// new; both are documents of [Schemas]. The contract only grows: an operation, a
// door, a permission or a field that was there stays; no input is taken no longer
// or newly required; no answer has another type or leaves out what was always in
// it. An answer may have new fields and new values of an enumeration, which
// whoever reads it must put up with. The error names every break; it is
// [trellis.Conflict], or [trellis.Invalid] for what is no such document.
func Compatible(old, new []byte) error {
	var was, is contract
	if err := errors.Join(json.Unmarshal(old, &was), json.Unmarshal(new, &is)); err != nil {
		return trellis.Errorf(trellis.Invalid, "not a contract: %w", err)
	}
	var b breaks
	if is.Version < was.Version {
		b.add("version", "was %d, is %d", was.Version, is.Version)
	}
	for _, p := range was.Permissions {
		if !slices.Contains(is.Permissions, p) {
			b.add(p, "the permission was removed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was.Operations)) {
		o, ok := is.Operations[name]
		if !ok {
			b.add(name, "the operation was removed")
			continue
		}
		b.operation(name, was.Operations[name], o)
	}
	if len(b) > 0 {
		return trellis.Errorf(trellis.Conflict, "the contract only grows:\n%s", strings.Join(b, "\n"))
	}
	return nil
}

// breaks are the places where a contract breaks.
type breaks []string

func (b *breaks) add(at, format string, args ...any) {
	*b = append(*b, at+": "+fmt.Sprintf(format, args...))
}

func (b *breaks) operation(name string, was, is operation) {
	if is.Permission != was.Permission && is.Permission != "" {
		b.add(name, "took the permission %q, takes %q", was.Permission, is.Permission)
	}
	if is.Writes && !was.Writes {
		b.add(name, "could be called within a filter, no longer can")
	}
	for _, d := range was.Doors {
		if !slices.Contains(is.Doors, d) {
			b.add(name, "the door %s was removed", d)
		}
	}
	b.schema(name+" input", was.Input, is.Input, true)
	b.schema(name+" answer", was.Answer, is.Answer, false)
}

// schema compares what was taken as an input with what is, or what was answered
// with what is. The one may only become wider, the other only narrower.
func (b *breaks) schema(at string, was, is *jsonschema.Schema, input bool) {
	if was == nil || is == nil { // anything at all
		if was != is && (is == nil) != input {
			b.add(at, "has another type")
		}
		return
	}
	wide, narrow := typesOf(is), typesOf(was)
	if !input {
		wide, narrow = narrow, wide
	}
	if !within(narrow, wide) {
		b.add(at, "was of type %s, is of %s", typeText(typesOf(was)), typeText(typesOf(is)))
		return
	}
	if was.Format != is.Format || was.ContentEncoding != is.ContentEncoding {
		b.add(at, "is written in another way")
	}
	if input {
		b.narrowed(at, was, is)
	}
	b.properties(at, was, is, input)
	if was.Items != nil || is.Items != nil {
		b.schema(at+"[]", was.Items, is.Items, input)
	}
	if closed(is) && !closed(was) && input {
		b.add(at, "no longer takes keys of any name")
	}
	if !closed(was) && !closed(is) && (was.AdditionalProperties != nil || is.AdditionalProperties != nil) {
		b.schema(at+".*", was.AdditionalProperties, is.AdditionalProperties, input)
	}
}

func (b *breaks) properties(at string, was, is *jsonschema.Schema, input bool) {
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		if p, ok := is.Properties[name]; ok {
			b.schema(at+"."+name, was.Properties[name], p, input)
		} else {
			b.add(at+"."+name, "was removed")
		}
	}
	if input {
		for _, name := range is.Required {
			if !slices.Contains(was.Required, name) {
				b.add(at+"."+name, "was not required, is now")
			}
		}
		return
	}
	for _, name := range was.Required {
		if _, ok := is.Properties[name]; ok && !slices.Contains(is.Required, name) {
			b.add(at+"."+name, "was always there, may be absent now")
		}
	}
}

// narrowed reports values that an input could have and no longer can.
func (b *breaks) narrowed(at string, was, is *jsonschema.Schema) {
	for _, v := range was.Enum {
		if len(is.Enum) > 0 && !slices.Contains(is.Enum, v) {
			b.add(at, "no longer takes the value %v", v)
		}
	}
	if len(was.Enum) == 0 && len(is.Enum) > 0 {
		b.add(at, "took any value, takes only some")
	}
	if is.Minimum != nil && (was.Minimum == nil || *was.Minimum < *is.Minimum) ||
		is.Maximum != nil && (was.Maximum == nil || *was.Maximum > *is.Maximum) {
		b.add(at, "takes a smaller range of numbers")
	}
	if is.MinItems != nil && (was.MinItems == nil || *was.MinItems < *is.MinItems) ||
		is.MaxItems != nil && (was.MaxItems == nil || *was.MaxItems > *is.MaxItems) {
		b.add(at, "takes fewer lengths")
	}
}

// typesOf returns the types that a schema names; none are all.
func typesOf(s *jsonschema.Schema) []string {
	if s.Type != "" {
		return []string{s.Type}
	}
	return s.Types
}

// within reports whether every value of one of the types narrow is one of wide.
func within(narrow, wide []string) bool {
	if len(wide) == 0 || len(narrow) == 0 {
		return len(wide) == 0
	}
	return !slices.ContainsFunc(narrow, func(t string) bool {
		return !slices.Contains(wide, t) && (t != "integer" || !slices.Contains(wide, "number"))
	})
}

func typeText(types []string) string {
	if len(types) == 0 {
		return "any"
	}
	return strings.Join(types, " or ")
}

// closed reports whether an object has no keys but its properties: the schema
// false, which is read as the negation of everything.
func closed(s *jsonschema.Schema) bool {
	return s.AdditionalProperties != nil && s.AdditionalProperties.Not != nil
}
