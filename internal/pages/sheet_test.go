package pages

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzSheet: no cell is a formula, however a spreadsheet reads it, and none takes
// another's place.
func FuzzSheet(f *testing.F) {
	for _, s := range []string{"", "plain", "=1+1", " =1", "\t=1", "\u200b=1", "\ufeff@x", "＝1", "a=b", "a\"b\r\nc,d", "-", "'=1", "\x00=1", "|cmd", "\xff=1"} {
		f.Add(s, "next")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var out bytes.Buffer
		s := newSheet(&out)
		s.row(a, b)
		if err := s.flush(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if len(rows) == 0 && cell(a)+cell(b) == "" {
			return
		}
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 {
			t.Fatalf("%q, %q became %q, %v", a, b, rows, err)
		}
		for _, got := range rows[0] {
			seen := strings.TrimLeftFunc(got, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
			if first, _ := utf8.DecodeRuneInString(seen); seen != "" && strings.ContainsRune("=+-@|%＝＋－＠", first) {
				t.Errorf("%q, %q: the cell %q is a formula", a, b, got)
			}
		}
	})
}

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
