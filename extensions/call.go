package extensions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/runtime"
)

// Call is how a hook is called.
type Call struct {
	In   []byte
	Seed string        // ID of the event, if one is delivered
	Time time.Duration // at most; the module's limit if zero
	Wait time.Duration // at most, until it runs; if zero, 10 s for the module to be loaded and a second for a turn
	// Work is how much the guest may compute, in fuel worth that much. If zero it is
	// four fifths of its time: so one that computes without end is blamed for it
	// (out of fuel), and time is over where the machine or the host was slow.
	Work time.Duration
	// Read reads the answer. Its error is the extension's failure, as a trap is.
	Read func(answer []byte) error
}

// Call calls the hook's export and has its answer read. The caller of ctx
// becomes the extension; the actor stays. An extension that has failed again and
// again is not called, nor is one whose settings do not fit it: the error then is
// [NotCalled], of kind [trellis.Unavailable], and says so.
func (h Hook) Call(ctx context.Context, c Call) (runtime.Stats, error) {
	if err := h.Ready(); err != nil {
		return runtime.Stats{}, err
	}
	in, asked := h.s.inst, time.Now()
	probe, err := h.r.breaker.admit(h.breaker(), in.extension)
	if err != nil {
		return runtime.Stats{}, err
	}
	m, done, err := h.r.modules.get(ctx, in, h.s.limits(), cmp.Or(c.Wait, loadPatience))
	if err != nil {
		h.r.breaker.cancelled(h.breaker(), probe)
		return runtime.Stats{}, unbegun(err)
	}
	defer done()
	if c.Wait > 0 {
		c.Wait = max(c.Wait-time.Since(asked), time.Millisecond)
	}
	if c.Work == 0 {
		c.Work = worth(cmp.Or(c.Time, h.s.limits().Time))
	}
	ctx, trace := h.acting(ctx, c.Seed), trellis.TraceFrom(ctx).ID
	began := time.Now()
	out, stats, err := m.Call(ctx, runtime.Call{
		Hook: h.s.export, In: c.In, Key: h.key(), Class: in.tenant, Budget: runtime.Budget{Time: c.Time, Fuel: h.r.fuel(c.Work)}, Patience: c.Wait, Untimed: true,
		Log: func(level int, line string) { h.r.logs.add(in, h.s.export, level, line, trace) },
	})
	failed := broken(err)
	if stats.Fuel == 0 {
		err = unbegun(err)
	}
	if err == nil && c.Read != nil {
		err = c.Read(out)
		failed = err != nil
	}
	took := time.Since(began)
	h.r.usage.add(h, failed || h.couldNot(err), stats.Fuel+stats.Setup, took, time.Now())
	h.r.cfg.Metrics.GuestCall(in.extension, h.verdict(probe, failed, err, trace), stats.Fuel, took)
	return stats, err
}

// acting returns ctx for the guest: the extension calls, for whoever acts.
func (h Hook) acting(ctx context.Context, seed string) context.Context {
	ctx = hostapi.WithCaller(ctx, h.Caller(seed))
	if actor := trellis.ActorFrom(ctx); actor.Kind != trellis.ExtensionActor {
		actor.Via = h.s.inst.id
		ctx = trellis.WithActor(ctx, actor)
	}
	return ctx
}

// key says whose a call is: those of different keys take turns.
func (h Hook) key() string {
	in := h.s.inst
	key := in.tenant + "/" + in.id
	if h.inPage() && in.limits.Isolation == runtime.Pristine {
		key += "/page" // somebody waits for a page, and not behind all that is delivered meanwhile
	}
	return key
}

// worth returns how much a call may compute that may take so long: four fifths of
// it. So what spins is out of fuel before it is out of time, and blamed for it, where
// the machine is not busy with others.
func worth(d time.Duration) time.Duration { return d / 5 * 4 }

// inPage reports whether people call the hook in a page, with what they enter and
// as often as they like. Such a hook is left alone by itself when it fails: if that
// suspended the extension, with all else that it does for the tenant, any of them
// could switch off a check of the school.
func (h Hook) inPage() bool { return h.s.kind == SlotKind || h.s.kind == ActionKind }

// fuel returns what so much computing is worth here.
func (r *Registry) fuel(work time.Duration) uint64 {
	return uint64(work.Seconds() * float64(r.cfg.Runtime.FuelPerSecond()))
}

// verdict tells the breaker how a call ended, and returns that in a word.
func (h Hook) verdict(probe, failed bool, err error, trace string) string {
	switch {
	case err == nil:
		h.r.breaker.succeeded(h.breaker(), probe)
		return "ok"
	case failed:
		h.r.logs.add(h.s.inst, h.s.export, levelError, err.Error(), trace, framesOf(err)...)
		if reason, suspend := h.r.breaker.failed(h.breaker(), probe, h.inPage(), err); suspend {
			h.r.suspend(h.s.inst, reason)
		}
		return "failed"
	}
	if errors.Is(err, runtime.ErrAnswer) {
		level := levelError
		if !h.couldNot(err) {
			level = levelInfo
		}
		h.r.logs.add(h.s.inst, h.s.export, level, fmt.Sprintf("%v (answered as %s)", err, trellis.KindOf(err)), trace)
	}
	// The guest said so and works, or was not to blame.
	h.r.breaker.cancelled(h.breaker(), probe)
	return "error"
}

// couldNot reports whether err is an error that the guest answered with, by which it
// did not do what it was asked. In an action such an error may be meant for the person
// who asked: that is an answer like any other.
func (h Hook) couldNot(err error) bool {
	if !errors.Is(err, runtime.ErrAnswer) {
		return false
	}
	kind := trellis.KindOf(err)
	return h.s.kind != ActionKind || kind == trellis.Unavailable || kind == trellis.Internal
}

// breaker names the hook's breaker: another version has another.
func (h Hook) breaker() string { return h.s.breaker }

// broken reports whether an error is the guest's own failure.
func broken(err error) bool {
	return slices.ContainsFunc([]error{runtime.ErrFuel, runtime.ErrTime, runtime.ErrMemory, runtime.ErrTrap, runtime.ErrOutput}, func(e error) bool { return errors.Is(err, e) })
}
