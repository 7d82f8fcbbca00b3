package delivery

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Query says which rows are wanted.
type Query struct {
	State      State  `json:"state,omitempty" doc:"Only those in this state." enum:"failing,parked,dead"`
	Subscriber string `json:"subscriber,omitempty" doc:"Only those of this subscriber."`
	Type       string `json:"type,omitempty" doc:"Only those of events of this type."`
	Event      string `json:"event,omitempty" doc:"Only those of this event."`
	Error      string `json:"error,omitempty" doc:"Only those that failed so the last time."`
	After      string `json:"after,omitempty" doc:"The value of next in the answer before."`
	Limit      int    `json:"limit,omitempty" doc:"How many at most: 50 if absent, at most 200."`
}

// List is one page of rows.
type List struct {
	Items []Row  `json:"items" doc:"The deliveries, oldest first."`
	Next  string `json:"next,omitempty" doc:"Give it as after to get the page that follows."`
}

// Letter is a delivery with the event that it is about.
type Letter struct {
	Row
	Data json.RawMessage `json:"data" doc:"What is sent: the event's data, or what somebody made of it."`
}

// ByID names a delivery.
type ByID struct {
	ID string `json:"id" doc:"ID of the delivery."`
}

// Send says that a delivery is to be tried again, with other data if any is given.
type Send struct {
	ID   string          `json:"id" doc:"ID of the delivery."`
	Data json.RawMessage `json:"data,omitempty" doc:"What to send in place of the event's data."`
}

// List returns a page of the rows of the tenant of ctx.
func (l *Ledger) List(ctx context.Context, q Query) (List, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List{}, err
	}
	if q.Limit == 0 {
		q.Limit = 50
	}
	if q.Limit < 0 || q.Limit > 200 {
		return List{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and 200")
	}
	stmt, args := `SELECT `+rowColumns+` FROM deliveries WHERE tenant = ?`, []any{tenant}
	for _, f := range []struct{ cond, value string }{{" AND state = ?", string(q.State)}, {" AND subscriber = ?", q.Subscriber}, {" AND type = ?", q.Type}, {" AND event = ?", q.Event}} {
		if f.value != "" {
			stmt, args = stmt+f.cond, append(args, f.value)
		}
	}
	if q.Error != "" {
		cause, of := ofCause(q.Error)
		stmt, args = stmt+cause, append(args, of...)
	}
	if q.After != "" {
		position, id, err := place(q.After)
		if err != nil {
			return List{}, err
		}
		stmt, args = stmt+" AND (position > ? OR position = ? AND id > ?)", append(args, position, position, id)
	}
	out := List{Items: []Row{}}
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, stmt+" ORDER BY position, id LIMIT ?", append(args, q.Limit+1)...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			r, err := scanRow(rows)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, r)
		}
		return rows.Err()
	})
	if len(out.Items) > q.Limit {
		out.Items = out.Items[:q.Limit]
		last := out.Items[q.Limit-1]
		out.Next = strconv.FormatUint(last.Position, 10) + "." + last.ID
	}
	return out, err
}

// place reads what [List.Next] says.
func place(after string) (position int64, id string, err error) {
	at, id, ok := strings.Cut(after, ".")
	if position, err = strconv.ParseInt(at, 10, 64); err != nil || !ok || position < 0 {
		return 0, "", trellis.Errorf(trellis.Invalid, "after: %.80q is not the next of an answer", after)
	}
	return position, id, nil
}

// Get returns a delivery of the tenant of ctx, with what is sent.
func (l *Ledger) Get(ctx context.Context, id string) (Letter, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Letter{}, err
	}
	var letter Letter
	if err := l.db.Read(ctx, func(tx *store.Tx) error {
		letter.Row, err = rowByID(ctx, tx, tenant, id)
		return err
	}); err != nil {
		return Letter{}, err
	}
	letter.Data = json.RawMessage(letter.data)
	if letter.data == "" {
		// The row is the tenant's, and so may be read; its event is another's where a
		// reader of the platform's own failed.
		e, err := l.db.Log().Event(store.Platform(ctx), letter.Event)
		if err != nil {
			return Letter{}, err
		}
		letter.Data = e.Data
	}
	return letter, nil
}

// Retry lets a delivery that was given up, or that waits for its time, be tried
// at once, with other data if data is not empty. Events that came after one that
// was given up may have been delivered already; none of its key is while it is
// being tried.
func (l *Ledger) Retry(ctx context.Context, id string, data json.RawMessage) (Row, error) {
	if string(data) == "null" {
		data = nil
	}
	switch {
	case len(data) > 256<<10:
		return Row{}, trellis.Errorf(trellis.Exhausted, "the data of an event may have 256 KiB")
	case len(data) > 0 && (!json.Valid(data) || !utf8.Valid(data)):
		return Row{}, trellis.Errorf(trellis.Invalid, "the data of an event must be JSON")
	}
	return l.change(ctx, id, func(ctx context.Context, tx *store.Tx, r Row) error {
		if r.State == Parked {
			return trellis.Errorf(trellis.Conflict, "the delivery waits for an earlier one of the same key: send that again")
		}
		if len(data) > 0 {
			r.data = string(data)
		}
		_, err := tx.Exec(ctx, `UPDATE deliveries SET state = 'failing', attempts = 0, next_at = ?, data = ?, updated = ? WHERE tenant = ? AND id = ?`,
			store.Micros(time.Now()), r.data, store.Micros(time.Now()), r.tenant, r.ID)
		return err
	})
}

// Discard drops a delivery that was given up. [Ledger.Restore] brings it back within
// a week.
func (l *Ledger) Discard(ctx context.Context, id string) (Row, error) {
	return l.change(ctx, id, func(ctx context.Context, tx *store.Tx, r Row) error {
		if r.State != Dead {
			return trellis.Errorf(trellis.Conflict, "the delivery is %s: only one that was given up can be discarded", r.State)
		}
		return drop(ctx, tx, r, r.ID)
	})
}

func (l *Ledger) change(ctx context.Context, id string, fn func(context.Context, *store.Tx, Row) error) (Row, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Row{}, err
	}
	var row Row
	err = l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		r, err := rowByID(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		if err := fn(ctx, tx, r); err != nil {
			return err
		}
		row = r
		if again, err := rowByID(ctx, tx, tenant, id); err == nil {
			row = again
		}
		return nil
	}))
	return row, err
}

func rowByID(ctx context.Context, tx *store.Tx, tenant, id string) (Row, error) {
	r, err := scanRow(tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM deliveries WHERE tenant = ? AND id = ?`, tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, trellis.Errorf(trellis.NotFound, "delivery %q", id)
	}
	return r, err
}

// Oldest returns the position of the first event that somebody may still need:
// the log must not be trimmed beyond it. A subscriber that is held ([Subscriber]) has
// what the log still has when it goes on, and does not keep it from being trimmed.
func (l *Ledger) Oldest(ctx context.Context) (uint64, error) {
	oldest := l.db.Log().Head() + 1
	err := l.db.Read(store.Platform(ctx), func(tx *store.Tx) error {
		for _, q := range []struct {
			stmt string
			args []any
		}{
			{`SELECT MIN(position) + 1 FROM delivery_marks`, nil},
			{`SELECT MIN(position) + 1 FROM delivery_cursors WHERE keeps = 1`, nil},
			{`SELECT MIN(position) FROM deliveries`, nil},
			{`SELECT MIN(position) FROM deliveries_dropped WHERE dropped > ?`, []any{store.Micros(time.Now().Add(-keepDropped))}},
		} {
			var min sql.NullInt64
			if err := tx.QueryRow(ctx, q.stmt, q.args...).Scan(&min); err != nil {
				return err
			}
			if min.Valid && uint64(min.Int64) < oldest {
				oldest = uint64(min.Int64)
			}
		}
		return nil
	})
	return oldest, err
}
