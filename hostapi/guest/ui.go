package guest

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Node is a part of what an extension shows in a slot: made with [Card], [Text],
// [List] and their like, and only with these, so that the platform takes whatever
// can be built. It refuses a tree of more than 2,000 nodes, of more than 24 within
// each other, or with more than 16 KiB of text in one of them.
type Node interface {
	write(*jsonOut)
}

// Cell is a node that may stand in a table: a [TextNode], [BadgeNode],
// [ProgressNode], [ImageNode] or [ButtonNode].
type Cell interface {
	Node
	cell()
}

// Tone is how something is meant. It is shown by a word or a shape as well as by a
// colour.
type Tone string

// The tones.
const (
	Neutral Tone = ""
	OK      Tone = "ok"
	Warn    Tone = "warn"
	Bad     Tone = "bad"
	Info    Tone = "info"  // of badges and messages; a text has none
	Muted   Tone = "muted" // of less weight; as a badge: off
)

// Box is a stack of nodes: see [Stack] and [Row].
type Box struct {
	direction, gap string
	children       []Node
}

// Stack shows nodes one below the other.
func Stack(children ...Node) Box { return Box{children: children} }

// Row shows nodes beside each other, as far as there is room.
func Row(children ...Node) Box { return Box{direction: "row", children: children} }

// Tight leaves little room between the nodes.
func (b Box) Tight() Box { b.gap = "small"; return b }

// Wide leaves much room between the nodes.
func (b Box) Wide() Box { b.gap = "large"; return b }

func (b Box) write(j *jsonOut) {
	j.node("stack")
	j.given("direction", b.direction)
	j.given("gap", b.gap)
	j.nodes("children", b.children)
	j.end()
}

// nodes writes nodes; one that is nil is left out.
func (j *jsonOut) nodes(name string, nodes []Node) {
	j.key(name)
	j.b = append(j.b, '[')
	for _, n := range nodes {
		if n == nil {
			continue
		}
		if j.b[len(j.b)-1] != '[' {
			j.b = append(j.b, ',')
		}
		n.write(j)
	}
	j.b = append(j.b, ']')
}

type card struct {
	title    string
	children []Node
}

// Card frames nodes. The title may be empty.
func Card(title string, children ...Node) Node { return card{title, children} }

func (c card) write(j *jsonOut) {
	j.node("card")
	j.given("title", c.title)
	j.nodes("children", c.children)
	j.end()
}

type heading struct {
	level int
	text  string
}

// Heading is a heading; its level is 1 to 3 and counts within the slot.
func Heading(level int, text string) Node { return heading{max(1, min(level, 3)), text} }

func (h heading) write(j *jsonOut) {
	j.node("heading")
	j.key("level")
	j.number(float64(h.level))
	j.said("text", h.text)
	j.end()
}

// Part is a part of a text: made with [Plain], [Bold], [Emphasis], [Code] or [Link].
type Part struct {
	text, style, link string
}

// Plain is a part of a text that is like the rest.
func Plain(text string) Part { return Part{text: text} }

// Bold is a part of a text that matters.
func Bold(text string) Part { return Part{text: text, style: "strong"} }

// Emphasis is a part of a text that is stressed.
func Emphasis(text string) Part { return Part{text: text, style: "em"} }

// Code is a part of a text that is for machines: an ID, a key.
func Code(text string) Part { return Part{text: text, style: "code"} }

// Link is a part of a text that leads somewhere: to an address with https:, http:
// or mailto:, or to a path within the tenant ("/courses/…"). With any other it is
// a part like the rest.
func Link(text, to string) Part { return Part{text: text, link: to} }

func (p Part) write(j *jsonOut) {
	link := p.link
	if !leads(link) || blank(p.text) {
		link = ""
	}
	if p.style == "" && link == "" {
		j.text(p.text)
		return
	}
	j.b = append(j.b, '{')
	j.key("text")
	j.text(p.text)
	j.given("style", p.style)
	j.given("link", link)
	j.end()
}

// leads reports whether a link is one that the platform takes: it may come from the
// settings. The libraries in the other languages have the same rule.
func leads(link string) bool {
	odd := func(r rune) bool { return r < ' ' || r == '\\' || r == utf8.RuneError || unseen(r) }
	if _, err := url.PathUnescape(link); err != nil || len(link) > 2000 || strings.ContainsFunc(link, odd) || strings.Contains(link, " ") {
		return false
	}
	for _, scheme := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(link, scheme); ok {
			host, port, _ := strings.Cut(before(rest, "/?#"), ":")
			return isHost(host) && strings.Trim(port, "0123456789") == ""
		}
	}
	if to, ok := strings.CutPrefix(link, "mailto:"); ok {
		name, host, _ := strings.Cut(before(to, "?#"), "@")
		return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool { return !isWord(r) && r != '.' && r != '+' }) && isHost(host)
	}
	path, err := url.PathUnescape(before(link, "?#"))
	steps := strings.Split(path, "/")
	return err == nil && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.ContainsFunc(path, odd) &&
		!slices.Contains(steps, ".") && !slices.Contains(steps, "..")
}

// before returns what stands before the first of some characters.
func before(s, ends string) string {
	if i := strings.IndexAny(s, ends); i >= 0 {
		return s[:i]
	}
	return s
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

func isHost(s string) bool {
	return s != "" && len(s) <= 253 && strings.Trim(s, "-.") == s && !strings.ContainsFunc(s, func(r rune) bool { return !isWord(r) && r != '.' || r == '_' })
}

// TextNode is a text: see [Text].
type TextNode struct {
	text  string
	parts []Part
	tone  Tone
}

// Text is a paragraph, or what stands in a cell or is an item of a list.
func Text(text string, more ...Part) TextNode { return TextNode{text: text, parts: more} }

// Tone says how the text is meant.
func (n TextNode) Tone(t Tone) TextNode { n.tone = t; return n }

func (TextNode) cell() {}

func (n TextNode) write(j *jsonOut) {
	tone := n.tone
	if tone == Info {
		tone = Neutral
	}
	if len(n.parts) == 0 && tone == Neutral && j.inner() {
		j.text(n.text)
		return
	}
	j.node("text")
	if len(n.parts) == 0 {
		j.key("text")
		j.text(n.text)
	} else {
		parts := n.parts
		if n.text != "" {
			parts = append([]Part{Plain(n.text)}, n.parts...)
		}
		j.array("runs", len(parts), func(i int) { parts[i].write(j) })
	}
	j.given("tone", string(tone))
	j.end()
}

type list struct {
	ordered bool
	items   []Node
}

// List is a list with a point before each item.
func List(items ...Node) Node { return list{false, items} }

// Numbered is a list with a number before each item.
func Numbered(items ...Node) Node { return list{true, items} }

func (l list) write(j *jsonOut) {
	j.node("list")
	j.yes("ordered", l.ordered)
	j.nodes("items", l.items)
	j.end()
}

// BadgeNode is a word for a state: see [Badge].
type BadgeNode struct {
	text string
	tone Tone
}

// Badge is a word for a state.
func Badge(text string, tone Tone) BadgeNode { return BadgeNode{text, tone} }

func (BadgeNode) cell() {}

func (n BadgeNode) write(j *jsonOut) {
	tone := n.tone
	if tone == Muted {
		tone = "off"
	}
	j.node("badge")
	j.said("text", n.text)
	j.given("state", string(tone))
	j.end()
}

// ProgressNode shows how far something is: see [Progress].
type ProgressNode struct {
	label      string
	value, max float64
}

// Progress shows how far something is on its way from 0 to max.
func Progress(label string, value, max float64) ProgressNode { return ProgressNode{label, value, max} }

func (ProgressNode) cell() {}

func (n ProgressNode) write(j *jsonOut) {
	most := n.max
	if !(most > 0) { // nothing is to be done, and so nothing is
		most = 1
	}
	j.node("progress")
	j.said("label", n.label)
	j.key("value")
	j.number(n.value)
	j.key("max")
	j.number(most)
	j.end()
}

// ImageNode is a picture: see [Image].
type ImageNode struct {
	asset, alt    string
	width, height int
}

// Image is a picture of the bundle, by its path within assets/. Alt is what stands
// for it where it is not seen; it is empty for an ornament. Width and height are
// the picture's own.
func Image(asset, alt string, width, height int) ImageNode {
	return ImageNode{asset, alt, max(1, min(width, 4096)), max(1, min(height, 4096))}
}

func (ImageNode) cell() {}

func (n ImageNode) write(j *jsonOut) {
	j.node("image")
	j.key("asset")
	j.text(n.asset)
	j.key("alt")
	j.text(n.alt)
	j.key("width")
	j.number(float64(n.width))
	j.key("height")
	j.number(float64(n.height))
	j.end()
}

// Fold is what can be opened: see [Details].
type Fold struct {
	summary  string
	open     bool
	children []Node
}

// Details hides nodes until somebody opens them.
func Details(summary string, children ...Node) Fold {
	return Fold{summary: summary, children: children}
}

// Opened is open to begin with.
func (f Fold) Opened() Fold { f.open = true; return f }

func (f Fold) write(j *jsonOut) {
	j.node("details")
	j.said("summary", f.summary)
	j.yes("open", f.open)
	j.nodes("children", f.children)
	j.end()
}
