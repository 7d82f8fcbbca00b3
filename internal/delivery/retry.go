package delivery

import (
	"context"
	"encoding/json"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// retry begins to try again what is due in the partitions of this node.
func (t *tail) retry(ctx context.Context) {
	var due []Row
	err := t.l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+rowColumns+` FROM deliveries WHERE role = ? AND state = 'failing' AND next_at <= ? ORDER BY next_at LIMIT 256`,
			t.role.Name, store.Micros(time.Now()))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			r, err := scanRow(rows)
			if err != nil {
				return err
			}
			due = append(due, r)
		}
		return rows.Err()
	})
	if err != nil {
		t.warn(ctx, "failed deliveries could not be read", err)
		return
	}
	for _, r := range due {
		t.mu.Lock()
		begin := t.parts[r.partition].owned && !t.busy[r.ID]
		if begin {
			t.busy[r.ID] = true
		}
		t.mu.Unlock()
		if begin {
			t.tasks.Go(func() { t.again(ctx, r) })
		}
	}
}

// again tries one row, and those parked behind it as long as they succeed.
func (t *tail) again(ctx context.Context, r Row) {
	for more := true; more; {
		select {
		case t.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		next, ok := t.attempt(ctx, r)
		<-t.slots
		t.mu.Lock()
		delete(t.busy, r.ID)
		if ok {
			t.busy[next.ID] = true
		}
		t.mu.Unlock()
		r, more = next, ok
	}
}

// attempt tries a row once and records what came of it. It returns the row of
// the same key that may go now, if there is one.
func (t *tail) attempt(ctx context.Context, r Row) (next Row, ok bool) {
	sub, known := t.role.Lookup(ctx, r.tenant, r.Subscriber)
	var failure error
	if known {
		e, err := t.l.db.Log().Event(ctx, r.Event)
		switch {
		case trellis.KindOf(err) == trellis.NotFound:
			r.Attempts, failure = t.role.Attempts, trellis.Errorf(trellis.NotFound, "the event is no longer in the log")
		case err != nil:
			t.warn(ctx, "event of a failed delivery could not be read", err)
			return Row{}, false
		default:
			if r.data != "" {
				e.Data = json.RawMessage(r.data)
			}
			failure = t.guarded(ctx, sub, Delivery{Event: e, Attempt: r.Attempts + 1})
		}
		if ctx.Err() != nil {
			return Row{}, false
		}
	}
	err := t.l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Fenced(ctx, t.leaseName(r.partition), t.fence(r.partition)); err != nil {
			return err
		}
		var err error
		next, ok, err = t.settleRow(ctx, tx, r, failure)
		return err
	}))
	if err != nil {
		t.warn(ctx, "outcome of a delivery not recorded", err)
		return Row{}, false
	}
	t.mu.Lock()
	ln := t.lanes[laneKey{r.tenant, r.Subscriber, r.partition}]
	t.mu.Unlock()
	if ln != nil {
		t.count(ctx, ln, r.Key)
	}
	return next, ok
}

// settleRow records the outcome of an attempt.
func (t *tail) settleRow(ctx context.Context, tx *store.Tx, r Row, failure error) (Row, bool, error) {
	switch {
	case failure == nil:
		if _, err := tx.Exec(ctx, `DELETE FROM deliveries WHERE tenant = ? AND id = ?`, r.tenant, r.ID); err != nil {
			return Row{}, false, err
		}
	case r.Attempts+1 < t.role.Attempts:
		_, err := tx.Exec(ctx, `UPDATE deliveries SET attempts = attempts + 1, next_at = ?, error = ?, updated = ? WHERE tenant = ? AND id = ?`,
			store.Micros(time.Now().Add(t.role.Backoff(r.Attempts+1))), message(failure), store.Micros(time.Now()), r.tenant, r.ID)
		return Row{}, false, err
	default:
		t.l.log.Warn("delivery given up", "role", t.role.Name, "subscriber", r.Subscriber, "event", r.Event, "err", failure)
		if _, err := tx.Exec(ctx, `UPDATE deliveries SET state = 'dead', attempts = attempts + 1, error = ?, updated = ? WHERE tenant = ? AND id = ?`,
			message(failure), store.Micros(time.Now()), r.tenant, r.ID); err != nil {
			return Row{}, false, err
		}
	}
	next, ok, err := nextOf(ctx, tx, r)
	if err != nil || !ok || next.State == Failing {
		return Row{}, false, err // a failing one has its own time
	}
	_, err = tx.Exec(ctx, `UPDATE deliveries SET state = 'failing', next_at = ?, updated = ? WHERE tenant = ? AND id = ?`,
		store.Micros(time.Now()), store.Micros(time.Now()), next.tenant, next.ID)
	next.State = Failing
	return next, err == nil, err
}
