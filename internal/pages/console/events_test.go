package console_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// hearsID is the ID that the guest welcome has for itself.
const hearsID = "trellis-demo.welcome-c"

// hears installs an extension that hears of enrolments.
func (s *bureau) hears() {
	s.t.Helper()
	s.Install(s.t, s.ctx, testkit.Bundle(s.t, map[string]any{"id": hearsID, "version": "1.0.0", "abi": 1, "title": "Hears", "permissions": []string{"kv", "users:read", "events:emit"},
		"events": []any{map[string]any{"on": enrolledType, "call": "welcome"}}}, testkit.Module(s.t, "welcome")), "", nil)
}

// TestEventPages: the newest first, narrowed by the address; an event with what led
// to it and what it led to; and a trace.
func TestEventPages(t *testing.T) {
	s := openBureau(t)
	s.hears()
	_, err := s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.teacher, Course: logicOne, Mode: "audit"})
	s.must(err)
	testkit.Eventually(t, "the welcome", func() bool { return len(s.Events(t, s.ctx, hearsID+".greeted")) == 1 })
	b := s.signedIn()
	b.Get("/console/events").Want(200, enrolledType, hearsID+".greeted", "Refresh")
	log := b.Find(".log[data-tail]")
	if len(log) != 1 || !strings.HasPrefix(pagestest.Attr(log[0], "data-tail"), "/t/demo/stream/sse?after=") {
		t.Fatalf("the tail is %v", log)
	}
	if first := b.Texts(".log li")[0]; !strings.Contains(first, "session") && !strings.Contains(first, "greeted") {
		t.Errorf("the newest is %q", first)
	}
	b.Get(narrowed("/console/events", "type", "trellis-demo.*", "course", logicOne)).Want(200, hearsID+".greeted").Lacks(enrolledType)
	if tail := pagestest.Attr(b.Find(".log[data-tail]")[0], "data-tail"); !strings.Contains(tail, "type=trellis-demo.%2A") || !strings.Contains(tail, "course="+url.QueryEscape(logicOne)) {
		t.Errorf("the tail is %s", tail)
	}
	b.Get("/console/events?person=" + s.teacher)
	if len(b.Find("[data-tail]")) != 0 {
		t.Error("a tail that the stream cannot narrow")
	}
	b.Get("/console/events?type=NO*").Want(400, "Write a whole type")
	b.Get("/console/events?type=org.none.x").Want(200, "Nothing like that has happened lately.")
	quiet(b.Get(narrowed("/console/events", "trace", hostile)).Want(200))

	greeted := s.Events(t, s.ctx, hearsID+".greeted")[0]
	b.Get("/console/events/"+greeted.ID).Want(200, "Done by", "Hears", "None is stuck", enrolledType)
	b.Follow(enrolledType).Want(200, "No other event: somebody did it.", "Trellis", hearsID+".greeted")
	b.Follow(greeted.Trace).Want(200, hearsID, "Passed", enrolledType, hearsID+".greeted")
	b.Get("/console/traces/"+strings.Repeat("0", 32)).Want(200, "Nothing is known of this trace.")
	b.Get("/console/events/" + trellis.NewID()).Want(404)
}

// TestDeliveryPages: dead letters by cause are read, sent again, edited with the
// faults of what was written, dropped and brought back.
func TestDeliveryPages(t *testing.T) {
	s := openBureau(t)
	s.hears()
	b := s.signedIn()
	b.Get("/console/deliveries").Want(200, "Nothing is stuck.")
	one := s.deadLetter(hostile)
	for range 2 {
		s.deadLetter("another")
	}
	quiet(b.Get("/console/deliveries").Want(200, "Hears: 3 events", "Given up", "who has it already will skip it"))
	form := b.FormOf("subscriber", one.Subscriber)
	b.Press(form, "drop", nil).Want(200, "Dropped 3.", "Nothing is stuck.").Submit("Undo", nil).Want(200, "Brought back 3.", "Hears: 3 events")

	quiet(b.Get("/console/deliveries/"+one.ID).Want(200, "Given up", "alert(1)", "Send it as it is"))
	b.Submit("Send the copy", pagestest.Fields{"data": `{"a":`}).Want(400, "This is not JSON")
	b.Submit("Send the copy", pagestest.Fields{"data": `{"a":1}`}).Want(400, "An event of this type is not so")
	if got := pagestest.RawText(b.Find("#field-data")[0]); strings.TrimSpace(got) != `{"a":1}` {
		t.Errorf("what was written is lost: %q", got)
	}
	b.Submit("Drop it", nil).Want(200, "Dropped. It will not arrive.", "Hears: 2 events").Submit("Undo", nil).Want(200, "Hears: 3 events")
	b.Get("/console/deliveries/"+one.ID).Submit("Send it as it is", nil).Want(200, "the same event ID")
	testkit.Eventually(t, "it to fail again", func() bool {
		l, err := s.Ledger.Get(s.ctx, one.ID)
		return err == nil && l.State == delivery.Failing && strings.Contains(l.Error, "no enrolment")
	})
	b.Get("/console/deliveries/"+one.ID).Want(200, "Is tried again", "no enrolment of person")
	b.Get("/console/deliveries").Follow("Read them : Hears, "+one.Error).Want(200, "Send all of this cause again")
	b.Press(b.FormOf("subscriber", one.Subscriber), "send", nil).Want(200, "2 are sent again, 50 a second")
	b.Get("/console/deliveries?subscriber=none&state=dead").Want(200, "Nothing is stuck.")
	b.Get("/console/deliveries/none").Want(404)
	b.Post("/console/deliveries/restore", url.Values{"batch": {"none"}}).Want(200, "came back already")
}

// TestAuditNamesOperators: what an operator did stands under her name where an
// operator looks; others read that an operator did it. Who was erased is neither.
func TestAuditNamesOperators(t *testing.T) {
	s := openBureau(t)
	op := pagestest.Account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	gone := pagestest.Account(t, s.Platform, "demo", "gone")
	s.must(s.Learning.Erase(s.ctx, gone))
	o := pagestest.Browse(t, s.Platform).SignIn("demo", "op", pagestest.Password)
	o.Get("/console/self-service").Submit("Save self-service", pagestest.Fields{"permission": []string{"kv"}}).Want(200)
	by := trellis.WithActor(s.ctx, trellis.Actor{Tenant: "demo", ID: gone, Kind: trellis.PersonActor})
	s.must(s.DB.Audit(by, store.Entry{Operation: "test.gone", Target: "x"}))
	at := "/console/audit?operation=extensions.set_self_service"
	o.Get(at).Want(200, "op, an operator").Lacks("erased")
	s.signedIn().Get(at).Want(200, "an operator").Lacks("op, an operator", "erased", op)
	s.signedIn().Get("/console/audit?operation=test.gone").Want(200, "somebody erased").Lacks("an operator")
}

// TestAuditPages: filters stand in the address, and what they leave comes as a sheet
// in which no cell is a formula.
func TestAuditPages(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.Get("/console/self-service").Submit("Save self-service", pagestest.Fields{"permission": []string{"kv"}}).Want(200)
	b.Get("/console/audit").Want(200, "extensions.set_self_service", "ada", "Done")
	b.Get("/console/audit?operation=extensions.set_self_service&outcome=ok&actor="+s.admin).Want(200, "extensions.set_self_service").Lacks("users.create")
	b.Get("/console/audit?until=2020-01-01").Want(200, "Nobody did anything like that.").Follow("Show everything").Want(200, "extensions.set_self_service")
	b.Get("/console/audit?since=soon").Want(400).Fault("since", "Write the day like 2026-05-03.")

	for i, target := range []string{"=1+1", "+1", "-1", "@SUM(1)", " =1", "\t=1", "＝1", hostile, "plain", "a=b"} {
		s.must(s.DB.Audit(s.ctx, store.Entry{Operation: "test.x", Target: target, Detail: []byte(fmt.Sprintf(`{"n":%d,"text":%q}`, i, "<script>"))}))
	}
	for range 1000 {
		s.must(s.DB.Audit(s.ctx, store.Entry{Operation: "test.many", Target: "x"}))
	}
	quiet(b.Get("/console/audit?operation=test.x").Want(200, "alert(1)"))
	b.Get("/console/audit.csv?operation=test.x")
	rows := sure(csv.NewReader(strings.NewReader(b.Body)).ReadAll())
	if len(rows) != 11 {
		t.Fatalf("%d rows: %.500s", len(rows), b.Body)
	}
	for _, row := range rows[1:] {
		for _, c := range row {
			if t2 := strings.TrimLeft(c, " \t\r\n"); t2 != "" && strings.ContainsRune("=+-@＝", []rune(t2)[0]) {
				t.Errorf("a formula: %q", c)
			}
		}
	}
	if !strings.Contains(b.Body, "'=1+1") || !strings.Contains(b.Body, ",plain,") || !strings.Contains(b.Body, ",a=b,") {
		t.Errorf("the sheet: %.800s", b.Body)
	}
	b.Get("/console/audit.csv?operation=test.many")
	if n := strings.Count(b.Body, "test.many"); n != 1000 {
		t.Errorf("%d of 1,000 rows in the sheet", n)
	}
	n := 0
	for b.Get("/console/audit?operation=test.many"); ; b.Follow("Next page") {
		if n += len(b.Find("tbody tr")); !b.Has("Next page") {
			break
		}
	}
	if n != 1000 {
		t.Errorf("%d of 1,000 rows on the pages", n)
	}
	b.Get("/console/audit.csv?since=soon").Want(400)
}
