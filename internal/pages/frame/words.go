package frame

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis/extensions"
)

// Isolated returns a text that somebody else wrote for use within a sentence of
// ours: whatever direction its letters have, the sentence around it keeps its own.
// Templates have the element bdi for that; this is for texts.
func Isolated(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return "\u2068" + s + "\u2069"
}

// Sentence makes a sentence of an error's text.
func Sentence(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	s = string(unicode.ToUpper(first)) + s[n:]
	if last, _ := utf8.DecodeLastRuneInString(s); unicode.IsLetter(last) || unicode.IsDigit(last) || last == '"' || last == ')' {
		s += "."
	}
	return s
}

// Lowered is a text as it stands within a sentence.
func Lowered(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	return string(unicode.ToLower(first)) + s[n:]
}

// OnDay is the day of a point in time as pages show it, in UTC.
func OnDay(t time.Time) string { return t.UTC().Format("2 January 2006") }

// Ago says how long ago a point in time was, or how far ahead it is, as one reads it
// in a list; what is more than a week off is its day.
func Ago(t, now time.Time) string {
	d, form := now.Sub(t), "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	switch {
	case d < 45*time.Second && form == "%s ago":
		return "just now"
	case d < 45*time.Second:
		return "in a moment"
	case d < 90*time.Minute:
		return fmt.Sprintf(form, Many(int(max(d.Round(time.Minute)/time.Minute, 1)), "minute", "minutes"))
	case d < 36*time.Hour:
		return fmt.Sprintf(form, Many(int(d.Round(time.Hour)/time.Hour), "hour", "hours"))
	case d < 7*24*time.Hour:
		return fmt.Sprintf(form, Many(int(d.Round(24*time.Hour)/(24*time.Hour)), "day", "days"))
	}
	return t.UTC().Format("2 Jan 2006")
}

// Short is the beginning of a text for a line of a list: no more than n characters,
// at a word's end if one is near.
func Short(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	cut := string(runes[:n-1])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)*2/3 {
		cut = cut[:i]
	}
	return cut + "…"
}

// Soon says when to try again.
func Soon(d time.Duration) string {
	minutes := int(math.Ceil(d.Minutes()))
	switch {
	case d <= 0:
		return "Try again later."
	case d <= 50*time.Second:
		return "Try again in a minute."
	case minutes == 1:
		return "Try again in 1 minute."
	case minutes < 90:
		return fmt.Sprintf("Try again in %d minutes.", minutes)
	}
	return fmt.Sprintf("Try again in %d hours.", int(math.Ceil(d.Hours())))
}

// Shell writes a word as a shell reads it.
func Shell(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_.:+@/=,", r)
	}
	if s != "" && !strings.HasPrefix(s, "-") && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// titleOf returns what an extension is called, as pages say it to everybody.
func (r *Request) titleOf(extension, course string) string {
	x, err := r.f.cfg.Registry.Find(r.Ctx, extension, extensions.Scope{Course: course})
	if err != nil || x.Title == "" {
		return extension
	}
	return x.Title
}

// Track is what people call a mode.
func Track(name string) string {
	if name == "" {
		return ""
	}
	words := strings.ReplaceAll(name, "-", " ")
	_, n := utf8.DecodeRuneInString(words)
	return strings.ToUpper(words[:n]) + words[n:]
}

// Many is a number with the noun that it wants.
func Many(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Grouped(n) + " " + many
}

// Grouped is a number with its thousands apart.
func Grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
