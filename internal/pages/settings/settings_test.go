package settings

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/bundle"
)

// send is what a browser sends of a form that nobody has changed.
func send(list []Field) url.Values {
	sent := url.Values{}
	for _, f := range list {
		switch f.Kind {
		case groupKind:
			for name, values := range send(f.Parts) {
				sent[name] = values
			}
		case checkKind:
			if f.Checked {
				sent.Set(f.Name, "on")
			}
		case radioKind, selectKind:
			for _, o := range f.Options {
				if o.Selected {
					sent.Set(f.Name, o.Value)
				}
			}
		default:
			sent.Set(f.Name, strings.ReplaceAll(f.Value, "\n", "\r\n"))
		}
	}
	return sent
}

// at finds a field by its pointer.
func at(t *testing.T, list []Field, pointer string) Field {
	t.Helper()
	for _, f := range list {
		if f.Pointer == pointer {
			return f
		}
		if strings.HasPrefix(pointer, f.Pointer+"/") && f.Kind == groupKind {
			return at(t, f.Parts, pointer)
		}
	}
	t.Fatalf("there is no field of %s", pointer)
	return Field{}
}

const everything = `{"type":"object","required":["start"],"properties":{
	"grace_days":{"type":"integer","title":"Grace days","default":2,"minimum":0,"maximum":30},
	"start":{"type":"string","format":"date"},
	"colour":{"type":"string","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}],"default":"r"},
	"size":{"type":"integer","enum":[1,2,3,4,5,6]},
	"mail":{"type":"object","title":"Mail","properties":{"from":{"type":"string","format":"email"},"on":{"type":"boolean","default":true}}},
	"text":{"type":"string","maxLength":500},
	"blocked":{"type":"array","items":{"type":"integer"}},
	"words":{"type":"array","items":{"type":"string"},"default":["a","b"]},
	"names":{"type":"object","additionalProperties":{"type":"integer"}},
	"rate":{"type":"number"},
	"rules":{"type":"array","items":{"type":"object","properties":{"a":{"type":"string"}}}}}}`

// TestDrawSettings: each kind of setting has its field, in the order of the schema.
func TestDrawSettings(t *testing.T) {
	s, err := Parse(json.RawMessage(everything))
	if err != nil {
		t.Fatal(err)
	}
	list := Draw(s, json.RawMessage(`{"grace_days":3,"blocked":[7,9],"names":{"b":2,"a":1},"mail":{"on":false},"rules":[{"a":"x"}],"colour":"g","size":2,"text":"two\nlines"}`),
		json.RawMessage(`{"grace_days":2,"colour":"r","words":["c"]}`))
	for _, tt := range []struct{ pointer, kind, value, usual, hint string }{
		{"/grace_days", wholeKind, "3", "Default: 2", "0 to 30."},
		{"/start", textKind, "", "", ""},
		{"/colour", radioKind, "", "Default: Red", ""},
		{"/size", selectKind, "", "", ""},
		{"/mail/from", textKind, "", "", ""},
		{"/mail/on", checkKind, "", "", ""},
		{"/text", longKind, "two\nlines", "", ""},
		{"/blocked", listKind, "7\n9", "", "One per line."},
		{"/words", listKind, "", "Set for the whole school: c", "One per line."},
		{"/names", mapKind, "a=1\nb=2", "", "One per line, as name=value."},
		{"/rate", numberKind, "", "", ""},
		{"/rules", jsonKind, "[\n  {\n    \"a\": \"x\"\n  }\n]", "", "In JSON."},
	} {
		f := at(t, list, tt.pointer)
		if f.Kind != tt.kind || f.Value != tt.value || f.Usual != tt.usual || f.Hint != tt.hint {
			t.Errorf("%s: %s %q, %q, %q; want %s %q, %q, %q", tt.pointer, f.Kind, f.Value, f.Usual, f.Hint, tt.kind, tt.value, tt.usual, tt.hint)
		}
	}
	for _, raw := range []string{`"default":["x"],`, ""} {
		s, err := Parse(json.RawMessage(`{"type":"object","required":["must"],"properties":{"must":{"type":"array",` + raw + `"description":"One in each line.","items":{"type":"string"}},"may":{"type":"string"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		list := Draw(s, nil, nil)
		if must, may := at(t, list, "/must"), at(t, list, "/may"); must.Optional || !may.Optional || must.Hint != "One in each line." {
			t.Errorf("required %+v, not required %+v", must, may)
		}
	}
	if f := at(t, list, "/start"); f.Type != "date" || !f.Required {
		t.Errorf("start: %+v", f)
	}
	if f := at(t, list, "/colour"); len(f.Options) != 2 || f.Options[1].Label != "Green" || !f.Options[1].Selected {
		t.Errorf("colour: %+v", f.Options)
	}
	if f := at(t, list, "/grace_days"); f.Label != "Grace days" || f.Mode != "numeric" {
		t.Errorf("grace days: %+v", f)
	}
}

// TestReadSettings: what was entered becomes settings, or a fault at its field.
func TestReadSettings(t *testing.T) {
	s, err := Parse(json.RawMessage(everything))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		sent url.Values
		want string // settings, or the fault
	}{
		{"nothing", url.Values{}, `{}`},
		{"a number with space and zeros", url.Values{"s.0": {" 007 "}}, `{"grace_days":7}`},
		{"no number", url.Values{"s.0": {"two"}}, "s-0: Grace days must be a whole number."},
		{"a fraction", url.Values{"s.0": {"1.5"}}, "s-0: Grace days must be a whole number."},
		{"a choice", url.Values{"s.2": {"1"}}, `{"colour":"g"}`},
		{"no such choice", url.Values{"s.2": {"2"}}, "s-2: Colour must be one of those offered."},
		{"a group", url.Values{"s.4.0": {" a@b.example "}}, `{"mail":{"from":"a@b.example","on":false}}`},
		{"lines", url.Values{"s.6": {"1\r\n\r\n 2 \r\n"}}, `{"blocked":[1,2]}`},
		{"a line that is no number", url.Values{"s.6": {"1\r\nx"}}, "s-6: Blocked, entry 2, must be a whole number."},
		{"pairs", url.Values{"s.8": {"a=1\r\nb = 2"}}, `{"names":{"a":1,"b":2}}`},
		{"no pair", url.Values{"s.8": {"a"}}, "s-8: Names, line 1, must be name=value."},
		{"a pair twice", url.Values{"s.8": {"a=1\na=2"}}, `s-8: Names has the name "a" twice.`},
		{"decimals", url.Values{"s.9": {".5"}}, `{"rate":0.5}`},
		{"a comma", url.Values{"s.9": {"1,5"}}, "s-9: Rate must be a number, such as 1.5."},
		{"JSON", url.Values{"s.10.json": {`[{"a":"x"}]`}}, `{"rules":[{"a":"x"}]}`},
		{"JSON and more", url.Values{"s.10.json": {`[] []`}}, `s-10: Rules must be JSON, such as ["one", "two"].`},
		{"what nobody asked for", url.Values{"s.99": {"x"}, "csrf": {"y"}}, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw, faults := Read(s, tt.sent, nil)
			got := string(raw)
			if len(faults) > 0 {
				got = faults[0].Field + ": " + faults[0].Text
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestChanged: what equals the default or the tenant's stays unset.
func TestChanged(t *testing.T) {
	for _, tt := range []struct {
		name, values, base string
		patch              bool
		want               string
	}{
		{"the same", `{"a":1,"b":"x"}`, `{"a":1,"b":"x"}`, false, `{}`},
		{"another", `{"a":2,"b":"x"}`, `{"a":1,"b":"x"}`, false, `{"a":2}`},
		{"left empty", `{}`, `{"a":1}`, false, `{}`},
		{"left empty in a course", `{}`, `{"a":1}`, true, `{"a":null}`},
		{"a group in a course", `{"m":{"x":1}}`, `{"m":{"x":1,"y":2}}`, true, `{"m":{"x":1,"y":null}}`},
		{"a box that is not ticked", `{"on":false}`, `{}`, false, `{}`},
		{"a box that is no longer ticked", `{"on":false}`, `{"on":true}`, false, `{"on":false}`},
	} {
		if got := Changed(json.RawMessage(tt.values), json.RawMessage(tt.base), tt.patch); string(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestBlame: a fault stands at the deepest field that it is of, and in the summary
// in the order of the form.
func TestBlame(t *testing.T) {
	s, err := Parse(json.RawMessage(everything))
	if err != nil {
		t.Fatal(err)
	}
	list := Draw(s, nil, nil)
	got := Blame(list, []Fault{{"s-9", "Rate must be a number, such as 1.5."}}, bundle.Faults{
		{Path: "/blocked/1", Message: "Blocked, entry 2, must be a whole number."}, {Path: "/mail/from", Message: "From must be an email address."}, {Path: "/nowhere", Message: "There is no setting."},
	})
	want := []Fault{{"s-4-0", "From must be an email address."}, {"s-6", "Blocked, entry 2, must be a whole number."}, {"s-9", "Rate must be a number, such as 1.5."}, {"", "There is no setting."}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("fault %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if at(t, list, "/mail/from").Error == "" {
		t.Error("the field itself does not say it")
	}
}

// FuzzSettings: whatever the schema, the settings and the form are, nothing panics;
// and settings that fit come back from their form as they were.
func FuzzSettings(f *testing.F) {
	f.Add(everything, `{"start":"2026-05-03","grace_days":3,"blocked":[1],"names":{"a":1},"mail":{"from":"a@b.example"},"text":"a\nb","rules":[{}]}`, "s.0=x&s.2=1")
	f.Add(`{"type":"object","properties":{"":{"type":"string"},"<b>":{"type":"object","additionalProperties":{"type":"string"}}}}`, `{"<b>":{"a=b":"c"}}`, "s.0=%00")
	f.Add(`{"type":"object","properties":{"n":{"type":"number"},"l":{"type":"array","items":{"type":"string"}}}}`, `{"n":1e300,"l":["","\r"]}`, "")
	f.Fuzz(func(t *testing.T, rawSchema, values, form string) {
		s, err := Parse(json.RawMessage(rawSchema))
		if err != nil {
			return
		}
		settings, err := bundle.ParseSettings(json.RawMessage(rawSchema))
		if err != nil {
			t.Fatal(err)
		}
		base, err := settings.Complete(nil)
		if err != nil {
			base = settings.Defaults(json.RawMessage("{}"))
		}
		sent, _ := url.ParseQuery(form)
		raw, faults := Read(s, sent, base)
		list := Draw(s, raw, base)
		Enter(list, sent)
		Blame(list, faults, nil)
		Changed(raw, base, true)

		complete, err := settings.Complete(json.RawMessage(values))
		if err != nil {
			Draw(s, json.RawMessage(values), base)
			return
		}
		again, faults := Read(s, send(Draw(s, complete, base)), base)
		if len(faults) > 0 {
			t.Fatalf("%s came back with faults: %+v", complete, faults)
		}
		back, err := settings.Complete(Changed(again, base, false))
		if err != nil {
			t.Fatalf("%s came back as %s: %v", complete, again, err)
		}
		if x, y := bare(decode(complete)), bare(decode(back)); !same(x, y) {
			t.Fatalf("%s came back as %s", complete, back)
		}
	})
}

// bare leaves out of settings what no form tells apart from what is absent: empty
// texts, lists and groups, and boxes that are not ticked.
func bare(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for name, part := range object {
		switch p := bare(part).(type) {
		case nil:
		case string:
			if p != "" {
				out[name] = p
			}
		case bool:
			if p {
				out[name] = p
			}
		case []any:
			if len(p) > 0 {
				out[name] = p
			}
		case map[string]any:
			if len(p) > 0 {
				out[name] = p
			}
		default:
			out[name] = p
		}
	}
	return out
}
