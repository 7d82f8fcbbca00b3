package oneroster_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

func id(s string) oneroster.Meta { return oneroster.Meta{SourcedID: s, Status: oneroster.Active} }

// write writes one row of each file, with values that must come back as they are.
func write(w io.Writer) error {
	o := oneroster.NewWriter(w, oneroster.WriterConfig{SystemCode: "t"})
	return errors.Join(
		o.Org(oneroster.Org{Meta: id("o1"), Name: "School, \"A\"", Type: "school", Identifier: "S"}),
		o.AcademicSession(oneroster.AcademicSession{Meta: id("t1"), Title: "2026", Type: "schoolYear", Start: "2026-01-01", End: "2026-12-31", SchoolYear: "2026"}),
		o.Course(oneroster.Course{Meta: id("c1"), Title: "=1+1", Code: "C", Org: "o1"}),
		o.Class(oneroster.Class{Meta: id("course-v1:o+c+r"), Title: "@SUM(1)", Course: "c1", Code: "c", Type: "scheduled", School: "o1", Terms: []string{"t1", "t2"}}),
		o.User(oneroster.User{Meta: id("u1"), Enabled: true, Role: "student", Orgs: []string{"o1"}, Username: "ada", GivenName: "-Ada", FamilyName: "日本",
			UserIDs: []oneroster.UserID{{Type: "a", ID: "b"}, {Type: "c", ID: "d:e"}}, Email: "ada@example.org", Password: "Secret"}),
		o.User(oneroster.User{Meta: id("u2"), Role: "teacher", Orgs: []string{"o1"}, Username: "bob", GivenName: "Bob", FamilyName: "-"}),
		o.Enrollment(oneroster.Enrollment{Meta: id("e1"), Class: "course-v1:o+c+r", School: "o1", User: "u1", Role: "student", Begin: "2026-01-01"}),
		o.Category(oneroster.Category{Meta: id("k1"), Title: "Grades"}),
		o.LineItem(oneroster.LineItem{Meta: id("l1"), Title: "Course", Assigned: "2026-01-01", Due: "2026-12-31", Class: "course-v1:o+c+r", Category: "k1", GradingPeriod: "t1", Max: 12.5}),
		o.Result(oneroster.Result{Meta: id("r1"), LineItem: "l1", Student: "u1", ScoreStatus: "fully graded", Score: 0.1, Scored: true, Date: "2026-03-04"}),
		o.Close(),
	)
}

func TestWriterRoundTrip(t *testing.T) {
	var b, again bytes.Buffer
	if err := errors.Join(write(&b), write(&again)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same rows made different archives")
	}
	a := open(t, b.Bytes(), oneroster.Config{Strict: true, Passwords: true}) // what we write departs from nothing
	var got []string
	for _, f := range a.Plan() {
		for _, r := range rows(t, a, f.Name) {
			v, err := decode(r, f.Name)
			if err != nil {
				t.Error(err)
			}
			got = append(got, fmt.Sprintf("%+v", v))
		}
	}
	const meta = "SourcedID:%s Status:active Modified:0001-01-01 00:00:00 +0000 UTC}"
	for i, want := range []string{
		`o1|Name:School, "A" Type:school Identifier:S Parent:}`,
		`t1|Title:2026 Type:schoolYear Start:2026-01-01 End:2026-12-31 Parent: SchoolYear:2026}`,
		`c1|Title:=1+1 Code:C Org:o1}`,
		`course-v1:o+c+r|Title:@SUM(1) Course:c1 Code:c Type:scheduled School:o1 Terms:[t1 t2]}`,
		`u1|Enabled:true Role:student Orgs:[o1] Username:ada UserIDs:[{Type:a ID:b} {Type:c ID:d:e}] GivenName:-Ada MiddleName: FamilyName:日本 PreferredGivenName: PreferredFamilyName: Identifier: Email:ada@example.org Agents:[] Password:[secret]}`,
		`u2|Enabled:false Role:teacher Orgs:[o1] Username:bob UserIDs:[] GivenName:Bob MiddleName: FamilyName:- PreferredGivenName: PreferredFamilyName: Identifier: Email: Agents:[] Password:[secret]}`,
		`e1|Class:course-v1:o+c+r School:o1 User:u1 Role:student Primary:false Begin:2026-01-01 End:}`,
		`k1|Title:Grades}`,
		`l1|Title:Course Description: Assigned:2026-01-01 Due:2026-12-31 Class:course-v1:o+c+r Category:k1 GradingPeriod:t1 Min:0 Max:12.5}`,
		`r1|LineItem:l1 Student:u1 ScoreStatus:fully graded Date:2026-03-04 Comment: Score:0.1 Scored:true}`,
	} {
		sid, rest, _ := strings.Cut(want, "|")
		if want := "{Meta:{" + fmt.Sprintf(meta, sid) + " " + rest; i >= len(got) || got[i] != want {
			t.Errorf("row %d:\n got %s\nwant %s", i, got[i], want)
		}
	}
	if bytes.Contains(b.Bytes(), []byte("Secret")) {
		t.Error("a password was written")
	}
}

// decode decodes a row as what its file is about.
func decode(r *oneroster.Row, file string) (any, error) {
	switch file {
	case "orgs":
		return r.Org()
	case "academicSessions":
		return r.AcademicSession()
	case "courses":
		return r.Course()
	case "classes":
		return r.Class()
	case "users":
		return r.User()
	case "roles":
		return r.Role()
	case "enrollments":
		return r.Enrollment()
	case "categories":
		return r.Category()
	case "lineItems":
		return r.LineItem()
	case "results":
		return r.Result()
	}
	return nil, r.Check()
}

func TestWriterRefuses(t *testing.T) {
	user := oneroster.User{Meta: id("u1"), Role: "student", Orgs: []string{"o"}, Username: "u", GivenName: "A", FamilyName: "B"}
	for _, tt := range []struct {
		name string
		do   func(w *oneroster.Writer) error
		want trellis.Kind
	}{
		{"a value is missing", func(w *oneroster.Writer) error { return w.Org(oneroster.Org{Meta: id("o")}) }, trellis.Invalid},
		{"control character", func(w *oneroster.Writer) error {
			u := user
			u.GivenName = "A\nB"
			return w.User(u)
		}, trellis.Invalid},
		{"comma in a list", func(w *oneroster.Writer) error {
			u := user
			u.Orgs = []string{"a,b"}
			return w.User(u)
		}, trellis.Invalid},
		{"brace", func(w *oneroster.Writer) error {
			u := user
			u.UserIDs = []oneroster.UserID{{Type: "a", ID: "}"}}
			return w.User(u)
		}, trellis.Invalid},
		{"order", func(w *oneroster.Writer) error {
			return errors.Join(w.User(user), w.Org(oneroster.Org{Meta: id("o"), Name: "N", Type: "school"}))
		}, trellis.Internal},
		{"not together", func(w *oneroster.Writer) error {
			return errors.Join(w.Org(oneroster.Org{Meta: id("o"), Name: "N", Type: "school"}), w.User(user), w.Org(oneroster.Org{Meta: id("p"), Name: "N", Type: "school"}))
		}, trellis.Internal},
		{"full disk", func(w *oneroster.Writer) error {
			for range 100_000 {
				if err := w.User(user); err != nil {
					return err
				}
			}
			return w.Close()
		}, trellis.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(oneroster.NewWriter(&full{left: 4096}, oneroster.WriterConfig{})); trellis.KindOf(err) != tt.want {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// full is a disk that takes so many bytes.
type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestEmptyArchive(t *testing.T) {
	var b bytes.Buffer
	if err := oneroster.NewWriter(&b, oneroster.WriterConfig{}).Close(); err != nil {
		t.Fatal(err)
	}
	a := open(t, b.Bytes(), oneroster.Config{Strict: true})
	if len(a.Plan()) != 0 || a.Manifest.SystemName != "Trellis" || len(a.Manifest.Files) != 13 {
		t.Errorf("manifest = %+v", a.Manifest)
	}
}
