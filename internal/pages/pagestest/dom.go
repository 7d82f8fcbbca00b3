package pagestest

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Find returns the elements of the page that a selector finds: names, .classes,
// #ids, [attributes] and [attribute=values], and what stands within by a space.
func (b *Browser) Find(selector string) []*html.Node {
	if b.doc == nil {
		return nil
	}
	return findIn(b.doc, selector)
}

// Texts returns what the elements say that a selector finds.
func (b *Browser) Texts(selector string) (list []string) {
	for _, n := range b.Find(selector) {
		list = append(list, TextOf(n))
	}
	return list
}

// findIn returns the elements within n that a selector finds.
func findIn(n *html.Node, selector string) (found []*html.Node) {
	steps := strings.Fields(selector)
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && matches(d, steps) {
			found = append(found, d)
		}
	}
	return found
}

func matches(n *html.Node, steps []string) bool {
	last := len(steps) - 1
	if !is(n, steps[last]) {
		return false
	}
	if last == 0 {
		return true
	}
	for up := range n.Ancestors() {
		if up.Type == html.ElementNode && matches(up, steps[:last]) {
			return true
		}
	}
	return false
}

// is reports whether an element is what one step of a selector means.
func is(n *html.Node, step string) bool {
	for step != "" {
		kind := step[0]
		if kind == '[' {
			inside, rest, _ := strings.Cut(step[1:], "]")
			name, value, exact := strings.Cut(inside, "=")
			if !Has(n, name) || exact && Attr(n, name) != value {
				return false
			}
			step = rest
			continue
		}
		end := strings.IndexAny(step[1:], ".#[") + 1
		if end == 0 {
			end = len(step)
		}
		word := step[:end]
		step = step[end:]
		switch {
		case kind == '.' && !slices.Contains(strings.Fields(Attr(n, "class")), word[1:]),
			kind == '#' && Attr(n, "id") != word[1:],
			kind != '.' && kind != '#' && word != "*" && n.Data != word:
			return false
		}
	}
	return true
}

// Attr returns an attribute, "" if there is none.
func Attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// Has reports whether an element has an attribute.
func Has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// within returns the nearest element of a name around n, nil if there is none.
func within(n *html.Node, name string) *html.Node {
	for up := range n.Ancestors() {
		if up.Type == html.ElementNode && up.Data == name {
			return up
		}
	}
	return nil
}

// fieldsetOff reports whether a field stands in a group that is disabled.
func fieldsetOff(n *html.Node) bool {
	for up := range n.Ancestors() {
		if up.Type == html.ElementNode && up.Data == "fieldset" && Has(up, "disabled") {
			return true
		}
	}
	return false
}

// TextOf returns what an element says, in one line, without the marks that keep
// foreign text apart. What stands in the attribute hidden is not said.
func TextOf(n *html.Node) string {
	var out strings.Builder
	write(&out, n)
	return strings.Join(strings.Fields(strings.NewReplacer("\u2068", "", "\u2069", "").Replace(out.String())), " ")
}

// RawText returns the text of an element as it stands.
func RawText(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return out.String()
}

// inline are elements around which a browser sets no space.
var inline = []string{"a", "abbr", "b", "bdi", "code", "em", "i", "q", "small", "span", "strong", "time", "tspan"}

func write(out *strings.Builder, n *html.Node) {
	if n.Type == html.TextNode {
		out.WriteString(n.Data)
		return
	}
	if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style" || Has(n, "hidden")) {
		return
	}
	apart := n.Type == html.ElementNode && !slices.Contains(inline, n.Data)
	if apart {
		out.WriteByte(' ')
	}
	for c := range n.ChildNodes() {
		write(out, c)
	}
	if apart {
		out.WriteByte(' ')
	}
}
