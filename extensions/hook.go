package extensions

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/runtime"
)

// HookKind is a way of taking part.
type HookKind string

// The kinds of hooks.
const (
	FilterKind   HookKind = "filter"
	EventKind    HookKind = "event"
	ScheduleKind HookKind = "schedule"
	JobKind      HookKind = "job"
	SlotKind     HookKind = "slot"   // shows something in a page
	ActionKind   HookKind = "action" // does what somebody asks for in a page
)

// Hook is one line of one manifest, where it is enabled.
type Hook struct {
	r  *Registry
	s  *spec
	at *enablement
}

// Filters returns the filter hooks for a type in a course (or in the tenant as
// such), in the order of calling, for the tenant of ctx.
func (r *Registry) Filters(ctx context.Context, typ, course string) []Hook {
	t := r.tenant(ctx)
	if t == nil {
		return nil
	}
	return r.enabled(t.filters[typ], course)
}

// Events returns the hooks that are to hear of an event, of the event's tenant, also
// of those that are suspended: they hear of it later.
func (r *Registry) Events(e trellis.Event) []Hook {
	t := r.now.Load().tenants[e.Tenant]
	if t == nil {
		return nil
	}
	var hooks []Hook
	for _, s := range t.events {
		if at := s.inst.at(e.Course); at != nil && trellis.MatchType(s.on, e.Type) {
			hooks = append(hooks, Hook{r, s, at})
		}
	}
	return hooks
}

// Event finds an event hook again by its ID, wherever it is enabled now.
func (r *Registry) Event(tenant, id, course string) (Hook, bool) {
	if t := r.now.Load().tenants[tenant]; t != nil {
		for _, s := range t.events {
			if at := s.inst.at(course); s.id == id && at != nil {
				return Hook{r, s, at}, true
			}
		}
	}
	return Hook{}, false
}

// Subscribed reports whether there still is an event hook with this ID.
func (r *Registry) Subscribed(tenant, id string) bool {
	if t := r.now.Load().tenants[tenant]; t != nil {
		for _, s := range t.events {
			if s.id == id {
				return true
			}
		}
	}
	return false
}

// Schedules returns every schedule that is enabled, of every tenant: one hook for
// each place where it is.
func (r *Registry) Schedules() []Hook {
	var hooks []Hook
	for _, t := range r.now.Load().tenants {
		for _, s := range t.timed {
			if s.inst.state != installed {
				continue
			}
			if at := s.inst.at(""); at != nil {
				hooks = append(hooks, Hook{r, s, at})
				continue
			}
			for course := range s.inst.courses {
				if at := s.inst.at(course); at != nil {
					hooks = append(hooks, Hook{r, s, at})
				}
			}
		}
	}
	return hooks
}

// Work finds the schedule or job of an installation by its name, where it is
// enabled in the course (or the tenant as such).
func (r *Registry) Work(tenant, installation, name, course string) (Hook, bool) {
	t := r.now.Load().tenants[tenant]
	if t == nil {
		return Hook{}, false
	}
	for _, list := range [][]*spec{t.jobs, t.timed} {
		for _, s := range list {
			if at := s.inst.at(course); s.inst.id == installation && s.on == name && at != nil {
				return Hook{r, s, at}, true
			}
		}
	}
	return Hook{}, false
}

func (r *Registry) enabled(specs []*spec, course string) []Hook {
	var hooks []Hook
	for _, s := range specs {
		if at := s.inst.at(course); at != nil {
			hooks = append(hooks, Hook{r, s, at})
		}
	}
	return hooks
}

// ID names the hook. It stays the same over versions and restarts.
func (h Hook) ID() string { return h.s.id }

// Tenant returns the tenant that the hook belongs to.
func (h Hook) Tenant() string { return h.s.inst.tenant }

// Extension returns the ID of the extension.
func (h Hook) Extension() string { return h.s.inst.extension }

// Version returns the version of the extension that runs.
func (h Hook) Version() string { return h.s.inst.version }

// Digest returns the digest of the bundle, under which its files are served.
func (h Hook) Digest() string { return h.s.inst.digest }

// Title returns what the extension is called.
func (h Hook) Title() string { return h.s.inst.manifest.Title }

// Installation returns the ID of the installation.
func (h Hook) Installation() string { return h.s.inst.id }

// On returns the filter's type, the event's pattern, the name of the schedule or
// job, or the place in the page.
func (h Hook) On() string { return h.s.on }

// Export returns the export that is called.
func (h Hook) Export() string { return h.s.export }

// Cron returns when a schedule is due.
func (h Hook) Cron() string { return h.s.cron }

// Course returns the course that the hook is limited to, "" for none.
func (h Hook) Course() string { return h.at.scope.Course }

// RefusesOnError reports whether a filter that fails lets nobody through.
func (h Hook) RefusesOnError() bool { return h.s.refuses }

// Settings returns the settings in force.
func (h Hook) Settings() json.RawMessage { return h.at.complete }

// From returns the position of the log at which the hook was enabled: what
// happened before is none of its business.
func (h Hook) From() uint64 { return h.at.position }

// Granted reports whether the installation has a permission here.
func (h Hook) Granted(permission string) bool {
	for _, g := range h.at.grants {
		if g.Permission == permission {
			return true
		}
	}
	return false
}

// Caller returns who runs when the hook is called. Who decides about something, and
// who shows something, may change nothing.
func (h Hook) Caller(seed string) hostapi.Caller {
	return hostapi.Caller{
		Installation: h.s.inst.id, Extension: h.s.inst.extension, Hook: h.s.export, Grants: h.at.grants, Filter: h.s.kind == FilterKind || h.s.kind == SlotKind,
		Seed: seed, Settings: h.at.complete,
	}
}

// Actor returns who acts when the hook runs by itself, for somebody's deed.
func (h Hook) Actor(onBehalfOf string) trellis.Actor {
	return trellis.Actor{Tenant: h.s.inst.tenant, ID: h.s.inst.id, Kind: trellis.ExtensionActor, OnBehalfOf: onBehalfOf}
}

// Off reports whether the whole extension is off though it is enabled, because it
// failed or because those who run the tenant stopped it, and why: a text of theirs, or
// of ours.
func (h Hook) Off() (off, byPeople bool, reason string) {
	in := h.s.inst
	return in.state != installed, in.state == stopped, in.reason
}

// Ready says why the hook cannot be called: the extension is suspended, or its
// settings do not fit it. The kind is [trellis.Unavailable].
func (h Hook) Ready() error {
	in := h.s.inst
	switch {
	case in.state == suspended:
		return notCalled(time.Time{}, trellis.Errorf(trellis.Unavailable, "the extension %s is suspended: %s", in.extension, in.reason))
	case h.at.fault != "":
		return notCalled(time.Time{}, trellis.Errorf(trellis.Unavailable, "the settings of the extension %s for %s do not fit it: %s", in.extension, h.at.scope, h.at.fault))
	}
	return nil
}

// Call is how a hook is called.
type Call struct {
	In   []byte
	Seed string        // ID of the event, if one is delivered
	Time time.Duration // at most; the module's limit if zero
	Wait time.Duration // at most, until it runs; if zero, 10 s for the module to be loaded and a second for a turn
	// Work is how much the guest may compute, in fuel worth that much. If zero it is
	// four fifths of its time: so one that computes without end is blamed for it
	// (out of fuel), and time is over where the machine or the host was slow.
	Work time.Duration
	// Read reads the answer. Its error is the extension's failure, as a trap is.
	Read func(answer []byte) error
}

// Call calls the hook's export with in and reads its answer. The caller of ctx
// becomes the extension; the actor stays. An extension that has failed again and
// again is not called, nor is one whose settings do not fit it: the error then is
// [NotCalled], of kind [trellis.Unavailable], and says so.
func (h Hook) Call(ctx context.Context, c Call) (runtime.Stats, error) {
	if err := h.Ready(); err != nil {
		return runtime.Stats{}, err
	}
	in, asked := h.s.inst, time.Now()
	key := in.tenant + "/" + in.id
	if h.inPage() && in.limits.Isolation == runtime.Pristine {
		key += "/page" // somebody waits for a page, and not behind all that is delivered meanwhile
	}
	probe, err := h.r.breaker.admit(h.breaker(), in.extension)
	if err != nil {
		return runtime.Stats{}, err
	}
	m, done, err := h.r.modules.get(ctx, in, h.s.limits(), cmp.Or(c.Wait, loadPatience))
	if err != nil {
		h.r.breaker.cancelled(h.breaker(), probe)
		return runtime.Stats{}, unbegun(err)
	}
	defer done()
	if c.Wait > 0 {
		c.Wait = max(c.Wait-time.Since(asked), time.Millisecond)
	}
	ctx = hostapi.WithCaller(ctx, h.Caller(c.Seed))
	if actor := trellis.ActorFrom(ctx); actor.Kind != trellis.ExtensionActor {
		actor.Via = in.id
		ctx = trellis.WithActor(ctx, actor)
	}
	trace := trellis.TraceFrom(ctx).ID
	if c.Work == 0 {
		c.Work = worth(cmp.Or(c.Time, h.s.limits().Time))
	}
	began := time.Now()
	out, stats, err := m.Call(ctx, runtime.Call{
		Hook: h.s.export, In: c.In, Key: key, Class: in.tenant, Budget: runtime.Budget{Time: c.Time, Fuel: h.r.fuel(c.Work)}, Patience: c.Wait, Untimed: true,
		Log: func(level int, line string) { h.r.logs.add(in, h.s.export, level, line, trace) },
	})
	failed := broken(err)
	if stats.Fuel == 0 {
		err = unbegun(err)
	}
	if err == nil && c.Read != nil {
		err = c.Read(out)
		failed = err != nil
	}
	took := time.Since(began)
	h.r.usage.add(h, failed || h.couldNot(err), stats.Fuel+stats.Setup, took, time.Now())
	h.r.cfg.Metrics.GuestCall(in.extension, h.verdict(probe, failed, err, trace), stats.Fuel, took)
	return stats, err
}

// worth returns how much a call may compute that may take so long: four fifths of
// it. So what spins is out of fuel before it is out of time, and blamed for it, where
// the machine is not busy with others.
func worth(d time.Duration) time.Duration { return d / 5 * 4 }

// inPage reports whether people call the hook in a page, with what they enter and
// as often as they like. Such a hook is left alone by itself when it fails: if that
// suspended the extension, with all else that it does for the tenant, any of them
// could switch off a check of the school.
func (h Hook) inPage() bool { return h.s.kind == SlotKind || h.s.kind == ActionKind }

// fuel returns what so much computing is worth here.
func (r *Registry) fuel(work time.Duration) uint64 {
	return uint64(work.Seconds() * float64(r.cfg.Runtime.FuelPerSecond()))
}

// verdict tells the breaker how a call ended, and returns that in a word.
func (h Hook) verdict(probe, failed bool, err error, trace string) string {
	switch {
	case err == nil:
		h.r.breaker.succeeded(h.breaker(), probe)
		return "ok"
	case failed:
		h.r.logs.add(h.s.inst, h.s.export, levelError, err.Error(), trace, framesOf(err)...)
		if reason, suspend := h.r.breaker.failed(h.breaker(), probe, h.inPage(), err); suspend {
			h.r.suspend(h.s.inst, reason)
		}
		return "failed"
	}
	if errors.Is(err, runtime.ErrAnswer) {
		level := levelError
		if !h.couldNot(err) {
			level = levelInfo
		}
		h.r.logs.add(h.s.inst, h.s.export, level, fmt.Sprintf("%v (answered as %s)", err, trellis.KindOf(err)), trace)
	}
	// The guest said so and works, or was not to blame.
	h.r.breaker.cancelled(h.breaker(), probe)
	return "error"
}

// couldNot reports whether err is an error that the guest answered with, by which it
// did not do what it was asked. In an action such an error may be meant for the person
// who asked: that is an answer like any other.
func (h Hook) couldNot(err error) bool {
	if !errors.Is(err, runtime.ErrAnswer) {
		return false
	}
	kind := trellis.KindOf(err)
	return h.s.kind != ActionKind || kind == trellis.Unavailable || kind == trellis.Internal
}

// breaker names the hook's breaker: another version has another.
func (h Hook) breaker() string { return h.s.breaker }

// broken reports whether an error is the guest's own failure.
func broken(err error) bool {
	for _, e := range []error{runtime.ErrFuel, runtime.ErrTime, runtime.ErrMemory, runtime.ErrTrap, runtime.ErrOutput} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
