package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

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

// same reports whether two decoded values are the same JSON.
func same(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// kindOf chooses how a setting is shown: what has no field of its own is JSON.
func kindOf(s *Schema, value any, set bool, depth int) string {
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
				if !oneLine(&Schema{Type: "string"}, name, "=") || !oneLine(s.Additional, v, "") {
					return jsonKind
				}
			}
			return mapKind
		}
	}
	return jsonKind
}

// scalar reports whether a value has the form of one word or number.
func scalar(s *Schema) bool {
	return slices.Contains([]string{"string", "integer", "number", "boolean"}, s.Type)
}

// oneLine reports whether a value can stand in a line of its own, and is read again
// as it was.
func oneLine(s *Schema, v any, without string) bool {
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
