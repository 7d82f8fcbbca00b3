package tree

import "strings"

// Clean returns a text as it is shown: without what is not seen.
//
// What orders the text around it anew is taken out (U+202A to U+202E, U+2066 to
// U+2069): each text stands in an element of its own, with a direction of its own,
// so no text of a person needs them, and one that is not closed would turn round
// what follows. So are control characters, and what takes no room and joins nothing
// (U+200B, U+FEFF, soft hyphens, tags), which only serve to make two different texts
// look alike. Joiners (U+200C, U+200D) and the direction marks (U+200E, U+200F,
// U+061C) stay: Persian, Hindi and most pictures of people are written with them,
// and they reach no further than the characters next to them.
func Clean(s string) string {
	i := 0
	for i < len(s) && (s[i] >= ' ' && s[i] < 0x7f || s[i] == '\n' || s[i] == '\t') {
		i++
	}
	if i == len(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u2028' || r == '\u2029' || r == '\u0085' || r == '\v' || r == '\f':
			return '\n'
		case unseen(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "\ufffd"))
}

// unseen reports whether a character is taken out of texts.
func unseen(r rune) bool {
	switch {
	case r < ' ':
		return r != '\n' && r != '\t'
	case r < 0x7f:
		return false
	case r < 0xa0:
		return true
	case r < 0x200b:
		return r == 0xad || r == 0x034f || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r == 0x180e
	}
	return r == 0x200b || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0x3164 ||
		r == 0xfeff || r == 0xffa0 || r >= 0xfff9 && r <= 0xfffb || r >= 0x1bca0 && r <= 0x1bca3 ||
		r >= 0x1d173 && r <= 0x1d17a || r >= 0xe0000 && r <= 0xe0fff
}

// says reports whether anything is seen of a text.
func says(s string) bool { return strings.TrimSpace(Clean(s)) != "" }

// escape appends a text for HTML, where it stands between elements or within the
// double quotes of an attribute.
func escape(b []byte, s string) []byte {
	s = Clean(s)
	from := 0
	for i := range len(s) {
		var as string
		switch s[i] {
		case '&':
			as = "&amp;"
		case '<':
			as = "&lt;"
		case '>':
			as = "&gt;"
		case '"':
			as = "&#34;"
		case '\'':
			as = "&#39;"
		default:
			continue
		}
		b = append(append(b, s[from:i]...), as...)
		from = i + 1
	}
	return append(b, s[from:]...)
}
