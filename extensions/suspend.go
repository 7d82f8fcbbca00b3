package extensions

import (
	"context"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// suspend switches an installation off because it failed again and again, until
// a person enables it. It happens in the middle of somebody's deed, whose context
// it must not use: the deed's entry in the audit log would be recorded by this
// write.
func (r *Registry) suspend(in *installation, reason string) {
	r.log.Warn("extension suspended", "extension", in.extension, "installation", in.id, "tenant", in.tenant, "reason", reason)
	ctx := trellis.WithActor(context.Background(), trellis.Actor{Tenant: in.tenant, ID: "breaker", Kind: trellis.SystemActor})
	err := r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE installations SET state = 'suspended', reason = ?, suspended = ? WHERE tenant = ? AND id = ? AND state = 'installed' AND version = ?`,
			reason, store.Micros(time.Now()), in.tenant, in.id, in.version) // another version has not failed
		if err != nil || n == 0 {
			return err
		}
		if err := tx.Audit(ctx, store.Entry{Operation: "extensions.suspend", Installation: in.id, Target: in.extension}); err != nil {
			return err
		}
		return Suspended.Emit(ctx, tx, "extensions/"+in.extension, LifePayload{Extension: in.extension, Installation: in.id, Version: in.version, Course: in.owner.Course, Reason: reason})
	})
	if err != nil {
		r.log.Error("extension not suspended", "extension", in.extension, "err", err)
	}
}

// goOn lets an installation be called again if it was suspended, and reports how many
// that were (one or none): what failed no longer runs, or somebody wants it tried. One
// that was stopped stays so.
func goOn(ctx context.Context, tx *store.Tx, tenant, installation string) (int64, error) {
	return tx.Exec(ctx, `UPDATE installations SET state = 'installed', reason = '' WHERE tenant = ? AND id = ? AND state = 'suspended'`, tenant, installation)
}

// forget closes the breakers of installations of which another version runs now: it
// may have run before, and is tried anew. Every node does so when it hears of it.
func (r *Registry) forget(old, now *snapshot) {
	ran := map[string]string{}
	for _, t := range old.tenants {
		for _, in := range t.all {
			ran[in.id] = in.version
		}
	}
	for _, t := range now.tenants {
		for _, in := range t.all {
			if before, known := ran[in.id]; known && before != in.version {
				r.breaker.forget(in.tenant + "/" + in.id + "/")
			}
		}
	}
}
