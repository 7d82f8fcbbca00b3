package trellis_test

import (
	"context"
	"errors"
	"fmt"
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
