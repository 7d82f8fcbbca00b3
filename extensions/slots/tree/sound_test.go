package tree_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// elements are those that a tree is rendered to, with their attributes. The list
// is written anew here: it is what the renderer is held to.
var elements = map[string]string{
	"div": "class data-direction data-gap role tabindex aria-label aria-labelledby autofocus data-bad", "h2": "id", "h3": "class dir", "h4": "class dir", "h5": "class dir", "h6": "class dir",
	"p": "class dir data-tone id", "strong": "", "em": "", "code": "dir", "a": "href rel", "span": "class dir data-state data-tone id", "bdi": "",
	"ul": "class", "ol": "class", "li": "dir", "table": "class", "caption": "class dir", "thead": "", "tbody": "", "tr": "", "th": "scope dir data-align", "td": "dir data-align",
	"progress": "aria-labelledby max value", "img": "class src alt width height loading decoding", "figure": "class", "figcaption": "dir",
	"svg": "role aria-label viewBox width height", "line": "class x1 x2 y1 y2 stroke", "rect": "class x y width height rx fill",
	"text": "class x y text-anchor font-size fill", "polyline": "class fill stroke stroke-width stroke-linejoin stroke-dasharray points", "circle": "class cx cy r fill", "polygon": "class points fill",
	"details": "class open", "summary": "dir", "form": "class method action novalidate data-action", "button": "class",
	"input":    "type inputmode autocomplete id name value required aria-describedby aria-invalid min max maxlength checked dir",
	"textarea": "rows id name required aria-describedby aria-invalid maxlength dir", "select": "id name required aria-describedby aria-invalid", "option": "value selected dir",
	"label": "for class", "fieldset": "class data-bad aria-describedby", "legend": "",
}

var (
	drawn   = regexp.MustCompile(`^[0-9 .,MLZ-]*$`)
	fixed   = map[string]string{"role": "region group img", "method": "post", "loading": "lazy", "decoding": "async", "fill": "none currentColor", "stroke": "currentColor", "type": "text date radio checkbox hidden"}
	drawing = []string{"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "width", "height", "viewBox", "points", "font-size", "stroke-width", "stroke-dasharray"}
)

// sound wants of HTML that a browser's parser finds in it nothing but what the
// renderer may write, nested as it was written.
func sound(t testing.TB, out string) {
	t.Helper()
	body := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(out), body)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var refs []string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch n.Type {
		case html.TextNode:
			if tree.Clean(n.Data) != n.Data {
				t.Errorf("a text %q has what is not seen", n.Data)
			}
		case html.ElementNode:
			allowed, ok := elements[n.Data]
			if !ok {
				t.Errorf("element %s", n.Data)
			}
			for _, a := range n.Attr {
				if a.Namespace != "" || !slices.Contains(strings.Fields(allowed), a.Key) {
					t.Errorf("attribute %s of %s", a.Key, n.Data)
				}
				attribute(t, n, a)
				switch a.Key {
				case "id":
					if ids[a.Val] || !strings.HasPrefix(a.Val, "slot-a-") {
						t.Errorf("id %q is not of its own", a.Val)
					}
					ids[a.Val] = true
				case "for", "aria-labelledby", "aria-describedby":
					refs = append(refs, strings.Fields(a.Val)...)
				}
			}
		default:
			t.Errorf("a node of type %d: %q", n.Type, n.Data)
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	for _, n := range nodes {
		walk(n)
	}
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("nothing has the id %q that is referred to", ref)
		}
	}
}

func attribute(t testing.TB, n *html.Node, a html.Attribute) {
	t.Helper()
	if strings.ContainsFunc(a.Val, func(r rune) bool { return tree.Clean(string(r)) != string(r) }) {
		t.Errorf("%s=%q has what is not seen", a.Key, a.Val)
	}
	if words, ok := fixed[a.Key]; ok && !slices.Contains(strings.Fields(words), a.Val) {
		t.Errorf("%s=%q of %s", a.Key, a.Val, n.Data)
	}
	if slices.Contains(drawing, a.Key) && !drawn.MatchString(a.Val) {
		t.Errorf("%s=%q of %s", a.Key, a.Val, n.Data)
	}
	switch a.Key {
	case "action":
		if a.Val != options().URL {
			t.Errorf("a form aims at %q", a.Val)
		}
	case "src":
		if !strings.HasPrefix(a.Val, "https://content.example/assets/0a1b/") || strings.Contains(a.Val+"/", "/../") {
			t.Errorf("src=%q", a.Val)
		}
	case "href":
		if strings.HasPrefix(a.Val, "#slot-a-") || strings.HasPrefix(a.Val, "/t/demo/") && !strings.Contains(a.Val, "/../") && !strings.HasSuffix(a.Val, "/..") {
			return
		}
		u, err := url.Parse(a.Val)
		if err != nil || !slices.Contains([]string{"https", "http", "mailto"}, u.Scheme) || u.User != nil || u.Scheme != "mailto" && u.Host == "" {
			t.Errorf("href=%q", a.Val)
		}
	case "name":
		if !strings.HasPrefix(a.Val, tree.FieldPrefix) && a.Val != "csrf" && a.Val != "_hook" {
			t.Errorf("an input has the name %q", a.Val)
		}
	}
}
