package runtime

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
)

const (
	laneBound  = 128  // calls of one key that may wait
	queueBound = 4096 // calls that may wait in all
)

// gate admits calls to the slots of a module. Keys take turns: a key that sends
// many calls makes only itself wait, because each slot that becomes free goes to
// the next key that waits, and within a key to the call that came first.
type gate struct {
	mu      sync.Mutex
	free    int
	single  bool             // at most one call of a key at a time
	busy    map[string]bool  // keys with a call, if single
	lanes   map[string]*lane // keys that wait
	turns   []*lane          // the same, the next one first
	waiting int
}

type lane struct {
	key   string
	calls []chan struct{} // closed when admitted
}

func newGate(slots int, single bool) *gate {
	return &gate{free: slots, single: single, busy: map[string]bool{}, lanes: map[string]*lane{}}
}

// enter waits for a slot, until ctx ends or patience does. When too many calls
// wait, of this key or in all, it fails at once.
func (g *gate) enter(ctx context.Context, key string, patience time.Duration) error {
	g.mu.Lock()
	if g.free > 0 && (g.waiting == 0 || g.lanes[key] == nil) && !g.busy[key] {
		g.admit(key)
		g.mu.Unlock()
		return nil
	}
	l := g.lanes[key]
	if g.waiting >= queueBound || l != nil && len(l.calls) >= laneBound {
		g.mu.Unlock()
		return trellis.Exhaustedf(time.Second, "too many calls are waiting for this module")
	}
	if l == nil {
		l = &lane{key: key}
		g.lanes[key] = l
		g.turns = append(g.turns, l)
	}
	admitted := make(chan struct{})
	l.calls = append(l.calls, admitted)
	g.waiting++
	g.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	var err error
	select {
	case <-admitted:
		return nil
	case <-ctx.Done():
		err = fmt.Errorf("wait for the module: %w", ctx.Err())
	case <-timer.C:
		err = trellis.Exhaustedf(time.Second, "the module was busy for %v", patience)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(l.calls, admitted); i >= 0 {
		l.calls = slices.Delete(l.calls, i, i+1)
		g.waiting--
		g.tidy(l)
		return err
	}
	return nil // it was admitted at the same moment
}

// leave gives back the slot of key.
func (g *gate) leave(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
	delete(g.busy, key)
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

// dispatch gives free slots to the keys whose turn it is.
func (g *gate) dispatch() {
	for i := 0; g.free > 0 && i < len(g.turns); {
		l := g.turns[i]
		if g.busy[l.key] {
			i++
			continue
		}
		close(l.calls[0])
		l.calls = slices.Delete(l.calls, 0, 1)
		g.waiting--
		g.admit(l.key)
		g.turns = append(slices.Delete(g.turns, i, i+1), l)
		g.tidy(l)
	}
}

// tidy forgets a key that does not wait any more.
func (g *gate) tidy(l *lane) {
	if len(l.calls) > 0 {
		return
	}
	delete(g.lanes, l.key)
	if i := slices.Index(g.turns, l); i >= 0 {
		g.turns = slices.Delete(g.turns, i, i+1)
	}
}
