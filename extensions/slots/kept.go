package slots

import (
	"container/list"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis/extensions"
)

// kept is what extensions showed to people a moment ago. It stands in for what is
// late: on a busy node a card that is a minute old is better than one that comes and
// goes. It is bounded, and forgotten soon.
type kept struct {
	mu    sync.Mutex
	bytes int
	byKey map[showing]*list.Element
	order *list.List // of *shown, the latest first
}

// showing is to whom, with which rights, where and by what something was shown.
type showing struct {
	tenant, hook, version, settings, course, person, rights string
	since                                                   uint64 // when it was enabled like this
}

type shown struct {
	to   showing
	tree []byte // as the extension answered it
	at   time.Time
}

// Bounds of what is kept.
const (
	keptFor   = time.Minute
	keptBytes = 16 << 20
)

func newKept() *kept { return &kept{byKey: map[showing]*list.Element{}, order: list.New()} }

func (f *filling) showing(h extensions.Hook) showing {
	rights := strings.Join(f.roles, " ") + "/" + strings.Join(f.who.Scopes, " ")
	return showing{f.who.Tenant, h.ID(), h.Version(), string(h.Settings()), f.page.Course, f.who.ID, rights, h.From()}
}

// put keeps what was shown.
func (k *kept) put(to showing, tree []byte, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.byKey[to]; e != nil {
		k.drop(e)
	}
	k.byKey[to] = k.order.PushFront(&shown{to, tree, now})
	k.bytes += weight(to, tree)
	for k.bytes > keptBytes {
		k.drop(k.order.Back())
	}
	k.forget(now)
}

// get returns what was shown, and when, if that is not too long ago.
func (k *kept) get(to showing, now time.Time) (tree []byte, at time.Time, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(now)
	e := k.byKey[to]
	if e == nil {
		return nil, time.Time{}, false
	}
	s := e.Value.(*shown)
	return s.tree, s.at, true
}

// purge forgets what is old, where nothing is shown any more.
func (k *kept) purge(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(now)
}

func (k *kept) forget(now time.Time) {
	for e := k.order.Back(); e != nil && now.Sub(e.Value.(*shown).at) > keptFor; e = k.order.Back() {
		k.drop(e)
	}
}

func (k *kept) drop(e *list.Element) {
	s := k.order.Remove(e).(*shown)
	delete(k.byKey, s.to)
	k.bytes -= weight(s.to, s.tree)
}

// weight is what an entry costs, roughly: its strings are others', too.
func weight(to showing, tree []byte) int { return 300 + len(tree) + len(to.course) + len(to.person) }
