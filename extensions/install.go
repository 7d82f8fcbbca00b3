package extensions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/runtime"
)

// Install installs a bundle, or a newer version of one that is installed, for
// the owner: the tenant, or a course. It enables it for nobody. A version that
// asks for more than the one that runs waits for consent, as does one that course
// staff would put in the place of one that was approved; any other takes effect at
// once where the one before was enabled.
func (r *Registry) Install(ctx context.Context, raw []byte, owner Scope) (Extension, error) {
	if err := owner.check(); err != nil {
		return Extension{}, err
	}
	b, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return Extension{}, err
	}
	signer, err := r.verify(ctx, b)
	if err != nil {
		return Extension{}, err
	}
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return Extension{}, err
	}
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Extension{}, err
	}
	digest := sha256.Sum256(raw)
	source := runtime.Source{
		ID: sourceID(hex.EncodeToString(digest[:])), Class: tenant, Key: owner.Course,
		Read: func(context.Context) ([]byte, error) { return b.Module, nil },
	}
	info, err := r.cfg.Runtime.Check(ctx, source, limits)
	if err != nil {
		return Extension{}, r.moduleFault(err)
	}
	if err := b.Manifest.CheckAgainst(info.Hooks, r.cfg.Known); err != nil {
		return Extension{}, err
	}
	if err := r.checkWork(b.Manifest); err != nil {
		return Extension{}, err
	}
	// Compiling here, in the child process, means that a server's start and the
	// first call only load what was compiled.
	mod, err := r.cfg.Runtime.Load(ctx, source, limits)
	if err != nil {
		return Extension{}, r.moduleFault(err)
	}
	defer func() { _ = mod.Close(context.WithoutCancel(ctx)) }()
	held, _, err := r.cfg.Blobs.Put(ctx, bytes.NewReader(raw), bundle.MaxSize)
	if err != nil {
		return Extension{}, err
	}
	store.AuditAbout(ctx, b.Manifest.ID+" "+b.Manifest.Version)
	c := &install{r: r, b: b, bundle: held, signer: signer, owner: owner, manifest: string(b.Files[bundle.ManifestFile])}
	if err := r.write(ctx, c.apply); err != nil {
		return Extension{}, err
	}
	if err := r.keepBundle(ctx, held, raw); err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, b.Manifest.ID, owner)
}

// moduleFault is what is wrong with a module, in words for whoever installs it.
func (r *Registry) moduleFault(err error) error {
	var over *runtime.LimitError
	if errors.As(err, &over) && r.cfg.Modules.Raise != nil {
		if how := r.cfg.Modules.Raise(over.Limit); how != "" {
			return trellis.Errorf(trellis.KindOf(err), "%s: %w; %s", bundle.ModuleFile, err, how)
		}
	}
	return trellis.Errorf(trellis.KindOf(err), "%s: %w", bundle.ModuleFile, err)
}

// keepBundle stores a bundle again if an uninstallation elsewhere of the same
// contents removed it before the database knew that somebody else has it.
func (r *Registry) keepBundle(ctx context.Context, digest string, raw []byte) error {
	f, err := r.cfg.Blobs.Get(ctx, digest)
	if trellis.KindOf(err) == trellis.NotFound {
		_, _, err = r.cfg.Blobs.Put(ctx, bytes.NewReader(raw), bundle.MaxSize)
		return err
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// install is a version on its way into the database.
type install struct {
	r                        *Registry
	b                        *bundle.Archive
	bundle, signer, manifest string
	owner                    Scope
}

// apply decides within the transaction whether it is the first version or another.
func (c *install) apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	m := c.b.Manifest
	if c.owner.Course != "" {
		var id string
		err := tx.QueryRow(ctx, `SELECT id FROM installations WHERE tenant = ? AND level = 'tenant' AND extension = ? AND state <> 'removed'`, tenant, m.ID).Scan(&id)
		if err == nil {
			return trellis.Errorf(trellis.Conflict, "%s belongs to the whole tenant already: enable that in the course", m.ID)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	present, err := installationByOwner(ctx, tx, tenant, m.ID, c.owner)
	if trellis.KindOf(err) == trellis.NotFound {
		return c.first(ctx, tx, tenant)
	}
	if err != nil {
		return err
	}
	return c.next(ctx, tx, tenant, present)
}

// first makes a new installation.
func (c *install) first(ctx context.Context, tx *store.Tx, tenant string) error {
	if err := c.stayedAway(ctx, tx, tenant); err != nil {
		return err
	}
	m, id := c.b.Manifest, trellis.NewID()
	e, err := Installed.New(ctx, "extensions/"+m.ID, LifePayload{Extension: m.ID, Installation: id, Version: m.Version, Course: c.owner.Course})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO installations (tenant, id, extension, level, scope, version, previous, pending, state, reason, created, event)
		VALUES (?, ?, ?, ?, ?, ?, '', '', 'installed', '', ?, ?)`,
		tenant, id, m.ID, string(c.owner.Level()), c.owner.Course, m.Version, store.Micros(time.Now()), e.ID); err != nil {
		return err
	}
	if err := c.version(ctx, tx, tenant, id); err != nil {
		return err
	}
	return tx.Emit(ctx, e)
}

// next adds a version to an installation.
func (c *install) next(ctx context.Context, tx *store.Tx, tenant string, present installationRow) error {
	m := c.b.Manifest
	var digest string
	err := tx.QueryRow(ctx, `SELECT digest FROM extension_versions WHERE tenant = ? AND installation = ? AND version = ?`, tenant, present.id, m.Version).Scan(&digest)
	switch {
	case err == nil && digest == c.b.Digest && (present.version == m.Version || present.pending == m.Version):
		return nil // the same again
	case err == nil && digest != c.b.Digest:
		return trellis.Errorf(trellis.Conflict, "version %s of %s is installed with other contents: give a changed bundle another version", m.Version, m.ID)
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if bundle.CompareVersions(m.Version, present.version) < 0 {
		return trellis.Errorf(trellis.Conflict, "version %s of %s is older than %s, which runs: a rollback goes back one step", m.Version, m.ID, present.version)
	}
	if errors.Is(err, sql.ErrNoRows) {
		if err := c.version(ctx, tx, tenant, present.id); err != nil {
			return err
		}
	}
	old, err := manifestOf(ctx, tx, tenant, present.id, present.version)
	if err != nil {
		return err
	}
	rows, err := enablings(ctx, tx, present)
	if err != nil {
		return err
	}
	p := LifePayload{Extension: m.ID, Installation: present.id, Version: m.Version, Course: c.owner.Course}
	if p.Reason, err = c.r.waitsFor(ctx, present, old, m, rows); err != nil {
		return err
	}
	if p.Reason != "" {
		if _, err := tx.Exec(ctx, `UPDATE installations SET pending = ?, pending_reason = ? WHERE tenant = ? AND id = ?`, m.Version, p.Reason, tenant, present.id); err != nil {
			return err
		}
		return ConsentAsked.Emit(ctx, tx, "extensions/"+m.ID, p)
	}
	held, err := c.r.approved(ctx, tx, present, rows)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE installations SET version = ?, previous = version, pending = '' WHERE tenant = ? AND id = ?`, m.Version, tenant, present.id); err != nil {
		return err
	}
	if _, err := goOn(ctx, tx, tenant, present.id); err != nil {
		return err
	}
	if err := c.r.carry(ctx, tx, present, m.Version, rows, held); err != nil {
		return err
	}
	return Installed.Emit(ctx, tx, "extensions/"+m.ID, p)
}

// version notes the version and its bundle, whether it runs or waits.
func (c *install) version(ctx context.Context, tx *store.Tx, tenant, id string) error {
	_, err := tx.Exec(ctx, `INSERT INTO extension_versions (tenant, installation, version, digest, bundle, manifest, signer, installed, installed_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		tenant, id, c.b.Manifest.Version, c.b.Digest, c.bundle, c.manifest, c.signer, store.Micros(time.Now()), trellis.ActorFrom(ctx).String())
	return err
}

// Uninstall removes an extension with all that it kept: notes, secrets, grants,
// approvals, logs, and its versions with their bundles.
func (r *Registry) Uninstall(ctx context.Context, extension string, owner Scope) error {
	var bundles []string
	err := r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		in, err := r.owned(ctx, tx, extension, owner)
		if err != nil {
			return err
		}
		if err := in.held(ctx, extension); err != nil {
			return err
		}
		if bundles, err = lonelyBundles(ctx, tx, in); err != nil {
			return err
		}
		for _, stmt := range []string{
			`DELETE FROM extension_approvals WHERE tenant = ? AND installation = ?`,
			`DELETE FROM extension_versions WHERE tenant = ? AND installation = ?`,
			`DELETE FROM enablements WHERE tenant = ? AND installation = ?`,
			`DELETE FROM extension_kv WHERE tenant = ? AND installation = ?`,
			`DELETE FROM extension_kv_use WHERE tenant = ? AND installation = ?`,
			`DELETE FROM extension_secrets WHERE tenant = ? AND installation = ?`,
			`DELETE FROM extension_logs WHERE tenant = ? AND installation = ?`,
			`UPDATE installations SET state = 'removed' WHERE tenant = ? AND id = ?`,
		} {
			if _, err := tx.Exec(ctx, stmt, in.tenant, in.id); err != nil {
				return err
			}
		}
		return Uninstalled.Emit(ctx, tx, "extensions/"+extension, LifePayload{Extension: extension, Installation: in.id, Version: in.version, Course: owner.Course})
	})
	if err != nil {
		return err
	}
	for _, digest := range bundles {
		if err := r.cfg.Blobs.Delete(ctx, digest); err != nil {
			r.log.Warn("bundle not removed", "extension", extension, "digest", digest, "err", err)
		}
	}
	return nil
}

// lonelyBundles returns the bundles that no other installation has.
func lonelyBundles(ctx context.Context, tx *store.Tx, in installationRow) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT bundle FROM extension_versions AS own WHERE tenant = ? AND installation = ? AND NOT EXISTS
		(SELECT 1 FROM extension_versions AS other WHERE other.bundle = own.bundle AND (other.tenant <> own.tenant OR other.installation <> own.installation))`, in.tenant, in.id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var bundles []string
	for rows.Next() {
		var digest string
		if err := rows.Scan(&digest); err != nil {
			return nil, err
		}
		bundles = append(bundles, digest)
	}
	return bundles, rows.Err()
}

// installationRow is an installation as the database has it.
type installationRow struct {
	tenant, id, version, previous, pending, state string
}

// installationByOwner finds what an owner has of an extension; what was removed is
// [trellis.NotFound].
func installationByOwner(ctx context.Context, tx *store.Tx, tenant, extension string, owner Scope) (installationRow, error) {
	in := installationRow{tenant: tenant}
	err := tx.QueryRow(ctx, `SELECT id, version, previous, pending, state FROM installations
		WHERE tenant = ? AND level = ? AND scope = ? AND extension = ? AND state <> 'removed'`,
		tenant, string(owner.Level()), owner.Course, extension).Scan(&in.id, &in.version, &in.previous, &in.pending, &in.state)
	if errors.Is(err, sql.ErrNoRows) {
		return in, trellis.Errorf(trellis.NotFound, "%s is not installed in %s", extension, owner)
	}
	return in, err
}

// owned returns the installation that an owner has.
func (r *Registry) owned(ctx context.Context, tx *store.Tx, extension string, owner Scope) (installationRow, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return installationRow{}, err
	}
	return installationByOwner(ctx, tx, tenant, extension, owner)
}

// manifestOf returns the manifest of a version that is kept.
func manifestOf(ctx context.Context, tx *store.Tx, tenant, id, version string) (bundle.Manifest, error) {
	var raw string
	if err := tx.QueryRow(ctx, `SELECT manifest FROM extension_versions WHERE tenant = ? AND installation = ? AND version = ?`, tenant, id, version).Scan(&raw); err != nil {
		return bundle.Manifest{}, err
	}
	return bundle.ReadKept([]byte(raw))
}
