package oneroster

import (
	"context"
	"errors"
	"sync"

	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
)

// System is what Trellis calls OneRoster where it keeps identifiers of others.
const System = "oneroster"

// Options say how a roster is imported.
type Options struct {
	Strict    bool   `json:"strict,omitempty"`    // take nothing that departs from the specification
	Passwords bool   `json:"passwords,omitempty"` // take over the passwords of new people
	DryRun    bool   `json:"dry_run,omitempty"`   // change nothing, and say what would come of it
	Title     string `json:"title,omitempty"`
	AtMost    *int   `json:"at_most,omitempty"` // how many rows it may remove; more stop it. Nil: as many as [MayRemove] says
}

// Importer brings rosters into a tenant, through the operations of the core: each
// new person passes the registration filter, each new enrolment that of enrolment.
//
// A dry run asks the filters, too, but those of enrolment only where person and
// course are there already; of the others it says that they would be created, with
// a warning.
type Importer struct {
	Learning *learning.Learning
	Keeper   Keeper
	Fault    func(point string) // for tests; may be nil
}

const (
	// chunkRows is how many rows are applied together. Twice as many are a tenth
	// faster, and keep others waiting for the one writer twice as long.
	chunkRows = 64
	// maxConsulted bounds what is remembered of orgs, courses and sessions.
	maxConsulted = 1_000_000
)

// Import imports an archive as the job r, and goes on where an earlier attempt
// was cut off. Rows that cannot be used are in the report; the error is of what
// stopped the import as a whole.
func (im *Importer) Import(ctx context.Context, r *jobs.Run, a *Archive, o Options) error {
	x := im.importing(r, a, o)
	if err := x.begin(ctx); err != nil {
		return err
	}
	if err := x.count(ctx); err != nil {
		return err
	}
	if err := x.look(ctx); err != nil {
		return err
	}
	for i, f := range x.plan {
		if err := x.file(ctx, i, f); err != nil {
			return errors.Join(err, r.Report(x.report))
		}
	}
	if err := x.report.Check(); err != nil {
		return err
	}
	return r.Report(x.report)
}

// importing is one import under way.
type importing struct {
	im      *Importer
	run     *jobs.Run
	archive *Archive
	options Options
	looking bool // a dry run that counts what is removed, and passes over other rows
	plan    []File
	at      place
	report  Report // of the rows before at
	total   int64
	chunks  int // that were prepared
	flight  *flight
	index   *Index
	orgs    map[string]string // identifiers of organisations, by sourcedId
	courses map[string]string // codes of courses
	years   map[string]string // school years of sessions
}

func (im *Importer) importing(r *jobs.Run, a *Archive, o Options) *importing {
	return &importing{
		im: im, run: r, archive: a, options: o, plan: a.Plan(), index: NewIndex(), flight: newFlight(),
		orgs: map[string]string{}, courses: map[string]string{}, years: map[string]string{},
	}
}

// begin restores what an earlier attempt has done. A dry run has done nothing, and
// begins again.
func (x *importing) begin(ctx context.Context) error {
	if !x.options.DryRun {
		begun, err := x.run.State(&x.at)
		if err != nil {
			return err
		}
		if begun {
			return x.restore(ctx)
		}
	}
	x.report.Job, x.report.DryRun = x.run.Job().ID, x.options.DryRun
	x.report.WarnArchive(x.archive)
	for _, f := range x.plan {
		x.report.File(f.Name + ".csv")
	}
	return nil
}

// count finds out how many rows there are, before anything is done: what cannot be
// read to its end stops the import here.
func (x *importing) count(ctx context.Context) error {
	x.run.Progress(jobs.Progress{Done: x.at.Done, Note: "counting rows"})
	for _, f := range x.plan {
		n, err := x.archive.Count(ctx, f.Name)
		if err != nil {
			return err
		}
		if x.total += int64(n); x.total > int64(x.archive.cfg.MaxRows) {
			return x.archive.tooLong()
		}
	}
	return nil
}

// file reads, prepares and applies one file. While a chunk is applied the next is
// prepared.
func (x *importing) file(ctx context.Context, i int, f File) error {
	done := 0
	switch {
	case i < x.at.File:
		done = int(^uint(0) >> 1)
	case i == x.at.File:
		done = x.at.Row
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	prepared := make(chan *chunk, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(prepared)
		if err := x.read(ctx, f, done, prepared); err != nil {
			stop(err)
		}
	})
	for c := range prepared {
		if err := x.apply(ctx, i, f, c); err != nil {
			stop(err)
			break
		}
		x.flight.land(c.number)
	}
	for range prepared { // nobody else takes what is still to come
	}
	reading.Wait()
	return context.Cause(ctx)
}

// read streams the rows of a file in chunks. The first done ones are of an earlier
// attempt, and are only remembered.
func (x *importing) read(ctx context.Context, f File, done int, out chan<- *chunk) error {
	var rows []*Row
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
	n := 0
	for row, err := range x.archive.Rows(ctx, f.Name) {
		if err != nil {
			return err
		}
		if n++; n <= done {
			if _, err := x.decode(f, row); err != nil {
				return err
			}
			continue
		}
		if rows = append(rows, row); len(rows) >= chunkRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// prepare finds out what becomes of some rows of a file.
func (x *importing) prepare(ctx context.Context, f File, rows []*Row) (*chunk, error) {
	x.chunks++
	c := &chunk{number: x.chunks, rows: len(rows)}
	lines := make([]*line, len(rows))
	var usable []*line
	for i, row := range rows {
		d, err := x.decode(f, row)
		if err != nil {
			return nil, err
		}
		switch {
		case d.fault != nil:
		case f.Use != Kept, x.looking && d.enrollment == nil && !d.meta.Removes() && !d.disables():
			d.outcome = Skipped
		default:
			usable = append(usable, d)
		}
		lines[i] = d
	}
	if len(usable) > 0 {
		prepare := map[string]func(context.Context, *chunk, []*line) error{"classes": x.classes, "users": x.users, "enrollments": x.enrollments}[f.Name]
		if err := prepare(ctx, c, usable); err != nil {
			return nil, err
		}
	}
	for _, d := range lines {
		c.take(d)
	}
	return c, nil
}

func (x *importing) fault(point string) {
	if x.im.Fault != nil {
		x.im.Fault(point)
	}
}
