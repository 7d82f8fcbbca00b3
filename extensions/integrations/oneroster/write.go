package oneroster

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
)

// WriterConfig says what a [Writer] puts into the manifest. The zero value works.
type WriterConfig struct {
	SystemName string    // of the system that writes; "Trellis" if empty
	SystemCode string    // of this installation; may be empty
	Time       time.Time // of the entries of the zip; 1980-01-01 if zero
}

// Writer writes a conformant OneRoster 1.1 bulk archive, the version that most
// systems read, row by row: memory does not grow with what is written, and the
// same rows give the same bytes. Values are written as they are, even those that a
// spreadsheet would take for a formula, because a system reads them back.
//
// Rows must come in the order of the methods below, all of one file together. What
// a row demands by the specification it must have; otherwise the error is of kind
// [trellis.Invalid]. After an error the archive is of no use. A Writer is not safe
// for concurrent use.
type Writer struct {
	cfg     WriterConfig
	zip     *zip.Writer
	current string
	columns []column
	out     *bufio.Writer
	done    map[string]bool
}

// NewWriter returns a writer to w. Call [Writer.Close] to end the archive; w is
// not closed.
func NewWriter(w io.Writer, cfg WriterConfig) *Writer {
	if cfg.SystemName == "" {
		cfg.SystemName = "Trellis"
	}
	if cfg.Time.IsZero() {
		cfg.Time = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) // the oldest that a zip can say
	}
	zw := zip.NewWriter(w)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed) // three times as fast, a fifth larger
	})
	return &Writer{cfg: cfg, zip: zw, done: map[string]bool{}}
}

// Org writes a row of orgs.csv.
func (w *Writer) Org(o Org) error {
	return w.row("orgs", o.Meta, o.Name, o.Type, o.Identifier, o.Parent)
}

// AcademicSession writes a row of academicSessions.csv.
func (w *Writer) AcademicSession(s AcademicSession) error {
	return w.row("academicSessions", s.Meta, s.Title, s.Type, s.Start, s.End, s.Parent, s.SchoolYear)
}

// Course writes a row of courses.csv.
func (w *Writer) Course(c Course) error {
	return w.row("courses", c.Meta, "", c.Title, c.Code, "", c.Org, "", "")
}

// Class writes a row of classes.csv.
func (w *Writer) Class(c Class) error {
	terms, err := joined(c.Terms)
	if err != nil {
		return fmt.Errorf("class %q: %w", c.SourcedID, err)
	}
	return w.row("classes", c.Meta, c.Title, "", c.Course, c.Code, c.Type, "", c.School, terms, "", "", "")
}

// User writes a row of users.csv, without the password.
func (w *Writer) User(u User) error {
	orgs, err := joined(u.Orgs)
	if err != nil {
		return fmt.Errorf("user %q: %w", u.SourcedID, err)
	}
	agents, err := joined(u.Agents)
	if err != nil {
		return fmt.Errorf("user %q: %w", u.SourcedID, err)
	}
	var ids []string
	for _, id := range u.UserIDs {
		if strings.ContainsAny(id.Type, "{}:") || strings.ContainsAny(id.ID, "{}") {
			return trellis.Errorf(trellis.Invalid, "user %q: an identifier has braces", u.SourcedID)
		}
		ids = append(ids, "{"+id.Type+":"+id.ID+"}")
	}
	return w.row("users", u.Meta, strconv.FormatBool(u.Enabled), orgs, u.Role, u.Username, strings.Join(ids, ","),
		u.GivenName, u.FamilyName, u.MiddleName, u.Identifier, u.Email, "", "", agents, "", "")
}

// Enrollment writes a row of enrollments.csv.
func (w *Writer) Enrollment(e Enrollment) error {
	return w.row("enrollments", e.Meta, e.Class, e.School, e.User, e.Role, strconv.FormatBool(e.Primary), e.Begin, e.End)
}

// Category writes a row of categories.csv.
func (w *Writer) Category(c Category) error { return w.row("categories", c.Meta, c.Title) }

// LineItem writes a row of lineItems.csv.
func (w *Writer) LineItem(l LineItem) error {
	return w.row("lineItems", l.Meta, l.Title, l.Description, l.Assigned, l.Due, l.Class, l.Category, l.GradingPeriod,
		decimal(l.Min), decimal(l.Max))
}

// Result writes a row of results.csv.
func (w *Writer) Result(o Result) error {
	score := ""
	if o.Scored {
		score = decimal(o.Score)
	}
	return w.row("results", o.Meta, o.LineItem, o.Student, o.ScoreStatus, score, o.Date, o.Comment)
}

// Close writes the manifest and ends the archive.
func (w *Writer) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	w.columns = []column{{name: "propertyName"}, {name: "value"}}
	if err := w.create("manifest"); err != nil {
		return err
	}
	properties := [][2]string{{"manifest.version", "1.0"}, {"oneroster.version", V11}}
	names := map[string]string{}
	for _, t := range tables() {
		if t.since == V12 {
			continue
		}
		mode := Absent
		if w.done[t.name] {
			mode = Bulk
		}
		names["file."+t.name] = string(mode)
	}
	for _, name := range sortedKeys(names) {
		properties = append(properties, [2]string{name, names[name]})
	}
	properties = append(properties, [2]string{"source.systemName", w.cfg.SystemName}, [2]string{"source.systemCode", w.cfg.SystemCode})
	for _, p := range properties {
		if err := w.line(p[:]); err != nil {
			return err
		}
	}
	if err := w.finish(); err != nil {
		return err
	}
	return w.zip.Close()
}

// row writes one row of a file, and its header first.
func (w *Writer) row(file string, m Meta, values ...string) error {
	if w.current != file {
		if err := w.begin(file); err != nil {
			return err
		}
	}
	// A bulk file says neither status nor time: what is in it is active.
	cells := append([]string{m.SourcedID, "", ""}, values...)
	if len(cells) != len(w.columns) {
		return trellis.Errorf(trellis.Internal, "%s.csv has %d columns, not %d", file, len(w.columns), len(cells))
	}
	for i, c := range w.columns {
		if cells[i] == "" && (c.need == mandatory || c.need == useful) {
			return trellis.Errorf(trellis.Invalid, "%s.csv, %q: the column %s needs a value", file, shown(m.SourcedID), c.name)
		}
	}
	return w.line(cells)
}

func (w *Writer) begin(file string) error {
	for _, t := range tables() { // the order is the one in which they are read
		if t.name == file {
			break
		}
		w.done[t.name] = w.done[t.name] || false
	}
	if _, passed := w.done[file]; passed {
		return trellis.Errorf(trellis.Internal, "the rows of %s.csv do not come together, or come too late", file)
	}
	if err := w.finish(); err != nil {
		return err
	}
	w.done[file] = true
	w.columns = tableOf(file).in(V11)
	return w.create(file)
}

func (w *Writer) create(file string) error {
	f, err := w.zip.CreateHeader(&zip.FileHeader{Name: file + ".csv", Method: zip.Deflate, Modified: w.cfg.Time})
	if err != nil {
		return fmt.Errorf("begin %s.csv: %w", file, err)
	}
	w.current, w.out = file, bufio.NewWriterSize(f, 32<<10)
	names := make([]string, len(w.columns))
	for i, c := range w.columns {
		names[i] = c.name
	}
	return w.line(names)
}

func (w *Writer) finish() error {
	if w.out == nil {
		return nil
	}
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write %s.csv: %w", w.current, err)
	}
	w.out = nil
	return nil
}

// line writes cells as a line of CSV (RFC 4180).
func (w *Writer) line(cells []string) error {
	for i, cell := range cells {
		if strings.ContainsFunc(cell, isControlOrBreak) {
			return trellis.Errorf(trellis.Invalid, "%s.csv, %q: the column %s has a control character", w.current, shown(cells[0]), w.columns[i].name)
		}
		if i > 0 {
			_ = w.out.WriteByte(',') // the writer keeps its first error for the last write
		}
		if strings.ContainsAny(cell, `",`) {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		_, _ = w.out.WriteString(cell)
	}
	if _, err := w.out.WriteString("\r\n"); err != nil {
		return fmt.Errorf("write %s.csv: %w", w.current, err)
	}
	return nil
}

func isControlOrBreak(r rune) bool { return r == '\n' || isControl(r) }

// joined writes a list, whose items must have no comma.
func joined(list []string) (string, error) {
	for _, item := range list {
		if strings.Contains(item, ",") {
			return "", trellis.Errorf(trellis.Invalid, "%q cannot stand in a list, because it has a comma", shown(item))
		}
	}
	return strings.Join(list, ","), nil
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
