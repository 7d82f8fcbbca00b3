package extensions

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
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

// Hook is one line of one manifest, where it is enabled. It stays as it was when it was
// found, whatever is installed or enabled meanwhile.
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
	t := r.now.Load().tenants[tenant]
	if t == nil {
		return Hook{}, false
	}
	for _, s := range t.events {
		if at := s.inst.at(course); s.id == id && at != nil {
			return Hook{r, s, at}, true
		}
	}
	return Hook{}, false
}

// Subscribed reports whether there still is an event hook with this ID.
func (r *Registry) Subscribed(tenant, id string) bool {
	t := r.now.Load().tenants[tenant]
	return t != nil && slices.ContainsFunc(t.events, func(s *spec) bool { return s.id == id })
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
			if at := s.inst.at(""); at != nil { // once for the whole tenant, not for each of its courses too
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

// enabled returns those of the specs that are enabled in a course, or in the tenant as
// such.
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
	return slices.ContainsFunc(h.at.grants, func(g hostapi.Grant) bool { return g.Permission == permission })
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
