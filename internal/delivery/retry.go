package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Rows that are tried again at once, at most. More wait for the next look.
const (
	maxBusy  = 1024
	maxBegun = 256 // in one look
)

// retry begins to try again what is due in the partitions of this node: of each
// key only the first row that is not dead, so that its order holds.
func (t *tail) retry(ctx context.Context) {
	t.mu.Lock()
	busy := len(t.busy)
	args := []any{t.role.Name, store.Micros(time.Now())}
	for i, p := range t.parts {
		if p != nil && !p.leaving {
			args = append(args, i)
		}
	}
	t.mu.Unlock()
	parts := len(args) - 2
	if parts == 0 || busy >= maxBusy {
		return
	}
	var due []Row
	err := t.l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+rowColumns+` FROM deliveries AS d WHERE role = ? AND state = 'failing' AND next_at <= ?
			AND partition IN (?`+strings.Repeat(", ?", parts-1)+`) AND NOT EXISTS (SELECT 1 FROM deliveries AS e WHERE e.role = d.role
			AND e.subscriber = d.subscriber AND e.key = d.key AND e.position < d.position AND e.tenant = d.tenant AND e.state <> 'dead')
			ORDER BY next_at LIMIT ?`, append(args, busy+maxBegun)...)
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
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range due {
		if p := t.parts[r.partition]; p != nil && !p.leaving && !t.busy[r.ID] {
			t.busy[r.ID] = true
			// One that was sent again by hand was not known to hold up its key.
			t.lane(p, who{r.tenant, r.Subscriber}).doubtful[r.Key] = true
			p.active++
			t.tasks.Go(func() { t.again(p, r) })
		}
	}
}

// heldPause is how long a row of a subscriber that is held is left alone: the longer the
// older its event is, for it may be held for ever.
func heldPause(e trellis.Event) time.Duration {
	return min(max(time.Since(e.Time)/20, 5*time.Second), 10*time.Minute)
}

var errHeld = trellis.Errorf(trellis.Unavailable, "the subscriber is left alone for now")

// again tries one row, and those parked behind it as long as they succeed.
func (t *tail) again(p *part, r Row) {
	for more := true; more; {
		var next Row
		w := who{r.tenant, r.Subscriber}
		if more = t.enter(p.ctx, w); more {
			next, more = t.attempt(p.ctx, p, r)
			t.leave(w)
		}
		t.mu.Lock()
		delete(t.busy, r.ID)
		if more = more && !p.leaving; more { // one that is left is due at once, wherever the partition is then
			t.busy[next.ID] = true
		}
		t.mu.Unlock()
		r = next
	}
	t.mu.Lock()
	p.active--
	t.mu.Unlock()
}

// attempt tries a row once and records what came of it. It returns the row of
// the same key that may go now, if there is one.
func (t *tail) attempt(ctx context.Context, p *part, r Row) (next Row, ok bool) {
	sub, known := t.role.Lookup(ctx, r.tenant, r.Subscriber)
	var failure error
	if known { // one that is gone is owed nothing
		e, err := t.event(ctx, r)
		switch {
		case trellis.KindOf(err) == trellis.NotFound:
			failure = trellis.Errorf(trellis.Internal, "the event is no longer in the log")
		case err != nil:
			t.warn(ctx, "event of a failed delivery could not be read", err)
			return Row{}, false
		case sub.held():
			failure = Postpone(errHeld, time.Now().Add(heldPause(e)))
		default:
			failure = t.guarded(ctx, sub, Delivery{Event: e, Attempt: r.Attempts + 1})
		}
		if until, ok := t.postponement(e, failure); ok {
			failure = &postponed{failure, until}
		} else if p := (*postponed)(nil); errors.As(failure, &p) {
			failure = p.err // for too long: it counts
		}
		if failure != nil && ctx.Err() != nil {
			return Row{}, false // stopping is no failure
		}
	}
	err := t.l.db.Write(ctx, t.fenced(p), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) (err error) {
		next, ok, err = t.settleRow(ctx, tx, r, failure)
		return err
	}))
	if err != nil {
		t.warn(ctx, "outcome of a delivery not recorded", err)
		return Row{}, false
	}
	return next, ok
}

// settleRow records the outcome of an attempt. A row that somebody has edited
// meanwhile stays as they left it, and is tried again.
func (t *tail) settleRow(ctx context.Context, tx *store.Tx, r Row, failure error) (Row, bool, error) {
	now := time.Now()
	var changed int64
	var err error
	var later *postponed
	switch {
	case errors.As(failure, &later):
		_, err = tx.Exec(ctx, `UPDATE deliveries SET next_at = ?, error = CASE error WHEN '' THEN ? ELSE error END, updated = ? WHERE tenant = ? AND id = ? AND updated = ?`,
			store.Micros(later.until), message(failure), store.Micros(now), r.tenant, r.ID, r.updated)
	case failure == nil:
		changed, err = tx.Exec(ctx, `DELETE FROM deliveries WHERE tenant = ? AND id = ? AND updated = ?`, r.tenant, r.ID, r.updated)
	case r.Attempts+1 < t.role.Attempts:
		_, err = tx.Exec(ctx, `UPDATE deliveries SET attempts = attempts + 1, next_at = ?, error = ?, updated = ? WHERE tenant = ? AND id = ? AND updated = ?`,
			store.Micros(now.Add(t.role.Backoff(r.Attempts+1))), message(failure), store.Micros(now), r.tenant, r.ID, r.updated)
	default:
		t.l.log.Warn("delivery given up", "role", t.role.Name, "tenant", r.tenant, "subscriber", r.Subscriber, "event", r.Event, "err", failure)
		t.l.cfg.Metrics.Delivery(t.role.Name, "given_up", 0)
		changed, err = tx.Exec(ctx, `UPDATE deliveries SET state = 'dead', attempts = attempts + 1, next_at = 0, error = ?, updated = ?
			WHERE tenant = ? AND id = ? AND updated = ?`, message(failure), store.Micros(now), r.tenant, r.ID, r.updated)
	}
	if err != nil || changed == 0 {
		return Row{}, false, err
	}
	next, ok, err := nextOf(ctx, tx, r)
	if err != nil || !ok || next.State == Failing {
		return Row{}, false, err // a failing one has its own time
	}
	next.State, next.updated = Failing, store.Micros(now)
	_, err = tx.Exec(ctx, `UPDATE deliveries SET state = 'failing', next_at = ?, updated = ? WHERE tenant = ? AND id = ?`,
		next.updated, next.updated, next.tenant, next.ID)
	return next, err == nil, err
}
