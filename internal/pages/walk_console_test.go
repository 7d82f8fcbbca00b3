package pages_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// walkConsole are the steps through the console.
func walkConsole() []step {
	//                  nobody learner other team admin operator stranger
	const (
		see    = "login 403 403 403 200 200 404"
		do     = "login 403 403 403 done done 404"
		bad    = "login 403 403 403 400 400 404"
		no     = "login 403 403 403 409 409 404"
		forged = "login 403 403 403 403 403 404"
		see1   = "login 403 403 403 403 200 404" // operators alone
		do1    = "login 403 403 403 403 done 404"
	)
	x := "/console/extensions/acme.whole"
	held := func(before, name, after string) func(*world) string {
		return func(w *world) string { return before + w.held[name] + after }
	}
	bob := func(rest string) func(*world) string {
		return func(w *world) string { return "/console/people/" + w.ids["bob"] + rest }
	}
	of := func(names ...string) func(*world) url.Values { // pairs of a field and what holds its value
		return func(w *world) url.Values {
			v := url.Values{}
			for i := 0; i+1 < len(names); i += 2 {
				v.Set(names[i], w.held[names[i+1]])
			}
			return v
		}
	}
	noZip := func(field string) func(*world) (string, []byte) {
		return func(*world) (string, []byte) { return field, []byte("no zip") }
	}
	return []step{
		{route: "console", path: at("/console"), want: see},
		{route: "console.act", path: at("/console"), form: sent("_hook", "forged"), want: forged},
		{route: "console.extensions", path: at("/console/extensions"), ready: wholeThere, want: see},
		{route: "console.stop", path: at(x + "/stop"), ready: wholeThere, want: see},
		{route: "console.stop.post", path: at(x + "/stop"), form: sent(), ready: wholeAnew, want: do},
		{route: "console.resume", path: at(x + "/resume"), form: sent(), ready: wholeStopped, want: do},
		{route: "extension.console.upload", path: at("/console/extensions/upload"), want: see},
		{route: "extension.console.upload.post", path: at("/console/extensions/upload"), form: sent(), file: noZip("bundle"), want: bad},
		{route: "extension.console.one", path: at(x), ready: wholeAnew, want: see},
		{route: "extension.console.review", path: at(x + "/review"), ready: wholeThere, want: see},
		{route: "extension.console.settings", path: at(x + "/settings"), ready: wholeThere, want: see},
		{route: "extension.console.rollback", path: at(x + "/rollback"), ready: wholeThere, want: see},
		{route: "extension.console.uninstall", path: at(x + "/uninstall"), ready: wholeThere, want: see},
		{route: "extension.console.log", path: at(x + "/log"), ready: wholeThere, want: see},
		{route: "extension.console.trace", path: held(x+"/errors/", "trace", ""), ready: wholeThere, want: see},
		{route: "extension.console.enable", path: at(x + "/enable"), form: sent("version", "1.0.1", "grant", "kv"), ready: wholeAnew, want: do},
		{route: "extension.console.settings.post", path: at(x + "/settings"), form: sent("s.0", "4"), ready: wholeAnew, want: do},
		{route: "extension.console.secrets", path: at(x + "/secrets"), form: sent("name", "key", "value", "hush"), ready: wholeAnew, want: do},
		{route: "extension.console.retry", path: at(x + "/retry"), form: sent(), ready: wholeAnew, want: do},
		{route: "extension.console.off", path: at(x + "/off"), form: sent(), ready: wholeAnew, want: do},
		{route: "extension.console.on", path: at(x + "/on"), form: sent(), ready: wholeAnew, want: do},
		{route: "extension.console.consent", path: at(x + "/consent"), form: sent("version", "2.0.0", "grant", "kv"), ready: wholeAnew, want: do},
		{route: "extension.console.rollback.post", path: at(x + "/rollback"), form: sent("from", "1.0.1"), ready: wholeAnew, want: do},
		{route: "extension.console.uninstall.post", path: at(x + "/uninstall"), form: sent(), ready: wholeAnew, want: do},

		{route: "console.approvals", path: at("/console/approvals"), ready: askedFor, want: see},
		{route: "console.approvals.post", path: at("/console/approvals"), form: asks("do", "approve", "version", "1.0.0", "grant", "pii:name"), ready: askedFor, want: do},
		{route: "console.approvals.post", path: at("/console/approvals"), form: asks("do", "back", "reason", "No."), ready: askedFor, want: do},
		{route: "console.approvals.undo", path: at("/console/approvals/undo"), form: asks(), ready: askedFor, want: do},
		{route: "console.self_service", path: at("/console/self-service"), want: see},
		{route: "console.self_service.post", path: at("/console/self-service"), form: sent("permission", "kv"), want: do},
		{route: "console.keys", path: at("/console/keys"), want: see},
		{route: "console.keys.trust", path: at("/console/keys"), form: of("publisher", "publisher", "key", "key"), ready: distrusted, want: do1},
		{route: "console.keys.remove", path: at("/console/keys/walker/remove"), ready: trusted, want: see1},
		{route: "console.keys.remove.post", path: at("/console/keys/walker/remove"), form: sent(), ready: trusted, want: do1},

		{route: "console.people", path: at("/console/people"), want: see},
		{route: "console.people.new", path: at("/console/people/new"), want: see},
		{route: "console.people.new.post", path: at("/console/people/new"), form: of("username", "fresh"), ready: freshName, want: do},
		{route: "console.person", path: bob(""), want: see},
		{route: "console.person.post", path: bob(""), form: sent("username", "bob", "name", "Bob", "email", ""), want: do},
		{route: "console.person.active", path: bob("/active"), form: sent("active", "true"), want: do},
		{route: "console.person.password", path: bob("/password"), form: sent("password", "correct horse"), want: do},
		{route: "console.person.roles", path: bob("/roles"), form: sent("role", "staff"), want: do},
		{route: "console.person.roles", path: bob("/roles"), form: sent("do", "take", "role", "staff"), want: do},
		{route: "console.person.erase", path: held("/console/people/", "gone", "/erase"), ready: freshPerson, want: see},
		{route: "console.person.erase.post", path: held("/console/people/", "gone", "/erase"), form: of("typed", "fresh"), ready: freshPerson, want: do},
		{route: "console.tokens", path: at("/console/tokens"), want: see},
		{route: "console.tokens.new", path: at("/console/tokens/new"), want: see},
		{route: "console.tokens.new.post", path: at("/console/tokens/new"), form: sent("name", "walk", "kind", "tenant-admin", "days", "7"), want: see},
		{route: "console.tokens.end", path: tokenOf("/end"), ready: freshToken, want: see},
		{route: "console.tokens.end.post", path: tokenOf("/end"), form: sent(), ready: freshToken, want: do},
		{route: "console.tenants", path: at("/console/tenants"), want: see1},
		{route: "console.tenants.new", path: at("/console/tenants/new"), want: see1},
		{route: "console.tenants.new.post", path: at("/console/tenants/new"), form: sent("name", "walked", "title", "Walked"), want: do1},
		{route: "console.tenant", path: at("/console/tenants/demo"), want: see1},
		{route: "console.tenant.post", path: at("/console/tenants/elsewhere"), form: sent("title", "Walked"), want: do1},

		{route: "console.brand", path: at("/console/brand"), want: see},
		{route: "console.brand.post", path: at("/console/brand"), form: sent("title", "Demo", "accent", "#0b6277"), want: do},
		{route: "console.courses", path: at("/console/courses"), want: see},
		{route: "console.import", path: at("/console/import"), want: see},
		{route: "console.import.post", path: at("/console/import"), form: sent("title", "x"), file: noZip("roster"), want: bad},
		{route: "console.import.check", path: held("/console/import/", "braked", "/check"), form: sent(), ready: braked, want: do},
		{route: "console.import.run", path: held("/console/import/", "roster", "/run"), form: sent(), ready: imported, want: no},
		{route: "console.export", path: at("/console/export/oneroster"), want: see},
		{route: "console.jobs", path: at("/console/jobs"), want: see},
		{route: "console.job", path: held("/console/jobs/", "roster", ""), ready: imported, want: see},
		{route: "console.job.refused", path: held("/console/jobs/", "roster", "/refused.csv"), ready: imported, want: see},
		{route: "console.job.leftovers", path: held("/console/jobs/", "roster", "/refused.zip"), ready: imported, want: see},
		{route: "console.job.cancel", path: held("/console/jobs/", "job", "/cancel"), form: sent(), ready: queued, want: do},
		{route: "console.job.retry", path: held("/console/jobs/", "job", "/retry"), form: sent(), ready: cancelled, want: do},

		{route: "console.events", path: at("/console/events"), want: see},
		{route: "console.event", path: held("/console/events/", "event", ""), ready: someEvent, want: see},
		{route: "console.trace", path: held("/console/traces/", "trace", ""), ready: someEvent, want: see},
		{route: "console.deliveries", path: at("/console/deliveries"), want: see},
		{route: "console.delivery", path: held("/console/deliveries/", "letter", ""), ready: letter, want: see},
		{route: "console.delivery.send", path: held("/console/deliveries/", "letter", ""), form: sent("do", "same"), ready: letter, want: do},
		{route: "console.delivery.drop", path: held("/console/deliveries/", "letter", "/drop"), form: sent(), ready: letter, want: do},
		{route: "console.deliveries.all", path: at("/console/deliveries/all"), form: of("subscriber", "subscriber", "type", "type", "error", "error", "do", "drop"), ready: letter, want: do},
		{route: "console.deliveries.cancel", path: at("/console/deliveries/cancel"), form: of("batch", "batch"), ready: resent, want: do},
		{route: "console.deliveries.restore", path: at("/console/deliveries/restore"), form: of("batch", "letter"), ready: dropped, want: do},
		{route: "console.audit", path: at("/console/audit"), want: see},
		{route: "console.audit.csv", path: at("/console/audit.csv"), want: see},
	}
}

func tokenOf(rest string) func(*world) string {
	return func(w *world) string { return "/console/tokens/" + w.token + rest }
}

// wholeAnew brings about an extension of the tenant, which hears of enrolments: it
// is on in its second version, and a third one waits for consent.
func wholeAnew(t *testing.T, w *world) {
	t.Helper()
	if x, err := w.Registry.Get(w.Ctx, "acme.whole", extensions.Scope{}); err == nil && reflect.DeepEqual(x, w.whole) {
		return // who was asked before has changed nothing
	}
	if err := w.Registry.Uninstall(w.Ctx, "acme.whole", extensions.Scope{}); err != nil && trellis.KindOf(err) != trellis.NotFound {
		t.Fatal(err)
	}
	guest := testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Log("asked"); c.Answer("{}") }})
	for _, version := range []string{"1.0.0", "1.0.1", "2.0.0"} {
		permissions := []string{"kv"}
		if version == "2.0.0" {
			permissions = append(permissions, "grades:read")
		}
		_, err := w.Registry.Install(w.Ctx, testkit.Bundle(t, map[string]any{
			"id": "acme.whole", "version": version, "abi": 1, "title": "Whole", "permissions": permissions,
			"settings": map[string]any{"type": "object", "properties": map[string]any{"days": map[string]any{"type": "integer"}}},
			"secrets":  []any{map[string]any{"name": "key", "title": "Key"}},
			"filters":  []any{map[string]any{"on": pagestest.Enrolling, "call": "check"}}, "events": []any{map[string]any{"on": pagestest.Enrolled, "call": "check"}},
		}, guest), extensions.Scope{})
		if err == nil && version == "1.0.0" {
			_, err = w.Registry.Enable(w.Ctx, extensions.Enable{ID: "acme.whole", Grants: []string{"*"}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := app.System(t.Context(), "demo")
	w.held["trace"] = trellis.TraceFrom(ctx).ID
	if _, err := w.Learning.Unenroll(ctx, learning.Unenroll{Person: w.ids["bob"], Course: w.other}); err != nil && trellis.KindOf(err) != trellis.NotFound {
		t.Fatal(err)
	}
	if _, err := w.Learning.Enroll(ctx, learning.Enroll{Person: w.ids["bob"], Course: w.other}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "what it says", func() bool {
		lines, err := w.Registry.Logs(w.Ctx, extensions.LogQuery{ID: "acme.whole", Trace: w.held["trace"]})
		return err == nil && len(lines.Items) >= 2
	})
	w.held["whole"] = "there"
	var err error
	if w.whole, err = w.Registry.Get(w.Ctx, "acme.whole", extensions.Scope{}); err != nil {
		t.Fatal(err)
	}
}

func wholeThere(t *testing.T, w *world) {
	t.Helper()
	if w.held["whole"] == "" {
		wholeAnew(t, w)
	}
}

func wholeStopped(t *testing.T, w *world) {
	t.Helper()
	wholeAnew(t, w)
	if _, err := w.Registry.Stop(w.Ctx, extensions.Stopping{ID: "acme.whole"}); err != nil {
		t.Fatal(err)
	}
}

// askedFor lets the course's team ask for an extension that wants names.
func askedFor(t *testing.T, w *world) {
	t.Helper()
	team := trellis.WithActor(w.Ctx, trellis.Actor{Tenant: "demo", ID: w.ids["team"], Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: w.course}}})
	_, err := w.Registry.Get(w.Ctx, "team.asks", extensions.Scope{Course: w.course})
	if trellis.KindOf(err) == trellis.NotFound {
		_, err = w.Registry.Install(team, testkit.Bundle(t, map[string]any{"id": "team.asks", "version": "1.0.0", "abi": 1, "title": "Asks", "permissions": []string{"pii:name"},
			"filters": []any{map[string]any{"on": pagestest.Enrolling, "call": "check"}}}, testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer("{}") }})), extensions.Scope{Course: w.course})
	}
	if err == nil {
		_, err = w.Registry.Disable(w.Ctx, "team.asks", w.course)
	}
	if err == nil {
		_, err = w.Registry.Enable(team, extensions.Enable{ID: "team.asks", Course: w.course, Grants: []string{"*"}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func asks(pairs ...string) func(*world) url.Values {
	return func(w *world) url.Values {
		v := sent(pairs...)(w)
		v.Set("id", "team.asks")
		v.Set("course", w.course)
		return v
	}
}

// trusted and distrusted see to the key of a publisher.
func trusted(t *testing.T, w *world) {
	t.Helper()
	distrusted(t, w)
	if _, err := w.Registry.Trust(app.System(t.Context(), trellis.PlatformTenant), "walker", w.held["key"]); err != nil {
		t.Fatal(err)
	}
}

func distrusted(t *testing.T, w *world) {
	t.Helper()
	if w.held["key"] == "" {
		pub, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.held["publisher"], w.held["key"] = "walker", base64.StdEncoding.EncodeToString(pub)
	}
	if err := w.Registry.Distrust(app.System(t.Context(), trellis.PlatformTenant), "walker"); err != nil && trellis.KindOf(err) != trellis.NotFound {
		t.Fatal(err)
	}
}

func freshName(_ *testing.T, w *world) { w.held["fresh"] = "new" + trellis.NewTraceID()[:8] }

func freshPerson(t *testing.T, w *world) {
	t.Helper()
	freshName(t, w)
	p, err := w.Learning.Register(w.Ctx, learning.Register{Username: w.held["fresh"]})
	if err != nil {
		t.Fatal(err)
	}
	w.held["gone"] = p.ID
}

// imported imports a roster of which a row is not usable, once.
func imported(t *testing.T, w *world) {
	t.Helper()
	if w.held["roster"] != "" {
		return
	}
	rows := pagestest.RosterRows(1, "active", "Ada")
	job, err := w.Imports.Upload(w.Ctx, "oneroster", bytes.NewReader(pagestest.Roster(t, rows+rows)), nil)
	if err == nil {
		job, err = w.Jobs.Wait(w.Ctx, job.ID)
	}
	if err != nil || job.State != jobs.Done {
		t.Fatalf("the import is %s: %s, %v", job.State, job.Error, err)
	}
	w.held["roster"] = job.ID
	testkit.Eventually(t, "the upload to go", func() bool { return w.uploads(t) == 0 })
}

// uploads is how many uploads there are, but for those that wait for somebody to go on
// with them.
func (w *world) uploads(t *testing.T) (n int) {
	t.Helper()
	if err := w.DB.Read(w.Ctx, func(tx *store.Tx) error {
		return tx.QueryRow(w.Ctx, `SELECT COUNT(*) FROM uploads WHERE checked = 0`).Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// braked imports a roster that may remove nothing and would.
func braked(t *testing.T, w *world) {
	t.Helper()
	for _, status := range []string{"active", "tobedeleted"} {
		job, err := w.Imports.Upload(w.Ctx, "oneroster", bytes.NewReader(pagestest.Roster(t, pagestest.RosterRows(1, status, "Ada"))), []byte(`{"at_most":0}`))
		if err == nil {
			job, err = w.Jobs.Wait(w.Ctx, job.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.held["braked"] = job.ID
	}
	if !w.Imports.Stopped(w.Ctx, w.held["braked"]) {
		t.Fatal("the import did not stop")
	}
	testkit.Eventually(t, "the upload of the first to go", func() bool { return w.uploads(t) == 0 })
	w.rest(t)
}

func queued(t *testing.T, w *world) {
	t.Helper()
	job, err := w.Jobs.Enqueue(trellis.WithIDs(w.Ctx, trellis.NewID()), "nobody.does.it", struct{}{}, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.held["job"] = job.ID
}

func cancelled(t *testing.T, w *world) {
	t.Helper()
	queued(t, w)
	if _, err := w.Jobs.Cancel(w.Ctx, w.held["job"]); err != nil {
		t.Fatal(err)
	}
}

func someEvent(t *testing.T, w *world) {
	t.Helper()
	wholeThere(t, w)
	w.held["event"] = w.Events(t, w.Ctx, pagestest.Enrolled)[0].ID
}

// letter lets an event be given up that would arrive if it were sent again.
func letter(t *testing.T, w *world) {
	t.Helper()
	wholeThere(t, w)
	if running, err := w.Ledger.Batches(w.Ctx); err != nil {
		t.Fatal(err)
	} else {
		for _, b := range running.Items { // which nobody who was asked before could take back
			if _, err := w.Ledger.Cancel(w.Ctx, delivery.Resent{Batch: b.Batch}); err != nil {
				t.Fatal(err)
			}
		}
	}
	testkit.Eventually(t, "what was sent to arrive", func() bool {
		list, err := w.Ledger.List(w.Ctx, delivery.Query{State: delivery.Failing})
		return err == nil && len(list.Items) == 0
	})
	e := trellis.NewEvent(app.System(t.Context(), "demo"), pagestest.Enrolled, fmt.Sprint(len(w.held)), w.ids["bob"], w.course, []byte(`{}`))
	e.Hops = 9
	if err := w.DB.Write(w.Ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) })); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the dead letter", func() bool {
		list, err := w.Ledger.List(w.Ctx, delivery.Query{State: delivery.Dead, Event: e.ID})
		if err != nil || len(list.Items) != 1 {
			return false
		}
		row := list.Items[0]
		w.held["letter"], w.held["subscriber"], w.held["type"], w.held["error"] = row.ID, row.Subscriber, row.Type, row.Error
		return true
	})
	w.rest(t)
}

// resent lets what was given up be sent again, much later.
func resent(t *testing.T, w *world) {
	t.Helper()
	letter(t, w)
	out, err := w.Ledger.RetryAll(w.Ctx, delivery.Of{Subscriber: w.held["subscriber"], Type: w.held["type"], Error: w.held["error"]})
	if err == nil {
		w.held["batch"] = out.Batch
		err = w.DB.Write(w.Ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE deliveries SET next_at = ? WHERE tenant = 'demo' AND resent = ? AND attempts = 0`, store.Micros(time.Now().Add(time.Hour)), out.Batch)
			return err
		}))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.rest(t)
}

func dropped(t *testing.T, w *world) {
	t.Helper()
	letter(t, w)
	if _, err := w.Ledger.Discard(w.Ctx, w.held["letter"]); err != nil {
		t.Fatal(err)
	}
	w.rest(t)
}

// rest waits until nothing moves any more: what was delivered is noted a little
// later.
func (w *world) rest(t *testing.T) {
	t.Helper()
	last, since := map[string]string{}, time.Now()
	testkit.Eventually(t, "the tenant to come to rest", func() bool {
		if present := w.rows(t, "demo"); !maps.Equal(present, last) {
			last, since = present, time.Now()
		}
		return time.Since(since) > 150*time.Millisecond
	})
}
