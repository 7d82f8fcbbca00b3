package tree_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// formOf returns what a browser sends of the first form of a page.
func formOf(t testing.TB, page string) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	out := url.Values{}
	for n := range doc.Descendants() {
		has := map[string]string{}
		for _, a := range n.Attr {
			has[a.Key] = a.Val
		}
		_, checked := has["checked"]
		switch {
		case n.Data == "input" && (has["type"] != "checkbox" && has["type"] != "radio" || checked):
			out.Add(has["name"], has["value"])
		case n.Data == "textarea" && n.FirstChild != nil:
			out.Add(has["name"], strings.ReplaceAll(n.FirstChild.Data, "\n", "\r\n"))
		case n.Data == "textarea":
			out.Add(has["name"], "")
		case n.Data == "select":
			chosen := ""
			for o := range n.Descendants() {
				for _, a := range o.Attr {
					if a.Key == "selected" {
						chosen = o.Attr[1].Val // dir, value
					}
				}
			}
			out.Add(has["name"], chosen)
		}
	}
	return out
}

// corpus is every tree of the golden files.
func corpus(t testing.TB) (trees [][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		in, _, _ := bytes.Cut(raw, []byte("\n---\n"))
		trees = append(trees, in)
	}
	return trees
}

// TestRoundTrip: a tree is the same after its JSON was written and read, and fits
// the schema as it is written.
func TestRoundTrip(t *testing.T) {
	schema := resolved(t)
	taken := 0
	for _, in := range corpus(t) {
		n, err := tree.Decode(in)
		if err != nil {
			continue
		}
		taken++
		raw := again(t, n)
		if err := valid(t, schema, raw); err != nil {
			t.Errorf("the schema does not have %s: %v", raw, err)
		}
	}
	if taken < 12 {
		t.Errorf("only %d trees were taken", taken)
	}
}

// again wants of a tree that it is the same when it was written and read.
func again(t testing.TB, n tree.Node) []byte {
	t.Helper()
	raw, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	m, err := tree.Decode(raw)
	if err != nil {
		t.Fatalf("%v of what was written: %s", err, raw)
	}
	if a, b := rendered(t, n, options()), rendered(t, m, options()); a != b {
		t.Errorf("rendered\n%s\nafter a round trip\n%s", a, b)
	}
	if twice, err := json.Marshal(m); err != nil || !bytes.Equal(raw, twice) {
		t.Errorf("%s after a round trip is %s, %v", raw, twice, err)
	}
	return raw
}

// TestSchemaRefuses: what is wrong by the tables is wrong by the schema, too.
func TestSchemaRefuses(t *testing.T) {
	schema := resolved(t)
	for _, in := range []string{
		`{}`, `[]`, `"a"`, `{"kind":"html"}`, `{"kind":"card"}`, `{"kind":"card","children":[],"onclick":"x"}`, `{"kind":"card","children":[7]}`, `{"kind":"heading","text":"a","level":4}`,
		`{"kind":"text","text":"a","tone":"red"}`, `{"kind":"table","caption":"a","columns":[{"title":"a"}],"rows":[[{"kind":"card","children":[]}]]}`, `{"kind":"chart","type":"pie","title":"a","labels":[],"series":[{"name":"a","values":[]}]}`,
		`{"kind":"form","action":"a","submit":"b","fields":[{"type":"checkbox","name":"a","label":"b","min":1}]}`, `{"kind":"form","action":"a b","submit":"b","fields":[]}`, `{"kind":"button","text":"a","action":"b","values":{"__proto__":"c"}}`,
		`{"kind":"form","action":"a","submit":"b","fields":[{"type":"integer","name":"a","label":"b","default":"1"}]}`, `{"kind":"progress","label":"a","value":1,"max":0}`,
	} {
		if valid(t, schema, []byte(in)) == nil {
			t.Errorf("the schema has %s", in)
		}
		if _, err := tree.Decode([]byte(in)); err == nil {
			t.Errorf("Decode takes %s", in)
		}
	}
}

func TestPatch(t *testing.T) {
	const card = `{"kind":"card","title":"Today","children":["a",{"kind":"button","text":"b","action":"c","values":{"x":"1","y":"2"}}]}`
	for _, tt := range []struct{ name, tree, patch, want string }{
		{"nothing", card, `{}`, card},
		{"a title", card, `{"title":"Tomorrow"}`, `{"kind":"card","title":"Tomorrow","children":["a",{"kind":"button","text":"b","action":"c","values":{"x":"1","y":"2"}}]}`},
		{"no title", card, `{"title":null}`, `{"kind":"card","children":["a",{"kind":"button","text":"b","action":"c","values":{"x":"1","y":"2"}}]}`},
		{"what is not there, taken away", card, `{"other":null}`, card},
		{"an array is replaced", card, `{"children":["b"]}`, `{"kind":"card","title":"Today","children":["b"]}`},
		{"within", `{"kind":"button","text":"b","action":"c","values":{"x":"1","y":"2"}}`, `{"values":{"x":null,"z":"3"}}`, `{"kind":"button","text":"b","action":"c","values":{"y":"2","z":"3"}}`},
		{"another kind", card, `{"kind":"stack","title":null}`, `{"kind":"stack","children":["a",{"kind":"button","text":"b","action":"c","values":{"x":"1","y":"2"}}]}`},
		{"a text stays a node", `{"kind":"text","text":"a"}`, `{"tone":"warn"}`, `{"kind":"text","text":"a","tone":"warn"}`},
		{"a key that it does not have", card, `{"onclick":"x"}`, `/onclick: unknown key; a card has title, children`},
		{"a null within an array", card, `{"children":[null]}`, `/children/0: must be a node or a string, not null`},
		{"the kind taken away", card, `{"kind":null}`, `has no kind; it is one of stack, card, heading, text, list, table, badge, progress, image, chart, details, button, form`},
		{"an array as a patch", card, `["a"]`, `a patch is an object, not an array`},
		{"no JSON", card, `{`, `not JSON: it ends too early`},
		{"twice", card, `{"title":"a","title":"b"}`, `/title: stands here twice`},
		{"deep", card, strings.Repeat(`{"a":`, 10_000) + `1` + strings.Repeat(`}`, 10_000), `nested deeper than 112 arrays and objects`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := tree.Patch(decoded(t, tt.tree), []byte(tt.patch))
			got := ""
			if err != nil {
				got = err.Error()
				if trellis.KindOf(err) != trellis.Invalid {
					t.Errorf("kind %s", trellis.KindOf(err))
				}
			} else {
				got = string(again(t, n))
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// FuzzTree: whatever is taken for a tree becomes HTML that has only what it may
// have, and is the same after a round trip.
func FuzzTree(f *testing.F) {
	for _, in := range corpus(f) {
		f.Add(string(in))
	}
	f.Add(everyField)
	f.Add(`{"kind":"image","asset":"..logo/a..b/...png","alt":"","width":1,"height":1}`)
	schema := resolved(f)
	f.Fuzz(func(t *testing.T, in string) {
		n, err := tree.Decode([]byte(in))
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid || len(err.Error()) > 1000 {
				t.Errorf("%s: %d bytes: %.200v", trellis.KindOf(err), len(err.Error()), err)
			}
			return
		}
		sound(t, rendered(t, n, options()))
		if err := valid(t, schema, again(t, n)); err != nil {
			t.Errorf("the schema does not have %q: %v", in, err)
		}
		for _, a := range n.Actions() {
			if _, _, err := a.Read(url.Values{"csrf": {"x"}}); err != nil {
				t.Errorf("nothing entered: %v", err)
			}
		}
	})
}

// FuzzRead: what is read for an action is JSON of its fields, or a fault of one of
// them, or refused.
func FuzzRead(f *testing.F) {
	f.Add("f.name=Ada&f.count=7&f.agree=true&f.mood=good")
	f.Add("f.name=A%0ab&f.count=1e5&f.share=-0&f.day=tue&f.until=2026-02-29")
	f.Add("f.name=%ff&f.name=b&f.x=1&csrf=a")
	f.Add("f.count=0x1p-2&f.share=1_0&f.why=%00")
	action := decoded(f, everyField).Actions()[0]
	f.Fuzz(func(t *testing.T, query string) {
		sent, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		raw, faults, err := action.Read(sent)
		switch {
		case err != nil:
			if raw != nil || faults != nil || trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("read %s, %v, %v", raw, faults, err)
			}
		case faults != nil:
			for name, fault := range faults {
				if fault == "" || !strings.Contains(everyField, `"name":"`+name+`"`) {
					t.Errorf("a fault %q of %q", fault, name)
				}
			}
		default:
			var got struct {
				Poll, Name, Why  *string
				Share            *float64
				Count            *int64
				Agree, News      *bool
				Day, Mood, Until *string
			}
			if err := trellis.DecodeStrict(raw, &got); err != nil || got.Poll == nil || *got.Poll != `p"1` || got.Name == nil || *got.Name == "" || *got.Count < -3 || !*got.Agree || *got.Mood != "good" && *got.Mood != "bad" {
				t.Errorf("read %s, %v", raw, err)
			}
		}
	})
}

// card is a card of 2 KB, as they are.
const card = `{"kind":"card","title":"Enrolments today","children":[
	{"kind":"stack","direction":"row","children":[{"kind":"text","runs":[{"text":"12","style":"strong"}," new since midnight"]},{"kind":"badge","text":"Open","state":"ok"}]},
	{"kind":"chart","type":"bar","title":"Most came at nine","labels":["00","01","02","03","04","05","06","07","08","09","10","11"],"series":[{"name":"Enrolments","values":[0,0,0,0,0,0,1,1,2,5,2,1]}]},
	{"kind":"progress","label":"Seats taken","value":41,"max":60},
	{"kind":"list","items":["Ada Lovelace, at 09:12",{"kind":"text","runs":["Grace Hopper, at 09:14, from ",{"text":"the waiting list","link":"/courses/course-v1:Demo+A+1/waiting"}]},"Annie Easley, at 10:01"]},
	{"kind":"table","caption":"By mode","columns":[{"title":"Mode"},{"title":"People","align":"end"}],"rows":[["audit","8"],["verified","3"],["honor","1"]]},
	{"kind":"details","summary":"What is counted","children":["Everybody who was enrolled since midnight in the time zone of the course, and who has not left it again. Who comes back on the same day is counted once."]},
	{"kind":"form","action":"notify","submit":"Save","fields":[{"type":"checkbox","name":"mail","label":"Tell me by mail when the course is full","hint":"At most once a day."},{"type":"integer","name":"limit","label":"Full means","min":1,"max":1000,"default":60,"required":true},{"type":"select","name":"when","label":"At what time?","options":["morning",{"value":"noon","label":"At noon"},"evening"],"default":"noon"}]},
	{"kind":"button","text":"Count again","action":"recount","values":{"course":"course-v1:Demo+A+1"}}]}`

func BenchmarkDecode(b *testing.B) {
	raw := []byte(card)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tree.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	n := decoded(b, card)
	o := options()
	b.ReportAllocs()
	for b.Loop() {
		if err := tree.Render(io.Discard, n, o); err != nil {
			b.Fatal(err)
		}
	}
}
