package examples_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// script is a host that gives the answers that were written down for it, in
// their order for each operation, and notes what it was asked.
type script struct {
	answers map[string][]any // JSON, or an error; the last one is given again and again
	asked   []string
}

func (s *script) Call(_ context.Context, operation string, in []byte) ([]byte, error) {
	s.asked = append(s.asked, operation+" "+string(in))
	list := s.answers[operation]
	if len(list) == 0 {
		return nil, trellis.Errorf(trellis.NotFound, "there is no operation %s", operation)
	}
	if len(list) > 1 {
		s.answers[operation] = list[1:]
	}
	if err, ok := list[0].(error); ok {
		return nil, err
	}
	return []byte(list[0].(string)), nil
}

func TestWelcome(t *testing.T)        { welcome(t, wasm.Welcome) }
func TestWelcomeRebuilt(t *testing.T) { welcome(t, rebuilt(t, "c", "welcome.wasm")) }

// welcome wants of the subscriber in C that it asks for what it is to ask for, and
// passes on why it could not.
func welcome(t *testing.T, module []byte) {
	const (
		told  = `{"id":"e1","person":"p\"1","course":"c","data":{}}`
		seen  = `kv.get {"key":"seen/e1"}`
		user  = `users.get {"id":"p\"1","course":"c"}`
		count = `kv.get {"key":"welcomed"}`
		mark  = `kv.set {"key":"seen/e1","value":1,"if_version":0,"person":"p\"1"}`
		none  = `{"value":null,"version":0}`
		named = `{"id":"p","pii":{"name":"Ada"}}`
	)
	emit := func(named string) string {
		return `events.emit {"type":"trellis-demo.welcome-c.greeted","person":"p\"1","course":"c","data":{"named":` + named + `}}`
	}
	conflict := trellis.Errorf(trellis.Conflict, "the note has version 4")
	exhausted := trellis.Exhaustedf(time.Second, "slower")
	for _, tt := range []struct {
		name    string
		in      string
		answers map[string][]any
		want    []string
		kind    trellis.Kind
	}{
		{"the first", told, map[string][]any{"kv.get": {none}, "users.get": {named}, "events.emit": {`{"id":"e2"}`}, "kv.set": {`{"version":1}`}},
			[]string{seen, user, emit("true"), count, `kv.set {"key":"welcomed","value":1,"if_version":0}`, mark}, ""},
		{"the next, without a name", told, map[string][]any{"kv.get": {none, `{"value":41,"version":7}`}, "users.get": {`{"id":"p","pii":{}}`}, "events.emit": {`{"id":"e2"}`}, "kv.set": {`{"version":8}`}},
			[]string{seen, user, emit("false"), count, `kv.set {"key":"welcomed","value":42,"if_version":7}`, mark}, ""},
		{"told before", told, map[string][]any{"kv.get": {`{"value":1,"version":1}`}, "users.get": {named}, "events.emit": {`{"id":"e2"}`}},
			[]string{seen, user, emit("true")}, ""},
		{"another counts meanwhile", told, map[string][]any{"kv.get": {none, `{"value":1,"version":3}`, `{"value":2,"version":4}`}, "users.get": {named}, "events.emit": {`{"id":"e2"}`}, "kv.set": {conflict, `{"version":5}`}},
			[]string{seen, user, emit("true"), count, `kv.set {"key":"welcomed","value":2,"if_version":3}`, count, `kv.set {"key":"welcomed","value":3,"if_version":4}`, mark}, ""},
		{"nobody to welcome", `{"id":"e1","person":null}`, nil, nil, ""},
		{"no JSON", `{"id":`, nil, nil, ""},
		{"the person is gone", told, map[string][]any{"kv.get": {none}}, []string{seen, user}, trellis.NotFound},
		{"too often", told, map[string][]any{"kv.get": {exhausted}}, []string{seen}, trellis.Exhausted},
		{"an answer of another kind", told, map[string][]any{"kv.get": {`[]`}, "users.get": {`7`}, "events.emit": {`null`}, "kv.set": {`""`}},
			[]string{seen, user, emit("false"), count, `kv.set {"key":"welcomed","value":1,"if_version":0}`, mark}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{answers: tt.answers}
			r, err := runtime.New(t.Context(), runtime.Config{Host: s})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close(t.Context())
			m, err := r.Compile(t.Context(), module, runtime.Limits{Memory: 2 << 20, Isolation: runtime.Pinned, Time: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			out, _, err := m.Call(t.Context(), runtime.Call{Hook: "welcome", In: []byte(tt.in), Key: "test"})
			if got := trellis.KindOf(err); got != tt.kind || err == nil && string(out) != "{}" {
				t.Errorf("answer %s, %v, want %q", out, err, tt.kind)
			}
			if !slices.Equal(s.asked, tt.want) {
				t.Errorf("asked for\n%s\nwant\n%s", strings.Join(s.asked, "\n"), strings.Join(tt.want, "\n"))
			}
			// What it is told next is not answered with the error of before.
			if out, _, err := m.Call(t.Context(), runtime.Call{Hook: "welcome", In: []byte(`{}`), Key: "test"}); err != nil || string(out) != "{}" {
				t.Errorf("afterwards: %s, %v", out, err)
			}
		})
	}
}
