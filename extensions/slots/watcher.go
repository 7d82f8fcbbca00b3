package slots

import (
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

// watcher is a page that is open. Its slots are few, so lists will do.
type watcher struct {
	tenant, course string
	person         string
	slots          []string
	calm           time.Duration
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
	tries int       // how often in a row the page got it too late
}

func (w *watcher) looking() looking { return looking{w.tenant, w.person, w.course} }

// filled notes whether the page got a slot as it is. What was late is stale.
func (w *watcher) filled(slot string, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(w.slots, slot)
	if at < 0 {
		return
	}
	f := &w.state[at]
	if !late {
		f.tries = 0
		return
	}
	if f.tries++; f.tries > mostTries {
		return
	}
	f.stale = true
	if next := time.Now().Add(w.calm << f.tries); next.After(f.again) {
		f.again = next
	}
	w.nudge()
}

// hear marks what an event makes stale, to be said at once or within the spread. A
// page about no course is about all of them.
func (w *watcher) hear(registry *extensions.Registry, g glance, known map[string][]extensions.Hook, spread time.Duration) {
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
	news, now := false, time.Now()
	soon := now.Add(w.calm * 5 / 4)
	for i := range hooks {
		at := slices.Index(w.slots, hooks[i].On())
		if at < 0 || w.state[at].stale && !w.state[at].again.After(soon) || !hooks[i].ShownTo(w.actor, w.course) {
			continue
		}
		news = true
		f := &w.state[at]
		if f.stale { // it waits longer, because it was late; now there is more to it
			f.again = soon
			continue
		}
		f.stale = true
		if next := now.Add(rand.N(spread + 1)); next.After(f.again) {
			f.again = next
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

// due takes what is to be said now. Rest is how long to wait for what may not be
// said yet, 0 if there is nothing. The marks hold for what was said before, if
// nothing is left to be said.
func (w *watcher) due(now time.Time) (said []string, rest time.Duration, marks []uint64) {
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
			f.again = now.Add(w.calm + rand.N(w.calm/4+1)) // so that many pages do not ask at the same moment
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

func combined(marks []uint64) uint64 {
	h := fnv.New64a()
	for _, m := range marks {
		_, _ = fmt.Fprintln(h, m)
	}
	return h.Sum64()
}
