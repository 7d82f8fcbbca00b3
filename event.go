package trellis

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Event is a fact: something that happened and cannot be refused any more. Its
// fields are those of CloudEvents 1.0, with the tenant, the actor and what
// Trellis orders and finds it by.
//
// Data holds no personal data: it names people by ID. Whoever delivers an event
// to a reader with the right to more fills it in (see [PersonalFields]).
type Event struct {
	ID      string          `json:"id"`                // grows with time; unique; the key for idempotency
	Source  string          `json:"source"`            // "trellis", or "extension:<installation>"
	Type    string          `json:"type"`              // org.openedx.learning.course.enrollment.created.v1
	Subject string          `json:"subject,omitempty"` // what it is about: a course key, an ID
	Tenant  string          `json:"tenant"`
	Actor   string          `json:"actor"`            // [Actor.String] of whoever did it
	Person  string          `json:"person,omitempty"` // ID of the person whom it concerns
	Course  string          `json:"course,omitempty"` // key of the course that it concerns
	Key     string          `json:"key"`              // events of one key are delivered in order
	Trace   string          `json:"trace,omitempty"`
	Cause   string          `json:"cause,omitempty"` // ID of the event that led to this one
	Hops    int             `json:"hops,omitempty"`  // length of the chain of causes
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
	// Position is the event's place in the log, in the order of commits and
	// without gaps: 1, 2, 3 …. It is 0 until it is known, and never known inside
	// the transaction that emits.
	Position uint64 `json:"position,omitempty"`
}

// Payload is the data of an event or filter. It says whom and which course it
// concerns; either may be empty.
type Payload interface {
	About() (person, course string)
}

// Emitter takes events; a store's transaction is one. An event is emitted on a
// transaction or not at all. An event whose ID is known already is dropped
// without an error, so that a repeat has no effect.
type Emitter interface {
	Emit(ctx context.Context, e Event) error
}

// Source gives events out again.
//
// Consume calls h with each event that matches pattern, on one node, at least
// once, in order per key; it keeps its place under the name role, and retries
// what fails. It is for effects. Follow calls h with each event after the
// position from, on every node, in order, first from the log and then live; h's
// error ends it. It is for views, caches and streams. A from that is older than
// the log gives an error of kind [Conflict], upon which the caller reads its data
// anew. Both return when ctx is done.
//
// A pattern is an exact type, "prefix.*" for all types below prefix, or "*".
type Source interface {
	Consume(ctx context.Context, role, pattern string, h func(context.Context, Event) error) error
	Follow(ctx context.Context, from uint64, pattern string, h func(context.Context, Event) error) error
}

// Spec describes an event type or a filter: the catalogue, JSON Schemas and
// documentation are made from it.
type Spec struct {
	Name, Doc string
	Data      reflect.Type // of the payload
	Outcomes  []Outcome    // of a filter: how it may end other than by going on
}

var typePattern = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)

// ValidType reports whether name may be the type of an event or filter: two or
// more parts of lower-case letters, digits, "_" and "-", joined by points.
func ValidType(name string) bool { return len(name) <= 160 && typePattern.MatchString(name) }

// EventType is a kind of event with its payload. Define each once, as a
// variable in the package that owns what it tells of.
type EventType[T Payload] struct{ spec Spec }

// DefineEvent returns the event type called name. It panics on an invalid name,
// which is a mistake in the program.
func DefineEvent[T Payload](name, doc string) EventType[T] {
	if !ValidType(name) {
		panic("trellis: invalid event type " + name)
	}
	return EventType[T]{Spec{Name: name, Doc: doc, Data: reflect.TypeFor[T]()}}
}

// Name returns the type's name.
func (t EventType[T]) Name() string { return t.spec.Name }

// Spec returns the type's description.
func (t EventType[T]) Spec() Spec { return t.spec }

// New returns the event that it happened, by the actor of ctx. Person, Course
// and Key come from data; the trace, the cause and (in a delivery) the ID from
// ctx. Personal data is left out: the event holds the person's ID, and a reader
// that was granted more gets it when the event is delivered.
func (t EventType[T]) New(ctx context.Context, subject string, data T) (Event, error) {
	raw, err := json.Marshal(Redact(data, nil))
	if err != nil {
		return Event{}, fmt.Errorf("encode %s: %w", t.spec.Name, err)
	}
	person, course := data.About()
	return NewEvent(ctx, t.spec.Name, subject, person, course, raw), nil
}

// Emit records on to that it happened ([EventType.New]).
func (t EventType[T]) Emit(ctx context.Context, to Emitter, subject string, data T) error {
	e, err := t.New(ctx, subject, data)
	if err != nil {
		return err
	}
	return to.Emit(ctx, e)
}

// Decode returns the payload of e.
func (t EventType[T]) Decode(e Event) (T, error) {
	var data T
	if e.Type != t.spec.Name {
		return data, Errorf(Invalid, "event %s is a %s, not a %s", e.ID, e.Type, t.spec.Name)
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return data, fmt.Errorf("decode event %s: %w", e.ID, err)
	}
	return data, nil
}

// NewEvent returns an event of the actor and trace of ctx. Most callers want
// [EventType.Emit]; this is for those whose types are not known here, such as
// an extension's own.
func NewEvent(ctx context.Context, typ, subject, person, course string, data json.RawMessage) Event {
	actor, trace := ActorFrom(ctx), TraceFrom(ctx)
	e := Event{
		ID: IDFrom(ctx), Source: "trellis", Type: typ, Subject: subject,
		Tenant: actor.Tenant, Actor: actor.String(), Person: person, Course: course,
		Trace: trace.ID, Cause: trace.Cause, Hops: trace.Hops,
		Time: time.Now().UTC().Truncate(time.Microsecond), Data: data,
	}
	switch {
	case person != "":
		e.Key = person
	case course != "":
		e.Key = course
	default:
		e.Key = subject
	}
	return e
}

// MatchType reports whether pattern (see [Source]) takes in typ.
func MatchType(pattern, typ string) bool {
	if pattern == "*" || pattern == typ {
		return true
	}
	prefix, ok := strings.CutSuffix(pattern, "*")
	return ok && strings.HasSuffix(prefix, ".") && len(typ) > len(prefix) && strings.HasPrefix(typ, prefix)
}

// ValidPattern reports whether pattern is an exact type, "prefix.*" or "*".
func ValidPattern(pattern string) bool {
	if pattern == "*" || ValidType(pattern) {
		return true
	}
	prefix, ok := strings.CutSuffix(pattern, ".*")
	return ok && ValidType(prefix+".x")
}
