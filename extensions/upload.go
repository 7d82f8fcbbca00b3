package extensions

import (
	"context"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Bounds of the bundles that this node takes in at once: each is held in memory until
// it is installed. What one tenant sends slowly leaves room for the others.
const (
	uploadsOfTenant = 4
	uploadsAtOnce   = 32
)

// uploads counts the bundles that are on their way.
type uploads struct {
	mu       sync.Mutex
	byTenant map[string]int
	total    int
}

// Uploading begins to take in a bundle for the tenant of ctx, before any of it is
// read; done ends it, when it is installed or refused. Where too many are on their
// way the error is [trellis.Exhausted], with the time to wait.
func (r *Registry) Uploading(ctx context.Context) (done func(), err error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	u := &r.uploads
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.byTenant[tenant] >= uploadsOfTenant:
		return nil, trellis.Exhaustedf(5*time.Second, "%d bundles are being taken in here already, and more have to wait: send this one again in a moment", uploadsOfTenant)
	case u.total >= uploadsAtOnce:
		return nil, trellis.Exhaustedf(5*time.Second, "so many bundles are being taken in that this one has to wait: send it again in a moment")
	}
	if u.byTenant == nil {
		u.byTenant = map[string]int{}
	}
	u.byTenant[tenant]++
	u.total++
	return sync.OnceFunc(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.byTenant[tenant]--; u.byTenant[tenant] == 0 {
			delete(u.byTenant, tenant)
		}
		u.total--
	}), nil
}
