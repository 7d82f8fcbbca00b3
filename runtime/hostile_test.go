package runtime_test

import (
	"context"
	"fmt"
	"os"
	goruntime "runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// attack is one module that somebody wrote to do harm, and what must come of it.
type attack struct {
	name   string
	module []byte
	limits runtime.Limits
	// refused are words of the error with which the module is not taken. Nil: it
	// is taken, and its hook is called.
	refused []string
	hook    string // default: "attack"
	in      string
	// sentinel and says are of the error that the call ends with. If there are
	// none, the call must succeed with the answer.
	sentinel error
	kind     trellis.Kind // default: that of all sentinels, Unavailable
	says     []string
	answer   string
}

// attacks returns the whole corpus, by what is attacked.
func attacks() map[string][]attack {
	return map[string][]attack{
		"form":    formAttacks(),
		"start":   startAttacks(),
		"stack":   stackAttacks(),
		"memory":  memoryAttacks(),
		"border":  borderAttacks(),
		"floods":  floodAttacks(),
		"names":   nameAttacks(),
		"command": commandAttacks(),
		"extism":  extismAttacks(),
	}
}

// patience is how long anything here may take before the process counts as
// stalled. The fuel of every attack is worth 20 ms; the rest is for machines that are
// slow, emulated or busy with other tests.
const patience = 5 * time.Minute

// guarded runs do and ends the test with all stacks if it does not return.
func guarded(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	alarm := time.NewTimer(patience)
	defer alarm.Stop()
	select {
	case <-done:
	case <-alarm.C:
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		t.Fatalf("stalled for %v", patience)
	}
}

// hostileHost answers the guests of the corpus.
func hostileHost(_ context.Context, op string, in []byte) ([]byte, error) {
	switch op {
	case "echo":
		return in, nil
	case "large":
		return make([]byte, 8<<20), nil
	case "secret":
		return []byte(secret), nil
	}
	return nil, trellis.Errorf(trellis.NotFound, "operation %q", op)
}

// bystander is the module of another tenant, which must notice nothing.
type bystander struct{ m *runtime.Module }

func newBystander(t *testing.T, r *runtime.Runtime) bystander {
	t.Helper()
	return bystander{compile(t, r, "counter", runtime.Limits{Instances: 1})}
}

func (b bystander) check(t *testing.T) {
	t.Helper()
	out, _, err := b.m.Call(t.Context(), runtime.Call{Hook: "count", Key: "bystander"})
	if err != nil || string(out) != "1 1" {
		t.Errorf("another tenant's call: %q, %v", out, err)
	}
}

// run makes one attack and looks at what is left behind.
func (a attack) run(t *testing.T, r *runtime.Runtime, b bystander, yields bool) {
	guarded(t, func() { a.attempt(t, r, yields) })
	b.check(t)
}

// attempt has the guest trap when its fuel ends or, if yields, ask the host for
// more and be refused.
func (a attack) attempt(t *testing.T, r *runtime.Runtime, yields bool) {
	l, fuel := a.limits, r.FuelPerSecond()/50
	l.Fuel = r.FuelPerSecond()
	if !yields {
		fuel = r.FuelPerSecond() / 1000
		l.Fuel = fuel
	}
	if l.Time == 0 {
		l.Time = patience
	}
	m, err := r.Compile(t.Context(), a.module, l)
	if a.refused != nil {
		if err == nil {
			_ = m.Close(t.Context())
			t.Error("the module is taken")
			return
		}
		a.blame(t, err, nil, trellis.Invalid, a.refused)
		return
	}
	if err != nil {
		t.Errorf("the module is not taken: %v", err)
		return
	}
	defer m.Close(t.Context())
	hook := a.hook
	if hook == "" {
		hook = "attack"
	}
	for range 3 { // also on what an earlier one left behind
		out, s, err := m.Call(t.Context(), runtime.Call{Hook: hook, In: []byte(a.in), Key: "attacker", Log: plainLines(t), Budget: runtime.Budget{Fuel: fuel}})
		switch {
		case a.sentinel == nil && a.kind == "":
			if err != nil || string(out) != a.answer {
				t.Errorf("answer %.100q, %v, want %.100q", out, err, a.answer)
			}
		case err == nil:
			t.Errorf("the attack succeeds with %.100q, %+v", out, s)
		default:
			kind := a.kind
			if kind == "" {
				kind = trellis.Unavailable
			}
			a.blame(t, err, a.sentinel, kind, a.says)
		}
		if s.Memory > 64<<20 || s.Time > patience/5 {
			t.Errorf("it used %+v", s)
		}
	}
	if _, ok := slices.BinarySearch(m.Hooks(), "hook"); ok { // the harmless one of every tiny guest
		if _, _, err := m.Call(t.Context(), runtime.Call{Hook: "hook", Key: "another"}); err != nil {
			t.Errorf("afterwards the module's harmless hook fails: %v", err)
		}
	}
}

// blame checks an error, and that it may be shown: one line, not too long.
func (a attack) blame(t *testing.T, err, sentinel error, kind trellis.Kind, says []string) {
	t.Helper()
	wantError(t, err, sentinel, kind, says...)
	if text := err.Error(); len(text) > 4000 || strings.ContainsAny(text, "\n\r\x1b\x00\u202e") {
		t.Errorf("the error is not fit for a log: %.300q", text)
	}
}

// plainLines fails the test for a line of log that could fool its reader.
func plainLines(t *testing.T) func(int, string) {
	return func(level int, line string) {
		if level < 0 || level > 3 || len(line) > 64<<10 || strings.ContainsAny(line, "\n\r\x1b\x00\u202e\u2066\u009b") {
			t.Errorf("logged at level %d: %.100q", level, line)
		}
	}
}

// TestHostile makes every attack of the corpus, in both variants and all of it
// twice, in one runtime for each. Each has a clear error, the same in both, and the
// second time leaves nothing that the first did not. A guest traps if it may use no
// more than is worth a millisecond, so in the second runtime twenty times as much is:
// as much as an attack has in the first.
func TestHostile(t *testing.T) {
	cfg := runtime.Config{Host: hostFunc(hostileHost), Workers: 2}
	yielding := newRuntime(t, cfg)
	cfg.FuelPerSecond = 20 * yielding.FuelPerSecond()
	trapping := newRuntime(t, cfg)
	yieldingBystander, trappingBystander := newBystander(t, yielding), newBystander(t, trapping)
	pass := func(name string, yields bool) {
		t.Run(name, func(t *testing.T) {
			for area, list := range attacks() {
				t.Run(area, func(t *testing.T) {
					for _, a := range list {
						r, b := yielding, yieldingBystander
						if !yields && a.refused == nil { // to start, where others end, a guest has as much in any case
							r, b = trapping, trappingBystander
						}
						t.Run(a.name, func(t *testing.T) { a.run(t, r, b, yields) })
					}
				})
			}
		})
	}
	pass("yielding", true)
	if raced { // which makes Extism's kernel, ours, ten times as slow
		return
	}
	pass("trapping", false)
	before := settle(holdings{}, time.Second)
	pass("trapping again", false)
	pass("yielding again", true)
	after := settle(before, time.Minute)
	t.Logf("before %v, after %v", before, after)
	if !after.within(before) {
		t.Errorf("the process holds %v, before the second time it held %v", after, before)
	}
}

// holdings are what a process can leak.
type holdings struct {
	goroutines, files, mappings int
	heap                        int // bytes
}

func (h holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d mappings, %d KiB of heap", h.goroutines, h.files, h.mappings, h.heap>>10)
}

// within reports whether h is no more than was, but for what comes and goes with
// the collector: some pieces of heap.
func (h holdings) within(was holdings) bool {
	return h.goroutines <= was.goroutines && h.files <= was.files &&
		h.mappings <= was.mappings+20 && h.heap <= was.heap+8<<20
}

// held counts what the process holds. Files and mappings are 0 where the system
// does not say.
func held() holdings {
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	h := holdings{goroutines: goruntime.NumGoroutine(), heap: int(m.HeapAlloc)}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		h.files = len(entries)
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		h.mappings = strings.Count(string(maps), "\n")
	}
	return h
}

// settle collects garbage until what the process holds is within was, or until
// it had so long: machine code is unmapped by finalizers, and goroutines that
// have done their work end when the machine comes to it.
func settle(was holdings, most time.Duration) holdings {
	for end := time.Now().Add(most); ; time.Sleep(10 * time.Millisecond) {
		goruntime.GC()
		if h := held(); h.within(was) || time.Now().After(end) {
			return h
		}
	}
}
