package extensions

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// Extension is an extension as those see it who run it.
type Extension struct {
	ID            string            `json:"id" doc:"ID of the extension."`
	Installation  string            `json:"installation" doc:"ID of the installation: what it keeps belongs to this."`
	Course        string            `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	Title         string            `json:"title" doc:"What it is called."`
	Description   string            `json:"description,omitempty" doc:"What it does."`
	Version       string            `json:"version" doc:"Version that runs where it is enabled."`
	Digest        string            `json:"digest" doc:"SHA-256 of the files of the version that runs: give it as seen to enable or approve no other."`
	Previous      string            `json:"previous,omitempty" doc:"Version that a rollback brings back."`
	Pending       string            `json:"pending,omitempty" doc:"Version that waits for consent, because it asks for more or does not fit what was set."`
	PendingDigest string            `json:"pending_digest,omitempty" doc:"SHA-256 of the files of that version: give it as seen to consent to no other."`
	PendingFor    string            `json:"pending_for,omitempty" doc:"Why that version waits."`
	PendingAsks   []bundle.Sentence `json:"pending_asks,omitempty" doc:"What that version asks for, in plain words."`
	State         string            `json:"state" doc:"Whether it works, was suspended because it failed, or was stopped for everybody by those who run the tenant." enum:"installed,suspended,stopped"`
	Reason        string            `json:"reason,omitempty" doc:"Why it was suspended or stopped."`
	StoppedBy     string            `json:"stopped_by,omitempty" doc:"Who stopped it for everybody."`
	Stopped       time.Time         `json:"stopped,omitzero" doc:"When that was."`
	Asks          []bundle.Sentence `json:"asks" doc:"What it asks for, in plain words."`
	Suspended     *time.Time        `json:"suspended,omitempty" doc:"When it was suspended."`
	Errors        int               `json:"errors_24h,omitempty" doc:"How often it failed or said that something went wrong in the last 24 hours, as far as its log goes back."`
	LastError     string            `json:"last_error,omitempty" doc:"What that was, the last time."`
	LastErrorAt   *time.Time        `json:"last_error_at,omitempty" doc:"When that was."`
	Resting       *Resting          `json:"resting,omitempty" doc:"The longest of its hooks that failed again and again and are left alone for a while, on this node."`
	Secrets       []string          `json:"secrets,omitempty" doc:"Names of the secrets that it wants."`
	Enabled       []Enabling        `json:"enabled" doc:"Where it is switched on, off, or waits for approval."`
}

// Resting says since when, until when and why something of an extension is left
// alone on this node.
type Resting struct {
	Hooks    int       `json:"hooks" doc:"How many of its hooks are left alone."`
	On       string    `json:"on" doc:"What the one is about that is left alone longest: the filter, the event, the place in a page; or what the schedule or job is called."`
	Failures int       `json:"failures" doc:"How often that failed in a row."`
	Reason   string    `json:"reason" doc:"What went wrong, the last time."`
	Since    time.Time `json:"since" doc:"Since when it is left alone."`
	Until    time.Time `json:"until" doc:"When it is tried next."`
}

// Enabling is where an extension is switched on or off.
type Enabling struct {
	Course   string          `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
	State    string          `json:"state" doc:"on, off, or waiting for approval." enum:"on,off,waiting"`
	Locked   bool            `json:"locked,omitempty" doc:"Whether courses may not decide otherwise."`
	Grants   []string        `json:"grants" doc:"Permissions that it was granted there."`
	Settings json.RawMessage `json:"settings" doc:"Settings in force; empty where hidden."`
	Hidden   bool            `json:"hidden,omitempty" doc:"Whether the settings are not for whoever asks: those of the tenant are for who runs it and, in a course, for who may set others there."`
	Revision string          `json:"revision" doc:"Names the settings as they were set: give it as seen to change no others."`
	AskedBy  string          `json:"asked_by,omitempty" doc:"Who switched it on, or wants to."`
	Updated  time.Time       `json:"updated" doc:"When that was."`
	Refusal  string          `json:"refusal,omitempty" doc:"Why those who run the tenant said no to what was asked for."`
	Fault    string          `json:"fault,omitempty" doc:"Why the settings do not fit the version that runs: it is not called before they do."`
}

// Get returns an extension of an owner.
func (r *Registry) Get(ctx context.Context, extension string, owner Scope) (Extension, error) {
	in, err := r.ownedBy(ctx, extension, owner)
	if err != nil {
		return Extension{}, err
	}
	return r.describe(in, hostapi.ReachOf(ctx, "extensions:read")), nil
}

// Find returns the extension that is in force at a scope: the course's own, or the
// tenant's.
func (r *Registry) Find(ctx context.Context, extension string, at Scope) (Extension, error) {
	in, err := r.find(ctx, extension, at)
	if err != nil {
		return Extension{}, err
	}
	return r.describe(in, hostapi.ReachOf(ctx, "extensions:read")), nil
}

// List returns the extensions of the tenant of ctx, as far as reach goes.
func (r *Registry) List(ctx context.Context, reach hostapi.Reach) []Extension {
	out := []Extension{}
	t := r.tenant(ctx)
	if t == nil {
		return out
	}
	for _, in := range t.all {
		if in.owner.Course != "" && !reach.Allows(hostapi.Scope{Course: in.owner.Course}) {
			continue
		}
		out = append(out, r.describe(in, reach))
	}
	return out
}

// describe shows an installation to somebody: of what courses do with it only
// what concerns those within the reach.
func (r *Registry) describe(in *installation, reach hostapi.Reach) Extension {
	x := Extension{
		ID: in.extension, Installation: in.id, Course: in.owner.Course, Title: in.manifest.Title, Description: in.manifest.Description,
		Version: in.version, Digest: in.digest, Previous: in.previous, Pending: in.pending, State: in.state, Reason: in.reason,
		StoppedBy: in.stoppedBy, Stopped: in.stopped,
		Asks: in.manifest.Sentences(r.cfg.Known), Enabled: []Enabling{},
	}
	if in.pending != "" {
		x.PendingDigest, x.PendingFor, x.PendingAsks = in.nextDigest, in.waitsFor, in.next.Sentences(r.cfg.Known)
	}
	for _, s := range in.manifest.Secrets {
		x.Secrets = append(x.Secrets, s.Name)
	}
	all := []*enablement{}
	if in.whole != nil {
		all = append(all, in.whole)
	}
	for _, c := range slices.Sorted(maps.Keys(in.courses)) {
		all = append(all, in.courses[c])
	}
	for _, e := range all {
		if e.scope.Course != "" && !reach.Allows(hostapi.Scope{Course: e.scope.Course}) {
			continue
		}
		on := Enabling{
			Course: e.scope.Course, State: e.state, Locked: e.locked, Grants: in.held(e), Settings: e.complete, Revision: revision(e.settings),
			AskedBy: e.askedBy, Updated: e.updated, Fault: e.fault, Refusal: e.refusal,
		}
		if !reach.Allows(hostapi.Scope{Course: e.scope.Course}) {
			on = on.hidden()
		}
		x.Enabled = append(x.Enabled, on)
	}
	return x
}

// hidden returns what of an enabling is for those who do not run the tenant: that it
// is so, but not with which settings, nor why these do not fit, which may name them.
func (e Enabling) hidden() Enabling {
	e.Settings, e.Revision, e.Hidden = json.RawMessage("{}"), "", true
	if e.Fault != "" {
		e.Fault = "the settings do not fit the version that runs"
	}
	return e
}

// laysOver reports whether somebody may lay settings of a course over those of the
// tenant, and so has to see these: in a course of hers, as long as the tenant has not
// locked them.
func (in *installation) laysOver(ctx context.Context, at Scope) bool {
	return at.Course != "" && in.whole != nil && !in.whole.locked && hostapi.ReachOf(ctx, "extensions:write").Allows(hostapi.Scope{Course: at.Course})
}

// held returns what an extension is granted of what the version asks for that runs: a
// rollback may bring one that asks for less, and what it was granted before then waits.
func (in *installation) held(e *enablement) []string {
	return slices.DeleteFunc(append([]string{}, e.allowed...), func(p string) bool { return !slices.Contains(in.manifest.Permissions, p) })
}

// Enable says where an extension is to be switched on, and with what.
type Enable struct {
	ID       string          `json:"id" doc:"ID of the extension."`
	Course   string          `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
	Grants   []string        `json:"grants" doc:"Permissions that it is granted, of those that it asks for; [\"*\"] grants them all."`
	Settings json.RawMessage `json:"settings,omitempty" doc:"Settings; what is absent keeps its default."`
	Locked   bool            `json:"locked,omitempty" doc:"Whether courses may not decide otherwise. For the whole tenant only."`
	Version  string          `json:"version,omitempty" doc:"Version that was looked at; if another runs by now, nothing is enabled."`
	Digest   string          `json:"digest,omitempty" doc:"SHA-256 of the files of that version, as it was shown: if others run by now, nothing is enabled."`
}

// Enable switches an extension on, in the tenant or in a course, with the
// permissions that are granted to it there. Course staff may grant what lies
// within the tenant's self-service set; if the extension is granted more, it
// waits until somebody who runs the tenant approves ([Registry.Approve]).
func (r *Registry) Enable(ctx context.Context, in Enable) (Extension, error) {
	at := Scope{Course: in.Course}
	if err := at.check(); err != nil {
		return Extension{}, err
	}
	target, err := r.find(ctx, in.ID, at)
	if err != nil {
		return Extension{}, err
	}
	if in.Version != "" && in.Version != target.version {
		return Extension{}, trellis.Errorf(trellis.Conflict, "version %s of %s is here by now, not %.40s: look again", target.version, in.ID, in.Version)
	}
	if in.Digest != "" && in.Digest != target.digest {
		return Extension{}, errChanged(in.ID)
	}
	if target.state == stopped {
		return Extension{}, trellis.Errorf(trellis.Conflict, "%s is switched off for everybody: those who run the tenant switch it on again first", in.ID)
	}
	allowed, err := granted(target.manifest, in.Grants)
	if err != nil {
		return Extension{}, err
	}
	if in.Locked && in.Course != "" {
		return Extension{}, trellis.Errorf(trellis.Invalid, "only what is enabled for the whole tenant can be locked")
	}
	if in.Course != "" && target.whole != nil && target.whole.locked {
		return Extension{}, trellis.Errorf(trellis.Denied, "%s is locked by those who run the tenant", in.ID)
	}
	if len(in.Settings) == 0 {
		in.Settings = json.RawMessage("{}")
	}
	if err := target.checkSettings(in.Settings, at); err != nil {
		return Extension{}, err
	}
	e := enablement{scope: at, state: on, locked: in.Locked, settings: in.Settings, allowed: allowed, askedBy: trellis.ActorFrom(ctx).String()}
	if !runsTenant(ctx) && len(r.beyond(target.tenant, allowed)) > 0 {
		again, err := r.switchedOffBySame(ctx, target, e)
		if err != nil {
			return Extension{}, err
		}
		if !again {
			e.state = waiting
		}
	}
	if err := r.put(ctx, target, e, target.unchanged); err != nil {
		return Extension{}, err
	}
	return r.Find(ctx, in.ID, at)
}

// put writes where an extension is switched on or off, after first, if there is
// one. Switching it on for all whom it was suspended for lets it go on. What
// somebody who runs the tenant grants in a course is counter-signed.
func (r *Registry) put(ctx context.Context, in *installation, e enablement, first func(context.Context, *store.Tx) error) error {
	head := r.db.Log().Head()
	if e.scope.Course != "" && in.whole != nil && in.whole.state == on {
		head = in.whole.position // it heard of the course already, and may still be owed something
	}
	return r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if first != nil {
			if err := first(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO enablements (tenant, level, scope, installation, state, locked, settings, grants, asked_by, approval, refusal, position, updated)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (tenant, level, scope, installation) DO UPDATE SET
				position = CASE WHEN enablements.state = 'on' THEN enablements.position ELSE excluded.position END,
				state = excluded.state, locked = excluded.locked, settings = excluded.settings, grants = excluded.grants,
				asked_by = excluded.asked_by, approval = excluded.approval, refusal = excluded.refusal, updated = excluded.updated`,
			in.tenant, string(e.scope.Level()), e.scope.Course, in.id, e.state, e.locked, string(e.settings), encodeList(e.allowed), e.askedBy, "", e.refusal,
			int64(head), store.Micros(time.Now())); err != nil {
			return err
		}
		if e.state == on && e.scope.Course != "" && runsTenant(ctx) && len(r.beyond(in.tenant, e.allowed)) > 0 {
			if err := r.approve(ctx, tx, in.tenant, in.id, in.version, e.scope.Course, e.allowed); err != nil {
				return err
			}
		}
		if e.state == on && (e.scope == in.owner || runsTenant(ctx)) {
			if _, err := goOn(ctx, tx, in.tenant, in.id); err != nil {
				return err
			}
		}
		typ := Enabled
		switch e.state {
		case off:
			typ = Disabled
		case waiting:
			typ = ApprovalAsked
		}
		return typ.Emit(ctx, tx, "extensions/"+in.extension, LifePayload{Extension: in.extension, Installation: in.id, Version: in.version, Course: e.scope.Course})
	})
}

// Disable switches an extension off, in the tenant or in a course. What it keeps
// stays.
func (r *Registry) Disable(ctx context.Context, id, course string) (Extension, error) {
	at := Scope{Course: course}
	target, err := r.find(ctx, id, at)
	if err != nil {
		return Extension{}, err
	}
	if course != "" && target.whole != nil && target.whole.locked {
		return Extension{}, trellis.Errorf(trellis.Denied, "%s is locked by those who run the tenant", id)
	}
	e := enablement{scope: at, settings: json.RawMessage("{}"), allowed: []string{}}
	if present := target.row(at); present != nil {
		e = *present
	}
	e.state, e.refusal, e.askedBy = off, "", trellis.ActorFrom(ctx).String()
	if err := r.put(ctx, target, e, nil); err != nil {
		return Extension{}, err
	}
	return r.Find(ctx, id, at)
}

// row returns what was decided at a scope itself, nil if nothing was.
func (in *installation) row(at Scope) *enablement {
	if at.Course == "" {
		return in.whole
	}
	return in.courses[at.Course]
}

// find returns the installation of an extension that can be enabled at a scope:
// the course's own, or the tenant's.
func (r *Registry) find(ctx context.Context, id string, at Scope) (*installation, error) {
	if t := r.tenant(ctx); t != nil {
		var found *installation
		for _, in := range t.all {
			if in.extension == id && (in.owner == at || in.owner == Scope{}) && (found == nil || in.owner == at) {
				found = in
			}
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, trellis.Errorf(trellis.NotFound, "%s is not installed for %s", id, at)
}

// ownedBy returns the installation of an owner. What belongs to the whole of it,
// such as its secrets and its log, is not for those who enabled it in a course.
func (r *Registry) ownedBy(ctx context.Context, id string, owner Scope) (*installation, error) {
	if t := r.tenant(ctx); t != nil {
		for _, in := range t.all {
			if in.extension == id && in.owner == owner {
				return in, nil
			}
		}
	}
	return nil, trellis.Errorf(trellis.NotFound, "%s is not installed in %s", id, owner)
}

// granted returns the permissions of a manifest that somebody grants.
func granted(m bundle.Manifest, grants []string) ([]string, error) {
	if grants == nil && len(m.Permissions) > 0 {
		return nil, trellis.Errorf(trellis.Invalid, "grants: say what is granted of what it asks for (%s), or [\"*\"] for all of it", strings.Join(m.Permissions, ", "))
	}
	allowed := []string{}
	for _, g := range grants {
		switch {
		case g == "*":
			return append([]string{}, m.Permissions...), nil
		case !slices.Contains(m.Permissions, g):
			return nil, trellis.Errorf(trellis.Invalid, "grants: %s does not ask for %.80q", m.ID, g)
		case !slices.Contains(allowed, g):
			allowed = append(allowed, g)
		}
	}
	return allowed, nil
}

// encodeList returns a list as JSON, "[]" for none.
func encodeList(list []string) string {
	raw, err := json.Marshal(append([]string{}, list...))
	if err != nil {
		return "[]" // strings always have a JSON form
	}
	return string(raw)
}
