package hostapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

// delivery returns the context in which an event is delivered to a hook.
func delivery(ctx context.Context, event, hook string) context.Context {
	return hostapi.WithCaller(ctx, hostapi.Caller{
		Installation: "inst", Hook: hook, Seed: event, Grants: []hostapi.Grant{{Permission: "grades:write"}, {Permission: "grades:read"}},
	})
}

func TestRepeatedDeliveryGetsTheSameIDs(t *testing.T) {
	b := &notebook{}
	api := newAPI(t, b, hostapi.Quotas{})
	event := trellis.NewID()
	add := func(ctx context.Context) string {
		t.Helper()
		out, err := api.Call(ctx, "notes.add", addInGo)
		if err != nil {
			t.Fatal(err)
		}
		var a Added
		if err := json.Unmarshal(out, &a); err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	refused := func(ctx context.Context, kind trellis.Kind) {
		t.Helper()
		b.fail = trellis.Errorf(kind, "not this time")
		if _, err := api.Call(ctx, "notes.add", addInGo); trellis.KindOf(err) != kind {
			t.Fatal(err)
		}
	}

	first := delivery(as(t, robot), event, "welcome")
	want := []string{add(first), add(first), add(first)}
	if want[0] == want[1] || want[1] == want[2] {
		t.Errorf("one delivery makes the same twice: %v", want)
	}

	again := delivery(as(t, robot), event, "welcome")
	if _, err := api.Call(again, "notes.get", addInGo); err != nil { // another operation does not count
		t.Fatal(err)
	}
	if got := []string{add(again), add(again), add(again)}; !slices.Equal(got, want) {
		t.Errorf("a repeat gets %v, want %v", got, want)
	}

	patient := delivery(as(t, robot), event, "welcome")
	refused(patient, trellis.Exhausted)
	refused(patient, trellis.Conflict)
	if got := add(patient); got != want[0] {
		t.Errorf("after a refusal it gets %s, want the first, %s", got, want[0])
	}
	refused(patient, trellis.Unavailable) // it may have been done for all that
	if got := add(patient); got != want[2] {
		t.Errorf("after an uncertain end it gets %s, want the third, %s", got, want[2])
	}

	for name, ctx := range map[string]context.Context{
		"another hook":    delivery(as(t, robot), event, "farewell"),
		"another event":   delivery(as(t, robot), trellis.NewID(), "welcome"),
		"no event":        delivery(as(t, robot), "", "welcome"),
		"no event, again": delivery(as(t, robot), "", "welcome"),
	} {
		if got := add(ctx); slices.Contains(want, got) {
			t.Errorf("%s gets the same ID", name)
		}
	}
}

func TestCallerFrom(t *testing.T) {
	if _, ok := hostapi.CallerFrom(t.Context()); ok {
		t.Error("somebody runs where nobody does")
	}
	want := hostapi.Caller{Installation: "inst", Extension: "acme.notes", Hook: "welcome", Settings: json.RawMessage(`{}`)}
	got, ok := hostapi.CallerFrom(hostapi.WithCaller(t.Context(), want))
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("caller %+v, want %+v", got, want)
	}
}

func TestPersonalDataIsLeftOut(t *testing.T) {
	api := newAPI(t, &notebook{}, hostapi.Quotas{})
	narrow := admin
	narrow.Scopes = []string{"grades:read", "pii:name"}
	granted := func(a trellis.Actor, grants ...hostapi.Grant) context.Context {
		return hostapi.WithCaller(as(t, a), hostapi.Caller{Installation: "inst", Grants: append(grants, hostapi.Grant{Permission: "grades:read"})})
	}
	for _, tt := range []struct {
		name           string
		ctx            context.Context
		door           hostapi.Door
		course, person string
		want           string
	}{
		{"an admin", as(t, admin), hostapi.HTTPDoor, goCourse, "ada", "username email name"},
		{"a token", as(t, narrow), hostapi.HTTPDoor, goCourse, "ada", "name"},
		{"staff", as(t, staff), hostapi.HTTPDoor, goCourse, "ada", "username email name"},
		{"a learner, her own", as(t, learner), hostapi.HTTPDoor, goCourse, "ada", "username email name"},
		{"an extension without", granted(robot), hostapi.GuestDoor, goCourse, "ada", ""},
		{"an extension with one", granted(robot, hostapi.Grant{Permission: "pii:email"}), hostapi.GuestDoor, goCourse, "ada", "email"},
		{"an extension with one elsewhere", granted(robot, hostapi.Grant{Permission: "pii:email", Course: artCourse}), hostapi.GuestDoor, goCourse, "ada", ""},
		{"an extension for a learner", granted(learner, hostapi.Grant{Permission: "pii:email"}), hostapi.GuestDoor, goCourse, "ada", "email"},
	} {
		in := fmt.Appendf(nil, `{"course":%q,"person":%q}`, tt.course, tt.person)
		for _, operation := range []string{"notes.get", "notes.list"} {
			raw, err := api.Serve(tt.ctx, tt.door, operation, in)
			if err != nil {
				t.Fatal(err)
			}
			one := Note{}
			notes := Notes{}
			if operation == "notes.get" {
				err = json.Unmarshal(raw, &one)
				notes.Items = []Note{one}
			} else {
				err = json.Unmarshal(raw, &notes)
			}
			if err != nil || len(notes.Items) == 0 {
				t.Fatalf("%s: %v", raw, err)
			}
			for _, n := range notes.Items {
				if got := shown(n.About); got != tt.want || n.Text != "good" || n.About.ID != tt.person {
					t.Errorf("%s: %s shows %q, want %q", tt.name, operation, got, tt.want)
				}
			}
		}
	}
	// A list beyond what the reader reaches as a whole shows nobody's.
	raw, err := api.Serve(as(t, staff), hostapi.HTTPDoor, "notes.list", []byte(`{"course":""}`))
	if err != nil {
		t.Fatal(err)
	}
	var notes Notes
	if err := json.Unmarshal(raw, &notes); err != nil || shown(notes.Items[0].About) != "" {
		t.Errorf("a list of the tenant shows %s", raw)
	}
}

func shown(u trellis.User) string {
	s := ""
	for _, f := range []struct{ name, value string }{{"username", u.PII.Username}, {"email", u.PII.Email}, {"name", u.PII.Name}} {
		if f.value != "" {
			if s != "" {
				s += " "
			}
			s += f.name
		}
	}
	return s
}
