package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
)

// TestConsumeFromTheStart: a role that is new hears what has happened since the
// ledger was made, however late it takes its partitions; nothing from before.
func TestConsumeFromTheStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.emit("before")
		l := r.ledger(delivery.Config{})
		r.emit("a", "b")
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var got []string
		done := make(chan error, 1)
		go func() {
			done <- l.Consume(ctx, "late", "org.example.*", func(_ context.Context, e trellis.Event) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, e.Key)
				return nil
			})
		}()
		r.until("both", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 2 })
		slices.Sort(got)
		if fmt.Sprint(got) != "[a b]" {
			t.Errorf("heard %v", got)
		}
		cancel()
		r.must(<-done)
	})
}

// TestBeginsAllAtOnce: a role that is new notes where it begins for all partitions or
// for none, and those that a kill left without a mark begin where the others are: what
// happened between two starts is heard of in each of them.
func TestBeginsAllAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		got := map[string]int{}
		consume := func() (stop func()) {
			l := r.ledger(delivery.Config{})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- l.Consume(ctx, "new", "org.example.*", func(_ context.Context, e trellis.Event) error {
					mu.Lock()
					defer mu.Unlock()
					got[e.Key]++
					return nil
				})
			}()
			return func() { cancel(); r.must(<-done) }
		}
		r.ledger(delivery.Config{}) // makes the tables
		r.exec(`CREATE TRIGGER broken BEFORE INSERT ON delivery_marks WHEN NEW.partition = 20 BEGIN SELECT RAISE(FAIL, 'no room'); END`)
		stop := consume()
		time.Sleep(time.Second)
		if n := r.number(`SELECT COUNT(*) FROM delivery_marks`); n != 0 {
			t.Errorf("%d partitions begin, and the others do not", n)
		}
		stop()
		r.exec(`DROP TRIGGER broken`)
		for n := range 10 { // as an older program left it
			r.exec(`INSERT INTO delivery_marks (role, partition, position) VALUES ('new', ?, 0)`, n)
		}
		r.emit(keys(100, 100)...)
		defer consume()()
		r.until("all of them", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 100 })
	})
}
