package oneroster_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
)

// FuzzRead opens what may be a zip and reads everything in it.
func FuzzRead(f *testing.F) {
	for _, c := range []rostertest.Config{{Rows: 60, Faults: 10}, {Rows: 60, Version: oneroster.V12, Delta: true, Deletions: 6, Faults: 15}} {
		var b bytes.Buffer
		if _, err := rostertest.Generate(&b, c); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), false)
		f.Add(stored(f, b.Bytes()), false)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), true)
	f.Add(stored(f, b.Bytes()), true)
	f.Add(pack(f, "d/Orgs.csv", orgsCSV), false)
	f.Fuzz(func(t *testing.T, data []byte, strict bool) {
		a, err := oneroster.Open(bytes.NewReader(data), int64(len(data)), oneroster.Config{Strict: strict, MaxSize: 4 << 20})
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Fatalf("kind of %v is %q", err, trellis.KindOf(err))
			}
			return
		}
		for _, file := range a.Plan() {
			rows, failed := 0, false
			for r, err := range a.Rows(t.Context(), file.Name) {
				if err != nil {
					if trellis.KindOf(err) != trellis.Invalid {
						t.Fatalf("kind of %v is %q", err, trellis.KindOf(err))
					}
					failed = true
					break
				}
				rows++
				use(t, r, file.Name)
			}
			if n, err := a.Count(t.Context(), file.Name); (err != nil) != failed || err == nil && n != rows {
				t.Fatalf("%s has %d rows, and %d were counted (%v)", file.Name, rows, n, err)
			}
		}
	})
}

// stored returns a zip with its entries unpacked, so that mutations reach the rows.
func stored(t testing.TB, data []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		w, err := out.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// use decodes a row and checks what is promised of it.
func use(t *testing.T, r *oneroster.Row, file string) {
	v, err := decode(r, file)
	var fault *oneroster.Fault
	if err != nil && (!errors.As(err, &fault) || fault.Row != r.Number || fault.Message == "") {
		t.Fatalf("error = %#v", err)
	}
	if err != nil {
		return
	}
	switch v := v.(type) {
	case oneroster.Class:
		key := v.CourseKey(oneroster.Org{}, oneroster.Course{}, "2026")
		if _, err := trellis.ParseCourseKey(key.String()); err != nil || v.SourcedID == "" || v.Title == "" && !v.Removes() {
			t.Fatalf("%+v: %v", v, err)
		}
	case oneroster.User:
		if v.SourcedID == "" || v.Login() == "" || strings.ContainsAny(v.Login(), " \t") || v.Password != "" {
			t.Fatalf("%+v", v)
		}
	case oneroster.Enrollment:
		_ = v.Judge(oneroster.Present, oneroster.Present)
	}
}

// FuzzCSV reads a file of CSV. What encoding/csv makes of a line by itself, we must
// make of it too.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"a,b,c,d\n1,2,3,4\n", "a,\"b\nc\",d\n\"", "\ufeffa,b\r\n\"x\"\"y\",z\r\n", "\xff,\xfe\n\n\n,", "a,\"b,c\nd,e\"f,\"g\"\n", "x,,,\"one\ntwo\",\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const header = "sourcedId,status,dateLastModified,title,weight\n"
		data := pack(t, "manifest.csv", manifest("1.2", "categories=bulk"), "categories.csv", header+string(body))
		a := open(t, data, oneroster.Config{MaxRatio: 1 << 30})
		lines, last := bytes.Split(body, []byte("\n")), 1
		for r, err := range a.Rows(t.Context(), "categories") {
			if err != nil {
				t.Fatal(err)
			}
			if r.Line <= last || r.Line > len(lines)+1 || r.Number > r.Line || r.Number < 2 {
				t.Fatalf("row %d on line %d after line %d of %d", r.Number, r.Line, last, len(lines)+1)
			}
			last = r.Line
			same(t, r, lines[r.Line-2])
			use(t, r, "categories")
		}
	})
}

// same compares a row with what encoding/csv makes of its line.
func same(t *testing.T, r *oneroster.Row, line []byte) {
	if !utf8.Valid(line) || bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return // what encoding/csv lets pass and we do not
	}
	theirs := csv.NewReader(bytes.NewReader(line))
	cells, err := theirs.Read()
	if err != nil || len(cells) != 5 {
		return
	}
	if r.Err() != nil {
		t.Fatalf("line %q is good CSV: %v", line, r.Err())
	}
	c, err := r.Category()
	if err != nil {
		return // good CSV, but no good category
	}
	want := []string{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[3])}
	if got := []string{c.SourcedID, c.Title}; !slices.Equal(got, want) {
		t.Fatalf("line %q: got %q, want %q", line, got, want)
	}
}
