package extensions

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// How finely usage is counted, how far back, and of how many hooks at most.
const (
	usageStep    = 15 * time.Minute
	usageBuckets = 96 // a day
	usageHooks   = 4096
)

// usage counts what the hooks of installations do, on this node and since it has
// started. When more hooks are called than there is room for, the one that was
// called least recently is forgotten.
type usage struct {
	mu     sync.Mutex
	began  time.Time
	series map[usageKey]*usageSeries
}

type usageKey struct{ tenant, installation, kind, export string }

// usageSeries is a ring: the bucket of a time is found by its number.
type usageSeries struct {
	last    int64 // number of the newest bucket
	buckets [usageBuckets]usageBucket
}

type usageBucket struct {
	number        int64
	calls, errors uint64
	fuel          uint64
	time, longest time.Duration
}

// add counts a call.
func (u *usage) add(h Hook, failed bool, fuel uint64, took time.Duration, now time.Time) {
	in := h.s.inst
	k := usageKey{in.tenant, in.id, string(h.s.kind), h.s.export}
	n := now.UnixNano() / int64(usageStep)
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.series[k]
	if s == nil {
		if len(u.series) >= usageHooks {
			u.forget()
		}
		s = &usageSeries{}
		u.series[k] = s
	}
	s.last = max(s.last, n)
	b := &s.buckets[n%usageBuckets]
	if b.number != n {
		*b = usageBucket{number: n}
	}
	b.calls++
	if failed {
		b.errors++
	}
	b.fuel += fuel
	b.time += took
	b.longest = max(b.longest, took)
}

// forget makes room.
func (u *usage) forget() {
	var oldest usageKey
	var last int64
	for k, s := range u.series {
		if oldest == (usageKey{}) || s.last < last {
			oldest, last = k, s.last
		}
	}
	delete(u.series, oldest)
}

// Usage is what an extension did in the last day.
type Usage struct {
	Since time.Time   `json:"since" doc:"From when on this node has counted; what was before, and what other nodes did, is not here."`
	Step  int         `json:"step" doc:"Seconds that one number stands for."`
	Hooks []HookUsage `json:"hooks" doc:"What each hook did; those that were not called are absent."`
}

// HookUsage is what one hook of an extension did in the last day.
type HookUsage struct {
	Kind   string        `json:"kind" doc:"What kind of hook it is."`
	Export string        `json:"export" doc:"Export that was called."`
	Calls  []UsageBucket `json:"calls" doc:"What it did, a quarter of an hour each, oldest first; those without a call are absent."`
}

// UsageBucket is what a hook did in a quarter of an hour.
type UsageBucket struct {
	Time    time.Time     `json:"time" doc:"When the quarter began."`
	Calls   uint64        `json:"calls" doc:"How often it was called."`
	Errors  uint64        `json:"errors" doc:"How often it failed."`
	Fuel    uint64        `json:"fuel" doc:"How much work it did."`
	Took    time.Duration `json:"took_ns" doc:"How long it took altogether, in nanoseconds."`
	Longest time.Duration `json:"longest_ns" doc:"How long the longest call took, in nanoseconds."`
}

// Usage returns what an extension of an owner did in the last day, as far as this
// node has counted.
func (r *Registry) Usage(ctx context.Context, extension string, owner Scope) (Usage, error) {
	in, err := r.ownedBy(ctx, extension, owner)
	if err != nil {
		return Usage{}, err
	}
	return r.usage.of(in, time.Now()), nil
}

func (u *usage) of(in *installation, now time.Time) Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := Usage{Since: u.began.UTC(), Step: int(usageStep / time.Second), Hooks: []HookUsage{}}
	newest := now.UnixNano() / int64(usageStep)
	for k, s := range u.series {
		if k.tenant != in.tenant || k.installation != in.id {
			continue
		}
		h := HookUsage{Kind: k.kind, Export: k.export, Calls: []UsageBucket{}}
		for n := newest - usageBuckets + 1; n <= newest; n++ {
			if b := s.buckets[n%usageBuckets]; b.number == n && b.calls > 0 {
				h.Calls = append(h.Calls, UsageBucket{time.Unix(0, n*int64(usageStep)).UTC(), b.calls, b.errors, b.fuel, b.time, b.longest})
			}
		}
		if len(h.Calls) > 0 {
			out.Hooks = append(out.Hooks, h)
		}
	}
	slices.SortFunc(out.Hooks, func(a, b HookUsage) int { return strings.Compare(a.Kind+" "+a.Export, b.Kind+" "+b.Export) })
	return out
}
