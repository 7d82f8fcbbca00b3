package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

const thing = "org.example.thing.made.v1"

func as(ctx context.Context, tenant string) context.Context {
	return trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: "7", Kind: trellis.PersonActor})
}

// rig is a store with ledgers on it, and the subscribers that they serve.
type rig struct {
	t    *testing.T
	path string
	db   *store.DB
	ctx  context.Context // of somebody in the tenant demo
	mu   sync.Mutex
	subs []*sub
	next int
}

func newRig(t *testing.T, cfg store.Config) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "trellis.db"), ctx: as(t.Context(), "demo")}
	cfg.Path = r.path
	var err error
	if r.db, err = store.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) close() { r.must(r.db.Close()) }

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// sub is a subscriber that notes what it is told.
type sub struct {
	id, tenant string
	from       uint64
	then       func(ctx context.Context, d delivery.Delivery) error // what it does, if not nil
	mu         sync.Mutex
	heard      []delivery.Delivery // what it accepted
	gone       bool
	held       func() bool
}

func (r *rig) subscribe(id string, then func(context.Context, delivery.Delivery) error) *sub {
	s := &sub{id: id, tenant: "demo", then: then}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subs = append(r.subs, s)
	return s
}

func (s *sub) deliver(ctx context.Context, d delivery.Delivery) error {
	if s.then != nil {
		if err := s.then(ctx, d); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, d)
	return nil
}

// subjects returns what was accepted, in the order of accepting.
func (s *sub) subjects() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, d := range s.heard {
		out = append(out, d.Event.Subject)
	}
	return out
}

func (s *sub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.heard)
}

func (s *sub) subscriber() delivery.Subscriber {
	return delivery.Subscriber{ID: s.id, Tenant: s.tenant, From: s.from, Deliver: s.deliver, Held: s.held}
}

func (r *rig) role() delivery.Role {
	present := func() []*sub {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.DeleteFunc(slices.Clone(r.subs), func(s *sub) bool { return s.gone })
	}
	return delivery.Role{
		Name:  "test",
		Start: func(context.Context) (uint64, error) { return 0, nil },
		Subscribers: func(_ context.Context, e trellis.Event) (subs []delivery.Subscriber) {
			for _, s := range present() {
				if s.tenant == e.Tenant {
					subs = append(subs, s.subscriber())
				}
			}
			return subs
		},
		Lookup: func(_ context.Context, tenant, id string) (delivery.Subscriber, bool) {
			for _, s := range present() {
				if s.tenant == tenant && s.id == id {
					return s.subscriber(), true
				}
			}
			return delivery.Subscriber{}, false
		},
	}
}

func (r *rig) ledger(cfg delivery.Config) *delivery.Ledger {
	r.t.Helper()
	if cfg.DB == nil {
		cfg.DB = r.db
	}
	l, err := delivery.New(r.t.Context(), cfg)
	r.must(err)
	return l
}

// start runs a role on a ledger until the function that it returns is called.
func (r *rig) start(l *delivery.Ledger, role delivery.Role) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, role) }()
	return func() {
		r.t.Helper()
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

// emit commits one event for each key. Their subjects count up.
func (r *rig) emit(keys ...string) {
	r.t.Helper()
	r.must(r.db.Write(r.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		for i, key := range keys {
			e := trellis.NewEvent(ctx, thing, fmt.Sprint(r.next+i), "", "", json.RawMessage(`{"a":1}`))
			e.Key = key
			if err := tx.Emit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})))
	r.next += len(keys)
}

// until waits until ok, in the time of the bubble.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for began := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) { // the bubble's time: nothing is waited for
		if time.Since(began) > time.Hour {
			r.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (r *rig) rows(l *delivery.Ledger, state delivery.State) []delivery.Row {
	r.t.Helper()
	list, err := l.List(r.ctx, delivery.Query{State: state, Limit: 200})
	r.must(err)
	return list.Items
}

// number returns the one number that a query gives.
func (r *rig) number(q string, args ...any) (n int64) {
	r.t.Helper()
	r.must(r.db.Read(r.ctx, func(tx *store.Tx) error { return tx.QueryRow(r.ctx, q, args...).Scan(&n) }))
	return n
}

func (r *rig) exec(q string, args ...any) {
	r.t.Helper()
	r.must(r.db.Write(r.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, q, args...)
		return err
	})))
}

func (r *rig) cursors() int64 { return r.number(`SELECT COUNT(*) FROM delivery_cursors`) }

// bubble runs a test in time of its own.
func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, store.Config{})
		defer r.close()
		f(t, r)
	})
}

// keys returns n keys, again and again k different ones.
func keys(n, k int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("key", i%k)
	}
	return out
}

// inOrder fails unless what was heard is every subject once, those of each key in
// order.
func (r *rig) inOrder(s *sub, want int) {
	r.t.Helper()
	last, seen := map[string]uint64{}, map[string]int{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.heard {
		if d.Event.Position <= last[d.Event.Key] {
			r.t.Errorf("%s: position %d of %s after %d", s.id, d.Event.Position, d.Event.Key, last[d.Event.Key])
		}
		last[d.Event.Key] = d.Event.Position
		seen[d.Event.ID]++
	}
	for id, n := range seen {
		if n > 1 {
			r.t.Errorf("%s: event %s was accepted %d times", s.id, id, n)
		}
	}
	if len(seen) != want {
		r.t.Errorf("%s: %d events, want %d", s.id, len(seen), want)
	}
}

var errBroken = errors.New("broken")

// TestParking: a failing head parks what comes after it of its key, and nothing
// else: not other keys, not other subscribers.
func TestParking(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		broken := true
		one := r.subscribe("one", func(_ context.Context, d delivery.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if broken && d.Event.Key == "bad" {
				return errBroken
			}
			return nil
		})
		two := r.subscribe("two", nil)
		l := r.ledger(delivery.Config{})
		stop := r.start(l, r.role())
		defer stop()
		r.emit("bad", "good", "bad", "good", "bad")
		r.until("all of the other subscriber", func() bool { return two.count() == 5 })
		r.until("the rows", func() bool { return len(r.rows(l, "")) == 3 })
		if got, want := fmt.Sprint(one.subjects()), "[1 3]"; got != want {
			t.Errorf("heard %s while the key fails, want %s", got, want)
		}
		states := ""
		for _, row := range r.rows(l, "") {
			states += string(row.State) + " "
			if row.Key != "bad" || row.Subscriber != "one" || row.Type != thing {
				t.Errorf("row %+v", row)
			}
		}
		if states != "failing parked parked " {
			t.Errorf("states %s", states)
		}
		if row := r.rows(l, delivery.Failing)[0]; row.Attempts < 1 || row.Error != "broken" || row.Next.IsZero() {
			t.Errorf("head %+v", row)
		}
		mu.Lock()
		broken = false
		mu.Unlock()
		r.until("the rest", func() bool { return one.count() == 5 })
		r.until("no rows", func() bool { return len(r.rows(l, "")) == 0 })
		r.emit("bad")
		r.until("one more", func() bool { return one.count() == 6 })
		r.inOrder(one, 6)
		r.inOrder(two, 6)
	})
}

// TestBackoff: attempts lie half a second apart, then twice as long each time,
// and up to half of each is random. After the last the event is given up, and
// those that waited behind it have their turn.
func TestBackoff(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		tried := map[string][]time.Time{}
		var numbers []int
		s := r.subscribe("s", func(_ context.Context, d delivery.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			tried[d.Event.Subject] = append(tried[d.Event.Subject], time.Now())
			if d.Event.Subject == "0" {
				numbers = append(numbers, d.Attempt)
			}
			if d.Event.Subject < "4" {
				return errBroken
			}
			return nil
		})
		l := r.ledger(delivery.Config{Poll: 50 * time.Millisecond})
		stop := r.start(l, r.role())
		defer stop()
		r.emit("a", "b", "c", "d", "a")
		r.until("the one that waited", func() bool { return s.count() == 1 })
		mu.Lock()
		defer mu.Unlock()
		different := map[time.Duration]bool{}
		for subject := range tried {
			for i, at := range tried[subject] {
				if i == 0 {
					continue
				}
				gap, want := at.Sub(tried[subject][i-1]), 500*time.Millisecond<<(i-1)
				if gap < want/2 || gap > want+100*time.Millisecond {
					t.Errorf("event %s, attempt %d after %v, want up to %v", subject, i+1, gap, want)
				}
				if i == 4 {
					different[gap.Round(time.Millisecond)] = true
				}
			}
		}
		if fmt.Sprint(numbers) != "[1 2 3 4 5 6 7 8]" {
			t.Errorf("attempts %v", numbers)
		}
		if len(different) < 2 {
			t.Error("what failed together was tried again together")
		}
		if dead := r.rows(l, delivery.Dead); len(dead) == 0 || dead[0].Attempts != 8 || dead[0].Error != "broken" {
			t.Errorf("dead letters %+v", dead)
		}
	})
}

// TestFrom: nobody hears of what happened before they subscribed.
func TestFrom(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.emit(keys(5, 2)...)
		old := r.subscribe("old", nil)
		late := r.subscribe("late", nil)
		late.from = r.db.Log().Head()
		r.emit(keys(5, 2)...)
		stop := r.start(r.ledger(delivery.Config{Queue: 1}), r.role())
		defer stop()
		r.until("all", func() bool { return old.count() == 10 && late.count() == 5 })
		if got := late.subjects(); slices.Min(got) != "5" {
			t.Errorf("heard %v", got)
		}
	})
}

// TestPanic: a panic of one subscriber is a failed delivery of its own.
func TestPanic(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		n := 0
		one := r.subscribe("one", func(context.Context, delivery.Delivery) error {
			if n++; n < 3 {
				panic("of ours")
			}
			return nil
		})
		two := r.subscribe("two", nil)
		l := r.ledger(delivery.Config{})
		stop := r.start(l, r.role())
		defer stop()
		r.emit("a")
		r.until("a row", func() bool { return len(r.rows(l, delivery.Failing)) == 1 })
		if row := r.rows(l, "")[0]; row.Error == "" || row.Error == "of ours" {
			t.Errorf("row %+v", row)
		}
		r.until("both", func() bool { return one.count() == 1 && two.count() == 1 })
	})
}

// TestHandlersHaveNoRights: a subscriber is called with the event's trace, and not
// with the right of the reader to see every tenant.
func TestHandlersHaveNoRights(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.subscribe("s", func(ctx context.Context, d delivery.Delivery) error {
			if store.IsPlatform(ctx) {
				t.Error("the subscriber may act across tenants")
			}
			if got := trellis.TraceFrom(ctx); got.ID != d.Event.Trace || got.Cause != d.Event.ID || got.Hops != d.Event.Hops+1 {
				t.Errorf("trace %+v of %+v", got, d.Event)
			}
			if d.Attempt == 1 {
				return errBroken // the same holds when it is tried again
			}
			return nil
		})
		stop := r.start(r.ledger(delivery.Config{}), r.role())
		defer stop()
		r.emit("a")
		r.until("the second attempt", func() bool { return r.subs[0].count() == 1 })
	})
}

// TestConsume: each event that the pattern takes in, of every tenant, in order,
// again until it succeeds; and one reader of a role on a node.
func TestConsume(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.ledger(delivery.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var got []string
		failed := false
		done := make(chan error, 1)
		go func() {
			done <- l.Consume(ctx, "forward", "org.example.*", func(_ context.Context, e trellis.Event) error {
				mu.Lock()
				defer mu.Unlock()
				if !failed {
					failed = true
					return errBroken
				}
				got = append(got, e.Tenant+e.Subject)
				return nil
			})
		}()
		r.until("it has begun", func() bool { return r.number(`SELECT COUNT(*) FROM delivery_marks`) == delivery.Partitions })
		r.emit("a")
		r.ctx = as(t.Context(), "other")
		r.emit("a", "a")
		r.must(r.db.Write(r.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.Emit(ctx, trellis.NewEvent(ctx, "com.example.thing", "x", "", "", nil))
		})))
		r.until("all", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 3 })
		if fmt.Sprint(got) != "[demo0 other1 other2]" {
			t.Errorf("heard %v", got)
		}
		if err := l.Consume(ctx, "forward", "*", nil); trellis.KindOf(err) != trellis.Conflict {
			t.Errorf("the same role again: %v", err)
		}
		if err := l.Consume(ctx, "x", "*.*", nil); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("a pattern that is none: %v", err)
		}
		cancel()
		r.must(<-done)
	})
}

// TestPartition: a key belongs to one partition for ever, on every node and in
// every version.
func TestPartition(t *testing.T) {
	for key, want := range map[string]int{"": 5, "7": 22, "ada": 27, "course-v1:A+B+1": 14} {
		if got := delivery.Partition(key); got != want {
			t.Errorf("%q is in %d, want %d", key, got, want)
		}
	}
}
