package extensions

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Stopping says which extension is to be switched off for everybody.
type Stopping struct {
	ID     string `json:"id" doc:"ID of the extension."`
	Course string `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	Reason string `json:"reason,omitempty" doc:"Why, for those who see it: at most 500 characters."`
}

// Stop switches an installation off wherever it is enabled, at once on this node
// and within a second on the others: the kill switch. Where it is enabled, and with
// what, stays as it is for [Registry.Resume]. Unlike an extension that was suspended
// because it fails, one that was stopped refuses nobody: its filters are not asked.
// Only those who run the tenant may.
func (r *Registry) Stop(ctx context.Context, in Stopping) (Extension, error) {
	if err := sentence("reason", in.Reason); err != nil {
		return Extension{}, err
	}
	return r.throw(ctx, in, stopped)
}

// Resume lets an installation go on that was stopped: where it was enabled it is
// again, with the settings and permissions that it had.
func (r *Registry) Resume(ctx context.Context, id, course string) (Extension, error) {
	return r.throw(ctx, Stopping{ID: id, Course: course}, installed)
}

// throw throws the switch. What happens while an extension is stopped it does not
// hear of later.
func (r *Registry) throw(ctx context.Context, in Stopping, to string) (Extension, error) {
	if !runsTenant(ctx) {
		return Extension{}, trellis.Errorf(trellis.Denied, "those who run the tenant stop an extension for everybody; in a course its staff switch it off")
	}
	owner := Scope{Course: in.Course}
	target, err := r.ownedBy(ctx, in.ID, owner)
	if err != nil {
		return Extension{}, err
	}
	by, when, typ := trellis.ActorFrom(ctx).String(), store.Micros(time.Now()), Disabled
	if to == installed {
		by, when, typ = "", 0, Enabled
	}
	err = r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// Who stops one that is stopped already does not take the place of who did it.
		n, err := tx.Exec(ctx, `UPDATE installations SET state = ?, reason = ?, stopped_by = ?, stopped = ? WHERE tenant = ? AND id = ? AND (state = 'stopped') = ? AND state <> 'removed'`,
			to, in.Reason, by, when, target.tenant, target.id, to == installed)
		if err != nil || n == 0 {
			return err
		}
		if to == installed {
			if _, err := tx.Exec(ctx, `UPDATE enablements SET position = ? WHERE tenant = ? AND installation = ? AND state = 'on'`, int64(r.db.Log().Head()), target.tenant, target.id); err != nil {
				return err
			}
		}
		return typ.Emit(ctx, tx, "extensions/"+target.extension, LifePayload{
			Extension: target.extension, Installation: target.id, Version: target.version, Course: in.Course, Reason: in.Reason,
		})
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, in.ID, owner)
}

// Rejecting says no to what course staff asked for.
type Rejecting struct {
	ID     string `json:"id" doc:"ID of the extension."`
	Course string `json:"course,omitempty" doc:"Key of the course."`
	Reason string `json:"reason,omitempty" doc:"Why, for the course's staff to read: at most 500 characters."`
}

// sentence checks what somebody wrote for others to read.
func sentence(what, s string) error {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > 500 || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' }) {
		return trellis.Errorf(trellis.Invalid, "%s: at most 500 printable characters", what)
	}
	return nil
}
