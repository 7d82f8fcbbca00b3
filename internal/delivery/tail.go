package delivery

import (
	"context"
	"encoding/json"
	"errors"
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
	tasks sync.WaitGroup // lanes, retries and readers of those who are behind
	watch *time.Timer    // ends everything when the leases can no longer be trusted

	mu     sync.Mutex
	room   *sync.Cond            // a queue has become shorter, or a partition was lost
	nudge  func()                // lets the reader look where it is
	follow func(*reader)         // reads the log for one who is behind, as long as the role runs
	read   uint64                // everything up to here was dispatched, in every partition that is ours
	parts  [Partitions]*part     // nil: another node's
	lost   [Partitions]*part     // those that we had before, and have not taken again
	behind map[who]*reader       // those who read the log by themselves
	gates  map[who]chan struct{} // deliveries at once to one subscriber
	busy   map[string]bool       // rows that are being tried again, by ID
}

// who names a subscriber.
type who struct{ tenant, subscriber string }

func (l *Ledger) tail(r Role) *tail {
	r.Attempts = or(r.Attempts, 8)
	r.Patience = or(r.Patience, 24*time.Hour)
	if r.Backoff == nil {
		r.Backoff = backoff
	}
	t := &tail{l: l, role: r, slots: make(chan struct{}, l.cfg.Workers), behind: map[who]*reader{}, gates: map[who]chan struct{}{}, busy: map[string]bool{}, nudge: func() {}}
	t.room = sync.NewCond(&t.mu)
	return t
}

// run reads the log and dispatches until ctx is done. The readers see the whole
// log, but subscribers are called in a context that has no such right.
func (t *tail) run(ctx context.Context) {
	if !t.begin(ctx) {
		return
	}
	wake := context.AfterFunc(ctx, func() { t.mu.Lock(); defer t.mu.Unlock(); t.room.Broadcast() })
	defer wake()
	t.follow = func(r *reader) { t.catchUp(ctx, r) }
	t.watch = time.AfterFunc(t.l.cfg.Lease, t.distrust)
	defer t.watch.Stop()
	var keeper sync.WaitGroup
	keeper.Go(func() { t.keep(ctx) })
	defer func() {
		keeper.Wait()
		t.tasks.Wait()
		t.close(context.WithoutCancel(ctx))
	}()
	for ctx.Err() == nil {
		after, ok := t.position(ctx)
		if !ok {
			return
		}
		events, err := t.events(ctx, after, 512)
		switch {
		case errors.Is(err, store.ErrTrimmed):
			t.skip(ctx, after)
		case err != nil:
			t.warn(ctx, "event log could not be read", err)
			pause(ctx, t.l.cfg.Poll)
		case len(events) == 0:
			t.wait(ctx, after)
		default:
			for _, e := range events {
				if !t.dispatch(ctx, after, e) {
					break // the partitions changed hands: begin again from where that set the reader
				}
				after = e.Position
			}
		}
	}
}

// events reads the whole log.
func (t *tail) events(ctx context.Context, after uint64, limit int) ([]trellis.Event, error) {
	return t.l.db.Log().Read(store.Platform(ctx), after, limit)
}

// event returns the event that a row is about.
func (t *tail) event(ctx context.Context, r Row) (trellis.Event, error) {
	e, err := t.l.event(ctx, r)
	if err == nil && r.data != "" {
		e.Data = json.RawMessage(r.data)
	}
	return e, err
}

// position waits until some partition is this node's, and returns how far the log
// was dispatched. It is not ok if ctx is done.
func (t *tail) position(ctx context.Context) (after uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; ctx.Err() == nil; t.room.Wait() {
		for _, p := range t.parts {
			if p != nil {
				return t.read, true
			}
		}
	}
	return 0, false
}

// wait waits a while for events after a position, or until the reader is set back.
func (t *tail) wait(ctx context.Context, after uint64) {
	ctx, cancel := context.WithTimeout(ctx, t.l.cfg.Poll)
	defer cancel()
	t.mu.Lock()
	t.nudge = cancel
	back := t.read != after
	t.mu.Unlock()
	if !back {
		_ = t.l.db.Log().Wait(ctx, after) // whatever it says, the log is read next
	}
}

// skip goes on at the oldest event that the log still has.
func (t *tail) skip(ctx context.Context, from uint64) {
	oldest, err := t.l.db.Log().Oldest(ctx)
	if err != nil {
		t.warn(ctx, "oldest event could not be read", err)
		pause(ctx, t.l.cfg.Poll)
		return
	}
	t.l.log.Warn("events were trimmed before they were delivered", "role", t.role.Name, "from", from, "to", oldest)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read == from {
		t.read = max(t.read, oldest-1)
	}
}

// dispatch queues e for its subscribers; it never waits for any of them. It
// reports false if the reader was set back, or the partition changed hands, since
// after was read.
func (t *tail) dispatch(ctx context.Context, after uint64, e trellis.Event) bool {
	n := Partition(e.Key)
	t.mu.Lock()
	p := t.parts[n]
	mine := p != nil && !p.leaving && e.Position > p.from
	t.mu.Unlock()
	var subs []Subscriber
	if mine {
		subs = t.role.Subscribers(ctx, e)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read != after || t.parts[n] != p {
		return false
	}
	if mine && !p.leaving {
		for _, s := range subs {
			if s.From < e.Position {
				t.owe(p, s, e)
			}
		}
	}
	t.read = e.Position
	return true
}

// keep stores marks, renews leases and tries again what failed.
func (t *tail) keep(ctx context.Context) {
	every := min(t.l.cfg.Poll, t.l.cfg.Lease/4) // a lease is trusted for two thirds of its time
	mark, poll := time.NewTicker(t.l.cfg.Mark), time.NewTicker(every)
	defer mark.Stop()
	defer poll.Stop()
	tried := time.Time{}
	for {
		t.renew(ctx)
		if time.Since(tried) >= t.l.cfg.Poll*9/10 {
			tried = time.Now()
			t.retry(ctx)
		}
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
	names := []string{t.nodeName()}
	t.mu.Lock()
	for i, p := range t.parts {
		if p != nil {
			t.lose(p)
			names = append(names, t.leaseName(i))
		}
	}
	t.mu.Unlock()
	if err := t.l.db.Release(ctx, t.l.cfg.Node, names...); err != nil {
		t.l.log.Warn("partitions not released", "role", t.role.Name, "err", err)
	}
}

func (t *tail) warn(ctx context.Context, msg string, err error) {
	if ctx.Err() == nil {
		t.l.log.Warn(msg, "role", t.role.Name, "err", err)
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
