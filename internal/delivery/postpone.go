package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
)

// postponed is the error of a delivery that nobody tried.
type postponed struct {
	err   error
	until time.Time
}

func (p *postponed) Error() string { return p.err.Error() }
func (p *postponed) Unwrap() error { return p.err }

// Postpone says that a delivery was not tried, and why, and when to try it at the
// earliest: its subscriber is left alone for a while, or there was no room. For a day
// ([Role]) that counts as no attempt: a delivery is given up for what the subscriber did with
// it, not for what the machine could not do at the time. While it is held ([Subscriber])
// it never does.
func Postpone(err error, until time.Time) error { return &postponed{err, until} }

// postponement returns until when e is postponed by an error, if it is.
func (t *tail) postponement(e trellis.Event, err error) (until time.Time, ok bool) {
	var p *postponed
	if !errors.As(err, &p) || time.Since(e.Time) > t.role.Patience && !errors.Is(err, errHeld) {
		return time.Time{}, false
	}
	until = time.Now().Add(t.role.Backoff(1))
	if p.until.After(until) {
		until = p.until
	}
	return until, true
}

// held reports whether a subscriber is to be left alone for now.
func (s Subscriber) held() bool { return s.Held != nil && s.Held() }

// free waits as long as the lane's subscriber is held. The lane keeps one event and
// lags the mark, with a cursor before that event: so others go on, the subscriber loses
// nothing, neither here nor by a kill, and it costs no more than a cursor to owe it the
// rest, which its reader finds in the log. It is not ok if the partition is lost or to
// be given away.
func (t *tail) free(ctx context.Context, ln *lane) (ok bool) {
	for {
		t.mu.Lock()
		sub, leaving := ln.sub, ln.part.leaving
		t.mu.Unlock()
		held := sub.held()
		t.mu.Lock()
		switch {
		case held && !ln.held:
			for _, l := range t.lanes(ln.who) {
				t.hold(l)
			}
		case !held && ln.held:
			for _, l := range t.lanes(ln.who) {
				l.held = false
			}
			t.room.Broadcast()
		}
		t.mu.Unlock()
		if !held {
			return ctx.Err() == nil
		}
		if leaving || !pause(ctx, t.l.cfg.Poll) {
			return false
		}
	}
}

// lanes returns what a subscriber is owed in all partitions. The caller holds t.mu.
func (t *tail) lanes(w who) (all []*lane) {
	for _, p := range t.parts {
		if p != nil && p.lanes[w] != nil {
			all = append(all, p.lanes[w])
		}
	}
	return all
}

// hold lets a lane keep its first event alone. The rest goes back to the log. The
// caller holds t.mu.
func (t *tail) hold(ln *lane) {
	if len(ln.queue) == 0 && !ln.apart {
		return
	}
	ln.held, ln.lags = true, true
	t.room.Broadcast() // a reader may wait for room in it, with what it has read
	if len(ln.queue) > 1 {
		ln.queue = []trellis.Event{ln.queue[0]}
		t.apart(ln, ln.queue[0].Position)
	}
}

// bound is how many events may wait in a lane. The caller holds t.mu.
func (t *tail) bound(ln *lane) int {
	if ln.held {
		return 1
	}
	return t.l.cfg.Queue
}
