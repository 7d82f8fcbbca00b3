// Package settings makes a form of the JSON Schema of an extension's settings, and
// settings of the form that was sent. It knows nothing of HTTP.
//
// [Parse] reads the schema, [Draw] makes the fields. Of what was sent, [Read] makes
// settings, and [Changed] leaves of them what is other than what holds anyway. Where
// something cannot be taken, [Enter] puts back what was entered and [Blame] says at
// the fields what is wrong with it.
package settings

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis/extensions/bundle"
)

// Field is a field of the form, or a group of them.
type Field struct {
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
	Required bool   // whether it cannot be left empty
	Optional bool   // whether its schema does not ask for it
	Options  []option
	Error    string
	Other    string // what somebody else has set meanwhile
	Parts    []Field

	schema *Schema
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

// Draw makes the fields of a form: with values, which are the settings in
// force, and base, which hold where nothing is set.
func Draw(s *Schema, values, base json.RawMessage) []Field {
	v, _ := decode(values).(map[string]any)
	b, _ := decode(base).(map[string]any)
	return drawParts(s, settingPrefix, "", v, b, 0)
}

func drawParts(s *Schema, name, pointer string, values, base map[string]any, depth int) []Field {
	parts := make([]Field, 0, len(s.Properties))
	for i, p := range s.Properties {
		f := Field{
			Name: name + "." + strconv.Itoa(i), Pointer: pointer + "/" + escapePointer(p.Name), Label: p.Schema.Title, Hint: p.Schema.Description,
			Required: slices.Contains(s.Required, p.Name) && len(p.Schema.Default) == 0, Optional: !slices.Contains(s.Required, p.Name), schema: p.Schema, base: base[p.Name],
		}
		if f.Label == "" {
			f.Label = bundle.Readable(p.Name)
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
func (f *Field) draw(value any, set bool, depth int) {
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
		if !strings.Contains(strings.ToLower(f.Hint), "line") { // its author may have said so
			f.hint("One per line.")
		}
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

func (f *Field) hint(more string) {
	f.Hint = strings.TrimSpace(f.Hint + " " + more)
}

// span says which numbers may be entered.
func span(s *Schema) string {
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
func (f *Field) usual() {
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
func (f *Field) say(v any) string {
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

func (f *Field) choices(value any, set bool) {
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
