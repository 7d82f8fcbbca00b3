package realtime

import (
	"bufio"
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/web"
)

// Routes returns the routes of the streams.
func (r *Realtime) Routes() []web.Route {
	return []web.Route{{
		Method: "GET", Path: "/stream/sse", Name: "stream.sse", Permission: "events:read", Stream: true, Session: true, Handle: r.sse,
		Summary: "What happens, as it happens: server-sent events, each a CloudEvent. ?type=PATTERN (repeated) and ?course=KEY narrow; Last-Event-ID or ?after=POSITION goes on from there, without either it begins now. The event resync says that events were missed, denied that the token has ended. Beyond 16 streams of one person the answer is 429, with Retry-After; a browser by HTTP/1.1 has no more than six to a host, so a page has one.",
	}}
}

func (r *Realtime) sse(c *fiber.Ctx) error {
	ctx := web.Context(c)
	if hostapi.ReachOf(ctx, "events:read").Empty() {
		return trellis.Errorf(trellis.Denied, "this needs the permission events:read")
	}
	w, from, err := r.wishOf(c)
	if err != nil {
		return err
	}
	actor := trellis.ActorFrom(ctx)
	key := actor.Tenant + "/" + actor.String()
	if err := r.enter(key); err != nil {
		return err
	}
	token := web.Token(c)
	return web.Stream(c, "text/event-stream", func(ctx context.Context, out *bufio.Writer) error {
		defer r.leave(key)
		r.stream(ctx, &feed{wish: w, token: token, out: out}, from)
		return nil
	})
}

// wishOf reads what a client wants, and from where on.
func (r *Realtime) wishOf(c *fiber.Ctx) (wish, uint64, error) {
	query, err := web.Query(c)
	if err != nil {
		return wish{}, 0, err
	}
	for name := range query {
		if name != "type" && name != "course" && name != "after" {
			return wish{}, 0, trellis.Errorf(trellis.Invalid, "there is no parameter %.80q", name)
		}
	}
	w := wish{types: query["type"], course: query.Get("course")}
	for _, p := range w.types {
		if !trellis.ValidPattern(p) {
			return w, 0, trellis.Errorf(trellis.Invalid, "type: %.80q is neither a type, nor a prefix with .*, nor *", p)
		}
	}
	after := strings.Clone(c.Get("Last-Event-ID"))
	if after == "" {
		after = query.Get("after")
	}
	if after == "" {
		return w, r.cfg.Source.Head(), nil
	}
	from, err := strconv.ParseUint(after, 10, 63)
	if err != nil {
		return w, 0, trellis.Errorf(trellis.Invalid, "Last-Event-ID is a position: a whole number")
	}
	return w, from, nil
}
