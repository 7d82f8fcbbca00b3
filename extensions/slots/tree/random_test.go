package tree_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// texts are what is put wherever a text may stand.
var texts = []string{
	"a", "Ada Lovelace", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</textarea></select></svg></title>", "' onfocus='alert(1)", "&lt;b&gt;&#x3c;", "]]>--><!--",
	"\u202eabc\u2066", "a\x00b\x1b[31m", "{{.}}${x}<%= x %>", "javascript:alert(1)", "__proto__", "\ufffd\xff", "long " + fmt.Sprint(math.Pi), "שלום", "\n\nline", "`", "x\u2028y", "a\u200db",
}

var links = []string{"", "/courses", "/courses?q=\"><x>", "https://example.org/'\"<>", "mailto:ada@example.org?subject=<b>", "http://example.org#\"onclick"}

// grower makes trees of every shape.
type grower struct{ *rand.Rand }

func (g grower) text() string       { return texts[g.IntN(len(texts))] }
func (g grower) of(s string) string { return []string{"", s}[g.IntN(2)] }
func (g grower) word(words ...string) string {
	return words[g.IntN(len(words))]
}

func (g grower) number() float64 {
	return []float64{0, 1, -1, .5, 1e15, -1e15, 1e-9, 123456.789, math.Copysign(0, -1), g.NormFloat64() * 1e3}[g.IntN(10)]
}

func (g grower) nodes(depth, most int) (nodes []tree.Node) {
	for range g.IntN(most + 1) {
		nodes = append(nodes, g.node(depth+1))
	}
	return nodes
}

func (g grower) node(depth int) tree.Node {
	kinds := tree.Kinds()
	n := tree.Node{Kind: kinds[g.IntN(len(kinds))], Text: g.text(), Title: g.text(), Label: g.text(), Caption: g.text(), Summary: g.text(), Submit: g.text(), Alt: g.text()}
	if depth > 5 {
		n.Kind = tree.Badge
	}
	n.State, n.Style, n.Tone = g.word("", "ok", "bad", "off"), g.word("", "primary", "danger"), g.word("", "warn", "muted")
	switch n.Kind {
	case tree.Stack, tree.Card, tree.Details:
		n.Children, n.Direction, n.Gap, n.Open = g.nodes(depth, 5), g.word("", "row"), g.word("", "large"), g.IntN(2) == 0
	case tree.Heading:
		n.Level = g.IntN(4)
	case tree.Text:
		if g.IntN(2) == 0 {
			n.Text = ""
			for range g.IntN(4) {
				n.Runs = append(n.Runs, tree.Run{Text: g.text(), Style: g.word("", "strong", "em", "code"), Link: links[g.IntN(len(links))]})
			}
		}
	case tree.List:
		n.Items, n.Ordered = g.nodes(depth, 4), g.IntN(2) == 0
	case tree.Table:
		g.table(&n)
	case tree.Progress:
		n.Value, n.Max = g.number(), math.Abs(g.number())
	case tree.Image:
		n.Asset, n.Width, n.Height = g.word("logo.png", "a/b c.svg", "missing.png", "ä'&.webp"), 1+g.IntN(4096), 1+g.IntN(4096)
	case tree.Chart:
		g.chart(&n)
	case tree.Button, tree.Form:
		n.Action, n.Values = g.word("vote", "a.b:c-d"), map[string]string{"poll": g.text(), "b": g.of("x")}
		for i := range g.IntN(5) {
			n.Fields = append(n.Fields, g.input(fmt.Sprintf("field%d", i)))
		}
	}
	return n
}

func (g grower) table(n *tree.Node) {
	for range 1 + g.IntN(4) {
		n.Columns = append(n.Columns, tree.Column{Title: g.text(), Align: g.word("", "start", "end")})
	}
	for range g.IntN(5) {
		row := make([]tree.Node, len(n.Columns))
		for i := range row {
			row[i] = tree.Node{Kind: []tree.Kind{tree.Text, tree.Badge, tree.Button, tree.Progress}[g.IntN(4)], Text: g.text(), Label: g.text(), Action: "remove"}
		}
		n.Rows = append(n.Rows, row)
	}
}

func (g grower) chart(n *tree.Node) {
	n.Type = g.word("bar", "line")
	for range g.IntN(40) {
		n.Labels = append(n.Labels, g.text())
	}
	for range 1 + g.IntN(tree.MaxSeries) {
		s := tree.Series{Name: g.text()}
		for range n.Labels {
			s.Values = append(s.Values, g.number())
		}
		n.Series = append(n.Series, s)
	}
}

func (g grower) input(name string) tree.FormField {
	f := tree.FormField{Name: name, Label: g.text(), Hint: g.of(g.text()), Required: g.IntN(2) == 0,
		Type: g.word("text", "textarea", "number", "integer", "checkbox", "select", "radio", "date")}
	switch f.Type {
	case "text", "textarea":
		f.MaxLength = g.IntN(20)
	case "number", "integer":
		low, high := float64(-g.IntN(9)), float64(g.IntN(9))
		f.Min, f.Max, f.Default = &low, &high, g.of("0")
	case "select", "radio":
		f.Options = []tree.Option{{Value: "a\"b", Label: g.text()}, {Value: "<c>"}}
		f.Default = g.of("<c>")
	case "date":
		f.Earliest, f.Latest, f.Default = g.of("2026-01-01"), g.of("2026-12-31"), g.of("2026-06-30")
	case "checkbox":
		f.Default = g.of("true")
	}
	return f
}

// TestRandomTrees: whatever the check takes is read again as it was written, and
// becomes HTML that has only what it may have.
func TestRandomTrees(t *testing.T) {
	taken := 0
	for seed := range uint64(1500) {
		n := grower{rand.New(rand.NewPCG(seed, 4))}.node(0)
		if n.Check() != nil {
			continue // a root of many cells, or the like
		}
		raw, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		m, err := tree.Decode(raw)
		if err != nil {
			t.Fatalf("seed %d: %v of %s", seed, err, raw)
		}
		taken++
		again(t, m)
		sound(t, rendered(t, m, options()))
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, raw)
		}
	}
	if taken < 700 {
		t.Errorf("only %d trees were taken", taken)
	}
}
