package realtime

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/web"
)

// Routes returns the routes of the streams.
func (r *Realtime) Routes() []web.Route {
	return []web.Route{{
		Method: "GET", Path: "/stream/sse", Name: "stream.sse", Permission: "events:read", Stream: true, Handle: r.sse,
		Summary: "What happens, as it happens: server-sent events. ?type=PATTERN (repeated) and ?course=KEY narrow; Last-Event-ID or ?after=POSITION goes on from there, without either it begins now.",
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
	token := strings.TrimSpace(strings.TrimPrefix(strings.Clone(c.Get(fiber.HeaderAuthorization)), "Bearer"))
	return web.Stream(c, "text/event-stream", func(ctx context.Context, out *bufio.Writer) error {
		defer r.leave(key)
		r.stream(ctx, out, w, from, token)
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

// errGone says that a stream has ended for a reason of its own.
var errGone = errors.New("gone")

// stream writes events until the client or the server goes, or the token ends. A
// client that does not read fast enough holds up nobody but itself: its events
// wait in the log.
func (r *Realtime) stream(ctx context.Context, out *bufio.Writer, w wish, from uint64, token string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := fmt.Fprint(out, "retry: 2000\n: you follow from position ", from, "\n\n"); err != nil || out.Flush() != nil {
		return
	}
	events := make(chan trellis.Event, 64)
	followed := make(chan error, 1)
	go func() {
		followed <- r.cfg.Source.Follow(ctx, from, "*", func(ctx context.Context, e trellis.Event) error {
			if !w.takes(e) {
				return nil
			}
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return errGone
			}
		})
	}()
	beat, look := time.NewTicker(r.cfg.Heartbeat), time.NewTicker(30*time.Second)
	defer beat.Stop()
	defer look.Stop()
	reach := hostapi.ReachOf(ctx, "events:read")
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			err = r.write(ctx, out, reach, e, events)
		case <-beat.C:
			if _, err = fmt.Fprint(out, ": still here\n\n"); err == nil {
				err = out.Flush()
			}
		case <-look.C:
			if ctx, err = r.again(ctx, token); err != nil {
				_, _ = fmt.Fprint(out, "event: denied\ndata: {}\n\n")
				_ = out.Flush()
				return
			}
			reach = hostapi.ReachOf(ctx, "events:read")
		case err = <-followed:
			if errors.Is(err, store.ErrTrimmed) {
				_, _ = fmt.Fprint(out, "event: resync\ndata: {\"reason\":\"the log no longer reaches back so far\"}\n\n")
				_ = out.Flush()
			}
			return
		}
		if err != nil {
			return // the client is gone
		}
	}
}

// write writes an event and whatever else is there already, and flushes once.
func (r *Realtime) write(ctx context.Context, out *bufio.Writer, reach hostapi.Reach, e trellis.Event, more <-chan trellis.Event) error {
	for {
		if visible(reach, e) {
			data, err := r.encode(ctx, e)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, "id: %d\nevent: %s\ndata: %s\n\n", e.Position, e.Type, data); err != nil {
				return err
			}
		}
		select {
		case e = <-more:
		default:
			return out.Flush()
		}
	}
}

// again asks whether the token still holds, and what for.
func (r *Realtime) again(ctx context.Context, token string) (context.Context, error) {
	if r.cfg.Auth == nil {
		return ctx, nil
	}
	actor, err := r.cfg.Auth.Authenticate(ctx, "", token)
	if trellis.KindOf(err) == trellis.Denied {
		return ctx, err
	}
	if err != nil {
		return ctx, nil // not to know is no reason to cut anybody off
	}
	actor.Tenant = trellis.ActorFrom(ctx).Tenant
	return trellis.WithActor(ctx, actor), nil
}
