package plugins

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/runtime"
)

// Step is one call of an extension, as a trace shows it.
type Step struct {
	Extension    string        `json:"extension" doc:"ID of the extension."`
	Installation string        `json:"installation,omitempty" doc:"ID of the installation."`
	Hook         string        `json:"hook" doc:"Export that ran."`
	Filter       string        `json:"filter,omitempty" doc:"Type of the filter, for a step of one."`
	Event        string        `json:"event,omitempty" doc:"ID of the event, for a delivery."`
	Job          string        `json:"job,omitempty" doc:"ID of the job, for a call in the background."`
	Slot         string        `json:"slot,omitempty" doc:"Place in the page, for what is shown or asked for there."`
	Started      time.Time     `json:"started" doc:"When it began."`
	Duration     time.Duration `json:"duration_ns" doc:"How long it took, in nanoseconds."`
	Fuel         uint64        `json:"fuel" doc:"How much work it was."`
	HostCalls    int           `json:"host_calls" doc:"How often it called the platform."`
	Changed      bool          `json:"changed,omitempty" doc:"Whether it changed what it was asked about."`
	Outcome      string        `json:"outcome" doc:"How it ended." enum:"passed,changed,refused,failed"`
	Error        string        `json:"error,omitempty" doc:"Why it refused or failed."`
}

// Trace is what extensions did in one request, and in what it led to.
type Trace struct {
	ID    string `json:"id" doc:"The trace ID, as the header traceparent of the answer has it."`
	Steps []Step `json:"steps" doc:"Calls of extensions, in order."`
}

// Traces are the latest traces of this node. The oldest are forgotten.
type Traces struct {
	mu    sync.Mutex
	size  int
	steps int // of all traces
	byID  map[traceKey][]Step
	order []traceKey // oldest first
}

// traceKey has the tenant, because clients choose trace IDs: one of another tenant
// must neither be read nor be in the way.
type traceKey struct{ tenant, id string }

// Bounds of what is remembered: steps of one trace, of all, and the runes of an
// error.
const (
	maxSteps    = 200
	maxAllSteps = 50_000
	maxError    = 500
)

func newTraces(size int) *Traces { return &Traces{size: size, byID: map[traceKey][]Step{}} }

func (t *Traces) add(tenant, id string, s Step) {
	if id == "" {
		return
	}
	if r := []rune(s.Error); len(r) > maxError {
		s.Error = string(r[:maxError]) + "…"
	}
	k := traceKey{tenant, id}
	t.mu.Lock()
	defer t.mu.Unlock()
	steps, known := t.byID[k]
	if len(steps) >= maxSteps {
		return
	}
	if !known {
		t.order = append(t.order, k)
	}
	t.byID[k] = append(steps, s)
	t.steps++
	for len(t.order) > t.size || t.steps > maxAllSteps {
		t.steps -= len(t.byID[t.order[0]])
		delete(t.byID, t.order[0])
		t.order = t.order[1:]
	}
}

func (t *Traces) get(tenant, id string) (Trace, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	steps, ok := t.byID[traceKey{tenant, id}]
	return Trace{ID: id, Steps: append([]Step{}, steps...)}, ok
}

// done notes a call that was no step of a filter.
func (p *Plugins) done(tenant, trace string, s Step, stats runtime.Stats, err error) {
	s.Fuel, s.HostCalls, s.Duration, s.Outcome = stats.Fuel, stats.HostCalls, time.Since(s.Started), "passed"
	if err != nil {
		s.Outcome, s.Error = "failed", err.Error()
	}
	p.traces.add(tenant, trace, s)
}

// Slot notes what an extension did in a place of a page.
func (p *Plugins) Slot(ctx context.Context, h extensions.Hook, slot string, started time.Time, used runtime.Stats, err error) {
	s := Step{Extension: h.Extension(), Installation: h.Installation(), Hook: h.Export(), Slot: slot, Started: started}
	p.done(trellis.ActorFrom(ctx).Tenant, trellis.TraceFrom(ctx).ID, s, used, err)
}

// ByID names a trace.
type ByID struct {
	ID string `json:"id" doc:"The trace ID: 32 hexadecimal digits."`
}

// Part names a trace, and the extension whose part in it is wanted.
type Part struct {
	ID     string `json:"id" doc:"ID of the extension."`
	Course string `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	Trace  string `json:"trace" doc:"The trace ID: 32 hexadecimal digits."`
}

// partOperation shows the staff of a course what their own extensions did in a
// request, and nothing of what others did in it.
func (p *Plugins) partOperation() hostapi.Operation {
	return hostapi.Define(hostapi.Spec{Name: "extensions.trace", Permission: "extensions:read", Doors: hostapi.HTTP("GET", "/api/v1/extensions/:id/traces/:trace"),
		Doc: "What one extension did in a request, and in what it led to, as far as this node remembers."},
		func(in Part) hostapi.Scope { return hostapi.Scope{Course: in.Course} },
		func(ctx context.Context, in Part) (Trace, error) {
			x, err := p.cfg.Registry.Get(ctx, in.ID, extensions.Scope{Course: in.Course})
			if err != nil {
				return Trace{}, err
			}
			tenant, err := store.Tenant(ctx)
			if err != nil {
				return Trace{}, err
			}
			t, _ := p.traces.get(tenant, in.Trace)
			t.Steps = slices.DeleteFunc(t.Steps, func(s Step) bool { return s.Installation != x.Installation })
			if len(t.Steps) == 0 {
				return Trace{}, trellis.Errorf(trellis.NotFound, "trace %q", in.Trace)
			}
			return t, nil
		})
}

func (p *Plugins) traceOperation() hostapi.Operation {
	return hostapi.Define(hostapi.Spec{Name: "traces.get", Permission: "audit:read", Doors: hostapi.HTTP("GET", "/api/v1/traces/:id"),
		Doc: "What extensions did in one request, and in what it led to, as far as this node remembers."},
		func(ByID) hostapi.Scope { return hostapi.Scope{} },
		func(ctx context.Context, in ByID) (Trace, error) {
			tenant, err := store.Tenant(ctx)
			if err != nil {
				return Trace{}, err
			}
			t, ok := p.traces.get(tenant, in.ID)
			if !ok {
				return Trace{}, trellis.Errorf(trellis.NotFound, "trace %q", in.ID)
			}
			return t, nil
		})
}
