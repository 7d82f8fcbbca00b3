// Package line says what a text of one line may hold: what a course is called, an
// extension or a person. Such a text stands among others, in titles of windows, in
// lists, in mails and in terminals. So it looks like what it is: nothing in it turns
// the order of what follows it, or is there without being seen, except where its
// script is written so.
package line

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/trellis-learning/trellis"
)

// Clean returns text as it is to be kept: without spaces around it, its accents
// composed (Unicode, NFC). It is an error of kind [trellis.Invalid], which begins
// with what the text is, if it has not least to most characters or holds what no
// line may.
func Clean(what, text string, least, most int) (string, error) {
	if fault := Fault(text); fault != "" {
		return "", trellis.Errorf(trellis.Invalid, "%s %s", what, fault)
	}
	text = composed(text)
	switch n := utf8.RuneCountInString(text); {
	case n > most:
		return "", trellis.Errorf(trellis.Invalid, "%s has %d characters, of at most %d", what, n, most)
	case n > 0 && !seen(text):
		return "", trellis.Errorf(trellis.Invalid, "%s has nothing in it that one sees", what)
	case n == 0 && least > 0:
		return "", trellis.Errorf(trellis.Invalid, "%s is missing", what)
	case n < least:
		return "", trellis.Errorf(trellis.Invalid, "%s has %d characters, of at least %d", what, n, least)
	}
	return text, nil
}

// Mend returns text without what no line may hold, as [Clean] would keep it, and
// whether something was taken out. It is for what other systems have written, who
// cannot be asked to write it otherwise.
func Mend(text string) (mended string, changed bool) {
	for Fault(text) != "" { // what is taken out may have been what a joiner joined
		text, changed = mend(text), true
	}
	return composed(text), changed
}

// mend takes out what stands wrongly.
func mend(text string) string {
	var out strings.Builder
	if walk(text, func(r rune, fault string) bool {
		switch {
		case fault == "":
			out.WriteRune(r)
		case unicode.IsSpace(r):
			out.WriteByte(' ')
		}
		return true
	}) != "" {
		return strings.Map(withoutIsolates, out.String())
	}
	return out.String()
}

func composed(text string) string { return strings.TrimSpace(norm.NFC.String(text)) }

// Fault says what in text no line may hold, to stand after what the text is; "" if
// nothing. How long the text is does not matter.
func Fault(text string) string {
	if plain(text) {
		return ""
	}
	found := ""
	last := walk(text, func(_ rune, fault string) bool {
		found = fault
		return fault == ""
	})
	if found == "" {
		found = last
	}
	return found
}

// plain reports whether text has nothing but what any keyboard has, as most have.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// maxMarks is how many marks may stand on a letter. No language puts on so many; more
// cover the lines above and below.
const maxMarks = 6

// marksOn returns how many marks stand on a letter with r, if put stood there before
// it: of a letter with accents those it is composed of count, so that it is the same
// however the text is encoded.
func marksOn(r rune, put int) int {
	if !unicode.In(r, unicode.Mark, unicode.Cf) {
		put = 0
	}
	parts := string(r)
	if d := norm.NFD.PropertiesString(parts).Decomposition(); d != nil {
		parts = string(d)
	}
	for _, r := range parts {
		if unicode.In(r, unicode.Mn, unicode.Me) {
			put++
		}
	}
	return put
}

// walk goes through the characters of text, with what is wrong with each where it
// stands, until it is told to stop. It returns what is wrong with the text as a
// whole.
func walk(text string, visit func(r rune, fault string) bool) string {
	depth, put := 0, 0     // put is how many marks stand on a letter so far
	prev, base := ' ', ' ' // what stands before, and the same without what any script puts onto its letters
	for i, r := range text {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(text[i:])
		}
		fault := ""
		switch {
		case r == utf8.RuneError && size == 1:
			fault = "is not UTF-8"
		case isolates(r):
			depth++
		case r == popIsolate:
			if depth--; depth < 0 {
				fault, depth = holds(r, "ends a change of direction that never began"), 0
			}
		case r == zwj || r == zwnj:
			behind, n := utf8.DecodeRuneInString(text[i+size:])
			if n == 0 {
				behind = ' '
			}
			if !joins(base, r, behind) {
				fault = holds(r, "is not seen, and joins nothing here")
			}
		case unicode.Is(unicode.Variation_Selector, r):
			if unicode.IsSpace(prev) || unseen(prev) {
				fault = holds(r, "is not seen, and chooses the form of nothing here")
			}
		default:
			fault = faultOf(r)
		}
		now := marksOn(r, put)
		if fault == "" && now > put && now > maxMarks {
			fault = holds(r, fmt.Sprintf("is one mark more than the %d that a letter may have", maxMarks))
		}
		if !visit(r, fault) {
			return ""
		}
		if fault != "" && !unicode.IsSpace(r) {
			continue // as if it were not there, which mending makes true
		}
		prev, put = r, now
		if !unicode.Is(unicode.Mn, r) || !unicode.Is(unicode.Inherited, r) {
			base = r
		}
	}
	if depth > 0 {
		return "begins a change of direction that never ends"
	}
	return ""
}

// faultOf says what is wrong with a character wherever it stands.
func faultOf(r rune) string {
	switch {
	case r == '\n' || r == '\r' || unicode.In(r, unicode.Zl, unicode.Zp):
		return holds(r, "begins a new line")
	case unicode.IsControl(r):
		return holds(r, "is a control character")
	case r == utf8.RuneError:
		return holds(r, "stands where a character was lost")
	case r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef:
		return holds(r, "is no character")
	case marks(r):
		return ""
	case unicode.Is(unicode.Bidi_Control, r):
		return holds(r, "turns the order of what follows")
	case unseen(r):
		return holds(r, "is not seen")
	}
	return ""
}

func holds(r rune, why string) string { return fmt.Sprintf("holds U+%04X, which %s", r, why) }
