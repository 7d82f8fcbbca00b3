package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

// Change is something to be written. Apply may be called more than once, if the
// group that it was committed in is lost, and must come to the same each time.
// Its context has the values of the caller's, but is never cancelled.
type Change interface {
	Apply(ctx context.Context, tx *Tx) error
}

// ChangeFunc is a function as a [Change].
type ChangeFunc func(ctx context.Context, tx *Tx) error

// Apply calls f.
func (f ChangeFunc) Apply(ctx context.Context, tx *Tx) error { return f(ctx, tx) }

// Tx is an open transaction. It is for the goroutine that was given it, until
// the function that was given it returns.
type Tx struct {
	s       *session
	writing bool
	late    bool
	events  []trellis.Event
}

var _ trellis.Emitter = (*Tx)(nil)

// Exec runs a statement and returns how many rows it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := tx.s.run(ctx, query, args...)
	if err != nil {
		return 0, translate(err)
	}
	return res.RowsAffected()
}

// Query runs a query. The caller closes the rows; other statements may run while
// it reads them. What is still open when the transaction ends is closed then.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := tx.s.query(ctx, query, args...)
	return rows, translate(err)
}

// QueryRow runs a query for one row, which must be scanned before the next
// statement.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.s.queryRow(ctx, query, args...)
}

// The bounds of an event: of its data, and of each of its other fields.
const (
	maxEventData  = 256 << 10
	maxEventField = 4096
)

// Emit makes e part of the transaction. Its position is given when the order of
// commits is known, so nothing in the transaction can read it. An event whose ID
// is in the log already is left as it is there: a repeat gets the first answer.
func (tx *Tx) Emit(ctx context.Context, e trellis.Event) error {
	actor := trellis.ActorFrom(ctx)
	switch {
	case !tx.writing:
		return trellis.Errorf(trellis.Internal, "event %s emitted in a transaction that only reads", e.Type)
	case !trellis.ValidType(e.Type):
		return trellis.Errorf(trellis.Invalid, "%.80q cannot be the type of an event", e.Type)
	case e.ID == "" || e.Tenant == "":
		return trellis.Errorf(trellis.Invalid, "event %s needs an ID and a tenant", e.Type)
	case e.Tenant != actor.Tenant && !IsPlatform(ctx):
		return trellis.Errorf(trellis.Denied, "event %s of another tenant", e.Type)
	case len(e.Data) > maxEventData:
		return trellis.Errorf(trellis.Exhausted, "the data of event %s has %d bytes, of at most %d", e.Type, len(e.Data), maxEventData)
	}
	e.Position = 0
	if e.Data = slices.Clone(e.Data); len(e.Data) == 0 { // a copy, because it is kept after the caller has gone
		e.Data = json.RawMessage("{}")
	}
	if !json.Valid(e.Data) || !utf8.Valid(e.Data) {
		return trellis.Errorf(trellis.Invalid, "the data of event %s is not JSON", e.Type)
	}
	for _, field := range []string{e.ID, e.Source, e.Subject, e.Tenant, e.Actor, e.Person, e.Course, e.Key, e.Trace, e.Cause} {
		if len(field) > maxEventField || !utf8.ValidString(field) || strings.ContainsRune(field, 0) {
			return trellis.Errorf(trellis.Invalid, "event %s has the field %.80q, which is not text of at most %d bytes", e.Type, field, maxEventField)
		}
	}
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	if tx.late {
		return tx.deferEvent(ctx, e)
	}
	tx.events = append(tx.events, e)
	return nil
}
