package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// operation is the input of the hook "call" of testdata/host.c.
func operation(name, in string) []byte { return append([]byte{byte(len(name))}, name+in...) }

func TestHostCall(t *testing.T) {
	large := strings.Repeat("0123456789", 3000)
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(_ context.Context, op string, in []byte) ([]byte, error) {
		switch op {
		case "echo":
			return in, nil
		case "large":
			return []byte(large), nil
		case "nothing":
			return nil, nil
		case "refusal":
			return nil, fmt.Errorf("enrol: %w", &trellis.Refusal{Extension: "acme.seats", Message: "the course is full"})
		case "bad":
			return nil, trellis.Errorf(trellis.Invalid, "field %q\n is missing", "course")
		case "down":
			return nil, trellis.Errorf(trellis.Unavailable, "dial 10.0.0.7: refused")
		case "bug":
			return nil, errors.New("nil map in store.go")
		case "flood":
			return make([]byte, 32<<20), nil
		}
		return nil, trellis.Errorf(trellis.NotFound, "operation %q", op)
	})})
	m := compile(t, r, "host", runtime.Limits{})
	for _, tt := range []struct{ op, in, want string }{
		{"echo", "hello", "0hello"},
		{"large", "", "0" + large},
		{"nothing", "x", "0"},
		{"refusal", "", `3{"kind":"refused","message":"enrol: acme.seats refused: the course is full"}`},
		{"bad", "", `1{"kind":"invalid","message":"field \"course\"  is missing"}`},
		{"down", "", `7{"kind":"unavailable","message":"not available at the moment"}`},
		{"bug", "", `8{"kind":"internal","message":"internal error"}`},
		{"flood", "", `6{"kind":"exhausted","message":"the answer of flood has 33554432 bytes, more than the guest's memory"}`},
		{"other", "", `4{"kind":"not_found","message":"operation \"other\""}`},
		{"", "", `4{"kind":"not_found","message":"operation \"\""}`},
	} {
		t.Run(tt.op, func(t *testing.T) {
			out, s, err := m.Call(t.Context(), runtime.Call{Hook: "call", In: operation(tt.op, tt.in)})
			if err != nil || string(out) != tt.want || s.HostCalls != 1 {
				t.Errorf("answer %.200q, %d host calls, %v, want %.200q", out, s.HostCalls, err, tt.want)
			}
		})
	}
	if got := call(t, m, "", "leftover", ""); got != "" {
		t.Errorf("the answer of an earlier call can be read: %q", got)
	}
}

func TestHostMissing(t *testing.T) {
	m := compile(t, newRuntime(t, runtime.Config{}), "host", runtime.Limits{})
	if got := call(t, m, "", "call", string(operation("echo", ""))); !strings.HasPrefix(got, "7{") {
		t.Errorf("answer %q", got)
	}
}

func TestHostCallsAreCounted(t *testing.T) {
	asked := 0
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) {
		asked++
		return nil, nil
	})})
	m := compile(t, r, "host", runtime.Limits{HostCalls: 3})
	for range 2 {
		asked = 0
		if got := call(t, m, "", "many", "\x05"); got != "00066" || asked != 3 {
			t.Errorf("five operations gave %q, the host was asked %d times", got, asked)
		}
	}
	// Who goes on asking is ended.
	if got := call(t, m, "", "many", "\x13"); got != "000"+strings.Repeat("6", 16) {
		t.Errorf("nineteen operations gave %q", got)
	}
	_, s, err := m.Call(t.Context(), runtime.Call{Hook: "many", In: []byte("\xff")})
	wantError(t, err, runtime.ErrTrap, trellis.Unavailable, "more than 3 host operations in one call, and 16 that were refused")
	if s.HostCalls != 20 {
		t.Errorf("it came to %d operations", s.HostCalls)
	}
}

func TestHostPanics(t *testing.T) {
	var log bytes.Buffer
	r := newRuntime(t, runtime.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Host: hostFunc(func(_ context.Context, op string, _ []byte) ([]byte, error) {
			if op == "panic" {
				panic("of the operation")
			}
			return []byte("fine"), nil
		}),
	})
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		m := compile(t, r, "host", runtime.Limits{Isolation: isolation})
		for range 3 {
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "call", In: operation("panic", "")})
			wantError(t, err, nil, trellis.Internal, "host operation panic panicked")
			if got := call(t, m, "", "call", string(operation("fine", ""))); got != "0fine" {
				t.Errorf("afterwards: %q", got)
			}
		}
	}
	if !strings.Contains(log.String(), "of the operation") || !strings.Contains(log.String(), "host_test.go") {
		t.Errorf("the panic was not logged: %s", log.String())
	}
}

func TestHostSeesTheDeadlineAndTheCallersValues(t *testing.T) {
	type key struct{}
	var left time.Duration
	var value any
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		deadline, _ := ctx.Deadline()
		left, value = time.Until(deadline), ctx.Value(key{})
		return nil, nil
	})})
	m := compile(t, r, "host", runtime.Limits{Time: time.Minute})
	ctx := context.WithValue(t.Context(), key{}, "the actor")
	_, _, err := m.Call(ctx, runtime.Call{Hook: "call", In: operation("x", ""), Budget: runtime.Budget{Time: 30 * time.Second}})
	if err != nil || value != "the actor" || left <= 0 || left > 30*time.Second {
		t.Errorf("value %v, %v left, %v", value, left, err)
	}
}

// Time may be lowered, and not raised, by a call; a nested one has what the outer
// one has left, whatever it asks for.
func TestTimeIsTheOutersAndNeverMore(t *testing.T) {
	var m *runtime.Module
	var left time.Duration
	asks := time.Hour
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(ctx context.Context, op string, _ []byte) ([]byte, error) {
		if op == "look" {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return nil, nil
		}
		out, _, err := m.Call(ctx, runtime.Call{Hook: "call", In: operation("look", ""), Key: "inner", Budget: runtime.Budget{Time: asks}})
		return out, err
	})})
	m = compile(t, r, "host", runtime.Limits{Time: time.Minute})
	for _, tt := range []struct {
		op          string
		outer, asks time.Duration
		most        time.Duration
	}{
		{"look", 0, 0, time.Minute}, {"look", time.Hour, 0, time.Minute}, {"look", 20 * time.Second, 0, 20 * time.Second},
		{"nest", 20 * time.Second, time.Hour, 20 * time.Second}, {"nest", 20 * time.Second, 10 * time.Second, 10 * time.Second},
	} {
		asks = tt.asks
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "call", In: operation(tt.op, ""), Key: "outer", Budget: runtime.Budget{Time: tt.outer}})
		if err != nil || left > tt.most || left < tt.most/2 {
			t.Errorf("%s with %v, nested %v: %v left, %v; want at most %v", tt.op, tt.outer, tt.asks, left, err, tt.most)
		}
	}
}

// nest is a host whose operation "again" calls module m again.
type nest struct {
	m     *runtime.Module
	key   string
	hook  string
	in    []byte
	depth int
	errs  []error
	fuel  []uint64
}

func (n *nest) Call(ctx context.Context, op string, _ []byte) ([]byte, error) {
	n.depth++
	out, s, err := n.m.Call(ctx, runtime.Call{Hook: n.hook, In: n.in, Key: n.key})
	n.errs, n.fuel = append(n.errs, err), append(n.fuel, s.Fuel)
	return out, err
}

func TestNesting(t *testing.T) {
	n := &nest{hook: "call", in: operation("again", "")}
	r := newRuntime(t, runtime.Config{Host: n})
	n.m = compile(t, r, "host", runtime.Limits{Instances: 1}) // one slot: the nested ones run on their parent's
	out, s, err := n.m.Call(t.Context(), runtime.Call{Hook: "call", In: n.in})
	if err != nil {
		t.Fatal(err)
	}
	want := `000{"kind":"exhausted"` // innermost first: a third one calls, and is refused a fourth
	if !strings.HasPrefix(string(out), "00"+"6{") || n.depth != 3 {
		t.Errorf("answer %q at depth %d, want %q", out, n.depth, want)
	}
	wantError(t, n.errs[0], nil, trellis.Exhausted, "nested more than 3 deep")
	if s.Fuel <= n.fuel[2] || n.fuel[2] <= n.fuel[1] || n.fuel[1] <= n.fuel[0] {
		t.Errorf("the outer call used %d units, the nested ones %v", s.Fuel, n.fuel)
	}
}

func TestNestedCallsUseTheOuterBudget(t *testing.T) {
	n := &nest{hook: "spin"}
	r := newRuntime(t, runtime.Config{Host: n})
	outer := compile(t, r, "host", runtime.Limits{Fuel: 1_000_000})
	n.m = compile(t, r, "spin", runtime.Limits{Fuel: 50_000_000})
	_, s, err := outer.Call(t.Context(), runtime.Call{Hook: "call", In: operation("again", "")})
	wantError(t, n.errs[0], runtime.ErrFuel, trellis.Unavailable)
	if n.fuel[0] >= 1_000_000 || n.fuel[0] < 900_000 {
		t.Errorf("the nested call used %d units", n.fuel[0])
	}
	if s.Fuel < n.fuel[0] || s.Fuel > 1_000_000 {
		t.Errorf("the outer call used %d units, the nested one %d (%v)", s.Fuel, n.fuel[0], err)
	}
}

func TestNestedCallAfterwards(t *testing.T) {
	var kept context.Context
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		kept = context.WithoutCancel(ctx)
		return nil, nil
	})})
	m := compile(t, r, "host", runtime.Limits{})
	call(t, m, "", "call", string(operation("keep", "")))
	_, _, err := m.Call(kept, runtime.Call{Hook: "clock"})
	wantError(t, err, nil, trellis.Unavailable, "the host operation that this call belongs to has ended")
}

func TestNestedPinned(t *testing.T) {
	n := &nest{hook: "count", key: "a"}
	r := newRuntime(t, runtime.Config{Host: n})
	n.m = compile(t, r, "counter", runtime.Limits{Isolation: runtime.Pinned, Instances: 1})
	_, _, err := n.m.Call(t.Context(), runtime.Call{Hook: "nested", In: []byte("again"), Key: "a"})
	wantError(t, err, nil, trellis.Conflict) // the guest passes the answer on
	wantError(t, n.errs[0], nil, trellis.Conflict, "the pinned instance is busy")
	n.key = "b" // another instance of the same module, on the parent's slot
	out, _, err := n.m.Call(t.Context(), runtime.Call{Hook: "nested", In: []byte("again"), Key: "a"})
	if err != nil || string(out) != "1 1" {
		t.Errorf("answer %q, %v", out, err)
	}
}

func TestPinnedIsBusyForAnotherModulesNestedCall(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	var counter *runtime.Module
	r := newRuntime(t, runtime.Config{Workers: 4, Host: hostFunc(func(ctx context.Context, op string, _ []byte) ([]byte, error) {
		if op == "hold" {
			close(entered)
			<-leave
			return nil, nil
		}
		out, _, err := counter.Call(ctx, runtime.Call{Hook: "count", Key: "a"})
		return out, err
	})})
	counter = compile(t, r, "counter", runtime.Limits{Isolation: runtime.Pinned})
	host := compile(t, r, "host", runtime.Limits{})
	done := make(chan error)
	go func() {
		_, _, err := counter.Call(context.Background(), runtime.Call{Hook: "nested", In: []byte("hold"), Key: "a"})
		done <- err
	}()
	<-entered
	if got := call(t, host, "", "call", string(operation("count", ""))); !strings.HasPrefix(got, "5{") {
		t.Errorf("a nested call into a busy pinned instance answered %q", got)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
