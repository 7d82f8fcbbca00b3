package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// trimmed trims the whole log, as far as the ledger lets it.
func (r *rig) trimmed(l *delivery.Ledger) {
	r.t.Helper()
	next := r.db.Log().Head() + 1
	r.must(l.Keep(r.t.Context(), next))
	r.until("the log can go", func() bool {
		oldest, err := l.Oldest(r.t.Context())
		r.must(err)
		return oldest == next
	})
	_, err := r.db.Log().Trim(store.Platform(r.t.Context()), next)
	r.must(err)
}

// TestKept: what was given up keeps nobody's log, and yet can be read, edited, sent
// again, dropped and brought back, with its event as it was; a copy goes with its last row.
func TestKept(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var mended atomic.Bool
		broken := func(context.Context, delivery.Delivery) error {
			if mended.Load() {
				return nil
			}
			return errBroken
		}
		s, other := r.subscribe("s", broken), r.subscribe("other", broken)
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Attempts = 1
		defer r.start(l, role)()
		r.emit(keys(60, 60)...) // more than are copied at once
		r.until("all given up", func() bool { return len(r.rows(l, delivery.Dead)) == 120 })
		if oldest, err := l.Oldest(r.ctx); err != nil || oldest != 1 {
			t.Errorf("before they were copied the log is needed from %d (%v)", oldest, err)
		}
		was, err := r.db.Log().Read(store.Platform(r.ctx), 0, 100)
		r.must(err)
		dropped, err := l.Discard(r.ctx, r.rows(l, "")[0].ID)
		r.must(err)
		r.trimmed(l)
		if n := r.number(`SELECT COUNT(*) FROM delivery_events`); n != 60 {
			t.Errorf("%d copies of 60 events", n)
		}
		if st, err := l.Standing(r.ctx); err != nil || st.Dead != 119 || st.Kept != 119 || st.Oldest == nil || !st.Oldest.Equal(was[0].Time) {
			t.Errorf("standing %+v, %v", st, err)
		}
		_, err = l.Restore(r.ctx, delivery.Dropped{Batch: dropped.ID})
		r.must(err)
		rows := r.rows(l, "")
		if letter, err := l.Get(r.ctx, rows[0].ID); err != nil || string(letter.Data) != `{"a":1}` {
			t.Errorf("read as %s, %v", letter.Data, err)
		}
		mended.Store(true)
		for _, row := range rows {
			var data json.RawMessage
			if row.Subscriber == "other" {
				data = json.RawMessage(`{"a":2}`)
			}
			_, err := l.Retry(r.ctx, row.ID, data)
			r.must(err)
		}
		r.until("all of it", func() bool { return s.count() == 60 && other.count() == 60 })
		for _, to := range []struct {
			*sub
			data string
		}{{s, `{"a":1}`}, {other, `{"a":2}`}} {
			for _, d := range to.heard {
				want := was[d.Event.Position-1]
				want.Data = json.RawMessage(to.data)
				if fmt.Sprintf("%+v", d.Event) != fmt.Sprintf("%+v", want) {
					t.Errorf("%s heard of %+v, want %+v", to.id, d.Event, want)
				}
			}
		}
		r.must(l.Keep(r.ctx, 100))
		if n := r.number(`SELECT COUNT(*) FROM delivery_events`); n != 0 {
			t.Errorf("%d copies are left when nothing is owed", n)
		}
	})
}

// TestKeptErased: a copy forgets whom the log forgets, and nobody else.
func TestKeptErased(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.subscribe("s", func(context.Context, delivery.Delivery) error { return errBroken })
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Attempts = 1
		defer r.start(l, role)()
		said := []struct{ source, person, want string }{{"extension:x", "ada", `{}`}, {"extension:x", "bob", `{"a":1}`}, {"trellis", "ada", `{"a":1}`}}
		r.must(r.db.Write(r.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			for i, tt := range said {
				e := trellis.NewEvent(ctx, thing, fmt.Sprint(i), tt.person, "", json.RawMessage(`{"a":1}`))
				e.Source = tt.source
				if err := tx.Emit(ctx, e); err != nil {
					return err
				}
			}
			return nil
		})))
		r.until("given up", func() bool { return len(r.rows(l, delivery.Dead)) == len(said) })
		r.trimmed(l)
		r.must(l.Erase(as(t.Context(), "elsewhere"), "bob"))
		r.must(l.Erase(r.ctx, "ada"))
		for i, row := range r.rows(l, "") {
			if letter, err := l.Get(r.ctx, row.ID); err != nil || string(letter.Data) != said[i].want {
				t.Errorf("of %+v %s is left, %v", said[i], letter.Data, err)
			}
		}
	})
}

// TestHeldRows: what a subscriber failed with before it was held is tried again when it
// goes on, however late, in order; until then it is tried by nobody, and keeps no log.
func TestHeldRows(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var held atomic.Bool
		var tries atomic.Int64
		s := r.subscribe("s", func(context.Context, delivery.Delivery) error {
			if tries.Add(1) <= 1 {
				return errBroken
			}
			return nil
		})
		s.held = held.Load
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Backoff, role.Patience = func(int) time.Duration { return 10 * time.Second }, time.Minute
		defer r.start(l, role)()
		r.emit("a", "a")
		r.until("failing", func() bool { return len(r.rows(l, delivery.Parked)) == 1 })
		held.Store(true)
		time.Sleep(5 * time.Minute) // beyond its patience
		r.trimmed(l)
		if rows := r.rows(l, delivery.Failing); tries.Load() != 1 || len(rows) != 1 || rows[0].Attempts != 1 || rows[0].Error != errBroken.Error() {
			t.Errorf("%d tries, rows %+v", tries.Load(), rows)
		}
		held.Store(false)
		r.until("both", func() bool { return s.count() == 2 })
		if got := s.subjects(); got[0] != "0" || got[1] != "1" {
			t.Errorf("heard in the order %v", got)
		}
	})
}
