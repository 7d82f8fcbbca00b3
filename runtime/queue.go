package runtime

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
)

const (
	waitingBuilds  = 8  // of one key; each holds its module in memory
	waitingOfClass = 32 // of one class
	buildPatience  = 10 * time.Minute
)

// builds admits compilations, and checks of modules, which take up to a second of
// processor time. A key has one at a time, keys take turns within their class, and
// classes take turns and leave a slot to others, so that whoever uploads modules
// that take long waits for himself; and a module that several want at once is
// compiled once.
type builds struct {
	gate *gate

	mu      sync.Mutex
	flights map[string]*flight // by the key of the cache
	waiting map[place]int      // by class, and by class and key
}

// flight is a compilation under way that others may wait for.
type flight struct {
	done chan struct{} // closed when it has ended
	err  error
}

func newBuilds(slots int) *builds {
	b := &builds{gate: newGate(slots, true), flights: map[string]*flight{}, waiting: map[place]int{}}
	b.gate.share = max(1, slots-1)
	return b
}

// do runs build for key when it is its turn, or waits for the one that is under
// way. An error of a build whose caller has gone is not that of those who waited:
// one of them builds then.
func (b *builds) do(ctx context.Context, whose place, key string, build func() error) error {
	for {
		if f := b.flight(key); f != nil {
			if over, err := f.wait(ctx); over {
				return err
			}
			continue
		}
		// Nobody waits for a build that has no turn yet: it may be that of a class
		// with many before it.
		leave, err := b.enter(ctx, whose, key)
		if err != nil {
			return err
		}
		b.mu.Lock()
		if b.flights[key] != nil {
			b.mu.Unlock()
			leave()
			continue
		}
		f := &flight{done: make(chan struct{}), err: errors.New("compiling was given up")}
		b.flights[key] = f
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			delete(b.flights, key)
			b.mu.Unlock()
			close(f.done)
			leave()
		}()
		f.err = build()
		return f.err
	}
}

func (b *builds) flight(key string) *flight {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flights[key]
}

// wait returns what came of the build, and whether that is final.
func (f *flight) wait(ctx context.Context) (over bool, err error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		return true, ctx.Err()
	}
	gone := errors.Is(f.err, context.Canceled) || errors.Is(f.err, context.DeadlineExceeded)
	return !gone, f.err
}

// enter waits for the turn of whoever wants the module with that key. What it
// returns gives the turn back.
func (b *builds) enter(ctx context.Context, whose place, key string) (leave func(), err error) {
	if whose == (place{}) {
		whose = place{key, key} // nobody's: as many as there are slots
	}
	// The gate knows keys of all classes by their names alone.
	at := place{whose.class, whose.class + "\x00" + whose.key}
	class := place{class: whose.class}
	b.mu.Lock()
	if n := b.waiting[at]; n >= waitingBuilds || b.waiting[class] >= waitingOfClass {
		n = b.waiting[class]
		b.mu.Unlock()
		return nil, trellis.Exhaustedf(time.Minute, "%d modules wait to be compiled already", n)
	}
	b.waiting[at]++
	b.waiting[class]++
	b.mu.Unlock()
	_, counted, err := b.gate.enter(ctx, at, buildPatience)
	b.mu.Lock()
	for _, p := range []place{at, class} {
		if b.waiting[p]--; b.waiting[p] == 0 {
			delete(b.waiting, p)
		}
	}
	b.mu.Unlock()
	switch {
	case errors.Is(err, errFull), errors.Is(err, errWaited):
		return nil, trellis.Exhaustedf(time.Minute, "too many modules wait to be compiled")
	case err != nil:
		return nil, err
	}
	return func() { b.gate.leave(at, counted) }, nil
}
