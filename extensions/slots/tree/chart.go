package tree

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A chart is drawn in units that are pixels where there is room for its width, so
// that its texts can be read at 320 px.
const (
	chartWidth  = 300.0
	plotHeight  = 128.0
	chartTop    = 10.0
	chartText   = 12.0
	labelRow    = 20.0
	legendRow   = 18.0
	mostMarkers = 31 // points of a line that are marked
)

// plot is where the points of a chart are.
type plot struct {
	left, top, width, height float64
	low, high, step          float64 // of the axis
	points                   int
}

func (p plot) y(v float64) float64 {
	return p.top + p.height*(p.high-v)/(p.high-p.low)
}

// x returns the middle of a point's room.
func (p plot) x(i int) float64 { return p.left + p.room()*(float64(i)+.5) }

func (p plot) room() float64 { return p.width / float64(p.points) }

func (r *renderer) chart(n *Node) {
	r.raw(`<figure class="tr-chart"><figcaption dir="auto">`)
	r.text(n.Title)
	r.raw(`</figcaption>`)
	series := n.Series[:min(len(n.Series), MaxSeries)]
	points := len(n.Labels)
	for _, s := range series {
		points = min(points, len(s.Values))
	}
	if points == 0 || len(series) == 0 {
		r.raw(`<p class="tr-text" data-tone="muted">Nothing to show yet.</p></figure>`)
		return
	}
	labels := n.Labels[:points]
	r.drawing(n, series, labels)
	r.raw(`<details><summary>Numbers</summary>`)
	r.openTable("Numbers: "+n.Title, n.Title)
	r.raw(`<td></td>`)
	for _, s := range series {
		r.raw(`<th scope="col" dir="auto" data-align="end">`)
		r.text(s.Name)
		r.raw(`</th>`)
	}
	r.raw(`</tr></thead><tbody>`)
	for i, label := range labels {
		r.raw(`<tr><th scope="row" dir="auto">`)
		r.text(label)
		r.raw(`</th>`)
		for _, s := range series {
			r.raw(`<td data-align="end">` + number(s.Values[i]) + `</td>`)
		}
		r.raw(`</tr>`)
	}
	r.raw(`</tbody></table></div></details></figure>`)
}

// drawing appends the picture of a chart. Its colours are the stylesheet's, by the
// classes s1 to s3; without one it has the colour of the text.
func (r *renderer) drawing(n *Node, series []Series, labels []string) {
	low, high := extent(series, len(labels))
	p := plot{top: chartTop, height: plotHeight, points: len(labels)}
	p.low, p.high, p.step = axis(low, high, n.Type == "line", whole(series, len(labels)))
	if len(series) > 1 {
		p.top += legendRow * float64(legendRows(series))
	}
	ticks := int(math.Round((p.high - p.low) / p.step))
	for i := range ticks + 1 {
		p.left = max(p.left, textWidth(tick(p.low+float64(i)*p.step, p.step))+6)
	}
	p.width = chartWidth - p.left - 2
	height := p.top + p.height + labelRow

	r.raw(`<svg role="img"`)
	r.attr("aria-label", n.Title+" ("+kindOfChart(n.Type)+", "+plural(len(labels), "point")+", from "+number(low)+" to "+number(high)+")")
	r.raw(` width="300"`)
	r.attr("height", coordinate(height))
	r.attr("viewBox", "0 0 300 "+coordinate(height))
	r.raw(`>`)
	if len(series) > 1 {
		r.legend(series, n.Type)
	}
	for i := range ticks + 1 {
		v := p.low + float64(i)*p.step
		r.rule(p, p.y(v), math.Abs(v) < p.step/2)
		r.word(p.left-6, p.y(v)+4, "end", tick(v, p.step))
	}
	for k, s := range series {
		if n.Type == "line" {
			r.line(p, k, s.Values)
		} else {
			r.bars(p, k, len(series), s.Values)
		}
	}
	r.pointLabels(p, labels)
	r.raw(`</svg>`)
}

func kindOfChart(typ string) string {
	if typ == "line" {
		return "line chart"
	}
	return "bar chart"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// extent returns the least and the greatest value. What is no number counts as 0.
func extent(series []Series, points int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, v := range s.Values[:points] {
			if !finite(v) {
				v = 0
			}
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

func whole(series []Series, points int) bool {
	for _, s := range series {
		for _, v := range s.Values[:points] {
			if v != math.Trunc(v) {
				return false
			}
		}
	}
	return true
}

// axis returns the ends of an axis that has about four steps of 1, 2 or 5 (times a
// power of ten), which are whole if all values are. It has 0, unless the points of
// a line lie so close together that nothing could be seen of them then.
func axis(low, high float64, line, whole bool) (from, to, step float64) {
	if !line || low <= 0 || high-low > high*.4 {
		low = min(low, 0)
	}
	if !line || high >= 0 || high-low > -low*.4 {
		high = max(high, 0)
	}
	if span := high - low; span < 1e-9 || span < 1e-9*max(-low, high) {
		high = low + max(1, math.Abs(low)/10)
	}
	rough := (high - low) / 4
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step = 10 * power
	for _, f := range []float64{1, 2, 5} {
		if f*power >= rough*.999 {
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

// tick writes a number at an axis, shortly.
func tick(v, step float64) string {
	unit, suffix := 1.0, ""
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= u.size {
			if u.name == "k" {
				u.size = 1e3
			}
			unit, suffix = u.size, u.name
			break
		}
	}
	if math.Abs(v) < step/2 {
		return "0"
	}
	if step < 1e-5 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := int(max(0, math.Ceil(-math.Log10(step/unit)-1e-9)))
	s := strconv.FormatFloat(v/unit, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return strings.Replace(s, "-", "\u2212", 1) + suffix
}

// rule appends a line across the plot: a stronger one for zero.
func (r *renderer) rule(p plot, y float64, zero bool) {
	class, opacity := "grid", ".18"
	if zero {
		class, opacity = "grid zero", ".6"
	}
	r.raw(`<line`)
	r.attr("class", class)
	r.number("x1", p.left)
	r.number("x2", p.left+p.width)
	r.number("y1", y)
	r.number("y2", y)
	r.raw(` stroke="currentColor"`)
	r.attr("stroke-opacity", opacity)
	r.raw(`/>`)
}

func (r *renderer) bars(p plot, k, of int, values []float64) {
	room := p.room()
	width := min(room*.72, 40*float64(of)) / float64(of)
	zero := p.y(max(p.low, min(p.high, 0)))
	r.raw(`<g class="s` + strconv.Itoa(k+1) + `" fill="currentColor">`)
	for i, v := range values[:p.points] {
		if !finite(v) || v == 0 {
			continue
		}
		y := p.y(v)
		top, height := min(y, zero), max(math.Abs(y-zero), 1)
		if v > 0 {
			top = zero - height
		}
		r.raw(`<rect class="s` + strconv.Itoa(k+1) + `"`)
		r.number("x", p.x(i)+width*(float64(k)-float64(of)/2))
		r.number("y", top)
		r.number("width", max(width-min(1, width/8), .4))
		r.number("height", height)
		if width > 6 {
			r.raw(` rx="1.5"`)
		}
		r.raw(`/>`)
	}
	r.raw(`</g>`)
}

// dashes tell the lines apart where colours do not.
var dashes = [MaxSeries]string{"", ` stroke-dasharray="6 3"`, ` stroke-dasharray="2 3"`}

func (r *renderer) line(p plot, k int, values []float64) {
	class := `class="s` + strconv.Itoa(k+1) + `"`
	if p.points > 1 {
		r.raw(`<polyline ` + class + ` fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round"` + dashes[k] + ` points="`)
		for i, v := range values[:p.points] {
			if !finite(v) {
				v = 0
			}
			r.b = strconv.AppendFloat(r.b, p.x(i), 'f', 1, 64)
			r.b = append(r.b, ',')
			r.b = append(strconv.AppendFloat(r.b, p.y(v), 'f', 1, 64), ' ')
		}
		r.b = append(r.b[:len(r.b)-1], `"/>`...)
	}
	if p.points > mostMarkers {
		return
	}
	for i, v := range values[:p.points] {
		if !finite(v) {
			v = 0
		}
		r.mark(k, k, p.x(i), p.y(v), 3)
	}
}

// mark appends the mark of a series: a disc, a square or a diamond.
func (r *renderer) mark(k, shape int, x, y, size float64) {
	class := ` class="s` + strconv.Itoa(k+1) + ` mark"`
	switch shape {
	case 0:
		r.raw(`<circle` + class)
		r.number("cx", x)
		r.number("cy", y)
		r.number("r", size)
	case 1:
		r.raw(`<rect` + class)
		r.number("x", x-size)
		r.number("y", y-size)
		r.number("width", 2*size)
		r.number("height", 2*size)
	default:
		r.raw(`<path` + class + ` d="M`)
		for i, d := range [][2]float64{{0, -1}, {1, 0}, {0, 1}, {-1, 0}} {
			if i > 0 {
				r.raw(` L`)
			}
			r.raw(coordinate(x+d[0]*size*1.3) + ` ` + coordinate(y+d[1]*size*1.3))
		}
		r.raw(` Z"`)
	}
	r.raw(` fill="currentColor"/>`)
}

// legendRows returns how many rows the names of the series need.
func legendRows(series []Series) int {
	x := 0.0
	for _, s := range series {
		x += 16 + textWidth(shorten(s.Name, chartWidth-20)) + 14
	}
	if x-14 <= chartWidth {
		return 1
	}
	return len(series)
}

func (r *renderer) legend(series []Series, typ string) {
	x, y := 0.0, 8.0
	rows := legendRows(series)
	for k, s := range series {
		name := shorten(s.Name, chartWidth-20)
		shape := k
		if typ != "line" {
			shape = 1 // a piece of a bar
		}
		r.mark(k, shape, x+5, y, 4)
		r.word(x+14, y+4, "start", name)
		if rows > 1 {
			y += legendRow
		} else {
			x += 16 + textWidth(name) + 14
		}
	}
}

// pointLabels appends the labels of the points: as many as there is room for.
func (r *renderer) pointLabels(p plot, labels []string) {
	const most, gap = 86.0, 8.0
	widest := 0.0
	for _, s := range labels {
		widest = max(widest, textWidth(shorten(s, most)))
	}
	every := max(1, int(math.Ceil((widest+gap)/p.room())))
	for i := 0; i < len(labels); i += every {
		s := shorten(labels[i], most)
		if s == "" {
			continue
		}
		half := textWidth(s) / 2
		r.word(max(half, min(chartWidth-half, p.x(i))), p.top+p.height+16, "middle", s)
	}
}

// word appends a text of the drawing.
func (r *renderer) word(x, y float64, anchor, s string) {
	r.raw(`<text class="axis"`)
	r.number("x", x)
	r.number("y", y)
	if anchor != "start" {
		r.attr("text-anchor", anchor)
	}
	r.raw(` font-size="12" fill="currentColor">`)
	r.text(s)
	r.raw(`</text>`)
}

func (r *renderer) number(name string, v float64) { r.attr(name, coordinate(v)) }

func coordinate(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
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
		return chartText * .36
	case c >= 'A' && c <= 'Z' || c == 'm' || c == 'w' || c == '%' || c == '@':
		return chartText * .78
	}
	return chartText * .58
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
