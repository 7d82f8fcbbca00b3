package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/trellis-learning/trellis"
)

// lateEvery is how long an event waits for its position, at most, where commits
// are not in one order.
const lateEvery = 5 * time.Millisecond

// deferEvent writes an event that gets its position after the commit.
func (tx *Tx) deferEvent(ctx context.Context, e trellis.Event) error {
	data := e.Data
	e.Data = nil // encoding it again would not keep its bytes
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO events_late (id, event, data)
		SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = ?) ON CONFLICT (id) DO NOTHING`, e.ID, string(raw), string(data), e.ID)
	return err
}

// number gives positions to events that were committed without one: for as long
// as the database is open if such are made, and otherwise to those that were left
// when it was closed.
func (db *DB) number(ctx context.Context) {
	tick := time.NewTicker(lateEvery)
	defer tick.Stop()
	for {
		waiting, err := db.numberSome(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			db.logger.Warn("events not numbered", "err", err)
		case err == nil && !waiting && !db.cfg.LatePositions:
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// numberSome gives positions to the next events without one, and reports whether
// there were any.
func (db *DB) numberSome(ctx context.Context) (waiting bool, err error) {
	if err := db.Read(ctx, func(tx *Tx) error {
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM events_late)`).Scan(&waiting)
	}); err != nil || !waiting {
		return false, err
	}
	return true, db.Write(ctx, ChangeFunc(func(ctx context.Context, tx *Tx) error {
		rows, err := tx.Query(ctx, `SELECT seq, event, data FROM events_late ORDER BY seq LIMIT 1000`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		var last int64
		for rows.Next() {
			var raw, data string
			var e trellis.Event
			if err := rows.Scan(&last, &raw, &data); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(raw), &e); err != nil {
				return err
			}
			if data != "" { // empty in those of an older program
				e.Data = json.RawMessage(data)
			}
			tx.events = append(tx.events, e)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM events_late WHERE seq <= ?`, last)
		return err
	}))
}
