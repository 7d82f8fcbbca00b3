package hostapi

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/trellis-learning/trellis"
)

// Quotas says how many calls one caller may make a second, and how many at once
// before that counts. A caller is an installation of an extension, or a person
// or service; the platform itself has no quota.
type Quotas struct {
	Reads, Writes float64 // a second: 500 and 100 if zero; negative for no limit
	Fetches       float64 // requests to outside hosts, a second: 10 if zero
	Burst         float64 // seconds' worth that may come at once: 4 if zero
}

type quotas struct {
	limits map[string]float64
	burst  float64
	mu     sync.Mutex
	used   map[string]*rate.Limiter
}

// maxCallers bounds the callers that are remembered. Beyond it all begin anew.
const maxCallers = 50_000

func newQuotas(q Quotas) *quotas {
	or := func(v, otherwise float64) float64 {
		if v == 0 {
			return otherwise
		}
		return v
	}
	return &quotas{
		limits: map[string]float64{"read": or(q.Reads, 500), "write": or(q.Writes, 100), "fetch": or(q.Fetches, 10), "denied": 2},
		burst:  or(q.Burst, 4), used: map[string]*rate.Limiter{},
	}
}

// take uses one call of the caller's quota for a class of operation.
func (q *quotas) take(ctx context.Context, s Spec) error {
	class := "read"
	switch {
	case s.Permission == "http:":
		class = "fetch"
	case s.Writes:
		class = "write"
	}
	if trellis.ActorFrom(ctx).Kind == trellis.SystemActor {
		if _, guest := CallerFrom(ctx); !guest {
			return nil
		}
	}
	l := q.limiter(ctx, class)
	if l == nil {
		return nil
	}
	r := l.Reserve()
	if wait := r.Delay(); wait > 0 {
		r.Cancel()
		return trellis.Exhaustedf(wait.Round(time.Millisecond)+time.Millisecond, "too many calls: the quota of %s operations is %g a second", class, q.limits[class])
	}
	return nil
}

// mayComplain bounds how many denied calls of one caller are recorded.
func (q *quotas) mayComplain(ctx context.Context) bool {
	l := q.limiter(ctx, "denied")
	return l == nil || l.Allow()
}

func (q *quotas) limiter(ctx context.Context, class string) *rate.Limiter {
	limit := q.limits[class]
	if limit < 0 {
		return nil
	}
	actor := trellis.ActorFrom(ctx)
	key := class + "\x00" + actor.Tenant + "\x00" + actor.String()
	if c, ok := CallerFrom(ctx); ok {
		key = class + "\x00" + actor.Tenant + "\x00" + c.Installation
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	l, ok := q.used[key]
	if !ok {
		if len(q.used) >= maxCallers {
			clear(q.used)
		}
		l = rate.NewLimiter(rate.Limit(limit), max(1, int(limit*q.burst)))
		q.used[key] = l
	}
	return l
}
