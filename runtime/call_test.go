package runtime_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

func TestCall(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "echo", runtime.Limits{})
	dst := []byte("before ")
	out, s, err := m.Call(t.Context(), runtime.Call{Hook: "upper", In: []byte("hello"), Dst: dst})
	if err != nil || string(out) != "before HELLO" {
		t.Errorf("answer %q, %v", out, err)
	}
	if s.Fuel == 0 || s.Fuel > 10_000 || s.Memory < 64<<10 || s.Time <= 0 || s.HostCalls != 0 {
		t.Errorf("stats %+v", s)
	}
	if got := call(t, m, "", "echo", ""); got != "" {
		t.Errorf("empty input gave %q", got)
	}
	long := strings.Repeat("0123456789", 100_000)
	if got := call(t, m, "", "echo", long); got != long {
		t.Errorf("a long input came back with %d bytes", len(got))
	}
	_, again, err := m.Call(t.Context(), runtime.Call{Hook: "upper", In: []byte("hello")})
	if err != nil || again.Fuel != s.Fuel {
		t.Errorf("the same call used %d, then %d units (%v)", s.Fuel, again.Fuel, err)
	}
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "trellis_alloc"})
	wantError(t, err, nil, trellis.NotFound, "trellis_alloc")
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "none\x00\n"})
	wantError(t, err, nil, trellis.NotFound, "hook none: ")
	if errors.Is(err, runtime.ErrAnswer) {
		t.Error("what the host refuses is taken for the guest's answer")
	}
	out, _, err = m.Call(t.Context(), runtime.Call{Hook: "refuse", In: []byte(`{}`), Dst: dst})
	if err == nil || string(out) != "before " {
		t.Errorf("after an error dst is %q (%v)", out, err)
	}
}

func TestErrorAnswers(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "echo", runtime.Limits{Isolation: runtime.Pinned})
	for _, k := range trellis.Kinds() {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "refuse", In: fmt.Appendf(nil, `{"kind":%q,"message":"because"}`, k)})
		wantError(t, err, runtime.ErrAnswer, k, "hook refuse: because")
	}
	for _, tt := range []struct {
		name, answer, want string
		kind               trellis.Kind
	}{
		{"unknown kind", `{"kind":"odd","message":"x y"}`, "x y", trellis.Internal},
		{"no kind", `{"message":"x y"}`, "x y", trellis.Internal},
		{"no message", `{"kind":"denied"}`, "the guest gave no message", trellis.Denied},
		{"not JSON", "crashed\x00 somewhere", "not {kind, message}: crashed somewhere", trellis.Internal},
		{"empty", "", "not {kind, message}", trellis.Internal},
		{"control characters", `{"kind":"invalid","message":"a\u0000\nb\u202e\ud800c"}`, "a b\ufffdc", trellis.Invalid},
		{"long", `{"kind":"invalid","message":"` + strings.Repeat("é", 3000) + `"}`, strings.Repeat("é", 999) + "…", trellis.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "refuse", In: []byte(tt.answer)})
			wantError(t, err, runtime.ErrAnswer, tt.kind, tt.want)
			if len(err.Error()) > 3100 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "refuse", In: []byte(strings.Repeat("x", 10_000))})
	wantError(t, err, runtime.ErrOutput, trellis.Unavailable, "10000 bytes, of 8192 allowed")
}

func TestFaults(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	for _, tt := range []struct {
		guest, hook, in string
		want            error
		says            []string
	}{
		{"spin", "spin", "", runtime.ErrFuel, []string{"hook spin: out of fuel: used the"}},
		{"spin", "now", "", runtime.ErrFuel, nil},
		{"spin", "random", "", runtime.ErrFuel, nil},
		{"spin", "fill", "", runtime.ErrFuel, nil},
		{"spin", "recurse", "", runtime.ErrTrap, []string{"at deeper < …"}},
		{"trap", "unreachable", "", runtime.ErrTrap, []string{"hook unreachable: trapped: unreachable", "last log line: going down"}},
		{"trap", "bounds", "", runtime.ErrTrap, []string{"out of bounds memory access"}},
		{"trap", "divide", "", runtime.ErrTrap, []string{"integer divide by zero"}},
		{"trap", "table", "", runtime.ErrTrap, []string{"invalid table access"}},
		{"wasi", "exit", "3", runtime.ErrTrap, []string{"exit code 3", "last log line: giving up"}},
		{"wasi", "exit", "0", runtime.ErrTrap, []string{"exit code 0"}},
		{"wasi", "flood", "", runtime.ErrFuel, nil},
		{"grow", "all", "", runtime.ErrMemory, []string{"16384 KiB of 16384 KiB in use"}},
		{"garbage", "outside", "", runtime.ErrTrap, []string{"the answer is at 4294967280, 16 bytes long, outside of the memory"}},
		{"garbage", "wrap", "", runtime.ErrTrap, []string{"outside of the memory"}},
		{"garbage", "huge", "", runtime.ErrOutput, []string{"104857600 bytes, of 1048576 allowed"}},
		{"garbage", "error_outside", "", runtime.ErrTrap, nil},
		{"garbage", "error_huge", "", runtime.ErrOutput, nil},
		{"garbage", "call_name", "", runtime.ErrTrap, []string{"call: the operation's name at 4294967280, 100 bytes long"}},
		{"garbage", "call_long_name", "", runtime.ErrTrap, []string{"name has 4294967295 bytes, of 128 allowed"}},
		{"garbage", "call_input", "", runtime.ErrTrap, []string{"call: the input at"}},
		{"garbage", "read_room", "", runtime.ErrTrap, []string{"read: the room at"}},
		{"garbage", "log_line", "", runtime.ErrTrap, []string{"log: the line at"}},
		{"garbage", "random_room", "", runtime.ErrTrap, []string{"random: the room at"}},
	} {
		t.Run(tt.guest+"/"+tt.hook, func(t *testing.T) {
			m := compile(t, r, tt.guest, runtime.Limits{Fuel: r.FuelPerSecond() / 50})
			for range 2 { // the module stays usable
				out, s, err := m.Call(t.Context(), runtime.Call{Hook: tt.hook, In: []byte(tt.in)})
				wantError(t, err, tt.want, trellis.Unavailable, tt.says...)
				if errors.Is(err, runtime.ErrFuel) && s.Fuel != r.FuelPerSecond()/50 {
					t.Errorf("used %d units, of %d", s.Fuel, r.FuelPerSecond()/50)
				}
				if out != nil || s.Fuel == 0 || s.Memory == 0 || s.Time <= 0 {
					t.Errorf("answer %q, stats %+v", out, s)
				}
			}
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A guest that calls itself without using memory meets the limit of call depth.
func TestCallDepth(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	const self = 2 // after the allocator and the hook of every tiny guest
	m, err := r.Compile(t.Context(), tinyGuest(tinyFunction{name: "deeper", params: "ii", results: "I",
		body: []byte{opLocalGet, 0, opLocalGet, 1, opCall, self}}).build(), runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, _, err = m.Call(t.Context(), runtime.Call{Hook: "deeper"})
		wantError(t, err, runtime.ErrTrap, trellis.Unavailable, "call depth exceeded")
	}
}

func TestBudget(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "spin", runtime.Limits{Fuel: 1_000_000})
	for _, tt := range []struct{ asked, most uint64 }{{0, 1_000_000}, {50_000, 50_000}, {10_000_000, 1_000_000}} {
		_, s, err := m.Call(t.Context(), runtime.Call{Hook: "spin", Budget: runtime.Budget{Fuel: tt.asked}})
		wantError(t, err, runtime.ErrFuel, trellis.Unavailable, fmt.Sprintf("used the %d units", tt.most))
		if s.Fuel != tt.most {
			t.Errorf("asked for %d units, used %d, want %d", tt.asked, s.Fuel, tt.most)
		}
	}
	_, s, err := m.Call(t.Context(), runtime.Call{Hook: "work", In: make([]byte, 1), Budget: runtime.Budget{Fuel: 1_000_000}})
	if err != nil {
		t.Fatal(err)
	}
	_, more, err := m.Call(t.Context(), runtime.Call{Hook: "work", In: make([]byte, 10)})
	if err != nil || more.Fuel < 5*s.Fuel || more.Fuel > 11*s.Fuel {
		t.Errorf("ten times the work used %d units after %d (%v)", more.Fuel, s.Fuel, err)
	}
}

func TestFuelDefaultsToATenthOfASecond(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "spin", runtime.Limits{})
	_, s, err := m.Call(t.Context(), runtime.Call{Hook: "spin"})
	wantError(t, err, runtime.ErrFuel, trellis.Unavailable)
	want := float64(r.FuelPerSecond()) / 10
	if got := float64(s.Fuel); got < want*0.99 || got > want*1.01 {
		t.Errorf("default fuel = %v, want %v", got, want)
	}
}

func TestOutput(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "big", runtime.Limits{Output: 10 << 10})
	if got := call(t, m, "", "output", "0123456789"); len(got) != 10<<10 {
		t.Errorf("%d bytes", len(got))
	}
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "output", In: make([]byte, 11)})
	wantError(t, err, runtime.ErrOutput, trellis.Unavailable, "11264 bytes, of 10240 allowed")
}

func TestInputThatDoesNotFit(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "echo", runtime.Limits{Memory: 1 << 20})
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "echo", In: make([]byte, 2<<20)})
	wantError(t, err, nil, trellis.Exhausted, "2097152 bytes does not fit")
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "echo", In: make([]byte, 1<<20)})
	wantError(t, err, runtime.ErrMemory, trellis.Unavailable, "no room for 1048576 bytes")
}

type line struct {
	level int
	text  string
}

// logged calls a hook and returns what it logged.
func logged(t *testing.T, m *runtime.Module, hook, in string) (lines []line, err error) {
	t.Helper()
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: hook, In: []byte(in), Log: func(level int, text string) {
		lines = append(lines, line{level, text})
	}})
	return lines, err
}

func TestLog(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	m := compile(t, r, "log", runtime.Limits{Log: 100})
	for _, tt := range []struct {
		name, hook, in string
		want           []line
	}{
		{"debug", "level", "0fine", []line{{0, "fine"}}},
		{"error", "level", "3bad", []line{{3, "bad"}}},
		{"level too high", "level", "9bad", []line{{3, "bad"}}},
		{"level too low", "level", "+low", []line{{0, "low"}}},
		{"control characters", "level", "1a\nb\x1b[31m\xff", []line{{1, "a b[31m\uFFFD"}}},
		{"empty", "level", "1", nil},
		{"too long", "level", "2" + strings.Repeat("x", 200), []line{{2, strings.Repeat("x", 100)}, {2, "[the rest of the log is left out: it is longer than allowed]"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := logged(t, m, tt.hook, tt.in)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("logged %v (%v), want %v", got, err, tt.want)
			}
		})
	}
	got, err := logged(t, m, "flood", "twelve bytes")
	if err != nil || len(got) != 10 || got[9].level != 2 { // eight whole ones, a cut one, the note
		t.Errorf("a flood logged %d lines (%v): %v", len(got), err, got)
	}
	many := compile(t, r, "log", runtime.Limits{})
	if got, err := logged(t, many, "flood", "x"); err != nil || len(got) != 501 || got[500].level != 2 {
		t.Errorf("a flood of short lines logged %d (%v)", len(got), err)
	}
	if got, err := logged(t, m, "whole", ""); err != nil || len(got) > 2 {
		t.Errorf("all of the memory logged %d lines (%v)", len(got), err)
	}
	call(t, m, "", "level", "1nobody listens")
}

// What the caller gave is the caller's: if it panics, the guest is not blamed.
func TestLogPanics(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "log", runtime.Limits{})
	_, _, err := m.Call(t.Context(), runtime.Call{Hook: "level", In: []byte("1x"), Log: func(int, string) { panic("no disk") }})
	wantError(t, err, nil, trellis.Internal, "the host panicked: ")
	if errors.Is(err, runtime.ErrTrap) {
		t.Errorf("the guest is blamed: %v", err)
	}
	call(t, m, "", "level", "1x")
}

func TestWASI(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "wasi", runtime.Limits{})
	got, err := logged(t, m, "print", "")
	want := []line{{1, "one"}, {2, "three"}, {1, "two and a half"}, {1, "four"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("printed %v (%v), want %v", got, err, want)
	}
	const badf, fault, inval = 8, 21, 28
	if got, want := call(t, m, "", "errors", ""), string([]byte{badf, badf, badf, fault, inval, fault, 0, 0}); got != want {
		t.Errorf("error numbers %v, want %v", []byte(got), []byte(want))
	}
	if got := call(t, m, "", "empty", ""); got != strings.Repeat("\x00", 20) {
		t.Errorf("arguments, environment and input are %v", []byte(got))
	}
	synctest.Test(t, func(t *testing.T) { // whose time goes on if anybody waits
		start := time.Now()
		if got := call(t, m, "", "sleep", ""); got != "" || time.Since(start) != 0 {
			t.Errorf("sleeping answered %q after %v", got, time.Since(start))
		}
	})
}

func TestClockAndRandom(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "host", runtime.Limits{})
	before := time.Now().UnixNano()
	now := int64(binary.LittleEndian.Uint64([]byte(call(t, m, "", "clock", ""))))
	if after := time.Now().UnixNano(); now < before || now > after {
		t.Errorf("now = %d, not between %d and %d", now, before, after)
	}
	a, b := call(t, m, "", "random", ""), call(t, m, "", "random", "")
	if a == b || a == strings.Repeat("\x00", 16) {
		t.Errorf("random = %x, then %x", a, b)
	}
}

func TestCallerGoes(t *testing.T) {
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	m := compile(t, r, "host", runtime.Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := m.Call(ctx, runtime.Call{Hook: "clock"})
	wantError(t, err, context.Canceled, trellis.Unavailable)
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err = m.Call(ctx, runtime.Call{Hook: "call", In: []byte("\x04wait")})
	wantError(t, err, context.DeadlineExceeded, trellis.Unavailable, "the caller has gone")
	if errors.Is(err, runtime.ErrTime) {
		t.Error("the guest is blamed for a caller that went")
	}
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "call", In: []byte("\x04wait"), Budget: runtime.Budget{Time: 20 * time.Millisecond}})
	wantError(t, err, runtime.ErrTime, trellis.Unavailable, "hook call: out of time: 20ms is over")
}

// A guest that answers before it looks at the clock, as one does that uses little
// fuel, has answered.
func TestLateAnswerIsAccepted(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "spin", runtime.Limits{})
	_, s, err := m.Call(t.Context(), runtime.Call{Hook: "work", In: []byte("x"), Budget: runtime.Budget{Time: time.Nanosecond}})
	if err != nil || s.Time < time.Nanosecond {
		t.Errorf("an answer within the fuel, after the time: %v", err)
	}
}
