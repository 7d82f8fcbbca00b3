package console_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// ended opens the page of the present job when it has ended.
func (s *bureau) ended(b *pagestest.Browser) *pagestest.Browser {
	s.t.Helper()
	id := b.At.Path[strings.LastIndex(b.At.Path, "/")+1:]
	job, err := s.Jobs.Wait(s.ctx, id)
	if err != nil || job.State != jobs.Done {
		s.t.Fatalf("the job %s is %+v, %v", id, job, err)
	}
	return b.Get("/console/jobs/" + id)
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
	b.Get("/console/import").Want(200, "Nothing was imported yet.", "It is checked first", "Who is missing from the file stays.", "Rosters: OneRoster")
	b.Submit("Upload the roster", nil).Want(400).Fault("roster", "Choose the zip archive with the roster.")
	b.Submit("Upload the roster", pagestest.Fields{"roster": pagestest.File{Name: "x.zip", Data: []byte("no zip")}}).Want(400).Fault("roster", "What was sent is no zip archive.")
	b.Submit("Upload the roster", pagestest.Fields{"title": "Spring", "roster": pagestest.File{Name: "r.zip", Data: pagestest.Roster(t, pagestest.RosterRows(3, "active", hostileName))}}).Want(200, "You may leave this page")
	quiet(s.ended(b).Want(200, "What it would do", "3 refused", "acme.door says: =HYPERLINK(1) <b>Not in</b> autumn", "List with reasons"))
	if got := pagestest.TextOf(b.Find("h1")[0]); got != "Import of a roster: Spring" {
		t.Errorf("title %q", got)
	}
	here := b.At.Path
	b.Get(here + "/refused.csv")
	lines, err := csv.NewReader(strings.NewReader(b.Body)).ReadAll()
	if err != nil || len(lines) != 4 || lines[1][5] != "'=HYPERLINK(1) <b>Not in</b> autumn" || b.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(b.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the list %q, %v, %v", lines, err, b.Header)
	}
	if b.Get(here + "/refused.zip"); b.Status != 200 || !strings.HasPrefix(b.Body, "PK") {
		t.Errorf("the rows to send again: %d %.100q", b.Status, b.Body)
	}
	_, err = s.Registry.Disable(s.ctx, "acme.door", "")
	s.must(err)
	b.Get(here).Submit("Import it", nil).Want(200, "It is being imported.")
	s.ended(b).Want(200, "What came of it", "3 added").Lacks("Import it")
	b.Get(here).Want(200).Lacks("Import it")

	b.Get("/console/import").Submit("Upload the roster", pagestest.Fields{"roster": pagestest.File{Name: "r.zip", Data: pagestest.Roster(t, pagestest.RosterRows(20, "active", "Ada"))}}).Want(200)
	s.ended(b).Submit("Import it", nil).Want(200)
	s.ended(b).Want(200, "17 added")
	b.Get("/console/import").Submit("Upload the roster", pagestest.Fields{"roster": pagestest.File{Name: "end.zip", Data: pagestest.Roster(t, pagestest.RosterRows(20, "tobedeleted", "Ada"))}}).Want(200)
	s.ended(b).Want(200, "It removes 20 of 20 rows.", "Type 20 to go on")
	b.Submit("Import it", pagestest.Fields{"removes": "2"}).Want(409).Fault("removes", "It removes 20 of 20 rows: say so (removes: 20) to go on.")
	b.Submit("Import it", pagestest.Fields{"removes": "20"}).Want(200)
	s.ended(b).Want(200, "20 removed")

	quiet(b.Get("/console/jobs").Want(200, "end.zip", "Done", "ada"))
	b.Get("/console/jobs?state=failed").Want(200, "No job is in this state.").Follow("Show all jobs").Want(200, "Spring")
	b.Get("/console/jobs/none").Want(404)
	if b.Get("/console/export/oneroster"); b.Status != 200 || !strings.HasPrefix(b.Body, "PK") {
		t.Errorf("the export: %d %.100q", b.Status, b.Body)
	}
	b.Get("/console/export/none").Want(404)
}

// TestImportStopped: an import that stopped before it removed too much says so in plain
// words, and goes on with the number that another check finds, without another upload.
func TestImportStopped(t *testing.T) {
	s := openBureau(t)
	upload := func(status, options string) string {
		t.Helper()
		job, err := s.Imports.Upload(s.ctx, "oneroster", strings.NewReader(string(pagestest.Roster(t, pagestest.RosterRows(20, status, "Ada")))), []byte(options))
		s.must(err)
		_, err = s.Jobs.Wait(s.ctx, job.ID)
		s.must(err)
		return job.ID
	}
	upload("active", "")
	stopped := upload("tobedeleted", `{"title":"End"}`)
	b := s.signedIn()
	b.Get("/console/jobs/"+stopped).Want(200, "it was about to remove more rows than anybody has confirmed", "Nothing was changed. A row removes what it is about if its status is tobedeleted or inactive.", "trellis import roster.zip -at-most ROWS").Lacks("Go on where it stopped", "at_most)")
	b.Submit("Check what is left", nil).Want(200, "What is left of the roster is being checked.")
	s.ended(b).Want(200, "It removes 20 of 20 rows.", "Type 20 to go on", "trellis import roster.zip -at-most 20")
	b.Submit("Import it", pagestest.Fields{"removes": "19"}).Want(409).Fault("removes", "It removes 20 of 20 rows: say so (removes: 20) to go on.")
	b.Submit("Import it", pagestest.Fields{"removes": "20"}).Want(200)
	s.ended(b).Want(200, "20 removed")
	b.Get("/console/jobs/"+stopped).Want(200, "it was about to remove more rows", "The file is no longer here.").Lacks("Check what is left", "Go on where it stopped")
	b.Post("/console/import/"+stopped+"/check", nil).Want(409, "is no longer there, or was imported already")
	b.Get("/console/jobs/"+stopped).Follow("Upload the roster again").Want(200, "It is checked first")
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
	quiet(b.Get("/console/jobs/"+later.ID).Want(200, "Waits for its turn", "Refresh", "Cancel the job"))
	if got := b.Find("div[data-job=/t/demo/console/jobs/" + later.ID + "]"); len(got) != 1 {
		t.Errorf("nothing says where the part is: %s", b.Body)
	}
	b.Part("/console/jobs/"+later.ID, "job").Want(200, "Waits for its turn").Lacks("Skip to the content")
	b.Get("/console/jobs/"+later.ID).Submit("Cancel the job", nil).Want(200, "It stops at its next step.", "Cancelled", "Go on where it stopped")
	b.Post("/console/jobs/"+later.ID+"/cancel", nil).Want(409, "The job is cancelled already.")
	b.Part("/console/jobs/"+later.ID, "job").Want(200, "Cancelled")
	if len(b.Find("[data-job]"))+len(b.Find("progress")) > 0 {
		t.Errorf("the script would go on asking: %s", b.Body)
	}
	b.Get("/console/jobs/"+later.ID).Submit("Go on where it stopped", nil).Want(200, "It goes on where it stopped.", "Waits for its turn")
}
