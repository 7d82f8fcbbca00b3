package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestDeadLetters: what was given up is listed, read, edited, sent again and
// discarded, by its tenant and nobody else.
func TestDeadLetters(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		s := r.subscribe("s", func(_ context.Context, d delivery.Delivery) error {
			if string(d.Event.Data) != `{"a":2}` && d.Event.Key != "good" {
				return fmt.Errorf("bad \xff data\x00 %s", strings.Repeat("ä", 2000))
			}
			return nil
		})
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Attempts = 1
		stop := r.start(l, role)
		defer stop()
		r.emit("a", "b", "good", "a", "c")
		r.until("the dead letters", func() bool { return len(r.rows(l, delivery.Dead)) == 4 && s.count() == 1 })

		var page delivery.List
		var seen []string
		for query := (delivery.Query{Limit: 3, State: delivery.Dead, Subscriber: "s"}); ; query.After = page.Next {
			var err error
			page, err = l.List(r.ctx, query)
			r.must(err)
			for _, row := range page.Items {
				seen = append(seen, fmt.Sprint(row.Position, row.Key))
			}
			if page.Next == "" {
				break
			}
		}
		if got := strings.Join(seen, " "); got != "1a 2b 4a 5c" {
			t.Errorf("listed %s", got)
		}
		rows := r.rows(l, delivery.Dead)
		letter, err := l.Get(r.ctx, rows[0].ID)
		r.must(err)
		if string(letter.Data) != `{"a":1}` || letter.Edited || len(letter.Error) > 1000 || !strings.HasPrefix(letter.Error, "bad \uFFFD data\uFFFD ää") {
			t.Errorf("letter %s %q %v", letter.Data, letter.Error, letter.Edited)
		}
		other := as(t.Context(), "other")
		for name, do := range map[string]func(ctx context.Context, id string) error{
			"get":     func(ctx context.Context, id string) error { _, err := l.Get(ctx, id); return err },
			"retry":   func(ctx context.Context, id string) error { _, err := l.Retry(ctx, id, nil); return err },
			"discard": func(ctx context.Context, id string) error { _, err := l.Discard(ctx, id); return err },
		} {
			if err := do(other, rows[0].ID); trellis.KindOf(err) != trellis.NotFound {
				t.Errorf("%s by another tenant: %v", name, err)
			}
			if err := do(t.Context(), rows[0].ID); trellis.KindOf(err) != trellis.Denied {
				t.Errorf("%s by nobody: %v", name, err)
			}
			if err := do(r.ctx, "no such"); trellis.KindOf(err) != trellis.NotFound {
				t.Errorf("%s of none: %v", name, err)
			}
		}
		if list, err := l.List(other, delivery.Query{}); err != nil || len(list.Items) != 0 {
			t.Errorf("another tenant sees %v, %v", list, err)
		}
		for _, tt := range []struct {
			name string
			data string
			want trellis.Kind
		}{
			{"no JSON", `{"a":`, trellis.Invalid},
			{"no text", "\"\xff\"", trellis.Invalid},
			{"too much", `"` + strings.Repeat("a", 256<<10) + `"`, trellis.Exhausted},
		} {
			if _, err := l.Retry(r.ctx, rows[0].ID, json.RawMessage(tt.data)); trellis.KindOf(err) != tt.want {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
			}
		}
		for _, q := range []delivery.Query{{Limit: -1}, {Limit: 201}, {After: "x"}, {After: "1"}, {After: "-1.x"}} {
			if _, err := l.List(r.ctx, q); trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("%+v: %v", q, err)
			}
		}

		_, err = l.Retry(r.ctx, rows[1].ID, json.RawMessage(`null`)) // as it was: it fails again
		r.must(err)
		_, err = l.Retry(r.ctx, rows[0].ID, json.RawMessage(`{"a":2}`))
		r.must(err)
		if letter, err := l.Get(r.ctx, rows[0].ID); err != nil || string(letter.Data) != `{"a":2}` || !letter.Edited {
			t.Errorf("edited letter %s, %v", letter.Data, err)
		}
		r.until("the edited one", func() bool { return s.count() == 2 })
		r.until("the other is dead again", func() bool { return len(r.rows(l, delivery.Dead)) == 3 })
		if d := s.heard[1]; string(d.Event.Data) != `{"a":2}` || d.Event.ID != rows[0].Event {
			t.Errorf("sent again as %+v", d)
		}
		_, err = l.Discard(r.ctx, rows[1].ID)
		r.must(err)
		if n := len(r.rows(l, "")); n != 2 {
			t.Errorf("%d rows in the end", n)
		}
	})
}

// TestOpenLettersAreNotDiscarded: what is still to be delivered is neither
// discarded nor taken out of its order.
func TestOpenLettersAreNotDiscarded(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.subscribe("s", func(context.Context, delivery.Delivery) error { return errBroken })
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Backoff = func(int) time.Duration { return time.Hour }
		stop := r.start(l, role)
		defer stop()
		r.emit("a", "a")
		r.until("the rows", func() bool { return len(r.rows(l, "")) == 2 })
		rows := r.rows(l, "")
		for _, row := range rows {
			if _, err := l.Discard(r.ctx, row.ID); trellis.KindOf(err) != trellis.Conflict {
				t.Errorf("%s discarded: %v", row.State, err)
			}
		}
		if _, err := l.Retry(r.ctx, rows[1].ID, nil); trellis.KindOf(err) != trellis.Conflict {
			t.Errorf("a parked one sent before its head: %v", err)
		}
		_, err := l.Retry(r.ctx, rows[0].ID, nil) // at once, and not in an hour
		r.must(err)
		r.until("another attempt", func() bool { return r.rows(l, delivery.Failing)[0].Next.After(time.Now().Add(time.Minute)) })
	})
}

// TestResentInOrder: of one key, letters that are sent again together are
// delivered one after the other, in the order of the log.
func TestResentInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		healed, at := false, 0
		s := r.subscribe("s", func(context.Context, delivery.Delivery) error {
			if !healed {
				return errBroken
			}
			at++
			if at > 1 {
				t.Error("two of one key at once")
			}
			time.Sleep(100 * time.Millisecond)
			at--
			return nil
		})
		l := r.ledger(delivery.Config{})
		role := r.role()
		role.Attempts = 1
		stop := r.start(l, role)
		defer stop()
		r.emit(keys(10, 1)...)
		r.until("the dead letters", func() bool { return len(r.rows(l, delivery.Dead)) == 10 })
		healed = true
		for _, row := range r.rows(l, "") {
			_, err := l.Retry(r.ctx, row.ID, nil)
			r.must(err)
		}
		r.until("all", func() bool { return s.count() == 10 })
		r.inOrder(s, 10)
	})
}

// TestHops: an event at the end of too long a chain of causes is not delivered,
// unless a person sends it.
func TestHops(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		s := r.subscribe("s", nil)
		l := r.ledger(delivery.Config{})
		stop := r.start(l, r.role())
		defer stop()
		for _, hops := range []int{trellis.MaxHops, trellis.MaxHops + 1} {
			ctx := trellis.WithTrace(r.ctx, trellis.Trace{ID: "t", Cause: "c", Hops: hops})
			r.must(r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
				return tx.Emit(ctx, trellis.NewEvent(ctx, thing, fmt.Sprint(hops), "", "", nil))
			})))
		}
		r.until("the dead letter", func() bool { return len(r.rows(l, delivery.Dead)) == 1 && s.count() == 1 })
		row := r.rows(l, "")[0]
		if got := s.subjects(); got[0] != "8" || row.Attempts != 0 || row.Error == "" {
			t.Errorf("heard %v, dead %+v", got, row)
		}
		_, err := l.Retry(r.ctx, row.ID, nil)
		r.must(err)
		r.until("the second one", func() bool { return s.count() == 2 })
	})
}

// TestEditedMeanwhile: a letter that is edited while it is being tried is sent
// once more, as it was left.
func TestEditedMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		begun := make(chan struct{}, 10)
		s := r.subscribe("s", func(_ context.Context, d delivery.Delivery) error {
			if d.Attempt == 1 && bytes.Equal(d.Event.Data, []byte(`{"a":1}`)) {
				return errBroken
			}
			begun <- struct{}{}
			time.Sleep(time.Second)
			return nil
		})
		l := r.ledger(delivery.Config{})
		stop := r.start(l, r.role())
		defer stop()
		r.emit("a")
		<-begun
		_, err := l.Retry(r.ctx, r.rows(l, "")[0].ID, json.RawMessage(`{"a":2}`))
		r.must(err)
		r.until("both", func() bool { return s.count() == 2 })
		if got := string(s.heard[1].Event.Data); got != `{"a":2}` {
			t.Errorf("the second is %s", got)
		}
		r.until("no rows", func() bool { return len(r.rows(l, "")) == 0 })
	})
}
