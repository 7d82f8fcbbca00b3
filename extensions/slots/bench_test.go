package slots_test

import (
	"fmt"
	"testing"

	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/app"
)

// BenchmarkFill fills a page with twenty cards of as many extensions, warm: those of
// [testkit.Guest] cost next to nothing themselves, so this is what the platform adds.
func BenchmarkFill(b *testing.B) {
	r := newRig(b, app.Config{})
	for i := range 20 {
		r.add(b, fmt.Sprintf("acme.card%d", i), "", guest{"card": replies(poll), "vote": says("x"), "forget": says("x")}, line{"call": "card", "actions": []string{"vote", "forget"}})
	}
	want := slots.Want{Slot: side}
	r.Slots.Fill(r.learner, page(here), want)
	b.ReportAllocs()
	for b.Loop() {
		r.Slots.Fill(r.learner, page(here), want)
	}
}
