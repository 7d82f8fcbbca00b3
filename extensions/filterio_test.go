package extensions_test

import (
	"encoding/json"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

// TestPatch has the table of RFC 7396, appendix A, as far as documents are objects.
func TestPatch(t *testing.T) {
	for _, tt := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`}, {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`}, {`{"n":12345678901234567890}`, `{}`, `{"n":12345678901234567890}`},
	} {
		got, err := extensions.Patch([]byte(tt[0]), []byte(tt[1]), nil)
		if err != nil || string(got) != tt[2] {
			t.Errorf("%s with %s: %s, %v, want %s", tt[0], tt[1], got, err, tt[2])
		}
	}
	hidden := []trellis.PersonalField{{Path: []string{"user", "pii", "name"}, Class: "name"}}
	for patch, want := range map[string]trellis.Kind{
		`{"mode":"x"}`: "", `{"user":{"id":"x"}}`: "", `{"user":{"pii":{"name":"x"}}}`: trellis.Invalid, `{"user":{"pii":null}}`: trellis.Invalid,
		`{"user":1}`: trellis.Invalid, `[]`: trellis.Invalid, `x`: trellis.Invalid,
	} {
		if _, err := extensions.Patch([]byte(`{"user":{"id":"1","pii":{"name":"Ada"}}}`), []byte(patch), hidden); trellis.KindOf(err) != want {
			t.Errorf("%s: %v, want %q", patch, err, want)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	redirect := []trellis.Outcome{{Name: "x", Effect: trellis.EffectRedirect}}
	for in, ok := range map[string]bool{
		`{}`: true, `{"patch":{"a":1}}`: true, `{"stop":true}`: true, `{"refuse":{"code":"no","message":"No."}}`: true,
		`{"refuse":{"code":"no","message":"No.","effect":{"kind":"redirect","redirect":"/x"}}}`: true,
		``: false, `null`: false, `[]`: false, `{"a":1}`: false, `{"patch":null}`: false, `{"refuse":{"code":"No!","message":"x"}}`: false,
		`{"refuse":{"code":"no","message":""}}`: false, `{"refuse":{"code":"no","message":"a\nb"}}`: true, `{"refuse":{"code":"no","message":"\u200b"}}`: false, `{"refuse":{"code":"no","message":"\u2800"}}`: false, `{"refuse":{"code":"no","message":"x"},"stop":true}`: false,
		`{"refuse":{"code":"no","message":"x","effect":{"kind":"template"}}}`: false, `{"refuse":{"code":"no","message":"x","effect":{"kind":"redirect","redirect":"//evil"}}}`: false,
		`{} {}`: false, "{\"patch\":{\"a\":\"\xff\"}}": false,
	} {
		if _, err := extensions.ReadAnswer([]byte(in), redirect); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestRefusalsWords: what no line may hold is taken out of what a refusal says, and the
// refusal stays one.
func TestRefusalsWords(t *testing.T) {
	for _, tt := range [][2]string{
		{`The course is full.`, "The course is full."},
		{`Full.\nCome back in May.`, "Full. Come back in May."},
		{`See \u202egnp.exe`, "See gnp.exe"},
		{`Fu\u200bll\u0000.`, "Full."},
		{`\u2067Full.`, "Full."},
		{`\u0645\u06cc\u200c\u062e`, "می\u200cخ"},
	} {
		a, err := extensions.ReadAnswer([]byte(`{"refuse":{"code":"no","message":"`+tt[0]+`"}}`), nil)
		if err != nil || a.Refuse == nil || a.Refuse.Message != tt[1] {
			t.Errorf("%s: %+v, %v; want %+q", tt[0], a.Refuse, err, tt[1])
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"patch":{"mode":"x"}}`), []byte(`{"user":{"pii":{}}}`))
	f.Fuzz(func(t *testing.T, answer, doc []byte) {
		a, err := extensions.ReadAnswer(answer, nil)
		if err != nil || len(a.Patch) == 0 || !json.Valid(doc) {
			return
		}
		out, err := extensions.Patch(doc, a.Patch, []trellis.PersonalField{{Path: []string{"user", "pii"}}})
		if err == nil && !json.Valid(out) {
			t.Errorf("%s", out)
		}
	})
}
