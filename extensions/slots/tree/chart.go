package tree

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A chart is drawn in units that are pixels where there is room for its width, so
// that its texts can be read at 320 px.
const (
	chartWidth  = 300.0
	plotHeight  = 128.0
	chartTop    = 10.0
	chartText   = 12.0
	labelRow    = 20.0
	labelLine   = 14.0
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
	series := drawable(n.Series)
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
	r.raw(`<details><summary>Numbers <span class="hidden" dir="auto">: `)
	r.text(n.Title)
	r.raw(`</span></summary>`)
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

// drawable returns what can be drawn of the series of a tree that nobody checked:
// what is no number counts as 0.
func drawable(series []Series) []Series {
	out := make([]Series, min(len(series), MaxSeries))
	for i, s := range series[:len(out)] {
		for k, v := range s.Values {
			if !finite(v) {
				s.Values = slices.Clone(s.Values)
				s.Values[k] = 0
			}
		}
		out[i] = s
	}
	return out
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
	numbers := ticks(p.low, p.high, p.step)
	for _, s := range numbers {
		p.left = max(p.left, textWidth(s)+6)
	}
	p.width = chartWidth - p.left - 2
	words := p.wordsBelow(labels)
	height := p.top + p.height + labelRow
	if words.second != nil {
		height += labelLine
	}

	r.raw(`<svg role="img"`)
	r.attr("aria-label", n.Title+" ("+kindOfChart(n.Type)+", "+plural(len(labels), "point")+", "+between(low, high)+")")
	r.raw(` width="300"`)
	r.attr("height", coordinate(height))
	r.attr("viewBox", "0 0 300 "+coordinate(height))
	r.raw(`>`)
	if len(series) > 1 {
		r.legend(series, n.Type)
	}
	for i, s := range numbers {
		y := p.y(p.low + float64(i)*p.step)
		r.rule(p, y, s == "0")
		r.word(p.left-6, y+4, "end", s)
	}
	for k, s := range series {
		if n.Type == "line" {
			r.line(p, k, s.Values)
		} else {
			r.bars(p, k, len(series), s.Values)
		}
	}
	r.wordsBelow(p, words)
	r.raw(`</svg>`)
}

func kindOfChart(typ string) string {
	if typ == "line" {
		return "line chart"
	}
	return "bar chart"
}

func between(low, high float64) string {
	if low == high {
		return "all " + number(low)
	}
	return "from " + number(low) + " to " + number(high)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// extent returns the least and the greatest value.
func extent(series []Series, points int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, v := range s.Values[:points] {
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

// rule appends a line across the plot: a stronger one for zero.
func (r *renderer) rule(p plot, y float64, zero bool) {
	class := "grid"
	if zero {
		class = "grid zero"
	}
	r.raw(`<line`)
	r.attr("class", class)
	r.number("x1", p.left)
	r.number("x2", p.left+p.width)
	r.number("y1", y)
	r.number("y2", y)
	r.raw(` stroke="currentColor"/>`)
}

func (r *renderer) bars(p plot, k, of int, values []float64) {
	room := p.room()
	width := min(room*.72, 40*float64(of)) / float64(of)
	zero := p.y(max(p.low, min(p.high, 0)))
	for i, v := range values[:p.points] {
		if v == 0 {
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
		r.raw(` fill="currentColor"/>`)
	}
}

// dashes tell the lines apart where colours do not.
var dashes = [MaxSeries]string{"", ` stroke-dasharray="6 3"`, ` stroke-dasharray="2 3"`}

func (r *renderer) line(p plot, k int, values []float64) {
	class := `class="s` + strconv.Itoa(k+1) + `"`
	if p.points > 1 {
		r.raw(`<polyline ` + class + ` fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round"` + dashes[k] + ` points="`)
		for i, v := range values[:p.points] {
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
		r.raw(`<polygon` + class + ` points="`)
		for i, d := range [][2]float64{{0, -1}, {1, 0}, {0, 1}, {-1, 0}} {
			if i > 0 {
				r.raw(` `)
			}
			r.raw(coordinate(x+d[0]*size*1.3) + `,` + coordinate(y+d[1]*size*1.3))
		}
		r.raw(`"`)
	}
	r.raw(` fill="currentColor"/>`)
}

// legendRows returns how many rows the names of the series need.
func legendRows(series []Series) int {
	x := 0.0
	for _, s := range series {
		x += 17 + textWidth(shorten(s.Name, chartWidth-20)) + 14
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
		r.mark(k, shape, x+6, y, 4)
		r.word(x+15, y+4, "start", name)
		if rows > 1 {
			y += legendRow
		} else {
			x += 17 + textWidth(name) + 14
		}
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
