package runtime_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "clock", Key: "other", Patience: 5 * time.Millisecond})
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

// waitForWorkers waits until n calls wait for a worker.
func waitForWorkers(t *testing.T, r *runtime.Runtime, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for runtime.QueuedForWorkers(r) != n {
		if ctx.Err() != nil {
			t.Fatalf("%d calls wait for a worker, want %d", runtime.QueuedForWorkers(r), n)
		}
		goruntime.Gosched()
	}
}

// A tenant that floods, with many extensions at that, makes only itself wait, for
// what all guests share as well: the workers. A guest that logs holds one until it
// was listened to.
func TestClassesTakeTurnsAtTheWorkers(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 1})
	arrived, leave := make(chan string), make(chan struct{})
	var wg sync.WaitGroup
	enter := func(m *runtime.Module, class, key string) {
		wg.Go(func() {
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "level", In: []byte("1x"), Class: class, Key: key, Patience: patience, Log: func(int, string) {
				arrived <- class + " " + key
				<-leave
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	const modules, each = 5, 8
	quiet := compile(t, r, "log", runtime.Limits{})
	var loud []*runtime.Module
	for range modules {
		loud = append(loud, compile(t, r, "log", runtime.Limits{Instances: each}))
	}
	for i, m := range loud {
		for range each {
			enter(m, "flood", "flood's extension "+string(rune('a'+i)))
		}
	}
	first := <-arrived
	waitForWorkers(t, r, modules*each-1)
	for range 3 {
		enter(quiet, "quiet", "one")
	}
	waitForWorkers(t, r, modules*each-1+3)
	order := []string{first}
	for range modules*each - 1 + 3 {
		leave <- struct{}{}
		order = append(order, <-arrived)
	}
	leave <- struct{}{}
	wg.Wait()
	for n := range 3 { // every second turn is the quiet one's
		if at := 2 * (n + 1); !slices.Contains(order[:at+1], "quiet one") {
			t.Errorf("the quiet class has no turn among the first %d: %q", at+1, order[:at+1])
		} else {
			order[slices.Index(order, "quiet one")] = ""
		}
	}
	// Within the class that floods its extensions take turns, too.
	seen := map[string]bool{}
	for _, who := range order[1 : 3+2*modules] {
		seen[who] = true
	}
	if len(seen) < modules {
		t.Errorf("some of the flood's extensions have no turn among the first ones: %q", order[:3+2*modules])
	}
}

// A class that fills its queue, by whatever number of keys, fills no other's.
func TestAClassCannotFillTheQueue(t *testing.T) {
	h := newTurnstile()
	m := compile(t, newRuntime(t, runtime.Config{Host: h}), "host", runtime.Limits{Instances: 1})
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	spawn(t.Context(), &wg, m, "first")
	<-h.arrived
	flood := func(i int) runtime.Call {
		return runtime.Call{Hook: "clock", Class: "flood", Key: string(rune('a' + i%26)), Patience: patience}
	}
	for i := range runtime.ClassBound {
		wg.Go(func() { _, _, _ = m.Call(ctx, flood(i)) })
	}
	deadline := time.Now().Add(patience)
	for runtime.QueuedInAll(m) != runtime.ClassBound {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls wait", runtime.QueuedInAll(m))
		}
		goruntime.Gosched()
	}
	_, _, err := m.Call(t.Context(), flood(0))
	wantError(t, err, nil, trellis.Exhausted, "too many calls are waiting")
	done := spawn(t.Context(), &wg, m, "quiet")
	waitQueued(t, m, "quiet", 1)
	cancel() // the flood goes
	h.leave <- struct{}{}
	<-h.arrived
	h.leave <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// What a guest waits for a worker after a host operation is neither its time nor
// its fault: otherwise the guests of others could have it ended, and in the end
// switched off.
func TestWaitingIsNotTheGuestsTime(t *testing.T) {
	var between func()
	r := newRuntime(t, runtime.Config{Workers: 1, Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) {
		between()
		return []byte("fine"), nil
	})})
	host, log := compile(t, r, "host", runtime.Limits{}), compile(t, r, "log", runtime.Limits{})
	for _, tt := range []struct {
		name     string
		patience time.Duration
		want     trellis.Kind
	}{{"patient", time.Second, ""}, {"impatient", 100 * time.Millisecond, trellis.Exhausted}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				holding, leave := make(chan struct{}), make(chan struct{})
				var wg sync.WaitGroup
				between = func() { // the guest is outside: another takes the worker
					between = func() {} // the second operation meets nobody
					wg.Go(func() {
						_, _, err := log.Call(context.Background(), runtime.Call{Hook: "level", In: []byte("1x"), Key: "other", Log: func(int, string) {
							close(holding)
							<-leave
						}})
						if err != nil {
							t.Error(err)
						}
					})
					<-holding
				}
				wg.Go(func() {
					out, s, err := host.Call(context.Background(), runtime.Call{
						Hook: "many", In: []byte{2}, Key: "one", Patience: tt.patience, Budget: runtime.Budget{Time: 10 * time.Millisecond},
					})
					if got := trellis.KindOf(err); got != tt.want || tt.want == "" && string(out) != "00" {
						t.Errorf("answer %q, %v, want %q", out, err, tt.want)
					}
					if errors.Is(err, runtime.ErrTime) {
						t.Errorf("the guest is blamed: %v", err)
					}
					if s.Time > 10*time.Millisecond {
						t.Errorf("it ran for %v", s.Time)
					}
				})
				time.Sleep(500 * time.Millisecond) // the bubble's time
				close(leave)
				wg.Wait()
			})
		})
	}
}

// The same for a nested call: its waiting is not the time of what it is nested in.
func TestWaitingOfANestedCallIsNotTheOutersTime(t *testing.T) {
	var between func(context.Context) error
	r := newRuntime(t, runtime.Config{Workers: 1, Host: hostFunc(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		return nil, between(ctx)
	})})
	host, log := compile(t, r, "host", runtime.Limits{}), compile(t, r, "log", runtime.Limits{})
	synctest.Test(t, func(t *testing.T) {
		holding, leave := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		between = func(ctx context.Context) error {
			wg.Go(func() {
				_, _, err := log.Call(context.Background(), runtime.Call{Hook: "level", In: []byte("1x"), Key: "other", Log: func(int, string) {
					close(holding)
					<-leave
				}})
				if err != nil {
					t.Error(err)
				}
			})
			<-holding
			_, _, err := host.Call(ctx, runtime.Call{Hook: "clock", Key: "inner"})
			time.Sleep(time.Millisecond) // the bubble's time; it is the guest's
			return err
		}
		wg.Go(func() {
			out, s, err := host.Call(context.Background(), runtime.Call{
				Hook: "call", In: operation("again", ""), Key: "outer", Budget: runtime.Budget{Time: 10 * time.Millisecond},
			})
			if err != nil || !strings.HasPrefix(string(out), "7{") || s.Time > 10*time.Millisecond {
				t.Errorf("answer %q after %v, %v, want that the nested call was unavailable", out, s.Time, err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		close(leave)
		wg.Wait()
	})
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
