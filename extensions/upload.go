package extensions

import (
	"context"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// Bounds of the bundles that this node takes in at once: each is held in memory until
// it is installed. What somebody sends slowly leaves room for the others of the tenant,
// and what one tenant sends slowly for the other tenants. One of a tenant's is kept for
// those who may install for all of it: course staff alone shut no admin out.
const (
	uploadsOfActor  = 2
	uploadsOfTenant = 4
	uploadsAtOnce   = 32
)

// uploader is whoever of a tenant sends bundles; all of it is the one with no actor.
type uploader struct{ tenant, actor string }

// uploads counts the bundles that are on their way.
type uploads struct {
	mu    sync.Mutex
	by    map[uploader]int
	total int
}

// Uploading begins to take in a bundle for the tenant of ctx, before any of it is
// read; done ends it, when it is installed or refused. Where too many are on their
// way the error is [trellis.Exhausted], with the time to wait.
func (r *Registry) Uploading(ctx context.Context) (done func(), err error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	all, own := uploader{tenant: tenant}, uploader{tenant, trellis.ActorFrom(ctx).String()}
	most := uploadsOfTenant
	if !hostapi.ReachOf(ctx, "extensions:write").All() {
		most--
	}
	u := &r.uploads
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.by[own] >= uploadsOfActor:
		return nil, trellis.Exhaustedf(5*time.Second, "%d bundles of yours are being taken in already, and more have to wait: send this one again in a moment", uploadsOfActor)
	case u.by[all] >= most:
		return nil, trellis.Exhaustedf(5*time.Second, "%d bundles are being taken in here already, and more have to wait: send this one again in a moment", most)
	case u.total >= uploadsAtOnce:
		return nil, trellis.Exhaustedf(5*time.Second, "so many bundles are being taken in that this one has to wait: send it again in a moment")
	}
	if u.by == nil {
		u.by = map[uploader]int{}
	}
	u.by[own]++
	u.by[all]++
	u.total++
	return sync.OnceFunc(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		for _, who := range []uploader{own, all} {
			if u.by[who]--; u.by[who] == 0 {
				delete(u.by, who)
			}
		}
		u.total--
	}), nil
}
