package hostapi

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Auditor records calls that were denied and reads of personal data. A
// [store.DB] is one.
type Auditor interface {
	Audit(ctx context.Context, e store.Entry) error
}

// auditTimeout bounds how long a call waits for a line of the audit log that is
// not part of its own write.
const auditTimeout = 5 * time.Second

// entry returns the line of the audit log that tells of a call.
func entry(ctx context.Context, door Door, o Operation, permission, outcome string, at Scope) store.Entry {
	actor := trellis.ActorFrom(ctx)
	e := store.Entry{
		Tenant: actor.Tenant, Actor: actor.String(), OnBehalfOf: actor.OnBehalfOf, Installation: actor.Via,
		Operation: o.spec.Name, Permission: short(permission), Target: short(at.target()), Outcome: outcome, Door: string(door),
		Trace: trellis.TraceFrom(ctx).ID,
	}
	if c, ok := CallerFrom(ctx); ok {
		e.Installation = c.Installation
		e.Detail = hookDetail(c)
	}
	return e
}

// short bounds what comes from an input that may have been refused.
func short(s string) string {
	const most = 512
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "�")
}

func hookDetail(c Caller) json.RawMessage {
	detail, _ := json.Marshal(map[string]string{"hook": c.Hook}) // strings cannot fail
	return detail
}

// denied records that somebody was not let.
func (a *API) denied(ctx context.Context, door Door, o Operation, permission string, at Scope) {
	if a.cfg.Auditor == nil || !a.quotas.mayComplain(ctx) {
		return
	}
	if err := a.record(ctx, entry(ctx, door, o, permission, "denied", at)); err != nil {
		a.cfg.Logger.Warn("denied call not recorded", "operation", o.spec.Name, "err", err)
	}
}

// record writes e by itself. The context is a new one: in the caller's there may
// wait the entry of a write that is still being decided about, which the first
// write that succeeds would take with it; and what is recorded must not depend on
// whether the caller waits.
func (a *API) record(ctx context.Context, e store.Entry) error {
	own := trellis.WithTrace(trellis.WithActor(context.Background(), trellis.ActorFrom(ctx)), trellis.TraceFrom(ctx))
	own, cancel := context.WithTimeout(own, auditTimeout)
	defer cancel()
	return a.cfg.Auditor.Audit(own, e)
}

// PersonalRead records that an extension was shown personal data of a class: once
// for each installation, hook, person and hour. A person of "" means several.
// Operations of an API do this by themselves; it is for what an extension is
// shown without asking, in events and filters.
func (a *API) PersonalRead(ctx context.Context, c Caller, person, class string) {
	actor := trellis.ActorFrom(ctx)
	key := read{actor.Tenant, c.Installation, c.Hook, person, class}
	if a.cfg.Auditor == nil || !a.reads.first(time.Now(), key) {
		return
	}
	err := a.record(ctx, store.Entry{
		Tenant: actor.Tenant, Actor: actor.String(), OnBehalfOf: actor.OnBehalfOf, Installation: c.Installation, Operation: "personal.read",
		Permission: "pii:" + class, Target: person, Outcome: "ok", Door: string(GuestDoor), Trace: trellis.TraceFrom(ctx).ID, Detail: hookDetail(c),
	})
	if err != nil {
		a.reads.forget(key)
		a.cfg.Logger.Warn("read of personal data not recorded", "installation", c.Installation, "err", err)
	}
}

// Audited returns a context whose first write records that the actor did what is
// no operation: an upload, a stream.
func (a *API) Audited(ctx context.Context, operation, target string) context.Context {
	actor := trellis.ActorFrom(ctx)
	return store.WithAudit(ctx, store.Entry{
		Tenant: actor.Tenant, Actor: actor.String(), OnBehalfOf: actor.OnBehalfOf, Installation: actor.Via,
		Operation: operation, Target: target, Outcome: "ok", Door: string(HTTPDoor), Trace: trellis.TraceFrom(ctx).ID,
	})
}

// read is one reading of personal data, as often as it is told apart.
type read struct{ tenant, installation, hook, person, class string }

// reads remembers which readings of this hour were recorded.
type reads struct {
	mu   sync.Mutex
	hour int64
	seen map[read]bool
}

// maxReads bounds the readings that are remembered. Beyond it all begin anew: the
// log then says some of them twice.
const maxReads = 100_000

func (r *reads) first(at time.Time, key read) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hour := at.Unix() / 3600; hour != r.hour || r.seen == nil || len(r.seen) >= maxReads {
		r.hour, r.seen = hour, map[read]bool{}
	}
	if r.seen[key] {
		return false
	}
	r.seen[key] = true
	return true
}

func (r *reads) forget(key read) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, key)
}
