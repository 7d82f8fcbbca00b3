package extensions

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// wish is a module that somebody will wait for when a hook of it is called.
type wish struct {
	in   *installation
	when time.Time // of the latest switch that wants it
}

// warmPatience is how long warming one module may take before others have their turn:
// longer than compiling it may.
const warmPatience = 15 * time.Minute

// warm loads in the background what somebody will wait for: the extensions that are
// enabled and take part in filters or pages. Those that were switched on last come
// first, so that enabling loads at once; what was warmed is not warmed again, or two
// modules that do not fit into the bound together would drive each other out. It
// goes one by one and rests in between, and a call that comes earlier loads for
// itself. It returns when ctx is done.
func (r *Registry) warm(ctx context.Context) {
	warmed := map[moduleKey]time.Time{}
	for ctx.Err() == nil {
		s := r.now.Load()
		next := r.coldest(s, warmed)
		if next == nil {
			select {
			case <-ctx.Done():
			case <-s.replaced:
			}
			continue
		}
		warmed[moduleKey{next.in.bundle, next.in.limits}] = next.when
		began := time.Now()
		if _, done, err := r.modules.get(ctx, next.in, next.in.limits, warmPatience); err == nil {
			done()
		} else {
			r.log.Debug("module not warmed", "extension", next.in.extension, "err", err)
		}
		select { // half of the time is everybody else's
		case <-ctx.Done():
		case <-time.After(time.Since(began)):
		}
	}
}

// coldest returns what is to be warmed next, nil if nothing is.
func (r *Registry) coldest(s *snapshot, warmed map[moduleKey]time.Time) *wish {
	wishes := map[moduleKey]*wish{}
	for _, t := range s.tenants {
		for _, in := range t.all {
			when, ok := in.awaited()
			key := moduleKey{in.bundle, in.limits}
			if w := wishes[key]; ok && (w == nil || w.when.Before(when)) {
				wishes[key] = &wish{in, when}
			}
		}
	}
	for key := range warmed {
		if wishes[key] == nil {
			delete(warmed, key)
		}
	}
	var all []*wish
	full := r.modules.full()
	for key, w := range wishes {
		before, done := warmed[key]
		switchedOn := w.when.After(r.usage.began) // since this node began, so somebody will look at it now
		if done && before.Before(w.when) || !done && (switchedOn || !full) {
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return slices.MaxFunc(all, func(a, b *wish) int { return cmp.Or(a.when.Compare(b.when), cmp.Compare(b.in.id, a.in.id)) })
}

// awaited reports whether people wait for hooks of the installation somewhere, and
// when it was last switched on there.
func (in *installation) awaited() (when time.Time, ok bool) {
	if in.state != installed || len(in.manifest.Filters)+len(in.manifest.Slots) == 0 {
		return when, false
	}
	if e := in.whole; e != nil && e.state == on {
		when, ok = e.updated, true
	}
	for _, e := range in.courses {
		if e.state == on && (!ok || e.updated.After(when)) {
			when, ok = e.updated, true
		}
	}
	return when, ok
}

// full reports whether so much is loaded that what is warmed would drive out what
// is in use.
func (m *modules) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held > m.bound/4*3
}
