package slots

import (
	"context"
	"slices"
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
	calm     time.Duration

	mu       sync.Mutex
	watchers map[string]map[*watcher]struct{} // by tenant
	people   map[looking][]*watcher
	late     map[lateness]time.Time // of slots that were late when nobody followed them yet
	seen     uint64                 // position up to which all was handed out
	latest   []glance               // a ring: what happened last
	next     int                    // where the ring goes on
}

// looking is who looks at the pages of what.
type looking struct{ tenant, person, course string }

// lateness is that a slot of somebody's page was late.
type lateness struct {
	looking
	slot string
}

// glance is as much of an event as it takes to see whether a page missed it.
type glance struct {
	position             uint64
	tenant, course, kind string
}

// remembered is how many events a page may have missed before everything in it
// counts as stale.
const remembered = 4096

// perPage is over how much more time news is spread for each page that is open, so
// that not all of them ask again at the same moment. One page alone hears it at once.
const perPage = 500 * time.Microsecond

func newHub(registry *extensions.Registry, calm time.Duration) *hub {
	return &hub{
		registry: registry, calm: calm, watchers: map[string]map[*watcher]struct{}{}, people: map[looking][]*watcher{}, late: map[lateness]time.Time{},
	}
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
		spread := min(time.Duration(len(pages))*perPage, h.calm)
		for w := range pages {
			w.hear(h.registry, g, hooks, spread)
		}
	}
	h.seen = e.Position
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

// watch begins to follow for a page, which stood somewhere when it was made, or at
// nil begins now. What it missed since is stale.
func (h *hub) watch(w *watcher, after string) error {
	w.wake, w.calm = make(chan struct{}, 1), h.calm
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
	who := w.looking()
	h.people[who] = append(h.people[who], w)
	for i, slot := range w.slots {
		if at, ok := h.late[lateness{who, slot}]; ok && time.Since(at) < keptFor {
			w.state[i].stale, w.state[i].again = true, time.Now().Add(2*h.calm)
		}
		delete(h.late, lateness{who, slot})
	}
	return nil
}

// maxLate bounds the slots whose lateness is remembered, and mostTries how often a
// page is told to ask again for one that stays late.
const (
	maxLate   = 10_000
	mostTries = 5
)

// filled says that a slot of somebody's page was filled. Where something was late,
// the page is told after a while to ask once more, and each time later.
func (h *hub) filled(who trellis.Actor, course, slot string, late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := lateness{looking{who.Tenant, who.ID, course}, slot}
	pages := h.people[l.looking]
	for _, w := range pages {
		w.filled(slot, late)
	}
	if late && len(pages) == 0 && who.ID != "" {
		if len(h.late) >= maxLate {
			clear(h.late)
		}
		h.late[l] = time.Now()
	}
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
			w.hear(h.registry, g, map[string][]extensions.Hook{}, 0)
		}
	}
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.watchers[w.tenant], w); len(h.watchers[w.tenant]) == 0 {
		delete(h.watchers, w.tenant)
	}
	who := w.looking()
	if h.people[who] = slices.DeleteFunc(h.people[who], func(o *watcher) bool { return o == w }); len(h.people[who]) == 0 {
		delete(h.people, who)
	}
}
