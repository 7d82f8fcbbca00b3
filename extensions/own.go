package extensions

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/store"
)

// own are the operations that an extension has for itself: they have the guest
// door only.
func (r *Registry) own() []hostapi.Operation {
	guest := hostapi.Guest()
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "config.get", Doors: guest, Doc: "The extension's settings, as they are in force where it runs."},
			none[Nothing], func(ctx context.Context, _ Nothing) (json.RawMessage, error) {
				_, c, err := caller(ctx)
				return c.Settings, err
			}),
		hostapi.Define(hostapi.Spec{Name: "secrets.get", Doors: guest, Doc: "A secret that the extension was given."}, none[SecretName], r.secretGet),
		hostapi.DefineList(hostapi.Spec{Name: "kv.get", Permission: "kv", Doors: guest, Doc: "A note of the extension."}, none[KeyInput], r.kvGet),
		hostapi.DefineList(hostapi.Spec{Name: "kv.set", Permission: "kv", Writes: true, Doors: guest,
			Doc: "Writes a note, if it has the version that is named. An extension keeps at most 10,000 notes and 10 MiB."}, none[Keep], r.kvSet),
		hostapi.DefineList(hostapi.Spec{Name: "kv.delete", Permission: "kv", Writes: true, Doors: guest, Doc: "Removes a note."}, none[KeyInput], r.kvDelete),
		hostapi.DefineList(hostapi.Spec{Name: "kv.list", Permission: "kv", Doors: guest, Doc: "Notes of the extension, by name."}, none[KeyList], r.kvList),
		hostapi.DefineList(hostapi.Spec{Name: "events.emit", Permission: "events:emit", Writes: true, Doors: guest,
			Doc: "Tells others of something. The type begins with the extension's ID and a point."},
			func(in Emit) hostapi.Scope { return hostapi.Scope{Course: in.Course} }, r.emit),
		hostapi.DefineList(hostapi.Spec{Name: "http.fetch", Permission: "http:", Doors: guest,
			Doc: "Sends a request to a host that the extension was granted. A filter may only GET. The input has 1 MiB at most, with its JSON: in body_base64 that is a body of about 768 KiB."}, fetchScope, r.fetch),
		hostapi.Define(hostapi.Spec{Name: "log.write", Doors: guest, Doc: "Writes a line to the extension's log."}, none[LogInput], r.logLine),
	}
}

// none is own's scope: what an extension has for itself is within its reach
// wherever it is enabled.
func none[T any](T) hostapi.Scope { return hostapi.Scope{} }

// Emit says what an extension tells of.
type Emit struct {
	Type    string          `json:"type" doc:"Type of the event: the extension's ID, a point, and more."`
	Subject string          `json:"subject,omitempty" doc:"What it is about."`
	Person  string          `json:"person,omitempty" doc:"ID of the person whom it concerns."`
	Course  string          `json:"course,omitempty" doc:"Key of the course that it concerns."`
	Data    json.RawMessage `json:"data,omitempty" doc:"Particulars, at most 64 KiB."`
}

// Check reports why the extension with an ID cannot tell of that.
func (in Emit) Check(extension string) error {
	switch {
	case !trellis.ValidType(in.Type):
		return trellis.Errorf(trellis.Invalid, "type: %.80q cannot be the type of an event", in.Type)
	case !strings.HasPrefix(in.Type, extension+"."):
		return trellis.Errorf(trellis.Denied, "an extension tells of its own events: their types begin with %s.", extension)
	case len(in.Data) > maxValue:
		return trellis.Errorf(trellis.Exhausted, "data: %d bytes, of at most %d", len(in.Data), maxValue)
	case len(in.Subject) > 255 || len(in.Person) > 64 || len(in.Course) > 255:
		return trellis.Errorf(trellis.Invalid, "subject, person and course are names, not texts")
	}
	return nil
}

// Emitted is the event that an extension told of.
type Emitted struct {
	ID string `json:"id" doc:"ID of the event."`
}

func (r *Registry) emit(ctx context.Context, in Emit) (Emitted, error) {
	_, c, err := caller(ctx)
	if err == nil {
		err = in.Check(c.Extension)
	}
	if err != nil {
		return Emitted{}, err
	}
	reach := hostapi.ReachOf(ctx, "events:emit")
	if in.Course == "" && !reach.All() && len(reach) == 1 {
		in.Course = reach[0].Course // it is enabled there and nowhere else
	}
	if !reach.Allows(hostapi.Scope{Course: in.Course}) {
		return Emitted{}, trellis.Errorf(trellis.NotFound, "course %q", in.Course)
	}
	e := trellis.NewEvent(ctx, in.Type, in.Subject, in.Person, in.Course, in.Data)
	e.Source = "extension:" + c.Installation
	err = r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) }))
	return Emitted{e.ID}, err
}

// Fetch is a request to an outside host.
type Fetch struct {
	Method  string            `json:"method,omitempty" doc:"GET if absent."`
	URL     string            `json:"url" doc:"Where to: https, unless an operator allows the network."`
	Headers map[string]string `json:"headers,omitempty" doc:"Headers of the request."`
	Body    string            `json:"body,omitempty" doc:"Body of the request, if it is text."`
	Bytes   string            `json:"body_base64,omitempty" doc:"Body of the request, if it is not: in base64 (RFC 4648, with padding). One of the two at most."`
}

// body returns the body of the request.
func (in Fetch) body() ([]byte, error) {
	switch {
	case in.Bytes == "":
		return []byte(in.Body), nil
	case in.Body != "":
		return nil, trellis.Errorf(trellis.Invalid, "body and body_base64: a request has one body; leave one of them out")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(in.Bytes)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "body_base64: not base64 as RFC 4648 has it in section 4, with padding: %v", err)
	}
	return raw, nil
}

// Fetched is an outside host's answer.
type Fetched struct {
	Status  int               `json:"status" doc:"HTTP status."`
	Headers map[string]string `json:"headers" doc:"Headers of the answer."`
	Body    string            `json:"body" doc:"Body of the answer, at most 1 MiB, if it is UTF-8; else empty."`
	Bytes   string            `json:"body_base64,omitempty" doc:"Body of the answer, if it is not UTF-8: in base64."`
}

// fetchScope names the host that a request goes to: the argument of "http:".
func fetchScope(in Fetch) hostapi.Scope {
	u, err := url.Parse(in.URL)
	if err != nil {
		return hostapi.Scope{Argument: "invalid"}
	}
	return hostapi.Scope{Argument: strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))}
}

func (r *Registry) fetch(ctx context.Context, in Fetch) (Fetched, error) {
	_, c, err := caller(ctx)
	if err != nil {
		return Fetched{}, err
	}
	var hosts []string
	for _, g := range c.Grants {
		if h, ok := strings.CutPrefix(g.Permission, "http:"); ok {
			hosts = append(hosts, h)
		}
	}
	if in.Method == "" {
		in.Method = "GET"
	}
	body, err := in.body()
	if err != nil {
		return Fetched{}, err
	}
	res, err := r.cfg.Egress.Do(ctx, egress.Request{
		Method: in.Method, URL: in.URL, Header: in.Headers, Body: body, Hosts: hosts, ReadOnly: c.Filter,
	})
	if err != nil {
		return Fetched{}, err
	}
	out := Fetched{Status: res.Status, Headers: res.Header}
	if utf8.Valid(res.Body) {
		out.Body = string(res.Body)
	} else {
		out.Bytes = base64.StdEncoding.EncodeToString(res.Body)
	}
	return out, nil
}

// LogInput is a line for the extension's log.
type LogInput struct {
	Level   string `json:"level,omitempty" doc:"How much it matters; info if absent." enum:"debug,info,warn,error"`
	Message string `json:"message" doc:"What to say."`
}

func (r *Registry) logLine(ctx context.Context, in LogInput) (Done, error) {
	tenant, c, err := caller(ctx)
	if err != nil {
		return Done{}, err
	}
	level := levelInfo
	for n := range levelError + 1 {
		if levelName(n) == in.Level {
			level = n
		}
	}
	if t := r.now.Load().tenants[tenant]; t != nil && t.byID[c.Installation] != nil {
		r.logs.add(t.byID[c.Installation], c.Hook, level, in.Message, trellis.TraceFrom(ctx).ID)
	}
	return Done{}, nil
}
