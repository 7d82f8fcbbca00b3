package slots

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// item is something that stands in a place.
type item struct {
	target  string           // what operations call it: the ID of an extension, or default
	order   int              // where it stands
	hook    *extensions.Hook // that answers what it shows; nil for what the page itself shows
	node    *tree.Node       // what the page itself shows; if there is a hook, instead of an answer that does not come
	patches []extensions.Hook
	before  []piece
	after   []piece
}

// piece is what a hook shows before or after something, as its manifest has it.
type piece struct {
	hook extensions.Hook
	raw  json.RawMessage
}

// trouble is something that went wrong in a place, for those who look after it.
type trouble struct {
	hook extensions.Hook
	err  error
}

// hooks returns those who may ask for something in it.
func (it *item) hooks() []extensions.Hook {
	var all []extensions.Hook
	if it.hook != nil {
		all = append(all, *it.hook)
	}
	for _, pieces := range [][]piece{it.before, it.after} {
		for _, p := range pieces {
			all = append(all, p.hook)
		}
	}
	return all
}

// resolve returns what stands in a place for somebody: first what the page itself
// and the extensions put there, each in its order; then what other extensions do
// with that, in theirs, the school's before a course's own. What acts on something
// that is not there, or that it may not touch, does nothing.
// Hooks come in their order. Extensions that are suspended take no part.
func resolve(hooks []extensions.Hook, who trellis.Actor, course string, standard *tree.Node) ([]*item, []trouble) {
	var items []*item
	var troubles []trouble
	var present []extensions.Hook
	if standard != nil {
		items = append(items, &item{target: DefaultTarget, order: bundle.DefaultOrder, node: standard})
	}
	for i := range hooks {
		h := &hooks[i]
		if !h.ShownTo(who, course) {
			continue
		}
		if err := h.Ready(); err != nil {
			troubles = append(troubles, trouble{*h, err})
			continue
		}
		present = append(present, *h)
		if s := h.Slot(); s.Op == bundle.SlotInsert {
			items = append(items, &item{target: h.Extension(), order: s.Order, hook: h})
		}
	}
	slices.SortStableFunc(items, func(a, b *item) int { return cmp.Compare(a.order, b.order) })
	acting := extensions.Acting(present)
	for i := range acting {
		items = apply(items, &acting[i])
	}
	return items, troubles
}

// apply does what a hook says to what stands in a place.
func apply(items []*item, h *extensions.Hook) []*item {
	s := h.Slot()
	mine := func(it *item) bool {
		return it.target == s.Target && !slices.ContainsFunc(it.hooks(), h.Withheld)
	}
	if s.Op == bundle.SlotHide {
		return slices.DeleteFunc(items, mine)
	}
	for _, it := range items {
		if !mine(it) {
			continue
		}
		switch s.Op {
		case bundle.SlotReplace:
			it.hook, it.patches = h, nil // patches were meant for what it shows no longer
		case bundle.SlotModify:
			it.patches = append(it.patches, *h)
		case bundle.SlotWrap:
			if s.Before != nil {
				it.before = append([]piece{{*h, s.Before}}, it.before...) // the later is further out
			}
			if s.After != nil {
				it.after = append(it.after, piece{*h, s.After})
			}
		}
	}
	return items
}
