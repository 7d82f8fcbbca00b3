package guest

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ask is what buttons and forms share.
type ask struct {
	action, style string
	values        map[string]string
}

func (a ask) with(key, value string) ask {
	a.values = maps.Clone(a.values)
	if a.values == nil {
		a.values = map[string]string{}
	}
	a.values[key] = value
	return a
}

func (a ask) write(j *jsonOut) {
	j.key("action")
	j.text(a.action)
	if len(a.values) > 0 {
		keys := slices.Sorted(maps.Keys(a.values))
		j.key("values")
		j.b = append(j.b, '{')
		for _, k := range keys {
			j.key(k)
			j.text(a.values[k])
		}
		j.end()
	}
	j.given("style", a.style)
}

// ButtonNode asks an export for something: see [Button].
type ButtonNode struct {
	text string
	ask  ask
}

// Button is a button that asks an export, which is one of the slot's actions in
// the manifest. The text says what is done to what.
func Button(text, action string) ButtonNode { return ButtonNode{text, ask{action: action}} }

// With gives the export a value; keys are letters, digits and _.
func (n ButtonNode) With(key, value string) ButtonNode { n.ask = n.ask.with(key, value); return n }

// Primary is the button that most people will want.
func (n ButtonNode) Primary() ButtonNode { n.ask.style = "primary"; return n }

// Danger is a button for what cannot be undone.
func (n ButtonNode) Danger() ButtonNode { n.ask.style = "danger"; return n }

func (ButtonNode) cell() {}

func (n ButtonNode) write(j *jsonOut) {
	j.node("button")
	j.said("text", n.text)
	n.ask.write(j)
	j.end()
}

// FormNode is something to fill in: see [Form].
type FormNode struct {
	submit string
	ask    ask
	fields []Field
}

// Form asks an export, which is one of the slot's actions in the manifest, with
// what is filled in. Two fields of one name are one: the first.
func Form(action string, fields ...Field) FormNode {
	return FormNode{"Send", ask{action: action}, fields}
}

// Submit is what the form's button says: Send, unless it says otherwise.
func (n FormNode) Submit(text string) FormNode { n.submit = text; return n }

// With gives the export a value besides the fields; keys are letters, digits and _.
func (n FormNode) With(key, value string) FormNode { n.ask = n.ask.with(key, value); return n }

// Primary makes the form's button the one that most people will want.
func (n FormNode) Primary() FormNode { n.ask.style = "primary"; return n }

// Danger makes the form's button one for what cannot be undone.
func (n FormNode) Danger() FormNode { n.ask.style = "danger"; return n }

func (n FormNode) write(j *jsonOut) {
	var fields []Field
	for _, f := range n.fields {
		_, fixed := n.ask.values[f.name]
		if !fixed && !slices.ContainsFunc(fields, func(g Field) bool { return g.name == f.name }) {
			fields = append(fields, f)
		}
	}
	j.node("form")
	n.ask.write(j)
	j.array("fields", len(fields), func(i int) { fields[i].write(j) })
	j.said("submit", n.submit)
	j.end()
}

// Option is one of the things to choose from.
type Option struct {
	Value string // what the export is given; not empty
	Label string // what is seen: the value, if empty
}

// Field is a field of a form: made with [TextField], [Radio] and their like. Of its
// settings those count that its type has.
type Field struct {
	typ, name, label, hint, value string
	required                      bool
	low, high                     float64
	bounded                       bool
	earliest, latest              string
	length                        int
	options                       []Option
}

// TextField is a line of text. The export is given a string, which may be empty.
func TextField(name, label string) Field { return Field{typ: "text", name: name, label: label} }

// TextArea is a text of several lines.
func TextArea(name, label string) Field { return Field{typ: "textarea", name: name, label: label} }

// NumberField is a number. The export is given null if it is left empty.
func NumberField(name, label string) Field { return Field{typ: "number", name: name, label: label} }

// IntegerField is a whole number. The export is given null if it is left empty.
func IntegerField(name, label string) Field { return Field{typ: "integer", name: name, label: label} }

// Checkbox is a yes or no. The export is given true or false.
func Checkbox(name, label string) Field { return Field{typ: "checkbox", name: name, label: label} }

// Select is a choice of many. The export is given null if nothing is chosen.
func Select(name, label string, options ...Option) Field {
	return Field{typ: "select", name: name, label: label, options: options}
}

// Radio is a choice of few, which are all seen. The export is given null if nothing
// is chosen.
func Radio(name, label string, options ...Option) Field {
	return Field{typ: "radio", name: name, label: label, options: options}
}

// DateField is a day. The export is given a string like 2026-01-31, or null.
func DateField(name, label string) Field { return Field{typ: "date", name: name, label: label} }

// Hint helps to answer.
func (f Field) Hint(text string) Field { f.hint = text; return f }

// Required must be filled in; a checkbox must be ticked.
func (f Field) Required() Field { f.required = true; return f }

// Between bounds a number, both ends included.
func (f Field) Between(low, high float64) Field {
	f.low, f.high, f.bounded = min(low, high), max(low, high), true
	return f
}

// Days bounds a day (2026-01-31), both ends included; either may be empty.
func (f Field) Days(earliest, latest string) Field { f.earliest, f.latest = earliest, latest; return f }

// MaxLength bounds a text, in characters.
func (f Field) MaxLength(n int) Field { f.length = n; return f }

// Value is what the field begins with, as it would be entered: of a checkbox "true",
// of a choice the option's value. What could not be entered is not there.
func (f Field) Value(value string) Field { f.value = value; return f }

func (f Field) write(j *jsonOut) {
	j.b = append(j.b, '{')
	j.key("type")
	j.text(f.typ)
	j.key("name")
	j.text(f.name)
	j.said("label", f.label)
	j.given("hint", f.hint)
	j.yes("required", f.required)
	switch f.typ {
	case "text", "textarea":
		if f.length > 0 {
			j.key("maxlength")
			j.number(float64(min(f.length, 16<<10)))
		}
		j.given("default", f.value)
	case "checkbox":
		j.yes("default", f.value == "true")
	case "number", "integer":
		f.writeNumber(j)
	case "select", "radio":
		f.writeOptions(j)
	case "date":
		f.writeDays(j)
	}
	j.end()
}

func (f Field) writeNumber(j *jsonOut) {
	low, high := f.low, f.high
	if f.typ == "integer" {
		low, high = math.Ceil(low), math.Floor(high)
	}
	if f.bounded && low <= high {
		j.key("min")
		j.number(low)
		j.key("max")
		j.number(high)
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(f.value), 64)
	if err != nil || math.IsNaN(x) || math.Abs(x) > maxNumber || f.bounded && (x < low || x > high) || f.typ == "integer" && x != math.Trunc(x) {
		return
	}
	j.key("default")
	j.number(x)
}

func (f Field) writeOptions(j *jsonOut) {
	var options []Option
	for _, o := range f.options {
		if o.Value != "" && !slices.ContainsFunc(options, func(p Option) bool { return p.Value == o.Value }) {
			options = append(options, o)
		}
	}
	if len(options) == 0 {
		options = []Option{{Value: "–"}}
	}
	j.array("options", len(options), func(i int) {
		if options[i].Label == "" {
			j.text(options[i].Value)
			return
		}
		j.b = append(j.b, '{')
		j.key("value")
		j.text(options[i].Value)
		j.key("label")
		j.text(options[i].Label)
		j.end()
	})
	if slices.ContainsFunc(options, func(o Option) bool { return o.Value == f.value }) {
		j.given("default", f.value)
	}
}

func (f Field) writeDays(j *jsonOut) {
	earliest, latest := day(f.earliest), day(f.latest)
	if earliest != "" && latest != "" && earliest > latest {
		earliest, latest = latest, earliest
	}
	j.given("earliest", earliest)
	j.given("latest", latest)
	if v := day(f.value); (earliest == "" || v >= earliest) && (latest == "" || v <= latest) {
		j.given("default", v)
	}
}
