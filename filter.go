package trellis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
)

// EffectKind is what a refusal may ask for besides an error.
type EffectKind string

// The effects, after the exceptions of openedx-filters.
const (
	EffectRedirect EffectKind = "redirect" // send the person to another page
	EffectTemplate EffectKind = "template" // render another template, with this context
	EffectResponse EffectKind = "response" // answer with this, as it is
)

// Effect is what a refusal asks for besides an error. Which kinds a filter
// allows is in its [Spec].
type Effect struct {
	Kind     EffectKind      `json:"kind" doc:"Which effect."`
	Redirect string          `json:"redirect,omitempty" doc:"Where to, within the tenant."`
	Template string          `json:"template,omitempty" doc:"The template."`
	Context  json.RawMessage `json:"context,omitempty" doc:"Of the template."`
	Response json.RawMessage `json:"response,omitempty" doc:"The answer."`
}

// Outcome is one way in which a filter may end other than by going on: the name
// of Open edX's exception, what it means, and the effect that it carries, if any.
type Outcome struct {
	Name   string     `json:"name"`
	Doc    string     `json:"doc"`
	Effect EffectKind `json:"effect,omitempty"`
}

// Question is what a filter is asked: may this happen, and with which data?
type Question struct {
	Type           string
	Person, Course string // whom and which course it concerns; either may be empty
	Data           []byte // JSON of the payload
}

// Filters asks those who may change or refuse something before it happens. It
// returns the data as they left it, which is the same slice if nobody changed
// it. A refusal is a [*Refusal]. It must not be called inside a transaction.
type Filters interface {
	Filter(ctx context.Context, q Question) ([]byte, error)
}

// FilterType is a kind of question asked before something happens, with its
// payload. Define each once, as a variable in the package that asks it.
type FilterType[T Payload] struct{ spec Spec }

// DefineFilter returns the filter called name. It panics on an invalid name,
// which is a mistake in the program.
func DefineFilter[T Payload](name, doc string, outcomes ...Outcome) FilterType[T] {
	if !ValidType(name) {
		panic("trellis: invalid filter type " + name)
	}
	return FilterType[T]{Spec{Name: name, Doc: doc, Data: reflect.TypeFor[T](), Outcomes: outcomes}}
}

// Name returns the filter's name.
func (t FilterType[T]) Name() string { return t.spec.Name }

// Spec returns the filter's description.
func (t FilterType[T]) Spec() Spec { return t.spec }

// Apply asks by about v and returns what became of it. The result is checked to
// be a T and nothing more; whether it makes sense is for the caller to check,
// as for any input.
func (t FilterType[T]) Apply(ctx context.Context, by Filters, v T) (T, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return v, fmt.Errorf("encode %s: %w", t.spec.Name, err)
	}
	person, course := v.About()
	out, err := by.Filter(ctx, Question{Type: t.spec.Name, Person: person, Course: course, Data: data})
	if err != nil {
		return v, err
	}
	if bytes.Equal(out, data) {
		return v, nil
	}
	var changed T
	if err := DecodeStrict(out, &changed); err != nil {
		return v, fmt.Errorf("result of filter %s: %w", t.spec.Name, err)
	}
	return changed, nil
}

// NoFilters lets everything pass.
type NoFilters struct{}

// Filter returns the data of q.
func (NoFilters) Filter(_ context.Context, q Question) ([]byte, error) { return q.Data, nil }
