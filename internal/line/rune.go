package line

import (
	"strings"
	"unicode"
)

const (
	zwnj       = '\u200c'
	zwj        = '\u200d'
	popIsolate = '\u2069'
	blank      = '\u2800' // the pattern of braille without a dot
)

// isolates reports whether r begins a change of direction that touches nothing
// beyond what ends it.
func isolates(r rune) bool { return r >= '\u2066' && r <= '\u2068' }

func withoutIsolates(r rune) rune {
	if isolates(r) || r == popIsolate {
		return -1
	}
	return r
}

// marks reports whether r is a mark of a direction. Marks turn nothing beyond the
// punctuation beside them.
func marks(r rune) bool { return r == '\u200e' || r == '\u200f' || r == '\u061c' }

// unseen reports whether r has no look of its own: what Unicode lets programs ignore,
// what is for programs alone, what stands for an object, and the note without a head.
func unseen(r rune) bool {
	return r == '\ufffc' || r == '\U0001d159' || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// Unseen reports whether r has no place in a name that is typed to log in: it is not
// seen, or is a space, a control character or a blank.
func Unseen(r rune) bool {
	return unicode.IsSpace(r) || !unicode.IsPrint(r) || unseen(r) || r == blank
}

// seen reports whether there is something in text that one sees.
func seen(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return !Unseen(r) && !unicode.In(r, unicode.Mn, unicode.Me) })
}

// cursive are the scripts whose letters a joiner joins, or keeps apart.
func cursive() []*unicode.RangeTable {
	return []*unicode.RangeTable{
		unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mandaic, unicode.Mongolian, unicode.Phags_Pa, unicode.Adlam, unicode.Hanifi_Rohingya,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada,
		unicode.Malayalam, unicode.Sinhala, unicode.Tibetan, unicode.Myanmar, unicode.Khmer, unicode.Balinese, unicode.Javanese, unicode.Tai_Tham,
		unicode.Meetei_Mayek, unicode.Chakma, unicode.Newa, unicode.Tirhuta, unicode.Grantha, unicode.Sharada,
	}
}

// joins reports whether a joiner has something to do between two characters: it
// stands behind a letter of a script that is written so, or makes one picture of two.
func joins(before, joiner, behind rune) bool {
	if unicode.In(before, cursive()...) {
		return true
	}
	return joiner == zwj && unicode.In(before, unicode.So, unicode.Sk) && before != blank && unicode.In(behind, unicode.So, unicode.Sm) && behind != blank
}
