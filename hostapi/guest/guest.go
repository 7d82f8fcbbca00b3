// Package guest is the other side of the host API, for extensions written in Go.
// It needs nothing but the standard library, and is copied into each project, so
// that an extension builds anywhere:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o main.wasm .
//
// An extension is a package main with an empty main function and an export for
// each hook of its manifest:
//
//	//go:wasmexport check
//	func check(ptr, size uint32) uint64 { return guest.Filter(ptr, size, decide) }
//
//	func decide(q guest.Question) guest.Answer {
//		var e Enrolment
//		if err := q.Decode(&e); err != nil {
//			return guest.Refuse("invalid_question", "The policy does not understand the question.")
//		}
//		…
//		return guest.Pass()
//	}
//
// What is shown in a slot of a page is built from nodes ([Card], [Text], [Chart],
// [Form] and their like):
//
//	//go:wasmexport card
//	func card(ptr, size uint32) uint64 { return guest.Slot(ptr, size, show) }
//
//	func show(p guest.Place) (guest.Node, error) {
//		return guest.Card("Today", guest.Text("Enrolled: ", guest.Bold("12"))), nil
//	}
//
// What decides is an ordinary function: test it with `go test`, natively, and let
// [SetHost] answer the operations that it calls.
//
// Unless the manifest says otherwise, every call finds the memory as it was when
// the module had started. What init functions prepare is prepared for all calls;
// what is looked up or built at the first use is built again in each.
package guest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Question is what a filter is asked.
type Question struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Time     time.Time       `json:"time"`
	Tenant   string          `json:"tenant"`
	Actor    string          `json:"actor"`
	Course   string          `json:"course"`
	Settings json.RawMessage `json:"settings"`
	Trace    string          `json:"trace"`
	Data     json.RawMessage `json:"data"`
}

// Decode decodes what is asked about.
func (q Question) Decode(v any) error { return json.Unmarshal(q.Data, v) }

// Configure decodes the settings.
func (q Question) Configure(v any) error { return configure(q.Settings, v) }

// Event is something that has happened. Its ID is the same when it is delivered
// again.
type Event struct {
	ID       string          `json:"id"`
	Source   string          `json:"source"`
	Type     string          `json:"type"`
	Subject  string          `json:"subject"`
	Tenant   string          `json:"tenant"`
	Actor    string          `json:"actor"`
	Person   string          `json:"person"`
	Course   string          `json:"course"`
	Time     time.Time       `json:"time"`
	Position uint64          `json:"position"`
	Attempt  int             `json:"attempt"`
	Settings json.RawMessage `json:"settings"`
	Trace    string          `json:"trace"`
	Data     json.RawMessage `json:"data"`
}

// Decode decodes what the event tells.
func (e Event) Decode(v any) error { return json.Unmarshal(e.Data, v) }

// Configure decodes the settings.
func (e Event) Configure(v any) error { return configure(e.Settings, v) }

// Task is work at a set time or in the background.
type Task struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Time     time.Time       `json:"time"`
	Tenant   string          `json:"tenant"`
	Settings json.RawMessage `json:"settings"`
	Trace    string          `json:"trace"`
	Input    json.RawMessage `json:"input"`
	State    json.RawMessage `json:"state"` // what the call before returned, if there was one
}

// Configure decodes the settings.
func (t Task) Configure(v any) error { return configure(t.Settings, v) }

func configure(raw json.RawMessage, v any) error {
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, v)
}

// Answer is what a filter says. Make it with [Pass], [Change] or [Refuse].
type Answer struct {
	Patch  any      `json:"patch,omitempty"`
	Halt   bool     `json:"stop,omitempty"`
	Refuse *Refusal `json:"refuse,omitempty"`
}

// Refusal is a no, with a code for programs and a message for people.
type Refusal struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Effect  *Effect `json:"effect,omitempty"`
}

// Effect is what a refusal asks for besides an error.
type Effect struct {
	Kind     string `json:"kind"`
	Redirect string `json:"redirect,omitempty"`
}

// Pass lets it happen as it is.
func Pass() Answer { return Answer{} }

// Change lets it happen with a change: a merge patch (RFC 7396) of the data.
func Change(patch any) Answer { return Answer{Patch: patch} }

// Refuse does not let it happen. The message is shown to people.
func Refuse(code, message string) Answer {
	return Answer{Refuse: &Refusal{Code: code, Message: message}}
}

// Stop lets no further extension be asked.
func (a Answer) Stop() Answer {
	a.Halt = true
	return a
}

// Redirect sends whoever is refused to another page of the tenant.
func (a Answer) Redirect(to string) Answer {
	if a.Refuse != nil {
		a.Refuse.Effect = &Effect{Kind: "redirect", Redirect: to}
	}
	return a
}

// The kinds of error, as [Error.Kind] has them.
const (
	Invalid     = "invalid"     // the input is wrong
	Denied      = "denied"      // the permission is lacking, or it is not for a filter
	Refused     = "refused"     // another extension said no
	NotFound    = "not_found"   // not there, or outside of where the extension is enabled
	Conflict    = "conflict"    // it has changed meanwhile: look again
	Exhausted   = "exhausted"   // too much, or too often: try later
	Unavailable = "unavailable" // not now: try later
	Internal    = "internal"    // a fault, of the platform or of the extension
)

// Error is an operation's error, or a hook's answer to the platform.
type Error struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// Error returns kind and message. A hook that returns a nil *Error as an error
// has made a mistake, and says so.
func (e *Error) Error() string {
	if e == nil {
		return "internal: an error that is a nil *guest.Error"
	}
	return e.Kind + ": " + e.Message
}

// KindOf returns the kind of an error that is, or wraps, an [*Error]; [Internal]
// for any other; "" for none.
func KindOf(err error) string {
	if err == nil {
		return ""
	}
	if e := (*Error)(nil); errors.As(err, &e) && e != nil {
		return e.Kind
	}
	return Internal
}

// Call runs an operation of the host API. In and out are what its documentation
// says, out may be nil. Errors are of type [*Error].
func Call(operation string, in, out any) error {
	raw, err := encode(in)
	if err != nil {
		return fmt.Errorf("encode input of %s: %w", operation, err)
	}
	answer, err := host(operation, raw)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode answer of %s: %w", operation, err)
	}
	return nil
}

// encode is JSON without the escapes that only HTML needs.
func encode(v any) ([]byte, error) {
	if w, ok := v.(written); ok {
		return w, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// maxMessage is how many bytes of a message the platform hears: a longer answer
// would count as a crash.
const maxMessage = 1000

// answer is what a hook returns: JSON, or an error with its kind.
func answer(v any, err error) (out []byte, failed bool) {
	if err == nil {
		if out, err = encode(v); err == nil {
			return out, false
		}
	}
	e := &Error{Kind: KindOf(err), Message: err.Error()}
	if known := (*Error)(nil); errors.As(err, &known) && known != nil && err == error(known) {
		e.Message = known.Message // the kind would stand there twice
	}
	e.Message = cut(e.Message)
	out, err = encode(e)
	if err != nil {
		return []byte(`{"kind":"internal","message":"the answer cannot be encoded"}`), true
	}
	return out, true
}

// cut shortens a message to what the platform hears of it.
func cut(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	n := maxMessage - len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "\ufffd") + "…"
}

// filtered answers a question.
func filtered(in []byte, decide func(Question) Answer) (any, error) {
	var q Question
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, &Error{Invalid, "the question is not JSON: " + err.Error()}
	}
	return decide(q), nil
}

// handled hears of an event.
func handled(in []byte, hear func(Event) error) (any, error) {
	var e Event
	if err := json.Unmarshal(in, &e); err != nil {
		return nil, &Error{Invalid, "the event is not JSON: " + err.Error()}
	}
	return struct{}{}, hear(e)
}

// worked does a part of a task.
func worked(in []byte, do func(Task) (any, error)) (any, error) {
	var t Task
	if err := json.Unmarshal(in, &t); err != nil {
		return nil, &Error{Invalid, "the task is not JSON: " + err.Error()}
	}
	state, err := do(t)
	return struct {
		Again any `json:"again,omitempty"`
	}{state}, err
}
