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
	"github.com/trellis-learning/trellis/extensions/bundle"
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
func (h Hook) Slot() bundle.SlotHook {
	if h.s.slot == nil {
		return bundle.SlotHook{}
	}
	return *h.s.slot
}

// Action returns the hook that calls an export which people may ask in a page, as
// this hook of a place in it offers.
func (h Hook) Action(export string) (Hook, bool) {
	s, ok := h.s.actions[export]
	return Hook{h.r, s, h.at}, ok
}

// Owner returns whose the extension is: a course that brought its own, or the
// tenant.
func (h Hook) Owner() Scope { return h.s.inst.owner }

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
	acting := Acting(hooks)
	byTarget := map[string][]Hook{}
	var targets []string
	for _, h := range acting {
		s := h.Slot()
		if s.Op == bundle.SlotWrap || h.Ready() != nil {
			continue
		}
		if byTarget[s.Target] == nil {
			targets = append(targets, s.Target)
		}
		byTarget[s.Target] = append(byTarget[s.Target], h)
	}
	slices.Sort(targets)
	out := []SlotConflict{}
	where := r.whereIs(slot)
	for _, target := range targets {
		acts := byTarget[target]
		if len(acts) > 1 {
			c := SlotConflict{Slot: slot, Target: target}
			var parts []string
			for _, h := range acts {
				c.Extensions = append(c.Extensions, h.Extension())
				parts = append(parts, fmt.Sprintf("%s %s (order %d)", h.Extension(), verb(h.Slot().Op), h.Slot().Order))
			}
			c.Text = fmt.Sprintf("%s what %s shows %s. They apply in this order; what is hidden is there for none of those after it, and of those that replace it the last one is seen.", strings.Join(parts, ", "), shower(target), where)
			out = append(out, c)
		}
	}
	return append(out, r.withheld(slot, hooks, acting)...)
}

// withheld returns what the hooks that act on others' in a place do in vain.
func (r *Registry) withheld(slot string, hooks, acting []Hook) []SlotConflict {
	var out []SlotConflict
	for _, h := range acting {
		if h.Ready() != nil {
			continue
		}
		var why string
		for _, t := range hooks {
			if !t.stands(h.Slot().Target) {
				continue
			}
			switch {
			case h.locks(t):
				why = "the tenant has locked that"
			case h.strange(t) && why == "":
				why = t.Extension() + " belongs to the school"
			}
		}
		if why != "" {
			target := h.Slot().Target
			out = append(out, SlotConflict{Slot: slot, Target: target, Extensions: []string{h.Extension()},
				Text: fmt.Sprintf("%s %s what %s shows %s, but %s: it has no effect.", h.Extension(), verb(h.Slot().Op), shower(target), r.whereIs(slot), why)})
		}
	}
	return out
}

// Acting returns those of the hooks of a place that act on what others show, in the
// order in which they apply: that of the manifests, but those of the school's
// extensions before those of a course's own, which so find what the school made of
// the place, and leave it.
func Acting(hooks []Hook) []Hook {
	var school, course []Hook
	for _, h := range hooks {
		switch {
		case h.Slot().Op == bundle.SlotInsert:
		case h.s.inst.owner.Course == "":
			school = append(school, h)
		default:
			course = append(course, h)
		}
	}
	return append(school, course...)
}

// Withheld reports whether a hook that acts on what others show may not act on what
// another hook has a part in. What a tenant has locked, none of its courses changes;
// and a course's own extension touches nothing of the school's, whose buttons people
// press because of the words around them.
func (h Hook) Withheld(shown Hook) bool { return h.locks(shown) || h.strange(shown) }

func (h Hook) locks(shown Hook) bool { return shown.Locked() && h.Course() != "" }

func (h Hook) strange(shown Hook) bool {
	own := h.s.inst.owner.Course
	return own != "" && shown.s.inst.owner.Course != own
}

// stands reports whether a hook has a part in what operations call by a name.
func (h Hook) stands(target string) bool {
	s := h.Slot()
	return s.Op == bundle.SlotInsert && h.Extension() == target || (s.Op == bundle.SlotReplace || s.Op == bundle.SlotWrap) && s.Target == target
}

// whereIs returns where a place is, as the end of a sentence.
func (r *Registry) whereIs(slot string) string {
	if p, ok := r.cfg.Known.Slot(slot); ok {
		return p.Sentence
	}
	return slot
}

// shower says who shows what operations call by a name.
func shower(target string) string {
	if target == bundle.DefaultTarget {
		return "the page itself"
	}
	return target
}

func verb(op string) string {
	return map[string]string{bundle.SlotHide: "hides", bundle.SlotModify: "changes", bundle.SlotReplace: "replaces", bundle.SlotWrap: "adds to"}[op]
}
