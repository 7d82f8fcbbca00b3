package runtime

import (
	"context"
	"errors"
	"slices"
	"sync"
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
type gate struct {
	mu      sync.Mutex
	free    int
	single  bool              // at most one call of a key at a time
	busy    map[string]bool   // keys with a call, if single
	classes map[string]*class // that wait
	turns   []*class          // the same, the next one first
	waiting int
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
	return &gate{free: slots, single: single, busy: map[string]bool{}, classes: map[string]*class{}}
}

// try takes a slot if there is one at once.
func (g *gate) try(at place) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tryLocked(at)
}

// tryLocked needs no look at those who wait: while there is a free slot, only
// those do whose key is busy.
func (g *gate) tryLocked(at place) bool {
	if g.free == 0 || g.busy[at.key] {
		return false
	}
	g.admit(at.key)
	return true
}

// enter waits for a slot, until ctx ends or patience does, and says how long. The
// error is that of ctx, errWaited, or errFull, at once, where too many wait.
func (g *gate) enter(ctx context.Context, at place, patience time.Duration) (waited time.Duration, err error) {
	g.mu.Lock()
	if g.tryLocked(at) {
		g.mu.Unlock()
		return 0, nil
	}
	c, l, admitted := g.queue(at)
	g.mu.Unlock()
	if admitted == nil {
		return 0, errFull
	}
	begun := time.Now()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-admitted:
		return time.Since(begun), nil
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
		return time.Since(begun), err
	}
	return time.Since(begun), nil // it was admitted at the same moment
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
	if len(l.calls) >= laneBound || c.waiting >= classBound || g.waiting >= queueBound && c.waiting >= share {
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
	g.waiting++
	return c, l, admitted
}

// leave gives back the slot of a call.
func (g *gate) leave(at place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
	if g.single {
		delete(g.busy, at.key)
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

// isBusy reports whether a call of key is under way.
func (g *gate) isBusy(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy[key]
}

func (g *gate) admit(key string) {
	g.free--
	if g.single {
		g.busy[key] = true
	}
}

// dispatch gives free slots to those whose turn it is.
func (g *gate) dispatch() {
	for i := 0; g.free > 0 && i < len(g.turns); {
		c := g.turns[i]
		n := slices.IndexFunc(c.turns, func(l *lane) bool { return !g.busy[l.key] })
		if n < 0 {
			i++
			continue
		}
		l := c.turns[n]
		close(l.calls[0])
		l.calls = slices.Delete(l.calls, 0, 1)
		g.admit(l.key)
		c.turns = append(slices.Delete(c.turns, n, n+1), l)
		g.turns = append(slices.Delete(g.turns, i, i+1), c)
		g.left(c, l)
	}
}

// left forgets a call that no longer waits, and whoever waits no more with it.
func (g *gate) left(c *class, l *lane) {
	g.waiting--
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
