package learning

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

// Parameter is one argument of a filter of Open edX, or the payload of an event.
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// FilterEntry is a filter as the catalogue shows it.
type FilterEntry struct {
	Name       string            `json:"name" doc:"Type of the filter."`
	Class      string            `json:"class,omitempty" doc:"Class of openedx-filters."`
	Doc        string            `json:"doc" doc:"When it is asked."`
	Parameters []Parameter       `json:"parameters,omitempty" doc:"Arguments in openedx-filters."`
	Outcomes   []trellis.Outcome `json:"outcomes,omitempty" doc:"How it may end other than by going on."`
	Live       bool              `json:"live" doc:"Whether this version asks it."`
	Schema     json.RawMessage   `json:"schema,omitempty" doc:"JSON Schema of the data, of a live one."`
}

// EventEntry is an event type as the catalogue shows it.
type EventEntry struct {
	Name       string          `json:"name" doc:"Type of the event."`
	Signal     string          `json:"signal,omitempty" doc:"Signal of openedx-events."`
	Doc        string          `json:"doc,omitempty" doc:"What it tells."`
	Parameters []Parameter     `json:"parameters,omitempty" doc:"Payload in openedx-events."`
	Live       bool            `json:"live" doc:"Whether this version emits it."`
	Schema     json.RawMessage `json:"schema,omitempty" doc:"JSON Schema of the data, of a live one."`
}

// SlotEntry is a place in a page as the catalogue shows it.
type SlotEntry struct {
	Name    string `json:"name" doc:"Name of the place."`
	Doc     string `json:"doc" doc:"Where it is, as the end of a sentence."`
	Level   string `json:"level" doc:"What its page is about." enum:"tenant,course"`
	Default string `json:"default,omitempty" doc:"What the page itself shows there."`
	Live    bool   `json:"live" doc:"Whether this version has it."`
}

// Catalogue is what extensions can take part in: every filter and event that there
// is, those of Open edX, whether live or not, and Trellis's own; and the places in
// pages.
type Catalogue struct {
	Filters []FilterEntry `json:"filters"`
	Events  []EventEntry  `json:"events"`
	Slots   []SlotEntry   `json:"slots"`
}

// NewCatalogue returns the catalogue in which filters and events are live, and
// pages have these slots.
func NewCatalogue(filters, events []trellis.Spec, slots []SlotEntry) (Catalogue, error) {
	c := Catalogue{Filters: openedxFilters(), Events: openedxEvents(), Slots: append([]SlotEntry{}, slots...)}
	for i := range c.Events {
		c.Events[i].Doc = sentence(c.Events[i].Signal)
	}
	for _, spec := range filters {
		schema, err := hostapi.SchemaOf(spec.Data)
		if err != nil {
			return Catalogue{}, err
		}
		entry := find(&c.Filters, func(f FilterEntry) bool { return f.Name == spec.Name }, FilterEntry{Name: spec.Name})
		entry.Doc, entry.Outcomes, entry.Live, entry.Schema = spec.Doc, spec.Outcomes, true, schema
	}
	for _, spec := range events {
		schema, err := hostapi.SchemaOf(spec.Data)
		if err != nil {
			return Catalogue{}, err
		}
		entry := find(&c.Events, func(e EventEntry) bool { return e.Name == spec.Name }, EventEntry{Name: spec.Name})
		entry.Doc, entry.Live, entry.Schema = spec.Doc, true, schema
	}
	return c, nil
}

// find returns the first entry that is meant, appending one where there is none.
func find[T any](all *[]T, is func(T) bool, absent T) *T {
	for i := range *all {
		if is((*all)[i]) {
			return &(*all)[i]
		}
	}
	*all = append(*all, absent)
	return &(*all)[len(*all)-1]
}

// sentence turns the name of a signal into words: "Forum thread created."
func sentence(signal string) string {
	words := strings.ToLower(strings.ReplaceAll(signal, "_", " "))
	for _, w := range []string{"xblock", "idv", "lti", "ora", "ccx"} {
		words = strings.ReplaceAll(" "+words+" ", " "+w+" ", " "+strings.ToUpper(w)+" ")[1:]
		words = strings.TrimSuffix(words, " ")
	}
	words = strings.ReplaceAll(words, "XBLOCK", "XBlock")
	return strings.ToUpper(words[:1]) + words[1:] + "."
}

// Operation returns the operation that shows the catalogue.
func (c Catalogue) Operation() hostapi.Operation {
	return hostapi.Define(hostapi.Spec{Name: "catalogue.list", Doors: hostapi.HTTP("GET", "/api/v1/catalogue"),
		Doc: "Every filter and event, which of them are live, and the places in pages that extensions fill."}, nobody[Nothing],
		func(context.Context, Nothing) (Catalogue, error) { return c, nil })
}
