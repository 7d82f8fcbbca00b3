package runtime_test

import (
	"context"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
)

// However a call ends, nothing of it is left: no instance that is broken, no slot
// of the module, no worker, no goroutine. The module has one slot and the runtime
// one worker, so what is left is missed by the next call.
func TestNothingIsLeftOfACall(t *testing.T) {
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		var cancel context.CancelFunc
		var m *runtime.Module
		r := newRuntime(t, runtime.Config{Workers: 1, Host: hostFunc(func(ctx context.Context, op string, _ []byte) ([]byte, error) {
			switch op {
			case "panic":
				panic("no disk")
			case "go":
				cancel()
			case "wait":
				<-ctx.Done()
			case "nest":
				_, _, err := m.Call(ctx, runtime.Call{Hook: "call", In: operation("panic", ""), Key: "other"})
				return nil, err
			}
			return []byte("fine"), nil
		})})
		m = compile(t, r, "host", runtime.Limits{Isolation: isolation, Instances: 1})
		if got := call(t, m, "key", "call", string(operation("fine", ""))); got != "0fine" {
			t.Fatalf("answer %q", got)
		}
		goroutines := goruntime.NumGoroutine()
		for _, tt := range []struct{ name, hook, op string }{
			{"a panic of the host", "call", "panic"},
			{"a caller that goes", "call", "go"},
			{"no time", "call", "wait"},
			{"a panic in a nested call", "call", "nest"},
			{"too many operations", "many", ""},
		} {
			t.Run(isolation.String()+"/"+tt.name, func(t *testing.T) {
				var ctx context.Context
				ctx, cancel = context.WithCancel(t.Context())
				defer cancel()
				in := operation(tt.op, "")
				if tt.hook == "many" {
					in = []byte("\xff")
				}
				c := runtime.Call{Hook: tt.hook, In: in, Key: "key", Budget: runtime.Budget{Time: 20 * time.Millisecond}}
				if tt.op != "wait" {
					c.Budget.Time = 0
				}
				out, _, err := m.Call(ctx, c)
				if err == nil && !strings.HasPrefix(string(out), "8") && !strings.HasPrefix(string(out), "7") {
					t.Errorf("answer %q, want an error", out)
				}
				if got := call(t, m, "key", "call", string(operation("fine", ""))); got != "0fine" {
					t.Errorf("the next call answered %q", got)
				}
				if got := runtime.Idle(m); got != 1 {
					t.Errorf("%d instances are idle, want 1", got)
				}
				if u := r.Usage(); u.Instances != 1 {
					t.Errorf("there are %d instances, want 1", u.Instances)
				}
			})
		}
		// The goroutines of timers and of the tests above end in their own time, so
		// one that is left is one that stays.
		for end := time.Now().Add(time.Minute); goruntime.NumGoroutine() > goroutines && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if got := goruntime.NumGoroutine(); got > goroutines {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:goruntime.Stack(stacks, true)]
			t.Errorf("%v: %d goroutines, before %d:\n%s", isolation, got, goroutines, stacks)
		}
	}
}

// Parked instances keep slots and keys in reserve: they are given back to whoever
// waits, whichever key that is.
func TestParkedInstancesGiveWay(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "counter", runtime.Limits{Isolation: runtime.Pinned, Instances: 2})
	var wg sync.WaitGroup
	for i := range 8 {
		key := string(rune('a' + i))
		wg.Go(func() {
			for range 200 {
				if got := call(t, m, key, "count", ""); !strings.HasPrefix(got, "1 ") {
					t.Errorf("counted %q", got)
				}
			}
		})
	}
	wg.Wait()
	if u := r.Usage(); u.Instances > 2 {
		t.Errorf("%d instances, of 2 allowed", u.Instances)
	}
}
