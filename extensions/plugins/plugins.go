// Package plugins is the way of extending the back end: filters, which are asked
// before something happens and may change or refuse it; subscribers, which hear
// of what has happened; and calls at set times and in the background.
//
// A filter's chain is asked in the order of its steps, each on what the last has
// left. A step that fails (a trap, too much time, an answer that makes no sense)
// lets nobody through, unless its manifest says on_error: skip. Nothing that an
// extension may not see is in its question, and nothing that it may not see can
// be changed by its answer.
package plugins

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/metrics"
)

// Filler puts into a document the personal data that keep allows.
type Filler interface {
	FillPeople(ctx context.Context, t reflect.Type, data []byte, keep func(class string) bool) ([]byte, error)
}

// Config is what plugins are made of.
type Config struct {
	Registry *extensions.Registry
	Jobs     *jobs.Jobs
	Known    extensions.Known
	People   Filler        // nil: events carry no personal data
	Chain    time.Duration // of all steps of a filter together: 250 ms if zero
	Step     time.Duration // of one step: 50 ms if zero
	Logger   *slog.Logger
	Metrics  *metrics.Registry
}

// Plugins asks filters and tells subscribers. It is safe for concurrent use.
type Plugins struct {
	cfg    Config
	log    *slog.Logger
	traces *Traces
}

var _ trellis.Filters = (*Plugins)(nil)

// New returns the plugins of a registry.
func New(cfg Config) *Plugins {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Chain == 0 {
		cfg.Chain = 250 * time.Millisecond
	}
	if cfg.Step == 0 {
		cfg.Step = 50 * time.Millisecond
	}
	return &Plugins{cfg: cfg, log: cfg.Logger, traces: newTraces(4096)}
}

// Filter implements [trellis.Filters]: it asks the extensions that take part in
// the filter for the actor's tenant and the question's course.
func (p *Plugins) Filter(ctx context.Context, q trellis.Question) ([]byte, error) {
	hooks := p.cfg.Registry.Filters(ctx, q.Type, q.Course)
	if len(hooks) == 0 {
		return q.Data, nil
	}
	spec, ok := p.cfg.Known.Filter(q.Type)
	if !ok {
		return nil, trellis.Errorf(trellis.Internal, "filter %s is not declared", q.Type)
	}
	ends := time.Now().Add(p.cfg.Chain)
	data := q.Data
	for _, h := range hooks {
		left := time.Until(ends)
		if left <= 0 {
			return nil, trellis.Errorf(trellis.Unavailable, "the filter %s took longer than %v", q.Type, p.cfg.Chain)
		}
		step := Step{Extension: h.Extension(), Hook: h.Export(), Filter: q.Type, Started: time.Now()}
		next, stop, err := p.step(ctx, h, spec, q, data, min(left, p.cfg.Step), &step)
		step.Duration = time.Since(step.Started)
		p.record(ctx, &step, err)
		switch {
		case err == nil:
			data = next
		case trellis.KindOf(err) == trellis.Refused:
			return nil, err
		case h.RefusesOnError():
			return nil, trellis.Errorf(trellis.Unavailable, "the extension %s could not decide, so nobody is let through: %w", h.Extension(), err)
		default:
			p.log.Warn("step of a filter skipped", "extension", h.Extension(), "filter", q.Type, "err", err)
		}
		if stop {
			break
		}
	}
	return data, nil
}

// step asks one extension and returns the data as it leaves them.
func (p *Plugins) step(ctx context.Context, h extensions.Hook, spec trellis.Spec, q trellis.Question, data []byte, limit time.Duration, s *Step) (next []byte, stop bool, err error) {
	shown, hidden, err := redact(spec.Data, data, func(class string) bool { return h.Granted("pii:" + class) })
	if err != nil {
		return nil, false, err
	}
	actor, trace := trellis.ActorFrom(ctx), trellis.TraceFrom(ctx)
	in, err := json.Marshal(extensions.Question{
		ID: trellis.NewID(), Type: q.Type, Time: time.Now().UTC(), Tenant: actor.Tenant, Actor: actor.String(), Course: q.Course,
		Settings: h.Settings(), Trace: trace.ID, Data: shown,
	})
	if err != nil {
		return nil, false, err
	}
	out, stats, err := h.Call(ctx, extensions.Call{In: in, Time: limit})
	s.Fuel, s.HostCalls = stats.Fuel, stats.HostCalls
	if err != nil {
		return nil, false, err
	}
	a, err := extensions.ReadAnswer(out, spec.Outcomes)
	if err == nil && len(a.Patch) > 0 {
		next, err = p.change(spec.Data, data, a.Patch, hidden)
	}
	if err != nil {
		h.Failed(ctx, err)
		return nil, false, err
	}
	if a.Refuse != nil {
		return nil, false, &trellis.Refusal{Extension: h.Extension(), Filter: q.Type, Code: a.Refuse.Code, Message: a.Refuse.Message, Effect: a.Refuse.Effect}
	}
	if next == nil {
		next = data
	} else {
		s.Changed = true
	}
	return next, a.Stop, nil
}

// change applies a patch and checks that the result still is a document of the
// filter's type.
func (p *Plugins) change(t reflect.Type, data, patch []byte, hidden []trellis.PersonalField) ([]byte, error) {
	next, err := extensions.Patch(data, patch, hidden)
	if err != nil {
		return nil, err
	}
	v := reflect.New(t)
	if err := trellis.DecodeStrict(next, v.Interface()); err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the patch does not fit: %w", err)
	}
	whole, err := json.Marshal(v.Interface()) // a field that the patch removed has its zero value, not none
	if err != nil {
		return nil, err
	}
	return whole, nil
}

// redact returns a document of type t without the personal data that keep
// refuses, and where that was.
func redact(t reflect.Type, data []byte, keep func(string) bool) ([]byte, []trellis.PersonalField, error) {
	var hidden []trellis.PersonalField
	for _, f := range trellis.PersonalFields(t) {
		if !keep(f.Class) {
			hidden = append(hidden, f)
		}
	}
	if len(hidden) == 0 {
		return data, nil, nil
	}
	v := reflect.New(t)
	if err := json.Unmarshal(data, v.Interface()); err != nil {
		return nil, nil, fmt.Errorf("decode %s: %w", t, err)
	}
	out, err := json.Marshal(trellis.Redact(v.Elem().Interface(), keep))
	return out, hidden, err
}

// record notes a step in the trace and the metrics.
func (p *Plugins) record(ctx context.Context, s *Step, err error) {
	s.Outcome = "passed"
	switch {
	case trellis.KindOf(err) == trellis.Refused:
		s.Outcome, s.Error = "refused", err.Error()
	case err != nil:
		s.Outcome, s.Error = "failed", err.Error()
	case s.Changed:
		s.Outcome = "changed"
	}
	p.cfg.Metrics.FilterStep(s.Extension, s.Filter, s.Outcome, s.Duration)
	p.traces.add(trellis.ActorFrom(ctx).Tenant, trellis.TraceFrom(ctx).ID, *s)
}
