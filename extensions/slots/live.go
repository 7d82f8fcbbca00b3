package slots

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

// Source is what is followed.
type Source interface {
	Follow(ctx context.Context, from uint64, pattern string, h func(context.Context, trellis.Event) error) error
	Head() uint64
}

// hub tells the pages that are open on this node what has become stale. It is one
// follower of all that happens, however many pages there are.
type hub struct {
	registry *extensions.Registry

	mu       sync.Mutex
	watchers map[string]map[*watcher]struct{} // by tenant
	seen     uint64                           // position up to which all was handed out
	latest   []glance                         // a ring: what happened last
	next     int                              // where the ring goes on
}

// glance is as much of an event as it takes to see whether a page missed it.
type glance struct {
	position             uint64
	tenant, course, kind string
}

// remembered is how many events a page may have missed before everything in it
// counts as stale.
const remembered = 4096

// watcher is a page that is open. Its slots are few, so lists will do.
type watcher struct {
	tenant, course string
	slots          []string
	wake           chan struct{} // holds one: there is something to say

	mu    sync.Mutex
	actor trellis.Actor
	state []freshness // of the slots
}

// freshness is what is known of one slot of an open page.
type freshness struct {
	stale bool
	mark  uint64    // what takes part in it
	again time.Time // when it may be said next
}

func newHub(registry *extensions.Registry) *hub {
	return &hub{registry: registry, watchers: map[string]map[*watcher]struct{}{}}
}

// run follows what happens, until ctx is done.
func (h *hub) run(ctx context.Context, source Source, failed func(error)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { h.sweep(ctx) })
	from := source.Head()
	h.mu.Lock()
	h.seen = from
	h.mu.Unlock()
	for ctx.Err() == nil {
		err := source.Follow(ctx, from, "*", func(_ context.Context, e trellis.Event) error {
			h.deliver(e)
			from = e.Position
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		failed(err)
		if trellis.KindOf(err) == trellis.Conflict { // the log does not reach back so far: something was missed
			from = source.Head()
			h.lost(from)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// deliver tells every page of whose slots the event makes one stale.
func (h *hub) deliver(e trellis.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := glance{e.Position, e.Tenant, e.Course, e.Type}
	if len(h.latest) < remembered {
		h.latest = append(h.latest, g)
	} else {
		h.latest[h.next] = g
		h.next = (h.next + 1) % remembered
	}
	if pages := h.watchers[e.Tenant]; len(pages) > 0 {
		hooks := map[string][]extensions.Hook{} // by the course of the page
		for w := range pages {
			w.hear(h.registry, g, hooks)
		}
	}
	h.seen = e.Position
}

// hear marks what an event makes stale. A page about no course is about all of
// them.
func (w *watcher) hear(registry *extensions.Registry, g glance, known map[string][]extensions.Hook) {
	if w.course != "" && g.course != "" && w.course != g.course {
		return
	}
	hooks, ok := known[w.course]
	if !ok {
		hooks = registry.Refreshed(g.tenant, g.kind, w.course)
		known[w.course] = hooks
	}
	if len(hooks) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	news := false
	for i := range hooks {
		at := slices.Index(w.slots, hooks[i].On())
		if at >= 0 && !w.state[at].stale && hooks[i].ShownTo(w.actor, w.course) {
			w.state[at].stale, news = true, true
		}
	}
	if news {
		w.nudge()
	}
}

func (w *watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// all marks everything stale.
func (w *watcher) all() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.state {
		w.state[i].stale = true
	}
	w.nudge()
}

// lost is for when nobody knows what was missed.
func (h *hub) lost(head uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen, h.latest, h.next = head, nil, 0
	for _, pages := range h.watchers {
		for w := range pages {
			w.all()
		}
	}
}

// sweep looks after each change of what extensions there are whose slots it
// concerns.
func (h *hub) sweep(ctx context.Context) {
	for {
		changed := h.registry.Changed()
		h.compare()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (h *hub) compare() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for tenant, pages := range h.watchers {
		marks := map[[2]string]uint64{}
		for w := range pages {
			w.mark(func(slot string) uint64 {
				key := [2]string{slot, w.course}
				m, ok := marks[key]
				if !ok {
					m = h.registry.SlotMark(tenant, slot, w.course)
					marks[key] = m
				}
				return m
			})
		}
	}
}

// mark notes what takes part in the slots; what was something else is stale.
func (w *watcher) mark(of func(slot string) uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, slot := range w.slots {
		if m := of(slot); m != w.state[i].mark {
			w.state[i].mark, w.state[i].stale = m, true
			w.nudge()
		}
	}
}

// where says where a page stands: what it has seen, and of what its slots consisted.
type where struct {
	position uint64
	mark     uint64
}

// String is the ID of a message: opaque to clients.
func (p where) String() string {
	return strconv.FormatUint(p.position, 10) + "-" + strconv.FormatUint(p.mark, 36)
}

// parseWhere reads what [where.String] wrote, or a position alone.
func parseWhere(s string) (p where, marked bool, err error) {
	position, mark, marked := strings.Cut(s, "-")
	if p.position, err = strconv.ParseUint(position, 10, 63); err == nil && marked {
		p.mark, err = strconv.ParseUint(mark, 36, 64)
	}
	if err != nil {
		return p, marked, trellis.Errorf(trellis.Invalid, "after: %.80q is not the ID of a message of this stream", s)
	}
	return p, marked, nil
}

// position returns the position up to which all was handed out.
func (h *hub) position() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen
}

// now returns where a page stands that is made at this moment.
func (h *hub) now(tenant, course string, slots []string) where {
	p := where{position: h.position()}
	marks := make([]uint64, len(slots))
	for i, s := range slots {
		marks[i] = h.registry.SlotMark(tenant, s, course)
	}
	p.mark = combined(marks)
	return p
}

func combined(marks []uint64) uint64 {
	h := fnv.New64a()
	for _, m := range marks {
		_, _ = fmt.Fprintln(h, m)
	}
	return h.Sum64()
}

// watch begins to follow for a page, which stood somewhere when it was made, or at
// nil begins now. What it missed since is stale.
func (h *hub) watch(w *watcher, after string) error {
	w.wake = make(chan struct{}, 1)
	w.state = make([]freshness, len(w.slots))
	h.mu.Lock()
	defer h.mu.Unlock()
	marks := make([]uint64, len(w.slots))
	for i, slot := range w.slots {
		marks[i] = h.registry.SlotMark(w.tenant, slot, w.course)
		w.state[i].mark = marks[i]
	}
	if after != "" {
		p, marked, err := parseWhere(after)
		if err != nil {
			return err
		}
		if marked && p.mark != combined(marks) || !h.reaches(p.position) {
			w.all()
		} else {
			h.replay(w, p.position)
		}
	}
	if h.watchers[w.tenant] == nil {
		h.watchers[w.tenant] = map[*watcher]struct{}{}
	}
	h.watchers[w.tenant][w] = struct{}{}
	return nil
}

// reaches reports whether what happened after a position is remembered.
func (h *hub) reaches(position uint64) bool {
	if position >= h.seen {
		return true
	}
	return len(h.latest) > 0 && h.latest[h.next%len(h.latest)].position <= position+1
}

// replay tells a page what happened after a position.
func (h *hub) replay(w *watcher, position uint64) {
	for _, g := range h.latest {
		if g.position > position && g.tenant == w.tenant {
			w.hear(h.registry, g, map[string][]extensions.Hook{})
		}
	}
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.watchers[w.tenant], w); len(h.watchers[w.tenant]) == 0 {
		delete(h.watchers, w.tenant)
	}
}

// due takes what is to be said now. Rest is how long to wait for what may not be
// said yet, 0 if there is nothing. The marks hold for what was said before, if
// nothing is left to be said.
func (w *watcher) due(now time.Time, calm time.Duration) (said []string, rest time.Duration, marks []uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	marks = make([]uint64, len(w.state))
	for i := range w.state {
		f := &w.state[i]
		marks[i] = f.mark
		switch wait := f.again.Sub(now); {
		case !f.stale:
		case wait > 0:
			if rest == 0 || wait < rest {
				rest = wait
			}
		default:
			f.stale = false
			f.again = now.Add(calm + rand.N(calm/4+1)) // so that many pages do not ask at the same moment
			said = append(said, w.slots[i])
		}
	}
	return said, rest, marks
}

// become says with what rights the page is looked at from now on. Who has others
// sees other things.
func (w *watcher) become(a trellis.Actor) {
	w.mu.Lock()
	same := slices.Equal(w.actor.Roles, a.Roles) && slices.Equal(w.actor.Scopes, a.Scopes)
	w.actor = a
	w.mu.Unlock()
	if !same {
		w.all()
	}
}
