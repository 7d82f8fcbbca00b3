package line_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/line"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ name, in, want, fault string }{
		{"as it is", "Go for all: 1 + 1", "Go for all: 1 + 1", ""},
		{"spaces around", " \t Go \u00a0", "", "U+0009"},
		{"trimmed", "  Go\u3000", "Go", ""},
		{"composed", "Cafe\u0301", "Café", ""},
		{"of another script", "مقدمة في Go", "مقدمة في Go", ""},
		{"Persian, kept apart", "می\u200cخواهم", "می\u200cخواهم", ""},
		{"Arabic, with a vowel before", "ب\u064e\u200cب", "ب\u064e\u200cب", ""},
		{"Sinhala, joined", "ශ\u0dca\u200dරී", "ශ\u0dca\u200dරී", ""},
		{"Malayalam, at the end", "ന\u0d4d\u200d", "ന\u0d4d\u200d", ""},
		{"a teacher", "👩\u200d🏫 Teaching", "👩\u200d🏫 Teaching", ""},
		{"a teacher of a colour", "👩🏽\u200d🏫", "👩🏽\u200d🏫", ""},
		{"a flag of colours", "🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈", ""},
		{"a head that shakes", "🙂\u200d↔\ufe0f", "🙂\u200d↔\ufe0f", ""},
		{"a key", "1\ufe0f\u20e3", "1\ufe0f\u20e3", ""},
		{"a form of a name", "葛\U000e0100城", "葛\U000e0100城", ""},
		{"marks of direction", "C++\u200e ו־Go\u200f", "C++\u200e ו־Go\u200f", ""},
		{"balanced", "\u2067עברית \u2066Go\u2069\u2069 1", "\u2067עברית \u2066Go\u2069\u2069 1", ""},

		{"nothing", " ", "", "is missing"},
		{"nothing to be seen", "\u200e\u2800", "", "nothing in it that one sees"},
		{"an accent alone", "\u0301", "", "nothing in it that one sees"},
		{"too long", strings.Repeat("é", 21), "", "has 21 characters, of at most 20"},
		{"long, but composed", strings.Repeat("e\u0301", 20), strings.Repeat("é", 20), ""},
		{"not text", "a\xff", "", "is not UTF-8"},
		{"what was lost", "a\ufffd", "", "U+FFFD, which stands where a character was lost"},
		{"two lines", "a\nb", "", "U+000A, which begins a new line"},
		{"two lines of another kind", "a\u2028b", "", "U+2028, which begins a new line"},
		{"nought", "a\x00", "", "U+0000, which is a control character"},
		{"next line", "a\u0085b", "", "U+0085, which is a control character"},
		{"override", "a\u202egpj.exe", "", "U+202E, which turns the order"},
		{"embedding", "a\u202b", "", "U+202B, which turns the order"},
		{"never ends", "a\u2067b", "", "begins a change of direction that never ends"},
		{"never began", "a\u2069\u2067", "", "U+2069, which ends a change of direction that never began"},
		{"zero-width space", "a\u200bb", "", "U+200B, which is not seen"},
		{"word joiner", "a\u2060b", "", "U+2060, which is not seen"},
		{"byte order mark", "\ufeffGo", "", "U+FEFF, which is not seen"},
		{"soft hyphen", "a\u00adb", "", "U+00AD, which is not seen"},
		{"filler", "a\u3164", "", "U+3164, which is not seen"},
		{"grapheme joiner", "a\u034fb", "", "U+034F, which is not seen"},
		{"a tag", "a\U000e0041", "", "U+E0041, which is not seen"},
		{"no character", "a\U0001ffff", "", "U+1FFFF, which is no character"},
		{"joiner in Latin", "ad\u200dmin", "", "U+200D, which is not seen, and joins nothing here"},
		{"joiner first", "\u200cab", "", "joins nothing here"},
		{"two joiners", "می\u200c\u200cخ", "", "joins nothing here"},
		{"a picture and a joiner", "🏫\u200d", "", "joins nothing here"},
		{"non-joiner in a picture", "👩\u200c🏫", "", "joins nothing here"},
		{"an object", "a\ufffc", "", "U+FFFC, which is not seen"},
		{"a note without a head", "a\U0001d159", "", "U+1D159, which is not seen"},
		{"a circle around nothing", "\u20dd", "", "nothing in it that one sees"},
		{"many marks", "a" + strings.Repeat("\u0323", 6), "ạ" + strings.Repeat("\u0323", 5), ""},
		{"too many marks", "a" + strings.Repeat("\u0323", 7), "", "U+0323, which is one mark more than the 6"},
		{"too many, two by two", "a" + strings.Repeat("\u0344", 4), "", "U+0344, which is one mark more"},
		{"too many beside a mark of direction", "a" + strings.Repeat("\u0323", 6) + "\u200e\u0323", "", "U+0323, which is one mark more"},
		{"marks on each letter", strings.Repeat("ก\u0e31\u0e49", 6), strings.Repeat("ก\u0e31\u0e49", 6), ""},
		{"form of nothing", "a \ufe0f", "", "U+FE0F, which is not seen, and chooses"},
		{"form of a form", "a\ufe0f\ufe0f", "", "U+FE0F, which is not seen, and chooses"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := line.Clean("the title", tt.in, 1, 20)
			if tt.fault == "" {
				if err != nil || got != tt.want {
					t.Errorf("%+q, %v; want %+q", got, err, tt.want)
				}
				return
			}
			if trellis.KindOf(err) != trellis.Invalid || !strings.HasPrefix(err.Error(), "the title ") || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%+q, %v; want %q", got, err, tt.fault)
			}
		})
	}
	if got, err := line.Clean("the name", "", 0, 20); got != "" || err != nil {
		t.Errorf("a name that may be missing: %q, %v", got, err)
	}
}

func TestMend(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		changed  bool
	}{
		{" Ada  Lovelace ", "Ada  Lovelace", false},
		{"Cafe\u0301", "Café", false},
		{"\ufeffAda\u200b Love\u00adlace", "Ada Lovelace", true},
		{"Ada\tLovelace\r\n", "Ada Lovelace", true},
		{"\u202eAda\u202c", "Ada", true},
		{"\u2067Ada", "Ada", true},
		{"\u2067\u2069\u2069Ada", "\u2067\u2069Ada", true},
		{"می\u200c\u200cخواهم", "می\u200cخواهم", true},
		{"\u200b", "", true},
		{"A\xffda", "Ada", true},
		{"a" + strings.Repeat("\u0323", 9), "ạ" + strings.Repeat("\u0323", 5), true},
	} {
		if got, changed := line.Mend(tt.in); got != tt.want || changed != tt.changed {
			t.Errorf("%+q became %+q, %t; want %+q, %t", tt.in, got, changed, tt.want, tt.changed)
		}
	}
}

// FuzzLine: what is clean stays as it is when it is cleaned again, holds nothing that
// turns or hides what stands beside it, and mending makes clean whatever is left.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"Go", " a\u0301 ", "می\u200cخ", "👩\u200d🏫", "\u202e", "\u2067a\u2069", "\u2069", "\u2066", "a\u200d", "\xff", "\ufeff", "1\ufe0f\u20e3", "\u1100\u115f", "\u0344", "\u2126", "\u01d6\u0323\u0344\u0344"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		check := func(clean string) {
			depth := 0
			for _, r := range clean {
				switch {
				case r == '\u2066' || r == '\u2067' || r == '\u2068':
					depth++
				case r == '\u2069':
					if depth--; depth < 0 {
						t.Errorf("%+q ends what never began", clean)
					}
				case unicode.IsControl(r) || r == '\u200b' || r == '\ufeff' || r >= '\u202a' && r <= '\u202e' || r >= '\u2028' && r <= '\u2029':
					t.Errorf("%+q holds %U", clean, r)
				}
			}
			if depth != 0 || !utf8.ValidString(clean) || clean != strings.TrimSpace(clean) || !norm.NFC.IsNormalString(clean) {
				t.Errorf("%+q is not clean", clean)
			}
			if again, err := line.Clean("it", clean, 0, len(clean)); clean != "" && err != nil && !strings.Contains(err.Error(), "nothing in it") || err == nil && again != clean {
				t.Errorf("%+q is not as clean the second time: %+q, %v", clean, again, err)
			}
		}
		if clean, err := line.Clean("it", text, 0, 1<<20); err == nil {
			check(clean)
		}
		mended, changed := line.Mend(text)
		check(mended)
		if changed != (line.Fault(text) != "") {
			t.Errorf("%+q: changed %t, fault %q", text, changed, line.Fault(text))
		}
	})
}
