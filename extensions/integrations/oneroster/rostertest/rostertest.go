// Package rostertest makes OneRoster archives for tests: districts of any size, with
// planted refusals, faults and deletions, and with each the [Ledger] of what an
// import must report. The same [Config] always makes the same bytes.
package rostertest

import (
	"archive/zip"
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

// Config says what district to make.
type Config struct {
	Seed    uint64
	Schools int    // 1 if zero
	Rows    int    // about how many data rows in all; at least 60
	Version string // [oneroster.V11] if empty

	// Refused is how many enrolments of learners there are in courses whose code
	// begins with Policy.Code.
	Refused int
	// RefusedPeople is how many people there are whose address is at
	// Policy.Domain. Each has one enrolment, which must be skipped.
	RefusedPeople int
	// Faults is how many rows must come out as invalid. The kinds take turns: a
	// missing value, a dangling reference, a word that no enumeration has, too
	// many and too few cells, a quote that is not closed, a sourcedId twice.
	Faults int
	// Deletions is how many rows say tobedeleted. In a bulk archive they name
	// what never was; in a delta what the bulk archive brought.
	Deletions int

	// Delta makes the archive of changes that follows the bulk archive of the
	// same Config without Delta: the ledger holds for a tenant into which that
	// was imported.
	Delta bool
	// Changes is how many people and classes a delta archive renames, how many
	// it sends again as they were, and how many it adds; Rows/60 if zero.
	Changes int

	Policy Policy
}

// Policy is what the filters of the test must refuse. The zero value works.
type Policy struct {
	Code   string // enrolment in a course whose code begins so; "CLOSED" if empty
	Domain string // registration with an address there; "refused.example" if empty
}

// Ledger is what the reports of an import in lenient mode must be. Messages are
// not part of it, nor are warnings; [Compare] leaves them out.
type Ledger struct {
	First oneroster.Report // the first import
	Again oneroster.Report // the same archive once more
}

func (c Config) withDefaults() Config {
	c.Schools = max(c.Schools, 1)
	c.Rows = max(c.Rows, 60)
	c.Version = cmp.Or(c.Version, oneroster.V11)
	c.Changes = cmp.Or(c.Changes, max(c.Rows/60, 3))
	c.Policy.Code = cmp.Or(c.Policy.Code, "CLOSED")
	c.Policy.Domain = cmp.Or(c.Policy.Domain, "refused.example")
	return c
}

// Generate writes the archive that c describes to w and returns its ledger. It
// streams: a million rows need no more memory than ten.
func Generate(w io.Writer, c Config) (Ledger, error) {
	c = c.withDefaults()
	g := &generator{cfg: c, size: sizeOf(c), zip: zip.NewWriter(w)}
	if c.Delta {
		g.delta()
	} else {
		g.bulk()
	}
	g.manifest()
	if g.err == nil {
		g.err = g.zip.Close()
	}
	return g.ledger, g.err
}

// sizes is how many there are of each. Everything else follows from an index.
type sizes struct {
	classes, closed             int // open and closed classes
	teachers, students, parents int
	rounds                      int // how many classes each student is in
}

func sizeOf(c Config) sizes {
	var s sizes
	s.classes = max(c.Rows/50, 4)
	s.teachers = max(s.classes/2, 1)
	perUser := 1
	if c.Version == oneroster.V12 {
		perUser = 2 // each has a row in roles.csv
	}
	rest := c.Rows - 3*s.classes - perUser*s.teachers - c.Schools - 3
	s.rounds = 3
	people := max(rest/(perUser+s.rounds), 6)
	s.parents = people / 20
	s.students = people - s.parents
	if c.Refused > 0 {
		s.closed = (c.Refused + s.students - 1) / s.students
	}
	return s
}

type generator struct {
	cfg    Config
	size   sizes
	zip    *zip.Writer
	out    *bufio.Writer
	files  []string
	file   string
	row    int
	width  int
	ledger Ledger
	err    error
}

// begin starts a file.
func (g *generator) begin(name string, columns ...string) {
	g.flush()
	if g.err != nil {
		return
	}
	f, err := g.zip.CreateHeader(&zip.FileHeader{
		Name: name + ".csv", Method: zip.Deflate, Modified: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		g.err = err
		return
	}
	g.out, g.file, g.row, g.width = bufio.NewWriterSize(f, 64<<10), name+".csv", 0, len(columns)
	g.raw(strings.Join(columns, ","))
	if name != "manifest" {
		g.files = append(g.files, name)
		g.ledger.First.File(g.file)
		g.ledger.Again.File(g.file)
	}
}

func (g *generator) flush() {
	if g.out != nil {
		g.err = cmp.Or(g.err, g.out.Flush())
		g.out = nil
	}
}

// raw writes a line as it is.
func (g *generator) raw(line string) {
	if g.err == nil {
		g.row++
		_, _ = g.out.WriteString(line) // the writer keeps its first error for Flush
		_, _ = g.out.WriteString("\r\n")
	}
}

// line writes cells.
func (g *generator) line(cells ...string) {
	if len(cells) != g.width {
		panic(fmt.Sprintf("%s has %d columns, not %d", g.file, g.width, len(cells)))
	}
	for i, c := range cells {
		if strings.ContainsAny(c, `",`) {
			cells[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
	}
	g.raw(strings.Join(cells, ","))
}

// came notes that the row just written must come out so, and once it is imported
// again as unchanged unless it is skipped.
func (g *generator) came(o oneroster.Outcome) {
	g.ledger.First.Count(g.file, o)
	if o != oneroster.Skipped {
		o = oneroster.Unchanged
	}
	g.ledger.Again.Count(g.file, o)
}

func (g *generator) manifest() {
	g.begin("manifest", "propertyName", "value")
	mode := oneroster.Bulk
	if g.cfg.Delta {
		mode = oneroster.Delta
	}
	g.line("manifest.version", "1.0")
	g.line("oneroster.version", g.cfg.Version)
	names := []string{
		"academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
		"enrollments", "lineItems", "orgs", "resources", "results", "users",
	}
	if g.cfg.Version == oneroster.V12 {
		names = append(names, "roles", "userProfiles")
	}
	has := map[string]bool{}
	for _, name := range g.files {
		has[name] = true
	}
	for _, name := range names {
		m := oneroster.Absent
		if has[name] {
			m = mode
		}
		g.line("file."+name, string(m))
	}
	g.line("source.systemName", "rostertest")
	g.line("source.systemCode", fmt.Sprint(g.cfg.Seed))
	g.flush()
}

// Compare returns what is different between the reports, ignoring messages,
// warnings, and who refused; or "".
func Compare(got, want oneroster.Report) string {
	var b strings.Builder
	for _, name := range keys(got.Files, want.Files) {
		if got.Files[name] != want.Files[name] {
			fmt.Fprintf(&b, "%s: got %+v, want %+v\n", name, got.Files[name], want.Files[name])
		}
	}
	if g, w := got.Total(), want.Total(); g != w {
		fmt.Fprintf(&b, "all: got %+v, want %+v\n", g, w)
	}
	compare(&b, "refused", got.Refused, want.Refused, func(r oneroster.Refusal) string { return fmt.Sprintf("%s row %d", r.File, r.Row) })
	compare(&b, "invalid", got.Invalid, want.Invalid, func(f oneroster.Fault) string {
		return fmt.Sprintf("%s row %d column %q", f.File, f.Row, f.Column)
	})
	return b.String()
}

func compare[T any](b *strings.Builder, what string, got, want []T, name func(T) string) {
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = name(got[i])
		}
		if i < len(want) {
			w = name(want[i])
		}
		if g != w {
			fmt.Fprintf(b, "%s %d: got %s, want %s\n", what, i, g, w)
			return // the rest are likely shifted
		}
	}
}

func keys(a, b map[string]oneroster.Counts) []string {
	var all []string
	for name := range a {
		all = append(all, name)
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			all = append(all, name)
		}
	}
	return all
}
