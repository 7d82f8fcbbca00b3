package tree

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

var (
	exportName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$`)
	fieldName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
)

func (c *checker) action(n *Node, at *place) error {
	if c.actions++; c.actions > MaxActions {
		return fault(at, "more than %d buttons and forms", MaxActions)
	}
	if !exportName.MatchString(n.Action) {
		return fault(&place{up: at, key: "action"}, "must name an export of the module")
	}
	values := place{up: at, key: "values"}
	if len(n.Values) > MaxValues {
		return fault(&values, "has %d keys; the limit is %d", len(n.Values), MaxValues)
	}
	for _, key := range slices.Sorted(maps.Keys(n.Values)) {
		if !fieldName.MatchString(key) {
			return fault(&values, "%.80q: a key is letters, digits and _, and begins with a letter", key)
		}
		if s := n.Values[key]; len(s) > MaxValue || !utf8.ValidString(s) {
			return fault(&place{up: &values, key: key}, "must be at most %d bytes of UTF-8", MaxValue)
		}
	}
	return nil
}

func (c *checker) fields(n *Node, at *place) error {
	fields := place{up: at, key: "fields"}
	if len(n.Fields) > MaxFields {
		return fault(&fields, "has %d items; the limit is %d", len(n.Fields), MaxFields)
	}
	seen := make(map[string]bool, len(n.Fields))
	for i := range n.Fields {
		f := &n.Fields[i]
		here := place{up: &fields, index: i + 1}
		if err := f.check(&here); err != nil {
			return err
		}
		if _, fixed := n.Values[f.Name]; fixed || seen[f.Name] {
			return fault(&place{up: &here, key: "name"}, "stands here twice")
		}
		seen[f.Name] = true
		c.text += len(f.Hint) + len(f.Default)
		if err := c.words(f.Label, &here, "label"); err != nil {
			return err
		}
		for _, o := range f.Options {
			c.text += len(o.Value) + len(o.Label)
		}
	}
	return c.count(len(n.Fields), at)
}

// check checks a field by itself.
func (f *FormField) check(at *place) error {
	if !fieldName.MatchString(f.Name) {
		return fault(&place{up: at, key: "name"}, "must be letters, digits and _, and begin with a letter")
	}
	if fieldShape(f.Type) == nil {
		return fault(&place{up: at, key: "type"}, "must be one of %s", list(fieldTypes))
	}
	given := place{up: at, key: "default"}
	switch f.Type {
	case "text", "textarea":
		if f.MaxLength < 0 || f.MaxLength > MaxEntered {
			return fault(&place{up: at, key: "maxlength"}, "must be 0 to %d", MaxEntered)
		}
	case "number", "integer":
		for _, x := range []*float64{f.Min, f.Max} {
			if x != nil && (!finite(*x) || f.Type == "integer" && *x != math.Trunc(*x)) {
				return fault(at, "min and max must be numbers, of an integer whole ones")
			}
		}
		if f.Min != nil && f.Max != nil && *f.Min > *f.Max {
			return fault(at, "min is more than max")
		}
	case "select", "radio":
		return f.checkOptions(at)
	case "date":
		for _, day := range []string{f.Earliest, f.Latest} {
			if day != "" && !isDay(day) {
				return fault(at, "a day is written as 2026-01-31")
			}
		}
		if f.Earliest != "" && f.Latest != "" && f.Earliest > f.Latest {
			return fault(at, "earliest is after latest")
		}
	}
	if f.Default != "" && (f.Type == "number" || f.Type == "integer" || f.Type == "date" || f.Type == "checkbox") {
		if _, ok := f.parse(f.Default); !ok {
			return fault(&given, "is not what may be entered")
		}
	}
	return nil
}

func (f *FormField) checkOptions(at *place) error {
	options := place{up: at, key: "options"}
	if len(f.Options) == 0 || len(f.Options) > MaxOptions {
		return fault(&options, "must be 1 to %d", MaxOptions)
	}
	seen := make(map[string]bool, len(f.Options))
	for i, o := range f.Options {
		here := place{up: &options, index: i + 1}
		if o.Value == "" || len(o.Value) > MaxValue || Clean(o.Value) != o.Value {
			return fault(&place{up: &here, key: "value"}, "must be 1 to %d bytes, without control characters and what is not seen", MaxValue)
		}
		if seen[o.Value] {
			return fault(&place{up: &here, key: "value"}, "stands here twice")
		}
		seen[o.Value] = true
	}
	if f.Default != "" && !seen[f.Default] {
		return fault(&place{up: at, key: "default"}, "is not one of the options")
	}
	return nil
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil && len(s) == len(time.DateOnly)
}
