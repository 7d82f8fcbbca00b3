package console

import (
	"fmt"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// batch is what is sent again together, with how far it is.
type batch struct {
	delivery.Batch
	To          who
	Asked       string // when, to the second: it tells two of one kind apart
	Gone, Whole int64  // milliseconds of the time that it takes
}

// batches returns what is being sent again together.
func batches(r *frame.Request, n *names) (all []batch, err error) {
	list, err := frame.Call[delivery.Batches](r, "deliveries.batches", struct{}{})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, b := range list.Items {
		whole := max(1, b.Ends.Sub(b.Began).Milliseconds())
		all = append(all, batch{b, n.extension(b.Subscriber), b.Began.UTC().Format("15:04:05"), min(whole, max(0, now.Sub(b.Began).Milliseconds())), whole})
	}
	return all, nil
}

// deliveryCode is what does the same as the page of deliveries.
func deliveryCode(running []batch) []frame.Code {
	code := []frame.Code{{CLI: "trellis deliveries list", HTTP: "GET /api/v1/deliveries/causes"},
		{What: "Send again", CLI: "trellis deliveries retry ID", HTTP: "POST /api/v1/deliveries/ID/retry"},
		{What: "Send all of one cause again", CLI: "trellis deliveries retry-all ID", HTTP: "POST /api/v1/deliveries/retry"}}
	name := "BATCH"
	if len(running) > 0 {
		name = running[0].Batch.Batch
	}
	return append(code, frame.Code{What: "Take back what was not tried", CLI: "trellis deliveries cancel " + name, HTTP: "POST /api/v1/deliveries/cancel\n" + fmt.Sprintf(`{"batch": %q}`, name)})
}

// cancelResent takes back what is sent again together.
func (p *Pages) cancelResent(r *frame.Request) error {
	out, err := frame.Call[delivery.Bulk](r, "deliveries.cancel", delivery.Resent{Batch: r.Value("batch")})
	switch kind := trellis.KindOf(err); {
	case kind == trellis.NotFound || kind == trellis.Invalid:
		return r.Done("/console/deliveries", frame.Notice{State: "warn", Text: sentenceOf(err)})
	case err != nil:
		return err
	}
	return r.Done("/console/deliveries", frame.Notice{State: "ok", Text: fmt.Sprintf("Took back %s. What was tried already stays as it came out.", frame.Many(out.Changed, "event that was not tried", "events that were not tried"))})
}

// longHeld is how long something waits for people until the overview says so.
const longHeld = 24 * time.Hour

// standingText says how it stands with what was given up, "" if nothing was.
func standingText(s delivery.Standing, now time.Time) string {
	if s.Dead == 0 {
		return ""
	}
	text := frame.Many(s.Dead, "event was given up and waits", "events were given up and wait") + " for you."
	if s.Oldest == nil {
		return text
	}
	return text + " The oldest happened " + ago(now.Sub(*s.Oldest)) + "."
}

// ago is how long something is past, as people say it.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return frame.Many(int(d/time.Minute), "minute", "minutes") + " ago"
	case d < 48*time.Hour:
		return frame.Many(int(d/time.Hour), "hour", "hours") + " ago"
	}
	return frame.Many(int(d/(24*time.Hour)), "day", "days") + " ago"
}
