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
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Version is the version of the host API. It grows when something is added;
// nothing is ever removed.
const Version = 1

// Config is what an API is made of.
type Config struct {
	Operations []Operation
	Auditor    Auditor      // nil: denied calls and reads of personal data are not recorded
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
// unknown permission, an operation without a door or with one that cannot be are
// errors.
func New(cfg Config) (*API, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &API{cfg: cfg, byName: map[string]Operation{}, sorted: slices.Clone(cfg.Operations), quotas: newQuotas(cfg.Quotas)}
	taken := map[string]string{}
	for _, o := range cfg.Operations {
		if err := o.check(); err != nil {
			return nil, err
		}
		s := o.spec
		if _, ok := a.byName[s.Name]; ok {
			return nil, fmt.Errorf("operation %s is declared twice", s.Name)
		}
		if s.Doors.Path != "" {
			if other, ok := taken[s.Doors.shape()]; ok {
				return nil, fmt.Errorf("operations %s and %s share the door %s %s", other, s.Name, s.Doors.Method, s.Doors.Path)
			}
			taken[s.Doors.shape()] = s.Name
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

// Call performs an operation for the extension that runs in ctx ([WithCaller]).
// It is the guest door.
func (a *API) Call(ctx context.Context, operation string, in []byte) ([]byte, error) {
	return a.Serve(ctx, GuestDoor, operation, in)
}

// Serve performs an operation that was asked for at a door. An operation that is
// not there, and what an input concerns beyond the caller's reach, are
// [trellis.NotFound]; a permission that the caller has nowhere is
// [trellis.Denied]; a quota that is used up is [trellis.Exhausted], with the time
// after which to try again.
func (a *API) Serve(ctx context.Context, door Door, operation string, in []byte) ([]byte, error) {
	o, ok := a.byName[operation]
	if !ok || !o.spec.Doors.at(door) {
		if _, guest := CallerFrom(ctx); guest { // operators see what an extension tries
			a.denied(ctx, door, Operation{spec: Spec{Name: short(operation)}}, "", Scope{})
		}
		return nil, trellis.Errorf(trellis.NotFound, "there is no operation %.80q here", operation)
	}
	if len(in) > maxInput {
		return nil, trellis.Errorf(trellis.Exhausted, "the input of %s has %d bytes, of at most %d", operation, len(in), maxInput)
	}
	if trellis.ActorFrom(ctx).Kind == "" {
		return nil, trellis.Errorf(trellis.Denied, "%s: nobody is logged in", operation)
	}
	if _, guest := CallerFrom(ctx); !guest && door == GuestDoor {
		// Without a caller there are no grants to narrow the actor's rights.
		return nil, trellis.Errorf(trellis.Denied, "%s: no extension runs here", operation)
	}
	c := &call{api: a, door: door, o: o, settle: func(error) {}}
	out, err := o.call(ctx, in, c)
	c.settle(err)
	return out, err
}

// call is one call of an operation.
type call struct {
	api    *API
	door   Door
	o      Operation
	settle func(error)
}

// begin decides whether the caller may do it where the input concerns. In the
// context that it returns, what the operation writes is audited, and in a
// delivery the identifiers of what it makes come from the event.
func (c *call) begin(ctx context.Context, at Scope) (context.Context, error) {
	permission, err := c.permitted(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := c.api.quotas.take(ctx, c.o.spec); err != nil {
		return nil, err
	}
	ctx, settle := derived(ctx, c.o.spec.Name)
	c.settle = settle
	if c.o.spec.Writes {
		ctx = store.WithAudit(ctx, entry(ctx, c.door, c.o, permission, "ok", at))
	}
	return ctx, nil
}

// permitted returns the permission that the call takes, if the caller has it.
func (c *call) permitted(ctx context.Context, at Scope) (string, error) {
	s := c.o.spec
	permission := s.Permission
	if strings.HasSuffix(permission, ":") {
		if at.Argument == "" {
			return "", trellis.Errorf(trellis.Invalid, "%s: the input does not say what the permission %s is needed for", s.Name, permission)
		}
		permission += at.Argument
	}
	if permission != "" {
		reach := ReachOf(ctx, permission)
		switch {
		case reach.Empty():
			c.api.denied(ctx, c.door, c.o, permission, at)
			return "", trellis.Errorf(trellis.Denied, "%s needs the permission %s", s.Name, explained(permission))
		case !c.o.narrows && !reach.Allows(at):
			c.api.denied(ctx, c.door, c.o, permission, at)
			return "", trellis.Errorf(trellis.NotFound, "%s: there is no such thing here", s.Name)
		}
	}
	if caller, guest := CallerFrom(ctx); guest && caller.Filter && s.Writes {
		c.api.denied(ctx, c.door, c.o, permission, at)
		return "", trellis.Errorf(trellis.Denied, "%s: a filter may not change anything, nor may what is shown in a page", s.Name)
	}
	return permission, nil
}

// explained returns a permission with its sentence.
func explained(permission string) string {
	if sentence, err := Sentence(permission); err == nil {
		return fmt.Sprintf("%.300s (%s)", permission, sentence)
	}
	return fmt.Sprintf("%.300q", permission)
}

// keep returns which classes of personal data the caller may see of what an
// input concerns. It is asked for every person of an answer, and decides once.
func (c *call) keep(ctx context.Context, at Scope) func(string) bool {
	decided := map[string]bool{}
	return func(class string) bool {
		kept, ok := decided[class]
		if ok {
			return kept
		}
		kept = ReachOf(ctx, "pii:"+class).Allows(at)
		decided[class] = kept
		if caller, guest := CallerFrom(ctx); guest && kept {
			c.api.PersonalRead(ctx, caller, at.Person, class)
		}
		return kept
	}
}
