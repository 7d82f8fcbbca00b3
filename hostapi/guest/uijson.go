package guest

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// jsonOut writes the JSON of a tree, without looking at types as it goes: that is
// most of what a slot's export takes.
type jsonOut struct{ b []byte }

// key begins a member of an object.
func (j *jsonOut) key(name string) {
	if n := len(j.b); n > 0 && j.b[n-1] != '{' {
		j.b = append(j.b, ',')
	}
	j.text(name)
	j.b = append(j.b, ':')
}

// text writes a string. What is not UTF-8 in it becomes U+FFFD.
func (j *jsonOut) text(s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	b := append(j.b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	j.b = append(append(b, s[from:]...), '"')
}

// said writes a member that must say something: a dash if it does not.
func (j *jsonOut) said(name, s string) {
	if blank(s) {
		s = "–"
	}
	j.key(name)
	j.text(s)
}

// blank reports whether nothing is seen of a text.
func blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unseen(r) && !unicode.IsSpace(r) })
}

// unseen reports whether the platform takes a character out of texts. The libraries in
// the other languages have the same list.
func unseen(r rune) bool {
	switch {
	case r < 0x7f:
		return r < ' ' && r != '\n' && r != '\t'
	case r < 0x200b:
		return r < 0xa0 || r == 0xad || r == 0x034f || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r == 0x180e
	}
	return r == 0x200b || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0x3164 ||
		r == 0xfeff || r == 0xffa0 || r >= 0xfff9 && r <= 0xfffb || r >= 0x1bca0 && r <= 0x1bca3 ||
		r >= 0x1d173 && r <= 0x1d17a || r >= 0xe0000 && r <= 0xe0fff
}

// given writes a member unless it is empty.
func (j *jsonOut) given(name, s string) {
	if s != "" {
		j.key(name)
		j.text(s)
	}
}

func (j *jsonOut) number(x float64) {
	switch {
	case math.IsNaN(x):
		x = 0
	case x > maxNumber:
		x = maxNumber
	case x < -maxNumber:
		x = -maxNumber
	}
	j.b = strconv.AppendFloat(j.b, x, 'f', -1, 64)
}

// maxNumber is the largest number of a tree.
const maxNumber = 1e15

func (j *jsonOut) yes(name string, is bool) {
	if is {
		j.key(name)
		j.b = append(j.b, "true"...)
	}
}

// array writes a member with n items.
func (j *jsonOut) array(name string, n int, item func(int)) {
	j.key(name)
	j.items(n, item)
}

func (j *jsonOut) items(n int, item func(int)) {
	j.b = append(j.b, '[')
	for i := range n {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		item(i)
	}
	j.b = append(j.b, ']')
}

// node begins a node of a kind.
func (j *jsonOut) node(kind string) {
	j.b = append(j.b, `{"kind":"`...)
	j.b = append(append(j.b, kind...), '"')
}

func (j *jsonOut) end() { j.b = append(j.b, '}') }

// inner reports whether what comes next stands in an array, where a text may be a
// string.
func (j *jsonOut) inner() bool {
	n := len(j.b)
	return n > 0 && (j.b[n-1] == '[' || j.b[n-1] == ',')
}
