package delivery_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// node is a second handle on the rig's database, as another process has it.
func (r *rig) node() *store.DB {
	r.t.Helper()
	db, err := store.Open(r.t.Context(), store.Config{Path: r.path})
	r.must(err)
	return db
}

// TestTwoNodes: nodes divide the partitions, whoever joins gets its share, even of
// those under load, whoever leaves gives it back at once, and no event is at work
// on both at the same time or twice in all.
func TestTwoNodes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		node := map[string]map[int]bool{} // partitions by node
		at := map[string]bool{}           // events at work
		s := r.subscribe("s", nil)
		on := func(name string) delivery.Role {
			role := r.role()
			all, one := role.Subscribers, role.Lookup
			wrap := func(x delivery.Subscriber) delivery.Subscriber {
				deliver := x.Deliver
				x.Deliver = func(ctx context.Context, d delivery.Delivery) error {
					mu.Lock()
					if at[d.Event.ID] {
						t.Errorf("event %s is at work twice", d.Event.Subject)
					}
					at[d.Event.ID] = true
					if node[name] == nil {
						node[name] = map[int]bool{}
					}
					node[name][delivery.Partition(d.Event.Key)] = true
					mu.Unlock()
					time.Sleep(5 * time.Millisecond)
					mu.Lock()
					at[d.Event.ID] = false
					mu.Unlock()
					return deliver(ctx, d)
				}
				return x
			}
			role.Subscribers = func(ctx context.Context, e trellis.Event) (subs []delivery.Subscriber) {
				for _, x := range all(ctx, e) {
					subs = append(subs, wrap(x))
				}
				return subs
			}
			role.Lookup = func(ctx context.Context, tenant, id string) (delivery.Subscriber, bool) {
				x, ok := one(ctx, tenant, id)
				return wrap(x), ok
			}
			return role
		}
		load := func(rounds int) {
			for range rounds {
				r.emit(keys(64, 64)...)
				time.Sleep(20 * time.Millisecond)
			}
		}
		begin := func() {
			mu.Lock()
			defer mu.Unlock()
			clear(node)
		}
		share := func(name string) int {
			mu.Lock()
			defer mu.Unlock()
			return len(node[name])
		}
		other := r.node()
		defer func() { r.must(other.Close()) }()
		cfg := delivery.Config{Lease: 3 * time.Second}
		cfg.Node = "one"
		stopOne := r.start(r.ledger(cfg), on("one"))
		load(20)
		cfg.Node, cfg.DB = "two", other
		stopTwo := r.start(r.ledger(cfg), on("two"))
		load(100) // never a quiet moment
		begin()
		load(50)
		if one, two := share("one"), share("two"); one == 0 || two == 0 || one+two > delivery.Partitions {
			t.Errorf("one worked on %d partitions, two on %d", one, two)
		}
		r.until("all of both", func() bool { return s.count() == r.next })
		stopOne()
		begin()
		began := time.Now()
		load(10)
		r.until("all of the one that is left", func() bool { return s.count() == r.next })
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("after one had left, all was delivered after %v", took)
		}
		stopTwo()
		r.inOrder(s, r.next)
		if n := r.number(`SELECT COUNT(*) FROM leases WHERE expires > 0`); n != 0 {
			t.Errorf("%d leases are still held", n)
		}
	})
}

// steal gives every partition to another node, without the knowledge of the one
// that has it.
func (r *rig) steal() {
	r.t.Helper()
	r.must(r.db.Write(r.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE leases SET holder = 'thief', fence = fence + 1, expires = ? WHERE name LIKE 'delivery/test/__'`,
			store.Micros(time.Now().Add(20*time.Second)))
		return err
	})))
}

// TestFencing: a node whose lease was given to another stops its deliveries,
// writes nothing about them, and goes on from the mark when it has the lease again.
func TestFencing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		stolen, cancelled := false, 0
		s := r.subscribe("s", func(ctx context.Context, d delivery.Delivery) error {
			mu.Lock()
			lost := stolen
			mu.Unlock()
			if lost || d.Event.Key == "quick" {
				return nil
			}
			if d.Event.Key == "fails" {
				time.Sleep(50 * time.Millisecond)
				return errBroken // after the lease was lost, and before that is known
			}
			<-ctx.Done()
			mu.Lock()
			cancelled++
			mu.Unlock()
			return ctx.Err()
		})
		l := r.ledger(delivery.Config{})
		stop := r.start(l, r.role())
		defer stop()
		r.emit("quick", "waits", "fails")
		r.until("the quick one", func() bool { return s.count() == 1 })
		marks := r.number(`SELECT SUM(position) FROM delivery_marks`)
		r.steal()
		r.until("the one that waits is stopped", func() bool { mu.Lock(); defer mu.Unlock(); return cancelled == 1 })
		mu.Lock()
		stolen = true
		mu.Unlock()
		time.Sleep(5 * time.Second)
		if n := len(r.rows(l, "")); n != 0 {
			t.Errorf("%d rows written without the lease", n)
		}
		if now := r.number(`SELECT SUM(position) FROM delivery_marks`); now != marks {
			t.Errorf("the marks moved from %d to %d without the lease", marks, now)
		}
		if s.count() != 1 {
			t.Errorf("%d deliveries without the lease", s.count())
		}
		r.until("the rest, with the lease", func() bool { return s.count() >= 3 })
		heard := map[string]bool{}
		for _, subject := range s.subjects() {
			heard[subject] = true
		}
		if fmt.Sprint(heard) != "map[0:true 1:true 2:true]" {
			t.Errorf("heard %v", heard)
		}
	})
}

// TestSilence: a node that cannot renew its leases stops before others may have
// them, and goes on by itself.
func TestSilence(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ended := make(chan time.Time, 1)
		var once sync.Once
		s := r.subscribe("s", func(ctx context.Context, d delivery.Delivery) error {
			first := false
			once.Do(func() { first = true })
			if first {
				<-ctx.Done()
				ended <- time.Now()
				return ctx.Err()
			}
			return nil
		})
		stop := r.start(r.ledger(delivery.Config{Lease: 6 * time.Second}), r.role())
		defer stop()
		r.emit("a")
		time.Sleep(time.Second)
		began := time.Now()
		r.must(r.db.Write(r.ctx, store.ChangeFunc(func(context.Context, *store.Tx) error {
			time.Sleep(20 * time.Second) // nobody writes meanwhile
			return nil
		})))
		select {
		case at := <-ended:
			if d := at.Sub(began); d > 6*time.Second {
				t.Errorf("it went on for %v without its leases", d)
			}
		default:
			t.Fatal("it went on without its leases")
		}
		r.until("it goes on", func() bool { return s.count() > 0 })
	})
}
