package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/delivery"
)

// Role returns the role in which extensions hear of events: each of them each
// event that its manifest names, of its tenant and, where it is enabled in a
// course, of that course, from its enabling on.
func (p *Plugins) Role() delivery.Role {
	return delivery.Role{
		Name: "subscribers",
		// Each hook says from where on it hears: the role as such begins with the
		// log, or what happened while it started for the first time would be lost.
		Start: func(context.Context) (uint64, error) { return 0, nil },
		Subscribers: func(ctx context.Context, e trellis.Event) []delivery.Subscriber {
			p.keepUp(ctx, e)
			hooks := p.cfg.Registry.Events(e)
			if len(hooks) == 0 {
				return nil
			}
			subs := make([]delivery.Subscriber, len(hooks))
			for i, h := range hooks {
				subs[i] = p.subscriber(h.ID(), h.Tenant(), h.From())
				subs[i].Held = h.Held
			}
			return subs
		},
		Lookup: func(_ context.Context, tenant, id string) (delivery.Subscriber, bool) {
			if !p.cfg.Registry.Subscribed(tenant, id) {
				return delivery.Subscriber{}, false
			}
			s := p.subscriber(id, tenant, 0)
			s.Held = func() bool { return p.cfg.Registry.Held(tenant, id) }
			return s, true
		},
	}
}

// keepUp makes sure that this node knows of an extension's life what the log has said
// of it so far: what comes after the event of an enabling is delivered, though it was on
// another node, or the reader was faster than whoever enabled it here.
func (p *Plugins) keepUp(ctx context.Context, e trellis.Event) {
	if !trellis.MatchType("org.trellis.extension.*", e.Type) {
		return
	}
	for {
		err := p.cfg.Registry.Refresh(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		p.log.Warn("registry not refreshed; events wait for it", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *Plugins) subscriber(id, tenant string, from uint64) delivery.Subscriber {
	return delivery.Subscriber{ID: id, Tenant: tenant, From: from, Deliver: func(ctx context.Context, d delivery.Delivery) error {
		h, ok := p.cfg.Registry.Event(tenant, id, d.Event.Course)
		if !ok {
			return nil // it was switched off meanwhile: nothing is owed to it
		}
		return p.tell(ctx, h, d)
	}}
}

// tell delivers an event to an extension, which acts by itself, with exactly its
// grants, on behalf of whoever did what the event tells of.
func (p *Plugins) tell(ctx context.Context, h extensions.Hook, d delivery.Delivery) error {
	e := d.Event
	ctx = trellis.WithActor(ctx, h.Actor(e.Actor))
	data, err := p.shown(ctx, h, e)
	if err != nil {
		return err
	}
	in, err := json.Marshal(extensions.Told{
		ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Tenant: e.Tenant, Actor: e.Actor, Person: e.Person, Course: e.Course,
		Time: e.Time, Position: e.Position, Attempt: d.Attempt, Settings: h.Settings(), Trace: e.Trace, Data: data,
	})
	if err != nil {
		return err
	}
	s := Step{Extension: h.Extension(), Installation: h.Installation(), Hook: h.Export(), Event: e.ID, Started: time.Now()}
	stats, err := h.Call(ctx, extensions.Call{In: in, Seed: e.ID, Read: func(out []byte) error {
		if len(out) > 0 && !json.Valid(out) {
			return trellis.Errorf(trellis.Invalid, "the answer is not JSON")
		}
		return nil
	}})
	p.done(e.Tenant, e.Trace, s, stats, err)
	var not *extensions.NotCalled
	if errors.As(err, &not) {
		return delivery.Postpone(err, not.Until)
	}
	return err
}

// shown returns an event's data with the personal data that the extension was
// granted. Events of other extensions have no known type, and no people filled in.
func (p *Plugins) shown(ctx context.Context, h extensions.Hook, e trellis.Event) (json.RawMessage, error) {
	spec, ok := p.cfg.Known.Event(e.Type)
	if !ok || p.cfg.People == nil {
		return e.Data, nil
	}
	keep := func(class string) bool { return h.Granted("pii:" + class) }
	data, err := p.cfg.People.FillPeople(ctx, spec.Data, e.Data, keep)
	if err != nil {
		return nil, err
	}
	if len(data) != len(e.Data) {
		for _, f := range trellis.PersonalFields(spec.Data) {
			if keep(f.Class) {
				p.cfg.Registry.PersonalRead(ctx, h, e.Person, f.Class)
			}
		}
	}
	return data, nil
}
