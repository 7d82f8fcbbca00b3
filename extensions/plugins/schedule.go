package plugins

import (
	"context"
	"encoding/json"
	"reflect"
	"strconv"
	"time"

	"github.com/adhocore/gronx"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/jobs"
)

// kindCall is the kind of job in which an extension works by itself.
const kindCall = "extension.call"

// work is what such a job is asked to do.
type work struct {
	Installation string          `json:"installation"`
	Name         string          `json:"name"` // of the schedule or the job
	Course       string          `json:"course,omitempty"`
	Input        json.RawMessage `json:"input,omitempty"`
}

// Kinds returns the kinds of jobs that plugins do.
func (p *Plugins) Kinds() []jobs.Kind {
	return []jobs.Kind{{Name: kindCall, Doc: "An extension works by itself.", Run: p.runWork}}
}

// maxCalls bounds how often one job calls its extension.
const maxCalls = 10_000

// runWork calls an extension again and again, as long as it asks for it. Each
// state is a checkpoint: a node that dies is followed by one that goes on there.
func (p *Plugins) runWork(ctx context.Context, r *jobs.Run) error {
	var w work
	if err := r.Params(&w); err != nil {
		return err
	}
	var state struct {
		State json.RawMessage `json:"state"`
		Calls int64           `json:"calls"`
	}
	if _, err := r.State(&state); err != nil {
		return err
	}
	for state.Calls < maxCalls {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, ok := p.cfg.Registry.Work(trellis.ActorFrom(ctx).Tenant, w.Installation, w.Name, w.Course)
		if !ok {
			return trellis.Errorf(trellis.Conflict, "the extension was switched off")
		}
		answer, err := p.work(ctx, h, r.Job(), w, state.State, state.Calls)
		if err != nil {
			return err
		}
		state.State, state.Calls = answer.Again, state.Calls+1
		if len(answer.Again) == 0 || string(answer.Again) == "null" {
			r.Progress(jobs.Progress{Done: state.Calls, Total: state.Calls})
			return r.Report(map[string]int64{"calls": state.Calls})
		}
		if err := r.Checkpoint(ctx, state, jobs.Progress{Done: state.Calls}); err != nil {
			return err
		}
	}
	return trellis.Errorf(trellis.Exhausted, "the extension asked to be called more than %d times", maxCalls)
}

// work calls the extension once. Its effects have identifiers derived from the
// job and the number of the call, so a call that is repeated repeats nothing.
func (p *Plugins) work(ctx context.Context, h extensions.Hook, job jobs.Job, w work, state json.RawMessage, call int64) (extensions.Again, error) {
	var a extensions.Again
	in, err := json.Marshal(extensions.Task{
		ID: job.ID, Name: w.Name, Time: time.Now().UTC(), Tenant: h.Tenant(), Settings: h.Settings(), Trace: job.Trace, Input: w.Input, State: state,
	})
	if err != nil {
		return a, err
	}
	s := Step{Extension: h.Extension(), Installation: h.Installation(), Hook: h.Export(), Job: job.ID, Started: time.Now()}
	stats, err := h.Call(ctx, extensions.Call{In: in, Seed: trellis.DerivedID(job.ID, strconv.FormatInt(call, 10)), Read: func(out []byte) error {
		if len(out) == 0 {
			return nil
		}
		if err := bundle.Exact(out, reflect.TypeFor[extensions.Again]()); err != nil {
			return trellis.Errorf(trellis.Invalid, "the answer: %w", err)
		}
		if err := trellis.DecodeStrict(out, &a); err != nil {
			return trellis.Errorf(trellis.Invalid, "the answer: %s", err)
		}
		return nil
	}})
	p.done(h.Tenant(), job.Trace, s, stats, err)
	return a, err
}

// Run enqueues what is due, each minute. Several nodes enqueue the same job, which
// is made once: its ID comes from the installation, the schedule and the minute.
func (p *Plugins) Run(ctx context.Context) error {
	minute := time.Now().UTC().Truncate(time.Minute)
	for {
		next := minute.Add(time.Minute)
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		minute = next
		p.due(ctx, minute)
	}
}

// due enqueues every schedule that is due at a minute.
func (p *Plugins) due(ctx context.Context, minute time.Time) {
	cron := gronx.New()
	for _, h := range p.cfg.Registry.Schedules() {
		ok, err := cron.IsDue(h.Cron(), minute)
		if err != nil || !ok {
			continue
		}
		id := trellis.DerivedID(h.Installation(), "schedule", h.On(), h.Course(), minute.Format(time.RFC3339))
		if _, err := p.enqueue(ctx, h, nil, id, time.Time{}); err != nil && ctx.Err() == nil {
			p.log.Warn("scheduled call not enqueued", "extension", h.Extension(), "schedule", h.On(), "err", err)
		}
	}
}

// enqueue asks for a job in which the hook is called, as the extension itself.
func (p *Plugins) enqueue(ctx context.Context, h extensions.Hook, input json.RawMessage, id string, at time.Time) (jobs.Job, error) {
	actor := h.Actor(trellis.ActorFrom(ctx).String())
	return p.cfg.Jobs.Enqueue(ctx, kindCall, work{Installation: h.Installation(), Name: h.On(), Course: h.Course(), Input: input},
		jobs.Options{ID: id, Title: h.Title() + ": " + h.On(), Actor: &actor, At: at})
}

// Enqueue says which work an extension wants to be done.
type Enqueue struct {
	Name  string          `json:"call" doc:"Name of the job, or the schedule, as the manifest has it."`
	Input json.RawMessage `json:"input,omitempty" doc:"What it is to work on, at most 64 KiB."`
	Delay int             `json:"delay,omitempty" doc:"Seconds to wait before: at most 30 days."`
}

// Enqueued is the job that was asked for.
type Enqueued struct {
	ID string `json:"id" doc:"ID of the job."`
}

// RunNow names a schedule or job that is to run at once.
type RunNow struct {
	ID     string          `json:"id" doc:"ID of the extension."`
	Course string          `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
	Name   string          `json:"name" doc:"Name of the schedule or job, as the manifest has it."`
	Input  json.RawMessage `json:"input,omitempty" doc:"What it is to work on."`
}

// Operations returns the operations of plugins.
func (p *Plugins) Operations() []hostapi.Operation {
	return []hostapi.Operation{
		p.traceOperation(),
		p.partOperation(),
		hostapi.DefineList(hostapi.Spec{Name: "jobs.enqueue", Permission: "jobs", Writes: true, Doors: hostapi.Guest(),
			Doc: "Asks for work in the background, done by the extension itself."},
			func(Enqueue) hostapi.Scope { return hostapi.Scope{} }, p.enqueueOwn),
		hostapi.Define(hostapi.Spec{Name: "extensions.run", Permission: "extensions:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/extensions/:id/run"),
			Doc: "Runs a schedule or job of an extension at once."},
			func(in RunNow) hostapi.Scope { return hostapi.Scope{Course: in.Course, Thing: in.ID + " " + in.Name} }, p.runNow),
	}
}

func (p *Plugins) enqueueOwn(ctx context.Context, in Enqueue) (Enqueued, error) {
	c, ok := hostapi.CallerFrom(ctx)
	if !ok {
		return Enqueued{}, trellis.Errorf(trellis.Denied, "only an extension enqueues work of its own")
	}
	course := ""
	if reach := hostapi.ReachOf(ctx, "jobs"); !reach.All() && len(reach) > 0 {
		course = reach[0].Course
	}
	switch {
	case in.Delay < 0 || in.Delay > 30*24*3600:
		return Enqueued{}, trellis.Errorf(trellis.Invalid, "delay: 0 to %d seconds", 30*24*3600)
	case len(in.Input) > 64<<10:
		return Enqueued{}, trellis.Errorf(trellis.Exhausted, "input: %d bytes, of at most %d", len(in.Input), 64<<10)
	}
	h, ok := p.cfg.Registry.Work(trellis.ActorFrom(ctx).Tenant, c.Installation, in.Name, course)
	if !ok {
		return Enqueued{}, trellis.Errorf(trellis.NotFound, "the manifest has no job or schedule %.80q", in.Name)
	}
	job, err := p.enqueue(ctx, h, in.Input, trellis.IDFrom(ctx), time.Now().Add(time.Duration(in.Delay)*time.Second))
	return Enqueued{job.ID}, err
}

func (p *Plugins) runNow(ctx context.Context, in RunNow) (jobs.Job, error) {
	x, err := p.cfg.Registry.Find(ctx, in.ID, extensions.Scope{Course: in.Course})
	if err != nil {
		return jobs.Job{}, err
	}
	h, ok := p.cfg.Registry.Work(trellis.ActorFrom(ctx).Tenant, x.Installation, in.Name, in.Course)
	if !ok {
		return jobs.Job{}, trellis.Errorf(trellis.NotFound, "%s has no job or schedule %.80q that is enabled here", in.ID, in.Name)
	}
	if !hostapi.ReachOf(ctx, "extensions:write").Allows(hostapi.Scope{Course: h.Course()}) {
		return jobs.Job{}, trellis.Errorf(trellis.Denied, "%s works for the whole tenant: those who run that let it", in.ID)
	}
	return p.enqueue(ctx, h, in.Input, "", time.Time{})
}
