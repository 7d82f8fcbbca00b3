package delivery

import (
	"context"
	"errors"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// reader reads the log for one subscriber that has fallen behind, from the
// oldest of its cursors, until it is where the shared reader is. It waits for
// room in the subscriber's queues, and so goes at the subscriber's pace.
type reader struct {
	who    who
	read   uint64 // everything up to here was queued in every lane that was there
	joined int    // how many lanes have come to it
}

// apart lets a lane be fed by a reader of its own, from a position on. The
// caller holds t.mu.
func (t *tail) apart(ln *lane, from uint64) {
	ln.apart, ln.fed = true, from
	r, ok := t.behind[ln.who]
	if !ok {
		r = &reader{who: ln.who, read: from}
		t.behind[ln.who] = r
		t.l.log.Debug("subscriber fell behind", "role", t.role.Name, "tenant", r.who.tenant, "subscriber", r.who.subscriber, "partition", ln.part.n)
		t.tasks.Go(func() { t.follow(r) })
	}
	r.read = min(r.read, from)
	r.joined++
	ln.joined = r.joined
}

// lanesOf returns the lanes that r feeds. The caller holds t.mu.
func (t *tail) lanesOf(r *reader) []*lane {
	var lanes []*lane
	for _, p := range t.parts {
		if p != nil && !p.leaving {
			if ln, ok := p.lanes[r.who]; ok && ln.apart {
				lanes = append(lanes, ln)
			}
		}
	}
	return lanes
}

// catchUp reads the log until r is where the others are, and its lanes join them.
func (t *tail) catchUp(ctx context.Context, r *reader) {
	for {
		after, to, joined, ok := t.next(ctx, r)
		if !ok {
			return
		}
		events, err := t.events(ctx, after, int(min(256, to-after)))
		last := after
		switch {
		case errors.Is(err, store.ErrTrimmed):
			oldest, err := t.l.db.Log().Oldest(ctx)
			if err != nil || oldest <= after+1 {
				pause(ctx, t.l.cfg.Poll)
				continue
			}
			t.l.log.Warn("events were trimmed before they were delivered", "role", t.role.Name, "subscriber", r.who.subscriber, "from", after, "to", oldest)
			last = oldest - 1
		case err != nil:
			t.warn(ctx, "event log could not be read", err)
			pause(ctx, t.l.cfg.Poll)
			continue
		case len(events) == 0: // another handle's commits, not noticed yet
			pause(ctx, t.l.cfg.Mark)
			continue
		}
		for _, e := range events {
			back, ok := t.feed(ctx, r, joined, e)
			if !ok {
				return
			}
			if back {
				break
			}
			last = e.Position
		}
		t.mu.Lock()
		if r.joined == joined { // else again, for those who came meanwhile; the others leave out what they have
			r.read = last
			for _, ln := range t.lanesOf(r) {
				ln.fed = max(ln.fed, last)
			}
		}
		t.mu.Unlock()
	}
}

// next returns what r is to read, after and up to which position. It waits where
// r has read everything, but has lanes that are still full; once they are not, the
// lanes join the others and r ends. Where its subscriber is held and has what it keeps, it
// waits too, and so has nothing of the log in memory meanwhile.
func (t *tail) next(ctx context.Context, r *reader) (after, to uint64, joined int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ctx.Err() == nil {
		lanes := t.lanesOf(r)
		full, rests := false, false
		for _, ln := range lanes {
			rests = rests || ln.held && len(ln.queue) >= t.bound(ln)
			to = max(to, t.dispatched(ln.part))
			full = full || len(ln.queue) > t.bound(ln)/2
		}
		if r.read < to && !rests {
			return r.read, to, r.joined, true
		}
		if !full {
			for _, ln := range lanes {
				ln.apart, ln.fed = false, max(ln.fed, r.read)
			}
			break
		}
		t.room.Wait()
	}
	delete(t.behind, r.who)
	return 0, 0, 0, false
}

// feed queues e in the lane that it belongs to, if that is one of r's and the
// subscriber wants e. It waits while the queue is full; where the subscriber is held,
// which may be for ever, it says that e is to go back to the log. It is not ok if ctx is
// done. A lane that came when r had read on already gets nothing of what r is at: it would
// miss what lies before.
func (t *tail) feed(ctx context.Context, r *reader, joined int, e trellis.Event) (back, ok bool) {
	n := Partition(e.Key)
	t.mu.Lock()
	p := t.parts[n]
	fits := func() *lane {
		if p == nil || t.parts[n] != p || p.leaving {
			return nil
		}
		if ln := p.lanes[r.who]; ln != nil && ln.apart && ln.joined <= joined && e.Position > ln.fed {
			return ln
		}
		return nil
	}
	ln := fits()
	t.mu.Unlock()
	if ln == nil {
		return false, true
	}
	for _, s := range t.role.Subscribers(ctx, e) {
		if s.ID != r.who.subscriber || s.Tenant != r.who.tenant || s.From >= e.Position {
			continue
		}
		t.mu.Lock()
		for ln = fits(); ln != nil && len(ln.queue) >= t.bound(ln) && ctx.Err() == nil; ln = fits() {
			if ln.held {
				t.mu.Unlock()
				return true, true
			}
			t.room.Wait()
		}
		if ln != nil && ctx.Err() == nil {
			t.push(ln, s, e)
		}
		t.mu.Unlock()
	}
	return false, ctx.Err() == nil
}
