package tree

import (
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Options are what a tree is rendered with.
type Options struct {
	// Assets returns the address of a file of the bundle; nil shows no images.
	Assets func(path string) (url string, ok bool)
	// URL is where forms are sent: the page's own address.
	URL string
	// Hidden returns the hidden inputs of a form, such as the CSRF token and the
	// signed description of the action; nil leaves buttons and forms out.
	Hidden func(Action) []Field
	// ID begins every id in the output, so that two slots never share one. It is
	// made of letters, digits and hyphens.
	ID string
	// Base begins links to a path within the tenant: "/t/demo".
	Base string

	// Sent is the action that was sent and not taken, with what was entered for it
	// (as it was posted) and the faults by field. They are shown in the first form
	// that offers it.
	Sent    *Action
	Entered url.Values
	Faults  map[string]string
}

// Field is a hidden input.
type Field struct {
	Name, Value string
}

// Render writes a tree as HTML, as [Append] does. An error is the writer's.
func Render(w io.Writer, n Node, o Options) error {
	_, err := w.Write(Append(make([]byte, 0, 4096), n, o))
	return err
}

// Append appends a tree to b as HTML. Whatever the tree says, the output has only
// the elements, attributes and addresses that this package writes; what cannot be
// shown, such as an image that the bundle does not have, is shown as its text.
func Append(b []byte, n Node, o Options) []byte {
	r := renderer{b: b, o: &o, rank: 3}
	r.node(&n)
	return r.b
}

// renderer appends HTML. Only the functions of this file and of its neighbours add
// to b, and whatever is not a constant of theirs goes through text or attr.
type renderer struct {
	b     []byte
	o     *Options
	rank  int // of a heading of level 1: 3 for h3
	ids   int
	taken bool // the form that was sent has been shown
}

// raw appends HTML of ours.
func (r *renderer) raw(s string) { r.b = append(r.b, s...) }

// text appends a text.
func (r *renderer) text(s string) { r.b = escape(r.b, s) }

// attr appends an attribute.
func (r *renderer) attr(name, value string) {
	r.b = append(append(append(r.b, ' '), name...), `="`...)
	r.b = append(escape(r.b, value), '"')
}

// id returns an id that nothing else has.
func (r *renderer) id() string {
	r.ids++
	return r.o.ID + "-" + strconv.Itoa(r.ids)
}

func (r *renderer) nodes(nodes []Node) {
	for i := range nodes {
		r.node(&nodes[i])
	}
}

func (r *renderer) node(n *Node) {
	switch n.Kind {
	case Stack:
		r.raw(`<div class="tr-stack"`)
		r.choice("data-direction", n.Direction, stackShape[0].enum)
		r.choice("data-gap", n.Gap, stackShape[1].enum)
		r.raw(`>`)
		r.nodes(n.Children)
		r.raw(`</div>`)
	case Card:
		r.card(n)
	case Heading:
		r.heading(max(n.Level, 1)-1, n.Text)
	case Text:
		r.paragraph(n)
	case List:
		r.list(n)
	case Table:
		r.table(n)
	case Badge:
		r.badge(n)
	case Progress:
		r.progress(n)
	case Image:
		r.image(n)
	case Chart:
		r.chart(n)
	case Details:
		r.raw(`<details class="tr-details"`)
		if n.Open {
			r.raw(` open`)
		}
		r.raw(`><summary dir="auto">`)
		r.text(n.Summary)
		r.raw(`</summary>`)
		r.nodes(n.Children)
		r.raw(`</details>`)
	case Button:
		r.button(n, "")
	case Form:
		r.form(n)
	}
}

// choice appends an attribute that has one of a few values, or is not there.
func (r *renderer) choice(name, value string, among []string) {
	if value != "" && slices.Contains(among, value) {
		r.attr(name, value)
	}
}

func (r *renderer) card(n *Node) {
	r.raw(`<div class="tr-card">`)
	if says(n.Title) {
		r.heading(0, n.Title)
		r.rank++ // what is in it stands below its title
		defer func() { r.rank-- }()
	}
	r.nodes(n.Children)
	r.raw(`</div>`)
}

func (r *renderer) heading(level int, text string) {
	rank := strconv.Itoa(min(r.rank+level, 6))
	r.raw(`<h` + rank + ` class="tr-heading" dir="auto">`)
	r.text(text)
	r.raw(`</h` + rank + `>`)
}

func (r *renderer) paragraph(n *Node) {
	r.raw(`<p class="tr-text" dir="auto"`)
	r.choice("data-tone", n.Tone, tones)
	r.raw(`>`)
	r.runs(n)
	r.raw(`</p>`)
}

// inline appends a text where it is all that an item or a cell has.
func (r *renderer) inline(n *Node) {
	if n.Tone == "" {
		r.runs(n)
		return
	}
	r.raw(`<span class="tr-text"`)
	r.choice("data-tone", n.Tone, tones)
	r.raw(`>`)
	r.runs(n)
	r.raw(`</span>`)
}

func (r *renderer) runs(n *Node) {
	r.text(n.Text)
	for i := range n.Runs {
		r.run(&n.Runs[i])
	}
}

func (r *renderer) run(u *Run) {
	link := ""
	if u.Link != "" {
		link, _ = address(u.Link, r.o.Base) // what is no address is no link
	}
	if link != "" {
		r.raw(`<a`)
		r.attr("href", link)
		if !strings.HasPrefix(u.Link, "/") {
			r.raw(` rel="noopener noreferrer nofollow"`)
		}
		r.raw(`>`)
	}
	switch u.Style {
	case "strong":
		r.raw(`<strong>`)
		r.text(u.Text)
		r.raw(`</strong>`)
	case "em":
		r.raw(`<em>`)
		r.text(u.Text)
		r.raw(`</em>`)
	case "code":
		r.raw(`<code dir="ltr">`)
		r.text(u.Text)
		r.raw(`</code>`)
	default:
		r.text(u.Text)
	}
	if link != "" {
		r.raw(`</a>`)
	}
}

func (r *renderer) list(n *Node) {
	if len(n.Items) == 0 {
		return // a list of nothing is read out as one
	}
	tag := `ul`
	if n.Ordered {
		tag = `ol`
	}
	r.raw(`<` + tag + ` class="tr-list">`)
	for i := range n.Items {
		r.raw(`<li dir="auto">`)
		r.inner(&n.Items[i], "")
		r.raw(`</li>`)
	}
	r.raw(`</` + tag + `>`)
}

// inner appends the node of an item or of a cell; row is the heading of its row.
func (r *renderer) inner(n *Node, row string) {
	switch n.Kind {
	case Text:
		r.inline(n)
	case Button:
		r.button(n, row)
	default:
		r.node(n)
	}
}

func (r *renderer) table(n *Node) {
	r.openTable(n.Caption, n.Caption)
	for i := range n.Columns {
		r.cell("col", says(n.Columns[i].Title), n.Columns[i].Align, func() { r.text(n.Columns[i].Title) })
	}
	r.raw(`</tr></thead><tbody>`)
	for _, row := range n.Rows {
		r.raw(`<tr>`)
		for i := range min(len(row), len(n.Columns)) {
			heads := i == 0 && (row[0].Kind != Text || says(row[0].plain()))
			r.cell("row", heads, n.Columns[i].Align, func() { r.inner(&row[i], row[0].plain()) })
		}
		r.raw(`</tr>`)
	}
	r.raw(`</tbody></table></div>`)
}

// cell appends a cell; it heads its column or row, unless it is empty: a heading
// that says nothing is read out as one.
func (r *renderer) cell(scope string, heads bool, align string, inner func()) {
	tag := `td`
	if heads {
		tag = `th`
	}
	r.raw(`<` + tag)
	if heads {
		r.attr("scope", scope)
	}
	r.raw(` dir="auto"`)
	if align == "end" {
		r.raw(` data-align="end"`)
	}
	r.raw(`>`)
	inner()
	r.raw(`</` + tag + `>`)
}

// openTable begins a table, as far as the cells of its head.
func (r *renderer) openTable(region, caption string) {
	r.raw(`<div class="scroll" role="region" tabindex="0"`)
	r.attr("aria-label", region)
	r.raw(`><table class="table"><caption class="hidden" dir="auto">`)
	r.text(caption)
	r.raw(`</caption><thead><tr>`)
}

// plain returns what a cell says.
func (n *Node) plain() string {
	if n.Kind != Text && n.Kind != Badge {
		return ""
	}
	s := n.Text
	for _, u := range n.Runs {
		s += u.Text
	}
	return s
}

func (r *renderer) badge(n *Node) {
	state := n.State
	if !slices.Contains(states, state) {
		state = "info"
	}
	r.raw(`<span class="badge" dir="auto"`)
	r.attr("data-state", state)
	r.raw(`>`)
	r.text(n.Text)
	r.raw(`</span>`)
}

func (r *renderer) progress(n *Node) {
	most := n.Max
	if !(most > 0) || !finite(most) {
		most = 100
	}
	value := n.Value
	if !(value > 0) { // which NaN is not
		value = 0
	}
	value = min(value, most)
	id := r.id()
	r.raw(`<div class="tr-progress"><span dir="auto"`)
	r.attr("id", id)
	r.raw(`>`)
	r.text(n.Label)
	r.raw(`</span><progress`)
	r.attr("aria-labelledby", id)
	r.attr("max", number(most))
	r.attr("value", number(value))
	r.raw(`>` + number(value) + ` of ` + number(most) + `</progress></div>`)
}

func (r *renderer) image(n *Node) {
	var src string
	var ok bool
	if r.o.Assets != nil && validAsset(n.Asset) {
		src, ok = r.o.Assets(n.Asset)
	}
	if !ok {
		if n.Alt != "" {
			r.paragraph(&Node{Kind: Text, Text: n.Alt, Tone: "muted"})
		}
		return
	}
	r.raw(`<img class="tr-image"`)
	r.attr("src", src)
	r.attr("alt", n.Alt)
	r.attr("width", strconv.Itoa(n.Width))
	r.attr("height", strconv.Itoa(n.Height))
	r.raw(` loading="lazy" decoding="async">`)
}
