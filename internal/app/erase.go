package app

import (
	"context"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// erasers are those who keep something about people beside the core, which says by
// an event whom it has erased.
func (a *App) erasers() []trellis.Eraser {
	return []trellis.Eraser{a.Registry, a.DB.Log(), a.Ledger, a.Imports}
}

// forget follows what the core erases. An eraser that fails is asked again, with
// all others, as any delivery is repeated.
func (a *App) forget(ctx context.Context) error {
	return a.Bus.Consume(ctx, "erasure", learning.PersonErased.Name(), func(ctx context.Context, e trellis.Event) error {
		ctx = trellis.WithActor(ctx, trellis.Actor{Tenant: e.Tenant, ID: "erasure", Kind: trellis.SystemActor, OnBehalfOf: e.Actor})
		for _, eraser := range a.erasers() {
			if err := eraser.Erase(ctx, e.Person); err != nil {
				return err
			}
		}
		return nil
	})
}
