package tree

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// axis returns the ends of an axis that has about four steps of 1, 2 or 5 (times a
// power of ten), which are whole if all values are. It has 0, unless the points of
// a line lie so close together that nothing could be seen of them then.
func axis(low, high float64, line, whole bool) (from, to, step float64) {
	span := high - low
	apart := span > 1e-9 && span > 1e-9*max(math.Abs(low), math.Abs(high))
	if !line || !apart || low <= 0 || span > high*.4 {
		low = min(low, 0)
	}
	if !line || !apart || high >= 0 || span > -low*.4 {
		high = max(high, 0)
	}
	if high-low < 1e-9 {
		high = low + 1
	}
	rough := (high - low) / 4
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step = 10 * power
	for _, f := range []float64{1, 2, 5} {
		if f*power >= rough*.8 {
			step = f * power
			break
		}
	}
	if whole {
		step = max(step, 1)
	}
	from, to = math.Floor(low/step+1e-9)*step, math.Ceil(high/step-1e-9)*step
	return from, to, step
}

// ticks returns the numbers of an axis, written shortly and all in one unit.
func ticks(from, to, step float64) []string {
	unit, suffix := 1.0, ""
	switch most := max(math.Abs(from), math.Abs(to)); {
	case most >= 1e12:
		unit, suffix = 1e12, "T"
	case most >= 1e9:
		unit, suffix = 1e9, "B"
	case most >= 1e6:
		unit, suffix = 1e6, "M"
	case most >= 1e4 && step >= 100:
		unit, suffix = 1e3, "k"
	}
	out := make([]string, int(math.Round((to-from)/step))+1)
	for i := range out {
		v := from + float64(i)*step
		switch {
		case math.Abs(v) < step/2:
			out[i] = "0"
		case step < 1e-5:
			out[i] = strconv.FormatFloat(v, 'g', 3, 64)
		default:
			digits := int(max(0, math.Ceil(-math.Log10(step/unit)-1e-9)))
			out[i] = strings.Replace(strconv.FormatFloat(v/unit, 'f', digits, 64), "-", "\u2212", 1) + suffix
		}
	}
	return out
}

// below is what stands below a plot: a label for every so many points, in one line
// or in two.
type below struct {
	every         int
	first, second []string
}

// wordsBelow says how the labels of the points are written: all of them in a line,
// or else in two, or else as many as there is room for.
func (p plot) wordsBelow(labels []string) below {
	const most, gap = 100.0, 8.0
	b := below{every: 1, first: make([]string, len(labels))}
	widest := 0.0
	for i, s := range labels {
		b.first[i] = shorten(s, most)
		widest = max(widest, textWidth(b.first[i]))
	}
	if widest+gap <= p.room() || len(labels) == 1 {
		return b
	}
	if p.room() > 2*chartText {
		two := below{every: 1, first: make([]string, len(labels)), second: make([]string, len(labels))}
		fit := true
		for i, s := range labels {
			two.first[i], two.second[i] = halves(strings.Fields(Clean(s)))
			fit = fit && max(textWidth(two.first[i]), textWidth(two.second[i])) <= p.room()
		}
		if fit {
			return two
		}
	}
	b.every = int(math.Ceil((widest + gap) / p.room()))
	return b
}

// halves divides words between two lines of about the same width. Many words are
// not looked at: they do not fit.
func halves(words []string) (first, second string) {
	best := math.Inf(1)
	for i := range words[:min(len(words), 6)] {
		a, b := strings.Join(words[:i+1], " "), strings.Join(words[i+1:], " ")
		if w := max(textWidth(a), textWidth(b)); w < best {
			first, second, best = a, b, w
		}
	}
	return first, second
}

func (r *renderer) wordsBelow(p plot, b below) {
	for i := 0; i < len(b.first); i += b.every {
		r.wordBelow(p.x(i), p.top+p.height+16, b.first[i])
		if b.second != nil {
			r.wordBelow(p.x(i), p.top+p.height+16+labelLine, b.second[i])
		}
	}
}

// wordBelow appends a label below a point, within the drawing.
func (r *renderer) wordBelow(x, y float64, s string) {
	if s != "" {
		half := textWidth(s) / 2
		r.word(max(half, min(chartWidth-half, x)), y, "middle", s)
	}
}

// textWidth estimates how wide a text of the drawing is: no less than what a
// browser makes of it, in most writings.
func textWidth(s string) (w float64) {
	for _, c := range s {
		w += runeWidth(c)
	}
	return w
}

func runeWidth(c rune) float64 {
	switch {
	case c >= 0x1100:
		return chartText
	case strings.ContainsRune("iljtfrI.,:;'!|() ", c):
		return chartText * .4
	case c >= 'A' && c <= 'Z' || c == 'm' || c == 'w' || c == '%' || c == '@':
		return chartText * .82
	}
	return chartText * .65
}

// shorten cuts a text to a width.
func shorten(s string, most float64) string {
	s = strings.Join(strings.Fields(Clean(s)), " ")
	w, fits := 0.0, 0 // fits: as much as leaves room for the sign of the cut
	for i, c := range s {
		if w += runeWidth(c); w > most {
			return strings.TrimSpace(s[:fits]) + "…"
		}
		if w+chartText <= most {
			fits = i + utf8.RuneLen(c)
		}
	}
	return s
}
