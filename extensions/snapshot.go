package extensions

import (
	"cmp"
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
	"github.com/trellis-learning/trellis/runtime"
)

// snapshot is everything that is installed, as of one version of the registry.
// Nothing in it changes.
type snapshot struct {
	version  int64
	tenants  map[string]*tenantSnapshot
	replaced chan struct{} // closed when there is another
}

// tenantSnapshot is what is installed in a tenant, and its hooks where those who call
// them look.
type tenantSnapshot struct {
	all     []*installation
	byID    map[string]*installation
	filters map[string][]*spec // by type, in the order of calling
	events  []*spec
	timed   []*spec
	jobs    []*spec

	slots     map[string][]*spec // by place, in order
	refreshed []*spec            // of slots, those that events make stale
}

// installation is an extension in the hands of an owner.
type installation struct {
	tenant, id, extension string
	owner                 Scope
	version, previous     string
	pending, waitsFor     string // the version that waits for consent, and why
	state, reason         string
	stoppedBy             string
	stopped               time.Time
	created               time.Time
	manifest              bundle.Manifest
	next                  bundle.Manifest // of that version
	digest, bundle        string
	nextDigest            string // of the version that waits
	limits                runtime.Limits
	work                  runtime.Limits // of schedules and jobs
	schema                *bundle.Settings
	whole                 *enablement            // in the whole tenant
	courses               map[string]*enablement // in courses
}

// enablement is a row that switches an installation on or off somewhere.
type enablement struct {
	scope    Scope
	state    string
	locked   bool
	settings json.RawMessage // as they were set
	complete json.RawMessage // with defaults and what a farther level set
	allowed  []string        // permissions
	grants   []hostapi.Grant
	fault    string // why the settings do not fit the version that runs
	askedBy  string
	refusal  string // why those who run the tenant said no
	position uint64
	updated  time.Time
}

// spec is one line of one manifest.
type spec struct {
	inst    *installation
	id      string // stays the same over versions and restarts
	breaker string // another version has another
	kind    HookKind
	on      string // type, pattern or name
	export  string
	order   int
	refuses bool // on_error: refuse
	cron    string
	slot    *bundle.SlotHook
	actions map[string]*spec // of a slot, by export
}

// The states of an installation, and of an enablement.
const (
	installed = "installed"
	suspended = "suspended"
	stopped   = "stopped" // for everybody, by those who run the tenant

	on      = "on"
	off     = "off"
	waiting = "waiting"
)

// at returns what decides about the installation in a course, or in the tenant
// as such; nil where nobody has switched it on. What still waits for approval
// decides nothing.
func (in *installation) at(course string) *enablement {
	if in.state == stopped {
		return nil
	}
	return in.meant(course)
}

// meant is at, for an installation that is not stopped, or were it not.
func (in *installation) meant(course string) *enablement {
	e := in.whole
	if c := in.courses[course]; c != nil && course != "" && c.state != waiting && (e == nil || !e.locked) {
		e = c
	}
	if e == nil || e.state != on {
		return nil
	}
	return e
}

// read reads every installation of every tenant.
func (r *Registry) read(ctx context.Context) (*snapshot, error) {
	s := &snapshot{tenants: map[string]*tenantSnapshot{}, replaced: make(chan struct{})}
	err := r.db.Read(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT value FROM registry_version WHERE name = 'extensions'`).Scan(&s.version); err != nil {
			return err
		}
		if err := r.readInstallations(ctx, tx, s); err != nil {
			return err
		}
		if err := r.readSelfService(ctx, tx); err != nil {
			return err
		}
		approved, err := r.readApprovals(ctx, tx)
		if err != nil {
			return err
		}
		return r.readEnablements(ctx, tx, s, approved)
	})
	if err != nil {
		return nil, err
	}
	for _, t := range s.tenants {
		t.index()
	}
	return s, nil
}

// readInstallations reads what is installed. A manifest that cannot be read is
// logged, and its installation left out: the others go on.
func (r *Registry) readInstallations(ctx context.Context, tx *store.Tx, s *snapshot) error {
	rows, err := tx.Query(ctx, `SELECT i.tenant, i.id, i.extension, i.scope, i.version, i.previous, i.pending, i.pending_reason, i.state, i.reason, i.stopped_by, i.stopped, i.created, v.manifest, v.digest, v.bundle,
			COALESCE(w.manifest, ''), COALESCE(w.digest, '')
		FROM installations i JOIN extension_versions v ON v.tenant = i.tenant AND v.installation = i.id AND v.version = i.version
		LEFT JOIN extension_versions w ON w.tenant = i.tenant AND w.installation = i.id AND w.version = i.pending
		WHERE i.state <> 'removed' ORDER BY i.tenant, i.id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		in := &installation{courses: map[string]*enablement{}}
		var created, stopped int64
		var manifest, next string
		if err := rows.Scan(&in.tenant, &in.id, &in.extension, &in.owner.Course, &in.version, &in.previous, &in.pending, &in.waitsFor, &in.state, &in.reason,
			&in.stoppedBy, &stopped, &created, &manifest, &in.digest, &in.bundle, &next, &in.nextDigest); err != nil {
			return err
		}
		in.created = store.FromMicros(created)
		if stopped != 0 {
			in.stopped = store.FromMicros(stopped)
		}
		if err := r.parse(in, []byte(manifest)); err != nil {
			r.log.Error("installed extension cannot be read and is left out", "extension", in.extension, "installation", in.id, "err", err)
			continue
		}
		if next != "" {
			if in.next, err = bundle.ReadKept([]byte(next)); err != nil {
				r.log.Error("version that waits cannot be read", "extension", in.extension, "version", in.pending, "err", err)
			}
		}
		t := s.tenants[in.tenant]
		if t == nil {
			t = &tenantSnapshot{byID: map[string]*installation{}, filters: map[string][]*spec{}, slots: map[string][]*spec{}}
			s.tenants[in.tenant] = t
		}
		t.all = append(t.all, in)
		t.byID[in.id] = in
	}
	return rows.Err()
}

// parse works out what follows from the manifest of the version that runs.
func (r *Registry) parse(in *installation, manifest []byte) (err error) {
	if in.manifest, err = bundle.ReadKept(manifest); err != nil {
		return err
	}
	if in.limits, err = in.manifest.RuntimeLimits(); err != nil {
		return err
	}
	in.limits.Time = cmp.Or(in.limits.Time, r.cfg.Modules.Time)
	in.work = r.workLimits(in.manifest, in.limits)
	in.schema, err = bundle.ParseSettings(in.manifest.Settings)
	return err
}

// readEnablements reads where each installation is on, off or asked for, with what
// holds there.
func (r *Registry) readEnablements(ctx context.Context, tx *store.Tx, s *snapshot, approved approvals) error {
	rows, err := tx.Query(ctx, `SELECT tenant, installation, scope, state, locked, settings, grants, asked_by, refusal, position, updated FROM enablements
		ORDER BY tenant, installation, scope`) // the tenant's own row, whose scope is empty, comes first
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		e := &enablement{}
		var tenant, id, settings, grants string
		var position, updated int64
		if err := rows.Scan(&tenant, &id, &e.scope.Course, &e.state, &e.locked, &settings, &grants, &e.askedBy, &e.refusal, &position, &updated); err != nil {
			return err
		}
		t := s.tenants[tenant]
		if t == nil || t.byID[id] == nil {
			continue
		}
		in := t.byID[id]
		e.settings, e.position, e.updated = json.RawMessage(settings), uint64(position), store.FromMicros(updated)
		if err := json.Unmarshal([]byte(grants), &e.allowed); err != nil {
			return err
		}
		for _, p := range e.allowed {
			if slices.Contains(in.manifest.Permissions, p) {
				e.grants = append(e.grants, hostapi.Grant{Permission: p, Course: e.scope.Course})
			}
		}
		if e.state == on && !r.covered(in, e, approved) {
			e.state = waiting
		}
		in.settle(e)
		if e.state == on && e.fault != "" {
			r.log.Warn("settings do not fit the extension, which is not called", "extension", in.extension, "scope", e.scope.String(), "err", e.fault)
		}
		if e.scope.Course == "" {
			in.whole = e
		} else {
			in.courses[e.scope.Course] = e
		}
	}
	return rows.Err()
}

// settle works out the settings in force: those of the tenant, and on top of them
// those of the course. Where they do not fit (those of the tenant changed, or the
// version did), there is a fault: to go on with defaults could open a door that
// somebody closed by a setting.
func (in *installation) settle(e *enablement) {
	raw := e.settings
	if e.scope.Course != "" && in.whole != nil {
		merged, err := Patch(in.whole.settings, e.settings, nil)
		if err != nil {
			e.fault, e.complete = err.Error(), raw
			return
		}
		raw = merged
	}
	complete, err := in.schema.Complete(raw)
	if err != nil {
		e.fault, e.complete = err.Error(), raw
		return
	}
	e.complete = complete
}

// index finds the hooks of every installation.
func (t *tenantSnapshot) index() {
	for _, in := range t.all {
		m := in.manifest
		for _, h := range m.Filters {
			t.filters[h.On] = append(t.filters[h.On], &spec{inst: in, kind: FilterKind, on: h.On, export: h.Call, order: h.Order, refuses: h.OnError == "refuse"})
		}
		for _, h := range m.Events {
			t.events = append(t.events, &spec{inst: in, kind: EventKind, on: h.On, export: h.Call})
		}
		for _, h := range m.Schedules {
			t.timed = append(t.timed, &spec{inst: in, kind: ScheduleKind, on: h.Name, export: h.Call, cron: h.Cron})
		}
		for _, h := range m.Jobs {
			t.jobs = append(t.jobs, &spec{inst: in, kind: JobKind, on: h.Name, export: h.Call})
		}
		t.indexSlots(in)
	}
	for _, list := range append(slices.Collect(maps.Values(t.filters)), t.events, t.timed, t.jobs) {
		for _, s := range list {
			s.name("")
		}
	}
	for _, chain := range t.filters {
		slices.SortStableFunc(chain, func(a, b *spec) int {
			return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.inst.id, b.inst.id)) // of two alike, who came first
		})
	}
}

// indexSlots finds what an installation does in pages, and puts it in its place
// among the others.
func (t *tenantSnapshot) indexSlots(in *installation) {
	for i := range in.manifest.Slots {
		h := &in.manifest.Slots[i]
		s := &spec{inst: in, kind: SlotKind, on: h.Slot, export: h.Call, order: h.Order, slot: h, actions: map[string]*spec{}}
		s.name("/" + h.Op + "/" + h.Target)
		for _, export := range h.Actions {
			a := &spec{inst: in, kind: ActionKind, on: h.Slot, export: export, slot: h}
			a.name("")
			s.actions[export] = a
		}
		chain := append(t.slots[h.Slot], s)
		slices.SortStableFunc(chain, func(a, b *spec) int {
			return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.inst.extension, b.inst.extension), strings.Compare(a.inst.id, b.inst.id))
		})
		t.slots[h.Slot] = chain
		if len(h.RefreshOn) > 0 {
			t.refreshed = append(t.refreshed, s)
		}
	}
}

// name gives a hook its ID, and the name of its breaker.
func (s *spec) name(more string) {
	s.id = s.inst.id + "/" + string(s.kind) + "/" + s.export + "/" + s.on + more
	s.breaker = s.inst.tenant + "/" + s.id + "/" + s.inst.version
}

// tenant returns what is installed in the tenant of ctx, or nil.
func (r *Registry) tenant(ctx context.Context) *tenantSnapshot {
	return r.now.Load().tenants[trellis.ActorFrom(ctx).Tenant]
}
