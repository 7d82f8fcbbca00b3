package integrations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
)

// TestUploadsGo: what was uploaded is sealed as long as its job lives, and goes
// however that ends.
func TestUploadsGo(t *testing.T) {
	const secret = "nobody-else-knows"
	archive := pack(t, "users", users+"u,,,true,school,student,"+secret+",,Ada,L,,,,,,,,\n")
	t.Run("cancelled before it began", func(t *testing.T) {
		c := idle(t, nil)
		job := c.upload("", archive)
		if found := c.holds(secret); c.blobs() != 1 || len(found) > 0 {
			t.Errorf("%d blobs; in the open in %v", c.blobs(), found)
		}
		if _, err := c.jobs.Cancel(c.ctx, job.ID); err != nil {
			t.Fatal(err)
		}
		c.run()
		eventually(t, "the upload goes", func() bool { return c.blobs() == 0 })
	})
	t.Run("done", func(t *testing.T) {
		var open []string
		var c *core
		c = start(t, func(_ context.Context, q trellis.Question) ([]byte, error) {
			open = c.holds(secret) // in the middle of it
			return q.Data, nil
		})
		c.load("", archive)
		if len(open) > 0 {
			t.Errorf("while it runs the upload is in the open in %v", open)
		}
		eventually(t, "the upload goes", func() bool { return c.blobs() == 0 })
	})
	t.Run("failed", func(t *testing.T) {
		c := start(t, nil)
		job, err := c.jobs.Wait(c.ctx, c.upload("", []byte("PK, and yet not a zip")).ID)
		if err != nil || job.State != jobs.Failed || !strings.Contains(job.Error, "zip") {
			t.Errorf("job %+v, %v", job, err)
		}
		eventually(t, "the upload goes", func() bool { return c.blobs() == 0 })
		if _, err := c.jobs.Retry(c.ctx, job.ID); trellis.KindOf(err) != trellis.Conflict || !strings.Contains(err.Error(), "upload it again") {
			t.Errorf("tried again: %v", err)
		}
	})
}

// TestCancel: an import that is cancelled stops in the middle, says how far it came,
// and what it has done stays.
func TestCancel(t *testing.T) {
	cancel := make(chan struct{})
	c := start(t, func(ctx context.Context, q trellis.Question) ([]byte, error) {
		if q.Type == learning.RegistrationRequested.Name() && strings.Contains(string(q.Data), `"u500"`) {
			close(cancel)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return q.Data, nil
	})
	job := c.upload("", pack(t, "users", users+rows(1000, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)))
	<-cancel
	eventually(t, "progress is seen", func() bool {
		seen, err := c.jobs.Get(c.ctx, job.ID)
		return err == nil && seen.Progress.Total == 1000 && seen.Progress.Done > 300 && seen.Progress.Note == "users.csv"
	})
	if _, err := c.jobs.Cancel(c.ctx, job.ID); err != nil {
		t.Fatal(err)
	}
	job, err := c.jobs.Wait(c.ctx, job.ID)
	if err != nil || job.State != jobs.Cancelled {
		t.Fatalf("job %+v, %v", job, err)
	}
	if r := c.report(job); r.Created != len(c.everybody()) || r.Created < 300 || r.Created > 500 {
		t.Errorf("%d people, report %s", len(c.everybody()), r)
	}
	eventually(t, "the upload goes", func() bool { return c.blobs() == 0 })
}

func TestUploadIsRefused(t *testing.T) {
	c := idle(t, nil)
	broken := errors.New("the connection was cut")
	for _, tt := range []struct {
		name, format, options string
		body                  io.Reader
		want                  trellis.Kind
	}{
		{"no such format", "scorm", "", strings.NewReader(""), trellis.NotFound},
		{"unknown option", "oneroster", `{"lenient":true}`, strings.NewReader(""), trellis.Invalid},
		{"title of a terminal", "oneroster", `{"title":"\u001b[2J"}`, strings.NewReader(""), trellis.Invalid},
		{"long title", "oneroster", `{"title":"` + strings.Repeat("x", 256) + `"}`, strings.NewReader(""), trellis.Invalid},
		{"no zip", "oneroster", "", strings.NewReader("not a zip"), trellis.Invalid},
		{"nothing", "oneroster", "", strings.NewReader(""), trellis.Invalid},
		{"cut off", "oneroster", "", io.MultiReader(strings.NewReader("PK"), iotest.ErrReader(broken)), trellis.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.imports.Upload(c.ctx, tt.format, tt.body, json.RawMessage(tt.options))
			if err == nil || trellis.KindOf(err) != tt.want {
				t.Errorf("error = %v, want %s", err, tt.want)
			}
			if list, err := c.jobs.List(c.ctx, jobs.Query{}); err != nil || len(list.Items)+c.blobs() != 0 {
				t.Errorf("it left %d jobs, %d blobs (%v)", len(list.Items), c.blobs(), err)
			}
		})
	}
}

// TestHostileFiles: what cannot be read is reported and named, and the rest is
// imported.
func TestHostileFiles(t *testing.T) {
	wide := strings.Repeat("column,", 10_000) + "\n" + strings.Repeat("x,", 10_000) + "\n"
	for _, tt := range []struct {
		name, users string
		want        string
		message     string // of the first fault, or of the job
	}{
		{"10,000 columns", wide, "1 invalid", "the header cannot be read: the row has more than 4096 cells"},
		{"a value of 100 MB", users + "u0,,,true,school,student,\"" + strings.Repeat("a", 100<<20) + "\",,A,B,,,,,,,,\n" + user("u1"), "1 created 1 invalid", "the row is longer than 1048576 bytes"},
		{"NUL", users + strings.Replace(user("u0"), "Given", "Gi\x00ven", 1) + user("u1"), "1 created 1 invalid", "the row has a control character"},
		{"byte order mark", "\ufeff" + users + user("u1"), "1 created", ""},
		{"CR ends lines", strings.ReplaceAll(users+user("u0")+user("u1"), "\n", "\r"), "2 created", ""},
		{"CR LF", strings.ReplaceAll(users+user("u0")+user("u1"), "\n", "\r\n"), "2 created", ""},
		{"UTF-16", "\xff\xfeu\x00s\x00", "", "UTF-16"},
		{"sourcedId twice", users + user("u0") + user("u1") + user("u0"), "2 created 1 invalid", "row 2 has the same one"},
		{"no header", user("u0") + user("u1"), "1 invalid", "a value is needed"},
		{"header alone", users, "", ""},
		{"nothing", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := start(t, nil)
			job, err := c.jobs.Wait(c.ctx, c.upload("", pack(t, "users", tt.users)).ID)
			if err != nil {
				t.Fatal(err)
			}
			if job.State == jobs.Failed {
				if !strings.Contains(job.Error, tt.message) || tt.message == "" {
					t.Errorf("job failed: %s", job.Error)
				}
				return
			}
			r := c.report(job)
			c.want(r, "users.csv", tt.want)
			if tt.message != "" && (len(r.Invalid) == 0 || r.Invalid[0].Message != tt.message) {
				t.Errorf("faults %+v, want %s", r.Invalid, tt.message)
			}
		})
	}
}

// TestReferences: rows may stand before those that they refer to; what refers to
// nothing is reported with its column.
func TestReferences(t *testing.T) {
	c := start(t, nil)
	r := c.load("", pack(t,
		"enrollments", enrollments+enrol("e1", "c", "u", "student")+enrol("e2", "c", "nobody", "student")+enrol("e3", "nothing", "u", "student"),
		"users", users+user("u"), "classes", classes+class("c"),
		"orgs", orgs+"school,,,School,school,S,district\ndistrict,,,District,district,D,\n"))
	c.want(r, "enrollments.csv", "1 created 2 invalid")
	if len(r.Invalid) != 2 || r.Invalid[0].Row != 3 || r.Invalid[0].Column != "userSourcedId" || r.Invalid[1].Row != 4 || r.Invalid[1].Column != "classSourcedId" {
		t.Errorf("faults %+v", r.Invalid)
	}
}

// TestExport: what a tenant has goes out as a conformant archive, and coming in again
// it changes nothing.
func TestExport(t *testing.T) {
	c := start(t, nil)
	if r := c.roundTrip(); r.Rows != 3 {
		t.Errorf("an empty tenant: %s", r)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, name := range []string{"Ada Lovelace", "Ada", "-", "", "  A   B ", "=1+1", `O"Neil, Jr.`, "日本 太郎", "null", "Leaver"} {
		p, err := c.Register(c.ctx, learning.Register{Username: "u" + string(rune('a'+len(ids))), Name: name})
		must(err)
		ids = append(ids, p.ID)
	}
	if r := c.roundTrip(); r.Files["users.csv"].Unchanged != len(ids) {
		t.Errorf("people without courses: %s", r)
	}
	email := "ada@example.org"
	_, err := c.UpdatePerson(c.ctx, learning.UpdatePerson{ID: ids[0], Email: &email})
	must(err)
	for _, key := range []string{"course-v1:A+B+1", "course-v1:A+B+2", "course-v1:Z.z+x~y+hidden"} {
		_, err := c.CreateCourse(c.ctx, learning.CreateCourse{Key: key, Title: " Title, of \"" + key + "\" ", Hidden: strings.HasSuffix(key, "hidden")})
		must(err)
		for i, id := range ids {
			mode := []string{"audit", "verified"}[i%2]
			_, err := c.Enroll(c.ctx, learning.Enroll{Person: id, Course: key, Mode: mode})
			must(err)
			_, err = c.SetGrade(c.ctx, learning.SetGrade{Person: id, Course: key, Item: []string{"", "quiz"}[i%2], Earned: 0.5, Possible: 1})
			must(err)
		}
	}
	_, err = c.Unenroll(c.ctx, learning.Unenroll{Person: ids[1], Course: "course-v1:A+B+1"})
	must(err)
	for _, a := range []learning.Assign{
		{Person: ids[2], Role: trellis.RoleStaff, Course: "course-v1:A+B+1"}, {Person: ids[0], Role: trellis.RoleStaff, Course: "course-v1:A+B+1"},
		{Person: ids[3], Role: trellis.RoleStaff, Organisation: "A"}, {Person: ids[4], Role: trellis.RoleTenantAdmin},
	} {
		_, err := c.AssignRole(c.ctx, a)
		must(err)
	}
	no := false
	_, err = c.UpdatePerson(c.ctx, learning.UpdatePerson{ID: ids[9], Active: &no})
	must(err)
	before := c.db.Log().Head()
	r := c.roundTrip()
	for file, want := range map[string]string{
		"classes.csv": "2 unchanged", "users.csv": "9 unchanged", "enrollments.csv": "19 unchanged", "lineItems.csv": "4 skipped", "results.csv": "18 skipped",
	} {
		c.want(r, file, want)
	}
	if after := c.db.Log().Head(); after != before {
		t.Errorf("%d events", after-before)
	}
}

// roundTrip exports the tenant and imports that again, strictly.
func (c *core) roundTrip() (r oneroster.Report) {
	c.t.Helper()
	var b bytes.Buffer
	if err := c.imports.Export(c.ctx, "oneroster", &b); err != nil {
		c.t.Fatal(err)
	}
	r = c.load(`{"strict":true}`, b.Bytes())
	if n := r.Total(); n.Created+n.Changed+n.Removed+n.Refused+n.Invalid != 0 {
		c.t.Errorf("what was exported is not what is there: %s", r)
	}
	return r
}
