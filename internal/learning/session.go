package learning

import (
	"context"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// EndSessions ends every session of the person who acts, the present one among
// them: on this node at once, on the others within a second. Tokens that she has
// made stay.
func (l *Learning) EndSessions(ctx context.Context) error {
	actor := trellis.ActorFrom(ctx)
	if actor.Kind != trellis.PersonActor || actor.Scopes != nil {
		return trellis.Errorf(trellis.Denied, "a person ends her own sessions, with a token that is not narrowed")
	}
	ctx = atHome(ctx)
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tokens SET revoked = 1 WHERE tenant = ? AND person = ? AND name = ?`, tenant, actor.ID, sessionName)
		return err
	}))
	l.changed(watchedPerson(actor.ID))
	return err
}

// atHome is the context of somebody who acts upon her own account: that of an
// operator is the platform's, whichever tenant she is looking after.
func atHome(ctx context.Context) context.Context {
	actor := trellis.ActorFrom(ctx)
	if actor.Is(trellis.RoleOperator) {
		actor.Tenant = trellis.PlatformTenant
	}
	return trellis.WithActor(ctx, actor)
}
