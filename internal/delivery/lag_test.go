package delivery_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestMarks: within 100 ms everything that was delivered is behind a mark, in
// every partition, and nothing that was not.
func TestMarks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		s := r.subscribe("s", func(_ context.Context, d delivery.Delivery) error {
			if d.Event.Key == "slow" {
				<-release
			}
			return nil
		})
		stop := r.start(r.ledger(delivery.Config{}), r.role())
		defer stop()
		mark := func(partition int) int64 {
			return r.number(`SELECT COALESCE(MAX(position), -1) FROM delivery_marks WHERE role = 'test' AND partition = ?`, partition)
		}
		r.until("it has begun", func() bool { return r.number(`SELECT COUNT(*) FROM delivery_marks`) == delivery.Partitions })
		r.emit("a", "slow", "b", "slow", "c")
		r.until("what can be", func() bool { return s.count() == 3 })
		time.Sleep(110 * time.Millisecond)
		for n := range delivery.Partitions {
			want := int64(5)
			if n == delivery.Partition("slow") {
				want = 1
			}
			if got := mark(n); got != want {
				t.Errorf("the mark of %d is at %d, want %d", n, got, want)
			}
		}
		close(release)
		r.until("all", func() bool { return s.count() == 5 })
		time.Sleep(110 * time.Millisecond)
		if got := mark(delivery.Partition("slow")); got != 5 {
			t.Errorf("the mark is at %d in the end", got)
		}
		if n := r.cursors(); n != 0 {
			t.Errorf("%d cursors of nobody who lags", n)
		}
	})
}

// TestSlowDelaysNobody: while some are slow, another one hears of everything at
// once; only they have cursors, and only as long as they lag.
func TestSlowDelaysNobody(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const events = 640
		slow := make([]*sub, 6)
		for i := range slow {
			slow[i] = r.subscribe(fmt.Sprint("slow", i), func(context.Context, delivery.Delivery) error {
				time.Sleep(100 * time.Millisecond)
				return nil
			})
		}
		var mu sync.Mutex
		var longest time.Duration
		quick := r.subscribe("quick", func(_ context.Context, d delivery.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			longest = max(longest, time.Since(d.Event.Time))
			return nil
		})
		stop := r.start(r.ledger(delivery.Config{Queue: 4}), r.role())
		defer stop()
		r.until("it has begun", func() bool { return r.number(`SELECT COUNT(*) FROM delivery_marks`) == delivery.Partitions })
		began := time.Now()
		for n := 0; n < events; n += 32 {
			r.emit(keys(32, 32)...) // enough for every worker, if slow ones could have them all
			time.Sleep(10 * time.Millisecond)
		}
		r.until("the quick one", func() bool { return quick.count() == events })
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the quick one took %v", took)
		}
		mu.Lock()
		if longest > 300*time.Millisecond {
			t.Errorf("the quick one heard of an event after %v", longest)
		}
		mu.Unlock()
		time.Sleep(110 * time.Millisecond)
		if n := r.number(`SELECT COUNT(*) FROM delivery_cursors WHERE subscriber = 'quick'`); n != 0 {
			t.Errorf("the quick one has %d cursors", n)
		}
		if n := r.cursors(); n == 0 {
			t.Error("nobody has a cursor")
		}
		if n := r.number(`SELECT MIN(position) FROM delivery_marks`); n != events {
			t.Errorf("a mark is at %d", n)
		}
		r.until("the slow ones", func() bool {
			return !slices.ContainsFunc(slow, func(s *sub) bool { return s.count() < events })
		})
		for _, s := range slow {
			r.inOrder(s, events)
		}
		r.inOrder(quick, events)
		r.until("no cursors", func() bool { return r.cursors() == 0 })
		r.emit("key0")
		r.until("one more", func() bool { return slow[0].count() == events+1 })
	})
}

// TestCatchUpAfterRestart: whoever was behind when the node stopped goes on where
// it was, with nothing lost and nothing twice, in the order of each key.
func TestCatchUpAfterRestart(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  store.Config
	}{{"memory", store.Config{}}, {"file", store.Config{Ring: 1}}, {"late positions", store.Config{LatePositions: true}}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, tt.cfg)
				defer r.close()
				const events = 400
				slow := r.subscribe("slow", func(ctx context.Context, _ delivery.Delivery) error {
					select {
					case <-time.After(time.Duration(rand.IntN(40)) * time.Millisecond):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				quick := r.subscribe("quick", nil)
				lagged := false
				for n := 0; slow.count() < events; n++ {
					stop := r.start(r.ledger(delivery.Config{Queue: 3}), r.role())
					if n < 8 {
						r.emit(keys(events/8, 4)...)
						time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
					} else {
						r.until("the rest", func() bool { return slow.count() == events })
						r.until("no cursors", func() bool { return r.cursors() == 0 })
					}
					stop()
					lagged = lagged || r.cursors() > 0
				}
				if !lagged {
					t.Error("it was never behind when the node stopped")
				}
				r.inOrder(slow, events)
				r.inOrder(quick, events)
			})
		})
	}
}

// TestRetention: the log may be trimmed up to [delivery.Ledger.Oldest] at any
// time, and everybody still gets everything.
func TestRetention(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const events = 200
		slow := r.subscribe("slow", func(context.Context, delivery.Delivery) error {
			time.Sleep(20 * time.Millisecond)
			return nil
		})
		heal := make(chan struct{})
		faulty := r.subscribe("faulty", func(_ context.Context, d delivery.Delivery) error {
			select {
			case <-heal:
				return nil
			default:
				if d.Event.Key == "key3" {
					return errBroken
				}
				return nil
			}
		})
		l := r.ledger(delivery.Config{Queue: 4})
		stop := r.start(l, r.role())
		defer stop()
		trimmed := int64(0)
		trim := func() {
			oldest, err := l.Oldest(t.Context())
			r.must(err)
			n, err := r.db.Log().Trim(store.Platform(t.Context()), oldest)
			r.must(err)
			trimmed += n
		}
		for n := 0; n < events; n += 10 {
			r.emit(keys(10, 10)...)
			time.Sleep(15 * time.Millisecond)
			trim()
		}
		r.until("the slow one", func() bool { trim(); return slow.count() == events })
		if trimmed > 3 { // the fourth event fails, and holds the log
			t.Errorf("%d events trimmed, and one of the first fails", trimmed)
		}
		close(heal)
		r.until("the faulty one", func() bool { trim(); return faulty.count() == events })
		r.inOrder(slow, events)
		r.inOrder(faulty, events)
		r.until("the whole log is trimmed", func() bool { trim(); return trimmed == events })
	})
}

// TestGone: one that no longer exists is owed nothing: neither rows nor cursors
// of it hold the log for ever.
func TestGone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		s := r.subscribe("s", func(_ context.Context, d delivery.Delivery) error {
			if d.Event.Key == "key0" {
				return errBroken
			}
			time.Sleep(50 * time.Millisecond)
			return nil
		})
		l := r.ledger(delivery.Config{Queue: 2})
		stop := r.start(l, r.role())
		r.emit(keys(200, 2)...)
		r.until("rows and cursors", func() bool { return len(r.rows(l, "")) > 1 && r.cursors() > 0 })
		stop()
		r.mu.Lock()
		s.gone = true
		r.mu.Unlock()
		stop = r.start(r.ledger(delivery.Config{Queue: 2}), r.role())
		defer stop()
		r.until("nothing is owed", func() bool { return len(r.rows(l, "")) == 0 && r.cursors() == 0 })
		r.until("nothing is kept", func() bool {
			oldest, err := l.Oldest(t.Context())
			return err == nil && oldest == 201
		})
	})
}
