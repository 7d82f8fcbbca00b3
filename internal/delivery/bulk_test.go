package delivery_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
)

// TestCauses: what is stuck is grouped by why; what is dropped comes back as it
// was; what is sent again arrives, of one cause and no other, in no other tenant.
func TestCauses(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mended atomic.Bool
		s := r.subscribe("s", func(_ context.Context, d delivery.Delivery) error {
			switch {
			case mended.Load():
				return nil
			case d.Event.Key == "odd":
				return errors.New("odd")
			}
			return errors.New("broken (last log line: at " + d.Event.Key + ")")
		})
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Attempts = 1
		stop := r.start(l, role)
		defer stop()
		r.emit("a", "b", "odd", "a", "c")
		r.until("the dead letters", func() bool { return len(r.rows(l, delivery.Dead)) == 5 })

		causes, err := l.Causes(r.ctx)
		r.must(err)
		if len(causes.Items) != 2 || causes.Items[0].Count != 4 || causes.Items[0].Error != "broken" || causes.Items[0].State != delivery.Dead || causes.Items[0].Updated.IsZero() || causes.Items[1].Error != "odd" {
			t.Fatalf("causes %+v", causes.Items)
		}
		c := causes.Items[0]
		of := delivery.Of{Subscriber: c.Subscriber, Type: c.Type, Error: c.Error}
		if list, err := l.List(r.ctx, delivery.Query{Error: "odd", Type: c.Type}); err != nil || len(list.Items) != 1 || list.Items[0].Key != "odd" {
			t.Errorf("those of one cause: %+v, %v", list.Items, err)
		}
		for _, said := range []string{"broken", "broken (last log line: at b)"} {
			if list, err := l.List(r.ctx, delivery.Query{Error: said}); err != nil || len(list.Items) != 4 || list.Items[1].Error != "broken (last log line: at b)" {
				t.Errorf("those that are %s: %+v, %v", said, list.Items, err)
			}
		}
		for _, said := range []string{"brok_n", "broke%", "broke"} {
			if list, err := l.List(r.ctx, delivery.Query{Error: said}); err != nil || len(list.Items) != 0 {
				t.Errorf("those that are %s: %+v, %v", said, list.Items, err)
			}
		}
		if list, err := l.List(r.ctx, delivery.Query{Event: causes.Items[1].Error}); err != nil || len(list.Items) != 0 {
			t.Errorf("those of no event: %+v, %v", list.Items, err)
		}

		other := as(t.Context(), "other")
		for name, do := range map[string]func(context.Context) (delivery.Bulk, error){
			"retry":   func(ctx context.Context) (delivery.Bulk, error) { return l.RetryAll(ctx, of) },
			"discard": func(ctx context.Context) (delivery.Bulk, error) { return l.DiscardAll(ctx, of) },
		} {
			if out, err := do(other); err != nil || out.Changed != 0 {
				t.Errorf("%s by another tenant: %+v, %v", name, out, err)
			}
			if _, err := do(t.Context()); trellis.KindOf(err) != trellis.Denied {
				t.Errorf("%s by nobody: %v", name, err)
			}
		}

		before := r.rows(l, delivery.Dead)
		dropped, err := l.DiscardAll(r.ctx, of)
		r.must(err)
		if dropped.Changed != 4 || dropped.Left != 0 || dropped.Batch == "" || len(r.rows(l, "")) != 1 {
			t.Errorf("dropped %+v, left %d", dropped, len(r.rows(l, "")))
		}
		if oldest, err := l.Oldest(r.ctx); err != nil || oldest != before[0].Position {
			t.Errorf("the log is needed from %d, %v; what was dropped is of %d", oldest, err, before[0].Position)
		}
		if _, err := l.Restore(other, delivery.Dropped{Batch: dropped.Batch}); trellis.KindOf(err) != trellis.NotFound {
			t.Errorf("brought back by another tenant: %v", err)
		}
		back, err := l.Restore(r.ctx, delivery.Dropped{Batch: dropped.Batch})
		r.must(err)
		if _, err := l.Restore(r.ctx, delivery.Dropped{Batch: dropped.Batch}); trellis.KindOf(err) != trellis.NotFound || back.Changed != 4 {
			t.Errorf("brought back %+v, then %v", back, err)
		}
		for i, row := range r.rows(l, delivery.Dead) {
			row.Updated = before[i].Updated
			if row.ID != before[i].ID || row.Error != before[i].Error || row.Attempts != before[i].Attempts || row.Event != before[i].Event {
				t.Errorf("brought back as %+v, was %+v", row, before[i])
			}
		}
		_, err = l.Discard(r.ctx, before[0].ID)
		r.must(err)
		_, err = l.Restore(r.ctx, delivery.Dropped{Batch: before[0].ID})
		r.must(err)

		mended.Store(true)
		sent, err := l.RetryAll(r.ctx, of)
		r.must(err)
		if sent.Changed != 4 || sent.Left != 0 {
			t.Errorf("sent again %+v", sent)
		}
		r.until("all of the cause", func() bool { return s.count() == 4 && len(r.rows(l, "")) == 1 })
	})
}

// TestCancel: what is sent again together can be taken back as far as it was not tried,
// by its own tenant; and what was given up says how long it waits and what it keeps.
func TestCancel(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mended atomic.Bool
		s := r.subscribe("s", func(context.Context, delivery.Delivery) error {
			if mended.Load() {
				return nil
			}
			return errBroken
		})
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Attempts = 1
		defer r.start(l, role)()
		if st, err := l.Standing(r.ctx); err != nil || st != (delivery.Standing{}) {
			t.Errorf("nothing was given up: %+v, %v", st, err)
		}
		began := time.Now()
		r.emit(keys(100, 100)...)
		r.until("all given up", func() bool { return len(r.rows(l, delivery.Dead)) == 100 })
		if st, err := l.Standing(r.ctx); err != nil || st.Dead != 100 || st.Keeps != 100 || st.Oldest == nil || st.Oldest.Sub(began).Abs() > time.Second {
			t.Errorf("standing %+v, %v", st, err)
		}
		if st, err := l.Standing(as(t.Context(), "other")); err != nil || st.Dead != 0 {
			t.Errorf("of another tenant: %+v, %v", st, err)
		}
		mended.Store(true)
		sent, err := l.RetryAll(r.ctx, delivery.Of{Subscriber: "s", Type: thing, Error: "broken"})
		r.must(err)
		r.until("some", func() bool { return s.count() > 10 })
		on, err := l.Batches(r.ctx)
		r.must(err)
		if len(on.Items) != 1 || on.Items[0].Batch != sent.Batch || on.Items[0].Subscriber != "s" || on.Items[0].Type != thing || on.Items[0].Waits < 20 || on.Items[0].Waits > 90 ||
			on.Items[0].Ends.Sub(on.Items[0].Began) < time.Second || on.Items[0].Ends.Sub(on.Items[0].Began) > 2*time.Second {
			t.Errorf("on its way: %+v", on)
		}
		if on, err := l.Batches(as(t.Context(), "other")); err != nil || len(on.Items) != 0 {
			t.Errorf("on its way in another tenant: %+v, %v", on, err)
		}
		if _, err := l.Cancel(as(t.Context(), "other"), delivery.Resent{Batch: sent.Batch}); trellis.KindOf(err) != trellis.NotFound {
			t.Errorf("taken back by another tenant: %v", err)
		}
		back, err := l.Cancel(r.ctx, delivery.Resent{Batch: sent.Batch})
		r.must(err)
		time.Sleep(5 * time.Second)
		if dead := len(r.rows(l, delivery.Dead)); dead != back.Changed || dead+s.count() != 100 || dead < 20 || len(r.rows(l, "")) != dead {
			t.Errorf("%d are given up again of %d taken back, %d were sent", dead, back.Changed, s.count())
		}
		if on, err := l.Batches(r.ctx); err != nil || len(on.Items) != 0 {
			t.Errorf("still on its way: %+v, %v", on, err)
		}
		for _, batch := range []string{sent.Batch, ""} {
			if _, err := l.Cancel(r.ctx, delivery.Resent{Batch: batch}); err == nil {
				t.Errorf("%q is taken back again", batch)
			}
		}
	})
}

// TestCancelParked: what waits behind a delivery that was sent again and taken back
// goes on, and so does all that comes after it.
func TestCancelParked(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mended atomic.Bool
		s := r.subscribe("s", func(context.Context, delivery.Delivery) error {
			if mended.Load() {
				return nil
			}
			return errBroken
		})
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Attempts = 1
		defer r.start(l, role)()
		r.emit("k")
		r.emit(keys(100, 100)...)
		r.emit("k")
		r.until("all given up", func() bool { return len(r.rows(l, delivery.Dead)) == 102 })
		mended.Store(true)
		sent, err := l.RetryAll(r.ctx, delivery.Of{Subscriber: "s", Type: thing, Error: "broken"})
		r.must(err)
		r.until("the first", func() bool { return s.count() > 0 })
		r.emit("k", "k")
		r.until("those behind it", func() bool { return len(r.rows(l, delivery.Parked)) == 2 })
		back, err := l.Cancel(r.ctx, delivery.Resent{Batch: sent.Batch})
		r.must(err)
		r.emit("k")
		r.until("what came after it", func() bool { return s.count() == 102-back.Changed+3 })
		if rows := r.rows(l, ""); len(rows) != back.Changed || len(r.rows(l, delivery.Dead)) != back.Changed {
			t.Errorf("%d rows, %d of them dead; %d were taken back", len(rows), len(r.rows(l, delivery.Dead)), back.Changed)
		}
		var got []string // of the key
		for _, d := range s.heard {
			if d.Event.Key == "k" {
				got = append(got, d.Event.Subject)
			}
		}
		if want := []string{"0", "102", "103", "104"}; !slices.Equal(got, want) {
			t.Errorf("of the key it heard of %v, want %v", got, want)
		}
	})
}
