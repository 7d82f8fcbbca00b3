package extensions

import (
	"context"
	"database/sql"
	"errors"
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

	digest string // of what is to go on
}

// Stop switches an installation off wherever it is enabled, at once on this node
// and within a second on the others: the kill switch. Where it is enabled, and with
// what, stays as it is for [Registry.Resume]. Unlike an extension that was suspended
// because it fails, one that was stopped refuses nobody: its filters are not asked.
// Only those who run the tenant may; until they resume it, course staff may neither
// remove it nor let another version of it run, and its log stays.
func (r *Registry) Stop(ctx context.Context, in Stopping) (Extension, error) {
	if err := sentence("reason", in.Reason); err != nil {
		return Extension{}, err
	}
	return r.throw(ctx, in, stopped)
}

// Resume lets an installation go on that was stopped: where it was enabled it is
// again, with the settings and permissions that it had.
func (r *Registry) Resume(ctx context.Context, id, course string) (Extension, error) {
	return r.resume(ctx, Resuming{ID: id, Course: course})
}

// Resuming says which extension is to go on.
type Resuming struct {
	ID     string `json:"id" doc:"ID of the extension."`
	Course string `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	Digest string `json:"digest,omitempty" doc:"SHA-256 of the files of the version that was looked at; if another bundle would run by now, it stays off."`
}

func (r *Registry) resume(ctx context.Context, in Resuming) (Extension, error) {
	return r.throw(ctx, Stopping{ID: in.ID, Course: in.Course, digest: in.Digest}, installed)
}

// held says whether an installation that was stopped is out of the hands of whoever
// acts: what those who run the tenant switched off for everybody, course staff do
// not bring back by another way, and do not remove what tells why.
func (in installationRow) held(ctx context.Context, extension string) error {
	if in.state != stopped || runsTenant(ctx) {
		return nil
	}
	return errHeld(extension)
}

func errHeld(extension string) error {
	return trellis.Errorf(trellis.Denied, "%s was switched off for everybody by those who run the tenant: ask them to change, remove or bring it", extension)
}

// stayedAway checks that course staff do not bring again what was stopped when it
// was removed, from their course or from the tenant.
func (c *install) stayedAway(ctx context.Context, tx *store.Tx, tenant string) error {
	if runsTenant(ctx) {
		return nil
	}
	var since int64
	err := tx.QueryRow(ctx, `SELECT stopped FROM installations WHERE tenant = ? AND extension = ? AND state = 'removed' AND scope IN ('', ?) ORDER BY id DESC LIMIT 1`,
		tenant, c.b.Manifest.ID, c.owner.Course).Scan(&since)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err == nil && since != 0:
		return errHeld(c.b.Manifest.ID)
	}
	return err
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
		if in.digest != "" {
			if target.digest != in.digest {
				return errChanged(in.ID)
			}
			if err := target.unchanged(ctx, tx); err != nil {
				return err
			}
		}
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
