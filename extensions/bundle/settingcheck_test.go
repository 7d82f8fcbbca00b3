package bundle_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

const settingsOfAll = `{"type":"object","required":["start"],"properties":{
	"grace_days":{"type":"integer","title":"Grace days","minimum":0,"maximum":30},
	"start":{"type":"string","format":"date"},
	"mail":{"type":"object","properties":{"to":{"type":"string","format":"email"},"at":{"type":"string","format":"uri"}}},
	"colour":{"type":"string","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}]},
	"name":{"type":"string","minLength":2,"maxLength":4},
	"code":{"type":"string","pattern":"^[A-Z]+$"},
	"blocked":{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2},
	"least":{"type":"number","minimum":1.5},"most":{"type":"number","maximum":2},
	"on":{"type":"boolean"},
	"names":{"type":"object","additionalProperties":{"type":"integer"}}}}`

// TestSettingFaults: what is wrong with settings is said in words, at the place
// where it is, all at once.
func TestSettingFaults(t *testing.T) {
	s, err := bundle.ParseSettings(json.RawMessage(settingsOfAll))
	must(t, err)
	for _, tt := range []struct{ settings, want string }{ // the fields besides start
		{``, ""},
		{`"grace_days":31`, "/grace_days: Grace days must be 0 to 30."},
		{`"grace_days":1.5`, "/grace_days: Grace days must be a whole number."},
		{`"grace_days":"two"`, "/grace_days: Grace days must be a whole number."},
		{`"mail":{"to":"nobody"}`, "/mail/to: To must be an email address, such as name@example.org."},
		{`"mail":{"to":"a@b.example","at":"https://b.example/x"}`, ""},
		{`"mail":{"at":"nowhere"}`, "/mail/at: At must be an address, such as https://example.org/page."},
		{`"mail":7`, "/mail: Mail must be a group of settings."},
		{`"colour":"g"`, ""},
		{`"colour":"b"`, "/colour: Colour must be one of those offered."},
		{`"name":"x"`, "/name: Name must have 2 to 4 characters."},
		{`"name":"äöüß"`, ""},
		{`"code":"a"`, "/code: Code must have the form ^[A-Z]+$."},
		{`"blocked":[]`, "/blocked: Blocked must have 1 to 2 entries."},
		{`"blocked":[1,"x"]`, "/blocked/1: Blocked, entry 2, must be a whole number."},
		{`"least":1`, "/least: Least must be 1.5 or more."},
		{`"most":3`, "/most: Most must be 2 or less."},
		{`"on":"yes"`, "/on: On must be true or false."},
		{`"names":{"a/b":"x"}`, `/names/a~1b: Names, "a/b" must be a whole number.`},
		{`"grce_days":1`, `/grce_days: There is no setting "grce_days": did you mean "grace_days"?`},
		{`"grace_days":31,"name":"x"`, "/grace_days: Grace days must be 0 to 30.; /name: Name must have 2 to 4 characters."},
	} {
		_, err := s.Complete(json.RawMessage(`{` + strings.TrimSuffix(`"start":"2026-05-03",`+tt.settings, ",") + `}`))
		var faults bundle.Faults
		if errors.As(err, &faults); faults.Error() != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%s: %q (%v), want %q", tt.settings, faults.Error(), err, tt.want)
		}
		if err != nil {
			kind(t, tt.settings, err, trellis.Invalid)
		}
	}
	_, err = s.Complete(json.RawMessage(`{"start":"3 May"}`))
	kind(t, "no date", err, trellis.Invalid, "/start: Start must be a date, such as 2026-05-03.")
	_, err = s.Complete(json.RawMessage(`{}`))
	kind(t, "nothing", err, trellis.Invalid, "/start: Start is missing.")
}

// TestSettingSchemas: what a schema of settings may not say is said with its place.
func TestSettingSchemas(t *testing.T) {
	for _, tt := range []struct{ property, want string }{
		{`{"type":"string","format":"date","default":"2026-05-03"}`, ""},
		{`{"type":"string","format":"date","default":"soon"}`, "x: default: It must be a date"},
		{`{"type":"string","format":"ipv4"}`, "x: format: that of a text is date, email, uri"},
		{`{"type":"integer","format":"date"}`, "x: format"},
		{`{"type":"string","enum":["a"],"oneOf":[{"const":"a"}]}`, "x: oneOf: the values stand in enum or in oneOf"},
		{`{"type":"string","oneOf":[{"const":"a","titel":"A"}]}`, "titel"},
		{`{"type":"string","writeOnly":true}`, "writeOnly"},
	} {
		_, err := bundle.ParseSettings(json.RawMessage(`{"type":"object","properties":{"x":` + tt.property + `}}`))
		if tt.want == "" {
			must(t, err)
			continue
		}
		kind(t, tt.property, err, trellis.Invalid, tt.want)
	}
}

// FuzzSettingFaults: whatever schema and settings are, nothing panics, and what is
// taken once is taken again as it came back.
func FuzzSettingFaults(f *testing.F) {
	f.Add(settingsOfAll, `{"start":"2026-05-03","grace_days":3,"blocked":[1],"names":{"a":1}}`)
	f.Add(`{"type":"object","additionalProperties":{"type":"array","items":{"type":"string"}}}`, `{"":[""]}`)
	f.Fuzz(func(t *testing.T, schema, settings string) {
		s, err := bundle.ParseSettings(json.RawMessage(schema))
		if err != nil {
			return
		}
		s.Defaults(json.RawMessage(settings))
		once, err := s.Complete(json.RawMessage(settings))
		if err != nil {
			kind(t, "settings", err, trellis.Invalid)
			return
		}
		if again, err := s.Complete(once); err != nil || string(again) != string(once) {
			t.Fatalf("%s, then %s (%v)", once, again, err)
		}
	})
}
