package extensions

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/store"
)

// enablings are the rows of an installation, as the database has them.
func enablings(ctx context.Context, tx *store.Tx, in installationRow) ([]enablement, error) {
	rows, err := tx.Query(ctx, `SELECT scope, state, settings, grants FROM enablements WHERE tenant = ? AND installation = ? ORDER BY scope`, in.tenant, in.id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []enablement
	for rows.Next() {
		var e enablement
		var settings, grants string
		if err := rows.Scan(&e.scope.Course, &e.state, &settings, &grants); err != nil {
			return nil, err
		}
		e.settings = json.RawMessage(settings)
		if err := json.Unmarshal([]byte(grants), &e.allowed); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// waitsFor says why a version of an installation must wait for consent, or "":
// because it asks for more, because the settings in force do not fit it, or
// because course staff would put another bundle in the place of one that was
// approved, or stopped.
func (r *Registry) waitsFor(ctx context.Context, in installationRow, old, next bundle.Manifest, rows []enablement) (string, error) {
	if more := next.MoreThan(old); more != "" {
		return more, nil
	}
	if in.held(ctx, next.ID) != nil {
		return "those who run the tenant have switched it off for everybody", nil
	}
	target := &installation{courses: map[string]*enablement{}}
	var err error
	if target.schema, err = bundle.ParseSettings(next.Settings); err != nil {
		return "", err
	}
	for i := range rows {
		e := &rows[i]
		if e.scope.Course == "" {
			target.whole = e // it comes first
		}
		if e.state == off {
			continue
		}
		if target.settle(e); e.fault != "" {
			return "the settings for " + e.scope.String() + " do not fit it: " + e.fault, nil
		}
		if more := r.beyond(in.tenant, e.allowed); e.scope.Course != "" && len(more) > 0 && !runsTenant(ctx) {
			return "those who run the tenant approve what may do this: " + bundle.Plainly(more), nil
		}
	}
	return "", nil
}

// approved returns those of an installation's rows that work in a course by an
// approval of the version that runs.
func (r *Registry) approved(ctx context.Context, tx *store.Tx, in installationRow, rows []enablement) (map[Scope]bool, error) {
	k := approvalKey{tenant: in.tenant, installation: in.id}
	if err := tx.QueryRow(ctx, `SELECT digest FROM extension_versions WHERE tenant = ? AND installation = ? AND version = ?`, in.tenant, in.id, in.version).Scan(&k.digest); err != nil {
		return nil, err
	}
	all, err := r.readApprovals(ctx, tx)
	if err != nil {
		return nil, err
	}
	held := map[Scope]bool{}
	for _, e := range rows {
		more := r.beyond(in.tenant, e.allowed)
		if e.scope.Course == "" || e.state != on || len(more) == 0 {
			continue
		}
		k.course = e.scope.Course
		allowed := r.allowed(k, all)
		held[e.scope] = !slices.ContainsFunc(more, func(p string) bool { return !slices.Contains(allowed, p) })
	}
	return held, nil
}

// carry lets the approvals of an installation's courses hold for another version
// as well, which somebody who runs the tenant has brought.
func (r *Registry) carry(ctx context.Context, tx *store.Tx, in installationRow, version string, rows []enablement, held map[Scope]bool) error {
	if !runsTenant(ctx) {
		return nil
	}
	for _, e := range rows {
		if within, ok := held[e.scope]; ok && !within || e.scope.Course == "" || e.state != on || len(r.beyond(in.tenant, e.allowed)) == 0 {
			continue // what was not approved is not by another version
		}
		if err := r.approve(ctx, tx, in.tenant, in.id, version, e.scope.Course, e.allowed); err != nil {
			return err
		}
	}
	return nil
}

// Consent lets the version take effect that waits for it. Of what it newly asks
// for, what is in grants is granted wherever the extension is enabled; what it
// had been granted before stays where it is in grants, and what somebody
// withheld in one place stays withheld there. Course staff may grant what lies
// within self-service. If the extension was suspended, it goes on.
func (r *Registry) Consent(ctx context.Context, extension string, owner Scope, grants []string) (Extension, error) {
	return r.consent(ctx, Consenting{ID: extension, Course: owner.Course, Grants: grants})
}

func (r *Registry) consent(ctx context.Context, c Consenting) (Extension, error) {
	extension, owner, grants := c.ID, Scope{Course: c.Course}, c.Grants
	err := r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		in, err := r.owned(ctx, tx, extension, owner)
		if err != nil {
			return err
		}
		if err := in.held(ctx, extension); err != nil {
			return err
		}
		if in.pending == "" {
			return trellis.Errorf(trellis.Conflict, "no version of %s waits for consent", extension)
		}
		if c.Version != "" && c.Version != in.pending {
			return trellis.Errorf(trellis.Conflict, "version %s of %s waits by now, not %.40s: look again", in.pending, extension, c.Version)
		}
		if err := c.seen(ctx, tx, in); err != nil {
			return err
		}
		old, err := manifestOf(ctx, tx, in.tenant, in.id, in.version)
		if err != nil {
			return err
		}
		next, err := manifestOf(ctx, tx, in.tenant, in.id, in.pending)
		if err != nil {
			return err
		}
		allowed, err := granted(next, grants)
		if err != nil {
			return err
		}
		if more := r.beyond(in.tenant, allowed); len(more) > 0 && !runsTenant(ctx) {
			return trellis.Errorf(trellis.Denied, "those who run the tenant grant this: %s", bundle.Plainly(more))
		}
		rows, err := enablings(ctx, tx, in)
		if err != nil {
			return err
		}
		held, err := r.approved(ctx, tx, in, rows)
		if err != nil {
			return err
		}
		for i := range rows {
			e := &rows[i]
			e.allowed = slices.DeleteFunc(slices.Clone(allowed), func(p string) bool {
				return slices.Contains(old.Permissions, p) && !slices.Contains(e.allowed, p)
			})
			if _, err := tx.Exec(ctx, `UPDATE enablements SET grants = ? WHERE tenant = ? AND installation = ? AND scope = ?`,
				encodeList(e.allowed), in.tenant, in.id, e.scope.Course); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE installations SET previous = version, version = pending, pending = '' WHERE tenant = ? AND id = ?`, in.tenant, in.id); err != nil {
			return err
		}
		if _, err := goOn(ctx, tx, in.tenant, in.id); err != nil {
			return err
		}
		if err := r.carry(ctx, tx, in, in.pending, rows, held); err != nil {
			return err
		}
		return Installed.Emit(ctx, tx, "extensions/"+extension, LifePayload{Extension: extension, Installation: in.id, Version: in.pending, Course: owner.Course})
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, extension, owner)
}

// seen checks that what waits is the bundle that was looked at.
func (c Consenting) seen(ctx context.Context, tx *store.Tx, in installationRow) error {
	if c.Digest == "" {
		return nil
	}
	var now string
	err := tx.QueryRow(ctx, `SELECT digest FROM extension_versions WHERE tenant = ? AND installation = ? AND version = ?`, in.tenant, in.id, in.pending).Scan(&now)
	if err == nil && now != c.Digest {
		return errChanged(c.ID)
	}
	return err
}

// Rollback brings the version back that ran before, one step. If
// the extension was suspended, it goes on.
func (r *Registry) Rollback(ctx context.Context, extension string, owner Scope) (Extension, error) {
	err := r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		in, err := r.owned(ctx, tx, extension, owner)
		if err != nil {
			return err
		}
		if err := in.held(ctx, extension); err != nil {
			return err
		}
		if in.previous == "" {
			return trellis.Errorf(trellis.Conflict, "there is no version of %s to go back to", extension)
		}
		rows, err := enablings(ctx, tx, in)
		if err != nil {
			return err
		}
		held, err := r.approved(ctx, tx, in, rows)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE installations SET version = previous, previous = '', pending = '' WHERE tenant = ? AND id = ?`, in.tenant, in.id); err != nil {
			return err
		}
		if _, err := goOn(ctx, tx, in.tenant, in.id); err != nil {
			return err
		}
		if err := r.carry(ctx, tx, in, in.previous, rows, held); err != nil {
			return err
		}
		return RolledBack.Emit(ctx, tx, "extensions/"+extension, LifePayload{Extension: extension, Installation: in.id, Version: in.previous, Course: owner.Course})
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, extension, owner)
}
