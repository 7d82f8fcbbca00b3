package tree_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// decoded is a tree of a test.
func decoded(t testing.TB, raw string) tree.Node {
	t.Helper()
	n, err := tree.Decode([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const everyField = `{"kind":"form","action":"vote","values":{"poll":"p\"1"},"submit":"Send","fields":[
	{"type":"text","name":"name","label":"Name","required":true,"maxlength":5,"hint":"h","default":"d"},
	{"type":"textarea","name":"why","label":"Why"},
	{"type":"number","name":"share","label":"Share","min":0,"max":1.5},
	{"type":"integer","name":"count","label":"Count","required":true,"min":-3},
	{"type":"checkbox","name":"agree","label":"Agree","required":true,"default":true},
	{"type":"checkbox","name":"news","label":"News"},
	{"type":"select","name":"day","label":"Day","options":["mon",{"value":"tue","label":"Tuesday"}]},
	{"type":"radio","name":"mood","label":"Mood","required":true,"options":["good","bad"]},
	{"type":"date","name":"until","label":"Until","earliest":"2026-01-01","latest":"2026-12-31"}]}`

func TestActions(t *testing.T) {
	n := decoded(t, `{"kind":"stack","children":[
		{"kind":"list","items":[{"kind":"button","text":"a","action":"first"}]},
		{"kind":"table","caption":"c","columns":[{"title":"t"},{"title":"u"}],"rows":[["x",{"kind":"button","text":"a","action":"second","values":{"row":"1"}}],["y",{"kind":"button","text":"a","action":"second","values":{"row":"2"}}]]},
		{"kind":"details","summary":"s","children":[{"kind":"card","children":[`+everyField+`]}]}]}`)
	actions := n.Actions()
	var got []string
	for _, a := range actions {
		got = append(got, a.Export+a.Values["row"])
	}
	if want := []string{"first", "second1", "second2", "vote"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("actions %v, want %v", got, want)
	}
	if actions[1].Same(actions[2]) || !actions[1].Same(actions[1]) {
		t.Error("two rows of a table are the same action")
	}
	raw, err := json.Marshal(actions[3])
	if err != nil {
		t.Fatal(err)
	}
	var again tree.Action
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, actions[3]) {
		t.Errorf("through JSON an action is\n%+v, not\n%+v", again, actions[3])
	}
	if s := string(raw); strings.Contains(s, "hint") || strings.Contains(s, "default") || strings.Contains(s, "Tuesday") {
		t.Errorf("an action has more than is needed to read it: %s", s)
	}
	for _, bad := range []string{`{"export":"a","fields":[{"type":"file","name":"a","label":"b"}]}`, `{"export":"a","fields":[{"type":"text","name":"a","label":"b","x":1}]}`, `{"export":"a","fields":[{"type":"select","name":"a","label":"b","options":[]}]}`} {
		if err := json.Unmarshal([]byte(bad), &again); err == nil {
			t.Errorf("%s is taken for an action", bad)
		}
	}
}

func TestRead(t *testing.T) {
	action := decoded(t, everyField).Actions()[0]
	sent := func(change ...string) url.Values {
		v := url.Values{"csrf": {"t"}, "_hook": {"h"}, "f.name": {"Ada"}, "f.why": {""}, "f.share": {""}, "f.count": {"7"}, "f.agree": {"true"}, "f.day": {""}, "f.mood": {"good"}, "f.until": {""}}
		for i := 0; i < len(change); i += 2 {
			v.Set("f."+change[i], change[i+1])
		}
		return v
	}
	without := func(key string) url.Values {
		v := sent()
		v.Del("f." + key)
		return v
	}
	const most = "Enter a whole number, -3 or more."
	for _, tt := range []struct {
		name   string
		sent   url.Values
		want   string            // JSON
		faults map[string]string // or these
	}{
		{"only what must be", sent(), `{"poll":"p\"1","name":"Ada","why":"","share":null,"count":7,"agree":true,"news":false,"day":null,"mood":"good","until":null}`, nil},
		{"everything", sent("why", "a\r\nb <\"\u202e", "share", " 1.50 ", "count", "-3", "news", "true", "day", "tue", "mood", "bad", "until", "2026-06-30"),
			`{"poll":"p\"1","name":"Ada","why":"a\nb <\"` + "\u202e" + `","share":1.5,"count":-3,"agree":true,"news":true,"day":"tue","mood":"bad","until":"2026-06-30"}`, nil},
		{"the bounds", sent("name", "ÄÖÜäö", "share", "0", "until", "2026-12-31"), `{"poll":"p\"1","name":"ÄÖÜäö","why":"","share":0,"count":7,"agree":true,"news":false,"day":null,"mood":"good","until":"2026-12-31"}`, nil},
		{"nothing", url.Values{}, "", map[string]string{"name": "Fill this in.", "count": most, "agree": "Tick this box.", "mood": "Choose one."}},
		{"spaces", sent("name", " \t\u200b"), "", map[string]string{"name": "Fill this in."}},
		{"too long", sent("name", "Adaada"), "", map[string]string{"name": "Shorten this to 5 characters. It has 6."}},
		{"far too long", sent("why", strings.Repeat("a", tree.MaxEntered+1)), "", map[string]string{"why": "Shorten this to 16384 characters. It has 16385."}},
		{"two lines", sent("name", "A\nb"), "", map[string]string{"name": "Write this in one line."}},
		{"above", sent("share", "1.6"), "", map[string]string{"share": "Enter a number from 0 to 1.5."}},
		{"a comma", sent("share", "1,5"), "", map[string]string{"share": "Enter a number from 0 to 1.5."}},
		{"no number", sent("count", "many"), "", map[string]string{"count": most}},
		{"NaN", sent("share", "NaN"), "", map[string]string{"share": "Enter a number from 0 to 1.5."}},
		{"hexadecimal", sent("count", "0x10"), "", map[string]string{"count": most}},
		{"underscores", sent("count", "1_0"), "", map[string]string{"count": most}},
		{"infinite", sent("count", "Infinity"), "", map[string]string{"count": most}},
		{"huge", sent("count", "1e300"), "", map[string]string{"count": most}},
		{"half", sent("count", "1.5"), "", map[string]string{"count": most}},
		{"below", sent("count", "-4"), "", map[string]string{"count": most}},
		{"not ticked", without("agree"), "", map[string]string{"agree": "Tick this box."}},
		{"ticked with something", sent("agree", "on"), "", map[string]string{"agree": "Tick this box."}},
		{"not offered", sent("mood", "Good"), "", map[string]string{"mood": "Choose one."}},
		{"a label, not a value", sent("day", "Tuesday"), "", map[string]string{"day": "Choose one."}},
		{"a day that is none", sent("until", "2026-02-30"), "", map[string]string{"until": "Enter a day from 2026-01-01 to 2026-12-31."}},
		{"a day too late", sent("until", "2027-01-01"), "", map[string]string{"until": "Enter a day from 2026-01-01 to 2026-12-31."}},
		{"a day in letters", sent("until", "tomorrow"), "", map[string]string{"until": "Enter a day from 2026-01-01 to 2026-12-31."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw, faults, err := action.Read(tt.sent)
			if err != nil || string(raw) != tt.want || !maps.Equal(faults, tt.faults) {
				t.Errorf("read %s, %v, %v\nwant %s, %v", raw, faults, err, tt.want, tt.faults)
			}
		})
	}
	twice := sent()
	twice.Add("f.name", "Eve")
	for name, v := range map[string]url.Values{
		"a field that is not there": sent("admin", "true"), "a fixed value": sent("poll", "p2"), "twice": twice,
		"no UTF-8": sent("name", "\xff"), "NUL": sent("why", "a\x00b"), "the prefix alone": sent("", "x"),
	} {
		if raw, faults, err := action.Read(v); trellis.KindOf(err) != trellis.Invalid || raw != nil || faults != nil {
			t.Errorf("%s: read %s, %v, %v", name, raw, faults, err)
		}
	}
}

// TestReadOfAButton: a button has its values and nothing else.
func TestReadOfAButton(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{"kind":"button","text":"a","action":"b"}`, `{}`},
		{`{"kind":"button","text":"a","action":"b","values":{"z":"1","a":"<"}}`, `{"a":"<","z":"1"}`},
	} {
		raw, _, err := decoded(t, tt.in).Actions()[0].Read(url.Values{"csrf": {"x"}})
		if err != nil || string(raw) != tt.want {
			t.Errorf("read %s, %v, want %s", raw, err, tt.want)
		}
	}
}

// TestRenderedIsRead: what a form is shown with, sent back as it is, is read.
func TestRenderedIsRead(t *testing.T) {
	n := decoded(t, strings.ReplaceAll(everyField, `"label":"Count"`, `"label":"Count","default":4`))
	o := options()
	o.Sent = nil
	sent := formOf(t, rendered(t, n, o))
	raw, faults, err := n.Actions()[0].Read(sent)
	if err != nil || faults["mood"] == "" || len(faults) != 1 { // nothing was chosen yet
		t.Fatalf("read %s, %v, %v of %v", raw, faults, err, sent)
	}
	sent.Set("f.mood", "bad")
	want := `{"poll":"p\"1","name":"d","why":"","share":null,"count":4,"agree":true,"news":false,"day":null,"mood":"bad","until":null}`
	if raw, faults, err = n.Actions()[0].Read(sent); err != nil || string(raw) != want {
		t.Errorf("read %s, %v, %v, want %s", raw, faults, err, want)
	}
}
