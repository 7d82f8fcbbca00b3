package tree

import (
	"encoding/json"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

// Action is what a button or a form of a tree offers to do. It has a JSON form,
// for whoever must make sure that only what was offered is done.
type Action struct {
	Export string            `json:"export"`
	Values map[string]string `json:"values,omitempty"`
	Fields []FormField       `json:"fields,omitempty"` // what [Action.Read] needs of them: no hints, no defaults
}

// FieldPrefix begins the name of each input of a form that is a field of its
// action. So a field never has the name of an input of ours, such as the CSRF
// token, nor of a property of the form in a script.
const FieldPrefix = "f."

// Actions returns each button and form of the tree, in the order of the tree.
func (n Node) Actions() []Action {
	var out []Action
	n.actions(&out)
	return out
}

func (n *Node) actions(out *[]Action) {
	if n.Kind == Button || n.Kind == Form {
		*out = append(*out, n.offer())
	}
	for _, nodes := range append([][]Node{n.Children, n.Items}, n.Rows...) {
		for i := range nodes {
			nodes[i].actions(out)
		}
	}
}

// Prompts returns what stands on the buttons of a tree, in the order of
// [Node.Actions].
func (n Node) Prompts() []string {
	var out []string
	switch n.Kind {
	case Button:
		out = append(out, n.Text)
	case Form:
		out = append(out, n.Submit)
	}
	for _, nodes := range append([][]Node{n.Children, n.Items}, n.Rows...) {
		for _, c := range nodes {
			out = append(out, c.Prompts()...)
		}
	}
	return out
}

// offer returns the action of a button or a form.
func (n *Node) offer() Action {
	a := Action{Export: n.Action, Values: n.Values}
	if n.Kind == Button {
		return a
	}
	for _, f := range n.Fields {
		f.Hint, f.Default = "", ""
		f.Options = slices.Clone(f.Options)
		for i := range f.Options {
			f.Options[i].Label = ""
		}
		a.Fields = append(a.Fields, f)
	}
	return a
}

// Same reports whether two actions are offered by the same button or form: they
// ask the same export with the same values.
func (a Action) Same(b Action) bool { return a.Export == b.Export && maps.Equal(a.Values, b.Values) }

// Read checks what was sent for an action against the declared types. It returns
// the JSON object that the guest gets, which has the fixed values and every field:
// a text ("" if empty), a number, a boolean; null for a number, a date or a choice
// that was left out. Faults say by the field's name, in a sentence, what a person
// can correct; an error is of what no form of ours sends. Keys without [FieldPrefix]
// are not looked at.
func (a Action) Read(values url.Values) (json.RawMessage, map[string]string, error) {
	declared := make(map[string]bool, len(a.Fields))
	for _, f := range a.Fields {
		declared[f.Name] = true
	}
	for key := range values {
		if name, ok := strings.CutPrefix(key, FieldPrefix); ok && !declared[name] {
			return nil, nil, trellis.Errorf(trellis.Invalid, "the form has no field %.80q", name)
		}
	}
	out := []byte{'{'}
	for _, key := range slices.Sorted(maps.Keys(a.Values)) {
		out = append(appendText(out, key), ':')
		out = append(appendText(out, a.Values[key]), ',')
	}
	var faults map[string]string
	for i := range a.Fields {
		f := &a.Fields[i]
		sent := values[FieldPrefix+f.Name]
		if len(sent) > 1 {
			return nil, nil, trellis.Errorf(trellis.Invalid, "%s was sent %d times", f.Name, len(sent))
		}
		s := ""
		if len(sent) == 1 {
			s = sent[0]
		}
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return nil, nil, trellis.Errorf(trellis.Invalid, "%s is not text in UTF-8", f.Name)
		}
		raw, ok := f.parse(s)
		if !ok {
			if faults == nil {
				faults = map[string]string{}
			}
			faults[f.Name] = f.advice(s)
			continue
		}
		out = append(append(append(appendText(out, f.Name), ':'), raw...), ',')
	}
	if faults != nil {
		return nil, faults, nil
	}
	if len(out) > 1 {
		out = out[:len(out)-1]
	}
	return append(out, '}'), nil, nil
}

// parse returns the JSON of what was entered; not ok if the field may not have it.
func (f *FormField) parse(s string) (raw []byte, ok bool) {
	null := []byte("null")
	switch f.Type {
	case "text", "textarea":
		return f.parseText(s)
	case "checkbox":
		on := s == "true"
		return strconv.AppendBool(nil, on), (on || s == "" || s == "false") && (on || !f.Required)
	}
	if s = strings.TrimSpace(s); s == "" {
		return null, !f.Required
	}
	switch f.Type {
	case "number", "integer":
		x, ok := f.parseNumber(s)
		return []byte(number(x)), ok
	case "select", "radio":
		return appendText(nil, s), slices.ContainsFunc(f.Options, func(o Option) bool { return strings.TrimSpace(o.Value) == s })
	case "date":
		return appendText(nil, s), isDay(s) && (f.Earliest == "" || s >= f.Earliest) && (f.Latest == "" || s <= f.Latest)
	}
	return null, false
}

// parseText reads a text. A browser sends line ends as CR LF.
func (f *FormField) parseText(s string) ([]byte, bool) {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if f.Type == "text" && strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	long := len(s) > MaxEntered || f.MaxLength > 0 && utf8.RuneCountInString(s) > f.MaxLength
	return appendText(nil, s), !long && (!f.Required || says(s))
}

// parseNumber reads a number as people write one: digits, a sign, a point.
func (f *FormField) parseNumber(s string) (float64, bool) {
	if len(s) > 40 || strings.Trim(s, "+-.0123456789eE") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	ok := err == nil && finite(x) && (f.Type == "number" || x == math.Trunc(x)) &&
		(f.Min == nil || x >= *f.Min) && (f.Max == nil || x <= *f.Max)
	return x, ok
}

// advice says what can be entered instead of s.
func (f *FormField) advice(s string) string {
	switch f.Type {
	case "text", "textarea":
		most, n := f.MaxLength, utf8.RuneCountInString(strings.ReplaceAll(s, "\r\n", "\n"))
		if most == 0 {
			most, n = MaxEntered, len(s)
		}
		switch {
		case n > most:
			return "Shorten this to " + strconv.Itoa(most) + " characters. It has " + strconv.Itoa(n) + "."
		case f.Type == "text" && strings.ContainsAny(s, "\r\n"):
			return "Write this in one line."
		}
		return "Fill this in."
	case "number":
		return "Enter a number" + bounds(f.Min, f.Max, ", such as 1.5.")
	case "integer":
		return "Enter a whole number" + bounds(f.Min, f.Max, ", such as 3.")
	case "checkbox":
		return "Tick this box."
	case "date":
		switch {
		case f.Earliest != "" && f.Latest != "":
			return "Enter a day from " + f.Earliest + " to " + f.Latest + "."
		case f.Earliest != "":
			return "Enter a day on or after " + f.Earliest + "."
		case f.Latest != "":
			return "Enter a day on or before " + f.Latest + "."
		}
		return "Enter a day, such as 2026-01-31."
	}
	return "Choose one."
}

// bounds ends the sentence that says which numbers may be entered.
func bounds(low, high *float64, otherwise string) string {
	switch {
	case low != nil && high != nil:
		return " from " + number(*low) + " to " + number(*high) + "."
	case low != nil:
		return ", " + number(*low) + " or more."
	case high != nil:
		return ", " + number(*high) + " or less."
	}
	return otherwise
}
