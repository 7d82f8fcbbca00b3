package hostapi

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/trellis-learning/trellis"
)

// Grant is a permission that an installation was given, and where.
type Grant struct {
	Permission   string `json:"permission"`
	Organisation string `json:"organisation,omitempty"`
	Course       string `json:"course,omitempty"`
}

// Caller is the extension that is running, in a context.
type Caller struct {
	Installation string // its ID
	Extension    string // ID of the extension
	Hook         string // which of its exports runs
	Grants       []Grant
	Filter       bool            // it decides about something, or shows something: it may change nothing
	Seed         string          // ID of the event that is delivered to it: its effects get derived IDs
	Settings     json.RawMessage // effective where it runs
}

type contextKey int

const callerKey contextKey = iota

// running is one run of an extension.
type running struct {
	Caller
	mu      sync.Mutex
	effects map[string]int // by operation: how many calls may have had one
}

// WithCaller returns a context in which an extension runs. Each run needs one of
// its own: the identifiers of its effects are counted in it.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey, &running{Caller: c, effects: map[string]int{}})
}

// CallerFrom returns the extension that runs in ctx.
func CallerFrom(ctx context.Context) (Caller, bool) {
	r, ok := ctx.Value(callerKey).(*running)
	if !ok {
		return Caller{}, false
	}
	return r.Caller, true
}

// derived returns a context in which identifiers come from the event that is
// delivered, the operation, and how many calls of it came before; in a run that
// delivers no event it returns ctx. The caller must call settle with the error
// that the operation ended with.
//
// A call that certainly had no effect does not count: a guest that tries again
// after it was told to wait must get the identifier that it gets when the
// delivery is repeated and the first attempt succeeds. One that may have had an
// effect counts, for otherwise the guest's next call could be taken for it.
func derived(ctx context.Context, operation string) (_ context.Context, settle func(error)) {
	r, ok := ctx.Value(callerKey).(*running)
	if !ok || r.Seed == "" {
		return ctx, func(error) {}
	}
	r.mu.Lock()
	r.effects[operation]++
	n := r.effects[operation]
	r.mu.Unlock()
	settle = func(err error) {
		switch trellis.KindOf(err) {
		case "", trellis.Unavailable, trellis.Internal:
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.effects[operation] == n {
			r.effects[operation]--
		}
	}
	return trellis.WithIDs(ctx, r.Seed, r.Installation, r.Hook, operation, strconv.Itoa(n)), settle
}
