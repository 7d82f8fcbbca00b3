package runtime_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// tableGuest writes into its table, which memory and globals do not cover. Its
// hook answers with the number of times that _initialize ran.
func tableGuest() []byte {
	g := tinyGuest(
		tinyFunction{name: "_initialize", body: []byte{opI32Const, 0, opRefNull, typeFuncref, opTableSet, 0}},
	)
	g.table = 1
	return g.build()
}

func TestPristineForgets(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "counter", runtime.Limits{Instances: 1})
	for i := range 5 {
		if got := call(t, m, fmt.Sprint(i%2), "count", ""); got != "1 1" {
			t.Errorf("call %d counted %q, want %q", i, got, "1 1")
		}
	}
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "fail"})
	wantError(t, err, runtime.ErrTrap, trellis.Unavailable)
	if got := call(t, m, "", "count", ""); got != "1 1" {
		t.Errorf("after a trap it counted %q", got)
	}
}

func TestPristineNeverShowsAnothersState(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "counter", runtime.Limits{Instances: 2})
	const secret = "the password of tenant "
	for i := range 1000 {
		key := string(rune('a' + i%2))
		if got := call(t, m, key, "keep", secret+key); got != "" {
			t.Fatalf("call %d saw %q", i, got)
		}
		if i%100 == 0 {
			if all := call(t, m, key, "peek", ""); strings.Contains(all, "password") {
				t.Fatalf("call %d found the secret in memory", i)
			}
		}
	}
}

func TestPinnedRemembers(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "counter", runtime.Limits{Isolation: runtime.Pinned, Instances: 2})
	for i := range 3 {
		for _, key := range []string{"a", "b"} {
			if got, want := call(t, m, key, "count", ""), fmt.Sprintf("1 %d", i+1); got != want {
				t.Errorf("%s counted %q, want %q", key, got, want)
			}
		}
	}
	if got := call(t, m, "a", "keep", "secret"); got != "" {
		t.Errorf("a kept %q", got)
	}
	if got := call(t, m, "b", "keep", ""); got != "" {
		t.Errorf("b sees what a kept: %q", got)
	}
	// A third key takes the place of the one that was used longest ago, a.
	if got := call(t, m, "c", "count", ""); got != "1 1" {
		t.Errorf("c counted %q", got)
	}
	if got := call(t, m, "b", "count", ""); got != "1 4" {
		t.Errorf("b counted %q", got)
	}
	if got := call(t, m, "a", "count", ""); got != "1 1" {
		t.Errorf("a, which had been evicted, counted %q", got)
	}
	// A trap costs the state.
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "fail", Key: "a"})
	wantError(t, err, runtime.ErrTrap, trellis.Unavailable)
	if got := call(t, m, "a", "count", ""); got != "1 1" {
		t.Errorf("a, which had trapped, counted %q", got)
	}
}

func TestPinnedCallsOfOneKeyTakeTurns(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "counter", runtime.Limits{Isolation: runtime.Pinned, Instances: 4})
	const callers, calls = 8, 50
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range calls {
				call(t, m, "one", "count", "")
			}
		})
	}
	wg.Wait()
	if got, want := call(t, m, "one", "count", ""), fmt.Sprintf("1 %d", callers*calls+1); got != want {
		t.Errorf("counted %q, want %q", got, want)
	}
}

func TestBigMemoryIsPutBack(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "big", runtime.Limits{})
	for i := range 20 {
		if got := call(t, m, "", "sum", ""); got != "ok" {
			t.Fatalf("call %d found the memory %s", i, got)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got := call(t, m, "", "sum", ""); got != "ok" {
					t.Errorf("found the memory %s", got)
				}
			}
		})
	}
	wg.Wait()
	pinned := compile(t, r, "big", runtime.Limits{Isolation: runtime.Pinned})
	if a, b := call(t, pinned, "", "sum", ""), call(t, pinned, "", "sum", ""); a != "ok" || b != "spoilt" {
		t.Errorf("a pinned one found %s, then %s", a, b)
	}
}

func TestGrownMemoryIsNotKept(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "grow", runtime.Limits{})
	size := len(call(t, m, "", "size", ""))
	for range 10 {
		call(t, m, "", "some", "123")
		if got := len(call(t, m, "", "size", "")); got < size || got > 200 {
			t.Fatalf("after a call that grew, the memory has %d pages, at first %d", got, size)
		}
	}
	pinned := compile(t, r, "grow", runtime.Limits{Isolation: runtime.Pinned})
	call(t, pinned, "", "some", "123")
	if got := len(call(t, pinned, "", "size", "")); got != size+3 {
		t.Errorf("a pinned one has %d pages, want %d", got, size+3)
	}
}

// A guest that grows for large inputs is soon given the room at the start.
func TestImageAdaptsToGrowth(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "grow", runtime.Limits{})
	in := strings.Repeat("x", 300_000)
	before := len(call(t, m, "", "size", ""))
	for range 10 {
		if got := call(t, m, "", "echo", in); got != in {
			t.Fatalf("echo gave %d bytes", len(got))
		}
	}
	if after := len(call(t, m, "", "size", "")); after < before+3 {
		t.Errorf("the memory begins with %d pages, as before (%d)", after, before)
	}
}

func TestGuestThatCannotBePutBack(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m, err := r.Compile(t.Context(), tableGuest(), runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	if m.Info().Fresh == "" {
		t.Error("a guest that writes its table counts as one that can be put back")
	}
	for range 3 {
		call(t, m, "", "hook", "")
	}
}

// stateful are guests whose only hook, "state", answers with as many bytes as the
// state that it finds says, and then changes that state.
func stateful() map[string][]byte {
	guest := func(change func(*tiny), body ...byte) []byte {
		g := tinyGuest(tinyFunction{name: "state", params: "ii", results: "I", body: append(body, opI64ExtendU)})
		change(&g)
		return g.build()
	}
	const hook = 1 // the function after the allocator
	return map[string][]byte{
		"memory": guest(func(*tiny) {}, // adds one to a number there
			opI32Const, 0, opI32Const, 0, opI32Load, 2, 0, opI32Const, 1, opI32Add, opI32Store, 2, 0,
			opI32Const, 0, opI32Load, 2, 0),
		"global": guest(func(g *tiny) { g.globals = 2 },
			opGlobalGet, 1, opI32Const, 1, opI32Add, opGlobalSet, 1, opGlobalGet, 1),
		"size of the table": guest(func(g *tiny) { g.table = 1 },
			opRefNull, typeFuncref, opI32Const, 1, opBulk, 15, 0, opDrop, opBulk, 16, 0, opI32Const, 0x7f, opI32Add),
		"element of the table": guest(func(g *tiny) { g.table = 1 }, // 1 if it was null, else 2
			opI32Const, 2, opI32Const, 0, opTableGet, 0, opRefIsNull, 0x6b, // i32.sub
			opI32Const, 0, opRefFunc, hook, opTableSet, 0),
		"data": guest(func(g *tiny) { g.data = "\x01" }, // traps when the segment is gone
			opI32Const, 0, opI32Const, 0, opI32Const, 1, opBulk, 8, 0, 0, opBulk, 9, 0,
			opI32Const, 0, opI32Load, 2, 0),
	}
}

// TestAllStateIsPutBack: whatever a guest can change, the next call finds it as it
// was at the beginning, and a pinned one as the call before left it.
func TestAllStateIsPutBack(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	for what, binary := range stateful() {
		t.Run(what, func(t *testing.T) {
			m, err := r.Compile(t.Context(), binary, runtime.Limits{Instances: 1, Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				if got := len(call(t, m, "", "state", "")); got != 1 {
					t.Errorf("call %d finds %d, want 1", i, got)
				}
			}
			pinned, err := r.Compile(t.Context(), binary, runtime.Limits{Isolation: runtime.Pinned, Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			call(t, pinned, "", "state", "")
			out, _, err := pinned.Call(t.Context(), runtime.Call{Hook: "state"})
			if err == nil && len(out) != 2 { // the guest of data traps
				t.Errorf("a pinned one finds %d, want 2", len(out))
			}
		})
	}
}

// A guest that cannot be put back starts anew in every call, and the call pays:
// what it does while it starts is not beside the limits.
func TestStartIsPartOfTheCall(t *testing.T) {
	const rounds = 100_000
	g := tinyGuest(tinyFunction{name: "_initialize", body: append([]byte{
		opI32Const, 0, opRefNull, typeFuncref, opTableSet, 0, // by which it cannot be put back
		opLoop, 0x40,
		opI32Const, 0, opI32Const, 0, opI32Load, 2, 0, opI32Const, 1, opI32Add, opI32Store, 2, 0,
		opI32Const, 0, opI32Load, 2, 0, opI32Const}, append(uleb(rounds), opI32LtU, opBrIf, 0, opEnd)...)})
	g.table = 1
	m, err := newRuntime(t, runtime.Config{}).Compile(t.Context(), g.build(), runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := m.Call(t.Context(), runtime.Call{Hook: "hook"})
	if err != nil || s.Fuel < 10*rounds {
		t.Errorf("%d rounds used %d units (%v)", rounds, s.Fuel, err)
	}
	_, less, err := m.Call(t.Context(), runtime.Call{Hook: "hook", Budget: runtime.Budget{Fuel: s.Fuel / 2}})
	wantError(t, err, runtime.ErrFuel, trellis.Unavailable)
	if less.Fuel != s.Fuel/2 {
		t.Errorf("within %d units it used %d", s.Fuel/2, less.Fuel)
	}
	if _, _, err := m.Call(t.Context(), runtime.Call{Hook: "hook", Budget: runtime.Budget{Fuel: s.Fuel}}); err != nil {
		t.Errorf("within what it needs: %v", err)
	}
}

// What a module needed in its busiest moment it does not keep for ever.
func TestIdleInstancesGo(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) {
		entered <- struct{}{}
		<-release
		return nil, nil
	})})
	synctest.Test(t, func(t *testing.T) {
		m := compile(t, r, "host", runtime.Limits{Instances: 4})
		defer m.Close(t.Context())
		release, entered = make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			spawn(t.Context(), &wg, m, "key")
			<-entered
		}
		close(release)
		wg.Wait()
		if got := runtime.Idle(m); got != 4 {
			t.Errorf("%d idle instances after 4 calls at once", got)
		}
		time.Sleep(50 * time.Second) // the bubble's time
		call(t, m, "key", "clock", "")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := runtime.Idle(m); got != 1 {
			t.Errorf("%d idle instances, of which one was used within the minute", got)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := runtime.Idle(m); got != 0 {
			t.Errorf("%d idle instances that nobody needs", got)
		}
		call(t, m, "key", "clock", "")
	})
}

func TestConcurrentCalls(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	echo := compile(t, r, "echo", runtime.Limits{})
	counter := compile(t, r, "counter", runtime.Limits{})
	trap := compile(t, r, "trap", runtime.Limits{})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 50 {
				key := fmt.Sprint(i % 5)
				want := fmt.Sprintf("caller %d call %d", i, j)
				if got := call(t, echo, key, "echo", want); got != want {
					t.Errorf("echo(%q) = %q", want, got)
				}
				if got := call(t, counter, key, "count", ""); got != "1 1" {
					t.Errorf("counted %q", got)
				}
				if j%10 == 0 {
					if _, _, err := trap.Call(t.Context(), runtime.Call{Hook: "bounds", Key: key}); err == nil {
						t.Error("no trap")
					}
					if got := call(t, trap, key, "fine", want); got != want {
						t.Errorf("fine(%q) = %q", want, got)
					}
				}
			}
		})
	}
	wg.Wait()
}
