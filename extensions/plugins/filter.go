package plugins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

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
		s := Step{Extension: h.Extension(), Installation: h.Installation(), Hook: h.Export(), Filter: q.Type, Started: time.Now()}
		next, stop, err := p.step(ctx, h, spec, q, data, ends, &s)
		s.Duration = time.Since(s.Started)
		p.record(ctx, &s, err)
		var refusal *trellis.Refusal
		switch {
		case err == nil:
			data = next
		case errors.As(err, &refusal):
			return nil, refusal
		case h.RefusesOnError():
			return nil, trellis.Errorf(trellis.Unavailable, "%w", &undecided{h.Extension(), q.Type, err})
		default:
			p.log.Warn("step of a filter skipped", "extension", h.Extension(), "filter", q.Type, "err", err)
		}
		if stop {
			break
		}
	}
	return data, nil
}

// undecided is the error of a step that could not decide. The doors know it by its
// method, and say whose step it was.
type undecided struct {
	extension, filter string
	err               error
}

func (u *undecided) Error() string {
	return fmt.Sprintf("the extension %s could not decide, so nobody is let through: %v", u.extension, u.err)
}
func (u *undecided) Unwrap() error { return u.err }

// Undecided returns the extension, and the filter that it was asked for.
func (u *undecided) Undecided() (extension, filter string) { return u.extension, u.filter }

// step asks one extension and returns the data as it leaves them, or its no as a
// [*trellis.Refusal]. Any other error means that it could not decide; a guest that
// answers with an error of the kind Refused has not decided either.
func (p *Plugins) step(ctx context.Context, h extensions.Hook, spec trellis.Spec, q trellis.Question, data []byte, ends time.Time, s *Step) (next []byte, stop bool, err error) {
	left := time.Until(ends)
	if left <= 0 {
		return nil, false, trellis.Errorf(trellis.Unavailable, "the steps before it took longer than %v", p.cfg.Chain)
	}
	shown, hidden, err := p.redact(ctx, h, spec.Data, q, data)
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
	next = data
	var a extensions.Answer
	stats, err := h.Call(ctx, extensions.Call{In: in, Time: min(left, p.cfg.Step), Read: func(out []byte) (err error) {
		if a, err = extensions.ReadAnswer(out, spec.Outcomes); err == nil && len(a.Patch) > 0 {
			next, err = change(spec.Data, data, a.Patch, hidden)
			s.Changed = err == nil
		}
		return err
	}})
	s.Fuel, s.HostCalls = stats.Fuel, stats.HostCalls
	switch {
	case err != nil:
		return nil, false, err
	case a.Refuse != nil:
		return nil, false, &trellis.Refusal{Extension: h.Extension(), Filter: q.Type, Code: a.Refuse.Code, Message: a.Refuse.Message, Effect: a.Refuse.Effect}
	}
	return next, a.Stop, nil
}

// change applies a patch and checks that the result still is a document of the
// filter's type, key by key.
func change(t reflect.Type, data, patch []byte, hidden []trellis.PersonalField) ([]byte, error) {
	next, err := extensions.Patch(data, patch, hidden)
	if err != nil {
		return nil, err
	}
	if err := bundle.Exact(next, t); err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the patch does not fit: %w", err)
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

// redact returns a question's data without the personal data that an extension
// was not granted, and where that was. What it is shown of people is recorded.
func (p *Plugins) redact(ctx context.Context, h extensions.Hook, t reflect.Type, q trellis.Question, data []byte) ([]byte, []trellis.PersonalField, error) {
	fields := trellis.PersonalFields(t)
	var hidden, seen []trellis.PersonalField
	keep := func(class string) bool { return h.Granted("pii:" + class) }
	for _, f := range fields {
		if keep(f.Class) {
			seen = append(seen, f)
		} else {
			hidden = append(hidden, f)
		}
	}
	if len(fields) == 0 {
		return data, nil, nil
	}
	v := reflect.New(t)
	if err := json.Unmarshal(data, v.Interface()); err != nil {
		return nil, nil, fmt.Errorf("decode %s: %w", t, err)
	}
	shown, err := json.Marshal(trellis.Redact(v.Elem().Interface(), keep))
	if err != nil {
		return nil, nil, err
	}
	if len(seen) > 0 {
		for _, class := range classes(seen) {
			less, err := json.Marshal(trellis.Redact(v.Elem().Interface(), func(c string) bool { return c != class && keep(c) }))
			if err != nil {
				return nil, nil, err
			}
			if !bytes.Equal(less, shown) {
				p.cfg.Registry.PersonalRead(ctx, h, q.Person, class)
			}
		}
	}
	if len(hidden) == 0 {
		return data, nil, nil
	}
	return shown, hidden, nil
}

// classes returns the classes of fields, each once.
func classes(fields []trellis.PersonalField) []string {
	var all []string
	for _, f := range fields {
		all = append(all, f.Class)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// record notes a step in the trace and the metrics.
func (p *Plugins) record(ctx context.Context, s *Step, err error) {
	s.Outcome = "passed"
	var refusal *trellis.Refusal
	switch {
	case errors.As(err, &refusal):
		s.Outcome, s.Error = "refused", err.Error()
	case err != nil:
		s.Outcome, s.Error = "failed", err.Error()
	case s.Changed:
		s.Outcome = "changed"
	}
	p.cfg.Metrics.FilterStep(s.Extension, s.Filter, s.Outcome, s.Duration)
	p.traces.add(trellis.ActorFrom(ctx).Tenant, trellis.TraceFrom(ctx).ID, *s)
}
