package console_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestResentPages: what is sent again together stands on the page with how far it is,
// and what of it was not tried is taken back by a button; whoever only reads has none.
func TestResentPages(t *testing.T) {
	s := openBureau(t)
	s.hears()
	const many = 500 // which take ten seconds
	s.must(s.DB.Write(s.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		for i := range many {
			e := s.hopless(fmt.Sprint("x", i))
			if e.Key = e.Subject; i == 0 {
				e.Time = e.Time.Add(-74 * time.Hour)
			}
			if err := tx.Emit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})))
	dead := func() int {
		st, err := s.Ledger.Standing(s.ctx)
		s.must(err)
		return st.Dead
	}
	testkit.Eventually(t, "all to be given up", func() bool { return dead() == many })
	b := s.signedIn()
	b.Get("/console").Want(200, "Waits long", "500 events were given up and wait for you. The oldest happened 3 days ago.", "Send them again, or drop them")
	b.Get("/console/deliveries").Want(200, "Hears: 500 events", "The oldest happened 3 days ago", "trellis deliveries cancel BATCH").Lacks("Sending again")
	list, err := s.Ledger.Causes(s.ctx)
	s.must(err)
	b.Press(b.FormOf("subscriber", list.Items[0].Subscriber), "send", nil).Want(200, "500 are sent again, 50 a second", "Sending again: Hears", "Take back what was not tried")
	batches, err := s.Ledger.Batches(s.ctx)
	s.must(err)
	name := batches.Items[0].Batch
	quiet(b.Get("/console/deliveries").Want(200, "Sending again: Hears", "50 a second; the last goes at", "trellis deliveries cancel "+name))
	if got := b.Find("section[data-job=/t/demo/console/deliveries]"); len(got) != 1 {
		t.Errorf("no script would follow it: %.2000s", b.Body)
	}
	if got := b.Find("progress"); len(got) != 1 {
		t.Errorf("%d bars", len(got))
	}
	b.Part("/console/deliveries", "job").Want(200, "Sending again: Hears").Lacks("Skip to the content")

	b.Get("/console/deliveries").Submit("form[action=/t/demo/console/deliveries/cancel]", nil).Want(200, "Took back ", "What was tried already stays as it came out.").Lacks("Sending again")
	if n := dead(); n == 0 {
		t.Error("nothing was taken back")
	}
	b.Post("/console/deliveries/cancel", url.Values{"batch": {name}}).Want(200, "waits any more: it was tried, or taken back.")
	b.Post("/console/deliveries/cancel", nil).Want(200, "Batch: name what deliveries.retry_all answered.")
	b.Part("/console/deliveries", "job").Want(200, "What was sent again has been tried.")
	if len(b.Find("[data-job]")) > 0 {
		t.Errorf("the script would go on asking: %s", b.Body)
	}
	if rows, err := s.Ledger.List(s.ctx, delivery.Query{State: delivery.Dead, Limit: 1}); err != nil || len(rows.Items) != 1 {
		t.Errorf("what was taken back: %+v, %v", rows, err)
	}
	if audit := pagestest.TextOf(b.Get("/console/audit?operation=deliveries.cancel").Find("main")[0]); !strings.Contains(audit, name) {
		t.Errorf("it is not noted who took it back: %s", audit)
	}
}
