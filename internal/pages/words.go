package pages

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

// isolated returns a text that somebody else wrote for use within a sentence of
// ours: whatever direction its letters have, the sentence around it keeps its own.
// Templates have the element bdi for that; this is for texts.
func isolated(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return "\u2068" + s + "\u2069"
}

// sentence makes a sentence of an error's text.
func sentence(s string) string {
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

// onDay is the day of a point in time as pages show it, in UTC.
func onDay(t time.Time) string { return t.UTC().Format("2 January 2006") }

// soon says when to try again.
func soon(d time.Duration) string {
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

// shell writes a word as a shell reads it.
func shell(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_.:+@/=,", r)
	}
	if s != "" && !strings.HasPrefix(s, "-") && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// titleOf returns what an extension is called, as pages say it to everybody.
func (p *Pages) titleOf(ctx context.Context, extension, course string) string {
	x, err := p.cfg.Registry.Find(ctx, extension, extensions.Scope{Course: course})
	if err != nil || x.Title == "" {
		return extension
	}
	return x.Title
}

// traceOf returns the ID under which the platform's log has what happens now.
func traceOf(ctx context.Context) string { return trellis.TraceFrom(ctx).ID }

// moment is a point in time as pages show it within a sentence.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04") + " UTC" }

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// now is the present.
func now() time.Time { return time.Now() }

// number writes a number.
func number(n int) string { return strconv.Itoa(n) }
