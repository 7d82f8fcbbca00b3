package oneroster

import (
	"context"
	"sync"
)

// flight knows what the chunks concern that were prepared and are not applied yet.
// A chunk is prepared from what the database has, so one that concerns the same
// person, course or enrolment as an earlier one has to wait for it: otherwise a
// learner who leaves a class and comes back a hundred rows later would be gone.
type flight struct {
	mu      sync.Mutex
	latest  map[string]int // by what it concerns: the number of the last chunk that does
	applied int            // number of the last chunk that was applied
	moved   chan struct{}  // closed and made anew with each
}

func newFlight() *flight {
	return &flight{latest: map[string]int{}, moved: make(chan struct{})}
}

// board notes that chunk number n concerns things, and waits until no chunk before
// it that concerns one of them is on its way.
func (f *flight) board(ctx context.Context, n int, things []string) error {
	f.mu.Lock()
	after := 0
	for _, t := range things {
		if before := f.latest[t]; before != n { // it may be named twice
			after = max(after, before)
		}
		f.latest[t] = n
	}
	f.mu.Unlock()
	for {
		f.mu.Lock()
		applied, moved := f.applied, f.moved
		f.mu.Unlock()
		if applied >= after {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// land notes that chunk number n, and so every one before it, was applied.
func (f *flight) land(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied = n
	close(f.moved)
	f.moved = make(chan struct{})
	for t, at := range f.latest {
		if at <= n {
			delete(f.latest, t)
		}
	}
}
