//go:build !wasip1

package guest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi/guest"
)

// contract is what the platform takes, as it is committed.
func contract(t *testing.T) map[string]*jsonschema.Resolved {
	t.Helper()
	raw, err := os.ReadFile("../schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Operations map[string]struct {
			Input *jsonschema.Schema `json:"input"`
		} `json:"operations"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]*jsonschema.Resolved{}
	for name, o := range doc.Operations {
		if inputs[name], err = o.Input.Resolve(nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return inputs
}

// TestTypedCalls: each function asks for the operation that it is named after,
// with an input that the contract takes, and reads the answer.
func TestTypedCalls(t *testing.T) {
	inputs := contract(t)
	for _, tt := range []struct {
		name, operation, in, answer string
		call                        func() (any, error)
		want                        string
	}{
		{"user", "users.get", `{"id":"p1"}`, `{"id":"p1","number":7,"is_active":true,"pii":{"name":"Ada"},"new":1}`,
			func() (any, error) { return guest.GetUser("p1", "") }, `{p1 7 true {  Ada}}`},
		{"user of a course", "users.get", `{"course":"c","id":"p1"}`, `{"id":"p1","pii":{}}`,
			func() (any, error) { return guest.GetUser("p1", "c") }, `{p1 0 false {  }}`},
		{"note", "kv.get", `{"key":"k"}`, `{"value":{"n":1},"version":3}`,
			func() (any, error) {
				n, err := guest.GetNote("k")
				return fmt.Sprintf("%s %s %d", n.Key, n.Value, n.Version), err
			}, `k {"n":1} 3`},
		{"no note", "kv.get", `{"key":"k"}`, `{"value":null,"version":0}`,
			func() (any, error) { n, err := guest.GetNote("k"); return n.Version, err }, `0`},
		{"write", "kv.set", `{"key":"k","value":[1]}`, `{"version":4}`,
			func() (any, error) { return guest.SetNote("k", []int{1}, -1) }, `4`},
		{"write a new one", "kv.set", `{"if_version":0,"key":"k","value":"<a>"}`, `{"version":1}`,
			func() (any, error) { return guest.SetNote("k", "<a>", 0) }, `1`},
		{"write about somebody", "kv.set", `{"if_version":2,"key":"k","person":"p1","value":null}`, `{"version":3}`,
			func() (any, error) { return guest.SetNoteAbout("p1", "k", nil, 2) }, `3`},
		{"notes", "kv.list", `{"after":"a","limit":2,"prefix":"s/"}`, `{"items":[{"key":"s/b","value":1,"version":1}],"next":"s/b"}`,
			func() (any, error) {
				items, next, err := guest.Notes("s/", "a", 2)
				return fmt.Sprint(len(items), items[0].Key, next), err
			}, `1s/bs/b`},
		{"delete", "kv.delete", `{"key":"k"}`, `{}`, func() (any, error) { return nil, guest.DeleteNote("k") }, `<nil>`},
		{"enrolments", "enrollments.list", `{"after":"x","course":"c","limit":2}`, `{"items":[{"person":"p","course":"c","mode":"audit","is_active":true}]}`,
			func() (any, error) {
				items, next, err := guest.Enrollments("c", "x", 2)
				return fmt.Sprintf("%+v %q", items, next), err
			}, `[{Person:p Course:c Mode:audit Active:true}] ""`},
		{"event", "events.emit", `{"course":"c","data":{"a":1},"person":"p","type":"a.b.c"}`, `{"id":"e1"}`,
			func() (any, error) { return guest.Emit("a.b.c", "p", "c", map[string]int{"a": 1}) }, `e1`},
		{"request", "http.fetch", `{"body":"","method":"","url":"https://example.org"}`, `{"status":200,"headers":{"A":"b"},"body":"ok"}`,
			func() (any, error) { return guest.Fetch("", "https://example.org", nil, "") }, `{200 map[A:b] ok []}`},
		{"request of bytes", "http.fetch", `{"body_base64":"/wA=","method":"PUT","url":"https://example.org"}`, `{"status":200,"body":"","body_base64":"/v8="}`,
			func() (any, error) {
				r, err := guest.FetchBytes("PUT", "https://example.org", nil, []byte{0xff, 0})
				return fmt.Sprintf("%d %x", r.Status, r.Bytes()), err
			}, `200 feff`},
		{"request of no bytes", "http.fetch", `{"body_base64":"","method":"GET","url":"https://example.org"}`, `{"status":200,"body":"é"}`,
			func() (any, error) {
				r, err := guest.FetchBytes("GET", "https://example.org", nil, nil)
				return string(r.Bytes()), err
			}, `é`},
		{"request with headers", "http.fetch", `{"body":"x","headers":{"A":"b"},"method":"POST","url":"https://example.org"}`, `{"status":204}`,
			func() (any, error) {
				return guest.Fetch("POST", "https://example.org", map[string]string{"A": "b"}, "x")
			}, `{204 map[]  []}`},
		{"secret", "secrets.get", `{"name":"n"}`, `{"value":"v"}`, func() (any, error) { return guest.Secret("n") }, `v`},
		{"job", "jobs.enqueue", `{"call":"nightly","delay":60,"input":{"a":1}}`, `{"id":"j1"}`,
			func() (any, error) { return guest.Enqueue("nightly", map[string]int{"a": 1}, 60) }, `j1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked, in := "", ""
			defer guest.SetHost(func(operation string, raw []byte) ([]byte, error) {
				asked, in = operation, string(raw)
				return []byte(tt.answer), nil
			})()
			got, err := tt.call()
			if err != nil || fmt.Sprint(got) != tt.want {
				t.Errorf("answer %v, %v, want %v", got, err, tt.want)
			}
			if asked != tt.operation || in != tt.in {
				t.Errorf("asked for %s %s, want %s %s", asked, in, tt.operation, tt.in)
			}
			var document any
			if err := json.Unmarshal([]byte(in), &document); err != nil {
				t.Fatal(err)
			}
			if inputs[tt.operation] == nil {
				t.Fatalf("the contract has no operation %s", tt.operation)
			}
			if err := inputs[tt.operation].Validate(document); err != nil {
				t.Errorf("the contract does not take %s: %v", in, err)
			}
		})
	}
}

func TestErrorsOfOperations(t *testing.T) {
	for _, tt := range []struct {
		name string
		host func(string, []byte) ([]byte, error)
		kind string
		says string
	}{
		{"a kind", func(string, []byte) ([]byte, error) {
			return nil, &guest.Error{Kind: guest.Conflict, Message: "version 3"}
		}, guest.Conflict, "conflict: version 3"},
		{"another error", func(string, []byte) ([]byte, error) { return nil, os.ErrPermission }, guest.Internal, "internal: permission denied"},
		{"no platform", nil, guest.Unavailable, "unavailable: kv.get: there is no platform"},
		{"an answer of another type", func(string, []byte) ([]byte, error) { return []byte(`[]`), nil }, guest.Internal, "decode answer of kv.get"},
		{"no answer", func(string, []byte) ([]byte, error) { return nil, nil }, guest.Internal, "decode answer of kv.get"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer guest.SetHost(tt.host)()
			_, err := guest.GetNote("k")
			if guest.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v of kind %q, want %q that says %q", err, guest.KindOf(err), tt.kind, tt.says)
			}
			if again := fmt.Errorf("count: %w", err); guest.KindOf(again) != tt.kind {
				t.Errorf("wrapped, its kind is %q", guest.KindOf(again))
			}
		})
	}
	if got := guest.KindOf(nil); got != "" {
		t.Errorf("kind of no error = %q", got)
	}
	if err := guest.Call("a.b", make(chan int), nil); err == nil || !strings.Contains(err.Error(), "encode input of a.b") {
		t.Errorf("an input that cannot be encoded: %v", err)
	}
}

// The guest's kinds are the platform's.
func TestKinds(t *testing.T) {
	want := []string{guest.Invalid, guest.Denied, guest.Refused, guest.NotFound, guest.Conflict, guest.Exhausted, guest.Unavailable, guest.Internal}
	for i, k := range trellis.Kinds() {
		if i >= len(want) || string(k) != want[i] {
			t.Errorf("kind %d is %q, the guest's are %q", i+1, k, want)
		}
	}
}

func TestSetHostRestores(t *testing.T) {
	say := func(s string) func(string, []byte) ([]byte, error) {
		return func(string, []byte) ([]byte, error) { return []byte(`{"value":"` + s + `"}`), nil }
	}
	restore := guest.SetHost(say("outer"))
	defer restore()
	guest.SetHost(say("inner"))()
	if got, err := guest.Secret("n"); got != "outer" || err != nil {
		t.Errorf("answered by %q, %v", got, err)
	}
}

func TestAnswers(t *testing.T) {
	type state struct {
		After string `json:"after"`
	}
	long := strings.Repeat("é", 3000)
	ask := func(in string, decide func(guest.Question) guest.Answer) func() ([]byte, bool) {
		return func() ([]byte, bool) { return guest.Ask([]byte(in), decide) }
	}
	tell := func(in string, hear func(guest.Event) error) func() ([]byte, bool) {
		return func() ([]byte, bool) { return guest.Tell([]byte(in), hear) }
	}
	do := func(in string, work func(guest.Task) (any, error)) func() ([]byte, bool) {
		return func() ([]byte, bool) { return guest.Do([]byte(in), work) }
	}
	fails := func(err error) func(guest.Event) error { return func(guest.Event) error { return err } }
	for _, tt := range []struct {
		name   string
		run    func() ([]byte, bool)
		want   string
		failed bool
	}{
		{"pass", ask(`{}`, func(guest.Question) guest.Answer { return guest.Pass() }), `{}`, false},
		{"change", ask(`{}`, func(guest.Question) guest.Answer { return guest.Change(map[string]string{"mode": "<b>"}) }), `{"patch":{"mode":"<b>"}}`, false},
		{"change and stop", ask(`{}`, func(guest.Question) guest.Answer { return guest.Change(map[string]any{"a": nil}).Stop() }), `{"patch":{"a":null},"stop":true}`, false},
		{"refuse", ask(`{}`, func(guest.Question) guest.Answer { return guest.Refuse("full", "No seat.") }), `{"refuse":{"code":"full","message":"No seat."}}`, false},
		{"redirect", ask(`{}`, func(guest.Question) guest.Answer { return guest.Refuse("full", "No.").Redirect("/wait") }),
			`{"refuse":{"code":"full","message":"No.","effect":{"kind":"redirect","redirect":"/wait"}}}`, false},
		{"redirect of what passes", ask(`{}`, func(guest.Question) guest.Answer { return guest.Pass().Redirect("/wait") }), `{}`, false},
		{"what it was asked", ask(`{"id":"q","type":"t","tenant":"acme","actor":"person:1","course":"c","settings":{"n":2},"trace":"tr","data":{"mode":"audit"}}`,
			func(q guest.Question) guest.Answer {
				var s struct{ N int }
				var d struct{ Mode string }
				if q.Configure(&s) != nil || q.Decode(&d) != nil {
					return guest.Refuse("not_understood", "")
				}
				return guest.Refuse(q.ID+q.Type+q.Tenant+q.Actor+q.Course+q.Trace, fmt.Sprint(s.N, " ", d.Mode))
			}), `{"refuse":{"code":"qtacmeperson:1ctr","message":"2 audit"}}`, false},
		{"no settings", ask(`{"data":{}}`, func(q guest.Question) guest.Answer {
			s := struct{ N int }{5}
			return guest.Refuse("n", fmt.Sprint(q.Configure(&s), s.N))
		}), `{"refuse":{"code":"n","message":"<nil> 5"}}`, false},
		{"a question that is none", ask(`{`, func(guest.Question) guest.Answer { panic("asked") }), `{"kind":"invalid","message":"the question is not JSON: unexpected end of JSON input"}`, true},
		{"an answer that cannot be", ask(`{}`, func(guest.Question) guest.Answer { return guest.Change(func() {}) }), `{"kind":"internal","message":"json: unsupported type: func()"}`, true},

		{"heard", tell(`{"id":"e","attempt":2}`, fails(nil)), `{}`, false},
		{"an event that is none", tell(`[]`, fails(nil)), `{"kind":"invalid","message":"the event is not JSON: json: cannot unmarshal array into Go value of type guest.Event"}`, true},
		{"an operation's error", tell(`{}`, fails(&guest.Error{Kind: guest.Exhausted, Message: "slower"})), `{"kind":"exhausted","message":"slower"}`, true},
		{"a wrapped one", tell(`{}`, fails(fmt.Errorf("greet: %w", &guest.Error{Kind: guest.Exhausted, Message: "slower"}))), `{"kind":"exhausted","message":"greet: exhausted: slower"}`, true},
		{"another error", tell(`{}`, fails(errors.New("odd"))), `{"kind":"internal","message":"odd"}`, true},
		{"a nil one", tell(`{}`, fails((*guest.Error)(nil))), `{"kind":"internal","message":"internal: an error that is a nil *guest.Error"}`, true},
		{"a long message", tell(`{}`, fails(errors.New(long))), `{"kind":"internal","message":"` + strings.Repeat("é", 498) + `…"}`, true},

		{"done", do(`{}`, func(guest.Task) (any, error) { return nil, nil }), `{}`, false},
		{"again", do(`{"state":{"after":"x"},"input":{"n":1}}`, func(k guest.Task) (any, error) {
			var s state
			err := json.Unmarshal(k.State, &s)
			return state{s.After + "y"}, err
		}), `{"again":{"after":"xy"}}`, false},
		{"again with nothing", do(`{}`, func(guest.Task) (any, error) { return struct{}{}, nil }), `{"again":{}}`, false},
		{"a task that fails", do(`{}`, func(guest.Task) (any, error) { return state{"x"}, &guest.Error{Kind: guest.Unavailable, Message: "m"} }),
			`{"kind":"unavailable","message":"m"}`, true},
		{"a task that is none", do(``, func(guest.Task) (any, error) { return nil, nil }), `{"kind":"invalid","message":"the task is not JSON: unexpected end of JSON input"}`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, failed := tt.run()
			if failed != tt.failed || tt.want != "" && string(out) != tt.want {
				t.Errorf("answer %s, failed %v, want %s", out, failed, tt.want)
			}
			if !json.Valid(out) || failed && len(out) > 8<<10 || !utf8.Valid(out) {
				t.Errorf("the platform cannot read %d bytes: %.200q", len(out), out)
			}
		})
	}
}

// FuzzAsk gives any bytes to the three kinds of hook: what comes out is JSON, and
// an error is one that the platform reads.
func FuzzAsk(f *testing.F) {
	for _, s := range []string{`{}`, `null`, `[]`, `{"id":1}`, `{"time":"x"}`, `{"data":{"a":1},"settings":null}`, "{\"id\":\"\xff\"}", `{"state":[],"input":0}`, ``, "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		check := func(out []byte, failed bool) {
			t.Helper()
			if !json.Valid(out) {
				t.Errorf("answer %q", out)
			}
			var e guest.Error
			if failed && (json.Unmarshal(out, &e) != nil || e.Kind == "" || e.Message == "" || len(e.Message) > 1100) {
				t.Errorf("error %q", out)
			}
		}
		check(guest.Ask(in, func(q guest.Question) guest.Answer { return guest.Refuse(q.ID, q.Actor) }))
		check(guest.Tell(in, func(e guest.Event) error { return errors.New(e.Type + ".") }))
		check(guest.Do(in, func(k guest.Task) (any, error) { return k.State, nil }))
	})
}
