package runtime_test

import (
	"sync"
	"testing"
	"time"

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
			_, _, err := loud.Call(t.Context(), runtime.Call{Hook: "level", In: []byte("1x"), Class: "flood", Key: "loud", Patience: time.Minute, Log: func(int, string) {
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
		out, _, err := quiet.Call(t.Context(), runtime.Call{Hook: "upper", In: []byte("x"), Class: "quiet", Key: "quiet", Patience: 10 * time.Second})
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
