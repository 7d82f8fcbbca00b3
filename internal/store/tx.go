package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync/atomic"
	"time"

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
	st, err := tx.s.prepare(ctx, query)
	if err != nil {
		return 0, translate(err)
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, translate(err)
	}
	return res.RowsAffected()
}

// Query runs a query. The caller closes the rows.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := tx.s.prepare(ctx, query)
	if err != nil {
		return nil, translate(err)
	}
	rows, err := st.QueryContext(ctx, args...)
	return rows, translate(err)
}

// QueryRow runs a query for one row.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := tx.s.prepare(ctx, query)
	if err != nil {
		return tx.s.conn.QueryRowContext(ctx, query, args...) // says the same again, as a row
	}
	return st.QueryRowContext(ctx, args...)
}

// maxEventData bounds the data of an event.
const maxEventData = 256 << 10

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
	if len(e.Data) == 0 {
		e.Data = json.RawMessage("{}")
	}
	if !json.Valid(e.Data) {
		return trellis.Errorf(trellis.Invalid, "the data of event %s is not JSON", e.Type)
	}
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	if tx.late {
		raw, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO events_late (id, event)
			SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = ?) ON CONFLICT (id) DO NOTHING`, e.ID, string(raw), e.ID)
		return err
	}
	tx.events = append(tx.events, e)
	return nil
}

// Entry is a line of the audit log: who did what, or was not let.
type Entry struct {
	ID           string          `json:"id" doc:"ID of the entry; later ones sort after earlier ones."`
	Time         time.Time       `json:"time" doc:"When it was."`
	Tenant       string          `json:"tenant" doc:"Whose data it concerns."`
	Actor        string          `json:"actor" doc:"Who did it."`
	OnBehalfOf   string          `json:"on_behalf_of,omitempty" doc:"Whose deed led to it."`
	Installation string          `json:"installation,omitempty" doc:"The installation of an extension that did it."`
	Operation    string          `json:"operation" doc:"What was done."`
	Permission   string          `json:"permission,omitempty" doc:"The permission that it takes."`
	Target       string          `json:"target,omitempty" doc:"What it concerns."`
	Outcome      string          `json:"outcome" doc:"How it ended." enum:"ok,denied,failed"`
	Door         string          `json:"door,omitempty" doc:"Where it came in: http, guest, frame."`
	Trace        string          `json:"trace,omitempty" doc:"The request that it belongs to."`
	Detail       json.RawMessage `json:"detail,omitempty" doc:"Particulars, without personal data and secrets."`
}

// pendingAudit is an entry that waits for a write to be part of.
type pendingAudit struct {
	entry    Entry
	recorded atomic.Bool
}

// WithAudit returns a context whose first write that succeeds records the entry,
// in the same transaction.
func WithAudit(ctx context.Context, e Entry) context.Context {
	return context.WithValue(ctx, auditKey, &pendingAudit{entry: e})
}

// Audit makes an entry part of the transaction. Empty fields are filled in from
// ctx: the tenant, the actor, the trace.
func (tx *Tx) Audit(ctx context.Context, e Entry) error {
	actor := trellis.ActorFrom(ctx)
	if e.ID == "" {
		e.ID = trellis.NewID()
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Tenant == "" {
		e.Tenant = actor.Tenant
	}
	if e.Actor == "" {
		e.Actor, e.OnBehalfOf = actor.String(), actor.OnBehalfOf
	}
	if e.Trace == "" {
		e.Trace = trellis.TraceFrom(ctx).ID
	}
	if e.Outcome == "" {
		e.Outcome = "ok"
	}
	_, err := tx.Exec(ctx, `INSERT INTO audit (tenant, id, time, actor, on_behalf_of, installation, operation, permission, target, outcome, door, trace, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`,
		e.Tenant, e.ID, Micros(e.Time), e.Actor, e.OnBehalfOf, e.Installation, e.Operation, e.Permission, e.Target, e.Outcome, e.Door, e.Trace, string(e.Detail))
	return err
}

// Audit records an entry by itself: of a call that was denied, of a read.
func (db *DB) Audit(ctx context.Context, e Entry) error {
	return db.Write(ctx, ChangeFunc(func(ctx context.Context, tx *Tx) error { return tx.Audit(ctx, e) }))
}

// AuditQuery says which entries are wanted: the newest before the one named
// Before, at most Limit (50 if zero); the other fields narrow where they are not
// empty.
type AuditQuery struct {
	Before                                  string
	Limit                                   int
	Operation, Installation, Actor, Outcome string
}

// AuditLog returns entries of the tenant of ctx, newest first.
func (db *DB) AuditLog(ctx context.Context, q AuditQuery) ([]Entry, error) {
	tenant, err := Tenant(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit == 0 {
		q.Limit = 50
	}
	stmt, args := `SELECT id, time, tenant, actor, on_behalf_of, installation, operation, permission, target, outcome, door, trace, detail
		FROM audit WHERE tenant = ?`, []any{tenant}
	for _, f := range []struct{ cond, value string }{
		{" AND id < ?", q.Before}, {" AND operation = ?", q.Operation}, {" AND installation = ?", q.Installation},
		{" AND actor = ?", q.Actor}, {" AND outcome = ?", q.Outcome},
	} {
		if f.value != "" {
			stmt, args = stmt+f.cond, append(args, f.value)
		}
	}
	entries := []Entry{}
	err = db.Read(ctx, func(tx *Tx) error {
		rows, err := tx.Query(ctx, stmt+" ORDER BY id DESC LIMIT ?", append(args, q.Limit)...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var e Entry
			var at int64
			var detail string
			if err := rows.Scan(&e.ID, &at, &e.Tenant, &e.Actor, &e.OnBehalfOf, &e.Installation, &e.Operation, &e.Permission, &e.Target,
				&e.Outcome, &e.Door, &e.Trace, &detail); err != nil {
				return err
			}
			e.Time = FromMicros(at)
			if detail != "" {
				e.Detail = json.RawMessage(detail)
			}
			entries = append(entries, e)
		}
		return rows.Err()
	})
	return entries, err
}
