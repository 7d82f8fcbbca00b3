package runtime_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// turnstile is a host whose operation waits until it is let go, and which notes
// whose it was.
type turnstile struct {
	mu      sync.Mutex
	order   []string
	arrived chan struct{}
	leave   chan struct{}
}

func newTurnstile() *turnstile {
	return &turnstile{arrived: make(chan struct{}), leave: make(chan struct{})}
}

func (h *turnstile) Call(ctx context.Context, op string, _ []byte) ([]byte, error) {
	h.mu.Lock()
	h.order = append(h.order, op)
	h.mu.Unlock()
	h.arrived <- struct{}{}
	<-h.leave
	return nil, nil
}

// waitQueued waits until n calls of key wait for a slot.
func waitQueued(t *testing.T, m *runtime.Module, key string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for runtime.Queued(m, key) != n {
		if ctx.Err() != nil {
			t.Fatalf("%d calls of %s wait, want %d", runtime.Queued(m, key), key, n)
		}
		goruntime.Gosched()
	}
}

// spawn calls the module for key, elsewhere.
func spawn(ctx context.Context, wg *sync.WaitGroup, m *runtime.Module, key string) chan error {
	done := make(chan error, 1)
	wg.Go(func() {
		_, _, err := m.Call(ctx, runtime.Call{Hook: "call", In: operation(key, ""), Key: key})
		done <- err
	})
	return done
}

func TestKeysTakeTurns(t *testing.T) {
	h := newTurnstile()
	r := newRuntime(t, runtime.Config{Host: h})
	m := compile(t, r, "host", runtime.Limits{Instances: 1})
	var wg sync.WaitGroup
	spawn(t.Context(), &wg, m, "flood")
	<-h.arrived
	for range 50 {
		spawn(t.Context(), &wg, m, "flood")
	}
	waitQueued(t, m, "flood", 50)
	spawn(t.Context(), &wg, m, "quiet")
	waitQueued(t, m, "quiet", 1)
	for range 51 {
		h.leave <- struct{}{}
		<-h.arrived
	}
	h.leave <- struct{}{}
	wg.Wait()
	if at := slices.Index(h.order, "quiet"); at < 0 || at > 2 {
		t.Errorf("the quiet key came at place %d of %d", at, len(h.order))
	}
}

func TestQueueIsBounded(t *testing.T) {
	h := newTurnstile()
	r := newRuntime(t, runtime.Config{Host: h})
	m := compile(t, r, "host", runtime.Limits{Instances: 1})
	var wg sync.WaitGroup
	spawn(t.Context(), &wg, m, "flood")
	<-h.arrived
	ctx, cancel := context.WithCancel(t.Context())
	var waiting []chan error
	for range runtime.LaneBound {
		waiting = append(waiting, spawn(ctx, &wg, m, "flood"))
	}
	waitQueued(t, m, "flood", runtime.LaneBound)
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "clock", Key: "flood"})
	wantError(t, err, nil, trellis.Exhausted, "too many calls are waiting")
	if trellis.RetryAfter(err) == 0 {
		t.Error("it does not say when to try again")
	}
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "clock", Key: "other", Budget: runtime.Budget{Time: 5 * time.Millisecond}})
	wantError(t, err, nil, trellis.Exhausted, "the module was busy for 5ms")
	cancel()
	for _, done := range waiting {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a call whose caller went: %v", err)
		}
	}
	h.leave <- struct{}{}
	wg.Wait()
	call(t, m, "flood", "clock", "") // nothing is left of it
}

func TestWorkersBoundRunningGuests(t *testing.T) {
	h := newTurnstile()
	r := newRuntime(t, runtime.Config{Host: h, Workers: 1})
	m := compile(t, r, "host", runtime.Limits{Instances: 4})
	var wg sync.WaitGroup
	spawn(t.Context(), &wg, m, "a")
	<-h.arrived
	// A guest that waits for the host is not in anybody's way.
	call(t, m, "b", "clock", "")
	h.leave <- struct{}{}
	wg.Wait()
}
