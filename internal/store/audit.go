package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trellis-learning/trellis"
)

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
	if e.ID == "" {
		e.ID = trellis.NewID() // two writes at once record it once
	}
	return context.WithValue(ctx, auditKey, &pendingAudit{entry: e})
}

// AuditAbout completes the entry that waits in ctx ([WithAudit]), if there is one:
// with what it concerns, where that is known only now, as of what is being made. It
// must come before the write, on the same goroutine.
func AuditAbout(ctx context.Context, target string) {
	if p, ok := ctx.Value(auditKey).(*pendingAudit); ok && !p.recorded.Load() {
		p.entry.Target = strings.TrimSpace(target + " " + p.entry.Target)
	}
}

// Audit makes an entry part of the transaction. Empty fields are filled in from
// ctx: the tenant, the actor, the trace. An entry whose ID is known already is
// left as it is.
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
	switch {
	case !slices.Contains([]string{"ok", "denied", "failed"}, e.Outcome):
		return trellis.Errorf(trellis.Internal, "an audit entry cannot end %q", e.Outcome)
	case len(e.Detail) > 0 && !json.Valid(e.Detail):
		return trellis.Errorf(trellis.Internal, "the detail of an audit entry is not JSON")
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
// Before, at most Limit (50 if zero, never more than 1,000); the other fields
// narrow where they are not empty.
type AuditQuery struct {
	Before                                  string
	Limit                                   int
	Operation, Installation, Actor, Outcome string
	Trace                                   string
	Since, Until                            time.Time
}

// AuditLog returns entries of the tenant of ctx, newest first.
func (db *DB) AuditLog(ctx context.Context, q AuditQuery) ([]Entry, error) {
	tenant, err := Tenant(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, 1000)
	stmt, args := `SELECT id, time, tenant, actor, on_behalf_of, installation, operation, permission, target, outcome, door, trace, detail
		FROM audit WHERE tenant = ?`, []any{tenant}
	for _, f := range []struct{ cond, value string }{
		{" AND id < ?", q.Before}, {" AND operation = ?", q.Operation}, {" AND installation = ?", q.Installation},
		{" AND actor = ?", q.Actor}, {" AND outcome = ?", q.Outcome}, {" AND trace = ?", q.Trace},
	} {
		if f.value != "" {
			stmt, args = stmt+f.cond, append(args, f.value)
		}
	}
	if !q.Since.IsZero() {
		stmt, args = stmt+" AND time >= ?", append(args, Micros(q.Since))
	}
	if !q.Until.IsZero() {
		stmt, args = stmt+" AND time < ?", append(args, Micros(q.Until))
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
