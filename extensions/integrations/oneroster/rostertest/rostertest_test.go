package rostertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
)

// world is a tenant in memory. It does with the rows what an import must do, so
// that a ledger is tested against the decisions of plan.go.
type world struct {
	people   map[string]oneroster.User
	courses  map[string]oneroster.Class
	enrolled map[[2]string]bool
}

func newWorld() *world {
	return &world{people: map[string]oneroster.User{}, courses: map[string]oneroster.Class{}, enrolled: map[[2]string]bool{}}
}

func (w *world) load(t *testing.T, data []byte) oneroster.Report {
	t.Helper()
	a, err := oneroster.Open(bytes.NewReader(data), int64(len(data)), oneroster.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var rep oneroster.Report
	rep.WarnArchive(a)
	x := oneroster.NewIndex()
	for _, f := range a.Plan() {
		rep.File(f.Name + ".csv")
		for row, err := range a.Rows(t.Context(), f.Name) {
			if err != nil {
				t.Fatal(err)
			}
			if err := w.row(&rep, x, f, row); err != nil {
				var fault *oneroster.Fault
				if !errors.As(err, &fault) {
					t.Fatal(err)
				}
				rep.Reject(*fault)
			}
			rep.Warn(row.Warnings...)
		}
	}
	if err := rep.Check(); err != nil {
		t.Error(err)
	}
	return rep
}

func (w *world) row(rep *oneroster.Report, x *oneroster.Index, f oneroster.File, row *oneroster.Row) error {
	first := func(id string) error {
		if earlier, ok := x.Add(f.Name, id, row.Number); !ok {
			return &oneroster.Fault{File: row.File, Row: row.Number, Column: "sourcedId", Message: fmt.Sprintf("row %d has it", earlier)}
		}
		return nil
	}
	switch f.Name {
	case "classes":
		c, err := row.Class()
		if err == nil {
			err = first(c.SourcedID)
		}
		if err != nil {
			return err
		}
		rep.Count(row.File, w.class(x, c))
	case "users":
		u, err := row.User()
		if err == nil {
			err = first(u.SourcedID)
		}
		if err != nil {
			return err
		}
		w.user(rep, x, u, row)
	case "enrollments":
		e, err := row.Enrollment()
		if err == nil {
			err = first(e.SourcedID)
		}
		if err != nil {
			return err
		}
		return w.enrollment(rep, x, e, row)
	default:
		if err := row.Err(); err != nil {
			return err
		}
		rep.Count(row.File, oneroster.Skipped)
	}
	return nil
}

func (w *world) class(x *oneroster.Index, c oneroster.Class) oneroster.Outcome {
	have, ok := w.courses[c.SourcedID]
	c.Modified = have.Modified
	if c.Removes() {
		x.Set("classes", c.SourcedID, oneroster.Leaving)
	}
	switch {
	case !ok && c.Removes(), ok && have.Title == c.Title && have.Status == c.Status:
		return oneroster.Unchanged
	}
	w.courses[c.SourcedID] = c
	switch {
	case !ok:
		return oneroster.Created
	case c.Removes():
		return oneroster.Removed
	}
	return oneroster.Changed
}

func (w *world) user(rep *oneroster.Report, x *oneroster.Index, u oneroster.User, row *oneroster.Row) {
	have, ok := w.people[u.SourcedID]
	if u.Removes() {
		x.Set("users", u.SourcedID, oneroster.Leaving)
	}
	switch {
	case !ok && u.Removes(), ok && have.Name() == u.Name() && have.Status == u.Status:
		rep.Count(row.File, oneroster.Unchanged)
		return
	case !ok && strings.HasSuffix(u.Email, "@refused.example"):
		x.Set("users", u.SourcedID, oneroster.Refused)
		rep.Refuse(row.File, row.Number, trellis.Refusal{Extension: "policy"})
		return
	}
	w.people[u.SourcedID] = u
	switch {
	case !ok:
		rep.Count(row.File, oneroster.Created)
	case u.Removes():
		rep.Count(row.File, oneroster.Removed)
	default:
		rep.Count(row.File, oneroster.Changed)
	}
}

func (w *world) enrollment(rep *oneroster.Report, x *oneroster.Index, e oneroster.Enrollment, row *oneroster.Row) error {
	user, class := x.Standing("users", e.User), x.Standing("classes", e.Class)
	if _, ok := w.people[e.User]; ok && user == oneroster.Unknown {
		user = oneroster.Present
	}
	c, ok := w.courses[e.Class]
	if ok && class == oneroster.Unknown {
		class = oneroster.Present
	}
	v, key := e.Judge(user, class), [2]string{e.User, e.Class}
	switch v.Verb {
	case oneroster.Reject:
		return &oneroster.Fault{File: row.File, Row: row.Number, Column: v.Column, Message: v.Message}
	case oneroster.Skip:
		rep.Skip(row.File, row.Number, v.Column, v.Message)
	case oneroster.Nothing:
		rep.Count(row.File, oneroster.Unchanged)
	case oneroster.Unenroll:
		if !w.enrolled[key] {
			rep.Count(row.File, oneroster.Unchanged)
			return nil
		}
		delete(w.enrolled, key)
		rep.Count(row.File, oneroster.Removed)
	case oneroster.Enroll:
		closed := strings.HasPrefix(c.CourseKey(oneroster.Org{}, oneroster.Course{}, "").Code, "CLOSED")
		switch {
		case w.enrolled[key]:
			rep.Count(row.File, oneroster.Unchanged)
		case closed && v.Part == oneroster.Learner:
			rep.Refuse(row.File, row.Number, trellis.Refusal{Extension: "policy"})
		default:
			w.enrolled[key] = true
			rep.Count(row.File, oneroster.Created)
		}
	}
	return nil
}

func TestLedger(t *testing.T) {
	for _, version := range []string{oneroster.V11, oneroster.V12} {
		for _, c := range []rostertest.Config{
			{Seed: 1},
			{Seed: 2, Rows: 60, Faults: 60, Refused: 40, RefusedPeople: 9, Deletions: 30},
			{Seed: 3, Schools: 3, Rows: 1000, Faults: 17, Refused: 30, RefusedPeople: 5, Deletions: 20},
			{Seed: 4, Schools: 12, Rows: 20_000, Faults: 500, Refused: 7000, RefusedPeople: 100, Deletions: 300},
		} {
			c.Version = version
			t.Run(fmt.Sprintf("%s/seed %d", version, c.Seed), func(t *testing.T) {
				w := newWorld()
				check(t, w, c)
				c.Delta = true
				check(t, w, c)
			})
		}
	}
}

func check(t *testing.T, w *world, c rostertest.Config) {
	t.Helper()
	var b bytes.Buffer
	ledger, err := rostertest.Generate(&b, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []oneroster.Report{ledger.First, ledger.Again} {
		if err := r.Check(); err != nil {
			t.Errorf("the ledger itself: %v", err)
		}
		if n := r.Total().Invalid; n != c.Faults {
			t.Errorf("%d faults, want %d", n, c.Faults)
		}
	}
	if !c.Delta {
		if n := ledger.First.Rows - c.Faults - c.Refused - c.Deletions - 2*c.RefusedPeople; n < c.Rows*8/10-60 || n > c.Rows*12/10+60 {
			t.Errorf("%d rows, want about %d", n, c.Rows)
		}
	}
	for i, want := range []oneroster.Report{ledger.First, ledger.Again} {
		if diff := rostertest.Compare(w.load(t, b.Bytes()), want); diff != "" {
			t.Errorf("delta %v, import %d:\n%s", c.Delta, i+1, diff)
		}
	}
}

// What is not planted is conformant: only the enrolment of a parent departs from the
// specification.
func TestGenerateIsConformant(t *testing.T) {
	for _, version := range []string{oneroster.V11, oneroster.V12} {
		for _, delta := range []bool{false, true} {
			var b bytes.Buffer
			if err := generate(&b, rostertest.Config{Rows: 2000, Schools: 2, Version: version, Delta: delta}); err != nil {
				t.Fatal(err)
			}
			a, err := oneroster.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), oneroster.Config{Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range a.Plan() {
				for row, err := range a.Rows(t.Context(), f.Name) {
					if err != nil {
						t.Fatal(err)
					}
					if err := row.Check(); err != nil && !strings.Contains(err.Error(), `"parent" is a role of people`) {
						t.Fatalf("%s, delta %v: %v", version, delta, err)
					}
				}
			}
		}
	}
}

func TestGenerateIsRepeatable(t *testing.T) {
	c := rostertest.Config{Seed: 9, Rows: 500, Faults: 10, Refused: 5}
	var a, b bytes.Buffer
	if err := errors.Join(generate(&a, c), generate(&b, c)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same config made different archives")
	}
}

func generate(w io.Writer, c rostertest.Config) error {
	_, err := rostertest.Generate(w, c)
	return err
}

func TestCompareFindsDifferences(t *testing.T) {
	var a, b oneroster.Report
	a.Count("users.csv", oneroster.Created)
	b.Count("users.csv", oneroster.Changed)
	a.Reject(oneroster.Fault{File: "users.csv", Row: 3, Column: "role"})
	b.Reject(oneroster.Fault{File: "users.csv", Row: 4, Column: "role"})
	diff := rostertest.Compare(a, b)
	for _, want := range []string{"users.csv: got", "all: got", "row 3"} {
		if !strings.Contains(diff, want) {
			t.Errorf("%q is not in:\n%s", want, diff)
		}
	}
	if diff := rostertest.Compare(a, a); diff != "" {
		t.Errorf("a report differs from itself:\n%s", diff)
	}
}

func BenchmarkRead(b *testing.B) {
	var zip bytes.Buffer
	if err := generate(&zip, rostertest.Config{Rows: 100_000}); err != nil {
		b.Fatal(err)
	}
	a, err := oneroster.Open(bytes.NewReader(zip.Bytes()), int64(zip.Len()), oneroster.Config{})
	if err != nil {
		b.Fatal(err)
	}
	rows := 0
	for b.Loop() {
		for _, f := range a.Plan() {
			for row, err := range a.Rows(context.Background(), f.Name) {
				if err != nil {
					b.Fatal(err)
				}
				_ = row.Check()
				rows++
			}
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
