package extensions

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/store"
)

// Nothing is an input without fields.
type Nothing struct{}

// Done is the answer of what has none.
type Done struct{}

// Which names an extension and where it is.
type Which struct {
	ID     string `json:"id" doc:"ID of the extension."`
	Course string `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
}

func (w Which) scope() hostapi.Scope { return hostapi.Scope{Course: w.Course} }

// Settle says which settings an extension is to have.
type Settle struct {
	ID       string          `json:"id" doc:"ID of the extension."`
	Course   string          `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
	Settings json.RawMessage `json:"settings" doc:"The settings; what is absent has its default."`
}

// Consenting says what a version that asks for more is granted.
type Consenting struct {
	ID     string   `json:"id" doc:"ID of the extension."`
	Course string   `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	Grants []string `json:"grants" doc:"Permissions that it is granted, of those that it asks for; [\"*\"] grants them all."`
}

// Trusting binds a publisher to a key.
type Trusting struct {
	Publisher string `json:"publisher" doc:"First half of the IDs of the publisher's extensions."`
	Key       string `json:"key" doc:"Ed25519 public key, base64."`
}

// Publisher names a publisher.
type Publisher struct {
	Publisher string `json:"publisher" doc:"First half of the IDs of the publisher's extensions."`
}

// List is a list of everything that there is.
type List[T any] struct {
	Items []T `json:"items" doc:"All of them."`
}

// Operations returns the operations on extensions, and those that every
// extension has for itself.
func (r *Registry) Operations() []hostapi.Operation {
	return append(r.management(), r.own()...)
}

func (r *Registry) management() []hostapi.Operation {
	whole := func(in Enable) hostapi.Scope { return hostapi.Scope{Course: in.Course} }
	write := func(name, method, path, doc string, do func(context.Context, Which) (Extension, error)) hostapi.Operation {
		return hostapi.Define(hostapi.Spec{Name: name, Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP(method, path), Doc: doc}, Which.scope, do)
	}
	return []hostapi.Operation{
		hostapi.DefineList(hostapi.Spec{Name: "extensions.list", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions"),
			Doc: "The extensions that are installed, where they are enabled, and what they ask for."},
			func(Nothing) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, _ Nothing) (List[Extension], error) {
				return List[Extension]{r.List(ctx, hostapi.ReachOf(ctx, "extensions:read"))}, nil
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.get", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id"),
			Doc: "An extension of the tenant or of a course."}, Which.scope,
			func(ctx context.Context, in Which) (Extension, error) {
				return r.Get(ctx, in.ID, Scope{Course: in.Course})
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.enable", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/enable"),
			Doc: "Switches an extension on, with what it is granted there."}, whole, r.Enable),
		write("extensions.disable", "POST", "/api/v1/extensions/:id/disable", "Switches an extension off, within a second on every node.",
			func(ctx context.Context, in Which) (Extension, error) { return r.Disable(ctx, in.ID, in.Course) }),
		hostapi.Define(hostapi.Spec{Name: "extensions.configure", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/extensions/:id/settings"),
			Doc: "Changes the settings of an extension where it is enabled."},
			func(in Settle) hostapi.Scope { return hostapi.Scope{Course: in.Course} },
			func(ctx context.Context, in Settle) (Extension, error) {
				return r.Set(ctx, in.ID, in.Course, in.Settings)
			}),
		write("extensions.approve", "POST", "/api/v1/extensions/:id/approve", "Approves what course staff asked for.",
			func(ctx context.Context, in Which) (Extension, error) { return r.Approve(ctx, in.ID, in.Course) }),
		write("extensions.reject", "POST", "/api/v1/extensions/:id/reject", "Says no to what course staff asked for.",
			func(ctx context.Context, in Which) (Extension, error) { return r.Reject(ctx, in.ID, in.Course) }),
		hostapi.Define(hostapi.Spec{Name: "extensions.consent", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/consent"),
			Doc: "Lets a version take effect that asks for more than the one before."},
			func(in Consenting) hostapi.Scope { return hostapi.Scope{Course: in.Course} },
			func(ctx context.Context, in Consenting) (Extension, error) { return r.consent(ctx, in) }),
		write("extensions.rollback", "POST", "/api/v1/extensions/:id/rollback", "Brings back the version before.",
			func(ctx context.Context, in Which) (Extension, error) {
				return r.Rollback(ctx, in.ID, Scope{Course: in.Course})
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.uninstall", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/extensions/:id"),
			Doc: "Removes an extension with all that it kept."}, Which.scope,
			func(ctx context.Context, in Which) (Done, error) {
				return Done{}, r.Uninstall(ctx, in.ID, Scope{Course: in.Course})
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.set_secret", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/extensions/:id/secrets/:name"),
			Doc: "Gives an extension a secret, or takes it away. It cannot be read back."},
			func(in SecretInput) hostapi.Scope { return hostapi.Scope{Course: in.Course} },
			func(ctx context.Context, in SecretInput) (Done, error) { return Done{}, r.SetSecret(ctx, in) }),
		hostapi.Define(hostapi.Spec{Name: "extensions.logs", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id/logs"),
			Doc: "What an extension said, and what went wrong with it."},
			func(in LogQuery) hostapi.Scope { return hostapi.Scope{Course: in.Course} }, r.Logs),
		hostapi.Define(hostapi.Spec{Name: "keys.list", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/keys"),
			Doc: "Publishers whose signatures are trusted."}, func(Nothing) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, _ Nothing) (List[Key], error) {
				keys, err := r.Keys(ctx)
				return List[Key]{keys}, err
			}),
		hostapi.Define(hostapi.Spec{Name: "keys.trust", Permission: "tenants:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/keys/:publisher"),
			Doc: "Trusts a publisher's key, for operators."}, func(Trusting) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, in Trusting) (Key, error) { return r.Trust(ctx, in.Publisher, in.Key) }),
		hostapi.Define(hostapi.Spec{Name: "keys.distrust", Permission: "tenants:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/keys/:publisher"),
			Doc: "Trusts a publisher's key no longer, for operators."}, func(Publisher) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, in Publisher) (Done, error) { return Done{}, r.Distrust(ctx, in.Publisher) }),
	}
}

// consent grants what a pending version asks for. In a course, what goes beyond
// self-service is for those who run the tenant.
func (r *Registry) consent(ctx context.Context, in Consenting) (Extension, error) {
	if in.Course != "" && !hostapi.ReachOf(ctx, "extensions:write").All() {
		for _, g := range in.Grants {
			if !contains(r.cfg.SelfService, g) {
				return Extension{}, trellis.Errorf(trellis.Denied, "those who run the tenant grant %s", g)
			}
		}
	}
	return r.Consent(ctx, in.ID, Scope{Course: in.Course}, in.Grants)
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

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
			Doc: "Sends a request to a host that the extension was granted. A filter may only GET."}, fetchScope, r.fetch),
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

// Emitted is the event that an extension told of.
type Emitted struct {
	ID string `json:"id" doc:"ID of the event."`
}

func (r *Registry) emit(ctx context.Context, in Emit) (Emitted, error) {
	_, c, err := caller(ctx)
	switch {
	case err != nil:
		return Emitted{}, err
	case !trellis.ValidType(in.Type):
		return Emitted{}, trellis.Errorf(trellis.Invalid, "type: %.80q cannot be the type of an event", in.Type)
	case !strings.HasPrefix(in.Type, c.Extension+"."):
		return Emitted{}, trellis.Errorf(trellis.Denied, "an extension tells of its own events: their types begin with %s.", c.Extension)
	case len(in.Data) > maxValue:
		return Emitted{}, trellis.Errorf(trellis.Exhausted, "data: %d bytes, of at most %d", len(in.Data), maxValue)
	case len(in.Subject) > 255 || len(in.Person) > 64 || len(in.Course) > 255:
		return Emitted{}, trellis.Errorf(trellis.Invalid, "subject, person and course are names, not texts")
	}
	reach := hostapi.ReachOf(ctx, "events:emit")
	if in.Course == "" && !reach.All() && len(reach) == 1 {
		in.Course = reach[0].Course // it is enabled there and nowhere else
	}
	if !reach.Allows(hostapi.Scope{Course: in.Course}) {
		return Emitted{}, trellis.Errorf(trellis.NotFound, "course %q", in.Course)
	}
	e := trellis.NewEvent(ctx, in.Type, in.Subject, in.Person, in.Course, in.Data)
	e.Source = c.Extension
	err = r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) }))
	return Emitted{e.ID}, err
}

// Fetch is a request to an outside host.
type Fetch struct {
	Method  string            `json:"method,omitempty" doc:"GET if absent."`
	URL     string            `json:"url" doc:"Where to: https, unless an operator allows the network."`
	Headers map[string]string `json:"headers,omitempty" doc:"Headers of the request."`
	Body    string            `json:"body,omitempty" doc:"Body of the request."`
}

// Fetched is an outside host's answer.
type Fetched struct {
	Status  int               `json:"status" doc:"HTTP status."`
	Headers map[string]string `json:"headers" doc:"Headers of the answer."`
	Body    string            `json:"body" doc:"Body of the answer, at most 1 MiB; what is not UTF-8 is replaced."`
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
	res, err := r.cfg.Egress.Do(ctx, egress.Request{
		Method: in.Method, URL: in.URL, Header: in.Headers, Body: []byte(in.Body), Hosts: hosts, ReadOnly: c.Filter,
	})
	if err != nil {
		return Fetched{}, err
	}
	return Fetched{Status: res.Status, Headers: res.Header, Body: strings.ToValidUTF8(string(res.Body), "\ufffd")}, nil
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
