//go:build !wasip1

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi/guest"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// What decides is an ordinary function, and is tried as one.
func TestDecide(t *testing.T) {
	for _, tt := range []struct{ name, settings, want string }{
		{"open", `{}`, `{}`},
		{"closed", `{"closed_courses":["course-v1:A+*"]}`, `{"refuse":{"code":"course_closed","message":"Enrolment in course-v1:A+B+C is closed."}}`},
		{"upgraded", `{"upgrade_mode":{"audit":"verified"}}`, `{"patch":{"mode":"verified"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := question(tt.settings, `{"id":"ada","number":7}`, `"course-v1:A+B+C"`, `"audit"`)
			if got, failed := guest.Ask([]byte(in), decide); failed || string(got) != tt.want {
				t.Errorf("answer %s, want %s", got, tt.want)
			}
		})
	}
}

func question(settings, user, course, mode string) string {
	return `{"id":"1","settings":` + settings + `,"data":{"user":` + user + `,"course_key":` + course + `,"mode":` + mode + `}}`
}

// other is the policy in another language.
type other struct {
	language string
	ask      func([]byte) ([]byte, error)
}

// others are the policies in other languages, in their sandboxes.
func others(f *testing.F) (list []other) {
	f.Helper()
	ctx := context.Background()
	r, err := runtime.New(ctx, runtime.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close(ctx) })
	for language, module := range map[string][]byte{"C": wasm.EnrollmentPolicy, "C++": wasm.PolicyCPP, "Rust": wasm.PolicyRust, "AssemblyScript": wasm.PolicyAS} {
		m, err := r.Compile(ctx, module, runtime.Limits{Memory: 64 << 20, Time: time.Minute})
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, other{language, func(in []byte) ([]byte, error) {
			out, _, err := m.Call(ctx, runtime.Call{Hook: "check", In: in, Key: "fuzz"})
			return out, err
		}})
	}
	return list
}

const misunderstood = `{"refuse":{"code":"invalid_question","message":"The policy does not understand the question."}}`

// same wants all policies to answer alike: JSON that Go's library takes is JSON to
// the libraries of the others and means the same, and what is none is none to all.
func same(t *testing.T, list []other, in []byte) {
	t.Helper()
	want, failed := guest.Ask(in, decide)
	for _, o := range list {
		got, err := o.ask(in)
		if trellis.KindOf(err) == trellis.Invalid {
			got, err = []byte(misunderstood), nil // the policy in C says so itself
		}
		if err != nil {
			t.Fatalf("the policy in %s failed on %.300q: %v", o.language, in, err)
		}
		if !json.Valid(got) {
			t.Fatalf("the policy in %s answers what is no JSON: %.300q to %.300q", o.language, got, in)
		}
		switch {
		case !json.Valid(in):
			want = []byte(misunderstood)
		case failed || lookalike(in):
			return // Go's library reads the frame of a question more strictly, and its keys in any case
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%.500q\nin %s: %.500q\nin Go: %.500q", in, o.language, got, want)
		}
	}
}

// lookalike reports whether a key of the frame is one that the library knows, in
// another case.
func lookalike(in []byte) bool {
	known := []string{"id", "type", "time", "tenant", "actor", "course", "settings", "trace", "data"}
	var frame map[string]json.RawMessage
	_ = json.Unmarshal(in, &frame)
	for key := range frame {
		if !slices.Contains(known, key) && slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, key) }) {
			return true
		}
	}
	return false
}

// FuzzPolicy puts any settings and data into a question.
func FuzzPolicy(f *testing.F) {
	ada := `{"id":"ada","number":7}`
	for _, s := range [][4]string{
		{`{}`, ada, `"c"`, `"audit"`},
		{`{"closed_courses":["c*"],"message":"\u0063\ud83d\ude00\ud800"}`, ada, `"c"`, `"audit"`},
		{`{"closed_courses":["x"],"closed_courses":["c"]}`, ada, `"\u0063"`, `"audit"`},
		{`{"blocked_numbers":[7.0,-0,1e2]}`, ada, `"c"`, `"audit"`},
		{`{"blocked_numbers":[9223372036854775807,-9223372036854775808]}`, `{"id":"x","number":-9223372036854775808}`, `"c"`, `"audit"`},
		{`{"blocked_people":["ada"],"message":"a\"b\\\u2028"}`, ada, `"c"`, `"audit"`},
		{`{"upgrade_mode":{"a":"b","a":"\u0000"},"allowed_modes":["b"]}`, ada, `"c"`, `"a"`},
		{`{"x":"\"closed_courses\":[\"c\"]","y":[[[{}]]]}`, `{"id":"\"id\":\"x\"","number":null}`, `"c"`, `"audit"`},
		{"{\"message\":\"\xff\xed\xa0\x80\",\"closed_courses\":[\"\xc3\"]}", ada, "\"\xc3(\"", `"audit"`},
		{` { } `, "\t{\"id\" :\n\"y\" , \"number\":\r1} ", ` "c" `, ` "audit" `},
		{`null`, `{"id":"\ud83d","number":0}`, `""`, `""`},
		{`{},"settings":{"closed_courses":["*"]}`, ada, `"c"`, `"audit"`},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	list := others(f)
	f.Fuzz(func(t *testing.T, settings, user, course, mode string) {
		if in := question(settings, user, course, mode); len(in) < 1<<16 {
			same(t, list, []byte(in))
		}
	})
}

// FuzzQuestion gives all any bytes at all.
func FuzzQuestion(f *testing.F) {
	for _, s := range []string{
		question(`{"closed_courses":["c"]}`, `{"id":"a"}`, `"c"`, `"m"`), `{}`, ``, ` `, `{"data":null}`, `[1,2`, `{"a":tru}`, `{"a":"\u12"}`, `{"a":1.}`,
		`{"a":-}`, "{\"a\":\"\n\"}", "\ufeff{}", `{}{}`, `{"a":1,}`, `{"a":[}`, strings.Repeat(`[`, 300), `"\ud800\udc00\u0000"`, `-0.0e+00`, "\"\xf4\x8f\xbf\xbf\xf4\x90\"",
	} {
		f.Add([]byte(s))
	}
	list := others(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 1<<16 {
			same(t, list, in)
		}
	})
}
