package extensions

import (
	"context"
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// switchedOffBySame reports whether what is to be switched on was approved, and
// whoever wants it on has switched it off: that needs no second approval. What
// somebody else has switched off does.
func (r *Registry) switchedOffBySame(ctx context.Context, in *installation, e enablement) (bool, error) {
	present := in.courses[e.scope.Course]
	if present == nil || present.state != off || present.refusal != "" || present.askedBy != e.askedBy {
		return false, nil
	}
	var all approvals
	err := r.db.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = r.readApprovals(ctx, tx)
		return err
	})
	allowed := r.allowed(approvalKey{in.tenant, in.id, e.scope.Course, in.digest}, all)
	return !slices.ContainsFunc(r.beyond(in.tenant, e.allowed), func(p string) bool { return !slices.Contains(allowed, p) }), err
}

// Follow takes back what a course has decided about an extension of its tenant:
// what the tenant has decided holds there again, also for its settings.
func (r *Registry) Follow(ctx context.Context, id, course string) (Extension, error) {
	at := Scope{Course: course}
	target, err := r.find(ctx, id, at)
	if err != nil {
		return Extension{}, err
	}
	if course == "" || target.owner == at {
		return Extension{}, trellis.Errorf(trellis.Invalid, "a course follows its tenant in what belongs to the tenant: name a course, and an extension of the tenant")
	}
	err = r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM enablements WHERE tenant = ? AND installation = ? AND level = 'course' AND scope = ?`, target.tenant, target.id, course)
		if err != nil || n == 0 {
			return err
		}
		return Enabled.Emit(ctx, tx, "extensions/"+id, LifePayload{Extension: id, Installation: target.id, Version: target.version, Course: course})
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Find(ctx, id, at)
}
