package delivery

import (
	"context"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// laneKey names one subscriber in one partition.
type laneKey struct {
	tenant, subscriber string
	partition          int
}

// lane is what one subscriber in one partition is owed at present. One goroutine
// at a time works on it, so it is served in order.
type lane struct {
	key     laneKey
	sub     Subscriber
	queue   []item
	running bool
	behind  bool           // it reads the log itself, from cursor
	cursor  uint64         // of one that is behind
	skip    uint64         // everything up to here was delivered while it was behind
	dropped chan struct{}  // closed when the cursor of the last time is gone
	blocked map[string]int // keys with rows that are not dead, and how many
}

type item struct {
	event trellis.Event
	o     *outstanding
}

// enqueue owes e to a subscriber. The caller holds t.mu, which is let go while
// there is no room.
func (t *tail) enqueue(ctx context.Context, k laneKey, s Subscriber, e trellis.Event, o *outstanding) {
	ln := t.lane(k, s)
	if ln.behind || e.Position <= ln.skip {
		return // it comes to e by itself, or has been there
	}
	if len(ln.queue) >= t.l.cfg.Queue && !t.roomIn(ln) {
		t.detach(ctx, ln, e.Position-1)
		return
	}
	o.left++
	ln.queue = append(ln.queue, item{e, o})
	t.start(ctx, ln)
}

func (t *tail) lane(k laneKey, s Subscriber) *lane {
	ln, ok := t.lanes[k]
	if !ok {
		ln = &lane{key: k, blocked: map[string]int{}}
		t.lanes[k] = ln
	}
	ln.sub = s
	return ln
}

// roomIn waits a moment for a queue that is being worked off. A subscriber that
// is merely busy keeps its place; one that is stuck does not hold up the others
// for longer than this.
func (t *tail) roomIn(ln *lane) bool {
	late := false
	timer := time.AfterFunc(20*time.Millisecond, func() {
		t.mu.Lock()
		late = true
		t.mu.Unlock()
		t.room.Broadcast()
	})
	defer timer.Stop()
	for len(ln.queue) >= t.l.cfg.Queue && !late && !ln.behind {
		t.room.Wait()
	}
	return len(ln.queue) < t.l.cfg.Queue && !ln.behind
}

// start sees to it that somebody works on the lane. The caller holds t.mu.
func (t *tail) start(ctx context.Context, ln *lane) {
	if ln.running {
		return
	}
	ln.running = true
	t.tasks.Go(func() { t.work(ctx, ln) })
}

// work delivers what is queued, in order.
func (t *tail) work(ctx context.Context, ln *lane) {
	for {
		select {
		case t.slots <- struct{}{}:
		case <-ctx.Done(): // what is queued keeps the mark where it is
			t.mu.Lock()
			t.room.Broadcast()
			t.mu.Unlock()
			return
		}
		for range 16 { // then others have a turn
			t.mu.Lock()
			if len(ln.queue) == 0 || ctx.Err() != nil || ln.behind {
				ln.running = ctx.Err() != nil // nobody is to start when everything stops
				t.room.Broadcast()
				t.mu.Unlock()
				<-t.slots
				return
			}
			it, sub := ln.queue[0], ln.sub
			t.mu.Unlock()
			done := t.deliver(ctx, ln, sub, it.event)
			t.mu.Lock()
			if done && len(ln.queue) > 0 && ln.queue[0].o == it.o { // unless it fell behind meanwhile, and will be read again
				ln.queue = ln.queue[1:]
				it.o.left--
				t.room.Broadcast()
			}
			t.mu.Unlock()
		}
		<-t.slots
	}
}

// deliver calls the subscriber for e, or parks e behind what fails. It reports
// whether e is taken care of; if not, ctx is done.
func (t *tail) deliver(ctx context.Context, ln *lane, s Subscriber, e trellis.Event) bool {
	row := rowOf(t.role.Name, ln.key, e)
	t.mu.Lock()
	parked := ln.blocked[e.Key] > 0
	t.mu.Unlock()
	switch {
	case parked:
		row.State = Parked
	case e.Hops > trellis.MaxHops:
		row.State, row.Error = Dead, "too many events caused one another"
	default:
		err := t.guarded(ctx, s, Delivery{Event: e, Attempt: 1})
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false // stopping is no failure
		}
		row.State, row.Attempts, row.Error = Failing, 1, message(err)
		row.Next = time.Now().Add(t.role.Backoff(1))
		if row.Attempts >= t.role.Attempts {
			row.State = Dead
		}
	}
	return t.record(ctx, ln, row)
}

// record writes a row, however long the database takes. A row that exists from
// before a crash stays as it is.
func (t *tail) record(ctx context.Context, ln *lane, row Row) bool {
	for {
		err := t.l.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Fenced(ctx, t.leaseName(ln.key.partition), t.fence(ln.key.partition)); err != nil {
				return err
			}
			r := row
			if r.State == Parked { // unless what it was to wait for has just succeeded
				if _, waits, err := nextOf(ctx, tx, r); err != nil {
					return err
				} else if !waits {
					r.State, r.Next = Failing, time.Now()
				}
			}
			return insertRow(ctx, tx, r)
		}))
		if err == nil {
			return t.count(ctx, ln, row.Key)
		}
		if ctx.Err() != nil || trellis.KindOf(err) == trellis.Conflict {
			return false // the partition is another node's by now, and so is the event
		}
		t.l.log.Warn("failed delivery not recorded", "role", t.role.Name, "subscriber", ln.key.subscriber, "err", err)
		if !pause(ctx, t.l.cfg.Poll) {
			return false
		}
	}
}

// count looks how many rows hold up a key. It asks the database while nobody else
// can conclude anything from an older answer.
func (t *tail) count(ctx context.Context, ln *lane, key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		var n int
		err := t.l.db.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, `SELECT COUNT(*) FROM deliveries WHERE role = ? AND subscriber = ? AND key = ? AND tenant = ? AND state <> 'dead'`,
				t.role.Name, ln.key.subscriber, key, ln.key.tenant).Scan(&n)
		})
		switch {
		case err == nil && n == 0:
			delete(ln.blocked, key)
			return true
		case err == nil:
			ln.blocked[key] = n
			return true
		case ctx.Err() != nil:
			return false
		}
		t.l.log.Warn("held up deliveries could not be counted", "role", t.role.Name, "err", err)
		if !pause(ctx, t.l.cfg.Poll) {
			return false
		}
	}
}

// detach lets a subscriber that cannot keep up read the log itself. The caller
// holds t.mu. What is in its queue is read again.
func (t *tail) detach(ctx context.Context, ln *lane, upTo uint64) {
	ln.behind, ln.cursor = true, upTo
	if len(ln.queue) > 0 {
		ln.cursor = ln.queue[0].event.Position - 1
	}
	held := ln.queue // keeps the mark back until the cursor is stored
	ln.queue = nil
	dropped := ln.dropped
	t.tasks.Go(func() {
		if dropped != nil {
			<-dropped // or the old cursor's end would be the new one's
		}
		if t.storeCursor(ctx, ln) {
			t.mu.Lock()
			for _, it := range held {
				it.o.left--
			}
			for ln.running && ctx.Err() == nil { // one at a time works on a lane
				t.room.Wait()
			}
			t.mu.Unlock()
			t.catchUp(ctx, ln)
		}
	})
}

// catchUp reads the log for one lane until it is where the others are.
func (t *tail) catchUp(ctx context.Context, ln *lane) {
	t.l.log.Debug("subscriber fell behind", "role", t.role.Name, "subscriber", ln.key.subscriber, "partition", ln.key.partition)
	for ctx.Err() == nil {
		t.mu.Lock()
		cursor, mine := ln.cursor, t.parts[ln.key.partition].owned && t.lanes[ln.key] == ln
		if !mine && t.lanes[ln.key] == ln {
			delete(t.lanes, ln.key)
		}
		reached := mine && cursor >= max(t.read, t.parts[ln.key.partition].mark)
		t.mu.Unlock()
		if !mine {
			return
		}
		if reached && t.reattach(ctx, ln) {
			return
		}
		events, err := t.l.db.Log().Read(ctx, cursor, 256)
		if err != nil {
			if oldest, e := t.l.db.Log().Oldest(ctx); e == nil && oldest > cursor+1 {
				t.l.log.Warn("events were trimmed before they were delivered", "role", t.role.Name, "subscriber", ln.key.subscriber, "from", cursor, "to", oldest)
				t.advance(ln, oldest-1)
			} else if !pause(ctx, t.l.cfg.Poll) {
				return
			}
			continue
		}
		for _, e := range events {
			if Partition(e.Key) == ln.key.partition && !t.one(ctx, ln, e) {
				return
			}
			t.advance(ln, e.Position)
		}
		t.storeCursor(ctx, ln)
	}
}

// one delivers e to the lane, if the subscriber wants it.
func (t *tail) one(ctx context.Context, ln *lane, e trellis.Event) bool {
	for _, s := range t.role.Subscribers(ctx, e) {
		if s.ID == ln.key.subscriber && s.Tenant == ln.key.tenant && s.From < e.Position {
			select {
			case t.slots <- struct{}{}:
			case <-ctx.Done():
				return false
			}
			ok := t.deliver(ctx, ln, s, e)
			<-t.slots
			return ok
		}
	}
	return true
}

func (t *tail) advance(ln *lane, position uint64) {
	t.mu.Lock()
	ln.cursor = max(ln.cursor, position)
	t.mu.Unlock()
}

// reattach lets the lane be served with the others again, if it has not fallen
// behind meanwhile. The cursor is removed first: a crash right after that finds
// the mark, which is not beyond it.
func (t *tail) reattach(ctx context.Context, ln *lane) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	// What is being dispatched has passed it by, and what lies before the mark is
	// not dispatched again, even when the reader went back for another partition.
	if ln.cursor < max(t.read, t.at, t.parts[ln.key.partition].mark) {
		return false
	}
	ln.behind, ln.skip = false, ln.cursor
	o := &outstanding{position: t.read + 1, left: 1} // keeps the mark until the cursor is gone
	part := &t.parts[ln.key.partition]
	part.open = append(part.open, o)
	dropped := make(chan struct{})
	ln.dropped = dropped
	t.tasks.Go(func() {
		defer close(dropped)
		t.dropCursor(ctx, ln)
		t.mu.Lock()
		o.left--
		t.mu.Unlock()
	})
	return true
}
