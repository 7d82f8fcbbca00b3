package bundle

import (
	"slices"

	"github.com/trellis-learning/trellis"
)

// MoreThan says what a version asks for that the one before, old, did not, or "".
func (m Manifest) MoreThan(old Manifest) string {
	for _, p := range m.Permissions {
		if !slices.Contains(old.Permissions, p) {
			return "it asks for more: " + Plainly([]string{p})
		}
	}
	for _, h := range m.Filters {
		i := slices.IndexFunc(old.Filters, func(o FilterHook) bool { return o.On == h.On })
		switch {
		case i < 0:
			return "it takes part in the filter " + h.On
		case old.Filters[i].OnError != h.OnError:
			return "when it fails, the filter " + h.On + " is to " + h.OnError
		}
	}
	for _, h := range m.Events {
		if !slices.ContainsFunc(old.Events, func(o EventHook) bool { return o.On == h.On || trellis.MatchType(o.On, h.On) }) {
			return "it hears of " + h.On
		}
	}
	for _, h := range m.Schedules {
		if !slices.ContainsFunc(old.Schedules, func(o ScheduleHook) bool { return o.Name == h.Name && o.Cron == h.Cron }) {
			return "it works by itself at set times (" + h.Name + ": " + h.Cron + ")"
		}
	}
	return m.moreSlots(old)
}

// moreSlots says which place of a page a version takes that the one before did not,
// or what people can ask of it there, or "".
func (m Manifest) moreSlots(old Manifest) string {
	for _, h := range m.Slots {
		i := slices.IndexFunc(old.Slots, func(o SlotHook) bool { return o.Slot == h.Slot && o.Op == h.Op && o.Target == h.Target })
		if i < 0 {
			return "it takes part in the page, at " + h.Slot + " (" + h.Op + ")"
		}
		for _, a := range h.Actions {
			if !slices.ContainsFunc(old.Slots, func(o SlotHook) bool { return o.Slot == h.Slot && slices.Contains(o.Actions, a) }) {
				return "people can ask it in the page for " + a
			}
		}
	}
	return ""
}
