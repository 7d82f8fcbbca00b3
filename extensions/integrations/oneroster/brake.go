package oneroster

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/jobs"
)

// MayRemove returns how many of so many rows an import may take away that nobody was
// asked about. A row takes away what it is about if it says tobedeleted or inactive, and
// the part that somebody had if it gives her another; who is missing from a file stays. A system that says so of many at once has mostly made a
// mistake: a year was closed too early, or a school was taken off its list.
func MayRemove(rows int) int { return max(10, rows/10) }

// braking begins what an import says that stopped before it removed too much.
const braking = "it would remove more than "

// Braked reports whether an import that said this at its end has stopped before it
// removed more than it may. Of an import that has ended there are only its words.
func Braked(said string) bool { return strings.HasPrefix(said, braking) }

// most is how many rows the import may remove: what was confirmed, or, where nobody
// confirmed anything, what [MayRemove] says.
func (x *importing) most() int {
	if x.options.AtMost != nil {
		return *x.options.AtMost
	}
	return MayRemove(int(x.total))
}

// look stops an import before it does anything, if it would remove more than it may:
// one that removed as many as it may each time would have removed them all after some
// nights. An import that goes on has looked.
func (x *importing) look(ctx context.Context) error {
	if x.options.DryRun || x.at.Done > 0 {
		return nil
	}
	x.run.Progress(jobs.Progress{Total: x.total, Note: "counting what it removes"})
	most := x.most()
	said, err := x.removing(ctx)
	if err == nil && said <= most {
		said, err = x.moving(ctx, said, most)
	}
	if err != nil || said <= most { // most are so few that nobody need be looked for
		return err
	}
	dry := x.options
	dry.DryRun = true
	y := x.im.importing(x.run, x.archive, dry)
	y.looking, y.total = true, x.total
	for i, f := range y.plan {
		if f.Use == Ignored {
			continue
		}
		if err := y.file(ctx, i, f); err != nil {
			return err
		}
	}
	n := y.report.Removed
	switch {
	case n <= most:
		return nil
	case x.options.AtMost == nil:
		return trellis.Errorf(trellis.Conflict, braking+"%d of what its %d rows are about, namely %d. Nothing was changed. Check the roster (dry_run), and if that is meant, import it again and say how many rows it may remove (at_most: %d)",
			most, x.total, n, n)
	}
	return trellis.Errorf(trellis.Conflict, braking+"the %d rows that were confirmed, namely %d. Nothing was changed; check the roster again to go on", most, n)
}

// removing counts the rows that say that what they are about is to go, or that
// somebody can no longer log in.
func (x *importing) removing(ctx context.Context) (n int, err error) {
	for _, f := range x.plan {
		if f.Use != Kept {
			continue
		}
		for row, err := range x.archive.Rows(ctx, f.Name) {
			if err != nil {
				return 0, err
			}
			if row.removes() || f.Name == "users" && row.disables() {
				n++
			}
		}
	}
	return n, nil
}

// moving adds to said the enrolments that give another part than before, until there
// are more than most.
func (x *importing) moving(ctx context.Context, said, most int) (int, error) {
	parts := map[string]Part{} // by sourcedId
	count := func() error {
		had, err := x.im.Learning.Lookup(ctx, System, enrolled, slices.Collect(maps.Keys(parts)))
		for id, before := range had {
			if moves(before, parts[id]) {
				said++
			}
		}
		clear(parts)
		return err
	}
	for _, f := range x.plan {
		if f.Use != Kept || f.Name != "enrollments" {
			continue
		}
		for row, err := range x.archive.Rows(ctx, f.Name) {
			if err != nil || said > most {
				return said, err
			}
			if e, err := row.Enrollment(); err == nil && !e.Removes() {
				parts[e.SourcedID] = PartOf(e.Role)
			}
			if len(parts) >= chunkRows {
				if err := count(); err != nil {
					return said, err
				}
			}
		}
	}
	return said, count()
}

// removes reports whether a row says that what it is about is to go. One that cannot
// be used does not.
func (r *Row) removes() bool {
	if r.Err() != nil {
		return false
	}
	s := Status(r.value("status"))
	return r.Err() == nil && s != "" && s != Active
}

// disables reports whether a row of users.csv says that somebody can no longer log in.
// One that cannot be used does not.
func (r *Row) disables() bool {
	u, err := r.User()
	return err == nil && !u.Enabled
}

// brake stops an import before a chunk that would remove more than it may. It has
// looked before: this is for what has changed since then, and for rows that remove what
// others of the same file have given.
func (x *importing) brake(c *chunk) error {
	if x.options.DryRun {
		return nil
	}
	most, n := x.most(), x.report.Removed
	for _, p := range c.pending {
		if p.outcome() == Removed {
			n++
		}
	}
	switch {
	case n <= most:
		return nil
	case x.options.AtMost == nil:
		return trellis.Errorf(trellis.Conflict, braking+"%d of what its %d rows are about: it stopped after %d. What came before is done. Check the roster (dry_run), and if that is meant, import it again and say how many rows it may remove (at_most)",
			most, x.total, x.report.Removed)
	}
	return trellis.Errorf(trellis.Conflict, braking+"the %d rows that were confirmed: it stopped after %d. What came before is done; check the roster again to go on", most, x.report.Removed)
}
