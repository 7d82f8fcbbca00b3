package extensions

import (
	"context"
	"encoding/json"

	"github.com/trellis-learning/trellis/hostapi"
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

func (w Which) scope() hostapi.Scope { return hostapi.Scope{Course: w.Course, Thing: w.ID} }

// Settle says which settings an extension is to have.
type Settle struct {
	ID       string          `json:"id" doc:"ID of the extension."`
	Course   string          `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
	Settings json.RawMessage `json:"settings" doc:"The settings; what is absent has its default."`
	Seen     string          `json:"seen,omitempty" doc:"Revision of the settings that were looked at; if others are set by now, nothing is changed."`
}

// Consenting says what a version that asks for more is granted.
type Consenting struct {
	ID      string   `json:"id" doc:"ID of the extension."`
	Course  string   `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	Grants  []string `json:"grants" doc:"Permissions that it is granted, of those that it asks for; [\"*\"] grants them all."`
	Version string   `json:"version,omitempty" doc:"Version that was looked at; if another one waits by now, nothing changes."`
	Digest  string   `json:"digest,omitempty" doc:"SHA-256 of the files of that version, as it was shown; if another bundle waits by now, nothing changes."`
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
	whole := func(in Enable) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} }
	write := func(name, method, path, doc string, do func(context.Context, Which) (Extension, error)) hostapi.Operation {
		return hostapi.Define(hostapi.Spec{Name: name, Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP(method, path), Doc: doc}, Which.scope, do)
	}
	return []hostapi.Operation{
		hostapi.DefineList(hostapi.Spec{Name: "extensions.list", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions"),
			Doc: "The extensions that are installed, where they are enabled, and what they ask for."},
			func(Nothing) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, _ Nothing) (List[Extension], error) {
				reach := hostapi.ReachOf(ctx, "extensions:read")
				list := r.List(ctx, reach)
				return List[Extension]{list}, r.addTrouble(ctx, list, func(o Scope) bool { return reach.Allows(hostapi.Scope{Course: o.Course}) })
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.get", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id"),
			Doc: "An extension of the tenant or of a course."}, Which.scope,
			func(ctx context.Context, in Which) (Extension, error) {
				x, err := r.Get(ctx, in.ID, Scope{Course: in.Course})
				if err != nil {
					return x, err
				}
				list := []Extension{x}
				err = r.addTrouble(ctx, list, func(Scope) bool { return true })
				return list[0], err
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.detail", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id/detail"),
			Doc: "Everything that there is to know of an extension that is in force in a course or in the tenant: who made it, what it may do, its settings, its versions and how it is."}, Which.scope,
			func(ctx context.Context, in Which) (Detail, error) {
				return r.Detail(ctx, in.ID, Scope{Course: in.Course})
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.usage", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id/usage"),
			Doc: "What an extension did in the last day, by quarters of an hour, as far as this node has counted since it started."}, Which.scope,
			func(ctx context.Context, in Which) (Usage, error) {
				return r.Usage(ctx, in.ID, Scope{Course: in.Course})
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.errors", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id/errors"),
			Doc: "What went wrong with an extension, what is alike together."}, Which.scope,
			func(ctx context.Context, in Which) (List[Failure], error) {
				list, err := r.Failures(ctx, in.ID, Scope{Course: in.Course})
				return List[Failure]{list}, err
			}),
		write("extensions.follow", "POST", "/api/v1/extensions/:id/follow", "Takes back what a course has decided about an extension of its tenant: what the tenant decided holds there again.",
			func(ctx context.Context, in Which) (Extension, error) { return r.Follow(ctx, in.ID, in.Course) }),
		write("extensions.retry", "POST", "/api/v1/extensions/:id/retry", "Calls an extension again at once that was left alone or suspended because it failed.",
			func(ctx context.Context, in Which) (Extension, error) {
				return r.Retry(ctx, in.ID, Scope{Course: in.Course})
			}),
		hostapi.Define(hostapi.Spec{Name: "extensions.enable", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/enable"),
			Doc: "Switches an extension on, with what it is granted there."}, whole, r.Enable),
		write("extensions.disable", "POST", "/api/v1/extensions/:id/disable", "Switches an extension off, within a second on every node.",
			func(ctx context.Context, in Which) (Extension, error) { return r.Disable(ctx, in.ID, in.Course) }),
		hostapi.Define(hostapi.Spec{Name: "extensions.configure", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/extensions/:id/settings"),
			Doc: "Changes the settings of an extension where it is enabled."},
			func(in Settle) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} },
			r.settle),
		hostapi.Define(hostapi.Spec{Name: "extensions.approve", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/approve"),
			Doc: "Approves what course staff asked for."},
			func(in Approving) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} }, r.approveShown),
		hostapi.Define(hostapi.Spec{Name: "extensions.reject", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/reject"),
			Doc: "Says no to what course staff asked for, and why."},
			func(in Rejecting) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} }, r.Reject),
		hostapi.Define(hostapi.Spec{Name: "extensions.stop", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/stop"),
			Doc: "Switches an extension off for everybody, within a second on every node. Where it is enabled stays for extensions.resume."},
			func(in Stopping) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} }, r.Stop),
		hostapi.Define(hostapi.Spec{Name: "extensions.resume", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/resume"),
			Doc: "Lets an extension go on that was switched off for everybody, where it was enabled and as it was."},
			func(in Resuming) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} }, r.resume),
		hostapi.Define(hostapi.Spec{Name: "extensions.consent", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/consent"),
			Doc: "Lets a version take effect that asks for more than the one before."},
			func(in Consenting) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} },
			func(ctx context.Context, in Consenting) (Extension, error) {
				return r.consent(ctx, in)
			}),
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
			func(in SecretInput) hostapi.Scope {
				return hostapi.Scope{Course: in.Course, Thing: in.ID + " " + in.Name}
			},
			func(ctx context.Context, in SecretInput) (Done, error) { return Done{}, r.SetSecret(ctx, in) }),
		hostapi.Define(hostapi.Spec{Name: "extensions.logs", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id/logs"),
			Doc: "What an extension said, and what went wrong with it."},
			func(in LogQuery) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID} }, r.Logs),
		hostapi.Define(hostapi.Spec{Name: "extensions.get_self_service", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/self-service"),
			Doc: "What course staff may grant extensions in their own courses."}, func(Nothing) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, _ Nothing) (SelfService, error) { return r.SelfService(ctx) }),
		hostapi.Define(hostapi.Spec{Name: "extensions.set_self_service", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/self-service"),
			Doc: "Says what course staff may grant extensions in their own courses. What has more there waits for approval."},
			func(SelfService) hostapi.Scope { return hostapi.Scope{} }, r.SetSelfService),
		hostapi.Define(hostapi.Spec{Name: "keys.list", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/keys"),
			Doc: "Publishers whose signatures are trusted."}, func(Nothing) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, _ Nothing) (List[Key], error) {
				keys, err := r.Keys(ctx)
				return List[Key]{keys}, err
			}),
		hostapi.Define(hostapi.Spec{Name: "keys.trust", Permission: "tenants:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/keys/:publisher"),
			Doc: "Trusts a publisher's key, for operators."}, func(in Trusting) hostapi.Scope { return hostapi.Scope{Thing: in.Publisher} },
			func(ctx context.Context, in Trusting) (Key, error) { return r.Trust(ctx, in.Publisher, in.Key) }),
		hostapi.Define(hostapi.Spec{Name: "keys.distrust", Permission: "tenants:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/keys/:publisher"),
			Doc: "Trusts a publisher's key no longer, for operators."}, func(in Publisher) hostapi.Scope { return hostapi.Scope{Thing: in.Publisher} },
			func(ctx context.Context, in Publisher) (Done, error) { return Done{}, r.Distrust(ctx, in.Publisher) }),
	}
}
