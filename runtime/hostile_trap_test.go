package runtime_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// TestHostileTraps: reading what explains a trap takes the host longer than a guest
// may run, so modules that trap in turns, each with its own, do not have it read
// every time. Their traps still have a cause and a place.
func TestHostileTraps(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	names := func(n int) []byte { // the name of function 2
		body := code(1, 2, name(fmt.Sprint("named ", n)))
		return rawSection(0, name("name"), []byte{1}, vector(body))
	}
	var modules []*runtime.Module
	for n := range 6 {
		m, err := r.Compile(t.Context(), append(attacker([]byte{opUnreachable}), names(n)...), runtime.Limits{Time: patience})
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, m)
	}
	const rounds = 10
	named := 0
	for range rounds {
		for n, m := range modules {
			_, _, err := m.Call(t.Context(), runtime.Call{Hook: "attack"})
			wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable at ")
			switch text := err.Error(); {
			case strings.Contains(text, fmt.Sprint("at named ", n)):
				named++
			case !strings.Contains(text, "at function 2"):
				t.Errorf("module %d: %v", n, err)
			}
		}
	}
	// Some are left out, by which those of the others can be kept.
	if all := rounds * len(modules); named < len(modules) || named == all {
		t.Errorf("%d traps of %d have names", named, all)
	}
	// One that traps alone has its names every time.
	m, err := r.Compile(t.Context(), append(attacker([]byte{opUnreachable}), names(9)...), runtime.Limits{Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	for range rounds {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "attack"})
		wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable at named 9")
	}
}

// TestHostileModules: a class with many modules that trap has the host read no more
// than so much, and others have their names all the same.
func TestHostileModules(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	const modules = 50
	var last *runtime.Module
	named := func(m *runtime.Module, class string) bool {
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "attack", Class: class})
		wantError(t, err, runtime.ErrTrap, "unavailable", "unreachable at ")
		return strings.Contains(err.Error(), "unreachable at named")
	}
	n := 0
	for i := range modules {
		names := rawSection(0, name("name"), []byte{1}, vector(code(1, 2, name(fmt.Sprint("named ", i)))))
		m, err := r.Compile(t.Context(), append(attacker([]byte{opUnreachable}), names...), runtime.Limits{Time: patience})
		if err != nil {
			t.Fatal(err)
		}
		if last = m; named(m, "a") {
			n++
		}
	}
	if n < modules/2 || n == modules {
		t.Errorf("%d of %d modules of a class have names", n, modules)
	}
	if !named(last, "b") {
		t.Error("then another class has none")
	}
}

// chain returns a guest that traps so many calls deep, with these sections behind.
func chain(depth int, sections ...[]byte) []byte {
	var more []tinyFunction
	for i := range depth {
		body := code(opCall, 4+i, opUnreachable)
		if i == depth-1 {
			body = code(opUnreachable)
		}
		more = append(more, tinyFunction{body: body})
	}
	return append(attacker(code(opCall, 3, i64(0)), exporting(more...)), slices.Concat(sections...)...)
}

// nested is debug information in which 17 functions span all code, each inlined
// into the one before, where it says: every other one says nothing.
func nested() []byte {
	abbrev := []byte{
		1, 0x11, 1, 0x11, 1, 0x12, 1, 0, 0, // a unit, with addresses
		2, 0x1d, 1, 0x11, 0x21, 1, 0x12, 0x21, 0xff, 0xff, 3, 0x59, 0x0b, 0, 0, // inlined, called in a line
		0,
	}
	unit := []byte{5, 0, 1, 4, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0xff, 0xff, 0, 0}
	for line := range 17 {
		unit = append(unit, 2, byte(line%2*(line+1)))
	}
	unit = append(unit, bytes.Repeat([]byte{0}, 18)...)
	return slices.Concat(rawSection(0, name(".debug_line"), []byte{0}), rawSection(0, name(".debug_abbrev"), abbrev),
		rawSection(0, name(".debug_info"), binary.LittleEndian.AppendUint32(nil, uint32(len(unit))), unit))
}

// TestTrapsHaveThirtyFrames, though functions may have been inlined into each.
func TestTrapsHaveThirtyFrames(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	for _, tt := range []struct {
		name   string
		binary []byte
		want   int
		more   bool
	}{
		{"three calls", chain(3), 4, false},
		{"forty calls", chain(40), 30, true},
		{"three calls with sixteen inlined each", chain(3, nested()), 30, true},
		{"forty calls with sixteen inlined each", chain(40, nested()), 30, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := r.Compile(t.Context(), tt.binary, runtime.Limits{Time: patience})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = m.Call(t.Context(), runtime.Call{Hook: "attack"})
			var trap *runtime.Trap
			if !errors.As(err, &trap) {
				t.Fatal(err)
			}
			got := trap.Frames
			if slices.ContainsFunc(got, func(f symbol.Frame) bool { return f.String() == "" }) {
				t.Errorf("a frame says nothing: %v", got)
			}
			more := got[len(got)-1].Function == "…"
			if more {
				got = got[:len(got)-1]
			}
			if len(got) != tt.want || more != tt.more {
				t.Errorf("%d frames, more left out: %t; want %d, %t", len(got), more, tt.want, tt.more)
			}
		})
	}
}

// TestExplainingHoldsNoWorker: while a trap is explained, or waits for that, the
// worker and the slot in which the guest ran are free for others.
func TestExplainingHoldsNoWorker(t *testing.T) {
	r := newRuntime(t, runtime.Config{Workers: 1})
	names := rawSection(0, name("name"), []byte{1}, vector(code(1, 2, name("spring"))))
	m, err := r.Compile(t.Context(), append(attacker([]byte{opUnreachable}), names...), runtime.Limits{Instances: 1, Time: patience})
	if err != nil {
		t.Fatal(err)
	}
	release := r.HoldExplaining()
	trap := func(ctx context.Context, class string) chan error {
		before := r.ExplainingWaits()
		ended := make(chan error, 1)
		go func() {
			_, _, err := m.Call(ctx, runtime.Call{Hook: "attack", Class: class})
			ended <- err
		}()
		for r.ExplainingWaits() == before && len(ended) == 0 {
			goruntime.Gosched()
		}
		return ended
	}
	ctx, cancel := context.WithCancel(t.Context())
	patient, gone := trap(t.Context(), "a"), trap(ctx, "b")
	if _, _, err := m.Call(t.Context(), runtime.Call{Hook: "hook", Class: "b"}); err != nil {
		t.Errorf("meanwhile: %v", err)
	}
	cancel() // whoever does not wait gets numbers
	wantError(t, <-gone, runtime.ErrTrap, "unavailable", "unreachable at function 2")
	release()
	wantError(t, <-patient, runtime.ErrTrap, "unavailable", "unreachable at spring")
}

// TestStartsAreExplained: a guest that traps before it can be called says where.
func TestStartsAreExplained(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	names := rawSection(0, name("name"), []byte{1}, vector(code(1, 3, name("prepare"))))
	_, err := r.Compile(t.Context(), append(attacker(code(i64(0)), exporting(tinyFunction{name: "_initialize", body: code(opUnreachable)})), names...), runtime.Limits{Time: patience})
	wantError(t, err, runtime.ErrTrap, "invalid", "unreachable at prepare")
}
