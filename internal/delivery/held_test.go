package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	goruntime "runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestHeld: a subscriber that is held hears of nothing, delays nobody, and keeps no more
// than its place, over restarts too; when it goes on it hears of everything, in order
// and once.
func TestHeld(t *testing.T) {
	for _, tt := range []struct {
		name     string
		restarts bool
	}{{"running", false}, {"restarted", true}} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				const before, during, after = 100, 900, 100
				var held atomic.Bool
				s, other := r.subscribe("s", func(context.Context, delivery.Delivery) error {
					if held.Load() {
						t.Error("it was called while it was held")
					}
					return nil
				}), r.subscribe("other", nil)
				s.held = held.Load
				l := r.ledger(delivery.Config{Queue: 8})
				stop := r.start(l, r.role())
				r.emit(keys(before, 50)...)
				r.until("it hears", func() bool { return s.count() == before })
				held.Store(true)
				for range 9 {
					r.emit(keys(during/9, 50)...)
					time.Sleep(time.Second)
					if tt.restarts {
						stop()
						l = r.ledger(delivery.Config{Queue: 8})
						stop = r.start(l, r.role())
					}
				}
				r.until("the other", func() bool { return other.count() == before+during })
				time.Sleep(10 * time.Second)
				if s.count() != before || len(r.rows(l, "")) != 0 {
					t.Errorf("it heard of %d, and %d rows are kept for it", s.count()-before, len(r.rows(l, "")))
				}
				if n := r.number(`SELECT MIN(position) FROM delivery_marks`); n != before+during {
					t.Errorf("a mark waits for it at %d", n)
				}
				if oldest, err := l.Oldest(t.Context()); err != nil || oldest != before+during+1 {
					t.Errorf("it keeps the log from %d on (%v)", oldest, err)
				}
				held.Store(false)
				r.emit(keys(after, 50)...)
				r.until("the rest", func() bool { return s.count() == before+during+after })
				r.until("no cursors", func() bool { return r.cursors() == 0 })
				stop()
				r.inOrder(s, before+during+after)
				r.inOrder(other, before+during+after)
			})
		})
	}
}

// TestHeldBeyondTheLog: what the log no longer has when a subscriber goes on is lost to
// it, and nothing else.
func TestHeldBeyondTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var held atomic.Bool
		held.Store(true)
		s := r.subscribe("s", nil)
		s.held = held.Load
		l := r.ledger(delivery.Config{Queue: 8})
		stop := r.start(l, r.role())
		r.emit(keys(200, 1)...)
		time.Sleep(10 * time.Second)
		oldest, err := l.Oldest(t.Context())
		r.must(err)
		_, err = r.db.Log().Trim(store.Platform(t.Context()), oldest-10)
		r.must(err)
		stop()
		stop = r.start(r.ledger(delivery.Config{Queue: 8}), r.role())
		defer stop()
		held.Store(false)
		r.emit("key0")
		r.until("what is left", func() bool { return s.count() == 11 })
	})
}

// TestPostponed: what was not tried counts as no attempt, for a while; then it is given up
// like all that fails.
func TestPostponed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var calls atomic.Int32
		var busy atomic.Bool
		busy.Store(true)
		s := r.subscribe("s", func(context.Context, delivery.Delivery) error {
			if calls.Add(1); busy.Load() {
				return delivery.Postpone(trellis.Errorf(trellis.Unavailable, "left alone"), time.Now().Add(time.Minute))
			}
			return nil
		})
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Patience, role.Backoff = 10*time.Minute, func(int) time.Duration { return time.Second }
		stop := r.start(l, role)
		defer stop()
		r.emit("a", "a")
		time.Sleep(9 * time.Minute)
		open := r.rows(l, "")
		if len(open) != 2 || open[0].State != delivery.Failing || open[0].Attempts != 0 || open[0].Error != "left alone" || open[1].State != delivery.Parked {
			t.Errorf("rows %+v", open)
		}
		if n := calls.Load(); n < 8 || n > 10 {
			t.Errorf("%d calls in 9 minutes, one a minute at most", n)
		}
		busy.Store(false)
		r.until("both", func() bool { return s.count() == 2 })
		busy.Store(true)
		r.emit("b")
		time.Sleep(12 * time.Minute)
		if dead := r.rows(l, delivery.Dead); len(dead) != 1 || dead[0].Attempts != 8 {
			t.Errorf("too late: %+v", r.rows(l, ""))
		}
	})
}

// TestHeldMemory: subscribers that are held have nothing of the log in memory but one
// event for each partition, after a restart too.
func TestHeldMemory(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const many, size = 6, 200 << 10
		var held atomic.Bool
		for i := range many {
			r.subscribe(fmt.Sprint("s", i), nil).held = held.Load
		}
		stop := r.start(r.ledger(delivery.Config{}), r.role())
		held.Store(true)
		r.emit(keys(64, 64)...)
		time.Sleep(5 * time.Second)
		for range 8 {
			r.emitBig(size, 16, "key1")
		}
		r.emit(keys(1000, 64)...)
		time.Sleep(10 * time.Second)
		stop()
		before := heap()
		stop = r.start(r.ledger(delivery.Config{}), r.role())
		defer stop()
		time.Sleep(time.Minute)
		if more := int64(heap()) - int64(before); more > 8*16*size {
			t.Errorf("%d that are held have %d MiB in memory", many, more>>20)
		}
		held.Store(false)
		r.until("all of it", func() bool {
			for _, s := range r.subs {
				if s.count() != 64+8*16+1000 {
					return false
				}
			}
			return true
		})
	})
}

// emitBig commits events with so much data.
func (r *rig) emitBig(size, count int, key string) {
	r.t.Helper()
	data := json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
	r.must(r.db.Write(r.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		for range count {
			e := trellis.NewEvent(ctx, thing, fmt.Sprint(r.next), "", "", data)
			e.Key = key
			if err := tx.Emit(ctx, e); err != nil {
				return err
			}
			r.next++
		}
		return nil
	})))
}

// heap is how much memory is in use.
func heap() uint64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}
