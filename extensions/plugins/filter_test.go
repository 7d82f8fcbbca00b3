package plugins_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile-child" {
		os.Exit(runtime.CompileChild(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

const course = "course-v1:A+B+1"

// step is one extension of a chain: what its guest does, and its line in the manifest.
type step struct {
	do          func(*testkit.Code)
	skip        bool
	permissions []string
}

func answer(s string) step { return step{do: func(c *testkit.Code) { c.Answer(s) }} }

// chain installs the steps for a filter in a tenant of its own, in the order
// opposite to that of asking, so that only "order" can put them right.
func chain(t *testing.T, p *testkit.Platform, tenant, filter string, steps ...step) context.Context {
	t.Helper()
	ctx := p.Tenant(t, tenant)
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		onError := "refuse"
		if s.skip {
			onError = "skip"
		}
		p.Install(t, ctx, testkit.Bundle(t, map[string]any{"id": "acme.step" + strconv.Itoa(i), "version": "1.0.0", "abi": 1, "title": "Step", "permissions": append([]string{}, s.permissions...),
			"filters": []any{map[string]any{"on": filter, "call": "check", "order": 10 + i, "on_error": onError}}},
			testkit.Guest(map[string]func(*testkit.Code){"check": s.do})), "", nil)
	}
	return trellis.WithTrace(ctx, trellis.Trace{ID: trellis.NewTraceID()})
}

// trace returns what a request's trace shows, through the operation.
func trace(t *testing.T, p *testkit.Platform, ctx context.Context) (steps []plugins.Step) {
	t.Helper()
	raw, err := p.API.Serve(ctx, hostapi.HTTPDoor, "traces.get", []byte(`{"id":"`+trellis.TraceFrom(ctx).ID+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	var tr plugins.Trace
	if err := json.Unmarshal(raw, &tr); err != nil {
		t.Fatal(err)
	}
	return tr.Steps
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, trellis.KindOf(err))
	}
}

// TestChain is the contract of a filter: the steps are asked in order, each on
// what the last has left; one may stop the chain or refuse, and one that fails
// refuses or is skipped, as its manifest says.
func TestChain(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	refuse := `{"refuse":{"code":"full","message":"The course is full."`
	redirect := `,"effect":{"kind":"redirect","redirect":"/elsewhere"}`
	patch := func(mode string) step { return answer(`{"patch":{"mode":"` + mode + `"}}`) }
	trap := func(c *testkit.Code) { c.Trap() }
	login := learning.LoginRequested.Name()
	enrol := learning.EnrollmentStarted.Name()
	for i, tt := range []struct {
		name, filter string
		steps        []step
		mode         string // of the result
		want         trellis.Kind
		says         string
		outcomes     string // of the steps in the trace
	}{
		{"nobody", enrol, nil, "audit", "", "", ""},
		{"no change", enrol, []step{answer(`{}`)}, "audit", "", "", "passed"},
		{"each on what the last has left", enrol, []step{patch("honor"), patch("verified")}, "verified", "", "", "changed changed"},
		{"stop", enrol, []step{answer(`{"patch":{"mode":"honor"},"stop":true}`), patch("verified")}, "honor", "", "", "changed"},
		{"stop without a change", enrol, []step{answer(`{"stop":true}`), {do: trap}}, "audit", "", "", "passed"},
		{"refuse", enrol, []step{patch("honor"), answer(refuse + `}}`), patch("verified")}, "", trellis.Refused, "The course is full.", "changed refused"},
		{"refuse with an effect that it has", login, []step{answer(refuse + redirect + `}}`)}, "", trellis.Refused, "The course is full.", "refused"},
		{"refuse with an effect that it has not", enrol, []step{answer(refuse + redirect + `}}`)}, "", trellis.Unavailable, `no effect "redirect"`, "failed"},
		{"refuse with an effect, skipped", enrol, []step{{do: answer(refuse + redirect + `}}`).do, skip: true}}, "audit", "", "", "failed"},
		{"redirect to another host", login, []step{answer(strings.Replace(refuse+redirect+`}}`, "/else", "//else", 1))}, "", trellis.Unavailable, "stays within", "failed"},
		{"a trap", enrol, []step{{do: trap}, patch("honor")}, "", trellis.Unavailable, "nobody is let through", "failed"},
		{"a trap, skipped", enrol, []step{{do: trap, skip: true}, patch("honor")}, "honor", "", "", "failed changed"},
		{"an empty answer", enrol, []step{answer(``)}, "", trellis.Unavailable, "answer", "failed"},
		{"no JSON", enrol, []step{answer(`no`)}, "", trellis.Unavailable, "answer", "failed"},
		{"an unknown key", enrol, []step{answer(`{"patchs":{}}`)}, "", trellis.Unavailable, "patchs", "failed"},
		{"a key in other letters", enrol, []step{answer(`{"Stop":true}`)}, "", trellis.Unavailable, "Stop", "failed"},
		{"a key twice", enrol, []step{answer(`{"stop":true,"stop":false}`)}, "", trellis.Unavailable, "twice", "failed"},
		{"an unknown key in the refusal", enrol, []step{answer(refuse + `,"status":200}}`)}, "", trellis.Unavailable, "status", "failed"},
		{"a patch that does not fit", enrol, []step{answer(`{"patch":{"mode":1}}`)}, "", trellis.Unavailable, "does not fit", "failed"},
		{"a patch with another field", enrol, []step{answer(`{"patch":{"price":1}}`)}, "", trellis.Unavailable, "price", "failed"},
		{"a patch that does not fit, skipped", enrol, []step{patch("honor"), {do: answer(`{"patch":{"mode":[]}}`).do, skip: true}}, "honor", "", "", "changed failed"},
		{"a patch of what was redacted", enrol, []step{answer(`{"patch":{"user":{"pii":{"name":"Mallory"}}}}`)}, "", trellis.Unavailable, "may not see", "failed"},
		{"a patch that removes what it is in", enrol, []step{answer(`{"patch":{"user":null}}`)}, "", trellis.Unavailable, "may not see", "failed"},
		{"a patch of a look-alike", enrol, []step{answer(`{"patch":{"user":{"PII":{"name":"Mallory"}}}}`)}, "", trellis.Unavailable, "user.PII", "failed"},
		{"a patch of a look-alike of another alphabet", enrol, []step{answer("{\"patch\":{\"u\u017fer\":{\"pii\":{\"name\":\"Mallory\"}}}}")}, "", trellis.Unavailable, "unknown key", "failed"},
		{"an error of the kind refused", enrol, []step{{do: func(c *testkit.Code) { c.Fail(`{"kind":"refused","message":"No."}`) }}}, "", trellis.Unavailable, "could not decide", "failed"},
		{"an error of the kind refused, skipped", enrol, []step{{do: func(c *testkit.Code) { c.Fail(`{"kind":"refused","message":"No."}`) }, skip: true}}, "audit", "", "", "failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := chain(t, p, "t"+strconv.Itoa(i), tt.filter, tt.steps...)
			data := `{"user":{"id":"1","is_active":true},"course_key":"` + course + `","mode":"audit"}`
			if tt.filter == login {
				data = `{"user":{"id":"1","is_active":true}}`
			}
			out, err := p.Plugins.Filter(ctx, trellis.Question{Type: tt.filter, Person: "1", Course: course, Data: []byte(data)})
			if got := trellis.KindOf(err); got != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("kind = %q, want %q that says %q (%v)", got, tt.want, tt.says, err)
			}
			var refusal *trellis.Refusal
			if tt.want == trellis.Refused {
				if !errors.As(err, &refusal) || refusal.Filter != tt.filter || refusal.Code != "full" || !strings.HasPrefix(refusal.Extension, "acme.step") || (refusal.Effect != nil) != (tt.filter == login) {
					t.Errorf("refusal %+v", refusal)
				}
			} else if errors.As(err, &refusal) {
				t.Errorf("a failure is a refusal: %+v", refusal)
			}
			var q learning.EnrollmentQuestion
			if err == nil {
				must(t, json.Unmarshal(out, &q))
				if q.Mode != tt.mode || q.User.ID != "1" || q.User.PII.Name != "" {
					t.Errorf("the result is %s, want mode %q", out, tt.mode)
				}
			}
			if tt.outcomes == "" {
				return
			}
			var outcomes []string
			for i, s := range trace(t, p, ctx) {
				outcomes = append(outcomes, s.Outcome)
				if s.Extension != "acme.step"+strconv.Itoa(i) || s.Filter != tt.filter || s.Fuel == 0 || s.Duration <= 0 || (s.Error != "") != (s.Outcome == "failed" || s.Outcome == "refused") {
					t.Errorf("step %d is %+v", i, s)
				}
			}
			if got := strings.Join(outcomes, " "); got != tt.outcomes {
				t.Errorf("outcomes %q, want %q", got, tt.outcomes)
			}
		})
	}
}

// TestSpinningStep: a step that computes without end is blamed for that, and one for
// which the clock was too fast, for the time; nobody is let through by either.
func TestSpinningStep(t *testing.T) {
	enrol := learning.EnrollmentStarted.Name()
	for _, tt := range []struct {
		name string
		fuel uint64 // a second's
		says string
	}{
		{"little fuel", 1_000_000, "out of fuel: used the 40000 units"}, // worth four fifths of its 50 ms
		{"much fuel", 1 << 50, "out of time: 50ms is over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testkit.Start(t, app.Config{Fuel: tt.fuel, Filters: 250 * time.Millisecond})
			ctx := chain(t, p, "acme", enrol, step{do: func(c *testkit.Code) { c.Spin() }})
			_, err := p.Plugins.Filter(ctx, trellis.Question{Type: enrol, Person: "1", Course: course, Data: []byte(`{"user":{"id":"1","is_active":true},"course_key":"` + course + `","mode":"audit"}`)})
			if trellis.KindOf(err) != trellis.Unavailable || !strings.Contains(err.Error(), "nobody is let through") {
				t.Errorf("error %v", err)
			}
			if steps := trace(t, p, ctx); len(steps) != 1 || steps[0].Outcome != "failed" || !strings.Contains(steps[0].Error, tt.says) {
				t.Errorf("steps %+v, want one that says %q", steps, tt.says)
			}
		})
	}
}

// TestQuestion: what a filter receives, with the personal data that it was
// granted, the reading of which is in the audit log.
func TestQuestion(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	listen := func(c *testkit.Code) { c.LogInput(); c.Answer("{}") }
	for _, tt := range []struct {
		tenant      string
		permissions []string
		shown       []string
		hidden      []string
	}{
		{"none", nil, nil, []string{"Ada", "ada"}},
		{"name", []string{"pii:name"}, []string{`"name":"Ada"`}, []string{"ada@example.org", `"username"`}},
		{"all", []string{"pii:name", "pii:email", "pii:username"}, []string{`"name":"Ada"`, "ada@example.org", `"username":"ada"`}, nil},
	} {
		t.Run(tt.tenant, func(t *testing.T) {
			ctx := chain(t, p, tt.tenant, learning.EnrollmentStarted.Name(), step{do: listen, permissions: tt.permissions})
			data := `{"user":{"id":"1","is_active":true,"pii":{"username":"ada","email":"ada@example.org","name":"Ada"}},"course_key":"` + course + `","mode":"audit"}`
			_, err := p.Plugins.Filter(ctx, trellis.Question{Type: learning.EnrollmentStarted.Name(), Person: "1", Course: course, Data: []byte(data)})
			must(t, err)
			log, err := p.Registry.Logs(ctx, extensions.LogQuery{ID: "acme.step0"})
			must(t, err)
			if len(log.Items) != 1 || log.Items[0].Trace != trellis.TraceFrom(ctx).ID {
				t.Fatalf("log %+v", log.Items)
			}
			asked := log.Items[0].Message
			var q map[string]json.RawMessage
			must(t, json.Unmarshal([]byte(asked), &q))
			if got := slices.Sorted(maps.Keys(q)); !slices.Equal(got, []string{"actor", "course", "data", "id", "settings", "tenant", "time", "trace", "type"}) {
				t.Errorf("a filter receives %v", got)
			}
			for _, s := range tt.shown {
				if !strings.Contains(asked, s) {
					t.Errorf("%s is not in %s", s, asked)
				}
			}
			for _, s := range tt.hidden {
				if strings.Contains(asked, s) {
					t.Errorf("%s is in %s", s, asked)
				}
			}
			lines, err := p.DB.AuditLog(ctx, store.AuditQuery{Operation: "personal.read"})
			must(t, err)
			if len(lines) != len(tt.permissions) {
				t.Errorf("%d readings are recorded, want %d: %+v", len(lines), len(tt.permissions), lines)
			}
			for _, l := range lines {
				if l.Target != "1" || !strings.HasPrefix(l.Permission, "pii:") {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}

// TestFilterChangesNothing: within a filter nothing is written.
func TestFilterChangesNothing(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	for i, op := range []struct{ name, in, permission string }{
		{"kv.set", `{"key":"k","value":1}`, "kv"}, {"kv.delete", `{"key":"k"}`, "kv"}, {"jobs.enqueue", `{"call":"x"}`, "jobs"},
		{"events.emit", `{"type":"acme.step0.x"}`, "events:emit"}, {"enrollments.create", `{"course":"` + course + `","person":"x"}`, "enrollments:write"},
	} {
		ctx := chain(t, p, "t"+strconv.Itoa(i), learning.EnrollmentStarted.Name(), step{permissions: []string{op.permission}, do: func(c *testkit.Code) {
			c.Call(op.name, op.in)
			c.Result()
		}})
		before := len(p.Events(t, ctx, ""))
		_, err := p.Plugins.Filter(ctx, trellis.Question{Type: learning.EnrollmentStarted.Name(), Course: course, Data: []byte(`{"user":{"id":"1"},"course_key":"x","mode":"audit"}`)})
		if trellis.KindOf(err) != trellis.Unavailable {
			t.Errorf("%s: %v", op.name, err)
		}
		lines, err := p.DB.AuditLog(ctx, store.AuditQuery{Operation: op.name, Outcome: "denied"})
		must(t, err)
		if len(lines) != 1 || len(p.Events(t, ctx, "")) != before {
			t.Errorf("%s was not denied: %+v", op.name, lines)
		}
	}
}

// TestScopeOfAFilter: a course's extension is not asked elsewhere, nor a tenant's
// in another.
func TestScopeOfAFilter(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx, other := p.Tenant(t, "a"), p.Tenant(t, "b")
	must(t, second(p.Registry.Install(ctx, testkit.Bundle(t, map[string]any{"id": "acme.no", "version": "1.0.0", "abi": 1, "title": "No",
		"filters": []any{map[string]any{"on": learning.EnrollmentStarted.Name(), "call": "check"}}},
		testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer(`{"refuse":{"code":"no","message":"No."}}`) }})), extensions.Scope{Course: course})))
	must(t, second(p.Registry.Enable(ctx, extensions.Enable{ID: "acme.no", Course: course, Grants: []string{}})))
	for _, tt := range []struct {
		ctx    context.Context
		course string
		want   trellis.Kind
	}{{ctx, course, trellis.Refused}, {ctx, "course-v1:A+C+1", ""}, {ctx, "", ""}, {other, course, ""}} {
		_, err := p.Plugins.Filter(tt.ctx, trellis.Question{Type: learning.EnrollmentStarted.Name(), Course: tt.course, Data: []byte(`{"user":{"id":"1"},"course_key":"x","mode":"audit"}`)})
		if got := trellis.KindOf(err); got != tt.want {
			t.Errorf("%s in %q: %q, want %q", trellis.ActorFrom(tt.ctx).Tenant, tt.course, got, tt.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
