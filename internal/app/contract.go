package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

// Contract returns the contract with extensions: ABI.md and the JSON Schemas of
// every operation. It needs a platform to list the operations of, and makes one
// in a temporary directory.
func Contract(ctx context.Context) (doc, schemas []byte, err error) {
	dir, err := os.MkdirTemp("", "trellis-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	a, err := New(ctx, Config{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if doc, err = hostapi.Document(hostapi.Contract{
		Manifest: manifests(), Operations: a.API.Operations(), Hooks: hooks(), Places: places(), Shapes: shapes(), Limits: tree.Limits(),
	}); err != nil {
		return nil, nil, err
	}
	schemas, err = hostapi.Schemas(a.API.Operations())
	return doc, schemas, err
}

// hooks returns the kinds of export that a manifest can name.
func hooks() []hostapi.Hook {
	return []hostapi.Hook{
		{Name: "filter", In: reflect.TypeFor[extensions.Question](), Out: reflect.TypeFor[extensions.Answer](),
			Doc: "Asked before something happens (`filters`). It answers `{}` to let it happen, a patch to change it, or a refusal. The types and their data are in the catalogue (`GET /api/v1/catalogue`)."},
		{Name: "event", In: reflect.TypeFor[extensions.Told](),
			Doc: "Told of what has happened (`events`), at least once, in order for each person: `id` is the same each time. An answer is not read; an error answer has it told again later."},
		{Name: "schedule, job", In: reflect.TypeFor[extensions.Task](), Out: reflect.TypeFor[extensions.Again](),
			Doc: "Called at set times (`schedules`), or for work that was asked for with `jobs.enqueue` (`jobs`)."},
		{Name: "slot", In: reflect.TypeFor[slots.Asked](),
			Doc: "Asked what a place in a page shows (`slots`, `call`), by whoever looks: it has that person's rights, narrowed to what the extension was granted, and can only read. It answers a tree (see The tree), or `null` to show nothing. All slots of a page together have 100 ms; what is late is left out and comes as soon as it is there. It is asked anew when one of its events happens (`refresh_on`)."},
		{Name: "action", In: reflect.TypeFor[slots.Acted](), Out: reflect.TypeFor[slots.Reply](),
			Doc: fmt.Sprintf("Asked when somebody presses a button or sends a form of the slot (`actions`). `values` holds the fixed values, which come back as they were shown to this person, and what was filled in, checked against the fields: a number or a boolean for such a field, a string otherwise. A message has at most %d characters.", slots.MaxMessage)},
	}
}

// places returns where in pages something can be shown.
func places() []hostapi.Place {
	var all []hostapi.Place
	for _, p := range slots.Places() {
		doc := p.Sentence
		if p.Default != "" {
			doc += "; `default` is: " + p.Default
		}
		all = append(all, hostapi.Place{Name: p.Name, Doc: doc, Level: p.Level})
	}
	return all
}

// shapes returns the kinds of object in a tree.
func shapes() []hostapi.Shape {
	var all []hostapi.Shape
	for _, o := range tree.Objects() {
		s := hostapi.Shape{Name: o.Name}
		for _, k := range o.Keys {
			s.Keys = append(s.Keys, hostapi.Key(k))
		}
		all = append(all, s)
	}
	return all
}

// slotEntries returns the places as the catalogue shows them.
func slotEntries() []learning.SlotEntry {
	var all []learning.SlotEntry
	for _, p := range slots.Places() {
		all = append(all, learning.SlotEntry{Name: p.Name, Doc: p.Sentence, Level: p.Level, Default: p.Default, Live: true})
	}
	return all
}
