package delivery

import (
	"context"

	"github.com/trellis-learning/trellis/hostapi"
)

// Operations returns the operations on deliveries that failed.
func (l *Ledger) Operations() []hostapi.Operation {
	whole := func(in ByID) hostapi.Scope { return hostapi.Scope{Thing: in.ID} }
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "deliveries.list", Permission: "deliveries:read", Doors: hostapi.HTTP("GET", "/api/v1/deliveries"),
			Doc: "Deliveries of events that fail, wait behind a failing one, or were given up."},
			func(Query) hostapi.Scope { return hostapi.Scope{} }, l.List),
		hostapi.Define(hostapi.Spec{Name: "deliveries.get", Permission: "deliveries:read", Doors: hostapi.HTTP("GET", "/api/v1/deliveries/:id"),
			Doc: "A delivery, with what is sent."}, whole, func(ctx context.Context, in ByID) (Letter, error) { return l.Get(ctx, in.ID) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.retry", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/deliveries/:id/retry"),
			Doc: "Sends a delivery again, at once, as it was or with other data."},
			func(in Send) hostapi.Scope { return hostapi.Scope{Thing: in.ID} }, func(ctx context.Context, in Send) (Row, error) { return l.Retry(ctx, in.ID, in.Data) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.discard", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/deliveries/:id"),
			Doc: "Drops a delivery that was given up. deliveries.restore brings it back within a week."}, whole, func(ctx context.Context, in ByID) (Row, error) { return l.Discard(ctx, in.ID) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.causes", Permission: "deliveries:read", Doors: hostapi.HTTP("GET", "/api/v1/deliveries/causes"),
			Doc: "What deliveries are stuck for, and how many for each."},
			func(struct{}) hostapi.Scope { return hostapi.Scope{} }, func(ctx context.Context, _ struct{}) (Causes, error) { return l.Causes(ctx) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.retry_all", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/deliveries/retry"),
			Doc: "Sends deliveries of one cause again that were given up, 50 a second, at most 1,000 at a time."},
			func(in Of) hostapi.Scope { return hostapi.Scope{Thing: in.Subscriber + " " + in.Type} }, l.RetryAll),
		hostapi.Define(hostapi.Spec{Name: "deliveries.batches", Permission: "deliveries:read", Doors: hostapi.HTTP("GET", "/api/v1/deliveries/batches"),
			Doc: "What deliveries.retry_all sends again and has not tried yet."},
			func(struct{}) hostapi.Scope { return hostapi.Scope{} }, func(ctx context.Context, _ struct{}) (Batches, error) { return l.Batches(ctx) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.cancel", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/deliveries/cancel"),
			Doc: "Takes back what deliveries.retry_all sends again, as far as it was not tried."},
			func(in Resent) hostapi.Scope { return hostapi.Scope{Thing: in.Batch} }, l.Cancel),
		hostapi.Define(hostapi.Spec{Name: "deliveries.standing", Permission: "deliveries:read", Doors: hostapi.HTTP("GET", "/api/v1/deliveries/standing"),
			Doc: "How many deliveries were given up, since when the oldest waits, and for how many the event is kept beside the log."},
			func(struct{}) hostapi.Scope { return hostapi.Scope{} }, func(ctx context.Context, _ struct{}) (Standing, error) { return l.Standing(ctx) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.discard_all", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/deliveries/discard"),
			Doc: "Drops deliveries of one cause that were given up, at most 1,000 at a time."},
			func(in Of) hostapi.Scope { return hostapi.Scope{Thing: in.Subscriber + " " + in.Type} }, l.DiscardAll),
		hostapi.Define(hostapi.Spec{Name: "deliveries.restore", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/deliveries/restore"),
			Doc: "Brings back what was dropped within the last week."},
			func(in Dropped) hostapi.Scope { return hostapi.Scope{Thing: in.Batch} }, l.Restore),
	}
}
