package runtime

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	laneBound  = 128  // calls of one key that may wait
	classBound = 1024 // calls of one class that may wait
	queueBound = 4096 // calls that may wait in all, before only those wait whose class has less than its share
)

// place is whose a call is: it takes turns with those of other classes, and
// within its class with those of other keys.
type place struct{ class, key string }

// gate admits calls to slots: those of a module, or the workers of a runtime.
// Classes take turns: one that sends many calls makes only itself wait, because
// each slot that becomes free goes to the next class that waits, within it to
// the next key, and within that to the call that came first.
//
// With a share, a class has no more slots than that while calls wait: so one that
// floods leaves a slot free, in which others begin at once. With a calm, it is left
// only while there are others: a class beside which nobody has come for so long may
// have all slots.
//
// While nobody waits, a slot is one atomic counter. Whoever waits counts itself
// in waiting before it looks at the free slots for the last time, and whoever
// gives one back looks at waiting afterwards: so one of the two sees the other.
type gate struct {
	free    atomic.Int64 // slots
	waiting atomic.Int64 // calls that wait

	single bool          // at most one call of a key at a time
	share  int           // slots that a class may have while calls wait; 0: all
	calm   time.Duration // after which a class is alone; 0: it never is
	// spare, if not nil, is called when a call must wait, without a lock: it
	// makes the owner give back slots that it keeps in reserve.
	spare func()

	mu      sync.Mutex
	busy    map[string]bool   // keys with a call, if single
	held    map[string]int    // slots of each class that are counted, if there is a share
	last    string            // the class that looked for a slot last, if there is a calm
	came    time.Time         // when it did
	other   time.Time         // when one that is not the last did
	classes map[string]*class // that wait
	turns   []*class          // the same, the next one first
}

type class struct {
	name    string
	lanes   map[string]*lane // keys that wait
	turns   []*lane          // the same, the next one first
	waiting int
}

type lane struct {
	key   string
	calls []chan struct{} // closed when admitted
}

// Why enter gave up, besides the end of its context.
var (
	errFull   = errors.New("too many calls wait")
	errWaited = errors.New("no turn came")
)

func newGate(slots int, single bool) *gate {
	g := &gate{single: single, busy: map[string]bool{}, held: map[string]int{}, classes: map[string]*class{}}
	g.free.Store(int64(slots))
	return g
}

// tryFree takes a slot, whoever it is for, if there is one and nobody waits.
func (g *gate) tryFree() bool { return g.waiting.Load() == 0 && g.claimFree() }

func (g *gate) claimFree() bool {
	for {
		n := g.free.Load()
		if n <= 0 {
			return false
		}
		if g.free.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// tryLocked needs no look at those who wait: while there is a free slot, only
// those do whose key is busy.
func (g *gate) tryLocked(at place) bool {
	if !g.eligible(at) || !g.claimFree() {
		return false
	}
	g.admitted(at)
	return true
}

// eligible reports whether a call may have a slot, if there is one.
func (g *gate) eligible(at place) bool {
	return !(g.single && g.busy[at.key]) && (g.share == 0 || g.held[at.class] < g.share || g.alone(at.class))
}

// visit notes that a class looks for a slot. Who finds one without a lock is not
// noted: then nobody waits, and no slot need be left to anybody.
func (g *gate) visit(class string) {
	if g.calm == 0 {
		return
	}
	if class != g.last {
		g.last, g.other = class, g.came
	}
	g.came = time.Now()
}

// alone reports whether no other class has come of late.
func (g *gate) alone(class string) bool {
	return g.calm > 0 && class == g.last && time.Since(g.other) > g.calm
}

// enter waits for a slot, until ctx ends or patience does, and says how long. The
// error is that of ctx, errWaited, or errFull, at once, where too many wait. What
// was taken while somebody waited is counted, and leave has to be told.
func (g *gate) enter(ctx context.Context, at place, patience time.Duration) (waited time.Duration, counted bool, err error) {
	if !g.single && g.tryFree() {
		return 0, false, nil
	}
	counted = g.share > 0
	g.mu.Lock()
	g.visit(at.class)
	g.dispatch() // those first who wait
	if g.tryLocked(at) {
		g.mu.Unlock()
		return 0, counted, nil
	}
	c, l, admitted := g.queue(at)
	g.dispatch() // whoever left at this moment may not have seen that somebody waits
	g.mu.Unlock()
	if admitted == nil {
		return 0, false, errFull
	}
	if g.spare != nil {
		g.spare()
	}
	begun := time.Now()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-admitted:
		return time.Since(begun), counted, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errWaited
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(l.calls, admitted); i >= 0 {
		l.calls = slices.Delete(l.calls, i, i+1)
		g.left(c, l)
		return time.Since(begun), false, err
	}
	return time.Since(begun), counted, nil // it was admitted at the same moment
}

// queue makes a call wait. It returns nil if it may not.
func (g *gate) queue(at place) (*class, *lane, chan struct{}) {
	c := g.classes[at.class]
	if c == nil {
		c = &class{name: at.class, lanes: map[string]*lane{}}
	}
	l := c.lanes[at.key]
	if l == nil {
		l = &lane{key: at.key}
	}
	share := queueBound / (len(g.classes) + 1)
	if len(l.calls) >= laneBound || c.waiting >= classBound || g.waiting.Load() >= queueBound && c.waiting >= share {
		return nil, nil, nil
	}
	if c.waiting == 0 {
		g.classes[c.name] = c
		g.turns = append(g.turns, c)
	}
	if len(l.calls) == 0 {
		c.lanes[l.key] = l
		c.turns = append(c.turns, l)
	}
	admitted := make(chan struct{})
	l.calls = append(l.calls, admitted)
	c.waiting++
	g.waiting.Add(1)
	return c, l, admitted
}

// leave gives back the slot of a call.
func (g *gate) leave(at place, counted bool) {
	if !g.single && !counted && g.waiting.Load() == 0 {
		g.free.Add(1)
		if g.waiting.Load() == 0 {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.dispatch()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free.Add(1)
	delete(g.busy, at.key)
	if counted {
		if g.held[at.class]--; g.held[at.class] == 0 {
			delete(g.held, at.class)
		}
	}
	g.dispatch()
}

// claim marks key busy without taking a slot, for a nested call; it reports
// whether the key was free. unclaim undoes it.
func (g *gate) claim(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy[key] {
		return false
	}
	g.busy[key] = true
	return true
}

func (g *gate) unclaim(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.busy, key)
	g.dispatch()
}

// inUse returns how many of all slots are taken.
func (g *gate) inUse(all int) int { return all - int(g.free.Load()) }

// isBusy reports whether a call of key is under way.
func (g *gate) isBusy(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy[key]
}

func (g *gate) admitted(at place) {
	if g.single {
		g.busy[at.key] = true
	}
	if g.share > 0 {
		g.held[at.class]++
	}
}

// dispatch gives free slots to those whose turn it is.
func (g *gate) dispatch() {
	for i := 0; i < len(g.turns); {
		c := g.turns[i]
		n := slices.IndexFunc(c.turns, func(l *lane) bool { return g.eligible(place{c.name, l.key}) })
		if n < 0 {
			i++
			continue
		}
		if !g.claimFree() {
			return
		}
		l := c.turns[n]
		close(l.calls[0])
		l.calls = slices.Delete(l.calls, 0, 1)
		g.admitted(place{c.name, l.key})
		c.turns = append(slices.Delete(c.turns, n, n+1), l)
		g.turns = append(slices.Delete(g.turns, i, i+1), c)
		g.left(c, l)
	}
}

// left forgets a call that no longer waits, and whoever waits no more with it.
func (g *gate) left(c *class, l *lane) {
	g.waiting.Add(-1)
	c.waiting--
	if len(l.calls) == 0 {
		delete(c.lanes, l.key)
		c.turns = slices.DeleteFunc(c.turns, func(o *lane) bool { return o == l })
	}
	if c.waiting == 0 {
		delete(g.classes, c.name)
		g.turns = slices.DeleteFunc(g.turns, func(o *class) bool { return o == c })
	}
}
