package integrations_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/internal/jobs"
)

func refuses(part string) filters {
	return func(_ context.Context, q trellis.Question) ([]byte, error) {
		if strings.Contains(string(q.Data), part) {
			return nil, &trellis.Refusal{Extension: "acme.x", Filter: q.Type, Message: "No room for\n=this one"}
		}
		return q.Data, nil
	}
}

// TestProceed: what was checked is imported without being sent again, once.
func TestProceed(t *testing.T) {
	c := start(t, nil)
	archive := pack(t, "users", users+rows(30, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number))
	check := c.upload(`{"dry_run":true,"title":"Spring"}`, archive)
	done, err := c.jobs.Wait(c.ctx, check.ID)
	if err != nil || len(c.everybody()) != 0 {
		t.Fatalf("checked: %+v, %v", done, err)
	}
	strange := trellis.WithActor(t.Context(), trellis.Actor{Tenant: "other", ID: "test", Kind: trellis.SystemActor})
	if _, err := c.imports.Proceed(strange, integrations.Proceeding{Job: check.ID}); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("by another tenant: %v", err)
	}
	job, err := c.imports.Proceed(c.ctx, integrations.Proceeding{Job: check.ID})
	if err != nil {
		t.Fatal(err)
	}
	job, err = c.jobs.Wait(c.ctx, job.ID)
	if err != nil || job.State != jobs.Done || !strings.HasSuffix(job.Title, "Spring") {
		t.Fatalf("imported: %+v, %v", job, err)
	}
	c.want(c.report(job), "users.csv", "30 created")
	for id, detail := range map[string]string{check.ID: "imported already", job.ID: "was no check"} {
		if _, err := c.imports.Proceed(c.ctx, integrations.Proceeding{Job: id}); trellis.KindOf(err) != trellis.Conflict || !strings.Contains(err.Error(), detail) {
			t.Errorf("again: %v, want %s", err, detail)
		}
	}
	eventually(t, "the upload to go", func() bool { return c.blobs() == 0 })

	gone := users + rows(30, "u%d,tobedeleted,"+since+",true,school,student,u%d,,Ada,L,,,,,,,,", number, number)
	check = c.upload(`{"dry_run":true}`, pack(t, "delta:users", gone))
	if _, err := c.jobs.Wait(c.ctx, check.ID); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 29} {
		if _, err := c.imports.Proceed(c.ctx, integrations.Proceeding{Job: check.ID, Removes: n}); trellis.KindOf(err) != trellis.Conflict || !strings.Contains(err.Error(), "removes 30 of 30 rows") {
			t.Errorf("the brake at %d: %v", n, err)
		}
	}
	if job, err = c.imports.Proceed(c.ctx, integrations.Proceeding{Job: check.ID, Removes: 30}); err != nil {
		t.Fatal(err)
	}
	if job, err = c.jobs.Wait(c.ctx, job.ID); err != nil {
		t.Fatal(err)
	}
	c.want(c.report(job), "users.csv", "30 removed")
}

// TestProceedRemovesWhatWasConfirmed: an import stops before it removes more than the
// check has found.
func TestProceedRemovesWhatWasConfirmed(t *testing.T) {
	c := start(t, nil)
	gone := pack(t, "delta:users", users+rows(30, "u%d,tobedeleted,"+since+",true,school,student,u%d,,Ada,L,,,,,,,,", number, number))
	check := c.upload(`{"dry_run":true}`, gone)
	done, err := c.jobs.Wait(c.ctx, check.ID)
	if err != nil {
		t.Fatal(err)
	}
	if found := c.report(done); found.Removed != 0 {
		t.Fatalf("of nobody it removes %d", found.Removed)
	}
	c.load("", pack(t, "users", users+rows(30, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)))
	job, err := c.imports.Proceed(c.ctx, integrations.Proceeding{Job: check.ID})
	if err != nil {
		t.Fatal(err)
	}
	job, _ = c.jobs.Wait(c.ctx, job.ID)
	if job.State != jobs.Failed || !strings.Contains(job.Error, "more than the 10 rows that were confirmed") {
		t.Errorf("it is %s: %s", job.State, job.Error)
	}
}

// TestBrakeAtTheDoor: an import that nobody has checked stops before it removes much,
// and says how to go on.
func TestBrakeAtTheDoor(t *testing.T) {
	c := start(t, nil)
	c.load("", pack(t, "users", users+rows(100, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)))
	gone := pack(t, "delta:users", users+rows(100, "u%d,tobedeleted,"+since+",true,school,student,u%d,,Ada,L,,,,,,,,", number, number))
	for _, tt := range []struct {
		options, want string
		state         jobs.State
	}{
		{"", "more than 10 of what its 100 rows are about", jobs.Failed},
		{"", "say how many rows it may remove (at_most: 100)", jobs.Failed},
		{`{"at_most":99}`, "more than the 99 rows that were confirmed, namely 100. Nothing was changed", jobs.Failed},
		{`{"at_most":100}`, "", jobs.Done},
	} {
		job, err := c.jobs.Wait(c.ctx, c.upload(tt.options, gone).ID)
		if err != nil || job.State != tt.state || !strings.Contains(job.Error, tt.want) {
			t.Errorf("%s: %s %s (%v)", tt.options, job.State, job.Error, err)
		}
		working := 0
		for _, p := range c.everybody() {
			if p.Active {
				working++
			}
		}
		if want := map[jobs.State]int{jobs.Failed: 100}[tt.state]; working != want {
			t.Errorf("%s: %d accounts work, want %d", tt.options, working, want)
		}
	}
	if _, err := c.imports.Upload(c.ctx, "oneroster", bytes.NewReader(gone), []byte(`{"at_most":-1}`)); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("less than nothing: %v", err)
	}
}

// TestBrakeOnTheWay: an import that removes what it has given itself, which nobody can
// see before, stops where it would have removed too much.
func TestBrakeOnTheWay(t *testing.T) {
	c := start(t, nil)
	give := rows(100, "e%d,,,c,school,u%d,student,false,,", number, number)
	take := rows(100, "f%d,tobedeleted,"+since+",c,school,u%d,student,false,,", number, number)
	archive := pack(t, "classes", classes+class("c"), "users", users+rows(100, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number), "enrollments", enrollments+give+take)
	job, err := c.jobs.Wait(c.ctx, c.upload("", archive).ID)
	if err != nil || job.State != jobs.Failed || !strings.Contains(job.Error, "more than 30 of what its 301 rows are about: it stopped after 28") {
		t.Errorf("it is %s: %s, %v", job.State, job.Error, err)
	}
	if got := c.enrolled(); got != 72 {
		t.Errorf("%d are enrolled, want 72", got)
	}
}

// TestBrakeOfParts: a roster that gives pupils another part takes from each the one she
// had, and that counts.
func TestBrakeOfParts(t *testing.T) {
	c := start(t, nil)
	people := users + rows(100, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)
	archive := func(role string) []byte {
		return pack(t, "classes", classes+class("c"), "users", people, "enrollments", enrollments+rows(100, "e%d,,,c,school,u%d,"+role+",false,,", number, number))
	}
	c.load("", archive("student"))
	job, err := c.jobs.Wait(c.ctx, c.upload("", archive("teacher")).ID)
	if err != nil || job.State != jobs.Failed || !strings.Contains(job.Error, "more than 20 of what its 201 rows are about, namely 100. Nothing was changed") || c.enrolled() != 100 {
		t.Errorf("it is %s: %s, %v; %d are enrolled", job.State, job.Error, err, c.enrolled())
	}
	c.want(c.load(`{"dry_run":true}`, archive("teacher")), "enrollments.csv", "100 removed")
	if c.want(c.load(`{"at_most":100}`, archive("teacher")), "enrollments.csv", "100 removed"); c.enrolled() != 0 {
		t.Errorf("%d are enrolled", c.enrolled())
	}
	c.want(c.load("", archive("guardian")), "enrollments.csv", "100 skipped")
}

// TestBrakeCountsWhatGoes: rows that say that something is to go which is gone already
// stop nothing.
func TestBrakeCountsWhatGoes(t *testing.T) {
	c := start(t, nil)
	c.load("", pack(t, "users", users+rows(5, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)))
	gone := pack(t, "delta:users", users+rows(40, "u%d,tobedeleted,"+since+",true,school,student,u%d,,Ada,L,,,,,,,,", number, number))
	c.want(c.load("", gone), "users.csv", "5 removed 35 unchanged")
}

// TestBrakeOfDisabled: accounts that work no longer count, whichever column says so, and
// nothing was done before the import stops.
func TestBrakeOfDisabled(t *testing.T) {
	c := start(t, nil)
	enabled := func(is string) []byte {
		return pack(t, "users", users+rows(30, "u%d,,,"+is+",school,student,u%d,,Ada,L,,,,,,,,", number, number))
	}
	c.load("", enabled("true"))
	job, err := c.jobs.Wait(c.ctx, c.upload("", enabled("false")).ID)
	if err != nil || job.State != jobs.Failed || !strings.Contains(job.Error, "namely 30") {
		t.Errorf("it is %s: %s, %v", job.State, job.Error, err)
	}
	c.want(c.load("", enabled("true")), "users.csv", "30 unchanged")
	c.want(c.load(`{"at_most":30}`, enabled("false")), "users.csv", "30 removed")
	c.want(c.load("", enabled("false")), "users.csv", "30 unchanged")
}

// TestAgain: an import whose upload is gone, or that would stop again where it did, is
// not begun again, and still says why it stopped.
func TestAgain(t *testing.T) {
	c := start(t, nil)
	c.load("", pack(t, "users", users+rows(30, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)))
	for _, tt := range []struct {
		name, why, want string
		archive         []byte
	}{
		{"stopped", "more than 10", "it would stop again", pack(t, "delta:users", users+rows(30, "u%d,tobedeleted,"+since+",true,school,student,u%d,,Ada,L,,,,,,,,", number, number))},
		{"damaged", "zip", "no longer there: upload it again", []byte("PK, and yet no zip")},
	} {
		job, err := c.jobs.Wait(c.ctx, c.upload("", tt.archive).ID)
		if err != nil || job.State != jobs.Failed {
			t.Fatalf("%s: it is %s, %v", tt.name, job.State, err)
		}
		if tt.name == "damaged" {
			eventually(t, "the upload to go", func() bool { return c.blobs() == 1 })
		}
		if _, err := c.jobs.Retry(c.ctx, job.ID); trellis.KindOf(err) != trellis.Conflict || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		if job, err = c.jobs.Get(c.ctx, job.ID); err != nil || job.State != jobs.Failed || !strings.Contains(job.Error, tt.why) {
			t.Errorf("%s: it is %s: %s, %v", tt.name, job.State, job.Error, err)
		}
	}
}

// TestRecheck: what an import has left that stopped at the brake is checked without
// being sent again, by its own tenant, and imported by whoever says how much it removes.
func TestRecheck(t *testing.T) {
	c := start(t, nil)
	c.load("", pack(t, "users", users+rows(100, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)))
	gone := pack(t, "delta:users", users+rows(100, "u%d,tobedeleted,"+since+",true,school,student,u%d,,Ada,L,,,,,,,,", number, number))
	stopped, err := c.jobs.Wait(c.ctx, c.upload(`{"title":"Spring","at_most":70}`, gone).ID)
	if err != nil || stopped.State != jobs.Failed || !c.imports.Stopped(c.ctx, stopped.ID) {
		t.Fatalf("%s: %s, %v", stopped.State, stopped.Error, err)
	}
	strange := trellis.WithActor(t.Context(), trellis.Actor{Tenant: "other", ID: "test", Kind: trellis.SystemActor})
	if _, err := c.imports.Recheck(strange, integrations.Rechecking{Job: stopped.ID}); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("by another tenant: %v", err)
	}
	if _, err := c.imports.Proceed(c.ctx, integrations.Proceeding{Job: stopped.ID, Removes: 100}); trellis.KindOf(err) != trellis.Conflict {
		t.Errorf("without a check: %v", err)
	}
	check, err := c.imports.Recheck(c.ctx, integrations.Rechecking{Job: stopped.ID})
	if err != nil {
		t.Fatal(err)
	}
	if check, err = c.jobs.Wait(c.ctx, check.ID); err != nil || check.Title != stopped.Title || c.report(check).Removed != 100 {
		t.Fatalf("checked: %+v, %v", c.report(check), err)
	}
	for _, id := range []string{stopped.ID, check.ID} {
		if _, err := c.imports.Recheck(c.ctx, integrations.Rechecking{Job: id}); trellis.KindOf(err) != trellis.Conflict || c.imports.Stopped(c.ctx, id) {
			t.Errorf("checked again: %v", err)
		}
	}
	job, err := c.imports.Proceed(c.ctx, integrations.Proceeding{Job: check.ID, Removes: 100})
	if err != nil {
		t.Fatal(err)
	}
	if job, err = c.jobs.Wait(c.ctx, job.ID); err != nil {
		t.Fatal(err)
	}
	c.want(c.report(job), "users.csv", "100 removed")
	eventually(t, "the upload to go", func() bool { return c.blobs() == 0 })
}

// TestLeftovers: the rows that were not taken come back with the reason, as an
// archive that can be sent again; for the tenant alone, sealed where it lies, and
// not after somebody was erased.
func TestLeftovers(t *testing.T) {
	c := start(t, refuses("u3@"))
	archive := pack(t, "users", users+rows(5, "u%d,,,true,school,student,u%d,,Ada,Leftover,,,u%d@example.org,,,,,", number, number, number)+
		"u1,,,true,school,student,u1x,,Ada,L,,,,,,,,\n", "classes", classes+class("c"))
	job, err := c.jobs.Wait(c.ctx, c.upload("", archive).ID)
	if err != nil {
		t.Fatal(err)
	}
	c.want(c.report(job), "users.csv", "4 created 1 refused 1 invalid")
	eventually(t, "the upload to go", func() bool { return c.blobs() == 1 })
	rc, err := c.imports.Leftovers(c.ctx, job.ID)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(rc)
	if err != nil || rc.Close() != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil || len(z.File) != 2 {
		t.Fatalf("the archive has %d files, %v", len(z.File), err)
	}
	f, err := z.Open("users.csv")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v, %v", lines, err)
	}
	last := len(lines[0]) - 1
	if lines[0][0] != "sourcedId" || lines[0][last] != "metadata.trellisReason" || lines[1][6] != "u3" || lines[1][last] != "acme.x: No room for =this one" || !strings.HasPrefix(lines[2][last], "sourcedId: row 3 ") {
		t.Errorf("rows %q", lines)
	}
	again := c.load("", raw)
	c.want(again, "users.csv", "1 changed 1 refused") // alone, it is whom it names
	if warned(again, "metadata") {
		t.Errorf("sent again: warnings %v", again.Warnings)
	}
	strange := trellis.WithActor(t.Context(), trellis.Actor{Tenant: "other", ID: "test", Kind: trellis.SystemActor})
	if err := c.imports.Erase(strange, "somebody"); err != nil {
		t.Fatal(err)
	}
	for _, ctx := range []context.Context{strange, t.Context()} {
		if _, err := c.imports.Leftovers(ctx, job.ID); err == nil {
			t.Error("a stranger reads it")
		}
	}
	if err := c.imports.Erase(c.ctx, "somebody"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.imports.Leftovers(c.ctx, job.ID); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("after somebody was erased: %v", err)
	}
	eventually(t, "all of it to go", func() bool { return c.blobs() == 0 })
}
