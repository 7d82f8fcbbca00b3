//go:build !wasip1

package guest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi/guest"
)

// schema is that of a tree.
func schema(t testing.TB) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(tree.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// display is what a slot answers that shows n.
func display(t testing.TB, n guest.Node) []byte {
	t.Helper()
	out, failed := guest.Display([]byte(`{"slot":"course.sidebar.v1"}`), func(guest.Place) (guest.Node, error) { return n, nil })
	if failed {
		t.Fatalf("the slot failed: %s", out)
	}
	return out
}

// taken wants of a tree that the platform takes it, and that its schema has it.
func taken(t testing.TB, s *jsonschema.Resolved, raw []byte) {
	t.Helper()
	if _, err := tree.Decode(raw); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
}

func TestNodes(t *testing.T) {
	s := schema(t)
	yes := []guest.Option{{Value: "y", Label: "Yes"}, {Value: "n"}}
	for _, tt := range []struct {
		name string
		node guest.Node
		want string
	}{
		{"a text", guest.Text("a \"b\"\n<c>\x01\xff"), `{"kind":"text","text":"a \"b\"\u000a<c>\u0001` + "\ufffd" + `"}`},
		{"parts", guest.Text("Today: ", guest.Bold("12"), guest.Plain(", "), guest.Emphasis("e"), guest.Code("c"), guest.Link("all", "/courses")).Tone(guest.Warn),
			`{"kind":"text","runs":["Today: ",{"text":"12","style":"strong"},", ",{"text":"e","style":"em"},{"text":"c","style":"code"},{"text":"all","link":"/courses"}],"tone":"warn"}`},
		{"a tone that no text has", guest.Text("a").Tone(guest.Info), `{"kind":"text","text":"a"}`},
		{"a link to nowhere", guest.Text("", guest.Link("a", "javascript:alert(1)"), guest.Link(" ", "/a")), `{"kind":"text","runs":["a"," "]}`},
		{"a card", guest.Card("Today", guest.Text("a"), nil, guest.Heading(7, " "), guest.Badge("", guest.Muted)), `{"kind":"card","title":"Today","children":["a",{"kind":"heading","level":3,"text":"–"},{"kind":"badge","text":"–","state":"off"}]}`},
		{"boxes", guest.Stack(guest.Row(guest.Text("a"), guest.Text("b")).Tight(), guest.Stack().Wide()), `{"kind":"stack","children":[{"kind":"stack","direction":"row","gap":"small","children":["a","b"]},{"kind":"stack","gap":"large","children":[]}]}`},
		{"lists", guest.List(guest.Text("a"), guest.Numbered(guest.Text("b").Tone(guest.Muted))), `{"kind":"list","items":["a",{"kind":"list","ordered":true,"items":[{"kind":"text","text":"b","tone":"muted"}]}]}`},
		{"a table", guest.Table("People", guest.Column{Title: "Name"}, guest.Column{Title: "Points", Number: true}).Row(guest.Text("Ada"), guest.Badge("On", guest.OK)).Row(guest.Text("Bob")).Row(guest.Text("x"), nil, guest.Text("too much")),
			`{"kind":"table","caption":"People","columns":[{"title":"Name"},{"title":"Points","align":"end"}],"rows":[["Ada",{"kind":"badge","text":"On","state":"ok"}],["Bob",""],["x",""]]}`},
		{"a table of nothing", guest.Table(""), `{"kind":"table","caption":"–","columns":[{"title":""}],"rows":[]}`},
		{"progress", guest.Stack(guest.Progress("a", 1, 4), guest.Progress("b", 0, 0), guest.Progress("c", math.NaN(), math.Inf(1))),
			`{"kind":"stack","children":[{"kind":"progress","label":"a","value":1,"max":4},{"kind":"progress","label":"b","value":0,"max":1},{"kind":"progress","label":"c","value":0,"max":1000000000000000}]}`},
		{"an image", guest.Image("logo.png", "", 0, 9999), `{"kind":"image","asset":"logo.png","alt":"","width":1,"height":4096}`},
		{"a chart", guest.Bars("Most on Monday.", "Enrolments", []string{"Mon", "Tue", "Wed"}, []float64{1, math.NaN()}), `{"kind":"chart","type":"bar","title":"Most on Monday.","labels":["Mon","Tue","Wed"],"series":[{"name":"Enrolments","values":[1,0,0]}]}`},
		{"a chart of nothing", guest.Chart{Line: true}, `{"kind":"chart","type":"line","title":"–","labels":[],"series":[{"name":"–","values":[]}]}`},
		{"details", guest.Details("More", guest.Text("a")).Opened(), `{"kind":"details","summary":"More","open":true,"children":["a"]}`},
		{"a button", guest.Button("Go", "go").With("b", "2").With("a", "1").Danger(), `{"kind":"button","text":"Go","action":"go","values":{"a":"1","b":"2"},"style":"danger"}`},
		{"a form", guest.Form("vote",
			guest.TextField("a", "A").Hint("h").Required().MaxLength(20).Value("v"), guest.TextArea("b", "B"),
			guest.NumberField("c", "C").Between(1, -1).Value("0.5"), guest.IntegerField("d", "D").Between(.5, 3).Value("9"),
			guest.Checkbox("e", "E").Value("true"), guest.Checkbox("f", "F").Required(),
			guest.Select("g", "G", yes...).Value("n"), guest.Radio("h", "H", yes...).Value("?"),
			guest.DateField("i", "I").Days("2026-12-31", "2026-01-01").Value("2026-02-30"), guest.TextField("a", "again"), guest.TextField("poll", "fixed"),
		).With("poll", "1").Submit("Vote").Primary(),
			`{"kind":"form","action":"vote","values":{"poll":"1"},"style":"primary","fields":[{"type":"text","name":"a","label":"A","hint":"h","required":true,"maxlength":20,"default":"v"},{"type":"textarea","name":"b","label":"B"},` +
				`{"type":"number","name":"c","label":"C","min":-1,"max":1,"default":0.5},{"type":"integer","name":"d","label":"D","min":1,"max":3},{"type":"checkbox","name":"e","label":"E","default":true},{"type":"checkbox","name":"f","label":"F","required":true},` +
				`{"type":"select","name":"g","label":"G","options":[{"value":"y","label":"Yes"},"n"],"default":"n"},{"type":"radio","name":"h","label":"H","options":[{"value":"y","label":"Yes"},"n"]},` +
				`{"type":"date","name":"i","label":"I","earliest":"2026-01-01","latest":"2026-12-31"}],"submit":"Vote"}`},
		{"a choice of nothing", guest.Form("a", guest.Radio("b", "c", guest.Option{}, guest.Option{Label: "x"})), `{"kind":"form","action":"a","fields":[{"type":"radio","name":"b","label":"c","options":["–"]}],"submit":"Send"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := display(t, tt.node)
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			taken(t, s, got)
		})
	}
	if got := display(t, nil); string(got) != "null" {
		t.Errorf("nothing is shown as %s", got)
	}
}

// TestLinks: a link that the library lets pass is one that the platform takes.
func TestLinks(t *testing.T) {
	for _, tt := range []struct {
		link string
		want bool // it is a link
	}{
		{"https://example.org/a?b=c#d", true}, {"http://example.org:8080", true}, {"mailto:ada+b@example.org?subject=x", true}, {"/courses/course-v1:A+B+C", true}, {"/kurse/ü", true}, {"/", true},
		{"", false}, {"javascript:alert(1)", false}, {" /a", false}, {"//evil.example", false}, {"/\\evil.example", false}, {"/a/../../b", false}, {"/%2e%2e/b", false}, {"/%2f/b", false}, {"/a%0ab", false}, {"/a%5cb", false}, {"/a\u202eb", false},
		{"https://a@b.example", false}, {"https:b.example", false}, {"https://", false}, {"https://exämple.org", false}, {"ftp://example.org", false}, {"mailto:a", false}, {"mailto:a@b@c", false}, {"courses", false}, {"https://example.org/%zz", false},
		{"/" + strings.Repeat("a", 2000), false},
	} {
		raw := display(t, guest.Text("", guest.Link("a", tt.link)))
		if got := strings.Contains(string(raw), `"link"`); got != tt.want {
			t.Errorf("%.60q: a link is %v, want %v", tt.link, got, tt.want)
		}
		if _, err := tree.Decode(raw); err != nil {
			t.Errorf("%.60q: %v", tt.link, err)
		}
	}
}

// TestWhateverIsBuilt is taken, whoever fills it in.
func TestWhateverIsBuilt(t *testing.T) {
	s := schema(t)
	for seed := range uint64(150) {
		b := builder{rand.New(rand.NewPCG(seed, 4))}
		raw := display(t, guest.Stack(b.nodes(0)...))
		taken(t, s, raw)
	}
}

// builder builds trees from whatever there is.
type builder struct{ *rand.Rand }

func (b builder) s() string {
	return []string{"", " ", "a", "<b>", "\x00\x1f\u202e", "\xff\xfe", `"\`, "/courses", "javascript:alert(1)", "https://example.org/<>", strings.Repeat("ä", 300), "2026-01-31", "true", "1e9"}[b.IntN(14)]
}

func (b builder) x() float64 {
	return []float64{0, -1, .5, 1e300, -1e300, math.NaN(), math.Inf(1), math.Inf(-1), b.NormFloat64() * 1e6, 1e-300}[b.IntN(10)]
}

func (b builder) tone() guest.Tone {
	return []guest.Tone{guest.Neutral, guest.OK, guest.Warn, guest.Bad, guest.Info, guest.Muted}[b.IntN(6)]
}

func (b builder) nodes(depth int) (nodes []guest.Node) {
	for range b.IntN(5) {
		nodes = append(nodes, b.node(depth+1))
	}
	return nodes
}

func (b builder) cell() guest.Cell {
	switch b.IntN(5) {
	case 0:
		return guest.Badge(b.s(), b.tone())
	case 1:
		return guest.Progress(b.s(), b.x(), b.x())
	case 2:
		return guest.Image("a.png", b.s(), b.IntN(9)-3, b.IntN(9000))
	case 3:
		return guest.Button(b.s(), "go").With("key", "a")
	}
	return guest.Text(b.s(), guest.Bold(b.s()), guest.Link(b.s(), b.s())).Tone(b.tone())
}

func (b builder) node(depth int) guest.Node {
	if depth > 6 {
		return b.cell()
	}
	switch b.IntN(10) {
	case 0:
		return guest.Card(b.s(), b.nodes(depth)...)
	case 1:
		return guest.Row(b.nodes(depth)...)
	case 2:
		return guest.Heading(b.IntN(9)-3, b.s())
	case 3:
		return guest.Numbered(b.nodes(depth)...)
	case 4:
		n := guest.Table(b.s(), make([]guest.Column, b.IntN(30))...)
		for range b.IntN(4) {
			n = n.Row(b.cell(), nil, b.cell())
		}
		return n
	case 5:
		c := guest.Chart{Title: b.s(), Labels: make([]string, b.IntN(300)), Line: b.IntN(2) == 0}
		for range b.IntN(5) {
			c.Series = append(c.Series, guest.Series{Name: b.s(), Values: []float64{b.x(), b.x()}})
		}
		if b.IntN(3) > 0 {
			return b.cell() // there may be twelve charts
		}
		return c
	case 6:
		return guest.Details(b.s(), b.nodes(depth)...)
	case 7:
		o := guest.Option{Value: "v", Label: b.s()}
		return guest.Form("go", guest.TextField("a", b.s()).MaxLength(b.IntN(1<<20)-9).Value(b.s()), guest.NumberField("b", b.s()).Between(b.x(), b.x()).Value(b.s()), guest.IntegerField("c", b.s()).Between(b.x(), b.x()).Value(b.s()),
			guest.Checkbox("d", b.s()).Value(b.s()), guest.Radio("e", b.s(), o, guest.Option{}, o).Value(b.s()), guest.DateField("f", b.s()).Days(b.s(), b.s()).Value(b.s()), guest.TextField("a", b.s()))
	}
	return b.cell()
}

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reply guest.Reply
		err   error
		want  string
	}{
		{"nothing", guest.Reply{}, nil, `{}`},
		{"a tree", guest.Show(guest.Text("a")), nil, `{"tree":{"kind":"text","text":"a"}}`},
		{"a message", guest.Say("Saved.", guest.Neutral), nil, `{"message":"Saved.","state":"ok"}`},
		{"both", guest.Show(guest.Card("a")).Say("Late\nagain", guest.Warn), nil, `{"message":"Late again","state":"warn","tree":{"kind":"card","title":"a","children":[]}}`},
		{"a message of no tone", guest.Say("a", guest.Muted), nil, `{"message":"a","state":"info"}`},
		{"no message", guest.Say("", guest.Bad), nil, `{}`},
		{"a long one", guest.Say(strings.Repeat("ä", 600), guest.Info), nil, `{"message":"` + strings.Repeat("ä", 499) + `…","state":"info"}`},
		{"elsewhere", guest.Redirect("/courses"), nil, `{"redirect":"/courses"}`},
		{"an error", guest.Reply{}, &guest.Error{Kind: guest.Conflict, Message: "again"}, `{"kind":"conflict","message":"again"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, failed := guest.Perform([]byte(`{"values":{}}`), func(guest.Act) (guest.Reply, error) { return tt.reply, tt.err })
			if string(out) != tt.want || failed != (tt.err != nil) {
				t.Errorf("answer %s, %v, want %s", out, failed, tt.want)
			}
		})
	}
}

// TestPlaces: the functions are given what the platform says.
func TestPlaces(t *testing.T) {
	const in = `{"slot":"s","tenant":"t","course":"c","person":{"id":"p","roles":["learner"],"name":"Ada","enrolled":{"is_active":true,"mode":"audit"}},"settings":{"n":3},"locale":"en","trace":"f","time":"2026-05-03T14:02:10Z","id":"i","action":"vote","values":{"mood":"good","n":null},"later":1}`
	out, failed := guest.Display([]byte(in), func(p guest.Place) (guest.Node, error) {
		var settings struct{ N int }
		err := p.Configure(&settings)
		return guest.Text(fmt.Sprint(p.Slot, p.Tenant, p.Course, p.Person.ID, p.Person.Name, *p.Person.Enrolled, p.Person.In(), p.Locale, p.Trace, p.Time.Minute(), settings, p.Person.Has("staff", "learner"))), err
	})
	if want := `{"kind":"text","text":"stcpAda{true audit} trueenf2 {3} true"}`; failed || string(out) != want {
		t.Errorf("answer %s, want %s", out, want)
	}
	out, failed = guest.Perform([]byte(in), func(a guest.Act) (guest.Reply, error) {
		var values struct {
			Mood string
			N    *int
		}
		err := a.Decode(&values)
		return guest.Say(fmt.Sprint(a.ID, a.Action, a.Course, values), guest.OK), err
	})
	if want := `{"message":"ivotec{good <nil>}","state":"ok"}`; failed || string(out) != want {
		t.Errorf("answer %s, want %s", out, want)
	}
	nobody := guest.Place{}
	if nobody.Person.In() {
		t.Error("nobody is enrolled")
	}
	if nobody.Person.Has("learner") {
		t.Error("nobody has a role")
	}
	for _, tt := range []struct{ in, want string }{
		{`{`, `{"kind":"invalid","message":"the place is not JSON: unexpected end of JSON input"}`},
		{`{}`, `{"kind":"internal","message":"no"}`},
	} {
		out, failed = guest.Display([]byte(tt.in), func(guest.Place) (guest.Node, error) { return guest.Text("a"), errors.New("no") })
		if !failed || string(out) != tt.want {
			t.Errorf("%s: answer %s, %v", tt.in, out, failed)
		}
	}
}
