package extensions

import (
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// NotCalled is the error of a call that did not come about: the extension is left
// alone for a while, its module could not be loaded, or no turn came. It says nothing
// about what the extension would have done.
type NotCalled struct {
	Until time.Time // when it is left alone no more, if that is known

	err error
}

func notCalled(until time.Time, err error) error { return &NotCalled{until, err} }

// Error says why it was not called.
func (e *NotCalled) Error() string { return e.err.Error() }

// Unwrap returns the error that has the kind.
func (e *NotCalled) Unwrap() error { return e.err }

// unbegun marks the error of a call that the guest has had no part in.
func unbegun(err error) error {
	if k := trellis.KindOf(err); broken(err) || errors.Is(err, runtime.ErrAnswer) || k != trellis.Exhausted && k != trellis.Unavailable {
		return err
	}
	return notCalled(time.Time{}, err)
}

// Held reports whether an event hook is to be left alone because its extension was
// suspended. What happens meanwhile it hears of when it goes on: it was not switched
// off because somebody wanted it so.
func (h Hook) Held() bool {
	t := h.r.now.Load().tenants[h.Tenant()]
	if t == nil {
		return false
	}
	in := t.byID[h.s.inst.id]
	return in != nil && in.state == suspended
}

// Held is [Hook.Held] of the event hook with this ID.
func (r *Registry) Held(tenant, id string) bool {
	if t := r.now.Load().tenants[tenant]; t != nil {
		for _, s := range t.events {
			if s.id == id {
				return s.inst.state == suspended
			}
		}
	}
	return false
}
