package extensions_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// unreliable is a guest whose check traps on inputs of more than ten bytes, and
// whose other export always works.
var unreliable = map[string]func(*testkit.Code){
	"check": func(c *testkit.Code) { c.TrapOver(10); c.Answer("{}") },
	"other": func(c *testkit.Code) { c.Answer("{}") },
}

// TestSuspended: an extension that traps again and again is left alone for longer
// and longer, then suspended; the reason is kept, shown and told of by an event,
// and it stays off, and its filter asked and unable to decide, until a person
// enables it.
func TestSuspended(t *testing.T) {
	if testing.Short() {
		t.Skip("hours of the store's time, which take minutes with the race detector")
	}
	host := &lateHost{}
	rt, err := runtime.New(t.Context(), runtime.Config{Host: host}) // it measures the machine, which takes real time
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, dir, rt, host, nil)
		a, s := admin(t, "a"), staff(t, "a", here)
		r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"events": []any{map[string]any{"on": happened.Name(), "call": "other"}}}, unreliable), "")
		r.enable(t, a, "acme.x", "", "")
		call := func(in string) error {
			t.Helper()
			hooks := r.Filters(a, asked.Name(), here)
			if len(hooks) != 1 || !hooks[0].RefusesOnError() {
				t.Fatal("the filter is not asked any more: the door is open")
			}
			_, err := hooks[0].Call(a, extensions.Call{In: []byte(in)})
			return err
		}
		const bad, good = "more than ten bytes", "{}"
		var waits []time.Duration // between one call that was let through and the next
		for last := time.Now(); len(waits) < 9 && time.Since(last) < time.Minute; {
			err := call(bad)
			if errors.Is(err, runtime.ErrTrap) {
				waits = append(waits, time.Since(last).Round(time.Second))
				last = time.Now()
				continue
			}
			kind(t, "left alone", err, trellis.Unavailable, "is left alone for a while", "trapped")
			time.Sleep(100 * time.Millisecond)
		}
		want := []time.Duration{0, 0, 0, 0, 0, 1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
		if !slices.Equal(waits, want) {
			t.Errorf("it was left alone for %v, want %v", waits, want)
		}
		x, err := r.Get(a, "acme.x", extensions.Scope{})
		must(t, err)
		if x.State != "suspended" || !strings.Contains(x.Reason, "failed") || !strings.Contains(x.Reason, "trapped") {
			t.Fatalf("state %s, reason %q", x.State, x.Reason)
		}
		told := r.events(t, a, extensions.Suspended.Name())
		if len(told) != 1 || !strings.Contains(string(told[0].Data), "trapped") || told[0].Actor != "system:breaker" {
			t.Errorf("events %+v", told)
		}
		if lines := r.audit(t, a, "extensions.suspend"); len(lines) != 1 || lines[0].Installation != x.Installation {
			t.Errorf("audit log %+v", lines)
		}
		kind(t, "suspended", call(good), trellis.Unavailable, "is suspended", "trapped")
		if hooks := r.Events(trellis.Event{Tenant: "a", Type: happened.Name()}); len(hooks) != 1 || !hooks[0].Held() {
			t.Error("events are delivered to it, or will never be")
		}
		time.Sleep(24 * time.Hour)
		kind(t, "a day later", call(good), trellis.Unavailable, "is suspended")

		// Course staff do not let go on what is suspended for everybody, nor does
		// switching it off.
		r.enable(t, s, "acme.x", here, "")
		kind(t, "enabled by course staff", call(good), trellis.Unavailable, "is suspended")
		must(t, second(r.Disable(a, "acme.x", "")))
		if x, err := r.Get(a, "acme.x", extensions.Scope{}); err != nil || x.Reason == "" {
			t.Errorf("the reason is gone: %+v, %v", x, err)
		}
		r.enable(t, a, "acme.x", "", "")
		must(t, call(good))
	})
}

// TestTooLittleTime: an extension that runs out of time is left alone for a while
// like any other that fails, but a slow disk or a slow host suspends nobody.
func TestTooLittleTime(t *testing.T) {
	host := &lateHost{}
	rt, err := runtime.New(t.Context(), runtime.Config{Host: host})
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, dir, rt, host, nil)
		a := admin(t, "a")
		r.install(t, a, pack(t, "acme.x", "1.0.0", nil, unreliable), "")
		r.enable(t, a, "acme.x", "", "")
		call := func(read func([]byte) error) error {
			return second(r.Filters(a, asked.Name(), here)[0].Call(a, extensions.Call{In: []byte("{}"), Read: read}))
		}
		late := func([]byte) error { return runtime.ErrTime }
		alone := false
		for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(time.Second) {
			alone = strings.Contains(call(late).Error(), "is left alone") || alone
		}
		if !alone {
			t.Error("it was never left alone")
		}
		if x, err := r.Get(a, "acme.x", extensions.Scope{}); err != nil || x.State != "installed" {
			t.Errorf("state %s %q, %v", x.State, x.Reason, err)
		}
		time.Sleep(10 * time.Minute)
		must(t, call(nil))
	})
}

// TestFailuresInPages: what people make fail in a page is left alone there, and is
// seen by those who look after it, but suspends nothing: the extension's other hooks
// go on.
func TestFailuresInPages(t *testing.T) {
	host := &lateHost{}
	rt, err := runtime.New(t.Context(), runtime.Config{Host: host})
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, dir, rt, host, func(c *extensions.Config) { c.Known.Slots = append(c.Known.Slots, bundle.Place{Name: side}) })
		a := admin(t, "a")
		r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"slots": []any{map[string]any{"slot": side, "call": "check", "actions": []string{"other"}}}}, unreliable), "")
		r.enable(t, a, "acme.x", "", "")
		card := r.Slots(a, side, here)[0]
		vote, _ := card.Action("other")
		nonsense := func([]byte) error { return trellis.Errorf(trellis.Invalid, "nonsense") }
		for _, tt := range []struct {
			name string
			hook extensions.Hook
			call extensions.Call
			want string
		}{
			{"a slot that traps", card, extensions.Call{In: []byte("more than ten bytes")}, "trapped"},
			{"an action whose answer makes no sense", vote, extensions.Call{In: []byte("{}"), Read: nonsense}, "nonsense"},
		} {
			alone := false
			for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(5 * time.Second) {
				_, err := tt.hook.Call(a, tt.call)
				alone = trellis.KindOf(err) == trellis.Unavailable && strings.Contains(err.Error(), "left alone") && strings.Contains(err.Error(), tt.want) || alone
			}
			if !alone {
				t.Errorf("%s: it was never left alone", tt.name)
			}
			if _, err := r.call(a, here); err != nil {
				t.Errorf("%s: its check does not go on: %v", tt.name, err)
			}
		}
		d, err := r.Detail(a, "acme.x", extensions.Scope{})
		must(t, err)
		open := 0
		for _, h := range d.Hooks {
			if h.State == "open" {
				open++
			}
		}
		if d.State != "installed" || d.Errors == 0 || open != 2 {
			t.Errorf("state %s %q, %d errors, %d hooks left alone", d.State, d.Reason, d.Errors, open)
		}
	})
}

// TestBreaker: what the breaker counts as a failure, and what not.
func TestBreaker(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	install := func(id string, code map[string]func(*testkit.Code)) {
		r.install(t, a, pack(t, id, "1.0.0", map[string]any{"filters": []any{},
			"events": []any{map[string]any{"on": happened.Name(), "call": "check"}, map[string]any{"on": "org.example.*", "call": "other"}}}, unreliable, code), "")
		r.enable(t, a, id, "", "")
	}
	hook := func(id, export string) extensions.Hook {
		t.Helper()
		for _, h := range r.Events(trellis.Event{Tenant: "a", Type: happened.Name()}) {
			if h.Extension() == id && h.Export() == export {
				return h
			}
		}
		t.Fatalf("there is no hook %s of %s", export, id)
		return extensions.Hook{}
	}
	nonsense := func([]byte) error { return trellis.Errorf(trellis.Invalid, "nonsense") }
	bad := extensions.Call{In: []byte("more than ten bytes")}
	for _, tt := range []struct {
		name  string
		code  map[string]func(*testkit.Code)
		call  func(h, other extensions.Hook) error
		opens bool
	}{
		{"traps", nil, func(h, _ extensions.Hook) error { return second(h.Call(a, bad)) }, true},
		{"answers that make no sense", nil, func(h, _ extensions.Hook) error {
			return second(h.Call(a, extensions.Call{In: []byte("{}"), Read: nonsense}))
		}, true},
		{"traps, while another hook works", nil, func(h, other extensions.Hook) error {
			must(t, second(other.Call(a, extensions.Call{In: []byte("{}")})))
			return second(h.Call(a, bad))
		}, true},
		{"errors that it answers with", map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Fail(`{"kind":"invalid","message":"no"}`) }},
			func(h, _ extensions.Hook) error { return second(h.Call(a, bad)) }, false},
		{"traps between what works", nil, func(h, _ extensions.Hook) error {
			must(t, second(h.Call(a, extensions.Call{In: []byte("{}")})))
			return second(h.Call(a, bad))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := "acme." + strings.NewReplacer(" ", "-", ",", "").Replace(tt.name)
			install(id, tt.code)
			var err error
			for range 6 {
				err = tt.call(hook(id, "check"), hook(id, "other"))
			}
			if got := strings.Contains(err.Error(), "left alone"); got != tt.opens {
				t.Errorf("the breaker is open: %v, want %v (%v)", got, tt.opens, err)
			}
		})
	}
}

// TestManyAtOnce: however many calls fail at the same moment, they open the
// breaker once: that is no reason yet to suspend an extension.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", nil, unreliable), "")
	r.enable(t, a, "acme.x", "", "")
	hook := r.Filters(a, asked.Name(), here)[0]
	const calls = 40
	ready, done := make(chan struct{}, calls), make(chan error, calls)
	fail := make(chan struct{})
	for range calls {
		go func() {
			_, err := hook.Call(a, extensions.Call{In: []byte("{}"), Wait: testkit.Patience, Read: func([]byte) error {
				ready <- struct{}{}
				<-fail
				return trellis.Errorf(trellis.Invalid, "nonsense")
			}})
			done <- err
		}()
	}
	for range calls {
		<-ready
	}
	close(fail)
	for range calls {
		<-done
	}
	if x, err := r.Get(a, "acme.x", extensions.Scope{}); err != nil || x.State != "installed" {
		t.Errorf("%+v, %v", x, err)
	}
	_, err := hook.Call(a, extensions.Call{In: []byte("{}")})
	kind(t, "the next call", err, trellis.Unavailable, "left alone", "failed 40 times")
}

// deaf is a bus that is down.
type deaf struct{}

func (deaf) Consume(context.Context, string, string, func(context.Context, trellis.Event) error) error {
	return trellis.Errorf(trellis.Unavailable, "no bus")
}

func (deaf) Follow(context.Context, uint64, string, func(context.Context, trellis.Event) error) error {
	return trellis.Errorf(trellis.Unavailable, "no bus")
}

// TestKillSwitch: what one node switches off is off on another within a second,
// also while the bus is down.
func TestKillSwitch(t *testing.T) {
	host := &lateHost{}
	rt, err := runtime.New(t.Context(), runtime.Config{Host: host})
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // whose time goes on when nobody has anything to do
		one, two := newRigOn(t, dir, rt, host, nil), newRigOn(t, dir, rt, host, nil)
		two.run(t, deaf{})
		a := admin(t, "a")
		one.install(t, a, pack(t, "acme.x", "1.0.0", nil), "")
		one.enable(t, a, "acme.x", "", "")
		if d := eventually(t, "on at the other node", func() bool { return len(two.hooks(a, here)) == 1 }); d > time.Second {
			t.Errorf("it was on after %v", d)
		}
		if _, err := two.call(a, here); err != nil {
			t.Error(err)
		}
		must(t, second(one.Disable(a, "acme.x", "")))
		if d := eventually(t, "off at the other node", func() bool { return len(two.hooks(a, here)) == 0 }); d > time.Second {
			t.Errorf("it was off after %v", d)
		}
	})
}

// TestAnotherVersionGoesOn: who goes to another version of an extension that was
// suspended has it working, and what was left alone in that version is tried anew.
func TestAnotherVersionGoesOn(t *testing.T) {
	r := newRig(t, func(c *extensions.Config) { c.Poll = 10 * time.Millisecond })
	r.run(t, nil)
	a := admin(t, "a")
	release := func(version string, change map[string]any) []byte {
		return pack(t, "acme.x", version, change, unreliable)
	}
	call := func(in string) error {
		return second(r.Filters(a, asked.Name(), here)[0].Call(a, extensions.Call{In: []byte(in)}))
	}
	left := func() { // alone, as it failed
		t.Helper()
		for range 5 {
			_ = call("more than ten bytes")
		}
		kind(t, "left alone", call("{}"), trellis.Unavailable, "is left alone")
	}
	r.install(t, a, release("1.0.0", nil), "")
	r.enable(t, a, "acme.x", "", "")
	for _, tt := range []struct {
		name string
		do   func() error
		want string
	}{
		{"an upgrade", func() error { return second(r.Install(a, release("1.1.0", nil), extensions.Scope{})) }, "1.1.0"},
		{"a rollback", func() error { return second(r.Rollback(a, "acme.x", extensions.Scope{})) }, "1.0.0"},
		{"a consent", func() error {
			if x := r.install(t, a, release("1.2.0", map[string]any{"permissions": []string{"kv"}}), ""); x.State != "suspended" {
				t.Errorf("state %s before somebody has consented", x.State)
			}
			return second(r.Consent(a, "acme.x", extensions.Scope{}, []string{"*"}))
		}, "1.2.0"},
		{"another rollback", func() error { return second(r.Rollback(a, "acme.x", extensions.Scope{})) }, "1.0.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			left()
			r.sql(t, a, `UPDATE installations SET state = 'suspended', reason = 'it failed' WHERE extension = 'acme.x'`)
			eventually(t, "it is suspended", func() bool {
				x, err := r.Get(a, "acme.x", extensions.Scope{})
				return err == nil && x.State == "suspended"
			})
			must(t, tt.do())
			if x, err := r.Get(a, "acme.x", extensions.Scope{}); err != nil || x.State != "installed" || x.Reason != "" || x.Version != tt.want {
				t.Errorf("%s %s, reason %q, %v", x.Version, x.State, x.Reason, err)
			}
			must(t, call("{}"))
		})
	}
	must(t, second(r.Stop(a, extensions.Stopping{ID: "acme.x"})))
	if x := r.install(t, a, release("1.3.0", nil), ""); x.State != "stopped" || x.Version != "1.3.0" {
		t.Errorf("%s %s: what was stopped goes on", x.Version, x.State)
	}
}
