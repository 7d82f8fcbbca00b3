package trellis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
)

func TestKindOf(t *testing.T) {
	inner := trellis.Errorf(trellis.NotFound, "course %q", "x")
	for _, tt := range []struct {
		name string
		err  error
		want trellis.Kind
	}{
		{"nil", nil, ""},
		{"plain", errors.New("x"), trellis.Internal},
		{"kind", inner, trellis.NotFound},
		{"wrapped", fmt.Errorf("read: %w", inner), trellis.NotFound},
		{"the outermost decides", trellis.Errorf(trellis.Unavailable, "read: %w", inner), trellis.Unavailable},
		{"refusal", fmt.Errorf("enrol: %w", &trellis.Refusal{Message: "no"}), trellis.Refused},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), trellis.Unavailable},
		{"joined", errors.Join(errors.New("x"), inner), trellis.NotFound},
	} {
		if got := trellis.KindOf(tt.err); got != tt.want {
			t.Errorf("%s: kind = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	err := fmt.Errorf("login: %w", trellis.Exhaustedf(3*time.Second, "too many"))
	if got := trellis.RetryAfter(err); got != 3*time.Second {
		t.Errorf("retry after %v", got)
	}
	if got := trellis.KindOf(err); got != trellis.Exhausted {
		t.Errorf("kind = %q", got)
	}
}

func TestKindsAreNumberedInOrder(t *testing.T) {
	want := []trellis.Kind{"invalid", "denied", "refused", "not_found", "conflict", "exhausted", "unavailable", "internal"}
	got := trellis.Kinds()
	if len(got) != len(want) {
		t.Fatalf("%d kinds", len(got))
	}
	for i := range want { // these numbers are part of the contract with guests: they never change
		if got[i] != want[i] {
			t.Errorf("kind %d is %q, want %q", i+1, got[i], want[i])
		}
	}
}

func TestDecodeStrict(t *testing.T) {
	type point struct {
		X int `json:"x"`
	}
	for _, tt := range []struct{ name, in, want string }{
		{"good", `{"x":1}`, ""},
		{"unknown key", `{"y":1}`, `unknown field "y"`},
		{"trailing", `{"x":1} {}`, "more than one JSON value"},
		{"wrong type", `{"x":"1"}`, "field x cannot be a JSON string"},
		{"empty", ``, "no JSON value"},
		{"cut", `{"x":`, "not JSON: it ends too early"},
		{"twice", `{"x":1,"x":2}`, `the key "x" stands twice in one object`},
		{"twice in other letters", `{"x":1,"X":2}`, `the key "X" stands twice in one object`},
		{"twice in escapes", `{"x":1,"\u0078":2}`, `the key "x" stands twice in one object`},
	} {
		var p point
		err := trellis.DecodeStrict([]byte(tt.in), &p)
		got := ""
		if err != nil {
			got = err.Error()
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("%s: kind = %q", tt.name, trellis.KindOf(err))
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzDecodeStrict(f *testing.F) {
	f.Add([]byte(`{"id":"x","pii":{"email":"a@b"}}`))
	f.Add([]byte(`[1,2`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var u trellis.User
		if err := trellis.DecodeStrict(in, &u); err != nil && trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("kind of %v = %q", err, trellis.KindOf(err))
		}
	})
}

func TestKeysStandOnce(t *testing.T) {
	many := func(n int, last string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"k%d":[{"a":1},{"a":2}],`, i)
		}
		return `{"v":{` + b.String() + `"` + last + `":1}}`
	}
	for _, tt := range []struct{ name, in, twice string }{
		{"none", `{"v":{"a":1,"b":{"a":1}},"w":[{"a":1},{"a":2},"a","a",{}]}`, ""},
		{"below", `{"v":{"a":1,"b":2,"a":3}}`, "a"},
		{"in an array", `{"v":[{},{"a":{"b":1},"a":2}]}`, "a"},
		{"behind an object", `{"v":{"a":{"x":1},"b":[],"a":3}}`, "a"},
		{"somebody's own data", `{"v":{"a":1,"A":2}}`, ""},
		{"the same in values", `{"v":{"a":"a","b":"a","c":"\"a\":1,"}}`, ""},
		{"keys with marks in them", `{"v":{"a\"":1,"a":2,"{":3,"}":4,",":5,"\\":6}}`, ""},
		{"an empty key", `{"v":{"":1,"":2}}`, ""},
		{"a long s", `{"v":1,"s":2,"\u017f":3}`, "ſ"},
		{"many", many(5000, "last"), ""},
		{"many and one twice", many(5000, "k17"), "k17"},
		{"few and one twice", many(3, "k1"), "k1"},
	} {
		var v struct {
			V, W any
			S    int
		}
		err := trellis.DecodeStrict([]byte(tt.in), &v)
		want := ""
		if tt.twice != "" || tt.name == "an empty key" {
			want = fmt.Sprintf("the key %q stands twice in one object", tt.twice)
		}
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
			t.Errorf("%s: %v, want %q", tt.name, err, want)
		}
	}
}

// FuzzKeysStandOnce compares with a slow reader of tokens.
func FuzzKeysStandOnce(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":1,"b":2}}`, `{"a":[{"b":1},{"b":"\""}],"A":1}`, `[{"a":1,"\u0061":2}]`, `"a"`, `{"a":"{","b":["}"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var v any
		if json.Unmarshal(in, &v) != nil {
			return
		}
		if _, fold := v.(map[string]any); fold && strings.ContainsFunc(string(in), func(r rune) bool { return r > '~' }) {
			return // the reference knows no other case than that of ASCII
		}
		got := trellis.DecodeStrict(in, &v) != nil
		if want := twiceByTokens(json.NewDecoder(bytes.NewReader(in)), true); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	})
}

// twiceByTokens reports whether a key stands twice in an object of the next value.
func twiceByTokens(dec *json.Decoder, outermost bool) (twice bool) {
	dec.UseNumber()
	tok, err := dec.Token()
	if err != nil {
		return false
	}
	seen := map[string]bool{}
	for (tok == json.Delim('{') || tok == json.Delim('[')) && dec.More() {
		if tok == json.Delim('{') {
			key, err := dec.Token()
			name, ok := key.(string)
			if err != nil || !ok {
				return twice
			}
			if outermost {
				name = strings.ToLower(name)
			}
			twice = twice || seen[name]
			seen[name] = true
		}
		twice = twiceByTokens(dec, false) || twice
	}
	if tok == json.Delim('{') || tok == json.Delim('[') {
		_, _ = dec.Token() // its end
	}
	return twice
}
