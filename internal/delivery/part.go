package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// part is a partition for as long as this node has it. Whoever works in it holds
// on to the part and its fence, so that what belongs to an earlier time of this
// node cannot pass for what belongs to the present one.
type part struct {
	n     int
	fence uint64
	// ctx is done when the partition is no longer ours. It is kept here because its
	// life is that of the part, not of a call.
	ctx    context.Context
	end    context.CancelFunc
	from   uint64 // nothing up to here is dispatched: it was, here or elsewhere
	mark   uint64 // as it is stored
	lanes  map[who]*lane
	active int // lanes and retries at work

	leaving bool // it is to go to another node: nothing new is dispatched
	since   time.Time
	until   uint64 // of one that is leaving: how far it was dispatched
}

// dispatched returns how far a partition was dispatched. The caller holds t.mu.
func (t *tail) dispatched(p *part) uint64 {
	if p.leaving {
		return p.until
	}
	return max(t.read, p.from)
}

// low returns up to where everything in p was delivered or has a row, but for
// what those are owed who have a cursor. The caller holds t.mu.
func (t *tail) low(p *part) uint64 {
	low := t.dispatched(p)
	for _, ln := range p.lanes {
		if !ln.lags {
			low = min(low, t.done(ln))
		}
	}
	return low
}

// done returns up to where a lane was served. The caller holds t.mu.
func (t *tail) done(ln *lane) uint64 {
	switch {
	case len(ln.queue) > 0:
		return ln.queue[0].Position - 1
	case ln.apart:
		return ln.fed
	}
	return t.dispatched(ln.part)
}

// take begins to work on a partition: from its mark, with what is open in it.
func (t *tail) take(ctx context.Context, n int, fence uint64) error {
	mark, known, err := t.markOf(ctx, n)
	if err != nil {
		return err
	}
	if !known { // begin has written all of them
		return trellis.Errorf(trellis.Internal, "partition %d of %s has no mark", n, t.role.Name)
	}
	p := &part{n: n, fence: fence, mark: mark, lanes: map[who]*lane{}}
	open, cursors, err := t.openRows(ctx, n)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p.from = p.mark
	others := false
	for _, other := range t.parts {
		if other != nil {
			others = true
			other.from = max(other.from, t.read)
		}
	}
	if !others || p.mark < t.read {
		t.read = p.mark // the reader goes back; the others leave out what they have had
		t.nudge()
	}
	p.ctx, p.end = context.WithCancel(ctx)
	t.parts[n], t.lost[n] = p, nil
	for _, c := range cursors {
		ln := t.lane(p, c.who)
		ln.stored, ln.lags, ln.cursor, ln.keeps, ln.held = true, true, c.position, !c.held, c.held
		t.apart(ln, c.position)
	}
	for _, k := range open {
		t.lane(p, k.who).doubtful[k.key] = true
	}
	t.room.Broadcast()
	return nil
}

// lose lets go of a partition that is another's now. Its mark stays where it was
// last stored. The caller holds t.mu.
func (t *tail) lose(p *part) {
	p.end()
	t.parts[p.n], t.lost[p.n] = nil, p
	t.room.Broadcast()
}

// begin gives a role that is new its marks: all at once, before any partition is
// taken. Were each written when its partition is taken, a kill in between would let
// the others begin at the head of the next start, and skip what happened meanwhile.
// A role of which only some have marks was begun so by an older program: the others
// begin where the first of those is. It reports false if ctx is done.
func (t *tail) begin(ctx context.Context) bool {
	for {
		err := t.markAll(ctx)
		if err == nil {
			return true
		}
		t.warn(ctx, "the beginning of a role could not be noted", err)
		if !pause(ctx, t.l.cfg.Poll) {
			return false
		}
	}
}

func (t *tail) markAll(ctx context.Context) error {
	var known int
	var first sql.NullInt64
	err := t.l.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*), MIN(position) FROM delivery_marks WHERE role = ?`, t.role.Name).Scan(&known, &first)
	})
	if err != nil || known == Partitions {
		return err
	}
	position := uint64(first.Int64)
	if !first.Valid {
		if position, err = t.beginning(ctx); err != nil {
			return err
		}
	}
	return t.l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		for n := range Partitions { // another node's come first, all or none
			if _, err := tx.Exec(ctx, `INSERT INTO delivery_marks (role, partition, position) VALUES (?, ?, ?) ON CONFLICT (role, partition) DO NOTHING`,
				t.role.Name, n, int64(position)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// beginning is where a new role starts: behind what had happened when the ledger
// was made. The head of this moment would be too late, for meanwhile things happen.
func (t *tail) beginning(ctx context.Context) (uint64, error) {
	if t.role.Start != nil {
		return t.role.Start(ctx)
	}
	return t.l.opened, nil
}

// store writes the marks that have moved and the cursors of those who lag them,
// in one transaction: at no moment is an event neither before a mark, nor after a
// cursor, nor in a row. It is called by one goroutine at a time.
func (t *tail) store(ctx context.Context) {
	var changes []store.Change
	var after []func() // what is true once it is stored
	t.mu.Lock()
	for _, p := range t.parts {
		if p == nil {
			continue
		}
		before := len(changes)
		low := t.low(p)
		if low > p.mark {
			changes = append(changes, t.markChange(p, low))
			after = append(after, func() { p.mark = low })
		}
		for _, ln := range p.lanes {
			if !ln.lags {
				continue
			}
			at := t.done(ln)
			switch {
			case !ln.apart && at >= max(low, p.mark):
				if ln.stored {
					changes = append(changes, t.dropCursor(ln))
				}
				// Should it have fallen behind again meanwhile, its next cursor is
				// stored with the next mark: this mark is not beyond what it has had.
				after = append(after, func() { ln.stored, ln.lags = false, ln.apart; t.tidy(ln) })
			case !ln.stored || at != ln.cursor || ln.keeps == ln.held:
				keeps := !ln.held
				changes = append(changes, t.storeCursor(ln, at, keeps))
				after = append(after, func() { ln.stored, ln.cursor, ln.keeps = true, at, keeps })
			}
		}
		if len(changes) > before {
			changes = append(changes, t.fenced(p))
		}
	}
	t.mu.Unlock()
	if len(changes) > 0 {
		if err := t.l.db.Write(ctx, changes...); err != nil {
			t.warn(ctx, "marks not stored", err)
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// fenced is a change that fails when p is another node's by now.
func (t *tail) fenced(p *part) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		return tx.Fenced(ctx, t.leaseName(p.n), p.fence)
	})
}

func (t *tail) markChange(p *part, position uint64) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO delivery_marks (role, partition, position) VALUES (?, ?, ?)
			ON CONFLICT (role, partition) DO UPDATE SET position = excluded.position`, t.role.Name, p.n, int64(position))
		return err
	})
}

func (t *tail) markOf(ctx context.Context, partition int) (mark uint64, known bool, err error) {
	err = t.l.db.Read(ctx, func(tx *store.Tx) error {
		var m int64
		err := tx.QueryRow(ctx, `SELECT position FROM delivery_marks WHERE role = ? AND partition = ?`, t.role.Name, partition).Scan(&m)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		mark, known = uint64(m), err == nil
		return err
	})
	return mark, known, err
}

func (t *tail) storeCursor(ln *lane, position uint64, keeps bool) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO delivery_cursors (tenant, role, subscriber, partition, position, keeps) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (tenant, role, subscriber, partition) DO UPDATE SET position = excluded.position, keeps = excluded.keeps`,
			ln.who.tenant, t.role.Name, ln.who.subscriber, ln.part.n, int64(position), number(keeps))
		return err
	})
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *tail) dropCursor(ln *lane) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM delivery_cursors WHERE tenant = ? AND role = ? AND subscriber = ? AND partition = ?`,
			ln.who.tenant, t.role.Name, ln.who.subscriber, ln.part.n)
		return err
	})
}
