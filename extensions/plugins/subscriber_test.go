package plugins_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// listener is a bundle with a hook for events of a type, which does as do says,
// and a job.
func listener(t testing.TB, id, on string, do func(*testkit.Code)) []byte {
	t.Helper()
	return testkit.Bundle(t, map[string]any{"id": id, "version": "1.0.0", "abi": 1, "title": id, "permissions": []string{"kv", "events:emit", "jobs", "users:read", "pii:name"},
		"events": []any{map[string]any{"on": on, "call": "hear"}}, "jobs": []any{map[string]any{"name": "work", "call": "work"}}},
		testkit.Guest(map[string]func(*testkit.Code){"hear": do, "work": func(c *testkit.Code) { c.Log("worked"); c.Answer("{}") }}))
}

// happen emits an event of the tenant, as some other extension would.
func happen(t testing.TB, p *testkit.Platform, ctx context.Context, typ string) trellis.Event {
	t.Helper()
	e := trellis.NewEvent(trellis.WithTrace(ctx, trellis.Trace{ID: trellis.NewTraceID()}), typ, "x", "", course, json.RawMessage(`{}`))
	must(t, p.DB.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) })))
	return e
}

// TestRepeatedDelivery: an event that is delivered twice is emitted about once,
// and enqueues one job: their IDs come from the event, the installation, the hook
// and the number of the call, so that two in one delivery are two.
func TestRepeatedDelivery(t *testing.T) {
	p := testkit.Start(t, app.Config{Twice: true})
	ctx := p.Tenant(t, "acme")
	p.Install(t, ctx, listener(t, "acme.x", "other.thing.happened", func(c *testkit.Code) {
		c.Call("events.emit", `{"type":"acme.x.first"}`)
		c.Call("events.emit", `{"type":"acme.x.second"}`)
		c.Call("jobs.enqueue", `{"call":"work"}`)
		c.Call("jobs.enqueue", `{"call":"work"}`)
		c.Log("heard")
		c.Answer("{}")
	}), "", nil)
	const n = 5
	for range n {
		happen(t, p, ctx, "other.thing.happened")
	}
	heard := func(word string) (times int) {
		log, err := p.Registry.Logs(ctx, extensions.LogQuery{ID: "acme.x", Limit: 1000})
		must(t, err)
		for _, l := range log.Items {
			if l.Message == word {
				times++
			}
		}
		return times
	}
	testkit.Eventually(t, "everything delivered twice", func() bool { return heard("heard") >= 2*n })
	testkit.Eventually(t, "every job", func() bool { return heard("worked") >= 2*n })
	for _, typ := range []string{"acme.x.first", "acme.x.second"} {
		if got := len(p.Events(t, ctx, typ)); got != n {
			t.Errorf("%d events %s, want %d", got, typ, n)
		}
	}
	list, err := p.Jobs.List(ctx, jobs.Query{})
	must(t, err)
	if len(list.Items) != 2*n || heard("worked") != 2*n {
		t.Errorf("%d jobs, %d calls, want %d of each", len(list.Items), heard("worked"), 2*n)
	}
}

// TestHops: extensions that feed each other come to an end: an event beyond the
// eighth in a row is a dead letter, which can be read.
func TestHops(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	p.Install(t, ctx, listener(t, "acme.ping", "acme.pong.*", func(c *testkit.Code) { c.Call("events.emit", `{"type":"acme.ping.hit"}`); c.Answer("{}") }), "", nil)
	p.Install(t, ctx, listener(t, "acme.pong", "acme.ping.*", func(c *testkit.Code) { c.Call("events.emit", `{"type":"acme.pong.hit"}`); c.Answer("{}") }), "", nil)
	first := happen(t, p, ctx, "acme.ping.hit")
	var letters delivery.List
	testkit.Eventually(t, "a dead letter", func() (ok bool) {
		var err error
		letters, err = p.Ledger.List(ctx, delivery.Query{State: delivery.Dead})
		return err == nil && len(letters.Items) > 0
	})
	events := slices.Concat(p.Events(t, ctx, "acme.ping.hit"), p.Events(t, ctx, "acme.pong.hit"))
	if len(events) != trellis.MaxHops+2 || len(letters.Items) != 1 {
		t.Errorf("%d events and %d dead letters, want %d and 1", len(events), len(letters.Items), trellis.MaxHops+2)
	}
	for _, e := range events {
		if e.ID == letters.Items[0].Event && e.Hops != trellis.MaxHops+1 {
			t.Errorf("the dead letter is that of hop %d", e.Hops)
		}
		if e.ID != first.ID && (e.Trace != first.Trace || e.Cause == "" || e.Hops == 0 || !strings.HasPrefix(e.Source, "extension:")) {
			t.Errorf("%+v is not tied to what led to it", e)
		}
	}
	// One trace ID shows all of it.
	heard := map[string]bool{}
	for _, step := range trace(t, p, trellis.WithTrace(ctx, trellis.Trace{ID: first.Trace})) {
		if step.Outcome == "passed" {
			heard[step.Event] = true
		} else {
			t.Logf("tried again: %+v", step) // on a machine that has much else to do
		}
	}
	if len(heard) != trellis.MaxHops+1 || heard[letters.Items[0].Event] {
		t.Errorf("the trace shows deliveries of %d events, want %d", len(heard), trellis.MaxHops+1)
	}
}

// TestForgedEvents: an extension tells of its own events only.
func TestForgedEvents(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	forged := []string{"org.trellis.extension.enabled.v1", "org.openedx.learning.course.enrollment.created.v1", "acme.y.hit", "acme.xx.hit", "acme.x", "acme.hit", "ACME.x.hit", "acme.x..hit", "acme.x.*"}
	p.Install(t, ctx, listener(t, "acme.x", "other.thing.happened", func(c *testkit.Code) {
		for _, typ := range forged {
			c.Call("events.emit", `{"type":"`+typ+`"}`)
		}
		c.Call("events.emit", `{"type":"acme.x.done"}`)
		c.Answer("{}")
	}), "", nil)
	happen(t, p, ctx, "other.thing.happened")
	testkit.Eventually(t, "its own event", func() bool { return len(p.Events(t, ctx, "acme.x.done")) == 1 })
	for _, e := range p.Events(t, ctx, "") {
		if slices.Contains(forged, e.Type) && e.Source != "trellis" {
			t.Errorf("it told of %s", e.Type)
		}
	}
	if e := p.Events(t, ctx, "acme.x.done")[0]; !strings.HasPrefix(e.Source, "extension:") || !strings.HasPrefix(e.Actor, "extension:") {
		t.Errorf("source %s, actor %s", e.Source, e.Actor)
	}
}

// TestFailingSubscriber: what fails is tried again later, is kept as a dead letter
// when it is given up, and harms nobody else.
func TestFailingSubscriber(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	p.Install(t, ctx, listener(t, "acme.bad", "other.thing.happened", func(c *testkit.Code) { c.Fail(`{"kind":"invalid","message":"I cannot."}`) }), "", nil)
	p.Install(t, ctx, listener(t, "acme.good", "other.thing.happened", func(c *testkit.Code) { c.Call("events.emit", `{"type":"acme.good.heard"}`); c.Answer("{}") }), "", nil)
	e := happen(t, p, ctx, "other.thing.happened")
	testkit.Eventually(t, "the other hears it", func() bool { return len(p.Events(t, ctx, "acme.good.heard")) == 1 })
	testkit.Eventually(t, "a row for what failed", func() bool {
		rows, err := p.Ledger.List(ctx, delivery.Query{})
		return err == nil && len(rows.Items) == 1 && rows.Items[0].Event == e.ID && strings.Contains(rows.Items[0].Error, "I cannot.")
	})
}

// TestTold: what a subscriber receives, with the personal data that it was
// granted, filled in for it alone.
func TestTold(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	p.Course(t, ctx, course)
	created := "org.openedx.learning.course.enrollment.created.v1"
	p.Install(t, ctx, listener(t, "acme.x", created, func(c *testkit.Code) { c.LogInput(); c.Answer("{}") }), "", nil)
	person, _ := p.Person(t, ctx, "ada")
	must(t, second(p.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: course})))
	var told extensions.Told
	testkit.Eventually(t, "the event", func() bool {
		log, err := p.Registry.Logs(ctx, extensions.LogQuery{ID: "acme.x"})
		must(t, err)
		return len(log.Items) == 1 && json.Unmarshal([]byte(log.Items[0].Message), &told) == nil
	})
	e := p.Events(t, ctx, created)[0]
	if told.ID != e.ID || told.Person != person || told.Course != course || told.Attempt != 1 || told.Position == 0 || told.Trace != e.Trace || told.Type != created {
		t.Errorf("told %+v of %+v", told, e)
	}
	if s := string(told.Data); !strings.Contains(s, `"name":"Ada"`) || strings.Contains(s, "ada@example.org") || strings.Contains(string(e.Data), "Ada") {
		t.Errorf("it was told %s of %s", s, e.Data)
	}
	testkit.Eventually(t, "the reading in the audit log", func() bool {
		lines, err := p.DB.AuditLog(ctx, store.AuditQuery{Operation: "personal.read"})
		return err == nil && len(lines) == 1 && lines[0].Target == person && lines[0].Permission == "pii:name"
	})
}

// TestWork: a job of an extension is called again with its state for as long as
// it asks, and one of the whole tenant is not for course staff to run.
func TestWork(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	p.Course(t, ctx, course)
	p.Install(t, ctx, listener(t, "acme.x", "other.thing.happened", func(c *testkit.Code) { c.Answer("{}") }), "", nil)
	run := func(ctx context.Context, in string) (jobs.Job, error) {
		raw, err := p.API.Serve(ctx, hostapi.HTTPDoor, "extensions.run", []byte(in))
		var job jobs.Job
		if err == nil {
			must(t, json.Unmarshal(raw, &job))
		}
		return job, err
	}
	staff := trellis.WithActor(t.Context(), trellis.Actor{Tenant: "acme", ID: "s", Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: course}}})
	for _, in := range []string{`{"id":"acme.x","name":"work","course":"` + course + `"}`, `{"id":"acme.x","name":"work"}`} {
		if _, err := run(staff, in); trellis.KindOf(err) != trellis.Denied && trellis.KindOf(err) != trellis.NotFound {
			t.Errorf("course staff ran %s: %v", in, err)
		}
	}
	_, err := run(ctx, `{"id":"acme.x","name":"wrok"}`)
	if trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("err = %v", err)
	}
	job, err := run(ctx, `{"id":"acme.x","name":"work","input":{"n":1}}`)
	must(t, err)
	wait, cancel := context.WithTimeout(ctx, testkit.Patience)
	defer cancel()
	job, err = p.Jobs.Wait(wait, job.ID)
	must(t, err)
	if job.State != jobs.Done || !strings.Contains(string(job.Report), `"calls":1`) {
		t.Errorf("job %+v", job)
	}
	steps := trace(t, p, trellis.WithTrace(ctx, trellis.Trace{ID: job.Trace}))
	if len(steps) != 1 || steps[0].Job != job.ID || steps[0].Outcome != "passed" {
		t.Errorf("trace %+v", steps)
	}
}

// TestTracesOfTenants: clients choose trace IDs; two tenants that chose the same
// see each its own.
func TestTracesOfTenants(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	id := trellis.NewTraceID()
	var all []context.Context
	for i := range 2 {
		ctx := chain(t, p, "t"+strconv.Itoa(i), learning.EnrollmentStarted.Name(), answer("{}"))
		all = append(all, trellis.WithTrace(ctx, trellis.Trace{ID: id})) // a client chose the same
	}
	for i, ctx := range all {
		for range i + 1 {
			must(t, second(p.Plugins.Filter(ctx, trellis.Question{Type: learning.EnrollmentStarted.Name(), Data: []byte(`{"user":{"id":"1"},"course_key":"x","mode":"audit"}`)})))
		}
	}
	for i, ctx := range all {
		if steps := trace(t, p, ctx); len(steps) != i+1 {
			t.Errorf("tenant %d sees %d steps, want %d", i, len(steps), i+1)
		}
	}
	_, err := p.API.Serve(p.Tenant(t, "t3"), hostapi.HTTPDoor, "traces.get", []byte(`{"id":"`+id+`"}`))
	if trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("another tenant: %v", err)
	}
}

// TestSuspendedHearsLater: what happens while an extension is suspended it hears of when
// it goes on; what happens while a person has it switched off it does not.
func TestSuspendedHearsLater(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	p.Install(t, ctx, listener(t, "acme.good", "other.thing.happened", func(c *testkit.Code) { c.Call("events.emit", `{"type":"acme.good.heard"}`); c.Answer("{}") }), "", nil)
	heard := func(n int) func() bool {
		return func() bool { return len(p.Events(t, ctx, "acme.good.heard")) == n }
	}
	state := func(want string) func() bool {
		return func() bool {
			x, err := p.Registry.Get(ctx, "acme.good", extensions.Scope{})
			return err == nil && x.State == want
		}
	}
	happen(t, p, ctx, "other.thing.happened")
	testkit.Eventually(t, "the first", heard(1))
	must(t, p.DB.Write(store.Platform(ctx), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { // as its breaker does
		if _, err := tx.Exec(ctx, `UPDATE installations SET state = 'suspended', reason = 'it trapped'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE registry_version SET value = value + 1`)
		return err
	})))
	testkit.Eventually(t, "it is suspended", state("suspended"))
	for range 20 {
		happen(t, p, ctx, "other.thing.happened")
	}
	testkit.Eventually(t, "its place is kept", func() bool {
		var n int
		must(t, p.DB.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, `SELECT COUNT(*) FROM delivery_cursors WHERE keeps = 0`).Scan(&n)
		}))
		return n > 0
	})
	enable := extensions.Enable{ID: "acme.good", Grants: []string{"*"}}
	_, err := p.Registry.Enable(ctx, enable)
	must(t, err)
	testkit.Eventually(t, "the rest", heard(21))
	if rows, err := p.Ledger.List(ctx, delivery.Query{}); err != nil || len(rows.Items) != 0 {
		t.Errorf("rows %+v, %v", rows.Items, err)
	}
	_, err = p.Registry.Disable(ctx, "acme.good", "")
	must(t, err)
	happen(t, p, ctx, "other.thing.happened")
	_, err = p.Registry.Enable(ctx, enable)
	must(t, err)
	happen(t, p, ctx, "other.thing.happened")
	testkit.Eventually(t, "what came after", heard(22))
}

// TestEnabledElsewhere: what happens right after another node has enabled an extension
// is delivered, though this node has not looked at the registry since.
func TestEnabledElsewhere(t *testing.T) {
	dir := t.TempDir()
	p := testkit.Start(t, app.Config{Dir: dir})
	ctx := p.Tenant(t, "acme")
	p.Install(t, ctx, listener(t, "acme.good", "other.thing.happened", func(c *testkit.Code) { c.Call("events.emit", `{"type":"acme.good.heard"}`); c.Answer("{}") }), "", nil)
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "trellis.db")})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for n := range 10 {
		_, err := p.Registry.Disable(ctx, "acme.good", "")
		must(t, err)
		other, err := extensions.New(t.Context(), extensions.Config{DB: db}) // it only reads and writes rows
		must(t, err)
		_, err = other.Enable(ctx, extensions.Enable{ID: "acme.good", Grants: []string{"*"}})
		must(t, err)
		happen(t, p, ctx, "other.thing.happened")
		testkit.Eventually(t, "it hears", func() bool { return len(p.Events(t, ctx, "acme.good.heard")) == n+1 })
	}
}
