//go:build !wasip1

package guest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// probes are what tries out the libraries, by language.
func probes(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"C++": wasm.ProbeCPP, "Rust": wasm.ProbeRust, "AssemblyScript": wasm.ProbeAS}
	if c := probeC(t); c != nil {
		all["C"] = c
	} else {
		t.Log("SKIPPED C: clang is absent")
	}
	return all
}

// TestTrees: the same tree, built in each language, is the same JSON, and the platform
// takes it.
func TestTrees(t *testing.T) {
	s := schema(t)
	for language, module := range probes(t) {
		t.Run(language, func(t *testing.T) {
			g := started(t, module)
			for _, tt := range trees() {
				t.Run(tt.name, func(t *testing.T) { g.same(t, s, tt.tree) })
			}
			for seed := range uint64(60) {
				c := cook{rand.New(rand.NewPCG(seed, 9))}
				if !t.Run(fmt.Sprint("random ", seed), func(t *testing.T) { g.same(t, s, c.recipe(0)) }) {
					return
				}
			}
		})
	}
}

// trees has every node, every field, and every text that needs care.
func trees() []struct {
	name string
	tree *recipe
} {
	words := func(s string) *recipe { return &recipe{Kind: "text", Text: s} }
	all := []struct {
		name string
		tree *recipe
	}{
		{"nothing", nil},
		{"a text", words("a")},
		{"parts", &recipe{Kind: "text", Text: "Today: ", Tone: "warn", Runs: []run{{Text: "12", Style: "strong"}, {Text: ", "}, {Text: "e", Style: "em"}, {Text: "c", Style: "code"}, {Text: "all", Link: ptr("/courses")}}}},
		{"a part alone", &recipe{Kind: "text", Runs: []run{{Text: "a", Style: "strong"}}}},
		{"an empty card", &recipe{Kind: "card"}},
		{"a card", &recipe{Kind: "card", Title: "Today", Children: []*recipe{words("a"), nil, {Kind: "heading", Level: 7, Text: " "}, {Kind: "heading", Level: 2, Text: "b"}, {Kind: "badge", Tone: "muted"}}}},
		{"boxes", &recipe{Kind: "stack", Children: []*recipe{{Kind: "stack", Direction: "row", Gap: "small", Children: []*recipe{words("a"), words("b")}}, {Kind: "stack", Gap: "large"}}}},
		{"lists", &recipe{Kind: "list", Items: []*recipe{words("a"), {Kind: "list", Ordered: true, Items: []*recipe{{Kind: "text", Text: "b", Tone: "muted"}, nil, words("")}}}}},
		{"a table", &recipe{Kind: "table", Caption: "People", Columns: []column{{Title: "Name"}, {Title: "Points", Number: true}}, Rows: [][]*recipe{
			{words("Ada"), {Kind: "badge", Text: "On", Tone: "ok"}}, {words("Bob")}, {words("x"), nil, words("too much")}, {},
			{{Kind: "progress", Label: "p", Value: 1, Max: 4}, {Kind: "image", Asset: "a.png", Alt: "A", Width: 3, Height: 4}},
			{{Kind: "button", Text: "Go", Action: "go"}, {Kind: "text", Text: "a", Runs: []run{{Text: "b", Style: "em"}}, Tone: "bad"}}}}},
		{"a table of nothing", &recipe{Kind: "table"}},
		{"a table of no columns", &recipe{Kind: "table", Caption: "a", Rows: [][]*recipe{{words("b"), words("c")}, {nil}}}},
		{"many columns", &recipe{Kind: "table", Caption: "a", Columns: make([]column, 23), Rows: [][]*recipe{make([]*recipe, 22)}}},
		{"progress", &recipe{Kind: "stack", Children: []*recipe{{Kind: "progress", Label: "a", Value: 1, Max: 4}, {Kind: "progress"}, {Kind: "progress", Label: "c", Value: number(math.NaN()), Max: 1e300}, {Kind: "progress", Label: "d", Value: -1e300, Max: number(math.NaN())}, {Kind: "progress", Label: "e", Value: .5, Max: -3}}}},
		{"images", &recipe{Kind: "stack", Children: []*recipe{{Kind: "image", Asset: "logo.png", Width: 0, Height: 9999}, {Kind: "image", Asset: "a/b.png", Alt: "A \"b\"", Width: 640, Height: 480}}}},
		{"a chart", &recipe{Kind: "chart", Title: "Most on Monday.", Labels: []string{"Mon", "Tue", "Wed"}, Series: []series{{"Enrolments", []number{1, number(math.NaN())}}, {"", []number{-2, .25, 3, 4}}, {"c", nil}, {"d", nil}}}},
		{"a chart of nothing", &recipe{Kind: "chart", Line: true}},
		{"a chart of no series", &recipe{Kind: "chart", Title: "a", Labels: []string{"b"}}},
		{"a long chart", &recipe{Kind: "chart", Line: true, Title: "a", Labels: strings.Split(strings.Repeat("x,", 220), ","), Series: []series{{"b", make([]number, 230)}}}},
		{"details", &recipe{Kind: "details", Summary: "More", Open: true, Children: []*recipe{words("a"), {Kind: "details"}}}},
		{"buttons", &recipe{Kind: "stack", Children: []*recipe{{Kind: "button", Text: "Go", Action: "go", Style: "danger", Values: map[string]string{"b": "2", "a": "1"}}, {Kind: "button", Action: "x", Style: "primary"}}}},
		{"fields", &recipe{Kind: "form", Action: "vote", Style: "primary", Submit: "Vote", Values: map[string]string{"poll": "1"}, Fields: []field{
			{Type: "text", Name: "a", Label: "A", Hint: "h", Required: true, MaxLength: 20, Value: "v"}, {Type: "textarea", Name: "b", MaxLength: 99999},
			{Type: "number", Name: "c", Label: "C", Low: ptr(number(1)), High: ptr(number(-1)), Value: 0.5}, {Type: "integer", Name: "d", Label: "D", Low: ptr(number(.5)), High: ptr(number(3)), Value: 9.0},
			{Type: "integer", Name: "d2", Label: "D", Value: 1.5}, {Type: "integer", Name: "d3", Label: "D", Low: ptr(number(.1)), High: ptr(number(.2))}, {Type: "integer", Name: "d4", Label: "D", Low: ptr(number(-5)), High: ptr(number(5)), Value: -5.0},
			{Type: "number", Name: "d5", Label: "D", Value: 1e300}, {Type: "checkbox", Name: "e", Label: "E", Value: true}, {Type: "checkbox", Name: "f", Label: "F", Required: true, Value: false},
			{Type: "select", Name: "g", Label: "G", Options: []option{{"y", "Yes"}, {"n", ""}, {"y", "again"}, {"", "none"}}, Value: "n"}, {Type: "radio", Name: "h", Label: "H", Options: []option{{"y", "Yes"}}, Value: "?"},
			{Type: "radio", Name: "h2", Label: "H", Options: []option{{"", "x"}}}, {Type: "select", Name: "h3", Label: "H", Value: "–"},
			{Type: "date", Name: "i", Label: "I", Earliest: "2026-12-31", Latest: "2026-01-01", Value: "2026-02-30"}, {Type: "date", Name: "j", Earliest: "2026-01-01", Value: "2025-12-31"}, {Type: "date", Name: "k", Latest: "2028-02-29", Value: "2028-02-29"}, {Type: "date", Name: "l", Earliest: "soon", Latest: "2027-02-29", Value: "2028-02-28"},
			{Type: "text", Name: "a", Label: "again"}, {Type: "text", Name: "poll", Label: "fixed"},
		}}},
		{"a form of nothing", &recipe{Kind: "form", Action: "a", Style: "danger"}},
	}
	for _, x := range []float64{0.1, -2.75, .1 + .2, 1.0 / 3, 1e14 + .125, 1e-6, 123456.789, 1e15, -1e15 - 1, 9007199254740993} {
		all = append(all, struct {
			name string
			tree *recipe
		}{fmt.Sprint("the number ", x), &recipe{Kind: "progress", Label: "a", Value: number(x), Max: 1}})
	}
	for i, s := range texts {
		all = append(all, struct {
			name string
			tree *recipe
		}{fmt.Sprint("text ", i), &recipe{Kind: "card", Title: s, Children: []*recipe{words(s), {Kind: "text", Text: s, Tone: "info"}, {Kind: "heading", Text: s}, {Kind: "badge", Text: s, Tone: "info"},
			{Kind: "text", Runs: []run{{Text: s}, {Text: s, Style: "code"}, {Text: s, Link: ptr("/a")}, {Text: "a", Link: ptr(s)}}},
			{Kind: "table", Caption: s, Columns: []column{{Title: s}}, Rows: [][]*recipe{{words(s)}}}, {Kind: "details", Summary: s}, {Kind: "chart", Title: s, Labels: []string{s}, Series: []series{{s, []number{1}}}},
			{Kind: "form", Action: "a", Submit: s, Values: map[string]string{"v": s[:min(len(s), 1000)]}, Fields: []field{{Type: "text", Name: "a", Label: s, Hint: s, Value: s}, {Type: "radio", Name: "b", Label: s, Options: []option{{"a", s}}}}}}}})
	}
	return all
}

func ptr[T any](v T) *T { return &v }

// texts are what is hard to write, to see or to follow.
var texts = []string{
	"", " ", " \t\n", "\u00a0\u3000", "\u200b\u202e", "\ufeff\u00ad", "a", "<b>&amp;", "\x00\x01\x1f\x7f", `"\/`, "\n\r\t\b\f", "\u2028\u2029", "ü é 😀 漢", "\ufffd", "\u200d", "–", "2026-01-31", strings.Repeat("ä", 300),
	"https://example.org/a?b=c#d", "http://example.org:8080", "mailto:ada+b@example.org?subject=x", "/courses/course-v1:A+B+C", "/kurse/ü", "/", "/a%20b", "/a%c3%bc", "https://example.org",
	"javascript:alert(1)", " /a", "//evil.example", "/\\evil.example", "/a/../../b", "/a/.", "/%2e%2e/b", "/%2f/b", "/a%0ab", "/a%5cb", "/a\u202eb", "/a%e2%80%aeb", "/a%ff", "https://a@b.example", "https:b.example", "https://", "https://?a",
	"https://exämple.org", "ftp://example.org", "HTTPS://example.org", "mailto:a", "mailto:a@b@c", "mailto:@b", "mailto:a b@c", "courses", "#a", "?a", "https://example.org/%zz", "/a?b=%z", "/a%2", "https://a:b", "https://a:", "https://-a", "https://a.", "/" + strings.Repeat("a", 2000),
}

// cook makes up recipes.
type cook struct{ *rand.Rand }

func (c cook) s() string { return texts[c.IntN(len(texts))] }
func (c cook) x() number {
	return number([]float64{0, -1, .5, 1e300, -1e300, math.NaN(), float64(c.IntN(2e6)-1e6) / 64, float64(c.IntN(1000)) / 100}[c.IntN(8)])
}
func (c cook) one(of ...string) string { return of[c.IntN(len(of))] }
func (c cook) some(depth int) []*recipe {
	list := make([]*recipe, c.IntN(4))
	for i := range list {
		list[i] = c.recipe(depth + 1)
	}
	return list
}
func (c cook) values() map[string]string {
	values := map[string]string{}
	for range c.IntN(3) {
		s := c.s()
		values[c.one("a", "b", "poll", "x_1")] = s[:min(len(s), 1000)] // which is what the platform takes
	}
	return values
}

func (c cook) field(i int) field {
	f := field{Type: c.one("text", "textarea", "number", "integer", "checkbox", "select", "radio", "date"), Name: c.one("a", "poll", fmt.Sprint("f", i)), Label: c.s(), Hint: c.s(), Required: c.IntN(2) == 0,
		Earliest: c.one("", "2026-01-31", "soon"), Latest: c.one("", "2025-02-28", "2026-02-29"), MaxLength: c.IntN(3) * 9000}
	if c.IntN(2) == 0 {
		f.Low, f.High = ptr(number(c.IntN(64))/8), ptr(number(c.IntN(64))/8)
	}
	switch f.Type {
	case "checkbox":
		f.Value = c.IntN(2) == 0
	case "number", "integer":
		if x := c.x(); !math.IsNaN(float64(x)) {
			f.Value = float64(x)
		}
	case "date":
		f.Value = c.one("", "2026-01-31", "2025-06-31", "x")
	default:
		f.Value = c.one("", "y", "n", "a\"b")
	}
	for range c.IntN(4) {
		f.Options = append(f.Options, option{c.one("", "y", "n", "ü"), c.s()})
	}
	return f
}

func (c cook) recipe(depth int) *recipe {
	kinds := []string{"text", "heading", "badge", "progress", "image", "button", "none", "table", "chart", "form"}
	if depth < 3 {
		kinds = append(kinds, "stack", "card", "list", "details", "stack", "card")
	}
	r := &recipe{Kind: c.one(kinds...)}
	if depth == 0 {
		r.Kind = "stack"
	}
	switch r.Kind {
	case "none":
		return nil
	case "text":
		r.Text, r.Tone = c.s(), c.one("", "ok", "warn", "bad", "info", "muted")
		for range c.IntN(4) {
			p := run{Text: c.s(), Style: c.one("", "strong", "em", "code")}
			if p.Style == "" && c.IntN(2) == 0 {
				p.Link = ptr(c.s())
			}
			r.Runs = append(r.Runs, p)
		}
	case "heading":
		r.Level, r.Text = c.IntN(6), c.s()
	case "badge":
		r.Text, r.Tone = c.s(), c.one("", "ok", "warn", "bad", "info", "muted")
	case "progress":
		r.Label, r.Value, r.Max = c.s(), c.x(), c.x()
	case "image":
		r.Asset, r.Alt, r.Width, r.Height = "a.png", c.s(), c.IntN(5000), c.IntN(5000)
	case "button":
		r.Text, r.Action, r.Values, r.Style = c.s(), "go", c.values(), c.one("", "primary", "danger")
	case "table":
		r.Caption = c.s()
		for range c.IntN(4) {
			r.Columns = append(r.Columns, column{c.s(), c.IntN(2) == 0})
		}
		for range c.IntN(3) {
			row := make([]*recipe, c.IntN(5))
			for i := range row {
				for row[i] = c.recipe(3); row[i] != nil && !strings.Contains("text badge progress image button", row[i].Kind); {
					row[i] = c.recipe(3)
				}
			}
			r.Rows = append(r.Rows, row)
		}
	case "chart":
		r.Title, r.Line = c.s(), c.IntN(2) == 0
		for range c.IntN(5) {
			r.Labels = append(r.Labels, c.s())
		}
		for range c.IntN(5) {
			one := series{Name: c.s()}
			for range c.IntN(6) {
				one.Values = append(one.Values, c.x())
			}
			r.Series = append(r.Series, one)
		}
	case "form":
		r.Action, r.Values, r.Style, r.Submit = "vote", c.values(), c.one("", "primary", "danger"), c.s()
		for i := range c.IntN(6) {
			r.Fields = append(r.Fields, c.field(i))
		}
	case "list":
		r.Ordered, r.Items = c.IntN(2) == 0, c.some(depth)
	case "stack":
		r.Direction, r.Gap, r.Children = c.one("", "row"), c.one("", "small", "large"), c.some(depth)
	case "card":
		r.Title, r.Children = c.s(), c.some(depth)
	case "details":
		r.Summary, r.Open, r.Children = c.s(), c.IntN(2) == 0, c.some(depth)
	}
	return r
}

// startedGuest is a guest that is called by its hooks.
type startedGuest struct{ m *runtime.Module }

func started(t *testing.T, module []byte) startedGuest {
	t.Helper()
	r, err := runtime.New(t.Context(), runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	m, err := r.Compile(t.Context(), module, runtime.Limits{Memory: 4 << 20, Time: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return startedGuest{m}
}

func (g startedGuest) call(t *testing.T, hook string, in any) (string, error) {
	t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := g.m.Call(t.Context(), runtime.Call{Hook: hook, In: raw, Key: "test"})
	return string(out), err
}

func (g startedGuest) same(t *testing.T, s *jsonschema.Resolved, r *recipe) {
	t.Helper()
	got, err := g.call(t, "build", map[string]any{"settings": r})
	if err != nil {
		t.Fatal(err)
	}
	node := build(r)
	want := string(display(t, node))
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("it builds\n%s\nand Go\n%s", got, want)
	}
	if node != nil {
		taken(t, s, []byte(got))
	}
}

// TestToldAndAnswered: what a slot's export is told is there, and what an action answers is what
// the library in Go answers.
func TestToldAndAnswered(t *testing.T) {
	person := map[string]any{"id": "p", "roles": []string{"learner", "staff"}, "name": "Ada", "email": "a@b", "username": "ada", "enrolled": map[string]any{"is_active": true, "mode": "audit"}}
	place := map[string]any{"slot": "s", "tenant": "t", "course": "c", "locale": "de", "trace": "x", "settings": map[string]any{"a": "set"}, "person": person}
	with := func(more map[string]any) map[string]any {
		m := maps.Clone(place)
		maps.Copy(m, more)
		return m
	}
	long := strings.Repeat("é😀", 300)
	for language, module := range probes(t) {
		t.Run(language, func(t *testing.T) {
			g := started(t, module)
			for _, tt := range []struct {
				name, hook string
				in         map[string]any
				want       string
				kind       trellis.Kind
			}{
				{"somebody", "place", place, `{"kind":"text","text":"s t c de x p Ada a@b ada staff in audit set"}`, ""},
				{"who may not be known", "place", with(map[string]any{"person": map[string]any{"id": "p", "roles": []string{"learner"}}, "course": ""}), `{"kind":"text","text":"s t  de x p    others out  set"}`, ""},
				{"nobody", "place", with(map[string]any{"person": nil}), `null`, ""},
				{"nobody at all", "place", map[string]any{}, `null`, ""},
				{"nowhere", "place", with(map[string]any{"slot": "nowhere"}), "", trellis.NotFound},
				{"a message", "act", with(map[string]any{"action": "say", "values": map[string]any{"say": "a\n\"b\""}}), `{"message":"a \"b\"","state":"ok"}`, ""},
				{"a long message", "act", with(map[string]any{"action": "muted", "values": map[string]any{"say": long}}), `{"message":"` + strings.Repeat("é😀", 249) + `é…","state":"info"}`, ""},
				{"a message that just fits", "act", with(map[string]any{"action": "say", "values": map[string]any{"say": strings.Repeat("é😀", 250)}}), `{"message":"` + strings.Repeat("é😀", 250) + `","state":"ok"}`, ""},
				{"a tree and a message", "act", with(map[string]any{"id": "i", "action": "show", "values": map[string]any{"say": "a"}}), `{"message":"a","state":"warn","tree":{"kind":"card","title":"i","children":[]}}`, ""},
				{"a text as a tree", "act", with(map[string]any{"action": "tree", "values": map[string]any{"say": "a"}}), `{"tree":{"kind":"text","text":"a"}}`, ""},
				{"a redirect", "act", with(map[string]any{"action": "away"}), `{"redirect":"/courses/c"}`, ""},
				{"nothing to say", "act", with(map[string]any{"action": "x"}), `{}`, ""},
				{"an error", "act", with(map[string]any{"action": "fail", "values": map[string]any{"say": "a"}}), "", trellis.Conflict},
			} {
				t.Run(tt.name, func(t *testing.T) {
					got, err := g.call(t, tt.hook, tt.in)
					if got != tt.want || trellis.KindOf(err) != tt.kind {
						t.Errorf("answers %s, %v, want %s, %q", got, err, tt.want, tt.kind)
					}
				})
			}
		})
	}
}
