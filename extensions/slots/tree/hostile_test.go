package tree_test

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ link, want string }{ // "" is refused
		{"https://example.org", "https://example.org"},
		{"HTTPS://Example.org:8443/a?b=c#d", "https://Example.org:8443/a?b=c#d"},
		{"http://example.org/ü?ü=ü", "http://example.org/%C3%BC?ü=ü"},
		{"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{"mailto:ada@example.org?subject=Hello%20there", "mailto:ada@example.org?subject=Hello%20there"},
		{"/courses/course-v1:A+B+C", "/t/demo/courses/course-v1:A+B+C"},
		{"/courses?next=https://evil.example", "/t/demo/courses?next=https://evil.example"},
		{"/", "/t/demo/"},
		{"/a...b/..c/%2ed", "/t/demo/a...b/..c/%2ed"},

		{"javascript:alert(1)", ""}, {"JaVaScRiPt:alert(1)", ""}, {" javascript:alert(1)", ""}, {"java\nscript:alert(1)", ""}, {"java\tscript:alert(1)", ""},
		{"\x01javascript:alert(1)", ""}, {"javascript&colon;alert(1)", ""}, {"&#106;avascript:alert(1)", ""}, {"javascript\u200b:alert(1)", ""}, {"\u202ejavascript:alert(1)", ""},
		{"data:text/html,<script>alert(1)</script>", ""}, {"vbscript:msgbox(1)", ""}, {"file:///etc/passwd", ""}, {"blob:https://example.org/1", ""}, {"view-source:https://example.org", ""},
		{"ftp://example.org", ""}, {"//evil.example", ""}, {"///evil.example", ""}, {"/\\evil.example", ""}, {"\\\\evil.example", ""}, {"/\t/evil.example", ""}, {"https:evil.example", ""}, {"https:/evil.example", ""},
		{"https:///evil.example", ""}, {"https://", ""}, {"https://user@evil.example", ""}, {"https://example.org@evil.example", ""}, {"https://example.org\\@evil.example", ""}, {"https://exämple.org", ""}, {"https://[::1]/", ""},
		{"https://a b.example", ""}, {"https://evil.example%2f.example.org", ""}, {"/../other", ""}, {"/a/../../other", ""}, {"/a/%2e%2e/%2e%2e/other", ""}, {"/.", ""}, {"/..", ""}, {"/a/..%5c", ""}, {"/%2f/evil.example", ""}, {"/%2fevil.example", ""},
		{"/a%0d%0aSet-Cookie:x", ""}, {"/a%00", ""}, {"/%e2%80%ae", ""}, {"courses", ""}, {"./courses", ""}, {"?x", ""}, {"#top", ""}, {"", ""}, {"mailto:", ""}, {"mailto:a", ""}, {"mailto:a@b.example,c@d.example", ""},
		{"mailto:a@b.example%0abcc:c@d.example", ""}, {"mailto://a@b.example", ""}, {"https://example.org/" + strings.Repeat("a", 2000), ""}, {"https://example.org:99999999999/", "https://example.org:99999999999/"}, {"%zz", ""}, {"https://example.org/%zz", ""},
	} {
		t.Run(fmt.Sprintf("%.60q", tt.link), func(t *testing.T) {
			got, err := tree.Address(tt.link, "/t/demo")
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("address = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestClean(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "plain\n\ttext", "plain\n\ttext"},
		{"controls", "a\x00b\x07c\x1bd\x7fe\u0080f\u009fg", "abcdefg"},
		{"line ends", "a\r\nb\u2028c\u2029d\u0085e\vf\rg", "a\nb\nc\nd\ne\nfg"},
		{"embeddings and overrides", "a\u202ab\u202bc\u202cd\u202de\u202ef", "abcdef"},
		{"isolates", "a\u2066b\u2067c\u2068d\u2069e", "abcde"},
		{"of no width", "a\u200bb\u2060c\ufeffd\u00ade\u180ef\u034fg", "abcdefg"},
		{"fillers", "a\u115fb\u1160c\u3164d\uffa0e", "abcde"},
		{"tags", "a\U000e0001b\U000e0041c\U000e007fd\U000e0100e", "abcde"},
		{"joiners and marks stay", "\u06cc\u200c\u06a9 \U0001f469\u200d\U0001f467 \u200e\u200f\u061c \u2764\ufe0f", "\u06cc\u200c\u06a9 \U0001f469\u200d\U0001f467 \u200e\u200f\u061c \u2764\ufe0f"},
		{"no UTF-8", "a\xffb\xc0\x80c", "a\ufffdb\ufffdc"},
		{"half of a pair", "a\xed\xa0\x80b", "a\ufffdb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tree.Clean(tt.in)
			if got != tt.want {
				t.Errorf("clean = %q, want %q", got, tt.want)
			}
			if again := tree.Clean(got); again != got {
				t.Errorf("cleaned again it is %q", again)
			}
			out := rendered(t, tree.Node{Kind: tree.Text, Text: tt.in}, options())
			if want := `<p class="tr-text" dir="auto">` + tt.want + `</p>`; out != want {
				t.Errorf("rendered %q, want %q", out, want)
			}
		})
	}
}

// TestRefused: what is no tree is refused, at once and by name.
func TestRefused(t *testing.T) {
	deep := func(n int, open, end string) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	many := func(n int, item string) string {
		return `{"kind":"stack","children":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`
	}
	button := `{"kind":"button","text":"a","action":"b"}`
	chart := `{"kind":"chart","type":"bar","title":"a","labels":[],"series":[{"name":"a","values":[]}]}`
	field := func(s string) string { return `{"kind":"form","action":"a","submit":"b","fields":[` + s + `]}` }
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", "ends too early"},
		{"no JSON", "<p>", "not JSON"},
		{"a depth of 10,000 arrays", deep(10_000, "[", "]"), "nested deeper"},
		{"a depth of 10,000 objects", strings.Repeat(`{"children":`, 10_000) + "0" + strings.Repeat("}", 10_000), "nested deeper"},
		{"a depth of 8,000 nodes", deep(8_000, `{"kind":"stack","children":[`, "]}"), "exceeded max depth"},
		{"25 nodes within nodes", deep(25, `{"kind":"stack","children":[`, "]}"), "nested deeper than 24 nodes"},
		{"10 MB of text", `{"kind":"text","text":"` + strings.Repeat("a", 10<<20) + `"}`, "the limit is 262144"},
		{"much text in a node", `{"kind":"text","text":"` + strings.Repeat("a", tree.MaxText+1) + `"}`, "16385 bytes of text"},
		{"much text in runs", `{"kind":"text","runs":["` + strings.Repeat("a", tree.MaxText) + `","b"]}`, "16385 bytes of text"},
		{"many nodes", many(tree.MaxNodes, `"a"`), "more than 2000 nodes"},
		{"many numbers", `{"kind":"stack","children":[` + strings.Repeat("0,", 50_000) + `0]}`, "more than 40000 JSON values"},
		{"many buttons", many(tree.MaxActions+1, button), "/children/100: more than 100 buttons"},
		{"many charts", many(tree.MaxCharts+1, chart), "more than 12 charts"},
		{"many keys", `{"kind":"button","text":"a","action":"b","values":{` + manyKeys(100) + `}}`, "more than 64 keys"},
		{"many values", `{"kind":"button","text":"a","action":"b","values":{` + manyKeys(30) + `}}`, "the limit is 20"},
		{"four series", `{"kind":"chart","type":"bar","title":"a","labels":[],"series":[{},{},{},{}]}`, "has 4 items; the limit is 3"},
		{"201 points", `{"kind":"chart","type":"bar","title":"a","labels":["a"` + strings.Repeat(`,"a"`, 200) + `],"series":[]}`, "the limit is 200"},
		{"no UTF-8", "{\"kind\":\"text\",\"text\":\"\xff\"}", "not UTF-8"},
		{"a control character", "{\"kind\":\"text\",\"text\":\"a\nb\"}", "not JSON"},
		{"a huge number", `{"kind":"progress","label":"a","value":1` + strings.Repeat("0", 400) + `}`, "must be a number from"},
		{"NaN", `{"kind":"progress","label":"a","value":NaN}`, "not JSON"},
		{"a negative whole", `{"kind":"image","asset":"a","alt":"","width":-1,"height":1}`, "1 or more"},
		{"max of nothing", `{"kind":"progress","label":"a","value":1,"max":0}`, "more than 0"},
		{"a key that is a NUL", `{"kind":"stack","children":[],"\u0000":1}`, "unknown key"},
		{"constructor", `{"kind":"stack","children":[],"constructor":{"prototype":{}}}`, "/constructor: unknown key"},
		{"__proto__", `{"kind":"stack","children":[],"__proto__":{"children":[]}}`, "/__proto__: unknown key"},
		{"an id", `{"kind":"text","text":"a","id":"main"}`, "/id: unknown key"},
		{"a class", `{"kind":"text","text":"a","class":"x"}`, "/class: unknown key"},
		{"a field that is ours", field(`{"type":"text","name":"_hook","label":"a"}`), "must be letters"},
		{"a field with brackets", field(`{"type":"text","name":"a[b]","label":"a"}`), "must be letters"},
		{"a hidden field", field(`{"type":"hidden","name":"a","label":"a"}`), "/fields/0/type: must be one of"},
		{"a file", field(`{"type":"file","name":"a","label":"a"}`), "/fields/0/type: must be one of"},
		{"a password", field(`{"type":"password","name":"a","label":"a"}`), "/fields/0/type: must be one of"},
		{"an option twice", field(`{"type":"radio","name":"a","label":"a","options":["x","x"]}`), "stands here twice"},
		{"an option that is not seen", field(`{"type":"radio","name":"a","label":"a","options":["x\u202e"]}`), "what is not seen"},
		{"an option of nothing", field(`{"type":"radio","name":"a","label":"a","options":[""]}`), "must be 1 to"},
		{"no options", field(`{"type":"select","name":"a","label":"a","options":[]}`), "must be 1 to 200"},
		{"a day that is none", field(`{"type":"date","name":"a","label":"a","earliest":"2026-02-30"}`), "a day is written"},
		{"days the other way", field(`{"type":"date","name":"a","label":"a","earliest":"2026-02-02","latest":"2026-02-01"}`), "earliest is after latest"},
		{"min above max", field(`{"type":"number","name":"a","label":"a","min":2,"max":1}`), "min is more than max"},
		{"half of an integer", field(`{"type":"integer","name":"a","label":"a","min":0.5}`), "whole ones"},
		{"a default outside", field(`{"type":"integer","name":"a","label":"a","max":3,"default":4}`), "/default: is not what may be entered"},
		{"a default of another type", field(`{"type":"integer","name":"a","label":"a","default":"4"}`), "must be a number, not a string"},
		{"an asset elsewhere", `{"kind":"image","asset":"https://evil.example/a.png","alt":"","width":1,"height":1}`, "must be the path of a file"},
		{"an asset with a name", `{"kind":"image","asset":"a\"onerror=\"alert(1).png\u202e","alt":"","width":1,"height":1}`, "must be the path of a file"},
		{"a link of nothing", `{"kind":"text","runs":[{"text":" ","link":"/a"}]}`, "/runs/0/text: must say something"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tree.Decode([]byte(tt.in))
			if err == nil || trellis.KindOf(err) != trellis.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%.300v (%s), want %q", err, trellis.KindOf(err), tt.want)
			}
			if len(err.Error()) > 500 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":"v"`, i)
	}
	return strings.Join(keys, ",")
}

// TestAtTheLimits: what is just allowed is rendered, soundly and not to excess.
func TestAtTheLimits(t *testing.T) {
	points := "0" + strings.Repeat(",0", tree.MaxPoints-1)
	chart := `{"kind":"chart","type":"line","title":"a","labels":[` + strings.ReplaceAll(points, "0", `""`) + `],"series":[` +
		strings.TrimSuffix(strings.Repeat(`{"name":"a","values":[`+points+`]},`, tree.MaxSeries), ",") + `]}`
	list := func(n int, item string) string {
		return `{"kind":"stack","children":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`
	}
	for _, tt := range []struct{ name, in string }{
		{"nodes", list(tree.MaxNodes-1, `"a"`)},
		{"depth", strings.Repeat(`{"kind":"card","title":"a","children":[`, tree.MaxDepth) + strings.Repeat("]}", tree.MaxDepth)},
		{"charts", list(tree.MaxCharts, chart)},
		{"actions", list(tree.MaxActions, `{"kind":"button","text":"a","action":"b"}`)},
		{"text", list(15, `"`+strings.Repeat("<", tree.MaxText)+`"`)},
		{"surrogates", `{"kind":"text","text":"\ud800 \udc00 \ud83d\ude00"}`},
		{"NUL", `{"kind":"card","title":"a\u0000b","children":["\u0000"]}`},
		{"a constructor among the values", `{"kind":"button","text":"a","action":"b","values":{"constructor":"c","toString":"d"}}`},
		{"fields that are called like ours", `{"kind":"form","action":"a","submit":"b","fields":[{"type":"text","name":"csrf","label":"a"},{"type":"text","name":"action","label":"a"},{"type":"text","name":"submit","label":"a"}]}`},
		{"two of the same", list(2, `{"kind":"form","action":"a","submit":"b","fields":[{"type":"text","name":"a","label":"a","hint":"b"}]}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := tree.Decode([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			out := rendered(t, n, options())
			sound(t, out)
			if len(out) > 2<<20 {
				t.Errorf("%d bytes of HTML from %d of JSON", len(out), len(tt.in))
			}
		})
	}
}

// TestUnchecked: a tree that nobody checked is rendered to nothing else.
func TestUnchecked(t *testing.T) {
	evil := `"><script>alert(1)</script>`
	for _, k := range append(tree.Kinds(), "", "script") {
		n := tree.Node{
			Kind: k, Direction: evil, Gap: evil, Title: evil, Level: 99, Text: evil, Tone: evil, State: evil, Style: evil, Type: evil, Caption: evil,
			Runs:    []tree.Run{{Text: evil, Style: evil, Link: "javascript:alert(1)"}, {Text: "a", Link: evil}},
			Columns: []tree.Column{{Title: evil, Align: evil}}, Rows: [][]tree.Node{{{Kind: tree.Text, Text: evil}, {Kind: tree.Form}}, {}},
			Label: evil, Value: math.NaN(), Max: math.Inf(1), Asset: "../../" + evil, Alt: evil, Width: -1, Summary: evil, Action: evil, Submit: evil,
			Fields: []tree.FormField{{Type: evil, Name: evil, Label: evil, Hint: evil, Default: evil, Earliest: evil, Options: []tree.Option{{Value: evil}}}},
		}
		n.Fields[0].Name = "a"
		sound(t, rendered(t, n, options()))
		for _, typ := range []string{"text", "textarea", "number", "integer", "checkbox", "select", "radio"} {
			n.Fields[0].Type = typ
			sound(t, rendered(t, n, options()))
		}
		if k != tree.Stack && k != tree.Card && k != tree.List && k != tree.Details && n.Check() == nil {
			t.Errorf("the check takes a %q", k)
		}
	}
}

// TestWithout: without what it needs, something is left out, and no form is shown
// that could not be sent.
func TestWithout(t *testing.T) {
	n, err := tree.Decode([]byte(`{"kind":"stack","children":["a",{"kind":"button","text":"b","action":"c"},{"kind":"form","action":"c","submit":"d","fields":[]},{"kind":"image","asset":"a.png","alt":"e","width":1,"height":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `<div class="tr-stack"><p class="tr-text" dir="auto">a</p><p class="tr-text" dir="auto" data-tone="muted">e</p></div>`
	if got := rendered(t, n, tree.Options{ID: "slot-a"}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestEnteredIsEscaped: what a person entered is no more trusted than the tree.
func TestEnteredIsEscaped(t *testing.T) {
	n, err := tree.Decode([]byte(`{"kind":"form","action":"vote","values":{"poll":"p2"},"submit":"Send","fields":[
		{"type":"text","name":"a","label":"a"},{"type":"textarea","name":"b","label":"b"},{"type":"radio","name":"c","label":"c","options":["x"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	evil := "</textarea><script>alert(1)</script>\"onfocus=\"alert(1)\x00\u202e"
	o.Entered = url.Values{"f.a": {evil}, "f.b": {evil}, "f.c": {evil}, "f.d": {evil}}
	o.Faults = map[string]string{"a": evil, "zz": evil}
	out := rendered(t, n, o)
	sound(t, out)
	if strings.Count(out, "&lt;/textarea&gt;&lt;script&gt;") != 5 { // twice entered, a fault twice, another once
		t.Errorf("what was entered is not all there: %s", out)
	}
}
