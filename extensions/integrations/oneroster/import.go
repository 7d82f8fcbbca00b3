package oneroster

import (
	"context"
	"encoding/json"
	"errors"
	goruntime "runtime"
	"slices"
	"sync"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// System is what Trellis calls OneRoster where it keeps identifiers of others.
const System = "oneroster"

// Options say how a roster is imported.
type Options struct {
	Strict    bool   `json:"strict,omitempty"`    // take nothing that departs from the specification
	Passwords bool   `json:"passwords,omitempty"` // take over passwords
	DryRun    bool   `json:"dry_run,omitempty"`   // change nothing, and say what would come of it
	Title     string `json:"title,omitempty"`
}

// Importer brings rosters into a tenant, through the operations of the core: each
// person passes the registration filter, each enrolment that of enrolment.
type Importer struct {
	Learning *learning.Learning
	Fault    func(point string) // for tests; may be nil
}

// How many rows are applied together. More would keep others waiting for the one
// writer; a report with many findings is written with each, so then they are
// fewer and larger.
const (
	chunkRows  = 128
	largeChunk = 1024
	manyFaults = 500
)

// place is how far an import is: the checkpoint of its job.
type place struct {
	File    int      `json:"file"` // index in the archive's plan
	Row     int      `json:"row"`  // rows of that file that are done
	Done    int64    `json:"done"` // rows of all files
	Refused []string `json:"refused,omitempty"`
	Report  Report   `json:"report"`
}

// Import imports an archive as the job r, and goes on where an earlier attempt
// was cut off. Rows that cannot be used are in the report; the error is of what
// stopped the import as a whole.
func (im *Importer) Import(ctx context.Context, r *jobs.Run, a *Archive, o Options) error {
	x := &importing{im: im, run: r, archive: a, options: o, plan: a.Plan(), index: NewIndex(), orgs: map[string]Org{}, courses: map[string]Course{}, years: map[string]string{}}
	begun, err := r.State(&x.at)
	if err != nil {
		return err
	}
	if !begun {
		x.at.Report.Job = r.Job().ID
		x.at.Report.WarnArchive(a)
		for _, f := range x.plan {
			x.at.Report.File(f.Name + ".csv")
		}
	}
	r.Progress(jobs.Progress{Done: x.at.Done, Note: "counting rows"})
	for _, f := range x.plan {
		n, err := a.Count(ctx, f.Name)
		if err != nil {
			return err
		}
		x.total += int64(n)
	}
	for _, id := range x.at.Refused {
		x.index.Set("users", id, Refused)
	}
	for i, f := range x.plan {
		if err := x.file(ctx, i, f); err != nil {
			return errors.Join(err, r.Report(x.at.Report))
		}
	}
	if err := x.at.Report.Check(); err != nil {
		return err
	}
	return r.Report(x.at.Report)
}

// importing is one import under way.
type importing struct {
	im      *Importer
	run     *jobs.Run
	archive *Archive
	options Options
	plan    []File
	at      place
	total   int64
	index   *Index
	orgs    map[string]Org
	courses map[string]Course
	years   map[string]string // school years by session
}

// chunk is some rows on their way.
type chunk struct {
	rows    int
	report  Report // of what is known before anything is applied
	changes []pending
	refused []string // sourcedIds of people
}

// pending is a row whose outcome is known when its changes were applied.
type pending struct {
	row     *Row
	changes []store.Change
	outcome func() Outcome
}

// file reads, prepares and applies one file. While a chunk is applied the next is
// prepared.
func (x *importing) file(ctx context.Context, i int, f File) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	prepared := make(chan *chunk, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(prepared)
		if err := x.read(ctx, i, f, prepared); err != nil {
			stop(err)
		}
	})
	for c := range prepared {
		if err := x.apply(ctx, i, f, c); err != nil {
			stop(err)
			break
		}
	}
	for range prepared { // nobody else takes what is still to come
	}
	reading.Wait()
	return context.Cause(ctx)
}

// read streams the rows of a file in chunks. Those that an earlier attempt has
// done are only remembered.
func (x *importing) read(ctx context.Context, i int, f File, out chan<- *chunk) error {
	done := 0
	switch {
	case i < x.at.File:
		done = int(^uint(0) >> 1)
	case i == x.at.File:
		done = x.at.Row
	}
	size := chunkRows
	if len(x.at.Report.Refused)+len(x.at.Report.Invalid) > manyFaults {
		size = largeChunk
	}
	var rows []*Row
	n := 0
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		c, err := x.prepare(ctx, f, rows)
		if err != nil {
			return err
		}
		rows = nil
		select {
		case out <- c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for row, err := range x.archive.Rows(ctx, f.Name) {
		if err != nil {
			return err
		}
		if n++; n <= done {
			x.remember(f, row)
			continue
		}
		if rows = append(rows, row); len(rows) >= size {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// remember notes of a row that was done what later rows need to know.
func (x *importing) remember(f File, row *Row) {
	d := x.decode(f, row)
	if d.fault != nil {
		return
	}
	x.note(f, d)
}

// decoded is a row as what its file is about.
type decoded struct {
	row        *Row
	fault      *Fault
	report     *Report // of this row: a report lists rows in their order
	meta       Meta
	class      Class
	user       User
	enrollment Enrollment
}

func (x *importing) decode(f File, row *Row) decoded {
	d := decoded{row: row}
	var err error
	switch f.Name {
	case "classes":
		d.class, err = row.Class()
		d.meta = d.class.Meta
	case "users":
		d.user, err = row.User()
		d.meta = d.user.Meta
	case "enrollments":
		d.enrollment, err = row.Enrollment()
		d.meta = d.enrollment.Meta
	case "orgs":
		if o, e := row.Org(); e == nil {
			x.orgs[o.SourcedID] = o
		}
		err = row.Err()
	case "courses":
		if c, e := row.Course(); e == nil {
			x.courses[c.SourcedID] = c
		}
		err = row.Err()
	case "academicSessions":
		if s, e := row.AcademicSession(); e == nil && s.SchoolYear != "" {
			x.years[s.SourcedID] = s.SchoolYear
		}
		err = row.Err()
	default:
		err = row.Err()
	}
	if err != nil && !errors.As(err, &d.fault) {
		d.fault = &Fault{File: row.File, Row: row.Number, Message: err.Error()}
	}
	return d
}

// note remembers a row that can be used. It returns the fault of one whose
// sourcedId was there before.
func (x *importing) note(f File, d decoded) *Fault {
	if f.Use != Kept {
		return nil
	}
	if earlier, first := x.index.Add(f.Name, d.meta.SourcedID, d.row.Number); !first {
		return &Fault{File: d.row.File, Row: d.row.Number, Column: "sourcedId", Message: "row " + itoa(earlier) + " has the same one"}
	}
	if d.meta.Removes() && f.Name != "enrollments" {
		x.index.Set(f.Name, d.meta.SourcedID, Leaving)
	}
	return nil
}

// prepare finds out what becomes of some rows of a file.
func (x *importing) prepare(ctx context.Context, f File, rows []*Row) (*chunk, error) {
	c := &chunk{rows: len(rows)}
	var usable []decoded
	reports := make([]Report, len(rows))
	for i, row := range rows {
		d := x.decode(f, row)
		d.report = &reports[i]
		if d.fault == nil {
			d.fault = x.note(f, d)
		}
		d.report.Warn(row.Warnings...)
		switch {
		case d.fault != nil:
			d.report.Reject(*d.fault)
		case f.Use != Kept:
			d.report.Count(row.File, Skipped)
		default:
			usable = append(usable, d)
		}
	}
	prepare := map[string]func(context.Context, *chunk, []decoded) error{"classes": x.classes, "users": x.users, "enrollments": x.enrollments}[f.Name]
	if len(usable) > 0 {
		if err := prepare(ctx, c, usable); err != nil {
			return nil, err
		}
	}
	for _, r := range reports {
		c.report.Add(r)
	}
	return c, nil
}

// failed sorts an error of a row's preparation: the row's own, which goes into the
// report, or one that stops the import.
func (x *importing) failed(r *Report, row *Row, err error) error {
	var refusal *trellis.Refusal
	switch {
	case errors.As(err, &refusal) && trellis.KindOf(err) == trellis.Refused:
		r.Refuse(row.File, row.Number, *refusal)
		return nil
	case slices.Contains([]trellis.Kind{trellis.Invalid, trellis.Conflict, trellis.NotFound, trellis.Denied}, trellis.KindOf(err)):
		r.Reject(Fault{File: row.File, Row: row.Number, Message: err.Error()})
		return nil
	}
	return err
}

// after is the checkpoint after a chunk was applied. It is asked for its JSON when
// the chunk's changes have been.
type after struct {
	x *importing
	c *chunk
}

// MarshalJSON encodes the place after the chunk.
func (a after) MarshalJSON() ([]byte, error) { return json.Marshal(a.place()) }

func (a after) place() place {
	p := a.x.at
	p.Row += a.c.rows
	p.Done += int64(a.c.rows)
	p.Refused = append(p.Refused[:len(p.Refused):len(p.Refused)], a.c.refused...)
	report := Report{Job: p.Report.Job}
	report.Add(p.Report)
	report.Add(a.c.report)
	for _, pen := range a.c.changes {
		report.Count(pen.row.File, pen.outcome())
	}
	p.Report = report
	return p
}

// apply writes a chunk with the checkpoint after it, in one transaction. A row
// whose change fails must not take the others along: then they are written one by
// one.
func (x *importing) apply(ctx context.Context, i int, f File, c *chunk) error {
	if i != x.at.File {
		x.at.File, x.at.Row = i, 0
	}
	x.fault("import.before-checkpoint")
	err := x.checkpoint(ctx, f, c)
	if err != nil && ctx.Err() == nil && len(c.changes) > 0 && ofTheRow(err) {
		err = x.singly(ctx, f, c)
	}
	if err == nil {
		x.fault("import.after-checkpoint")
	}
	return err
}

func ofTheRow(err error) bool {
	k := trellis.KindOf(err)
	return k == trellis.Conflict || k == trellis.NotFound || k == trellis.Invalid || k == trellis.Denied
}

func (x *importing) checkpoint(ctx context.Context, f File, c *chunk) error {
	var changes []store.Change
	if !x.options.DryRun {
		for _, p := range c.changes {
			changes = append(changes, p.changes...)
		}
	}
	a := after{x, c}
	if err := x.run.Checkpoint(ctx, a, jobs.Progress{Done: x.at.Done + int64(c.rows), Total: x.total, Note: f.Name + ".csv"}, changes...); err != nil {
		return err
	}
	x.at = a.place()
	return nil
}

// singly applies the rows of a chunk one by one.
func (x *importing) singly(ctx context.Context, f File, c *chunk) error {
	rest := &chunk{rows: c.rows - len(c.changes), report: c.report, refused: c.refused}
	if err := x.checkpoint(ctx, f, rest); err != nil {
		return err
	}
	for _, p := range c.changes {
		one := &chunk{rows: 1, changes: []pending{p}}
		err := x.checkpoint(ctx, f, one)
		if err != nil && ctx.Err() == nil && ofTheRow(err) {
			bad := &chunk{rows: 1}
			if err := x.failed(&bad.report, p.row, err); err != nil {
				return err
			}
			err = x.checkpoint(ctx, f, bad)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *importing) fault(point string) {
	if x.im.Fault != nil {
		x.im.Fault(point)
	}
}

// side runs fn for each of n, several at once, and returns the first error.
func side(n int, fn func(int) error) error {
	workers := min(n, goruntime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	next := 0
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := first != nil
				mu.Unlock()
				if i >= n || stop {
					return
				}
				if err := fn(i); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
