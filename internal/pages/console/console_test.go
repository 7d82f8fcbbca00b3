package console_test

import (
	"context"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// hostile is what somebody writes who wants to break a page: markup, ends of
// attributes, and letters that turn a line around.
const hostile = `</td></bdi><script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}` + "\u202e"

const (
	logicOne      = "course-v1:Demo+LOGIC+1"
	enrolledType  = "org.openedx.learning.course.enrollment.created.v1"
	asksFirstType = "org.openedx.learning.course.enrollment.started.v1"
)

// bureau is a tenant with an administrator, a teacher, and extensions.
type bureau struct {
	*testkit.Platform
	t              *testing.T
	ctx            context.Context // in which the system acts
	admin, teacher string
}

func openBureau(t *testing.T) *bureau {
	t.Helper()
	s := &bureau{Platform: testkit.Start(t, app.Config{}), t: t}
	s.ctx = s.Tenant(t, "demo")
	s.Course(t, s.ctx, logicOne)
	s.admin = pagestest.Account(t, s.Platform, "demo", "ada", learning.Assign{Role: trellis.RoleTenantAdmin})
	s.teacher = pagestest.Account(t, s.Platform, "demo", "tea", learning.Assign{Role: trellis.RoleStaff, Course: logicOne})
	return s
}

func (s *bureau) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// signedIn returns a browser in which the administrator is signed in.
func (s *bureau) signedIn() *pagestest.Browser {
	return pagestest.Browse(s.t, s.Platform).SignIn("demo", "ada", pagestest.Password)
}

// bundle is an extension whose check answers.
func (s *bureau) bundle(id, title, answer string, permissions ...string) []byte {
	return testkit.Bundle(s.t, map[string]any{
		"id": id, "version": "1.0.0", "abi": 1, "title": title, "description": title, "permissions": permissions,
		"filters": []any{map[string]any{"on": asksFirstType, "call": "check"}},
	}, testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer(answer) }}))
}

// asStaff is a context in which the teacher acts.
func (s *bureau) asStaff() context.Context {
	return trellis.WithActor(s.ctx, trellis.Actor{Tenant: "demo", ID: s.teacher, Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: logicOne}}})
}

// hopless is an event that is given up at once: it has come too far.
func (s *bureau) hopless(subject string) trellis.Event {
	e := trellis.NewEvent(s.ctx, enrolledType, subject, s.teacher, logicOne, []byte(`{"text":`+string(sure(json.Marshal(hostile)))+`}`))
	e.Hops = 9
	return e
}

// deadLetter lets an event be given up, and returns the delivery.
func (s *bureau) deadLetter(subject string) delivery.Row {
	s.t.Helper()
	e := s.hopless(subject)
	s.must(s.DB.Write(s.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) })))
	var row delivery.Row
	testkit.Eventually(s.t, "the dead letter", func() bool {
		list, err := s.Ledger.List(s.ctx, delivery.Query{State: delivery.Dead, Event: e.ID})
		if err == nil && len(list.Items) == 1 {
			row = list.Items[0]
		}
		return row.ID != ""
	})
	return row
}

func sure[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// quiet fails if what was hostile has become part of a page.
func quiet(b *pagestest.Browser) *pagestest.Browser {
	b.T.Helper()
	if len(b.Find("img[src=x]")) > 0 || len(b.Find("main script")) > 0 || strings.Contains(b.Body, "<script>alert") {
		b.T.Errorf("%s: what was hostile is part of the page", b.At)
	}
	return b
}

// TestConsoleOverview: what needs somebody stands there, worst first, and leads on.
func TestConsoleOverview(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.Get("/console").Want(200, "Nothing needs you.", "People", "new within 24 hours", "Console")
	s.Install(t, s.ctx, testkit.Bundle(t, map[string]any{"id": "acme.hears", "version": "1.0.0", "abi": 1, "title": hostileTitle(s), "permissions": []string{"kv", "events:emit"},
		"events": []any{map[string]any{"on": enrolledType, "call": "welcome"}}}, testkit.Module(t, "welcome")), "", nil)
	s.deadLetter("x")
	_, err := s.Registry.Install(s.asStaff(), s.bundle("tea.poll", "Poll", "{}", "pii:name"), extensions.Scope{Course: logicOne})
	s.must(err)
	_, err = s.Registry.Enable(s.asStaff(), extensions.Enable{ID: "tea.poll", Course: logicOne, Grants: []string{"*"}})
	s.must(err)
	quiet(b.Get("/console").Want(200, "1 event did not arrive", "Asked for in "+logicOne))
	if rows := b.Texts("tbody tr"); len(rows) < 2 || !strings.Contains(rows[0], "Stuck") || !strings.Contains(rows[1], "Waits") {
		t.Errorf("not the worst first: %q", rows)
	}
	quiet(b.Get("/console/extensions").Want(200, "acme.hears", "Works", "1 course waits"))
	b.Get("/console/extensions?state=attention&q=poll").Want(200, "1 extension of 2").Lacks("acme.hears")
	b.Get("/console/extensions?q=nothing").Want(200, "No extension is like that.").Follow("Show all 2").Want(200, "tea.poll")
}

// hostileTitle is the worst title that a manifest may have.
func hostileTitle(*bureau) string { return strings.TrimSuffix(hostile, "\u202e") }

// TestWhoMay: whoever teaches reads whom the console is for, and where to look
// instead.
func TestWhoMay(t *testing.T) {
	s := openBureau(t)
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "tea", pagestest.Password)
	for _, path := range []string{"/console", "/console/extensions", "/console/people", "/console/events", "/console/audit"} {
		b.Get(path).Want(403, "The console is for those who run the school", "the page of that course")
	}
	b.Get("/courses").Lacks("Console")
}

// TestKillSwitch: the page says what it will do; then the check is gone, and one
// press brings it back as it was.
func TestKillSwitch(t *testing.T) {
	s := openBureau(t)
	s.Install(t, s.ctx, s.bundle("acme.door", "Door", `{"refuse":{"code":"no","message":"Closed."}}`, "users:read"), "", nil)
	before := sure(s.Registry.Get(s.ctx, "acme.door", extensions.Scope{}))
	enrol := func() error {
		_, err := s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.teacher, Course: logicOne, Mode: "audit"})
		return err
	}
	if err := enrol(); trellis.KindOf(err) != trellis.Refused {
		t.Fatalf("the door is open: %v", err)
	}
	b := s.signedIn()
	b.Get("/console/extensions/acme.door").Follow("Switch off for everybody …").Want(200, "Stops it in the whole school.")
	b.Get("/console/extensions").Follow("Switch off for everybody: Door").Want(200, "Stops it in the whole school.", "Its check ends: what it could refuse or change goes through", "Leave it on")
	b.Submit("Switch off for everybody", pagestest.Fields{"reason": strings.Repeat("x", 501)}).Want(400).Fault("reason", "Reason: at most 500 printable characters.")
	b.Submit("Switch off for everybody", pagestest.Fields{"reason": "Nobody gets in."}).Want(200, "Door is off on this node", "on the others within a second", "Switched off", "Nobody gets in.", "by ada")
	if err := enrol(); err != nil {
		t.Errorf("its check goes on: %v", err)
	}
	b.Get("/console/extensions/acme.door").Want(200, "switched it off for everybody", "Switch it on again").Get("/console/extensions")
	b.Submit("form[action=/t/demo/console/extensions/acme.door/resume]", nil).Want(200, "Door is on again, where it was and as it was.", "Works")
	after := sure(s.Registry.Get(s.ctx, "acme.door", extensions.Scope{}))
	if !reflect.DeepEqual(after, before) {
		t.Errorf("it came back as %+v, was %+v", after, before)
	}
	if _, err := s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.admin, Course: logicOne, Mode: "audit"}); trellis.KindOf(err) != trellis.Refused {
		t.Errorf("its check does not go on: %v", err)
	}
}

func narrowed(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + q.Encode()
}
