package trellis_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
)

func (l letter) About() (person, course string) { return l.To.ID, "course-v1:a+b+c" }

type emitted []trellis.Event

func (e *emitted) Emit(_ context.Context, ev trellis.Event) error {
	*e = append(*e, ev)
	return nil
}

func TestEmit(t *testing.T) {
	sent := trellis.DefineEvent[letter]("org.example.letter.sent.v1", "A letter was sent.")
	ctx := trellis.WithActor(t.Context(), trellis.Actor{Tenant: "demo", ID: "7", Kind: trellis.PersonActor})
	ctx = trellis.WithTrace(ctx, trellis.Trace{ID: "t", Cause: "c", Hops: 2})
	var got emitted
	if err := sent.Emit(ctx, &got, "letter/1", letter{To: ada(), Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	e := got[0]
	if e.Tenant != "demo" || e.Actor != "person:7" || e.Person != "1" || e.Course != "course-v1:a+b+c" || e.Key != "1" ||
		e.Trace != "t" || e.Cause != "c" || e.Hops != 2 || e.Subject != "letter/1" || e.Type != sent.Name() {
		t.Errorf("event %+v", e)
	}
	if strings.Contains(string(e.Data), "ada") {
		t.Errorf("personal data in the log: %s", e.Data)
	}
	back, err := sent.Decode(e)
	if err != nil || back.Text != "hello" || back.To.ID != "1" {
		t.Errorf("decoded %+v, %v", back, err)
	}
	e.Type = "org.example.other.v1"
	if _, err := sent.Decode(e); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("another type decoded: %v", err)
	}
}

type filterFunc func(trellis.Question) ([]byte, error)

func (f filterFunc) Filter(_ context.Context, q trellis.Question) ([]byte, error) { return f(q) }

func TestApply(t *testing.T) {
	asked := trellis.DefineFilter[letter]("org.example.letter.requested.v1", "Asked before a letter is sent.")
	in := letter{To: ada(), Text: "hello"}
	for _, tt := range []struct {
		name string
		by   trellis.Filters
		text string
		want trellis.Kind
	}{
		{"nobody", trellis.NoFilters{}, "hello", ""},
		{"changed", filterFunc(func(q trellis.Question) ([]byte, error) {
			return []byte(strings.Replace(string(q.Data), "hello", "bye", 1)), nil
		}), "bye", ""},
		{"unknown field", filterFunc(func(trellis.Question) ([]byte, error) { return []byte(`{"texd":"x"}`), nil }), "hello", trellis.Invalid},
		{"wrong type", filterFunc(func(trellis.Question) ([]byte, error) { return []byte(`{"text":1}`), nil }), "hello", trellis.Invalid},
		{"refused", filterFunc(func(trellis.Question) ([]byte, error) { return nil, &trellis.Refusal{} }), "hello", trellis.Refused},
		{"broken", filterFunc(func(trellis.Question) ([]byte, error) { return nil, errors.New("x") }), "hello", trellis.Internal},
	} {
		out, err := asked.Apply(t.Context(), tt.by, in)
		if got := trellis.KindOf(err); got != tt.want || out.Text != tt.text {
			t.Errorf("%s: text %q, kind %q (%v)", tt.name, out.Text, got, err)
		}
	}
	var q trellis.Question
	_, _ = asked.Apply(t.Context(), filterFunc(func(got trellis.Question) ([]byte, error) { q = got; return got.Data, nil }), in)
	if q.Person != "1" || q.Course != "course-v1:a+b+c" || !json.Valid(q.Data) {
		t.Errorf("question %+v", q)
	}
}

func TestDefinePanicsOnAnInvalidName(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an invalid name was taken")
		}
	}()
	trellis.DefineEvent[letter]("Nonsense", "")
}
