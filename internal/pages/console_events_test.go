package pages_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/learning"
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
	b.get("/console/events").want(200, enrolledType, hearsID+".greeted", "Refresh")
	log := b.find(".log[data-tail]")
	if len(log) != 1 || !strings.HasPrefix(attr(log[0], "data-tail"), "/t/demo/stream/sse?after=") {
		t.Fatalf("the tail is %v", log)
	}
	if first := b.texts(".log li")[0]; !strings.Contains(first, "session") && !strings.Contains(first, "greeted") {
		t.Errorf("the newest is %q", first)
	}
	b.get(narrowed("/console/events", "type", "trellis-demo.*", "course", logicOne)).want(200, hearsID+".greeted").lacks(enrolledType)
	if tail := attr(b.find(".log[data-tail]")[0], "data-tail"); !strings.Contains(tail, "type=trellis-demo.%2A") || !strings.Contains(tail, "course="+url.QueryEscape(logicOne)) {
		t.Errorf("the tail is %s", tail)
	}
	b.get("/console/events?person=" + s.teacher)
	if len(b.find("[data-tail]")) != 0 {
		t.Error("a tail that the stream cannot narrow")
	}
	b.get("/console/events?type=NO*").want(400, "Write a whole type")
	b.get("/console/events?type=org.none.x").want(200, "Nothing like that has happened lately.")
	b.get(narrowed("/console/events", "trace", hostile)).want(200).quiet()

	greeted := s.Events(t, s.ctx, hearsID+".greeted")[0]
	b.get("/console/events/"+greeted.ID).want(200, "Done by", "Hears", "None is stuck", enrolledType)
	b.follow(enrolledType).want(200, "No other event: somebody did it.", "Trellis", hearsID+".greeted")
	b.follow(greeted.Trace).want(200, hearsID, "Passed", enrolledType, hearsID+".greeted")
	b.get("/console/traces/"+strings.Repeat("0", 32)).want(200, "Nothing is known of this trace.")
	b.get("/console/events/" + trellis.NewID()).want(404)
}

// TestDeliveryPages: dead letters by cause are read, sent again, edited with the
// faults of what was written, dropped and brought back.
func TestDeliveryPages(t *testing.T) {
	s := openBureau(t)
	s.hears()
	b := s.signedIn()
	b.get("/console/deliveries").want(200, "Nothing is stuck.")
	one := s.deadLetter(hostile)
	for range 2 {
		s.deadLetter("another")
	}
	b.get("/console/deliveries").want(200, "Hears: 3 events", "Given up", "who has it already will skip it").quiet()
	form := b.formOf("subscriber", one.Subscriber)
	b.press(form, "drop", nil).want(200, "Dropped 3.", "Nothing is stuck.").submit("Undo", nil).want(200, "Brought back 3.", "Hears: 3 events")

	b.get("/console/deliveries/"+one.ID).want(200, "Given up", "alert(1)", "Send it as it is").quiet()
	b.submit("Send the copy", fields{"data": `{"a":`}).want(400, "This is not JSON")
	b.submit("Send the copy", fields{"data": `{"a":1}`}).want(400, "An event of this type is not so")
	if got := rawText(b.find("#field-data")[0]); strings.TrimSpace(got) != `{"a":1}` {
		t.Errorf("what was written is lost: %q", got)
	}
	b.submit("Drop it", nil).want(200, "Dropped. It will not arrive.", "Hears: 2 events").submit("Undo", nil).want(200, "Hears: 3 events")
	b.get("/console/deliveries/"+one.ID).submit("Send it as it is", nil).want(200, "the same event ID")
	testkit.Eventually(t, "it to fail again", func() bool {
		l, err := s.Ledger.Get(s.ctx, one.ID)
		return err == nil && l.State == delivery.Failing && strings.Contains(l.Error, "no enrolment")
	})
	b.get("/console/deliveries/"+one.ID).want(200, "Is tried again", "no enrolment of person")
	b.get("/console/deliveries").follow("Read them : Hears, "+one.Error).want(200, "Send all of this cause again")
	b.press(b.formOf("subscriber", one.Subscriber), "send", nil).want(200, "2 are sent again, 50 a second")
	b.get("/console/deliveries?subscriber=none&state=dead").want(200, "Nothing is stuck.")
	b.get("/console/deliveries/none").want(404)
	b.post("/console/deliveries/restore", url.Values{"batch": {"none"}}).want(200, "came back already")
}

// TestAuditNamesOperators: what an operator did stands under her name where an
// operator looks; others read that an operator did it. Who was erased is neither.
func TestAuditNamesOperators(t *testing.T) {
	s := openBureau(t)
	op := account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	gone := account(t, s.Platform, "demo", "gone")
	s.must(s.Learning.Erase(s.ctx, gone))
	o := browse(t, s.Platform).signIn("demo", "op", password)
	o.get("/console/self-service").submit("Save self-service", fields{"permission": []string{"kv"}}).want(200)
	by := trellis.WithActor(s.ctx, trellis.Actor{Tenant: "demo", ID: gone, Kind: trellis.PersonActor})
	s.must(s.DB.Audit(by, store.Entry{Operation: "test.gone", Target: "x"}))
	at := "/console/audit?operation=extensions.set_self_service"
	o.get(at).want(200, "op, an operator").lacks("erased")
	s.signedIn().get(at).want(200, "an operator").lacks("op, an operator", "erased", op)
	s.signedIn().get("/console/audit?operation=test.gone").want(200, "somebody erased").lacks("an operator")
}

// TestAuditPages: filters stand in the address, and what they leave comes as a sheet
// in which no cell is a formula.
func TestAuditPages(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.get("/console/self-service").submit("Save self-service", fields{"permission": []string{"kv"}}).want(200)
	b.get("/console/audit").want(200, "extensions.set_self_service", "ada", "Done")
	b.get("/console/audit?operation=extensions.set_self_service&outcome=ok&actor="+s.admin).want(200, "extensions.set_self_service").lacks("users.create")
	b.get("/console/audit?until=2020-01-01").want(200, "Nobody did anything like that.").follow("Show everything").want(200, "extensions.set_self_service")
	b.get("/console/audit?since=soon").want(400).fault("since", "Write the day like 2026-05-03.")

	for i, target := range []string{"=1+1", "+1", "-1", "@SUM(1)", " =1", "\t=1", "＝1", hostile, "plain", "a=b"} {
		s.must(s.DB.Audit(s.ctx, store.Entry{Operation: "test.x", Target: target, Detail: []byte(fmt.Sprintf(`{"n":%d,"text":%q}`, i, "<script>"))}))
	}
	for range 1000 {
		s.must(s.DB.Audit(s.ctx, store.Entry{Operation: "test.many", Target: "x"}))
	}
	b.get("/console/audit?operation=test.x").want(200, "alert(1)").quiet()
	b.get("/console/audit.csv?operation=test.x")
	rows := sure(csv.NewReader(strings.NewReader(b.body)).ReadAll())
	if len(rows) != 11 {
		t.Fatalf("%d rows: %.500s", len(rows), b.body)
	}
	for _, row := range rows[1:] {
		for _, c := range row {
			if t2 := strings.TrimLeft(c, " \t\r\n"); t2 != "" && strings.ContainsRune("=+-@＝", []rune(t2)[0]) {
				t.Errorf("a formula: %q", c)
			}
		}
	}
	if !strings.Contains(b.body, "'=1+1") || !strings.Contains(b.body, ",plain,") || !strings.Contains(b.body, ",a=b,") {
		t.Errorf("the sheet: %.800s", b.body)
	}
	b.get("/console/audit.csv?operation=test.many")
	if n := strings.Count(b.body, "test.many"); n != 1000 {
		t.Errorf("%d of 1,000 rows in the sheet", n)
	}
	n := 0
	for b.get("/console/audit?operation=test.many"); ; b.follow("Next page") {
		if n += len(b.find("tbody tr")); !b.has("Next page") {
			break
		}
	}
	if n != 1000 {
		t.Errorf("%d of 1,000 rows on the pages", n)
	}
	b.get("/console/audit.csv?since=soon").want(400)
}
