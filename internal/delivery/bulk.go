package delivery

import (
	"context"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Of names the deliveries of one cause.
type Of struct {
	Subscriber string `json:"subscriber" doc:"Who is owed them."`
	Type       string `json:"type" doc:"Type of the events."`
	Error      string `json:"error" doc:"What went wrong the last time."`
}

// Bulk says what came of a change of many.
type Bulk struct {
	Changed int    `json:"changed" doc:"How many were changed."`
	Left    int    `json:"left" doc:"How many of them are left as they were: ask again."`
	Batch   string `json:"batch,omitempty" doc:"Names what was dropped together, for deliveries.restore, or sent again together, for deliveries.cancel."`
}

const (
	// maxBulk is how many one request changes: a transaction must not keep others waiting.
	maxBulk = 1000
	// perSecond is how many of them are sent again in a second: who has just come back is not to fall over.
	perSecond = 50
	// keepDropped is how long dropping can be undone.
	keepDropped = 7 * 24 * time.Hour
)

// RetryAll lets deliveries of one cause that were given up be tried again, in the
// order of the log, 50 a second. Each has the ID that it had: whoever has it skips it.
// [Ledger.Cancel] takes back those whose time has not come.
func (l *Ledger) RetryAll(ctx context.Context, of Of) (Bulk, error) {
	batch := trellis.IDFrom(ctx)
	out, err := l.bulk(ctx, of, func(ctx context.Context, tx *store.Tx, i int, r Row) error {
		at := time.Now()
		_, err := tx.Exec(ctx, `UPDATE deliveries SET state = 'failing', attempts = 0, next_at = ?, resent = ?, updated = ? WHERE tenant = ? AND id = ?`,
			store.Micros(at.Add(time.Duration(i)*time.Second/perSecond)), batch, store.Micros(at), r.tenant, r.ID)
		return err
	})
	out.Batch = batch
	return out, err
}

// Resent names deliveries that were sent again together.
type Resent struct {
	Batch string `json:"batch" doc:"What deliveries.retry_all answered."`
}

// Batch is what is sent again together, as far as it was not tried.
type Batch struct {
	Batch      string    `json:"batch" doc:"Its name, for deliveries.cancel."`
	Subscriber string    `json:"subscriber" doc:"Who is owed them."`
	Type       string    `json:"type" doc:"Type of the events."`
	Waits      int       `json:"waits" doc:"How many of them wait for their time."`
	Began      time.Time `json:"began" doc:"When somebody asked for it."`
	Ends       time.Time `json:"ends" doc:"When the last of them is tried."`
}

// Batches is what is sent again together.
type Batches struct {
	Items []Batch `json:"items" doc:"What is on its way, the latest first; at most 100."`
}

// Batches returns what of the tenant of ctx is being sent again together: what
// [Ledger.Cancel] would take back.
func (l *Ledger) Batches(ctx context.Context) (Batches, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Batches{}, err
	}
	out := Batches{Items: []Batch{}}
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT resent, subscriber, type, COUNT(*), MIN(updated), MAX(next_at) FROM deliveries
			WHERE tenant = ? AND resent <> '' AND `+untried+` GROUP BY resent, subscriber, type ORDER BY MIN(updated) DESC, resent LIMIT 100`, tenant, store.Micros(time.Now()))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var b Batch
			var began, ends int64
			if err := rows.Scan(&b.Batch, &b.Subscriber, &b.Type, &b.Waits, &began, &ends); err != nil {
				return err
			}
			b.Began, b.Ends = store.FromMicros(began), store.FromMicros(ends)
			out.Items = append(out.Items, b)
		}
		return rows.Err()
	})
	return out, err
}

// untried are the rows of what was sent again together whose time has not come.
const untried = `state = 'failing' AND attempts = 0 AND next_at > ?`

// Cancel takes back what was sent again together and has not been tried: it is given up
// as it was before. What is under way goes on.
func (l *Ledger) Cancel(ctx context.Context, in Resent) (Bulk, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Bulk{}, err
	}
	if in.Batch == "" {
		return Bulk{}, trellis.Errorf(trellis.Invalid, "batch: name what deliveries.retry_all answered")
	}
	out := Bulk{Batch: in.Batch}
	err = l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		now := store.Micros(time.Now())
		n, err := tx.Exec(ctx, `UPDATE deliveries SET state = 'dead', next_at = 0, resent = '', updated = ? WHERE tenant = ? AND resent = ? AND `+untried,
			now, tenant, in.Batch, now)
		out.Changed = int(n)
		if err == nil && n == 0 {
			return trellis.Errorf(trellis.NotFound, "nothing of %.80q waits any more: it was tried, or taken back", in.Batch)
		}
		if err != nil {
			return err
		}
		return unpark(ctx, tx, tenant, now)
	}))
	return out, err
}

// unpark lets those parked rows go that are the first of their key: what they waited for
// was given up without being tried.
func unpark(ctx context.Context, tx *store.Tx, tenant string, now int64) error {
	_, err := tx.Exec(ctx, `UPDATE deliveries AS d SET state = 'failing', next_at = ?, updated = ? WHERE tenant = ? AND state = 'parked'
		AND NOT EXISTS (SELECT 1 FROM deliveries AS e WHERE e.tenant = d.tenant AND e.role = d.role AND e.subscriber = d.subscriber
		AND e.key = d.key AND e.position < d.position AND e.state <> 'dead')`, now, now, tenant)
	return err
}

// DiscardAll drops deliveries of one cause that were given up. [Ledger.Restore]
// brings them back within a week.
func (l *Ledger) DiscardAll(ctx context.Context, of Of) (Bulk, error) {
	batch := trellis.IDFrom(ctx)
	out, err := l.bulk(ctx, of, func(ctx context.Context, tx *store.Tx, _ int, r Row) error { return drop(ctx, tx, r, batch) })
	out.Batch = batch
	return out, err
}

// bulk changes what of one cause was given up.
func (l *Ledger) bulk(ctx context.Context, of Of, change func(context.Context, *store.Tx, int, Row) error) (Bulk, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Bulk{}, err
	}
	var out Bulk
	err = l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		rows, err := deadOf(ctx, tx, tenant, of)
		if err != nil {
			return err
		}
		for i, r := range rows {
			if err := change(ctx, tx, i, r); err != nil {
				return err
			}
		}
		out.Changed = len(rows)
		cause, args := ofCause(of.Error)
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM deliveries WHERE tenant = ? AND subscriber = ? AND type = ? AND state = 'dead'`+cause,
			append([]any{tenant, of.Subscriber, of.Type}, args...)...).Scan(&out.Left)
	}))
	return out, err
}

func deadOf(ctx context.Context, tx *store.Tx, tenant string, of Of) ([]Row, error) {
	cause, args := ofCause(of.Error)
	rows, err := tx.Query(ctx, `SELECT `+rowColumns+` FROM deliveries WHERE tenant = ? AND subscriber = ? AND type = ? AND state = 'dead'`+cause+`
		ORDER BY position, id LIMIT ?`, append(append([]any{tenant, of.Subscriber, of.Type}, args...), maxBulk)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Row
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// drop puts a row aside, and removes what has lain there for long enough.
func drop(ctx context.Context, tx *store.Tx, r Row, batch string) error {
	now := time.Now()
	if _, err := tx.Exec(ctx, `DELETE FROM deliveries_dropped WHERE tenant = ? AND dropped < ?`, r.tenant, store.Micros(now.Add(-keepDropped))); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO deliveries_dropped (tenant, id, batch, dropped, role, subscriber, partition, key, position, event, type, attempts, error, data)
		SELECT tenant, id, ?, ?, role, subscriber, partition, key, position, event, type, attempts, error, data FROM deliveries WHERE tenant = ? AND id = ?
		ON CONFLICT (tenant, id) DO NOTHING`, batch, store.Micros(now), r.tenant, r.ID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM deliveries WHERE tenant = ? AND id = ?`, r.tenant, r.ID)
	return err
}

// Dropped names deliveries that were dropped.
type Dropped struct {
	Batch string `json:"batch" doc:"What deliveries.discard_all answered; or the ID of a delivery that was dropped by itself."`
}

// Restore brings back what was dropped, as given up.
func (l *Ledger) Restore(ctx context.Context, in Dropped) (Bulk, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Bulk{}, err
	}
	var out Bulk
	err = l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		now := time.Now()
		n, err := tx.Exec(ctx, `INSERT INTO deliveries (tenant, id, role, subscriber, partition, key, position, event, type, state, attempts, next_at, error, data, updated)
			SELECT tenant, id, role, subscriber, partition, key, position, event, type, 'dead', attempts, 0, error, data, ? FROM deliveries_dropped
			WHERE tenant = ? AND batch = ? AND dropped > ? ON CONFLICT (tenant, id) DO NOTHING`, store.Micros(now), tenant, in.Batch, store.Micros(now.Add(-keepDropped)))
		if err == nil && n == 0 {
			return trellis.Errorf(trellis.NotFound, "nothing that was dropped has the name %.80q: it came back already, or a week has passed", in.Batch)
		}
		if err != nil {
			return err
		}
		out.Changed = int(n)
		_, err = tx.Exec(ctx, `DELETE FROM deliveries_dropped WHERE tenant = ? AND batch = ?`, tenant, in.Batch)
		return err
	}))
	return out, err
}
