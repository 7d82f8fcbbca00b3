package extensions

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// Detail is everything that there is to know of an extension where it is in force:
// in a course, its own or the tenant's; or in the tenant.
type Detail struct {
	Extension
	Own       bool            `json:"own" doc:"Whether it belongs to where one looks from. The secrets and the log of what belongs to the tenant are not for a course."`
	Publisher string          `json:"publisher" doc:"Who made it."`
	Homepage  string          `json:"homepage,omitempty" doc:"Where to read more."`
	Limits    bundle.Limits   `json:"limits,omitzero" doc:"Limits below those of the platform."`
	Isolation string          `json:"isolation" doc:"Whether each call begins afresh, or a tenant's instance keeps its state." enum:"pristine,pinned"`
	Asked     []Asked         `json:"asked" doc:"Every permission that it asks for, and what became of that."`
	Beyond    []string        `json:"beyond" doc:"Those of the permissions that whoever asks may not grant: with them it waits for approval."`
	Hooks     []HookState     `json:"hooks" doc:"Where it takes part, and how that goes on this node."`
	Schema    json.RawMessage `json:"schema" doc:"JSON Schema of its settings."`
	Base      json.RawMessage `json:"base" doc:"Settings that hold where nothing is set: the defaults and, in a course, what the tenant has set."`
	Set       json.RawMessage `json:"set" doc:"Settings as they were set where one looks from."`
	Wanted    []SecretState   `json:"wanted" doc:"The secrets that it wants, and when they were set. They cannot be read back."`
	Versions  []KeptVersion   `json:"versions" doc:"Versions that are kept, the newest first."`
	Next      *bundle.Diff    `json:"next,omitempty" doc:"What the version changes that waits for consent."`
	NextAsked []Asked         `json:"next_asked,omitempty" doc:"The permissions that it asks for; granted are those that it has by now."`
	Last      *bundle.Diff    `json:"last,omitempty" doc:"What the version that runs changed of the one before."`
	Back      *bundle.Diff    `json:"back,omitempty" doc:"What a rollback changes."`
}

// Asked is a permission that an extension asks for.
type Asked struct {
	Permission  string `json:"permission" doc:"The permission."`
	Text        string `json:"text" doc:"What it means."`
	Granted     bool   `json:"granted,omitempty" doc:"Whether it is granted where one looks from."`
	SelfService bool   `json:"self_service,omitempty" doc:"Whether course staff may grant it."`
}

// HookState is where an extension takes part, and how that goes on this node.
type HookState struct {
	Kind     string     `json:"kind" doc:"filter, event, schedule, job or slot."`
	On       string     `json:"on" doc:"The filter, the event, the place in a page; or what the schedule or job is called."`
	Doc      string     `json:"doc,omitempty" doc:"What that is, in plain words."`
	Export   string     `json:"export,omitempty" doc:"Export that is called."`
	Refuses  bool       `json:"refuses,omitempty" doc:"Whether nobody is let through when it fails."`
	Cron     string     `json:"cron,omitempty" doc:"When a schedule is due."`
	State    string     `json:"state" doc:"closed: it is called; open: it failed and is left alone for a while." enum:"closed,open"`
	Failures int        `json:"failures,omitempty" doc:"How often it failed in a row."`
	Reason   string     `json:"reason,omitempty" doc:"What went wrong, the last time."`
	Since    *time.Time `json:"since,omitempty" doc:"Since when it is left alone."`
	Until    *time.Time `json:"until,omitempty" doc:"When it is tried next."`
}

// SecretState is a secret that an extension wants.
type SecretState struct {
	Name  string     `json:"name" doc:"What the extension calls it."`
	Title string     `json:"title" doc:"What it is."`
	Set   *time.Time `json:"set,omitempty" doc:"When it was set; absent if it is not."`
}

// Detail returns what there is to know of the extension that is in force at a
// scope. Of what belongs to the tenant, those of a course learn what concerns them.
func (r *Registry) Detail(ctx context.Context, extension string, at Scope) (Detail, error) {
	in, err := r.find(ctx, extension, at)
	if err != nil {
		return Detail{}, err
	}
	m := in.manifest
	d := Detail{
		Extension: r.describe(in, hostapi.ReachOf(ctx, "extensions:read")), Own: in.owner == at, Publisher: m.Publisher(), Homepage: m.Homepage,
		Limits: m.Limits, Isolation: m.Isolation, Beyond: []string{}, Schema: m.Settings, Set: json.RawMessage("{}"), Wanted: []SecretState{}, Versions: []KeptVersion{},
	}
	list := []Extension{d.Extension}
	if err := r.addTrouble(ctx, list, func(Scope) bool { return d.Own }); err != nil {
		return Detail{}, err
	}
	d.Extension = list[0]
	if len(d.Schema) == 0 {
		d.Schema = json.RawMessage(`{"type":"object"}`)
	}
	d.Enabled = slices.DeleteFunc(d.Enabled, func(e Enabling) bool { return at.Course != "" && e.Course != "" && e.Course != at.Course })
	row := in.row(at)
	if row != nil {
		d.Set = row.settings
	} else if at.Course != "" {
		row = in.whole
	}
	d.Base = in.base(at)
	d.showBase(in, in.laysOver(ctx, at))
	d.Asked = r.asked(in, m, row)
	if !runsTenant(ctx) {
		d.Beyond = append(d.Beyond, r.beyond(in.tenant, m.Permissions)...)
	}
	for _, h := range r.hookStates(in) {
		if !d.Own { // what goes wrong for others is told to the owner
			h.Reason = ""
		}
		d.Hooks = append(d.Hooks, h)
	}
	versions, err := r.versions(ctx, in)
	if err != nil {
		return Detail{}, err
	}
	if !d.Own {
		versions = slices.DeleteFunc(versions, func(v KeptVersion) bool { return v.State != "runs" })
		d.Pending, d.PendingDigest, d.PendingFor, d.PendingAsks, d.Previous = "", "", "", nil, ""
		d.Versions = versions
		return d, nil
	}
	d.Versions = versions
	if in.pending != "" {
		diff := bundle.Compare(m, in.next, r.cfg.Known)
		d.Next, d.NextAsked = &diff, r.asked(in, in.next, row)
	}
	return d, r.addHistory(ctx, in, &d)
}

// showBase shows the settings of the tenant to somebody of a course who may lay
// others over them, and to nobody else from whom they are hidden.
func (d *Detail) showBase(in *installation, may bool) {
	at := slices.IndexFunc(d.Enabled, func(e Enabling) bool { return e.Hidden })
	switch {
	case at < 0:
	case may:
		e := &d.Enabled[at]
		e.Settings, e.Revision, e.Fault, e.Hidden = in.whole.complete, revision(in.whole.settings), in.whole.fault, false
	default:
		d.Base = in.schema.Defaults(json.RawMessage("{}"))
	}
}

// addHistory fills in what only the owner sees: the version before, and which
// secrets are set.
func (r *Registry) addHistory(ctx context.Context, in *installation, d *Detail) error {
	return r.db.Read(ctx, func(tx *store.Tx) error {
		if in.previous != "" {
			before, err := manifestOf(ctx, tx, in.tenant, in.id, in.previous)
			if err != nil {
				return err
			}
			last, back := bundle.Compare(before, in.manifest, r.cfg.Known), bundle.Compare(in.manifest, before, r.cfg.Known)
			d.Last, d.Back = &last, &back
		}
		for _, s := range in.manifest.Secrets {
			d.Wanted = append(d.Wanted, SecretState{Name: s.Name, Title: s.Title})
		}
		rows, err := tx.Query(ctx, `SELECT name, updated FROM extension_secrets WHERE tenant = ? AND installation = ?`, in.tenant, in.id)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var name string
			var updated int64
			if err := rows.Scan(&name, &updated); err != nil {
				return err
			}
			if i := slices.IndexFunc(d.Wanted, func(s SecretState) bool { return s.Name == name }); i >= 0 {
				at := store.FromMicros(updated)
				d.Wanted[i].Set = &at
			}
		}
		return rows.Err()
	})
}

// base returns the settings that hold at a scope where nothing is set there. Those
// that do not fit are shown as they are.
func (in *installation) base(at Scope) json.RawMessage {
	raw := json.RawMessage("{}")
	if at.Course != "" && in.whole != nil {
		raw = in.whole.settings
	}
	if complete, err := in.schema.Complete(raw); err == nil {
		return complete
	}
	return in.schema.Defaults(raw)
}

func (r *Registry) asked(in *installation, m bundle.Manifest, row *enablement) []Asked {
	out := []Asked{}
	for _, p := range m.Permissions {
		text, err := hostapi.Sentence(p)
		if err != nil {
			continue // it was checked when it was installed
		}
		out = append(out, Asked{
			Permission: p, Text: text, Granted: row != nil && slices.Contains(row.allowed, p), SelfService: slices.Contains(r.selfService(in.tenant), p),
		})
	}
	return out
}

// specs returns every hook of an installation.
func (r *Registry) specs(in *installation) []*spec {
	t := r.now.Load().tenants[in.tenant]
	if t == nil {
		return nil
	}
	var all []*spec
	for _, h := range in.manifest.Filters {
		all = append(all, t.filters[h.On]...)
	}
	all = append(append(append(all, t.events...), t.timed...), t.jobs...)
	for _, h := range in.manifest.Slots {
		for _, s := range t.slots[h.Slot] {
			all = append(all, s)
			for _, export := range h.Actions {
				if a := s.actions[export]; a != nil {
					all = append(all, a)
				}
			}
		}
	}
	seen := map[*spec]bool{}
	return slices.DeleteFunc(all, func(s *spec) bool {
		again := seen[s]
		seen[s] = true
		return s.inst.id != in.id || again
	})
}

// hookStates says how the hooks of an installation do on this node.
func (r *Registry) hookStates(in *installation) []HookState {
	out := []HookState{}
	for _, s := range r.specs(in) {
		h := HookState{Kind: string(s.kind), On: s.on, Export: s.export, Refuses: s.refuses, Cron: s.cron, State: "closed"}
		switch s.kind {
		case FilterKind:
			if f, ok := r.cfg.Known.Filter(s.on); ok {
				h.Doc = strings.TrimSuffix(f.Doc, ".")
			}
		case EventKind:
			if e, ok := r.cfg.Known.Event(s.on); ok {
				h.Doc = strings.TrimSuffix(e.Doc, ".")
			}
		case SlotKind, ActionKind:
			if p, ok := r.cfg.Known.Slot(s.on); ok {
				h.Doc = p.Sentence
			}
		}
		b := r.breaker.state(s.breaker)
		h.Failures, h.Reason = b.failures, b.reason
		if b.open() {
			h.State, h.Since, h.Until = "open", &b.since, &b.until
		}
		out = append(out, h)
	}
	return out
}

// Retry lets an extension be called again at once, on this node: each of its hooks
// that was left alone because it failed, and the extension as such if it was
// suspended. If it fails again, it is left alone again.
func (r *Registry) Retry(ctx context.Context, extension string, owner Scope) (Extension, error) {
	in, err := r.ownedBy(ctx, extension, owner)
	if err != nil {
		return Extension{}, err
	}
	for _, s := range r.specs(in) {
		r.breaker.tryNow(s.breaker)
	}
	err = r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := goOn(ctx, tx, in.tenant, in.id)
		if err != nil || n == 0 {
			return err
		}
		return Enabled.Emit(ctx, tx, "extensions/"+extension, LifePayload{Extension: extension, Installation: in.id, Version: in.version, Course: owner.Course})
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, extension, owner)
}
