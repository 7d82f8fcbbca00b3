package store

import (
	"context"

	"github.com/trellis-learning/trellis"
)

type contextKey int

const (
	platformKey contextKey = iota
	writingKey
	auditKey
)

// Platform returns a context that may read and write across tenants. It is the
// only door: relay, delivery, leases, jobs and operators use it, and a test
// lists them.
func Platform(ctx context.Context) context.Context {
	return context.WithValue(ctx, platformKey, true)
}

// IsPlatform reports whether ctx may act across tenants.
func IsPlatform(ctx context.Context) bool {
	ok, _ := ctx.Value(platformKey).(bool)
	return ok
}

// Tenant returns the tenant of the actor of ctx. Nobody's is [trellis.Denied].
func Tenant(ctx context.Context) (string, error) {
	if t := trellis.ActorFrom(ctx).Tenant; t != "" {
		return t, nil
	}
	return "", trellis.Errorf(trellis.Denied, "nobody acts here, so there is no tenant")
}
