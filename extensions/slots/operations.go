package slots

import (
	"context"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
)

// List says of which pages the places are wanted.
type List struct {
	Course string `json:"course,omitempty" doc:"Key of the course; absent for the pages of the tenant as such."`
}

// Listed is every place in a page.
type Listed struct {
	Items []Filled `json:"items" doc:"The places, with what takes part in them."`
}

// Filled is a place in a page, with what takes part in it.
type Filled struct {
	Slot      string                    `json:"slot" doc:"Name of the place."`
	Where     string                    `json:"where" doc:"Where it is, as the end of a sentence."`
	Level     extensions.Level          `json:"level" doc:"What its page is about." enum:"tenant,course"`
	Default   string                    `json:"default,omitempty" doc:"What the page itself shows there."`
	Parts     []Part                    `json:"parts" doc:"What extensions do there, in order, whoever looks."`
	Conflicts []extensions.SlotConflict `json:"conflicts" doc:"Where they get in each other's way."`
}

// Part is what an extension does in a place.
type Part struct {
	Extension string          `json:"extension" doc:"ID of the extension."`
	Title     string          `json:"title" doc:"What it is called."`
	Version   string          `json:"version" doc:"Version that runs."`
	Op        string          `json:"op" doc:"What it does." enum:"insert,hide,modify,replace,wrap"`
	Target    string          `json:"target,omitempty" doc:"What it acts on: the ID of an extension, or default."`
	Order     int             `json:"order" doc:"Its place among the others."`
	RefreshOn []string        `json:"refresh_on,omitempty" doc:"What makes it stale."`
	Actions   []string        `json:"actions,omitempty" doc:"What people can ask of it."`
	When      bundle.SlotWhen `json:"when,omitzero" doc:"To whom, and where."`
	Locked    bool            `json:"locked,omitempty" doc:"Whether no course may change it."`
	Trouble   string          `json:"trouble,omitempty" doc:"Why it takes no part at the moment."`
}

// Operations returns the operations on slots.
func (s *Slots) Operations() []hostapi.Operation {
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "slots.list", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/slots"),
			Doc: "The places in pages, what extensions do there, and where they get in each other's way."},
			func(in List) hostapi.Scope { return hostapi.Scope{Course: in.Course} }, s.list),
	}
}

func (s *Slots) list(ctx context.Context, in List) (Listed, error) {
	out := Listed{Items: []Filled{}}
	for _, p := range Places() {
		f := Filled{Slot: p.Name, Where: p.Sentence, Level: extensions.Level(p.Level), Default: p.Default, Parts: []Part{}, Conflicts: s.cfg.Registry.SlotConflicts(ctx, p.Name, in.Course)}
		for _, h := range s.cfg.Registry.Slots(ctx, p.Name, in.Course) {
			l := h.Slot()
			part := Part{
				Extension: h.Extension(), Title: h.Title(), Version: h.Version(), Op: l.Op, Target: l.Target, Order: l.Order, RefreshOn: l.RefreshOn, Actions: l.Actions,
				When: l.When, Locked: h.Locked(),
			}
			if err := h.Ready(); err != nil {
				part.Trouble = err.Error()
			}
			f.Parts = append(f.Parts, part)
		}
		out.Items = append(out.Items, f)
	}
	return out, nil
}
