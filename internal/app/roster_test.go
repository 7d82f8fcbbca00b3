package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestFixtureStory imports a real roster on the demo as it comes: the policy
// refuses somebody in its own words, and each accepted enrolment is seen on the
// live stream and by the welcome exactly once. When the operator switches the
// policy off, whom it refused is let in, and heard of as well.
func TestFixtureStory(t *testing.T) {
	archive, err := os.ReadFile(filepath.Join(testkit.Root(t), "..", "shared", "fixtures", "oneroster", "Test_full_data_set.zip"))
	if err != nil {
		t.Skip("SKIPPED the story of the real roster: ../shared/fixtures is absent")
	}
	p := testkit.Start(t, app.Config{})
	demo, err := p.SeedDemo(t.Context(), app.Demo{})
	if err != nil {
		t.Fatal(err)
	}
	p.URL += "/t/" + app.DemoTenant // the operator is of no tenant
	ctx := app.System(t.Context(), app.DemoTenant)
	before := len(p.Events(t, ctx, enrollment+"created.v1"))
	testkit.Eventually(t, "a welcome for all of the demo's own people", func() bool {
		return len(p.Events(t, ctx, "trellis-demo.welcome-c.greeted")) == before
	})
	created := p.Follow(t, demo.Operator, "type="+enrollment+"created.v1", p.DB.Log().Head())
	greeted := p.Follow(t, demo.Operator, "type=trellis-demo.welcome-c.*", p.DB.Log().Head())

	// Of the file's six rows of enrolments three are of a class that is removed, one
	// is a teacher's, who gets a role, and two are students'.
	const students, created1, refused1 = 2, 2, 1
	report := roster(t, p, ctx, demo.Operator, bytes.NewReader(archive))
	if got := report.Files["enrollments.csv"]; got.Created != created1 || got.Refused != refused1 || len(report.Refused) != refused1 {
		t.Fatalf("enrollments.csv: %+v, refused %+v", got, report.Refused)
	}
	if r := report.Refused[0]; r.Extension != "trellis-demo.enrollment-policy-c" || r.Message != "You may not enrol at present." || r.Filter != enrollment+"started.v1" {
		t.Errorf("refused %+v", r)
	}
	if _, err := p.Registry.Disable(ctx, "trellis-demo.enrollment-policy-c", ""); err != nil {
		t.Fatal(err)
	}
	again := roster(t, p, ctx, demo.Operator, bytes.NewReader(archive))
	if got := again.Files["enrollments.csv"]; got.Created != refused1 || got.Refused != 0 {
		t.Errorf("after the policy was switched off: %+v", got)
	}

	streamed, caused := map[string]int{}, map[string]int{}
	for range students {
		streamed[created.Next(t).ID]++
		caused[greeted.Next(t).Cause]++
	}
	// What is in the log is all that was accepted; a last event of each type shows
	// that the streams have brought nothing more of it.
	log := p.Events(t, ctx, enrollment+"created.v1")[before:]
	if len(log) != students {
		t.Errorf("%d enrolments in the log", len(log))
	}
	for _, e := range log {
		if streamed[e.ID] != 1 || caused[e.ID] != 1 {
			t.Errorf("enrolment %s: %d times on the stream, welcomed %d times", e.ID, streamed[e.ID], caused[e.ID])
		}
	}
	last := enrolOne(t, p)
	if e := created.Next(t); e.ID != last.ID {
		t.Errorf("event %s came once more", e.ID)
	}
	if e := greeted.Next(t); e.Cause != last.ID {
		t.Errorf("event %s was welcomed once more", e.Cause)
	}
}

// enrolOne enrols somebody new in the demo's course and returns the event.
func enrolOne(t *testing.T, p *testkit.Platform) trellis.Event {
	t.Helper()
	ctx := app.System(t.Context(), app.DemoTenant)
	_, token := p.Person(t, ctx, "last")
	if status, body := p.Do(t, token, "POST", "/api/v1/enrollments", `{"course":"`+app.DemoCourse+`"}`); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	events := p.Events(t, ctx, enrollment+"created.v1")
	return events[len(events)-1]
}
