package plugins_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestPartOfATrace: the staff of a course see in a trace what their own extension
// did, and nothing of what the tenant's, or one of the same name in another course,
// did in the same request.
func TestPartOfATrace(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "a")
	here, there := p.Course(t, ctx, "course-v1:A+Here+1"), p.Course(t, ctx, "course-v1:A+There+1")
	staff := func(course string) context.Context {
		return trellis.WithActor(t.Context(), trellis.Actor{Tenant: "a", ID: "staff", Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: course}}})
	}
	bundle := func(id string) []byte {
		return testkit.Bundle(t, map[string]any{"id": id, "version": "1.0.0", "abi": 1, "title": id, "filters": []any{map[string]any{"on": learning.EnrollmentStarted.Name(), "call": "check"}}},
			testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer("{}") }}))
	}
	p.Install(t, ctx, bundle("acme.whole"), "", nil)
	for _, course := range []string{here, there} {
		_, err := p.Registry.Install(staff(course), bundle("acme.own"), extensions.Scope{Course: course})
		must(t, err)
		_, err = p.Registry.Enable(staff(course), extensions.Enable{ID: "acme.own", Course: course, Grants: []string{}})
		must(t, err)
	}
	id, _ := p.Person(t, ctx, "ada")
	ctx = trellis.WithTrace(ctx, trellis.Trace{ID: trellis.NewTraceID()}) // one request that concerns both courses
	for _, course := range []string{here, there} {
		_, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: course})
		must(t, err)
	}
	if all := trace(t, p, ctx); len(all) != 4 {
		t.Fatalf("the whole trace has %d steps", len(all))
	}
	part := func(ctx2 context.Context, id, course string) ([]plugins.Step, error) {
		in, err := json.Marshal(plugins.Part{ID: id, Course: course, Trace: trellis.TraceFrom(ctx).ID})
		must(t, err)
		raw, err := p.API.Serve(ctx2, hostapi.HTTPDoor, "extensions.trace", in)
		if err != nil {
			return nil, err
		}
		var tr plugins.Trace
		must(t, json.Unmarshal(raw, &tr))
		return tr.Steps, nil
	}
	own, err := p.Registry.Get(ctx, "acme.own", extensions.Scope{Course: here})
	must(t, err)
	steps, err := part(staff(here), "acme.own", here)
	must(t, err)
	if len(steps) != 1 || steps[0].Installation != own.Installation {
		t.Errorf("the staff see %+v", steps)
	}
	for _, tt := range []struct {
		name, id, course string
		ctx              context.Context
	}{
		{"the tenant's by its course", "acme.whole", here, staff(here)}, {"the tenant's", "acme.whole", "", staff(here)},
		{"another course's", "acme.own", there, staff(here)}, {"another tenant", "acme.own", here, app.System(t.Context(), "b")},
	} {
		if steps, err := part(tt.ctx, tt.id, tt.course); trellis.KindOf(err) != trellis.NotFound {
			t.Errorf("%s: %+v (%v)", tt.name, steps, err)
		}
	}
	if _, err := p.API.Serve(staff(here), hostapi.HTTPDoor, "traces.get", []byte(`{"id":"`+trellis.TraceFrom(ctx).ID+`"}`)); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("the staff of a course read a whole trace: %v", err)
	}
}
