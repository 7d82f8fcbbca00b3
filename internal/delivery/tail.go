package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// tail is the reader of one role on this node.
type tail struct {
	l    *Ledger
	role Role

	slots chan struct{}  // deliveries at once
	tasks sync.WaitGroup // lanes, retries and those who catch up

	mu    sync.Mutex
	read  uint64 // everything up to here was dispatched
	at    uint64 // being dispatched
	parts [Partitions]part
	lanes map[laneKey]*lane
	busy  map[string]bool // rows that are being tried again, by ID
	room  *sync.Cond      // somewhere a queue has become shorter
}

// part is one partition, as far as this node works on it.
type part struct {
	owned bool
	fence uint64
	mark  uint64         // stored
	open  []*outstanding // dispatched, in the order of positions
}

// outstanding is a dispatched event that somebody still works on.
type outstanding struct {
	position uint64
	left     int
}

func (l *Ledger) tail(r Role) *tail {
	r.Attempts = or(r.Attempts, 8)
	if r.Backoff == nil {
		r.Backoff = backoff
	}
	t := &tail{l: l, role: r, slots: make(chan struct{}, l.cfg.Workers), lanes: map[laneKey]*lane{}, busy: map[string]bool{}}
	t.room = sync.NewCond(&t.mu)
	return t
}

// run reads the log and dispatches until ctx is done.
func (t *tail) run(ctx context.Context) error {
	ctx = store.Platform(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() { t.keep(ctx) })
	defer func() {
		t.tasks.Wait()
		keeper.Wait()
		t.close(context.WithoutCancel(ctx))
	}()
	log := t.l.db.Log()
	for ctx.Err() == nil {
		after, any := t.position()
		if !any { // no partition is ours yet
			if !pause(ctx, t.l.cfg.Poll) {
				return nil
			}
			continue
		}
		events, err := log.Read(ctx, after, 512)
		switch {
		case errors.Is(err, store.ErrTrimmed):
			if err := t.skip(ctx, after); err != nil {
				return err
			}
		case err != nil:
			if ctx.Err() == nil {
				t.l.log.Warn("event log could not be read", "role", t.role.Name, "err", err)
				pause(ctx, t.l.cfg.Poll)
			}
		case len(events) == 0:
			wait, cancel := context.WithTimeout(ctx, t.l.cfg.Poll)
			_ = log.Wait(wait, after)
			cancel()
		default:
			for _, e := range events {
				if !t.dispatch(ctx, after, e) {
					break // the partitions changed hands: begin again from their marks
				}
				after = e.Position
			}
		}
	}
	return nil
}

// position returns how far the log was dispatched, and whether any partition is
// this node's.
func (t *tail) position() (uint64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.parts {
		if t.parts[i].owned {
			return t.read, true
		}
	}
	return t.read, false
}

// skip goes on at the oldest event that the log still has.
func (t *tail) skip(ctx context.Context, from uint64) error {
	oldest, err := t.l.db.Log().Oldest(ctx)
	if err != nil {
		return err
	}
	t.l.log.Warn("events were trimmed before they were delivered", "role", t.role.Name, "from", from, "to", oldest)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read = max(t.read, oldest-1)
	return nil
}

// dispatch hands e to its subscribers. It reports false if the reader was set
// back since after was read.
func (t *tail) dispatch(ctx context.Context, after uint64, e trellis.Event) bool {
	p := Partition(e.Key)
	var subs []Subscriber
	t.mu.Lock()
	part := t.parts[p]
	mine := part.owned && e.Position > part.mark
	t.mu.Unlock()
	if mine {
		subs = t.role.Subscribers(ctx, e)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read != after || t.parts[p].owned != part.owned || t.parts[p].fence != part.fence {
		return false // the reader was set back, or the partition changed hands meanwhile
	}
	t.at = e.Position
	defer func() { t.at = 0 }()
	if mine && len(subs) > 0 {
		o := &outstanding{position: e.Position, left: 1} // one for the dispatching itself
		t.parts[p].open = append(t.parts[p].open, o)
		for _, s := range subs {
			if s.From < e.Position {
				t.enqueue(ctx, laneKey{s.Tenant, s.ID, p}, s, e, o)
			}
		}
		o.left--
	}
	if t.read == after {
		t.read = e.Position
		return true
	}
	return false
}

// low returns up to where everything in partition p is done.
func (t *tail) low(p int) uint64 {
	part := &t.parts[p]
	n := 0
	for n < len(part.open) && part.open[n].left == 0 {
		n++
	}
	part.open = part.open[n:]
	if len(part.open) > 0 {
		return part.open[0].position - 1
	}
	return t.read
}

// guarded calls a subscriber; a panic of ours becomes an error.
func (t *tail) guarded(ctx context.Context, s Subscriber, d Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.l.log.Error("subscriber panicked", "role", t.role.Name, "subscriber", s.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = trellis.Errorf(trellis.Internal, "the subscriber failed by a fault of the platform")
		}
	}()
	ctx = trellis.WithTrace(ctx, trellis.Trace{ID: d.Event.Trace, Cause: d.Event.ID, Hops: d.Event.Hops + 1})
	err = s.Deliver(ctx, d)
	if err == nil && t.l.cfg.Twice {
		err = s.Deliver(ctx, d)
	}
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	t.l.cfg.Metrics.Delivery(t.role.Name, outcome, time.Since(d.Event.Time))
	return err
}

// keep stores marks, renews leases and tries again what failed.
func (t *tail) keep(ctx context.Context) {
	mark, poll := time.NewTicker(t.l.cfg.Mark), time.NewTicker(t.l.cfg.Poll)
	defer mark.Stop()
	defer poll.Stop()
	for {
		t.renew(ctx)
		t.retry(ctx)
		for polled := false; !polled; {
			select {
			case <-ctx.Done():
				return
			case <-mark.C:
				t.store(ctx)
			case <-poll.C:
				polled = true
			}
		}
	}
}

// close stores the last marks and gives the partitions to others.
func (t *tail) close(ctx context.Context) {
	t.store(ctx)
	t.mu.Lock()
	var names []string
	for i := range t.parts {
		if t.parts[i].owned {
			t.parts[i].owned = false
			names = append(names, t.leaseName(i))
		}
	}
	t.mu.Unlock()
	if len(names) > 0 {
		if err := t.l.db.Release(ctx, t.l.cfg.Node, names...); err != nil {
			t.l.log.Warn("partitions not released", "role", t.role.Name, "err", err)
		}
	}
}

// pause waits and reports whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
