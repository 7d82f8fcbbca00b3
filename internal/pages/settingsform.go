package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis/extensions"
)

// schema is the JSON Schema of settings, as far as a form can be made of it. What
// it describes in the order of its document, the form shows in that order.
type schema struct {
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
	Items                                    *schema
	Properties                               properties
	Required                                 []string
	Additional                               *schema `json:"additionalProperties"`
}

// properties are the settings of a group, in order.
type properties []property

type property struct {
	Name   string
	Schema *schema
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
		s := &schema{}
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

// parseSchema reads the schema of an extension's settings.
func parseSchema(raw json.RawMessage) (*schema, error) {
	if _, err := extensions.ParseSettings(raw); err != nil {
		return nil, err
	}
	s := &schema{}
	if len(raw) == 0 || string(raw) == "null" {
		return s, nil
	}
	return s, json.Unmarshal(raw, s)
}

// setting is a field of the form, or a group of them.
type setting struct {
	Kind     string // group, text, long, whole, number, check, radios, select, list, map, json
	Name, ID string // of the input
	Pointer  string // where the setting is
	Label    string
	Hint     string
	Usual    string // what holds if nothing is set, in words
	Value    string
	Checked  bool
	Type     string // of the input
	Mode     string // of the keyboard
	Required bool
	Options  []option
	Error    string
	Other    string // what somebody else has set meanwhile
	Parts    []setting

	schema *schema
	base   any // what holds if nothing is set; nil if nothing does
}

// option is one of several values.
type option struct {
	Value, Label string
	Selected     bool
}

// Kinds of fields.
const (
	groupKind  = "group"
	textKind   = "text"
	longKind   = "long"
	wholeKind  = "whole"
	numberKind = "number"
	checkKind  = "check"
	radioKind  = "radios"
	selectKind = "select"
	listKind   = "list"
	mapKind    = "map"
	jsonKind   = "json"
)

const (
	mostRadios    = 5
	mostGroups    = 3   // of groups in groups; deeper ones are JSON
	longText      = 100 // characters from which on a text has more than one line
	longestUsual  = 80
	settingPrefix = "s"
)

// drawSettings makes the fields of a form: with values, which are the settings in
// force, and base, which hold where nothing is set.
func drawSettings(s *schema, values, base json.RawMessage) []setting {
	v, _ := decode(values).(map[string]any)
	b, _ := decode(base).(map[string]any)
	return drawParts(s, settingPrefix, "", v, b, 0)
}

// decode reads JSON and keeps numbers as they are written; nil if it is none.
func decode(raw json.RawMessage) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

func drawParts(s *schema, name, pointer string, values, base map[string]any, depth int) []setting {
	parts := make([]setting, 0, len(s.Properties))
	for i, p := range s.Properties {
		f := setting{
			Name: name + "." + strconv.Itoa(i), Pointer: pointer + "/" + escapePointer(p.Name), Label: p.Schema.Title, Hint: p.Schema.Description,
			Required: slices.Contains(s.Required, p.Name) && len(p.Schema.Default) == 0, schema: p.Schema, base: base[p.Name],
		}
		if f.Label == "" {
			f.Label = extensions.Readable(p.Name)
		}
		f.ID = strings.ReplaceAll(f.Name, ".", "-")
		value, set := values[p.Name]
		f.draw(value, set, depth)
		parts = append(parts, f)
	}
	return parts
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// draw chooses how the setting is shown, and shows its value.
func (f *setting) draw(value any, set bool, depth int) {
	s := f.schema
	f.Kind = kindOf(s, value, set, depth)
	f.usual()
	switch f.Kind {
	case groupKind:
		values, _ := value.(map[string]any)
		base, _ := f.base.(map[string]any)
		f.Parts = drawParts(s, f.Name, f.Pointer, values, base, depth+1)
		return
	case checkKind:
		f.Checked = value == true
		return
	case radioKind, selectKind:
		f.choices(value, set)
		return
	case jsonKind:
		f.Name += ".json"
		f.hint("In JSON.")
	case listKind:
		f.hint("One per line.")
	case mapKind:
		f.hint("One per line, as name=value.")
	case wholeKind:
		f.Type, f.Mode = "text", "numeric"
		f.hint(span(s))
		if s.Minimum == nil || *s.Minimum < 0 {
			f.Mode = "" // some numeric keyboards have no minus
		}
	case numberKind:
		f.Type, f.Mode = "text", "decimal"
		f.hint(span(s))
		if s.Minimum == nil || *s.Minimum < 0 {
			f.Mode = ""
		}
	case textKind:
		f.Type = map[string]string{"date": "date", "email": "email", "uri": "url"}[s.Format]
		if f.Type == "" {
			f.Type = "text"
		}
	}
	if set {
		f.Value = written(f.Kind, value)
	}
}

func (f *setting) hint(more string) {
	f.Hint = strings.TrimSpace(f.Hint + " " + more)
}

// span says which numbers may be entered.
func span(s *schema) string {
	say := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		return say(*s.Minimum) + " to " + say(*s.Maximum) + "."
	case s.Minimum != nil:
		return say(*s.Minimum) + " or more."
	case s.Maximum != nil:
		return say(*s.Maximum) + " or less."
	}
	return ""
}

// usual says what holds if nothing is set.
func (f *setting) usual() {
	if f.base == nil || f.Kind == groupKind {
		return
	}
	text := f.say(f.base)
	if text == "" {
		return
	}
	if fallback := decode(f.schema.Default); fallback != nil && same(fallback, f.base) {
		f.Usual = "Default: " + text
	} else {
		f.Usual = "Set for the whole school: " + text
	}
}

// say is a value in words, shortened.
func (f *setting) say(v any) string {
	text := written(f.Kind, v)
	switch f.Kind {
	case checkKind:
		text = map[bool]string{true: "yes", false: "no"}[v == true]
	case radioKind, selectKind:
		for _, c := range choicesOf(f.schema) {
			if same(decode(c.value), v) {
				text = c.label
			}
		}
	case listKind, mapKind:
		text = strings.ReplaceAll(text, "\n", ", ")
	}
	if r := []rune(text); len(r) > longestUsual {
		text = string(r[:longestUsual]) + "…"
	}
	return text
}

// same reports whether two decoded values are the same JSON.
func same(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// choice is a value that may be chosen.
type choice struct {
	value json.RawMessage
	label string
}

func choicesOf(s *schema) (list []choice) {
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

func (f *setting) choices(value any, set bool) {
	if f.Kind == selectKind && (!f.Required || !set) {
		f.Options = append(f.Options, option{Label: "Nothing chosen", Selected: !set})
	}
	for i, c := range choicesOf(f.schema) {
		f.Options = append(f.Options, option{strconv.Itoa(i), c.label, set && same(decode(c.value), value)})
	}
	if f.Kind == radioKind && !f.Required && f.base == nil {
		f.Options = append(f.Options, option{Label: "None of these", Selected: !set})
	}
}

// kindOf chooses how a setting is shown: what has no field of its own is JSON.
func kindOf(s *schema, value any, set bool, depth int) string {
	if list := choicesOf(s); len(list) > 0 {
		if len(list) <= mostRadios {
			return radioKind
		}
		return selectKind
	}
	switch s.Type {
	case "boolean":
		if _, ok := value.(bool); ok || !set {
			return checkKind
		}
	case "integer", "number":
		if n, ok := value.(json.Number); ok && (s.Type == "number" || wholePattern.MatchString(n.String())) || !set {
			return map[string]string{"integer": wholeKind, "number": numberKind}[s.Type]
		}
	case "string":
		text, ok := value.(string)
		switch {
		case set && (!ok || strings.ContainsAny(text, "\r\x00") || text != strings.TrimSpace(text) && strings.TrimSpace(text) == ""):
		case s.Format == "" && (s.MaxLength != nil && *s.MaxLength > longText || strings.Contains(text, "\n") || utf8.RuneCountInString(text) > longText):
			return longKind
		case strings.Contains(text, "\n"):
		default:
			return textKind
		}
	case "array":
		if list, ok := value.([]any); (ok || !set) && s.Items != nil && scalar(s.Items) && s.Items.Type != "boolean" && !slices.ContainsFunc(list, func(v any) bool { return !oneLine(s.Items, v, "") }) {
			return listKind
		}
	case "object":
		object, ok := value.(map[string]any)
		if set && !ok {
			break
		}
		switch {
		case len(s.Properties) > 0 && s.Additional == nil && depth < mostGroups:
			return groupKind
		case len(s.Properties) == 0 && s.Additional != nil && scalar(s.Additional):
			for name, v := range object {
				if !oneLine(&schema{Type: "string"}, name, "=") || !oneLine(s.Additional, v, "") {
					return jsonKind
				}
			}
			return mapKind
		}
	}
	return jsonKind
}

// scalar reports whether a value has the form of one word or number.
func scalar(s *schema) bool {
	return slices.Contains([]string{"string", "integer", "number", "boolean"}, s.Type)
}

// oneLine reports whether a value can stand in a line of its own, and is read again
// as it was.
func oneLine(s *schema, v any, without string) bool {
	switch v := v.(type) {
	case string:
		return s.Type == "string" && v != "" && v == strings.TrimSpace(v) && !strings.ContainsAny(v, "\r\n\x00"+without)
	case json.Number:
		return s.Type == "integer" || s.Type == "number"
	case bool:
		return s.Type == "boolean"
	}
	return false
}

// written is a value as it stands in a field.
func written(kind string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if kind != jsonKind {
			return v
		}
	case json.Number:
		return v.String()
	case []any:
		if kind == listKind {
			lines := make([]string, len(v))
			for i, item := range v {
				lines[i] = written("", item)
			}
			return strings.Join(lines, "\n")
		}
	case map[string]any:
		if kind == mapKind {
			lines := make([]string, 0, len(v))
			for name, item := range v {
				lines = append(lines, name+"="+written("", item))
			}
			slices.Sort(lines)
			return strings.Join(lines, "\n")
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if kind == jsonKind {
		enc.SetIndent("", "  ")
	}
	if enc.Encode(v) != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(out.String())
}
