package oneroster

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/store"
)

// Keeper keeps, for one job, the rows that a report lists while the import runs:
// a checkpoint that had them all would be written again with every chunk.
type Keeper interface {
	// Keep returns the change that keeps findings as the n-th, from 0.
	Keep(n int, findings []byte) store.Change
	// Kept calls fn with all that was kept, in order.
	Kept(ctx context.Context, fn func(findings []byte) error) error
}

// place is how far an import is: the checkpoint of its job.
type place struct {
	File     int    `json:"file"`     // index in the archive's plan
	Row      int    `json:"row"`      // rows of that file that are done
	Done     int64  `json:"done"`     // rows of all files
	Findings int    `json:"findings"` // how many the keeper has
	Report   Report `json:"report"`   // without the rows that it lists
}

// findings are what a chunk adds to the lists.
type findings struct {
	Refused []Refusal `json:"refused,omitempty"`
	Invalid []Fault   `json:"invalid,omitempty"`
	People  []string  `json:"people,omitempty"` // sourcedIds of those whose registration was refused
}

// restore goes back to the last checkpoint.
func (x *importing) restore(ctx context.Context) error {
	x.report = x.at.Report
	return x.im.Keeper.Kept(ctx, func(raw []byte) error {
		var f findings
		if err := json.Unmarshal(raw, &f); err != nil {
			return fmt.Errorf("decode findings: %w", err)
		}
		x.report.recall(f)
		for _, id := range f.People {
			x.index.Set("users", id, Refused)
		}
		return nil
	})
}

// chunk is some rows on their way.
type chunk struct {
	number  int // from 1
	rows    int
	report  Report     // of what is known before anything is applied
	pending []*pending // in the order of the rows
	people  []string   // sourcedIds of those whose registration was refused
}

// pending is a row whose outcome is known when its changes were applied.
type pending struct {
	line    *line
	row     *Row
	changes []store.Change
	outcome func() Outcome
	err     error // of its own changes
}

// Apply implements [store.Change].
func (p *pending) Apply(ctx context.Context, tx *store.Tx) error {
	p.err = nil
	for _, c := range p.changes {
		if p.err = c.Apply(ctx, tx); p.err != nil {
			return p.err
		}
	}
	return nil
}

// take puts a line where it belongs.
func (c *chunk) take(d *line) {
	c.report.Warn(d.row.Warnings...)
	c.report.Warn(d.warnings...)
	switch {
	case d.fault != nil:
		c.report.Reject(*d.fault)
	case d.refusal != nil:
		c.report.Refuse(d.row.File, d.row.Number, *d.refusal)
	case d.pending != nil:
		d.pending.line = d
		c.pending = append(c.pending, d.pending)
	default:
		c.report.Count(d.row.File, d.outcome)
	}
}

// apply writes a chunk with the checkpoint after it, in one transaction. A row
// whose change fails must not take the others along: it is left out, and they are
// written without it.
func (x *importing) apply(ctx context.Context, i int, f File, c *chunk) error {
	if i != x.at.File {
		x.at.File, x.at.Row = i, 0
	}
	if err := x.brake(c); err != nil {
		return err
	}
	for {
		x.fault("import.before-checkpoint")
		err := x.checkpoint(ctx, f, c)
		if err == nil {
			x.fault("import.after-checkpoint")
			return nil
		}
		bad := slices.IndexFunc(c.pending, func(p *pending) bool { return p.err != nil })
		if ctx.Err() != nil || bad < 0 {
			return err
		}
		if err := c.leaveOut(bad); err != nil {
			return err
		}
	}
}

// leaveOut takes a row out of the chunk of which a change failed, unless that is a
// reason to stop.
func (c *chunk) leaveOut(i int) error {
	p := c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	d := &line{row: p.row, user: p.line.user}
	if err := d.failed(p.err); err != nil {
		return err
	}
	c.report.Reject(*d.fault)
	slices.SortStableFunc(c.report.Invalid, func(a, b Fault) int { return cmp.Compare(a.Row, b.Row) })
	return nil
}

func (x *importing) checkpoint(ctx context.Context, f File, c *chunk) error {
	a := after{x, c, x.at}
	a.place.Row += c.rows
	a.place.Done += int64(c.rows)
	progress := jobs.Progress{Done: a.place.Done, Total: x.total, Note: f.Name + ".csv"}
	if x.options.DryRun {
		if !x.looking {
			x.run.Progress(progress)
		}
		x.done(a.place, c)
		return ctx.Err()
	}
	changes := make([]store.Change, 0, len(c.pending)+1)
	for _, p := range c.pending {
		changes = append(changes, p)
	}
	if found := c.findings(&x.report); found != nil {
		raw, err := json.Marshal(found)
		if err != nil {
			return err
		}
		changes = append(changes, x.im.Keeper.Keep(a.place.Findings, raw))
		a.place.Findings++
	}
	if err := x.run.Checkpoint(ctx, a, progress, changes...); err != nil {
		return err
	}
	x.done(a.place, c)
	return nil
}

func (x *importing) done(p place, c *chunk) {
	x.at = p
	x.report.Add(c.report)
	c.count(&x.report)
}

// count adds the rows whose outcome is known by now.
func (c *chunk) count(r *Report) {
	for _, p := range c.pending {
		r.Count(p.row.File, p.outcome())
	}
}

// findings returns what the chunk adds to the lists of r, nil if that is nothing.
func (c *chunk) findings(r *Report) *findings {
	f := findings{
		Refused: c.report.Refused[:min(len(c.report.Refused), MaxListed-len(r.Refused))],
		Invalid: c.report.Invalid[:min(len(c.report.Invalid), MaxListed-len(r.Invalid))],
		People:  c.people,
	}
	if len(f.Refused)+len(f.Invalid)+len(f.People) == 0 {
		return nil
	}
	return &f
}

// after is the checkpoint after a chunk was applied. It is asked for its JSON when
// the chunk's changes have been.
type after struct {
	x     *importing
	c     *chunk
	place place
}

// MarshalJSON encodes the place after the chunk.
func (a after) MarshalJSON() ([]byte, error) {
	p := a.place
	p.Report = a.x.report.tally()
	p.Report.Add(a.c.report.tally())
	a.c.count(&p.Report)
	return json.Marshal(p)
}
