package runtime_test

import (
	"context"
	goruntime "runtime"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
)

// While calls of a class wait, one worker is left to others who come, and then begin
// at once, however long the guests of that class run.
func TestAFloodLeavesAWorker(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 2})
	quiet := compile(t, r, "echo", runtime.Limits{})
	f := flood(t, r)
	waitForWorkers(t, r, f.calls()-2)
	runtime.Visit(r, "quiet", time.Hour)
	first, second := <-f.arrived, <-f.arrived // nobody waited yet: they have both
	f.leave(first)
	<-f.arrived
	f.leave(second) // for which nobody comes
	for range 3 {
		out, _, err := quiet.Call(t.Context(), runtime.Call{Hook: "upper", In: []byte("x"), Class: "quiet", Key: "quiet", Patience: patience})
		if err != nil || string(out) != "X" {
			t.Errorf("the quiet class waits: %q, %v", out, err)
		}
	}
	if n, want := runtime.QueuedForWorkers(r), f.calls()-3; n != want {
		t.Errorf("%d calls of the flood wait, want %d", n, want)
	}
	f.end()
}

// A class beside which nobody comes has all workers, though calls of it wait.
func TestAClassThatIsAloneHasAllWorkers(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 2})
	f := flood(t, r)
	for waiting := f.calls() - 2; waiting > 0; waiting-- {
		waitForWorkers(t, r, waiting)
		f.leave(<-f.arrived)
	}
	waitForWorkers(t, r, 0)
	f.end()
}

// While only calls of its own class wait, a guest keeps its worker for some slices.
func TestTurnsWithinAClassAreLonger(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 2})
	f := flood(t, r)
	waitForWorkers(t, r, f.calls()-2)
	for _, tt := range []struct {
		class  string
		slices int
		want   bool
	}{
		{"flood", 1, false},
		{"flood", runtime.TurnSlices - 1, false},
		{"flood", runtime.TurnSlices, true},
		{"quiet", 1, true},
	} {
		if got := runtime.Wanted(r, tt.class, tt.slices); got != tt.want {
			t.Errorf("a worker that %s has had for %d slices is wanted: %v, want %v", tt.class, tt.slices, got, tt.want)
		}
	}
	f.end()
	for _, slices := range []int{1, runtime.TurnSlices} {
		if runtime.Wanted(r, "quiet", slices) {
			t.Error("a worker is wanted when nobody waits")
		}
	}
}

// flooding is some calls of one class that stay until they are told to leave.
type flooding struct {
	arrived chan int
	stay    []chan struct{}
	gone    []sync.Once
	wg      sync.WaitGroup
}

func flood(t *testing.T, r *runtime.Runtime) *flooding {
	t.Helper()
	loud := compile(t, r, "log", runtime.Limits{})
	const calls = 6
	f := &flooding{arrived: make(chan int, calls), stay: make([]chan struct{}, calls), gone: make([]sync.Once, calls)}
	for i := range calls {
		f.stay[i] = make(chan struct{})
	}
	for i := range calls {
		f.wg.Go(func() {
			_, _, err := loud.Call(t.Context(), runtime.Call{Hook: "level", In: []byte("1x"), Class: "flood", Key: "loud", Patience: patience, Log: func(int, string) {
				f.arrived <- i
				<-f.stay[i]
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	return f
}

func (f *flooding) calls() int { return len(f.stay) }

func (f *flooding) leave(i int) { f.gone[i].Do(func() { close(f.stay[i]) }) }

// end has all of them leave, and waits until they have.
func (f *flooding) end() {
	for i := range f.stay {
		f.leave(i)
	}
	f.wg.Wait()
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
