// Package hostapi is the contract between the platform and what extends it: how
// operations are declared, checked, metered, audited and documented, whichever
// door they are called through.
//
// An operation is declared once, in the package that owns the data, and is then
// offered at its doors: to extensions (the guest door, trellis.call), to pages
// (the frame door), over HTTP. At each the same holds, in this order: the input
// is decoded strictly; the caller's reach must take in what the input concerns
// (see [ReachOf]); a filter may not write; the quota must not be used up; a write
// is audited in its own transaction; personal data is left out of the answer
// where the caller was not granted it.
package hostapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Version is the version of the host API. It grows when something is added;
// nothing is ever removed.
const Version = 1

// Door is a way in.
type Door string

// The doors.
const (
	GuestDoor Door = "guest" // trellis.call, from an extension
	FrameDoor Door = "frame" // the bridge of a sandboxed page
	HTTPDoor  Door = "http"
)

// Doors says where an operation is offered.
type Doors struct {
	Guest, Frame bool
	Method, Path string // of the HTTP door; "" where there is none. Parameters of the path are ":name"
}

// HTTP returns the HTTP door: HTTP("GET", "/api/v1/courses/:course").
func HTTP(method, path string) Doors { return Doors{Method: method, Path: path} }

// Guest returns the door of extensions.
func Guest() Doors { return Doors{Guest: true} }

// And returns both doors.
func (d Doors) And(o Doors) Doors {
	d.Guest, d.Frame = d.Guest || o.Guest, d.Frame || o.Frame
	if o.Path != "" {
		d.Method, d.Path = o.Method, o.Path
	}
	return d
}

// Spec declares an operation.
type Spec struct {
	Name       string // noun and verb: "enrollments.list"
	Permission string // what it takes; "" for nothing but being somebody. One that ends in ":" is completed by the scope's argument
	Writes     bool   // whether it changes anything: denied within a filter, audited
	Doors      Doors
	Doc        string // one or two sentences
}

// Scope is what an input concerns. What is empty is not limited: the zero Scope
// is the whole tenant.
type Scope struct {
	Organisation, Course, Person string
	Argument                     string // of a permission with one: the host of "http:"
}

// Operation is something that can be asked of the platform. Make one with
// [Define] or [DefineList].
type Operation struct {
	spec    Spec
	narrows bool // it narrows itself to the caller's reach
	in, out reflect.Type
	call    func(ctx context.Context, in []byte, check func(Scope) error, keep func(Scope) func(string) bool) ([]byte, error)
}

// Define declares an operation. Its scope says what an input concerns; it is
// refused to whoever does not reach there.
func Define[In, Out any](s Spec, scope func(In) Scope, fn func(context.Context, In) (Out, error)) Operation {
	return Operation{
		spec: s, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		call: func(ctx context.Context, raw []byte, check func(Scope) error, keep func(Scope) func(string) bool) ([]byte, error) {
			var in In
			if len(raw) > 0 {
				if err := trellis.DecodeStrict(raw, &in); err != nil {
					return nil, err
				}
			}
			at := scope(in)
			if err := check(at); err != nil {
				return nil, err
			}
			out, err := fn(ctx, in)
			if err != nil {
				return nil, err
			}
			return json.Marshal(trellis.Redact(out, keep(at)))
		},
	}
}

// DefineList declares an operation that narrows itself to the caller's reach
// ([ReachOf]). It is denied only to those who reach nowhere. Its scope decides
// which personal data is in the answer.
func DefineList[In, Out any](s Spec, scope func(In) Scope, fn func(context.Context, In) (Out, error)) Operation {
	o := Define(s, scope, fn)
	o.narrows = true
	return o
}

// Spec returns the declaration.
func (o Operation) Spec() Spec { return o.spec }

// In returns the type of the input.
func (o Operation) In() reflect.Type { return o.in }

// Out returns the type of the answer.
func (o Operation) Out() reflect.Type { return o.out }

// Grant is a permission that an installation was given, and where.
type Grant struct {
	Permission   string `json:"permission"`
	Organisation string `json:"organisation,omitempty"`
	Course       string `json:"course,omitempty"`
}

// Caller is the extension that is running, in a context.
type Caller struct {
	Installation string // its ID
	Extension    string // ID of the extension
	Hook         string // which of its exports runs
	Grants       []Grant
	Filter       bool            // it decides about something: it may change nothing
	Seed         string          // ID of the event that is delivered to it: its effects get derived IDs
	Settings     json.RawMessage // effective where it runs
	Hosts        []string        // that it may send requests to
}

type contextKey int

const callerKey contextKey = iota

type running struct {
	Caller
	mu    sync.Mutex
	calls map[string]int // by operation
}

// WithCaller returns a context in which an extension runs.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey, &running{Caller: c, calls: map[string]int{}})
}

// CallerFrom returns the extension that runs in ctx.
func CallerFrom(ctx context.Context) (Caller, bool) {
	r, ok := ctx.Value(callerKey).(*running)
	if !ok || r == nil {
		return Caller{}, false
	}
	return r.Caller, true
}

// WithoutCaller returns a context in which no extension runs: what an operation
// does on its own account.
func WithoutCaller(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey, (*running)(nil))
}

// Auditor records calls that were denied and reads of personal data.
type Auditor interface {
	Audit(ctx context.Context, e store.Entry) error
}

// Config is what an API is made of.
type Config struct {
	Operations []Operation
	Auditor    Auditor      // nil: not recorded
	Quotas     Quotas       // the zero value is generous
	Logger     *slog.Logger // nil: silent
}

// API is the set of operations. It is what a runtime calls for a guest. It is
// safe for concurrent use.
type API struct {
	cfg    Config
	byName map[string]Operation
	sorted []Operation
	quotas *quotas
	reads  reads
}

// New returns the API of the operations. Two of a name or of an HTTP door, an
// unknown permission, an operation without a door are errors.
func New(cfg Config) (*API, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &API{cfg: cfg, byName: map[string]Operation{}, sorted: slices.Clone(cfg.Operations), quotas: newQuotas(cfg.Quotas)}
	paths := map[string]string{}
	for _, o := range cfg.Operations {
		s := o.spec
		if !trellis.ValidType(s.Name) {
			return nil, fmt.Errorf("operation %q: not a name like noun.verb", s.Name)
		}
		if _, ok := a.byName[s.Name]; ok {
			return nil, fmt.Errorf("operation %s is declared twice", s.Name)
		}
		if s.Permission != "" && !known(s.Permission) {
			return nil, fmt.Errorf("operation %s: there is no permission %q", s.Name, s.Permission)
		}
		if !s.Doors.Guest && !s.Doors.Frame && s.Doors.Path == "" {
			return nil, fmt.Errorf("operation %s has no door", s.Name)
		}
		if door := s.Doors.Method + " " + s.Doors.Path; s.Doors.Path != "" {
			if other, ok := paths[door]; ok {
				return nil, fmt.Errorf("operations %s and %s share the door %s", other, s.Name, door)
			}
			paths[door] = s.Name
		}
		a.byName[s.Name] = o
	}
	slices.SortFunc(a.sorted, func(x, y Operation) int { return strings.Compare(x.spec.Name, y.spec.Name) })
	return a, nil
}

// Operations returns every operation, by name. The caller must not change it.
func (a *API) Operations() []Operation { return a.sorted }

// maxInput bounds the input of an operation.
const maxInput = 1 << 20

// Call performs an operation for the extension that runs in ctx. It is the
// guest door.
func (a *API) Call(ctx context.Context, operation string, in []byte) ([]byte, error) {
	return a.Serve(ctx, GuestDoor, operation, in)
}

// Serve performs an operation that was asked for at a door.
func (a *API) Serve(ctx context.Context, door Door, operation string, in []byte) ([]byte, error) {
	o, ok := a.byName[operation]
	if !ok || !o.spec.Doors.at(door) {
		return nil, trellis.Errorf(trellis.NotFound, "there is no operation %.80q here", operation)
	}
	if len(in) > maxInput {
		return nil, trellis.Errorf(trellis.Exhausted, "the input of %s has %d bytes, of at most %d", operation, len(in), maxInput)
	}
	if trellis.ActorFrom(ctx).Kind == "" {
		return nil, trellis.Errorf(trellis.Denied, "%s: who are you?", operation)
	}
	ctx = a.prepared(ctx, door, o)
	check := func(at Scope) error { return a.check(ctx, door, o, at) }
	keep := func(at Scope) func(string) bool { return a.keep(ctx, at) }
	return o.call(ctx, in, check, keep)
}

func (d Doors) at(door Door) bool {
	switch door {
	case GuestDoor:
		return d.Guest
	case FrameDoor:
		return d.Frame
	case HTTPDoor:
		return d.Path != ""
	}
	return false
}

// prepared returns ctx as an operation gets it: what it writes is audited, and in
// a delivery the identifiers of what it makes come from the event.
func (a *API) prepared(ctx context.Context, door Door, o Operation) context.Context {
	if r, ok := ctx.Value(callerKey).(*running); ok && r != nil && r.Seed != "" {
		r.mu.Lock()
		r.calls[o.spec.Name]++
		n := r.calls[o.spec.Name]
		r.mu.Unlock()
		ctx = trellis.WithIDs(ctx, r.Seed, r.Installation, r.Hook, o.spec.Name, strconv.Itoa(n))
	}
	if o.spec.Writes {
		ctx = store.WithAudit(ctx, a.entry(ctx, door, o, "ok", ""))
	}
	return ctx
}

func (a *API) entry(ctx context.Context, door Door, o Operation, outcome, target string) store.Entry {
	actor := trellis.ActorFrom(ctx)
	e := store.Entry{
		Tenant: actor.Tenant, Actor: actor.String(), OnBehalfOf: actor.OnBehalfOf, Operation: o.spec.Name, Permission: o.spec.Permission,
		Outcome: outcome, Door: string(door), Target: target, Trace: trellis.TraceFrom(ctx).ID,
	}
	if c, ok := CallerFrom(ctx); ok {
		e.Installation = c.Installation
	}
	return e
}

// check decides whether the caller may do o where the input concerns.
func (a *API) check(ctx context.Context, door Door, o Operation, at Scope) error {
	permission := o.spec.Permission
	if strings.HasSuffix(permission, ":") {
		permission += at.Argument
	}
	caller, guest := CallerFrom(ctx)
	if permission != "" {
		reach := ReachOf(ctx, permission)
		switch {
		case reach.Empty():
			a.denied(ctx, door, o, at)
			return trellis.Errorf(trellis.Denied, "%s needs the permission %s", o.spec.Name, permission)
		case !o.narrows && !reach.Allows(at):
			a.denied(ctx, door, o, at)
			return trellis.Errorf(trellis.NotFound, "%s: there is no such thing here", o.spec.Name)
		}
	}
	if o.spec.Writes && guest && caller.Filter {
		a.denied(ctx, door, o, at)
		return trellis.Errorf(trellis.Denied, "%s: a filter may not change anything", o.spec.Name)
	}
	return a.quotas.take(ctx, o.spec)
}

// denied records that somebody was not let.
func (a *API) denied(ctx context.Context, door Door, o Operation, at Scope) {
	if a.cfg.Auditor == nil || !a.quotas.mayComplain(ctx) {
		return
	}
	target := at.Course
	if target == "" {
		target = at.Organisation
	}
	if err := a.cfg.Auditor.Audit(ctx, a.entry(ctx, door, o, "denied", target)); err != nil {
		a.cfg.Logger.Warn("denied call not recorded", "operation", o.spec.Name, "err", err)
	}
}

// keep returns which classes of personal data the caller may see of what an
// input concerns.
func (a *API) keep(ctx context.Context, at Scope) func(string) bool {
	return func(class string) bool {
		if !ReachOf(ctx, "pii:"+class).Allows(at) {
			return false
		}
		if c, ok := CallerFrom(ctx); ok {
			a.PersonalRead(ctx, c, at.Person, class)
		}
		return true
	}
}

// PersonalRead records that an extension was shown personal data: once for each
// installation, hook, person, class and hour.
func (a *API) PersonalRead(ctx context.Context, c Caller, person, class string) {
	if a.cfg.Auditor == nil || !a.reads.first(time.Now(), c.Installation+"\x00"+c.Hook+"\x00"+person+"\x00"+class) {
		return
	}
	detail, err := json.Marshal(map[string]string{"hook": c.Hook})
	if err != nil {
		return // a string always has a JSON form
	}
	actor := trellis.ActorFrom(ctx)
	err = a.cfg.Auditor.Audit(ctx, store.Entry{
		Tenant: actor.Tenant, Actor: actor.String(), OnBehalfOf: actor.OnBehalfOf, Installation: c.Installation, Operation: "personal.read",
		Permission: "pii:" + class, Target: person, Outcome: "ok", Door: string(GuestDoor), Trace: trellis.TraceFrom(ctx).ID, Detail: detail,
	})
	if err != nil {
		a.cfg.Logger.Warn("read of personal data not recorded", "installation", c.Installation, "err", err)
	}
}

// reads remembers which reads of this hour were recorded.
type reads struct {
	mu   sync.Mutex
	hour int64
	seen map[string]bool
}

const maxReads = 100_000

func (r *reads) first(at time.Time, key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hour := at.Unix() / 3600; hour != r.hour || r.seen == nil || len(r.seen) >= maxReads {
		r.hour, r.seen = hour, map[string]bool{}
	}
	if r.seen[key] {
		return false
	}
	r.seen[key] = true
	return true
}

// Audited returns a context whose first write records that the actor did what is
// no operation: an upload, a stream.
func (a *API) Audited(ctx context.Context, operation, target string) context.Context {
	actor := trellis.ActorFrom(ctx)
	return store.WithAudit(ctx, store.Entry{
		Tenant: actor.Tenant, Actor: actor.String(), Operation: operation, Target: target, Outcome: "ok", Door: string(HTTPDoor), Trace: trellis.TraceFrom(ctx).ID,
	})
}
