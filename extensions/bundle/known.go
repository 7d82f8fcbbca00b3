package bundle

import (
	"fmt"
	"slices"

	"github.com/trellis-learning/trellis"
)

// Known says which filters, events and places in pages there are: what cannot
// happen must not be waited for.
type Known struct {
	Filters []trellis.Spec
	Events  []trellis.Spec
	Slots   []Place
	Tree    func(raw []byte) error // checks a tree that a manifest has; nil: none is checked
}

// Place is a place in a page that extensions can fill.
type Place struct {
	Name     string // what manifests name
	Sentence string // where it is, as a part of a sentence: "in the side column of the course page"
	Level    string // what its page is about: "tenant" or "course"
	Default  string // what stands there if nobody says otherwise, in a sentence; "" for nothing
}

// Filter returns the filter called name.
func (k Known) Filter(name string) (trellis.Spec, bool) { return named(k.Filters, name) }

// Event returns the event type called name.
func (k Known) Event(name string) (trellis.Spec, bool) { return named(k.Events, name) }

// Slot returns the place called name.
func (k Known) Slot(name string) (Place, bool) {
	i := slices.IndexFunc(k.Slots, func(p Place) bool { return p.Name == name })
	if i < 0 {
		return Place{}, false
	}
	return k.Slots[i], true
}

// happens reports whether there is an event that a pattern takes in.
func (k Known) happens(pattern string) bool {
	return slices.ContainsFunc(k.Events, func(s trellis.Spec) bool { return trellis.MatchType(pattern, s.Name) })
}

func named(specs []trellis.Spec, name string) (trellis.Spec, bool) {
	i := slices.IndexFunc(specs, func(s trellis.Spec) bool { return s.Name == name })
	if i < 0 {
		return trellis.Spec{}, false
	}
	return specs[i], true
}

// CheckAgainst finds what does not fit together: hooks that the module does not
// have ("*" among its exports has them all, see [runtime.Info]), filters, events and places that there are not.
func (m Manifest) CheckAgainst(exports []string, known Known) error {
	var f Faults
	export := func(at, name string) {
		if !slices.Contains(exports, name) && !slices.Contains(exports, "*") {
			f.add(at, "the module has no export %q that can be called%s", name, near(name, exports))
		}
	}
	for i, h := range m.Filters {
		at := fmt.Sprintf("filters[%d]", i)
		export(at+".call", h.Call)
		if _, ok := known.Filter(h.On); !ok {
			f.add(at+".on", "there is no live filter %q%s", h.On, near(h.On, names(known.Filters)))
		}
	}
	for i, h := range m.Events {
		at := fmt.Sprintf("events[%d]", i)
		export(at+".call", h.Call)
		if ours(h.On) && !known.happens(h.On) {
			f.add(at+".on", "there is no live event %q%s", h.On, near(h.On, names(known.Events)))
		}
	}
	for i, h := range m.Schedules {
		export(fmt.Sprintf("schedules[%d].call", i), h.Call)
	}
	for i, h := range m.Jobs {
		export(fmt.Sprintf("jobs[%d].call", i), h.Call)
	}
	m.checkSlotsAgainst(&f, known, export)
	if len(f) > 0 {
		return trellis.Errorf(trellis.Invalid, "extension.json: %w", f)
	}
	return nil
}

func names(specs []trellis.Spec) []string {
	out := make([]string, len(specs))
	for i, s := range specs {
		out[i] = s.Name
	}
	return out
}

func placeNames(places []Place) []string {
	out := make([]string, len(places))
	for i, p := range places {
		out[i] = p.Name
	}
	return out
}
