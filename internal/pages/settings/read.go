package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis/extensions/bundle"
)

var (
	wholePattern  = regexp.MustCompile(`^[+-]?[0-9]{1,400}$`)
	numberPattern = regexp.MustCompile(`^[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,3})?$`)
)

// reader makes settings of what a form has sent.
type reader struct {
	sent   url.Values
	faults []Fault
}

// Read makes settings of what a form has sent. What was left empty is
// absent. The faults are of what cannot even be read: whether the settings fit is
// for the extension's schema to say.
func Read(s *Schema, sent url.Values, base json.RawMessage) (json.RawMessage, []Fault) {
	r := &reader{sent: sent}
	b, _ := decode(base).(map[string]any)
	values, _ := r.group(s, settingPrefix, b, 0)
	raw, err := json.Marshal(values)
	if err != nil {
		return json.RawMessage("{}"), []Fault{{Text: "The settings cannot be written as JSON."}}
	}
	return raw, r.faults
}

// group reads the settings of a group. Filled reports whether there is more in it
// than boxes that are not ticked.
func (r *reader) group(s *Schema, name string, base map[string]any, depth int) (values map[string]any, filled bool) {
	values = map[string]any{}
	for i, p := range s.Properties {
		f := Field{
			Name: name + "." + strconv.Itoa(i), Label: p.Schema.Title, Required: slices.Contains(s.Required, p.Name) && len(p.Schema.Default) == 0,
			schema: p.Schema, base: base[p.Name],
		}
		if f.Label == "" {
			f.Label = bundle.Readable(p.Name)
		}
		f.ID = strings.ReplaceAll(f.Name, ".", "-")
		v, there := r.value(&f, depth)
		if !there {
			continue
		}
		values[p.Name] = v
		filled = filled || v != false
	}
	return values, filled
}

func (r *reader) fault(f *Field, format string, args ...any) {
	r.faults = append(r.faults, Fault{f.ID, fmt.Sprintf(format, args...)})
}

// value reads one setting; there is none if it was left empty.
func (r *reader) value(f *Field, depth int) (v any, there bool) {
	if r.sent.Has(f.Name + ".json") {
		return r.json(f, strings.TrimSpace(r.sent.Get(f.Name+".json")))
	}
	text := strings.ReplaceAll(r.sent.Get(f.Name), "\r\n", "\n")
	switch kindOf(f.schema, nil, false, depth) {
	case groupKind:
		base, _ := f.base.(map[string]any)
		values, filled := r.group(f.schema, f.Name, base, depth+1)
		return values, filled || f.Required || f.base != nil
	case checkKind:
		return r.sent.Has(f.Name), true
	case radioKind, selectKind:
		list := choicesOf(f.schema)
		i, err := strconv.Atoi(text)
		switch {
		case text == "":
			return nil, false
		case err != nil || i < 0 || i >= len(list):
			r.fault(f, "%s must be one of those offered.", f.Label)
			return nil, false
		}
		return decode(list[i].value), true
	case wholeKind, numberKind:
		return r.number(f, strings.TrimSpace(text))
	case listKind:
		return r.list(f, text)
	case mapKind:
		return r.pairs(f, text)
	case jsonKind:
		return nil, false // it was not in the form
	}
	if f.schema.Format != "" {
		text = strings.TrimSpace(text)
	}
	if text == "" {
		held, _ := f.base.(string)
		return "", held != "" && f.schema.Format == "" && (f.schema.MinLength == nil || *f.schema.MinLength == 0)
	}
	return text, true
}

func (r *reader) json(f *Field, text string) (any, bool) {
	if text == "" {
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || len(bytes.TrimSpace([]byte(text[dec.InputOffset():]))) > 0 {
		r.fault(f, "%s must be JSON, such as %s.", f.Label, example(f.schema))
		return nil, false
	}
	return v, true
}

// example is the shortest JSON of a type.
func example(s *Schema) string {
	switch s.Type {
	case "object":
		return `{"name": "value"}`
	case "array":
		return `["one", "two"]`
	case "string":
		return `"text"`
	}
	return "1"
}

func (r *reader) number(f *Field, text string) (any, bool) {
	if text == "" {
		return nil, false
	}
	n, ok := asNumber(f.schema.Type, text)
	switch {
	case !ok && f.schema.Type == "integer":
		r.fault(f, "%s must be a whole number.", f.Label)
	case !ok:
		r.fault(f, "%s must be a number, such as 1.5.", f.Label)
	}
	return n, ok
}

// asNumber reads a number as people write it, and returns it as JSON has it.
func asNumber(typ, text string) (json.Number, bool) {
	if typ == "integer" {
		n, ok := new(big.Int).SetString(text, 10)
		if !wholePattern.MatchString(text) || !ok {
			return "", false
		}
		return json.Number(n.String()), true
	}
	if !numberPattern.MatchString(text) {
		return "", false
	}
	if json.Valid([]byte(text)) {
		return json.Number(text), true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", false
	}
	return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), true
}

// entries returns the lines of a text that have something in them.
func entries(text string) (list []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// item reads a line as a value of a type.
func item(s *Schema, text string) (any, bool) {
	switch s.Type {
	case "integer", "number":
		n, ok := asNumber(s.Type, text)
		return n, ok
	case "boolean":
		return text == "true", text == "true" || text == "false"
	}
	return text, true
}

// kinds says of what type the entries of a list must be.
func kinds(s *Schema) string {
	return map[string]string{"integer": "a whole number", "number": "a number", "boolean": "true or false"}[s.Type]
}

func (r *reader) list(f *Field, text string) (any, bool) {
	list := []any{}
	for i, line := range entries(text) {
		v, ok := item(f.schema.Items, line)
		if !ok {
			r.fault(f, "%s, entry %d, must be %s.", f.Label, i+1, kinds(f.schema.Items))
			return nil, false
		}
		list = append(list, v)
	}
	held, _ := f.base.([]any)
	return list, len(list) > 0 || f.Required || len(held) > 0
}

func (r *reader) pairs(f *Field, text string) (any, bool) {
	object := map[string]any{}
	for i, line := range entries(text) {
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if _, twice := object[name]; !ok || name == "" || value == "" {
			r.fault(f, "%s, line %d, must be name=value.", f.Label, i+1)
			return nil, false
		} else if twice {
			r.fault(f, "%s has the name %.80q twice.", f.Label, name)
			return nil, false
		}
		v, ok := item(f.schema.Additional, value)
		if !ok {
			r.fault(f, "%s, line %d: what stands behind = must be %s.", f.Label, i+1, kinds(f.schema.Additional))
			return nil, false
		}
		object[name] = v
	}
	held, _ := f.base.(map[string]any)
	return object, len(object) > 0 || f.Required || len(held) > 0
}
