package console

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

// FuzzIndented: what is shown of a payload is the same JSON, and nothing in it
// hides or turns around.
func FuzzIndented(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"<b>\u202e","n":1e400,"big":12345678901234567890}`, `[1,"\u0000\ud83d\ude00"]`, `"\u2028"`, `nonsense`, "{\"\u202e\":\"\u200f\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := indented(json.RawMessage(s))
		if !json.Valid([]byte(s)) {
			return
		}
		for _, r := range got {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%q shows %q", s, got)
			}
		}
		if want, have := value(t, s), value(t, got); !reflect.DeepEqual(want, have) {
			t.Errorf("%q is shown as %q", s, got)
		}
	})
}

func value(t *testing.T, s string) (v any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return v
}

// FuzzAuditQuery: whatever stands in the address is a query or a fault.
func FuzzAuditQuery(f *testing.F) {
	f.Add("2026-05-03", "2026-05-04", "01a2", "ok")
	f.Add("0000-00-00", "9999-12-31", "person:x", "none")
	f.Fuzz(func(t *testing.T, since, until, actor, outcome string) {
		in, faults := auditQuery(url.Values{"since": {since}, "until": {until}, "actor": {actor}, "outcome": {outcome}})
		if len(faults) == 0 && since != "" && in.Since == "" {
			t.Errorf("since %q is passed over", since)
		}
		if in.Actor != "" && !strings.Contains(in.Actor, ":") {
			t.Errorf("the actor %q", in.Actor)
		}
	})
}

func TestWholeNumber(t *testing.T) {
	for in, want := range map[string]int{"412": 412, " 1,204 ": 1204, "": 0, "-1": 0, "4x": 0, "99999999999999999999": 0} {
		if got := wholeNumber(in); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}
