//go:build browser

package browser_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

const enrolling = "org.openedx.learning.course.enrollment.started.v1"

// slot is the element of an extension's card in the side column.
func slot(extension string) string {
	return `section.slot[data-slot="course.sidebar.v1"][data-extension="` + extension + `"]`
}

// enrol enrols somebody new in the demo's course over the API, as the operator,
// and returns the status and what was said.
func (s *school) enrol(username string) (int, string) {
	s.t.Helper()
	id := s.person(username, strings.ToUpper(username[:1])+username[1:])
	raw, err := json.Marshal(learning.Enroll{Person: id, Course: demoCourse})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.Do(s.t, s.demo.Operator, "POST", "/t/demo/api/v1/enrollments", string(raw))
}

// liveCard is the bundle of the live card, as a course team is given it.
func liveCard(t *testing.T) string {
	t.Helper()
	root := testkit.Root(t)
	raw, err := os.ReadFile(filepath.Join(root, "examples/live-card-c/extension.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	manifest["id"], manifest["title"] = "acme.live-card", "Enrolments of today" // the demo has its own
	manifest["settings"] = map[string]any{"type": "object", "properties": map[string]any{
		"heading": map[string]any{"type": "string", "title": "Heading", "maxLength": 60, "default": "Today"},
	}}
	manifest["slots"].([]any)[0].(map[string]any)["refresh_on"] = []string{"acme.live-card.*"}
	return packed(t, "live-card-1.0.0.trellis", manifest, testkit.Module(t, "live-card"))
}

// gate is an extension that lets nobody in, and says so beside the course; its
// subscriber crashes.
func gate(t *testing.T, version string) []byte {
	t.Helper()
	return testkit.Bundle(t, map[string]any{
		"id": "acme.gate", "version": version, "abi": 1, "title": "Gate", "permissions": []string{},
		"filters": []any{map[string]any{"on": enrolling, "call": "check"}},
		"slots":   []any{map[string]any{"slot": "course.sidebar.v1", "call": "card"}, map[string]any{"slot": "course.main.v1", "call": "crash"}},
	}, testkit.Guest(map[string]func(*testkit.Code){
		"check": func(c *testkit.Code) { c.Answer(`{"refuse":{"code":"shut","message":"The gate is shut."}}`) },
		"card": func(c *testkit.Code) {
			c.Answer(`{"kind":"card","title":"Gate","children":[{"kind":"text","text":"Shut today."}]}`)
		},
		"crash": func(c *testkit.Code) { c.Trap() },
	}))
}

// timed does something and says how long it took.
func timed(t *testing.T, what string, do func()) time.Duration {
	t.Helper()
	began := time.Now()
	do()
	took := time.Since(began)
	t.Logf("%-58s %7d ms", what, took.Milliseconds())
	return took
}

// TestStory is the story of the pages: a course team adds to its course, a learner
// sees it live, an operator stays in charge. Its steps are timed in the log; a
// person needs longer, and a busy machine too, so nothing here depends on it.
func TestStory(t *testing.T) {
	s := open(t)
	learner := s.signIn(t, "learner")
	learner.Go(s.URL + in(""))

	staff := s.signIn(t, "staff")
	began := time.Now()
	timed(t, "staff: from the list of courses to the extensions", func() {
		staff.Go(s.URL + in(""))
		staff.Leave(func() { staff.Click("=Extensions") })
		staff.Wait("h1", "Extensions of this course")
	})
	timed(t, "staff: drop the bundle, until what it will do can be read", func() {
		staff.Drop("input[type=file]", liveCard(t))
		staff.Click("=Upload")
		staff.Wait("main", "Keep notes of its own")
		staff.Wait("main", "course page")
	})
	timed(t, "staff: fill in the settings and enable", func() {
		staff.Type(`main form input[dir="auto"]`, "Enrolled today")
		staff.Leave(func() { staff.Click("=Enable") })
		staff.Wait(".notice", "Enrolments of today")
	})
	timed(t, "learner: until the card is there, without doing anything", func() { learner.Wait(slot("acme.live-card"), "") })
	t.Logf("%-58s %7d ms", "from the first click to the visible card, at a test's pace", time.Since(began).Milliseconds())

	before := learner.Text(slot("acme.live-card"))
	if status, said := s.enrol("nora"); status != 201 {
		t.Fatalf("enrol: %d %s", status, said)
	}
	timed(t, "learner: from the answer of the enrolment to another card", func() {
		learner.Until(fmt.Sprintf(`document.querySelector(%q).innerText !== %q`, slot("acme.live-card"), before))
	})

	// A bad one: it lets nobody in, and one of its hooks crashes.
	if _, err := s.Registry.Install(s.ctx, gate(t, "1.0.0"), extensions.Scope{Course: demoCourse}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Registry.Enable(s.ctx, extensions.Enable{ID: "acme.gate", Course: demoCourse, Grants: []string{}}); err != nil {
		t.Fatal(err)
	}
	learner.Wait(slot("acme.gate"), "Shut today.")
	if status, said := s.enrol("otto"); status != 403 || !strings.Contains(said, "The gate is shut.") {
		t.Fatalf("the gate let in: %d %s", status, said)
	}
	operator := s.signIn(t, "operator")
	began = time.Now()
	timed(t, "operator: find it, and read its errors", func() {
		operator.Go(s.URL + "/t/demo/console/extensions?q=gate")
		operator.Leave(func() { operator.Click("=Gate") })
		operator.Wait("main", "unreachable")
	})
	timed(t, "operator: read what switching it off does", func() {
		operator.Go(s.URL + "/t/demo/console/extensions?q=gate")
		operator.Leave(func() { operator.Click(`a.button[href*="/stop"]`) })
		operator.Wait("main", "Its check ends")
	})
	timed(t, "operator: switch it off, until the learner's card is gone", func() {
		operator.Leave(func() { operator.Click("=Switch off for everybody") })
		learner.Gone(slot("acme.gate"))
	})
	t.Logf("%-58s %7d ms", "from the operator's first page to the switch, at a test's pace", time.Since(began).Milliseconds())
	s.person("peter", "Peter") // whom the demo's own policy keeps out is the fourth who comes
	if status, said := s.enrol("paul"); status != 201 {
		t.Errorf("the gate's filter still decides: %d %s", status, said)
	}
	operator.Wait(".notice", "Gate")
	timed(t, "operator: undo it", func() { operator.Leave(func() { operator.Click("=Switch on") }) })
	learner.Wait(slot("acme.gate"), "Shut today.")
	browser.Axe(t, learner)
}
