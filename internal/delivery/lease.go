package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

func (t *tail) leaseName(partition int) string {
	return fmt.Sprintf("delivery/%s/%02d", t.role.Name, partition)
}

func (t *tail) nodeName() string { return "delivery/" + t.role.Name + "/node/" + t.l.cfg.Node }

// renew keeps this node's share of the partitions: as many as there are, divided
// by the nodes that are alive. A node that joins gets its share as the others
// renew theirs.
func (t *tail) renew(ctx context.Context) {
	nodes, err := t.nodes(ctx)
	if err != nil {
		t.warn(ctx, "nodes could not be counted", err)
		return
	}
	share := (Partitions + nodes - 1) / nodes
	t.mu.Lock()
	var keep, give, want []string
	for i := range t.parts {
		switch {
		case !t.parts[i].owned:
			want = append(want, t.leaseName(i))
		case len(keep) < share:
			keep = append(keep, t.leaseName(i))
		case len(t.parts[i].open) == 0: // nothing is under way: it can change hands
			t.parts[i].owned = false
			give = append(give, t.leaseName(i))
		default:
			keep = append(keep, t.leaseName(i))
		}
	}
	t.mu.Unlock()
	if len(give) > 0 {
		if err := t.l.db.Release(ctx, t.l.cfg.Node, give...); err != nil {
			t.warn(ctx, "partitions not released", err)
		}
		want = nil // not to take back at once what was just given
	}
	want = want[:max(0, min(len(want), share-len(keep)))]
	held, err := t.l.db.Acquire(ctx, t.l.cfg.Node, t.l.cfg.Lease, append(keep, want...)...)
	if err != nil {
		t.warn(ctx, "partitions could not be leased", err)
		return
	}
	t.settle(ctx, held)
}

// nodes says that this one is alive and counts those that are.
func (t *tail) nodes(ctx context.Context) (int, error) {
	if _, err := t.l.db.Acquire(ctx, t.l.cfg.Node, t.l.cfg.Lease, t.nodeName()); err != nil {
		return 1, err
	}
	n, err := t.l.db.CountLeases(ctx, "delivery/"+t.role.Name+"/node/")
	return max(n, 1), err
}

// settle takes over what was won and lets go of what was lost.
func (t *tail) settle(ctx context.Context, held map[string]uint64) {
	var won []int
	t.mu.Lock()
	for i := range t.parts {
		fence, ok := held[t.leaseName(i)]
		part := &t.parts[i]
		switch {
		case part.owned && (!ok || fence != part.fence):
			part.owned, part.open = false, nil
			t.forget(i)
		case !part.owned && ok:
			won = append(won, i)
		}
	}
	t.mu.Unlock()
	for _, i := range won {
		if err := t.take(ctx, i, held[t.leaseName(i)]); err != nil {
			t.warn(ctx, "partition could not be taken over", err)
		}
	}
}

// forget drops the lanes of a partition that is no longer ours. The caller holds
// t.mu.
func (t *tail) forget(partition int) {
	for k, ln := range t.lanes {
		if k.partition == partition && !ln.behind {
			ln.queue, ln.behind = nil, true // whoever works on it stops
			delete(t.lanes, k)
		}
	}
}

// take begins to work on a partition: from its mark, with what is open in it.
func (t *tail) take(ctx context.Context, partition int, fence uint64) error {
	mark, known, err := t.markOf(ctx, partition)
	if err != nil {
		return err
	}
	if !known {
		if mark, err = t.beginning(ctx); err != nil {
			return err
		}
		if err := t.l.db.Write(ctx, t.markChange(partition, mark)); err != nil {
			return err
		}
	}
	open, cursors, err := t.openRows(ctx, partition)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts[partition] = part{owned: true, fence: fence, mark: mark}
	if mark < t.read || t.read == 0 {
		t.read = mark // the reader goes back; what lies before another partition's mark is left out there
	}
	for _, c := range cursors {
		s, ok := t.role.Lookup(ctx, c.tenant, c.subscriber)
		if !ok {
			continue
		}
		k := laneKey{c.tenant, c.subscriber, partition}
		delete(t.lanes, k) // one from an earlier time that this node had the partition
		ln := t.lane(k, s)
		ln.behind, ln.cursor = true, c.position
		t.tasks.Go(func() { t.catchUp(ctx, ln) })
	}
	for k, n := range open {
		if s, ok := t.role.Lookup(ctx, k.tenant, k.subscriber); ok {
			t.lane(laneKey{k.tenant, k.subscriber, partition}, s).blocked[k.key] = n
		}
	}
	return nil
}

// beginning is where a new role starts.
func (t *tail) beginning(ctx context.Context) (uint64, error) {
	if t.role.Start != nil {
		return t.role.Start(ctx)
	}
	return t.l.db.Log().Head(), nil
}

func (t *tail) fence(partition int) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.parts[partition].fence
}

func (t *tail) warn(ctx context.Context, msg string, err error) {
	if ctx.Err() == nil {
		t.l.log.Warn(msg, "role", t.role.Name, "err", err)
	}
}

// store writes the marks that have moved.
func (t *tail) store(ctx context.Context) {
	var changes []store.Change
	moved := map[int]uint64{}
	t.mu.Lock()
	for i := range t.parts {
		if p := &t.parts[i]; p.owned {
			if low := t.low(i); low > p.mark {
				moved[i] = low
				changes = append(changes, t.fencedMark(i, p.fence, low))
			}
		}
	}
	t.mu.Unlock()
	if len(changes) == 0 {
		return
	}
	if err := t.l.db.Write(ctx, changes...); err != nil {
		t.warn(ctx, "marks not stored", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, low := range moved {
		t.parts[i].mark = max(t.parts[i].mark, low)
	}
}

func (t *tail) fencedMark(partition int, fence, position uint64) store.Change {
	mark := t.markChange(partition, position)
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Fenced(ctx, t.leaseName(partition), fence); err != nil {
			return err
		}
		return mark.Apply(ctx, tx)
	})
}

func (t *tail) markChange(partition int, position uint64) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO delivery_marks (role, partition, position) VALUES (?, ?, ?)
			ON CONFLICT (role, partition) DO UPDATE SET position = excluded.position`, t.role.Name, partition, int64(position))
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

// storeCursor writes how far a lane that is behind has come.
func (t *tail) storeCursor(ctx context.Context, ln *lane) bool {
	t.mu.Lock()
	cursor := ln.cursor
	t.mu.Unlock()
	k := ln.key
	for {
		err := t.l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Fenced(ctx, t.leaseName(k.partition), t.fence(k.partition)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO delivery_cursors (tenant, role, subscriber, partition, position) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (tenant, role, subscriber, partition) DO UPDATE SET position = excluded.position`,
				k.tenant, t.role.Name, k.subscriber, k.partition, int64(cursor))
			return err
		}))
		if err == nil {
			return true
		}
		t.warn(ctx, "cursor not stored", err)
		if trellis.KindOf(err) == trellis.Conflict || !pause(ctx, t.l.cfg.Poll) {
			return false
		}
	}
}

func (t *tail) dropCursor(ctx context.Context, ln *lane) {
	k := ln.key
	for {
		err := t.l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM delivery_cursors WHERE tenant = ? AND role = ? AND subscriber = ? AND partition = ?`,
				k.tenant, t.role.Name, k.subscriber, k.partition)
			return err
		}))
		if err == nil || !pause(ctx, t.l.cfg.Poll) {
			return
		}
		t.warn(ctx, "cursor not removed", err)
	}
}
