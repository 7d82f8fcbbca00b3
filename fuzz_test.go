package trellis_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
)

func FuzzParseCourseKey(f *testing.F) {
	for _, s := range []string{"course-v1:edX+DemoX+2026", "course-v1:a+b", "course-v1:../+b+c", "course-v1:..+b+c", "course-v1:a++c", "", "course-v1:Ä+\xff+c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := trellis.ParseCourseKey(s)
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid || k != (trellis.CourseKey{}) {
				t.Errorf("%q: %+v, %v", s, k, err)
			}
			return
		}
		again, err := trellis.ParseCourseKey(k.String())
		switch {
		case k.String() != s || err != nil || again != k:
			t.Errorf("%q is %+v, which is written %q", s, k, k)
		case trellis.OrganisationOf(s) != k.Organisation || !trellis.ValidOrganisation(k.Organisation):
			t.Errorf("%q belongs to %q", s, trellis.OrganisationOf(s))
		case strings.ContainsAny(s, "/ \n\x00%?#") || len(s) > 255:
			t.Errorf("%q may stand in no address", s)
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"*", "a.b"}, {"a.*", "a.b.c"}, {"a.b", "a.b"}, {"a.*", "a."}, {"", ""}, {".*", ".a"}, {"a.**", "a.b"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, typ string) {
		valid, match := trellis.ValidPattern(pattern) && trellis.ValidType(typ), trellis.MatchType(pattern, typ)
		if !valid {
			return // what is neither is refused before it is compared
		}
		parts, of := strings.Split(pattern, "."), strings.Split(typ, ".")
		want := pattern == typ
		if n := len(parts) - 1; parts[n] == "*" { // token by token, as a broker does it
			want = len(of) > n && reflect.DeepEqual(parts[:n], of[:n])
		}
		if match != want {
			t.Errorf("MatchType(%q, %q) = %v", pattern, typ, match)
		}
	})
}

func FuzzID(f *testing.F) {
	id := trellis.NewID()
	for _, s := range []string{id, trellis.DerivedID(id, "x"), strings.ToUpper(id), id[:35], "00000000-0000-4000-8000-000000000000", "", "_1234567-1234-7abc-8000-000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		valid := trellis.ValidID(s)
		if valid == trellis.TimeOf(s).IsZero() {
			t.Errorf("%q: valid %v, made %v", s, valid, trellis.TimeOf(s))
		}
		d := trellis.DerivedID(s, "part")
		if !trellis.ValidID(d) || d != trellis.DerivedID(s, "part") || d == trellis.DerivedID(s, "other") {
			t.Errorf("of %q comes %q", s, d)
		}
		if valid && !trellis.TimeOf(d).Equal(trellis.TimeOf(s)) {
			t.Errorf("%q does not sort beside %q", d, s)
		}
		if valid && (len(s) != 36 || strings.ToLower(s) != s || strings.Trim(s, "0123456789abcdef-") != "") {
			t.Errorf("%q is valid", s)
		}
	})
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{`{"to":{"id":"1","pii":{"name":"A"}},"text":"x"}`, `{"cc":[{}],"by_tag":{"k":{}}}`, `{} {}`, `[`, `{"any":{"pii":1}}`, "\xff", `{"text":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v letter
		if err := trellis.DecodeStrict(data, &v); err != nil {
			if trellis.KindOf(err) != trellis.Invalid || strings.Contains(err.Error(), "Go ") {
				t.Errorf("%v (%s)", err, trellis.KindOf(err))
			}
			return
		}
		raw, err := json.Marshal(trellis.Redact(v, nil))
		if err != nil {
			t.Fatal(err)
		}
		filled, err := trellis.FillUsers(reflect.TypeFor[letter](), raw, func(u *trellis.User) error {
			if u.PII != (trellis.PersonalData{}) {
				t.Errorf("personal data is left in %s", raw)
			}
			return nil
		})
		if err != nil || !json.Valid(filled) {
			t.Errorf("%s became %s, %v", raw, filled, err)
		}
	})
}

func TestValidID(t *testing.T) {
	id := trellis.NewID()
	for _, tt := range []struct {
		name, id string
		want     bool
	}{
		{"new", id, true}, {"derived", trellis.DerivedID(id, "x"), true}, {"derived of a name", trellis.DerivedID("x"), true},
		{"empty", "", false}, {"capitals", strings.ToUpper(id), id == strings.ToUpper(id)}, {"cut", id[:35], false}, {"long", id + "0", false},
		{"of chance (version 4)", "0190aaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", false}, {"another variant", "0190aaaa-bbbb-7ccc-cddd-eeeeeeeeeeee", false},
		{"with a tag in it", "0190aaaa-bbbb-7ccc-8ddd-<script>eee", false}, {"without lines", "0190aaaabbbb7ccc8dddeeeeeeeeeeeeeeee", false},
	} {
		if got := trellis.ValidID(tt.id); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if d := time.Since(trellis.TimeOf(id)); d < -time.Minute || d > time.Minute {
		t.Errorf("made %v ago", d)
	}
	if at := trellis.TimeOf("0190aaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"); !at.IsZero() {
		t.Errorf("an ID without a time was made at %v", at)
	}
}

func TestValidOrganisation(t *testing.T) {
	for key, want := range map[string]bool{
		"edX": true, "a.b_c~d-1": true, "Ärzte": true, "...a": true, strings.Repeat("a", 64): true,
		"": false, ".": false, "..": false, "...": false, "a b": false, "a+b": false, "a/b": false, "a%2f": false, "a\n": false, strings.Repeat("a", 65): false,
	} {
		if got := trellis.ValidOrganisation(key); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}
