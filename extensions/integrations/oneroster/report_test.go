package oneroster_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

func sample() oneroster.Report {
	var r oneroster.Report
	r.Job = "j1"
	r.File("orgs.csv")
	r.Count("users.csv", oneroster.Created)
	r.Count("users.csv", oneroster.Changed)
	r.Count("enrollments.csv", oneroster.Removed)
	r.Count("enrollments.csv", oneroster.Unchanged)
	r.Skip("enrollments.csv", 4, "userSourcedId", "refused before")
	r.Skip("enrollments.csv", 5, "userSourcedId", "refused before")
	r.Refuse("users.csv", 4, trellis.Refusal{Extension: "x", Filter: "f", Message: "no"})
	r.Reject(oneroster.Fault{File: "users.csv", Row: 5, Column: "role", Message: "bad"})
	return r
}

func TestReportJSON(t *testing.T) {
	r := sample()
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"job":"j1","rows":8,"created":1,"changed":1,"removed":1,"unchanged":1,"skipped":2,` +
		`"refused":[{"file":"users.csv","row":4,"extension":"x","filter":"f","message":"no"}],` +
		`"invalid":[{"file":"users.csv","row":5,"column":"role","message":"bad"}],` +
		`"warnings":[{"file":"enrollments.csv","row":4,"column":"userSourcedId","message":"skipped: refused before","count":2}],` +
		`"files":{"enrollments.csv":{"rows":4,"created":0,"changed":0,"removed":1,"unchanged":1,"skipped":2,"refused":0,"invalid":0},` +
		`"orgs.csv":{"rows":0,"created":0,"changed":0,"removed":0,"unchanged":0,"skipped":0,"refused":0,"invalid":0},` +
		`"users.csv":{"rows":4,"created":1,"changed":1,"removed":0,"unchanged":0,"skipped":0,"refused":1,"invalid":1}}}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var back oneroster.Report
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	back.Skip("enrollments.csv", 9, "userSourcedId", "refused before") // a decoded report goes on
	if err := back.Check(); err != nil || back.Warnings[0].Count != 3 || len(back.Warnings) != 1 {
		t.Errorf("%v, %v", err, back.Warnings)
	}
	empty, _ := json.Marshal(oneroster.Report{})
	if !strings.Contains(string(empty), `"refused":[],"invalid":[],"files":{}`) {
		t.Errorf("empty: %s", empty)
	}
	if s := r.String(); !strings.Contains(s, "users.csv row 5, role: bad") || !strings.Contains(s, "(2 times)") || !strings.Contains(s, "refused  users.csv row 4 by x: no") {
		t.Errorf("for people:\n%s", s)
	}
}

func TestReportAddsUp(t *testing.T) {
	r, o := sample(), sample()
	r.Add(o)
	if err := r.Check(); err != nil || r.Rows != 16 || len(r.Refused) != 2 || r.Warnings[0].Count != 4 {
		t.Errorf("%v: %+v", err, r)
	}
	r.Rows++
	if err := r.Check(); trellis.KindOf(err) != trellis.Internal {
		t.Errorf("error = %v", err)
	}
	r.Rows--
	c := r.Files["users.csv"]
	c.Created++
	r.Files["users.csv"] = c
	if err := r.Check(); err == nil {
		t.Error("a file that does not add up passes")
	}
}

func TestReportIsBounded(t *testing.T) {
	var r oneroster.Report
	for i := range oneroster.MaxListed + 5 {
		r.Reject(oneroster.Fault{File: "users.csv", Row: i, Message: "bad"})
		r.Refuse("users.csv", i, trellis.Refusal{})
		r.Warn(oneroster.Fault{File: "users.csv", Row: i, Message: fmt.Sprint("odd ", i)})
	}
	var twice oneroster.Report
	twice.Add(r)
	twice.Add(r)
	for _, tt := range []struct {
		r    oneroster.Report
		more int
	}{{r, 5}, {twice, oneroster.MaxListed + 10}} {
		if len(tt.r.Invalid) != oneroster.MaxListed || tt.r.More.Invalid != tt.more || tt.r.More.Refused != tt.more || len(tt.r.Warnings) != 1000 {
			t.Errorf("%d listed, more %+v", len(tt.r.Invalid), tt.r.More)
		}
		if err := tt.r.Check(); err != nil {
			t.Error(err)
		}
	}
}
