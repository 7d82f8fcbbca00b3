package runtime_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
)

// crasher is a guest that says something and traps: each call needs a new instance.
func crasher() []byte {
	return attacker(code(saysHello(), opUnreachable), importing(importLog))
}

// saysHello logs a word by function 0, which is importLog.
func saysHello() []byte {
	return code(poke(16, 'h'|'i'<<8), i32(1), i32(16), i32(2), opCall, 0)
}

// TestANewInstanceTakesItsTurn: an instance that has to be made in place of one that
// trapped is made when the call has its worker, not before.
func TestANewInstanceTakesItsTurn(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 1})
	loud := compile(t, r, "log", runtime.Limits{})
	m, err := r.Compile(t.Context(), crasher(), runtime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	crash := func() {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "attack", Class: "crash", Patience: time.Minute})
		wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable")
	}
	crash()
	if n := runtime.Idle(m); n != 0 {
		t.Fatalf("%d instances are left of a module that trapped", n)
	}
	arrived, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _, err := loud.Call(t.Context(), runtime.Call{Hook: "level", In: []byte("1x"), Class: "loud", Log: func(int, string) {
			close(arrived)
			<-leave
		}})
		if err != nil {
			t.Error(err)
		}
	})
	<-arrived
	before := r.Usage().Instances
	wg.Go(crash)
	waitForWorkers(t, r, 1)
	if n := r.Usage().Instances; n != before {
		t.Errorf("%d instances while the call waits for its worker, %d before", n, before)
	}
	close(leave)
	wg.Wait()
}

// TestCrashesLeaveAWorker: a class whose guests trap at every call makes no more
// instances at a time than it has workers, and leaves one to others who come.
func TestCrashesLeaveAWorker(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 2})
	quiet := compile(t, r, "echo", runtime.Limits{})
	m, err := r.Compile(t.Context(), crasher(), runtime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	const calls = 8
	arrived, leave := make(chan struct{}, calls), make(chan struct{})
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "attack", Class: "flood", Key: "crash", Patience: time.Minute, Log: func(int, string) {
				arrived <- struct{}{}
				<-leave
			}})
			wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable")
		})
	}
	<-arrived
	<-arrived // nobody waited yet: they have both workers
	waitForWorkers(t, r, calls-2)
	runtime.Visit(r, "quiet", time.Hour)
	leave <- struct{}{}
	<-arrived
	leave <- struct{}{} // for which nobody comes: that worker is left
	before := r.Usage().Instances
	for range 3 {
		out, _, err := quiet.Call(t.Context(), runtime.Call{Hook: "upper", In: []byte("x"), Class: "quiet", Key: "quiet", Patience: 10 * time.Second})
		if err != nil || string(out) != "X" {
			t.Errorf("the quiet class waits: %q, %v", out, err)
		}
	}
	if n := r.Usage().Instances; n > before {
		t.Errorf("%d instances, %d before: those that wait have made theirs", n, before)
	}
	if n := runtime.QueuedForWorkers(r); n != calls-3 {
		t.Errorf("%d calls of the flood wait, want %d", n, calls-3)
	}
	close(leave)
	wg.Wait()
}

// TestATrapSaysWhatAnotherInstanceIsWorth, as often as it traps.
func TestATrapSaysWhatAnotherInstanceIsWorth(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m, err := r.Compile(t.Context(), attacker([]byte{opUnreachable}), runtime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, harmless, err := m.Call(t.Context(), runtime.Call{Hook: "hook"})
	if err != nil || harmless.Setup != 0 {
		t.Fatalf("a call that does not trap: %v, %+v", err, harmless)
	}
	for range 3 {
		_, s, err := m.Call(t.Context(), runtime.Call{Hook: "attack"})
		wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable")
		if s.Setup < 60_000 || s.Setup > 100_000 || s.Fuel >= 60_000 {
			t.Errorf("one that traps: %+v", s)
		}
	}
}

// TestPuttingBackHoldsTheWorker: what the host does with an instance after a call,
// here to try a larger image, is done in the worker of that call.
func TestPuttingBackHoldsTheWorker(t *testing.T) {
	var r *runtime.Runtime
	var free []int
	r = newRuntime(t, runtime.Config{Workers: 1, Logger: slog.New(onLog(func(record slog.Record) {
		if record.Message == "no larger image" {
			free = append(free, runtime.FreeWorkers(r))
		}
	}))})
	g := tinyGuest(tinyFunction{name: "grow", params: "ii", results: "I", body: code(i32(1), opMemoryGrow, 0, opDrop, i64(0))})
	// It takes no more input than it is asked for at first.
	g.exports[0].body = code(opLocalGet, 0, i32(20_000), 0x4b, opIf, typeEmpty, opUnreachable, opEnd, i32(16)) // i32.gt_u
	m, err := r.Compile(t.Context(), g.build(), runtime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		call(t, m, "", "grow", "")
	}
	if len(free) != 1 || free[0] != 0 {
		t.Errorf("a larger image was tried %d times, with so many workers free: %v", len(free), free)
	}
	if n := runtime.FreeWorkers(r); n != 1 {
		t.Errorf("%d workers are free at the end, want 1", n)
	}
}

// onLog is a handler of log records that only looks at them.
type onLog func(slog.Record)

func (h onLog) Enabled(context.Context, slog.Level) bool { return true }
func (h onLog) Handle(_ context.Context, record slog.Record) error {
	h(record)
	return nil
}
func (h onLog) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h onLog) WithGroup(string) slog.Handler      { return h }
