package runtime_test

import (
	"fmt"
	goruntime "runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis/runtime"
)

// What instances take together is bounded: the idle ones that were used longest
// ago go, of whatever module, and calls go on.
func TestInstancesShareABudget(t *testing.T) {
	const modules, budget = 20, 640 << 10
	r := newRuntime(t, runtime.Config{Memory: budget})
	synctest.Test(t, func(t *testing.T) {
		var all []*runtime.Module
		for range modules {
			m := compile(t, r, "counter", runtime.Limits{})
			all = append(all, m)
			call(t, m, "", "count", "")
			time.Sleep(10 * time.Second) // the bubble's time; use is noted every few seconds
			synctest.Wait()
		}
		if u := r.Usage(); u.Instances == 0 || u.Memory > budget {
			t.Errorf("instances take %+v, of a budget of %d bytes", u, budget)
		}
		if first, last := runtime.Idle(all[0]), runtime.Idle(all[modules-1]); first != 0 || last != 1 {
			t.Errorf("of the module that was used longest ago %d instances are idle, of the last one %d", first, last)
		}
		for range 2 {
			for _, m := range all {
				if got := call(t, m, "", "count", ""); got != "1 1" {
					t.Fatalf("counted %q", got)
				}
			}
			if u := r.Usage(); u.Instances == 0 || u.Instances >= modules || u.Memory > budget {
				t.Errorf("instances take %+v, of a budget of %d bytes", u, budget)
			}
		}
		for _, m := range all {
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if u := r.Usage(); u != (runtime.Usage{}) {
			t.Errorf("instances of closed modules take %+v", u)
		}
	})
}

// Instances that keep something of a tenant's go last.
func TestPinnedInstancesGoLast(t *testing.T) {
	r := newRuntime(t, runtime.Config{Memory: 2 << 20})
	pinned := compile(t, r, "counter", runtime.Limits{Isolation: runtime.Pinned})
	call(t, pinned, "ada", "count", "")
	for range 20 {
		call(t, compile(t, r, "counter", runtime.Limits{}), "", "count", "")
	}
	if got := call(t, pinned, "ada", "count", ""); got != "1 2" {
		t.Errorf("after many others it counted %q", got)
	}
	many := compile(t, r, "counter", runtime.Limits{Isolation: runtime.Pinned, Instances: 100})
	for i := range 100 {
		call(t, many, fmt.Sprint(i), "count", "")
	}
	if u := r.Usage(); u.Memory > 3<<20 {
		t.Errorf("pinned instances take %+v, of a budget of %d bytes", u, 2<<20)
	}
}

// A pinned instance weighs what it has written, not all of its memory, most of which
// is the image's, and it is not lost for the rest.
func TestPinnedInstancesWeighWhatTheyHold(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Skip("memory is not mapped here")
	}
	const instances, budget = 50, 16 << 20
	r := newRuntime(t, runtime.Config{Memory: budget})
	synctest.Test(t, func(t *testing.T) {
		m := compile(t, r, "big", runtime.Limits{Isolation: runtime.Pinned, Instances: 2 * instances})
		for i := range instances {
			call(t, m, fmt.Sprint(i), "output", "x")
		}
		if u := r.Usage(); u.Instances != instances || u.Memory > budget {
			t.Errorf("of %d instances that write little are left %+v, of a budget of %d bytes", instances, u, budget)
		}
		for i := range instances {
			call(t, m, fmt.Sprint(i), "sum", "") // writes to each page
		}
		time.Sleep(10 * time.Second) // the bubble's time: they are looked at again
		synctest.Wait()
		call(t, m, "one more", "sum", "")
		if u := r.Usage(); u.Instances > 16 || u.Memory > budget {
			t.Errorf("of %d instances that write much are left %+v, of a budget of %d bytes", instances, u, budget)
		}
		if err := m.Close(t.Context()); err != nil || r.Usage() != (runtime.Usage{}) {
			t.Errorf("after closing (%v): %+v", err, r.Usage())
		}
	})
}

func TestUsageIsWhatIsThere(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		m := compile(t, r, "counter", runtime.Limits{Isolation: isolation})
		call(t, m, "one", "count", "")
		before := r.Usage()
		if before.Instances != 1 || before.Memory < 64<<10 {
			t.Errorf("%v: one instance: %+v", isolation, before)
		}
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "fail", Key: "one"})
		if err == nil || r.Usage().Instances != 0 {
			t.Errorf("%v: after a trap (%v): %+v", isolation, err, r.Usage())
		}
		if err := m.Close(t.Context()); err != nil || r.Usage() != (runtime.Usage{}) {
			t.Errorf("%v: after closing (%v): %+v", isolation, err, r.Usage())
		}
	}
}
