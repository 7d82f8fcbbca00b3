package slots

import (
	"bufio"
	"context"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/web"
)

// Routes returns the route of the stream that pages follow.
func (s *Slots) Routes() []web.Route {
	return []web.Route{{
		Method: "GET", Path: "/slots/live", Name: "slots.live", Permission: "courses:read", Page: true, Stream: true, Handle: s.live,
		Summary: "Which slots of a page have become stale, as it happens: server-sent events named stale, with {\"slot\": NAME}. ?slot=NAME (repeated) and ?course=KEY say what the page shows; Last-Event-ID or ?after=ID goes on from there. The event denied says that the session has ended.",
	}}
}

// maxWatched bounds the slots of one page.
const maxWatched = 16

func (s *Slots) live(c *fiber.Ctx) error {
	ctx := web.Context(c)
	w, after, err := watcherOf(c)
	if err != nil {
		return err
	}
	actor := trellis.ActorFrom(ctx)
	if !hostapi.ReachOf(ctx, "courses:read").Allows(hostapi.Scope{Course: w.course}) {
		return trellis.Errorf(trellis.NotFound, "there is no such page here")
	}
	for _, slot := range w.slots {
		if behind(slot) && !hostapi.ReachOf(ctx, "extensions:read").Allows(hostapi.Scope{Course: w.course}) {
			return trellis.Errorf(trellis.NotFound, "there is no such page here")
		}
	}
	key := actor.Tenant + "/" + actor.String()
	if err := s.enter(key); err != nil {
		return err
	}
	w.tenant, w.person, w.actor = actor.Tenant, actor.ID, actor
	if err := s.hub.watch(w, after); err != nil {
		s.leave(key)
		return err
	}
	token := web.Token(c)
	return web.Stream(c, "text/event-stream", func(ctx context.Context, out *bufio.Writer) error {
		defer s.leave(key)
		defer s.hub.leave(w)
		return s.stream(ctx, w, token, out)
	})
}

// behind reports whether a place is in a page that only those see who may read what
// extensions there are.
func behind(slot string) bool {
	return strings.HasPrefix(slot, "console.") || strings.HasPrefix(slot, "extensions.")
}

// watcherOf reads what a page shows, and where it stands.
func watcherOf(c *fiber.Ctx) (*watcher, string, error) {
	query, err := web.Query(c)
	if err != nil {
		return nil, "", err
	}
	w := &watcher{course: query.Get("course")}
	for name, values := range query {
		if name != "slot" && (name != "course" && name != "after" || len(values) > 1) {
			return nil, "", trellis.Errorf(trellis.Invalid, "there is no parameter %.80q, or it stands there twice", name)
		}
	}
	if w.course != "" {
		if _, err := trellis.ParseCourseKey(w.course); err != nil {
			return nil, "", err
		}
	}
	for _, slot := range query["slot"] {
		if _, ok := PlaceOf(slot); !ok {
			return nil, "", trellis.Errorf(trellis.Invalid, "slot: there is no place %.80q in a page", slot)
		}
		if !slices.Contains(w.slots, slot) {
			w.slots = append(w.slots, slot)
		}
	}
	if len(w.slots) == 0 || len(w.slots) > maxWatched {
		return nil, "", trellis.Errorf(trellis.Invalid, "slot: name 1 to %d places of the page", maxWatched)
	}
	after := strings.Clone(c.Get("Last-Event-ID"))
	if after == "" {
		after = query.Get("after")
	}
	return w, after, nil
}
