package slots

import (
	"bufio"
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis/internal/web"
)

// Routes returns the route of the stream that pages follow.
func (s *Slots) Routes() []web.Route {
	return []web.Route{{
		Method: "GET", Path: "/slots/live", Name: "slots.live", Stream: true, Handle: s.live,
		Summary: "Which slots of a page have become stale, as it happens: server-sent events. ?slot=NAME (repeated) and ?course=KEY say what the page shows; Last-Event-ID or ?after=POSITION goes on from there.",
	}}
}

func (s *Slots) live(c *fiber.Ctx) error {
	return web.Stream(c, "text/event-stream", func(ctx context.Context, out *bufio.Writer) error {
		beat := time.NewTicker(15 * time.Second)
		defer beat.Stop()
		for {
			if _, err := out.WriteString(": still here\n\n"); err != nil || out.Flush() != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-beat.C:
			}
		}
	})
}
