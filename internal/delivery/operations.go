package delivery

import (
	"context"

	"github.com/trellis-learning/trellis/hostapi"
)

// Operations returns the operations on deliveries that failed.
func (l *Ledger) Operations() []hostapi.Operation {
	whole := func(ByID) hostapi.Scope { return hostapi.Scope{} }
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "deliveries.list", Permission: "deliveries:read", Doors: hostapi.HTTP("GET", "/api/v1/deliveries"),
			Doc: "Deliveries of events that fail, wait behind a failing one, or were given up."},
			func(Query) hostapi.Scope { return hostapi.Scope{} }, l.List),
		hostapi.Define(hostapi.Spec{Name: "deliveries.get", Permission: "deliveries:read", Doors: hostapi.HTTP("GET", "/api/v1/deliveries/:id"),
			Doc: "A delivery, with what is sent."}, whole, func(ctx context.Context, in ByID) (Letter, error) { return l.Get(ctx, in.ID) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.retry", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/deliveries/:id/retry"),
			Doc: "Sends a delivery again, at once, as it was or with other data."},
			func(Send) hostapi.Scope { return hostapi.Scope{} }, func(ctx context.Context, in Send) (Row, error) { return l.Retry(ctx, in.ID, in.Data) }),
		hostapi.Define(hostapi.Spec{Name: "deliveries.discard", Permission: "deliveries:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/deliveries/:id"),
			Doc: "Gives up a delivery for good."}, whole, func(ctx context.Context, in ByID) (Row, error) { return l.Discard(ctx, in.ID) }),
	}
}
