package runtime

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// explainers keeps the debug information of the modules that trapped last, as long
// as the budget of memory has room for it: it is what goes first.
type explainers struct {
	turns *gate // of those who read it
	held  *held // what it takes is counted there

	mu      sync.Mutex
	kept    []*explainer         // the last one was used last
	classes map[string]*readings // of those whose calls trapped
}

func newExplainers() explainers {
	return explainers{turns: newGate(1, false), classes: map[string]*readings{}}
}

type explainer struct {
	m      *Module
	once   sync.Once
	info   *debugInfo
	rest   *time.Timer // lets go of it
	weight int64       // of what is counted; guarded by the explainers' lock
}

const (
	maxExplainers = 4
	explainerRest = 5 * time.Minute // after which one is read anew

	explainPatience = 5 * time.Second // for a turn; without one there are numbers instead of names
)

// of returns the debug information of m, for a class.
func (x *explainers) of(m *Module, class string) *debugInfo {
	x.mu.Lock()
	var e *explainer
	if i := slices.IndexFunc(x.kept, func(e *explainer) bool { return e.m == m }); i >= 0 {
		e = x.kept[i]
		x.kept = slices.Delete(x.kept, i, i+1)
	} else if !m.explained.again(maxReadings) || !x.readingsOf(class).again(maxClassReadings) {
		x.mu.Unlock()
		return decodeDebug(nil)
	} else {
		e = &explainer{m: m, rest: time.AfterFunc(explainerRest, func() { x.forget(m) })}
	}
	if len(x.kept) == maxExplainers {
		x.drop(0)
	}
	x.kept = append(x.kept, e)
	x.mu.Unlock()
	e.once.Do(func() {
		data := m.debug.memory
		if m.debug.key != "" {
			data, _ = readBounded(m.rt.cache.file(m.debug.key, debugSuffix), maxDebug) // without it there are numbers
		}
		e.info = decodeDebug(data)
	})
	return e.info
}

// readings counts how often debug information was read, which may take as long as
// the guest may run: several modules that trap in turns would have it read each
// time. So are those of a class, which may have any number of modules. It is
// guarded by the explainers' lock.
type readings struct {
	since time.Time
	n     int
}

// How often debug information is read within explainerRest, for a module and for a
// class. After that there are numbers instead of names.
const (
	maxReadings      = 3
	maxClassReadings = 40
	maxClasses       = 1000 // that are remembered
)

// again counts one more, if there may be one.
func (r *readings) again(most int) bool {
	if r.over() {
		*r = readings{since: time.Now()}
	}
	r.n++
	return r.n <= most
}

func (r *readings) over() bool { return time.Since(r.since) >= explainerRest }

// readingsOf returns what a class has had read. What the platform starts by itself
// is built before, which takes longer and is bounded by turns of its own.
func (x *explainers) readingsOf(class string) *readings {
	r := x.classes[class]
	if r != nil && class != ours.class {
		return r
	}
	if len(x.classes) >= maxClasses {
		maps.DeleteFunc(x.classes, func(_ string, r *readings) bool { return r.over() })
	}
	if len(x.classes) >= maxClasses {
		clear(x.classes)
	}
	r = &readings{}
	x.classes[class] = r
	return r
}

// forget lets go of that of a module.
func (x *explainers) forget(m *Module) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := slices.IndexFunc(x.kept, func(e *explainer) bool { return e.m == m }); i >= 0 {
		x.drop(i)
	}
}

// drop lets go of the one at i.
func (x *explainers) drop(i int) {
	e := x.kept[i]
	e.rest.Stop() // it holds the module
	x.held.bytes.Add(-e.weight)
	x.kept = slices.Delete(x.kept, i, i+1)
}

// weigh notes what that of a module takes, if it is still kept.
func (x *explainers) weigh(m *Module) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := slices.IndexFunc(x.kept, func(e *explainer) bool { return e.m == m }); i >= 0 {
		e := x.kept[i]
		weight := e.info.size()
		x.held.bytes.Add(weight - e.weight)
		e.weight = weight
	}
}

// shed lets go of what was used longest ago, until all that is held is within goal.
func (x *explainers) shed(goal int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.kept) > 0 && x.held.bytes.Load() > goal {
		x.drop(0)
	}
}

// explain says of err, if it is a trap, what stands in the source where it was.
// That may take longer than the guest may run, so the guest's worker must have been
// given back. Traps take turns, as calls do.
func (m *Module) explain(ctx context.Context, at place, err error) {
	var t *Trap
	if !errors.As(err, &t) || len(t.spots) == 0 {
		return
	}
	info := decodeDebug(nil)
	if m.arrive() == nil {
		defer m.depart()
		turns := m.rt.explainers.turns
		if _, counted, err := turns.enter(ctx, at, explainPatience); err == nil {
			defer turns.leave(at, counted)
			info = m.rt.explainers.of(m, at.class)
			defer m.rt.shed()
			defer m.rt.explainers.weigh(m)
		}
	}
	t.Frames, t.spots = m.frames(info, t.spots), nil
}
