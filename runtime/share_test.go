package runtime_test

import (
	"context"
	goruntime "runtime"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// While calls of a class wait, one worker is left to others, who then begin at
// once, however long the guests of that class run.
func TestAFloodLeavesAWorker(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 2})
	loud, quiet := compile(t, r, "log", runtime.Limits{}), compile(t, r, "echo", runtime.Limits{})
	const calls = 6
	arrived := make(chan int, calls)
	var leave [calls]chan struct{}
	var wg sync.WaitGroup
	for i := range calls {
		leave[i] = make(chan struct{})
		wg.Go(func() {
			_, _, err := loud.Call(t.Context(), runtime.Call{Hook: "level", In: []byte("1x"), Class: "flood", Key: "loud", Patience: patience, Log: func(int, string) {
				arrived <- i
				<-leave[i]
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	first, second := <-arrived, <-arrived // nobody waited yet: they have both
	waitForWorkers(t, r, calls-2)
	close(leave[first])
	<-arrived
	close(leave[second]) // for which nobody comes
	for range 3 {
		out, _, err := quiet.Call(t.Context(), runtime.Call{Hook: "upper", In: []byte("x"), Class: "quiet", Key: "quiet", Patience: patience})
		if err != nil || string(out) != "X" {
			t.Errorf("the quiet class waits: %q, %v", out, err)
		}
	}
	if n := runtime.QueuedForWorkers(r); n != calls-3 {
		t.Errorf("%d calls of the flood wait, want %d", n, calls-3)
	}
	for i := range calls {
		if i != first && i != second {
			close(leave[i])
		}
	}
	wg.Wait()
}

// The same at a module that several classes share: while calls of one wait, a slot
// is left to the others, however long its guests wait for the host. A pinned module
// has no more than one for each key.
func TestAFloodLeavesASlotOfItsModule(t *testing.T) {
	const calls = 6
	arrived, leave := make(chan chan struct{}, calls), make(chan struct{})
	r := newRuntime(t, runtime.Config{Workers: 2, Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) {
		mine := make(chan struct{})
		arrived <- mine
		select {
		case <-mine:
		case <-leave:
		}
		return nil, nil
	})})
	m := compile(t, r, "host", runtime.Limits{Instances: 2, Time: patience})
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "call", In: operation("hold", ""), Class: "flood", Key: "loud", Patience: patience})
			if err != nil {
				t.Error(err)
			}
		})
	}
	first, second := <-arrived, <-arrived // nobody waited yet: they have both
	for runtime.QueuedInAll(m) != calls-2 {
		goruntime.Gosched()
	}
	close(first)
	<-arrived
	close(second) // for which nobody comes
	for range 3 {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "clock", Class: "quiet", Key: "quiet", Patience: patience})
		if err != nil {
			t.Errorf("the quiet class waits: %v", err)
			break
		}
	}
	if n := runtime.QueuedInAll(m); n != calls-3 {
		t.Errorf("%d calls of the flood wait, want %d", n, calls-3)
	}
	close(leave)
	wg.Wait()
	for range 2 { // nothing is left of it: both slots are free, and one class may have them
		wg.Go(func() { call(t, m, "loud", "clock", "") })
	}
	wg.Wait()
	if n := runtime.QueuedInAll(m); n != 0 {
		t.Errorf("%d calls wait when all have ended", n)
	}
}
