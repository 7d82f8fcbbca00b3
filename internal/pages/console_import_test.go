package pages_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// ended opens the page of the present job when it has ended.
func (s *bureau) ended(b *browser) *browser {
	s.t.Helper()
	id := b.at.Path[strings.LastIndex(b.at.Path, "/")+1:]
	job, err := s.Jobs.Wait(s.ctx, id)
	if err != nil || job.State != jobs.Done {
		s.t.Fatalf("the job %s is %+v, %v", id, job, err)
	}
	return b.get("/console/jobs/" + id)
}

// TestImportPages: a roster is checked, which changes nothing, and imported without
// being sent again; what was refused comes back in the extension's words; much that
// is removed wants to be said.
func TestImportPages(t *testing.T) {
	s := openBureau(t)
	s.Install(t, s.ctx, testkit.Bundle(t, map[string]any{"id": "acme.door", "version": "1.0.0", "abi": 1, "title": "Door",
		"filters": []any{map[string]any{"on": "org.openedx.learning.student.registration.requested.v1", "call": "check"}},
	}, testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) {
		c.Answer(`{"refuse":{"code":"no","message":"=HYPERLINK(1) <b>Not in</b> autumn"}}`)
	}})), "", nil)
	b := s.signedIn()
	b.get("/console/import").want(200, "Nothing was imported yet.", "It is checked first", "Rosters: OneRoster")
	b.submit("Upload the roster", nil).want(400).fault("roster", "Choose the zip archive with the roster.")
	b.submit("Upload the roster", fields{"roster": file{"x.zip", []byte("no zip")}}).want(400).fault("roster", "What was sent is no zip archive.")
	b.submit("Upload the roster", fields{"title": "Spring", "roster": file{"r.zip", roster(t, rosterRows(3, "active", hostileName))}}).want(200, "You may leave this page")
	s.ended(b).want(200, "What it would do", "3 refused", "acme.door says: =HYPERLINK(1) <b>Not in</b> autumn", "List with reasons").quiet()
	if got := textOf(b.find("h1")[0]); got != "Import of a roster: Spring" {
		t.Errorf("title %q", got)
	}
	here := b.at.Path
	b.get(here + "/refused.csv")
	lines, err := csv.NewReader(strings.NewReader(b.body)).ReadAll()
	if err != nil || len(lines) != 4 || lines[1][5] != "'=HYPERLINK(1) <b>Not in</b> autumn" || b.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(b.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the list %q, %v, %v", lines, err, b.header)
	}
	if b.get(here + "/refused.zip"); b.status != 200 || !strings.HasPrefix(b.body, "PK") {
		t.Errorf("the rows to send again: %d %.100q", b.status, b.body)
	}
	_, err = s.Registry.Disable(s.ctx, "acme.door", "")
	s.must(err)
	b.get(here).submit("Import it", nil).want(200, "It is being imported.")
	s.ended(b).want(200, "What came of it", "3 added").lacks("Import it")
	b.get(here).want(200).lacks("Import it")

	b.get("/console/import").submit("Upload the roster", fields{"roster": file{"r.zip", roster(t, rosterRows(20, "active", "Ada"))}}).want(200)
	s.ended(b).submit("Import it", nil).want(200)
	s.ended(b).want(200, "17 added")
	b.get("/console/import").submit("Upload the roster", fields{"roster": file{"end.zip", roster(t, rosterRows(20, "tobedeleted", "Ada"))}}).want(200)
	s.ended(b).want(200, "It removes 20 of 20 rows.", "Type 20 to go on")
	b.submit("Import it", fields{"removes": "2"}).want(409).fault("removes", "It removes 20 of 20 rows: say so (removes: 20) to go on.")
	b.submit("Import it", fields{"removes": "20"}).want(200)
	s.ended(b).want(200, "20 removed")

	b.get("/console/jobs").want(200, "end.zip", "Done", "ada").quiet()
	b.get("/console/jobs?state=failed").want(200, "No job is in this state.").follow("Show all jobs").want(200, "Spring")
	b.get("/console/jobs/none").want(404)
	if b.get("/console/export/oneroster"); b.status != 200 || !strings.HasPrefix(b.body, "PK") {
		t.Errorf("the export: %d %.100q", b.status, b.body)
	}
	b.get("/console/export/none").want(404)
}

// hostileName is a name that a roster may hold, in a cell without quotes.
const hostileName = `<script>alert(1)</script>{{.}}`

// TestJobPart: a script asks for the part of a page that moves, and learns from it
// that there is nothing more to ask.
func TestJobPart(t *testing.T) {
	s := openBureau(t)
	later, err := s.Jobs.Enqueue(s.ctx, "nobody.does.it", struct{}{}, jobs.Options{Title: hostile})
	s.must(err)
	b := s.signedIn()
	b.get("/console/jobs/"+later.ID).want(200, "Waits for its turn", "Refresh", "Cancel the job").quiet()
	if got := b.find("div[data-job=/t/demo/console/jobs/" + later.ID + "]"); len(got) != 1 {
		t.Errorf("nothing says where the part is: %s", b.body)
	}
	b.part("/console/jobs/"+later.ID, "job").want(200, "Waits for its turn").lacks("Skip to the content")
	b.get("/console/jobs/"+later.ID).submit("Cancel the job", nil).want(200, "It stops at its next step.", "Cancelled", "Go on where it stopped")
	b.post("/console/jobs/"+later.ID+"/cancel", nil).want(409, "The job is cancelled already.")
	b.part("/console/jobs/"+later.ID, "job").want(200, "Cancelled")
	if len(b.find("[data-job]"))+len(b.find("progress")) > 0 {
		t.Errorf("the script would go on asking: %s", b.body)
	}
	b.get("/console/jobs/"+later.ID).submit("Go on where it stopped", nil).want(200, "It goes on where it stopped.", "Waits for its turn")
}
