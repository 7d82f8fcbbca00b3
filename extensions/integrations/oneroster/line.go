package oneroster

import (
	"errors"
	goruntime "runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// line is a row as what its file is about, and what is found out about it before
// anything is applied: it has a fault, or it was refused, or its outcome is known,
// or changes are pending.
type line struct {
	row        *Row
	meta       Meta
	class      *Class
	user       *User
	enrollment *Enrollment

	warnings []Fault
	fault    *Fault
	refusal  *trellis.Refusal
	outcome  Outcome
	pending  *pending
}

func (d *line) warn(column, message string) {
	d.warnings = append(d.warnings, Fault{File: d.row.File, Row: d.row.Number, Column: column, Message: message})
}

func (d *line) reject(column, message string) {
	d.fault = &Fault{File: d.row.File, Row: d.row.Number, Column: column, Message: message}
}

func (d *line) skip(column, reason string) {
	d.outcome = Skipped
	d.warn(column, "skipped: "+reason)
}

// await notes what is to be applied. When it has been, got says what became of it;
// in a dry run nothing is, and planned counts.
func (d *line) await(got *learning.Outcome, planned Outcome, changes ...store.Change) {
	d.pending = &pending{row: d.row, changes: changes, outcome: func() Outcome {
		if *got != "" {
			return Outcome(*got) // both count the same outcomes
		}
		return planned
	}}
}

// failed sorts an error of preparing or applying the line: its own, which goes into
// the report, or one that stops the import.
func (d *line) failed(err error) error {
	var refusal *trellis.Refusal
	if errors.As(err, &refusal) && trellis.KindOf(err) == trellis.Refused {
		d.refusal = refusal
		return nil
	}
	if !ofTheRow(err) {
		return err
	}
	column, message := "", err.Error()
	if d.user != nil && trellis.KindOf(err) == trellis.Conflict {
		column, message = "username", "the username is taken" // the error names it, and a report names nobody
	}
	d.reject(column, message)
	return nil
}

func ofTheRow(err error) bool {
	return slices.Contains([]trellis.Kind{trellis.Conflict, trellis.NotFound, trellis.Invalid, trellis.Denied}, trellis.KindOf(err))
}

// decode makes a line of a row, and remembers of it what later rows need to know.
// The error is of the archive as a whole.
func (x *importing) decode(f File, row *Row) (*line, error) {
	d := &line{row: row}
	var err error
	switch f.Name {
	case "classes":
		c, e := row.Class()
		d.class, d.meta, err = &c, c.Meta, e
	case "users":
		u, e := row.User()
		d.user, d.meta, err = &u, u.Meta, e
	case "enrollments":
		e, fault := row.Enrollment()
		d.enrollment, d.meta, err = &e, e.Meta, fault
	default:
		err = x.consult(f.Name, row)
	}
	switch {
	case errors.As(err, &d.fault):
	case err != nil:
		return nil, err
	case f.Use == Kept:
		x.note(f, d)
	}
	return d, nil
}

// disables reports whether a row says that somebody can no longer log in.
func (d *line) disables() bool { return d.user != nil && !d.user.Enabled }

// note remembers a row, and finds fault with a sourcedId that was there before.
func (x *importing) note(f File, d *line) {
	if earlier, first := x.index.Add(f.Name, d.meta.SourcedID, d.row.Number); !first {
		d.reject("sourcedId", "row "+strconv.Itoa(earlier)+" has the same one")
		return
	}
	switch {
	case f.Name == "enrollments" || x.index.Standing(f.Name, d.meta.SourcedID) != Unknown:
	case d.meta.Removes():
		x.index.Set(f.Name, d.meta.SourcedID, Leaving)
	case d.disables():
		x.index.Set(f.Name, d.meta.SourcedID, Disabled)
	}
}

// consult remembers what classes need to know of organisations, courses and school
// years.
func (x *importing) consult(file string, row *Row) error {
	remember := func(in map[string]string, meta Meta, value string, err error) error {
		if err != nil {
			return err
		}
		if len(x.orgs)+len(x.courses)+len(x.years) >= maxConsulted {
			return trellis.Errorf(trellis.Invalid, "the archive has more than %d organisations, courses and sessions", maxConsulted)
		}
		in[meta.SourcedID] = clean(value, 64)
		return nil
	}
	switch file {
	case "orgs":
		o, err := row.Org()
		return remember(x.orgs, o.Meta, o.Identifier, err)
	case "courses":
		c, err := row.Course()
		return remember(x.courses, c.Meta, c.Code, err)
	case "academicSessions":
		s, err := row.AcademicSession()
		return remember(x.years, s.Meta, s.SchoolYear, err)
	}
	return row.Err()
}

// side runs fn for each of n, several at once, and returns the first error.
func side(n int, fn func(int) error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	next := 0
	take := func(err error) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
		next++
		return next - 1, first == nil && next <= n
	}
	for range min(n, goruntime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i, ok := take(nil); ok; i, ok = take(fn(i)) {
			}
		})
	}
	wg.Wait()
	return first
}
