package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// lane is what one subscriber is owed in one partition. One goroutine at a time
// works on it, so it is served in order. Its queue has a bound: when it is full,
// the subscriber leaves the shared reader and reads the log by itself ([reader]).
type lane struct {
	who  who
	part *part
	sub  Subscriber

	queue   []trellis.Event
	working bool
	fed     uint64 // everything up to here was queued, or is not wanted
	apart   bool   // a reader of its own feeds it
	joined  int    // when it came to that reader
	// lags says that the mark does not wait for it, so that it has a cursor, as
	// soon as the marks are stored the next time.
	lags     bool
	held     bool // its subscriber is left alone: see [tail.free]
	stored   bool // the cursor is in the database
	cursor   uint64
	keeps    bool            // as it is stored: the log need not be kept for it
	doubtful map[string]bool // keys that may have rows that are not dead
}

// lane returns the lane of a subscriber. The caller holds t.mu.
func (t *tail) lane(p *part, w who) *lane {
	ln, ok := p.lanes[w]
	if !ok {
		ln = &lane{who: w, part: p, doubtful: map[string]bool{}}
		p.lanes[w] = ln
	}
	return ln
}

// tidy forgets a lane that says nothing any more. The caller holds t.mu.
func (t *tail) tidy(ln *lane) {
	if len(ln.queue) == 0 && !ln.working && !ln.apart && !ln.lags && len(ln.doubtful) == 0 && ln.fed <= t.dispatched(ln.part) && ln.part.lanes[ln.who] == ln {
		delete(ln.part.lanes, ln.who)
	}
}

// owe queues e, or lets a subscriber whose queue is full go its own way. The
// caller holds t.mu.
func (t *tail) owe(p *part, s Subscriber, e trellis.Event) {
	ln := t.lane(p, who{s.Tenant, s.ID})
	switch {
	case ln.apart || e.Position <= ln.fed: // it comes to e by itself, or has been there
	case len(ln.queue) >= t.bound(ln):
		ln.lags = true
		t.apart(ln, e.Position-1)
	default:
		t.push(ln, s, e)
	}
}

// push queues e and sees to it that somebody works on the lane. The caller holds
// t.mu.
func (t *tail) push(ln *lane, s Subscriber, e trellis.Event) {
	ln.sub, ln.fed = s, e.Position
	ln.queue = append(ln.queue, e)
	if !ln.working {
		ln.working = true
		ln.part.active++
		t.tasks.Go(func() { t.work(ln) })
	}
}

// turn is how long a lane may go on while others wait for theirs.
const turn = 20 * time.Millisecond

// work delivers what is queued, in order.
func (t *tail) work(ln *lane) {
	ctx := ln.part.ctx
	defer func() {
		t.mu.Lock()
		ln.part.active--
		t.mu.Unlock()
	}()
	for t.free(ctx, ln) && t.enter(ctx, ln.who) {
		for began := time.Now(); time.Since(began) < turn; {
			t.mu.Lock()
			if len(ln.queue) == 0 || ctx.Err() != nil {
				ln.working = ctx.Err() != nil // nobody is to start in a partition that was lost
				t.tidy(ln)
				t.mu.Unlock()
				t.leave(ln.who)
				return
			}
			e, sub := ln.queue[0], ln.sub
			t.mu.Unlock()
			if sub.held() {
				break
			}
			if !t.deliver(ctx, ln, sub, e) {
				t.leave(ln.who)
				return // the partition is lost, or about to be: whoever has it goes on from the mark
			}
			t.mu.Lock()
			ln.queue[0] = trellis.Event{} // not to be kept in memory
			ln.queue = ln.queue[1:]
			t.room.Broadcast()
			t.mu.Unlock()
		}
		t.leave(ln.who)
	}
}

// enter waits for room among the deliveries to one subscriber and then among
// all: one that is slow takes an eighth of the room at most.
func (t *tail) enter(ctx context.Context, w who) bool {
	t.mu.Lock()
	gate, ok := t.gates[w]
	if !ok {
		gate = make(chan struct{}, max(1, cap(t.slots)/8))
		t.gates[w] = gate
	}
	t.mu.Unlock()
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	select {
	case t.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		<-gate
		return false
	}
}

func (t *tail) leave(w who) {
	<-t.slots
	t.mu.Lock()
	gate := t.gates[w]
	t.mu.Unlock()
	<-gate
}

// deliver calls the subscriber for e, or parks e behind what fails. It reports
// whether e is taken care of; if not, the partition is no longer ours.
func (t *tail) deliver(ctx context.Context, ln *lane, s Subscriber, e trellis.Event) bool {
	row := rowOf(t.role.Name, ln, e)
	parked, ok := t.heldUp(ctx, ln, e.Key)
	switch {
	case !ok:
		return false
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
		row.State, row.Error = Failing, message(err)
		if until, ok := t.postponement(e, err); ok {
			row.Next = until
			break
		}
		row.Attempts, row.Next = 1, time.Now().Add(t.role.Backoff(1))
		if row.Attempts >= t.role.Attempts {
			row.State = Dead
		}
	}
	if row.State != Dead {
		t.mu.Lock()
		ln.doubtful[e.Key] = true // before anybody can see the row
		t.mu.Unlock()
	} else {
		t.l.cfg.Metrics.Delivery(t.role.Name, "given_up", time.Since(e.Time))
	}
	return t.record(ctx, ln, row)
}

// heldUp reports whether a key has rows that are not dead. Only the lane's own
// goroutine adds such rows, so none is added between the question and what is
// done about the answer.
func (t *tail) heldUp(ctx context.Context, ln *lane, key string) (held, ok bool) {
	t.mu.Lock()
	doubtful := ln.doubtful[key]
	t.mu.Unlock()
	for doubtful {
		err := t.l.db.Read(ctx, func(tx *store.Tx) (err error) {
			_, held, err = nextOf(ctx, tx, Row{role: t.role.Name, Subscriber: ln.who.subscriber, Key: key, tenant: ln.who.tenant})
			return err
		})
		if err == nil {
			break
		}
		t.warn(ctx, "failed deliveries of a key could not be read", err)
		if !pause(ctx, t.l.cfg.Poll) {
			return false, false
		}
	}
	if doubtful && !held {
		t.mu.Lock()
		delete(ln.doubtful, key)
		t.mu.Unlock()
	}
	return held, true
}

// record writes a row, however long the database takes. A row that exists from
// before a crash stays as it is.
func (t *tail) record(ctx context.Context, ln *lane, row Row) bool {
	for {
		err := t.l.db.Write(ctx, t.fenced(ln.part), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			r := row
			if r.State == Parked { // unless what it was to wait for has just succeeded, or comes after it: this is a repeat then
				if head, waits, err := nextOf(ctx, tx, r); err != nil {
					return err
				} else if !waits || head.Position > r.Position {
					r.State, r.Next = Failing, time.Now()
				}
			}
			return insertRow(ctx, tx, r)
		}))
		if err == nil {
			return true
		}
		if ctx.Err() != nil || trellis.KindOf(err) == trellis.Conflict {
			return false // the partition is another node's by now, and so is the event
		}
		t.warn(ctx, "failed delivery not recorded", err)
		if !pause(ctx, t.l.cfg.Poll) {
			return false
		}
	}
}

// guarded calls a subscriber; a panic of ours becomes an error.
func (t *tail) guarded(ctx context.Context, s Subscriber, d Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.l.log.Error("subscriber panicked", "role", t.role.Name, "subscriber", s.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = trellis.Errorf(trellis.Internal, "the subscriber failed by a fault of the platform")
		}
		outcome := "ok"
		switch p := (*postponed)(nil); {
		case errors.As(err, &p):
			outcome = "postponed"
		case err != nil:
			outcome = "failed"
		}
		t.l.cfg.Metrics.Delivery(t.role.Name, outcome, time.Since(d.Event.Time))
	}()
	ctx = trellis.WithTrace(ctx, trellis.Trace{ID: d.Event.Trace, Cause: d.Event.ID, Hops: d.Event.Hops + 1})
	err = s.Deliver(ctx, d)
	if err == nil && t.l.cfg.Twice {
		err = s.Deliver(ctx, d)
	}
	return err
}
