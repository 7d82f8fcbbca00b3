package bundle

import (
	"encoding/json"
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// check finds what is wrong with settings, in the words of whoever enters them:
// each fault with the place as a JSON Pointer.
func (s *Settings) check(v map[string]any) Faults {
	var f Faults
	s.root.checkValue(&f, "", "The settings", v, 0)
	return f
}

// label is what a setting is called: its title, or its name made readable.
func (n *node) label(name string) string {
	if n.Title != "" {
		return n.Title
	}
	return Readable(name)
}

// Readable makes words of a name in code: "grace_days" becomes "Grace days".
func Readable(name string) string {
	s := strings.TrimSpace(strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || unicode.IsSpace(r) }), " "))
	if s == "" {
		return strconv.Quote(name)
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func (n *node) checkValue(f *Faults, at, label string, v any, depth int) {
	if depth > maxSettingsDepth {
		return
	}
	choices := slices.Clone(n.Enum)
	for _, c := range n.OneOf {
		choices = append(choices, c.Const)
	}
	if len(choices) > 0 && !slices.ContainsFunc(choices, func(c any) bool { return reflect.DeepEqual(c, v) }) {
		f.add(at, "%s must be one of those offered.", label)
		return
	}
	switch n.Type {
	case "object":
		n.checkObject(f, at, label, v, depth)
	case "array":
		n.checkList(f, at, label, v, depth)
	case "string":
		text, ok := v.(string)
		if !ok {
			f.add(at, "%s must be text.", label)
			return
		}
		n.checkText(f, at, label, text)
	case "integer", "number":
		number, ok := v.(float64)
		switch {
		case !ok && n.Type == "integer" || ok && n.Type == "integer" && number != math.Trunc(number):
			f.add(at, "%s must be a whole number.", label)
		case !ok:
			f.add(at, "%s must be a number.", label)
		case n.Minimum != nil && number < *n.Minimum, n.Maximum != nil && number > *n.Maximum:
			f.add(at, "%s must be %s.", label, between(n.Minimum, n.Maximum))
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			f.add(at, "%s must be true or false.", label)
		}
	}
}

func (n *node) checkObject(f *Faults, at, label string, v any, depth int) {
	object, ok := v.(map[string]any)
	if !ok {
		f.add(at, "%s must be a group of settings.", label)
		return
	}
	for _, name := range n.Required {
		if _, there := object[name]; !there && n.Properties[name] != nil {
			f.add(at+"/"+pointer(name), "%s is missing.", n.Properties[name].label(name))
		}
	}
	names := keys(object)
	slices.Sort(names)
	for _, name := range names {
		switch p := n.Properties[name]; {
		case p != nil:
			p.checkValue(f, at+"/"+pointer(name), p.label(name), object[name], depth+1)
		case n.AdditionalProperties != nil:
			n.AdditionalProperties.checkValue(f, at+"/"+pointer(name), label+", "+strconv.Quote(name), object[name], depth+1)
		default:
			f.add(at+"/"+pointer(name), "There is no setting %.80q%s", name, near(name, keys(n.Properties)))
		}
	}
}

func (n *node) checkList(f *Faults, at, label string, v any, depth int) {
	list, ok := v.([]any)
	if !ok {
		f.add(at, "%s must be a list.", label)
		return
	}
	if n.MinItems != nil && len(list) < *n.MinItems || n.MaxItems != nil && len(list) > *n.MaxItems {
		f.add(at, "%s must have %s.", label, count(n.MinItems, n.MaxItems, "entry", "entries"))
	}
	for i, item := range list {
		n.Items.checkValue(f, at+"/"+strconv.Itoa(i), fmt.Sprintf("%s, entry %d,", label, i+1), item, depth+1)
	}
}

func (n *node) checkText(f *Faults, at, label, text string) {
	length := utf8.RuneCountInString(text)
	if n.MinLength != nil && length < *n.MinLength || n.MaxLength != nil && length > *n.MaxLength {
		f.add(at, "%s must have %s.", label, count(n.MinLength, n.MaxLength, "character", "characters"))
		return
	}
	if n.Pattern != "" {
		if p, err := regexp.Compile(n.Pattern); err == nil && !p.MatchString(text) {
			f.add(at, "%s must have the form %s.", label, n.Pattern)
		}
	}
	switch n.Format {
	case "date":
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			f.add(at, "%s must be a date, such as 2026-05-03.", label)
		}
	case "email":
		if a, err := mail.ParseAddress(text); err != nil || a.Address != text {
			f.add(at, "%s must be an email address, such as name@example.org.", label)
		}
	case "uri":
		if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" {
			f.add(at, "%s must be an address, such as https://example.org/page.", label)
		}
	}
}

// pointer escapes a name for a JSON Pointer (RFC 6901).
func pointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func between(least, most *float64) string {
	switch {
	case least == nil:
		return number(*most) + " or less"
	case most == nil:
		return number(*least) + " or more"
	}
	return number(*least) + " to " + number(*most)
}

func number(v float64) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "a number"
	}
	return string(raw)
}

func count(least, most *int, one, many string) string {
	say := func(n int) string {
		if n == 1 {
			return "1 " + one
		}
		return strconv.Itoa(n) + " " + many
	}
	switch {
	case least == nil || *least == 0 && most != nil:
		return "at most " + say(*most)
	case most == nil:
		return "at least " + say(*least)
	case *least == *most:
		return say(*least)
	}
	return strconv.Itoa(*least) + " to " + say(*most)
}
