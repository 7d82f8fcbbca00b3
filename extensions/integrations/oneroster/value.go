package oneroster

import (
	"fmt"
	"math"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	lines "github.com/trellis-learning/trellis/internal/line"
)

const dayLayout = "2006-01-02"

// value returns the value of a column, checked and in the one form that its kind
// has: "true" or "false", "2006-01-02", RFC 3339, an enumeration's own spelling.
// It is empty where there is none, or none that can be understood.
func (r *Row) value(name string) string {
	c, ok := r.header.columns[name]
	if !ok || r.fault != nil {
		return ""
	}
	raw := ""
	if at, ok := r.header.position[name]; ok {
		raw = r.cells[at]
	}
	if c.kind == secret {
		return raw // as it is: spaces may be meant. Unless they are wanted, newRow cleared it
	}
	v := strings.TrimSpace(raw)
	if v != raw {
		r.warn(name, "there are spaces around the value")
	}
	if v == "" || strings.EqualFold(v, "null") && c.kind != text {
		r.blank(c)
		return ""
	}
	v, fault := r.canonical(c, v)
	if fault == "" {
		return v
	}
	if c.need == mandatory || name == "status" {
		r.fail(name, fault)
	} else {
		r.warn(name, fault+"; taken for empty")
	}
	return ""
}

// blank says what is wrong with an empty value, if something is.
func (r *Row) blank(c column) {
	switch c.need {
	case mandatory:
		switch {
		case r.elsewhere(c):
		case r.removing() && !c.identifies(): // to remove something, its name suffices
			r.warn(c.name, "a value is needed")
		default:
			r.fail(c.name, "a value is needed")
		}
	case inDelta:
		if r.header.delta {
			r.fail(c.name, "a value is needed in a delta file")
		}
	case useful:
		if !r.elsewhere(c) {
			r.warn(c.name, "a value should be here")
		}
	}
}

// removing reports whether the row's status is one that removes.
func (r *Row) removing() bool {
	at, ok := r.header.position["status"]
	if !ok {
		return false
	}
	status := folded(r.cells[at])
	return status == string(ToBeDeleted) || status == string(Inactive)
}

// elsewhere reports whether 1.2 keeps the column in another file.
func (r *Row) elsewhere(c column) bool {
	return r.header.version == V12 && r.header.table.name == "users" && (c.name == "role" || c.name == "orgSourcedIds")
}

// canonical returns v in its one form, or what is wrong with it.
func (r *Row) canonical(c column, v string) (_, fault string) {
	switch c.kind {
	case guid:
		return r.guid(c, v)
	case guids:
		var ids []string
		for _, id := range items(v) {
			id, fault := r.guid(c, id)
			if fault != "" {
				return "", fault
			}
			ids = append(ids, id)
		}
		return strings.Join(ids, ","), ""
	case text:
		return r.text(c, v)
	case day:
		return r.day(c, v)
	case instant:
		return r.instant(c, v)
	case boolean:
		return r.boolean(c, v)
	case number:
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return "", told(v) + " is not a number"
		}
		return v, ""
	case year:
		if n, err := strconv.Atoi(v); err != nil || n < 1000 || n > 9999 {
			return "", told(v) + " is not a year"
		}
		return v, ""
	case token:
		return r.token(c, v)
	case email:
		if a, err := mail.ParseAddress(v); err != nil || a.Address != v || len(v) > 254 {
			return "", "the value is not an email address"
		}
		return v, ""
	case userIDs:
		if _, ok := splitUserIDs(v); !ok {
			return "", "the value is not a list of {Type:Identifier}"
		}
		return v, ""
	}
	return v, ""
}

// text takes out of a value what no title or name may hold: whoever imports a roster
// cannot write it otherwise, and nobody stays without a place because of it.
func (r *Row) text(c column, v string) (string, string) {
	mended, changed := lines.Mend(v)
	switch {
	case !changed:
		return mended, ""
	case mended == "":
		return "", "the value has nothing in it that one sees"
	}
	r.warn(c.name, "characters that are not seen, or turn the order of others, were taken out")
	return mended, ""
}

// guid checks a sourcedId: at most 255 characters (a token of the specification),
// none of which would break the lists in which it may stand.
func (r *Row) guid(c column, v string) (string, string) {
	switch {
	case utf8.RuneCountInString(v) > 255:
		return "", "the identifier is longer than 255 characters"
	case strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }):
		return "", "the identifier has a control character"
	case strings.ContainsFunc(v, func(r rune) bool { return r > unicode.MaxASCII || strings.ContainsRune(` ,"{}`, r) }):
		r.warn(c.name, "the identifier has spaces, commas, quotes, braces or letters beyond ASCII")
	}
	return v, ""
}

func (r *Row) day(c column, v string) (string, string) {
	if _, err := time.Parse(dayLayout, v); err == nil {
		return v, ""
	}
	if t, ok := parseInstant(v); ok {
		r.warn(c.name, "a day is needed, and there is a time")
		return t.Format(dayLayout), ""
	}
	return "", told(v) + " is not a day (YYYY-MM-DD)"
}

func (r *Row) instant(c column, v string) (string, string) {
	if t, ok := parseInstant(v); ok {
		return t.UTC().Format(time.RFC3339Nano), ""
	}
	for _, layout := range []string{dayLayout, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, v); err == nil {
			r.warn(c.name, "the time of day or its zone is missing; taken for UTC")
			return t.Format(time.RFC3339Nano), ""
		}
	}
	return "", told(v) + " is not a time (YYYY-MM-DDThh:mm:ssZ)"
}

// parseInstant reads the forms of ISO 8601 that have a zone.
func parseInstant(v string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, v); err == nil && t.Year() > 0 {
			return t, true
		}
	}
	return time.Time{}, false
}

func (r *Row) boolean(c column, v string) (string, string) {
	switch v {
	case "true", "false":
		return v, ""
	}
	for _, b := range []struct{ as, is string }{
		{"true", "true"}, {"false", "false"}, {"1", "true"}, {"0", "false"},
		{"yes", "true"}, {"no", "false"}, {"y", "true"}, {"n", "false"}, {"t", "true"}, {"f", "false"},
	} {
		if strings.EqualFold(v, b.as) {
			r.warn(c.name, "the value must be written true or false")
			return b.is, ""
		}
	}
	return "", told(v) + " is neither true nor false"
}

func (r *Row) token(c column, v string) (string, string) {
	allowed := c.enum
	if c.name == "role" && r.header.table.name == "users" && r.header.version == V12 {
		allowed = personRoles() // a column of 1.1 in a file of 1.2
	}
	if slices.Contains(allowed, v) {
		return v, ""
	}
	if r.header.version == V12 && c.name != "status" && strings.HasPrefix(v, "ext:") && len(v) > len("ext:") {
		return v, "" // 1.2 lets vendors add to its vocabularies
	}
	if c.name == "role" && r.header.table.name == "enrollments" && slices.Contains(personRoles(), v) {
		r.warn(c.name, fmt.Sprintf("%q is a role of people, not of enrolments", v))
		return v, ""
	}
	for _, t := range allowed {
		if folded(t) == folded(v) {
			r.warn(c.name, fmt.Sprintf("%q is written %q", t, shown(v)))
			return t, ""
		}
	}
	return "", told(v) + " is none of " + strings.Join(allowed, ", ")
}

// told is a value as a message repeats it: not if it is an address, which is there
// because a comma was not quoted.
func told(v string) string {
	if strings.Contains(v, "@") {
		return "the value"
	}
	return strconv.Quote(shown(v))
}

// items cuts a list at its commas.
func items(v string) []string {
	var all []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

// splitUserIDs reads {Type:Identifier},{Type:Identifier}.
func splitUserIDs(v string) ([]UserID, bool) {
	var all []UserID
	for rest := strings.TrimSpace(v); rest != ""; {
		inside, ok := strings.CutPrefix(rest, "{")
		if !ok {
			return nil, false
		}
		inside, rest, ok = strings.Cut(inside, "}")
		if !ok {
			return nil, false
		}
		typ, id, ok := strings.Cut(inside, ":")
		if !ok || strings.TrimSpace(typ) == "" || strings.TrimSpace(id) == "" {
			return nil, false
		}
		all = append(all, UserID{strings.TrimSpace(typ), strings.TrimSpace(id)})
		if rest = strings.TrimSpace(rest); rest != "" {
			if rest, ok = strings.CutPrefix(rest, ","); !ok {
				return nil, false
			}
			rest = strings.TrimSpace(rest)
		}
	}
	return all, true
}
