package extensions

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Slots returns what takes part in a place of a page about a course (or of the
// tenant as such) for the tenant of ctx: in order, and where that is the same, by
// extension. Suspended extensions are among them ([Hook.Ready] says so).
func (r *Registry) Slots(ctx context.Context, slot, course string) []Hook {
	t := r.tenant(ctx)
	if t == nil {
		return nil
	}
	return r.enabled(t.slots[slot], course)
}

// StoppedSlots returns what would take part in a place of a page, as [Registry.Slots]
// does, if it had not been stopped for everybody: for those who are told so.
func (r *Registry) StoppedSlots(ctx context.Context, slot, course string) []Hook {
	t := r.tenant(ctx)
	if t == nil {
		return nil
	}
	var hooks []Hook
	for _, s := range t.slots[slot] {
		if at := s.inst.meant(course); at != nil && s.inst.state == stopped {
			hooks = append(hooks, Hook{r, s, at})
		}
	}
	return hooks
}

// Refreshed returns the hooks that show something in pages about a course (or of
// the tenant as such) which an event of a type makes stale.
func (r *Registry) Refreshed(tenant, typ, course string) []Hook {
	t := r.now.Load().tenants[tenant]
	if t == nil {
		return nil
	}
	var hooks []Hook
	for _, s := range t.refreshed {
		if !slices.ContainsFunc(s.slot.RefreshOn, func(p string) bool { return trellis.MatchType(p, typ) }) {
			continue
		}
		if at := s.inst.at(course); at != nil && s.inst.state == installed {
			hooks = append(hooks, Hook{r, s, at})
		}
	}
	return hooks
}

// Changed returns a channel that is closed when anything about extensions has
// changed on this node. Ask again for the change after that, before you look at
// what has changed.
func (r *Registry) Changed() <-chan struct{} { return r.now.Load().replaced }

// SlotMark returns a number that changes when what takes part in a place of a page
// does: what is enabled, its version, state, settings or grants.
func (r *Registry) SlotMark(tenant, slot, course string) uint64 {
	t := r.now.Load().tenants[tenant]
	if t == nil {
		return 0
	}
	h := fnv.New64a()
	for _, s := range t.slots[slot] {
		at := s.inst.at(course)
		if at == nil {
			continue
		}
		for _, part := range []string{s.breaker, s.inst.state, at.scope.Course, strconv.FormatInt(at.updated.UnixMicro(), 36), string(at.complete), at.fault, strings.Join(at.allowed, " ")} {
			_, _ = h.Write([]byte(part))
			_, _ = h.Write([]byte{0})
		}
	}
	return h.Sum64()
}

// Slot returns the manifest's line, for a hook of a place in a page.
func (h Hook) Slot() SlotHook {
	if h.s.slot == nil {
		return SlotHook{}
	}
	return *h.s.slot
}

// Action returns the hook that calls an export which people may ask in a page, as
// this hook of a place in it offers.
func (h Hook) Action(export string) (Hook, bool) {
	s, ok := h.s.actions[export]
	return Hook{h.r, s, h.at}, ok
}

// Locked reports whether the whole tenant has it, and courses may not decide
// otherwise.
func (h Hook) Locked() bool { return h.at.locked }

// ShownTo reports whether a hook of a place in a page about a course is for
// somebody.
func (h Hook) ShownTo(a trellis.Actor, course string) bool {
	w := h.s.slot.When
	if len(w.Courses) > 0 && !slices.ContainsFunc(w.Courses, func(c string) bool { return matchCourse(c, course) }) {
		return false
	}
	if len(w.Roles) > 0 && !slices.ContainsFunc(RolesIn(a, course), func(r string) bool { return slices.Contains(w.Roles, r) }) {
		return false
	}
	return w.Percent == 0 || w.Percent == 100 || a.ID != "" && share(h.s.inst.extension, h.s.slot.Slot, a.ID) < uint64(w.Percent)
}

// RolesIn returns the names of the roles that somebody has in a course. For a page
// about no course, what somebody is anywhere in the tenant counts.
func RolesIn(a trellis.Actor, course string) []string {
	names := []string{}
	for _, r := range a.Roles {
		here := course == "" || (r.Course == "" || r.Course == course) && (r.Organisation == "" || r.Organisation == trellis.OrganisationOf(course))
		if here && !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

func matchCourse(pattern, course string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(course, prefix) && course != ""
	}
	return pattern == course
}

// share returns where a person stands among a hundred, for what an extension shows
// in a place. It never changes, and is not the same for every extension.
func share(extension, slot, person string) uint64 {
	sum := sha256.Sum256([]byte(extension + "\x00" + slot + "\x00" + person))
	hi, _ := bits.Mul64(binary.BigEndian.Uint64(sum[:]), 100)
	return hi
}

// SlotConflict says that several extensions act on one thing in a page.
type SlotConflict struct {
	Slot       string   `json:"slot" doc:"The place in the page."`
	Target     string   `json:"target" doc:"What they act on: the ID of an extension, or default."`
	Extensions []string `json:"extensions" doc:"Their IDs, in the order in which they apply."`
	Text       string   `json:"text" doc:"What comes of it, in a sentence."`
}

// SlotConflicts returns where extensions get in each other's way in a place of a
// page about a course (or of the tenant as such), whoever looks at it.
func (r *Registry) SlotConflicts(ctx context.Context, slot, course string) []SlotConflict {
	hooks := r.Slots(ctx, slot, course)
	byTarget := map[string][]Hook{}
	var targets []string
	for _, h := range hooks {
		s := h.Slot()
		if s.Op == SlotInsert || s.Op == SlotWrap || h.Ready() != nil {
			continue
		}
		if byTarget[s.Target] == nil {
			targets = append(targets, s.Target)
		}
		byTarget[s.Target] = append(byTarget[s.Target], h)
	}
	slices.Sort(targets)
	out := []SlotConflict{}
	for _, target := range targets {
		where := slot
		if p, ok := r.cfg.Known.Slot(slot); ok {
			where = p.Sentence
		}
		whose := target
		if target == DefaultTarget {
			whose = "the page itself"
		}
		acts := byTarget[target]
		if len(acts) > 1 {
			c := SlotConflict{Slot: slot, Target: target}
			var parts []string
			for _, h := range acts {
				c.Extensions = append(c.Extensions, h.Extension())
				parts = append(parts, fmt.Sprintf("%s %s (order %d)", h.Extension(), verb(h.Slot().Op), h.Slot().Order))
			}
			c.Text = fmt.Sprintf("%s what %s shows %s. They apply in this order; what is hidden is there for none of those after it, and of those that replace it the last one is seen.", strings.Join(parts, ", "), whose, where)
			out = append(out, c)
		}
		for _, h := range acts {
			if !slices.ContainsFunc(hooks, func(t Hook) bool { return h.Withheld(t) }) {
				continue
			}
			out = append(out, SlotConflict{Slot: slot, Target: target, Extensions: []string{h.Extension()},
				Text: fmt.Sprintf("%s %s what %s shows %s, but the tenant has locked that: it has no effect.", h.Extension(), verb(h.Slot().Op), whose, where)})
		}
	}
	return out
}

// Withheld reports whether a hook that acts on what another shows may not: what a
// tenant has locked, none of its courses changes.
func (h Hook) Withheld(target Hook) bool {
	s := target.Slot()
	return target.Extension() == h.Slot().Target && (s.Op == SlotInsert || s.Op == SlotReplace) && target.Locked() && h.Course() != ""
}

func verb(op string) string {
	return map[string]string{SlotHide: "hides", SlotModify: "changes", SlotReplace: "replaces", SlotWrap: "adds to"}[op]
}
