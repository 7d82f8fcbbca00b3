package extensions

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/line"
)

// Question is what a filter's export receives.
type Question struct {
	ID       string          `json:"id" doc:"ID of this asking."`
	Type     string          `json:"type" doc:"Type of the filter."`
	Time     time.Time       `json:"time" doc:"When it is asked."`
	Tenant   string          `json:"tenant" doc:"Name of the tenant."`
	Actor    string          `json:"actor" doc:"Who would do it."`
	Course   string          `json:"course,omitempty" doc:"Key of the course that it concerns."`
	Settings json.RawMessage `json:"settings" doc:"The extension's settings, as they are in force there."`
	Trace    string          `json:"trace" doc:"The trace of the request."`
	Data     json.RawMessage `json:"data" doc:"What would happen: the catalogue has the schema."`
}

// Told is what an event's export receives.
type Told struct {
	ID       string          `json:"id" doc:"ID of the event: the idempotency key."`
	Source   string          `json:"source" doc:"Who tells of it."`
	Type     string          `json:"type" doc:"Type of the event."`
	Subject  string          `json:"subject,omitempty" doc:"What it is about."`
	Tenant   string          `json:"tenant" doc:"Name of the tenant."`
	Actor    string          `json:"actor" doc:"Who did it."`
	Person   string          `json:"person,omitempty" doc:"ID of the person whom it concerns."`
	Course   string          `json:"course,omitempty" doc:"Key of the course that it concerns."`
	Time     time.Time       `json:"time" doc:"When it happened."`
	Position uint64          `json:"position" doc:"Its place in the log."`
	Attempt  int             `json:"attempt" doc:"1 for the first time that it is told."`
	Settings json.RawMessage `json:"settings" doc:"The extension's settings, as they are in force there."`
	Trace    string          `json:"trace" doc:"The trace of what gave rise to it."`
	Data     json.RawMessage `json:"data" doc:"What has happened: the catalogue has the schema."`
}

// Task is what an export receives that is called by a schedule or as a job.
type Task struct {
	ID       string          `json:"id" doc:"ID of the job."`
	Name     string          `json:"name" doc:"Name of the schedule or the job."`
	Time     time.Time       `json:"time" doc:"When it is called."`
	Tenant   string          `json:"tenant" doc:"Name of the tenant."`
	Settings json.RawMessage `json:"settings" doc:"The extension's settings, as they are in force there."`
	Trace    string          `json:"trace" doc:"The trace of the job."`
	Input    json.RawMessage `json:"input,omitempty" doc:"What the job was asked for with."`
	State    json.RawMessage `json:"state,omitempty" doc:"What the call before answered as again."`
}

// Again is what such an export answers.
type Again struct {
	Again json.RawMessage `json:"again,omitempty" doc:"Asks to be called once more, with this as state; absent or null when the work is done."`
}

// Answer is what a filter's export answers: nothing, a change, or a refusal.
type Answer struct {
	Patch  json.RawMessage `json:"patch,omitempty" doc:"Merge patch (RFC 7396) of the data."`
	Stop   bool            `json:"stop,omitempty" doc:"Whether no other extension is asked after this one."`
	Refuse *Refuse         `json:"refuse,omitempty" doc:"A no, and then neither of the others."`
}

// Refuse is a filter's no.
type Refuse struct {
	Code    string          `json:"code" doc:"For programs: lower-case letters, digits and _."`
	Message string          `json:"message" doc:"For the person: 1 to 500 characters of one line."`
	Effect  *trellis.Effect `json:"effect,omitempty" doc:"What else is asked for, where the filter's outcomes allow it."`
}

var codePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// ReadAnswer reads what a filter answered. The effect of a refusal must be one
// that outcomes allow. Faults are [trellis.Invalid]: the step has failed.
func ReadAnswer(raw []byte, outcomes []trellis.Outcome) (Answer, error) {
	var a Answer
	if !utf8.Valid(raw) {
		return a, trellis.Errorf(trellis.Invalid, "the answer is not UTF-8")
	}
	if string(raw) == "{}" {
		return a, nil // the usual one
	}
	if err := bundle.Exact(raw, reflect.TypeFor[Answer]()); err != nil {
		return a, trellis.Errorf(trellis.Invalid, "the answer: %w", err)
	}
	if err := trellis.DecodeStrict(raw, &a); err != nil {
		return a, trellis.Errorf(trellis.Invalid, "the answer: %s", err)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return a, trellis.Errorf(trellis.Invalid, "the answer is not an object")
	}
	if string(a.Patch) == "null" {
		return a, trellis.Errorf(trellis.Invalid, "the patch is null")
	}
	if a.Refuse == nil {
		return a, nil
	}
	r := a.Refuse
	// A no stays one, whatever its words hold that no line may.
	r.Message, _ = line.Mend(r.Message)
	switch {
	case len(a.Patch) > 0 || a.Stop:
		return a, trellis.Errorf(trellis.Invalid, "the answer refuses and goes on at once")
	case !codePattern.MatchString(r.Code):
		return a, trellis.Errorf(trellis.Invalid, "the code of the refusal must be lower-case letters, digits and _")
	case !sayable(r.Message):
		return a, trellis.Errorf(trellis.Invalid, "the message of the refusal must have 1 to 500 characters that one sees")
	case r.Effect != nil && !slices.ContainsFunc(outcomes, func(o trellis.Outcome) bool { return o.Effect == r.Effect.Kind && o.Effect != "" }):
		return a, trellis.Errorf(trellis.Invalid, "this filter has no effect %.40q", r.Effect.Kind)
	case r.Effect != nil && r.Effect.Kind == trellis.EffectRedirect && !localPath(r.Effect.Redirect):
		return a, trellis.Errorf(trellis.Invalid, "a redirect stays within the tenant: it begins with one / and has no host")
	}
	return a, nil
}

func sayable(message string) bool {
	_, err := line.Clean("the message", message, 1, 500)
	return err == nil
}

// localPath reports whether s is the path of a page of ours, which no browser
// can take for another host.
func localPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.ContainsAny(s, "\\") &&
		!strings.ContainsFunc(s, unicode.IsControl) && len(s) <= 2000
}

// Patch merges an RFC 7396 patch into a document, both JSON. A patch that touches
// one of the hidden places, which whoever made it was not shown, is
// [trellis.Invalid].
func Patch(doc, patch []byte, hidden []trellis.PersonalField) ([]byte, error) {
	d, err := decodeAny(doc)
	if err != nil {
		return nil, err
	}
	p, err := decodeAny(patch)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the patch is not JSON")
	}
	if _, ok := p.(map[string]any); !ok {
		return nil, trellis.Errorf(trellis.Invalid, "the patch is not an object")
	}
	for _, h := range hidden {
		if touches(p, h.Path) {
			return nil, trellis.Errorf(trellis.Invalid, "the patch changes %s, which the extension may not see", strings.Join(h.Path, "."))
		}
	}
	return json.Marshal(merge(d, p))
}

// merge is MergePatch of RFC 7396, section 2.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = merge(object[name], value)
		}
	}
	return object
}

// touches reports whether a patch reaches the place at path, or replaces
// something that it is in.
func touches(patch any, path []string) bool {
	object, ok := patch.(map[string]any)
	if !ok || len(path) == 0 {
		return true
	}
	if path[0] == "*" { // an array is replaced as a whole, a map by its keys
		for _, v := range object {
			if touches(v, path[1:]) {
				return true
			}
		}
		return false
	}
	value, ok := object[path[0]]
	return ok && touches(value, path[1:])
}

// decodeAny decodes a document without losing a digit of a number.
func decodeAny(raw []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err = dec.Decode(&v); err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = trellis.Errorf(trellis.Invalid, "more than one JSON value")
		}
	}
	return v, err
}
