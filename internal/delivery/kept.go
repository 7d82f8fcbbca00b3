package delivery

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

var _ trellis.Eraser = (*Ledger)(nil)

// keptAtOnce is how many events are copied in one transaction.
const keptAtOnce = 50

// Oldest returns the position of the first event that somebody may still need of the
// log: it must not be trimmed beyond it. What has a row needs the log until its event
// was copied ([Ledger.Keep]). A subscriber that is held ([Subscriber]) has what the log
// still has when it goes on, and does not keep it from being trimmed.
func (l *Ledger) Oldest(ctx context.Context) (uint64, error) {
	first, err := l.db.Log().Oldest(ctx)
	if err != nil {
		return 0, err
	}
	oldest := l.db.Log().Head() + 1
	err = l.db.Read(store.Platform(ctx), func(tx *store.Tx) error {
		for _, q := range []struct {
			stmt string
			args []any
		}{
			{`SELECT MIN(position) + 1 FROM delivery_marks`, nil},
			{`SELECT MIN(position) + 1 FROM delivery_cursors WHERE keeps = 1`, nil},
			{`SELECT MIN(position) FROM deliveries AS d WHERE position >= ? AND ` + notKept, []any{int64(first)}},
			{`SELECT MIN(position) FROM deliveries_dropped AS d WHERE position >= ? AND dropped > ? AND ` + notKept, []any{int64(first), dropLimit()}},
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

// notKept are the rows d whose event was not copied.
const notKept = `NOT EXISTS (SELECT 1 FROM delivery_events AS k WHERE k.position = d.position)`

// dropLimit is the moment since when what was dropped can be brought back.
func dropLimit() int64 { return store.Micros(time.Now().Add(-keepDropped)) }

// Keep copies the events before a position that have rows, once each, so that the log
// can be trimmed up to there and each delivery can still be read, edited and sent again;
// and it forgets the copies that nothing needs any more. If it fails, [Ledger.Oldest]
// knows what has no copy.
func (l *Ledger) Keep(ctx context.Context, before uint64) error {
	if err := l.db.Write(ctx, store.ChangeFunc(forget)); err != nil {
		return err
	}
	after, err := l.db.Log().Oldest(ctx)
	if err != nil {
		return err
	}
	for after = max(after, 1) - 1; ; {
		wanted, err := l.unkept(ctx, after, before)
		if err != nil || len(wanted) == 0 {
			return err
		}
		var events []trellis.Event
		for _, w := range wanted {
			e, err := l.db.Log().Event(store.Platform(ctx), w.Event)
			switch {
			case trellis.KindOf(err) == trellis.NotFound: // the log lost it before
			case err != nil:
				return err
			default:
				events = append(events, e)
			}
			after = w.Position
		}
		if err := l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return keep(ctx, tx, events) })); err != nil {
			return err
		}
	}
}

// forget removes what can no longer be brought back, and the copies without rows.
func forget(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.Exec(ctx, `DELETE FROM deliveries_dropped WHERE dropped < ?`, dropLimit()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM delivery_events WHERE NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.position = delivery_events.position)
		AND NOT EXISTS (SELECT 1 FROM deliveries_dropped AS d WHERE d.position = delivery_events.position)`)
	return err
}

// unkept returns the next rows, one for each event, whose events lie between two
// positions and were not copied.
func (l *Ledger) unkept(ctx context.Context, after, before uint64) (wanted []Row, err error) {
	err = l.db.Read(store.Platform(ctx), func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT position, event FROM deliveries AS d WHERE position > ? AND position < ? AND `+notKept+`
			UNION SELECT position, event FROM deliveries_dropped AS d WHERE position > ? AND position < ? AND `+notKept+`
			ORDER BY position LIMIT ?`, int64(after), int64(before), int64(after), int64(before), keptAtOnce)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var r Row
			var position int64
			if err := rows.Scan(&position, &r.Event); err != nil {
				return err
			}
			r.Position = uint64(position)
			wanted = append(wanted, r)
		}
		return rows.Err()
	})
	return wanted, err
}

func keep(ctx context.Context, tx *store.Tx, events []trellis.Event) error {
	for _, e := range events {
		data := string(e.Data)
		e.Data = nil
		head, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO delivery_events (tenant, position, person, source, event, data) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			e.Tenant, int64(e.Position), e.Person, e.Source, string(head), data); err != nil {
			return err
		}
	}
	return nil
}

// event returns the event of a row: from the log, or as it was copied. The row is the
// tenant's, and so may be read; its event is another's where a reader of the platform's
// own failed.
func (l *Ledger) event(ctx context.Context, r Row) (trellis.Event, error) {
	e, err := l.db.Log().Event(store.Platform(ctx), r.Event)
	if trellis.KindOf(err) != trellis.NotFound {
		return e, err
	}
	var head, data string
	err = l.db.Read(store.Platform(ctx), func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT event, data FROM delivery_events WHERE position = ?`, int64(r.Position)).Scan(&head, &data)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e, trellis.Errorf(trellis.NotFound, "event %q is no longer in the log: what is about it can only be discarded", r.Event)
	case err != nil:
		return e, err
	}
	err = json.Unmarshal([]byte(head), &e)
	e.Data = json.RawMessage(data)
	return e, err
}

// Erase empties what extensions of the tenant of ctx said about a person, in the events
// that are kept beside the log, as the log does with its own.
func (l *Ledger) Erase(ctx context.Context, person string) error {
	tenant, err := store.Tenant(ctx)
	switch {
	case err != nil:
		return err
	case person == "":
		return trellis.Errorf(trellis.Invalid, "nobody is named")
	}
	return l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE delivery_events SET data = '{}' WHERE tenant = ? AND person = ? AND source LIKE 'extension:%' AND data <> '{}'`, tenant, person)
		return err
	}))
}
