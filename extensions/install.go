package extensions

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/runtime"
)

// Install installs a bundle, or a newer version of one that is installed, for
// the owner: the tenant, or a course. It enables it for nobody. A version that
// asks for more than the one that runs waits for consent; one that does not takes
// effect at once where the one before was enabled.
func (r *Registry) Install(ctx context.Context, raw []byte, owner Scope) (Extension, error) {
	b, err := ReadBundle(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return Extension{}, err
	}
	signer, key, err := r.verify(ctx, b)
	if err != nil {
		return Extension{}, err
	}
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return Extension{}, err
	}
	info, err := runtime.Check(b.Module, limits)
	if err != nil {
		return Extension{}, trellis.Errorf(trellis.KindOf(err), "%s: %w", moduleFile, err)
	}
	if err := b.Manifest.CheckAgainst(info.Hooks, r.cfg.Known); err != nil {
		return Extension{}, err
	}
	// Compiling here, in the child process, means that a server's start and the
	// first call only load what was compiled.
	mod, err := r.cfg.Runtime.Compile(ctx, b.Module, limits)
	if err != nil {
		return Extension{}, trellis.Errorf(trellis.KindOf(err), "%s: %w", moduleFile, err)
	}
	defer func() { _ = mod.Close(context.WithoutCancel(ctx)) }()
	bundle, _, err := r.cfg.Blobs.Put(ctx, bytes.NewReader(raw), MaxBundle)
	if err != nil {
		return Extension{}, err
	}
	c := &install{b: b, bundle: bundle, signer: signer, key: key, owner: owner, manifest: string(b.Files[manifestFile])}
	if err := r.write(ctx, c.apply); err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, b.Manifest.ID, owner)
}

// verify checks a signature and that its key is trusted for the publisher.
func (r *Registry) verify(ctx context.Context, b *Bundle) (signer string, key ed25519.PublicKey, err error) {
	if b.Signature == nil {
		if !r.cfg.Unsigned {
			return "", nil, trellis.Errorf(trellis.Denied, "the bundle is not signed, and this platform takes signed ones only")
		}
		return "", nil, nil
	}
	if key, err = b.Verify(); err != nil {
		return "", nil, err
	}
	trusted, err := r.keyOf(ctx, b.Manifest.Publisher())
	switch {
	case trellis.KindOf(err) == trellis.NotFound && !r.cfg.Unsigned:
		return "", nil, trellis.Errorf(trellis.Denied, "nobody has said that the key %s of %s is to be trusted", Fingerprint(key), b.Manifest.Publisher())
	case trellis.KindOf(err) == trellis.NotFound:
		return "", nil, nil // as good as unsigned, which is taken here
	case err != nil:
		return "", nil, err
	case !trusted.Equal(key):
		return "", nil, trellis.Errorf(trellis.Denied, "%s is bound to the key %s, but this bundle is signed with %s", b.Manifest.Publisher(), Fingerprint(trusted), Fingerprint(key))
	}
	return Fingerprint(key), key, nil
}

// install is a version on its way into the database.
type install struct {
	b                        *Bundle
	bundle, signer, manifest string
	key                      ed25519.PublicKey
	owner                    Scope
}

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
	switch {
	case trellis.KindOf(err) == trellis.NotFound:
		return c.first(ctx, tx, tenant)
	case err != nil:
		return err
	}
	return c.next(ctx, tx, tenant, present)
}

// first makes a new installation.
func (c *install) first(ctx context.Context, tx *store.Tx, tenant string) error {
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
	if compareVersions(m.Version, present.version) < 0 {
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
	p := LifePayload{Extension: m.ID, Installation: present.id, Version: m.Version, Course: c.owner.Course}
	if more := asksMore(old, m); more != "" {
		p.Reason = more
		if _, err := tx.Exec(ctx, `UPDATE installations SET pending = ? WHERE tenant = ? AND id = ?`, m.Version, tenant, present.id); err != nil {
			return err
		}
		return ConsentAsked.Emit(ctx, tx, "extensions/"+m.ID, p)
	}
	if _, err := tx.Exec(ctx, `UPDATE installations SET version = ?, previous = version, pending = '' WHERE tenant = ? AND id = ?`, m.Version, tenant, present.id); err != nil {
		return err
	}
	return Installed.Emit(ctx, tx, "extensions/"+m.ID, p)
}

func (c *install) version(ctx context.Context, tx *store.Tx, tenant, id string) error {
	_, err := tx.Exec(ctx, `INSERT INTO extension_versions (tenant, installation, version, digest, bundle, manifest, signer, installed, installed_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		tenant, id, c.b.Manifest.Version, c.b.Digest, c.bundle, c.manifest, c.signer, store.Micros(time.Now()), trellis.ActorFrom(ctx).String())
	return err
}

// asksMore says what a version asks for that the one before did not, or "".
func asksMore(old, next Manifest) string {
	for _, p := range next.Permissions {
		if !slices.Contains(old.Permissions, p) {
			return "it asks for the permission " + p
		}
	}
	for _, h := range next.Filters {
		if !slices.ContainsFunc(old.Filters, func(o FilterHook) bool { return o.On == h.On }) {
			return "it takes part in the filter " + h.On
		}
	}
	for _, h := range next.Events {
		if !slices.ContainsFunc(old.Events, func(o EventHook) bool { return o.On == h.On || trellis.MatchType(o.On, h.On) }) {
			return "it hears of " + h.On
		}
	}
	return ""
}

// Consent lets the version take effect that waits for it, with the permissions
// that are granted to it wherever the extension is enabled.
func (r *Registry) Consent(ctx context.Context, extension string, owner Scope, grants []string) (Extension, error) {
	err := r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		in, err := r.owned(ctx, tx, extension, owner)
		if err != nil {
			return err
		}
		if in.pending == "" {
			return trellis.Errorf(trellis.Conflict, "no version of %s waits for consent", extension)
		}
		m, err := manifestOf(ctx, tx, in.tenant, in.id, in.pending)
		if err != nil {
			return err
		}
		allowed, err := granted(m, grants)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE installations SET previous = version, version = pending, pending = '' WHERE tenant = ? AND id = ?`, in.tenant, in.id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE enablements SET grants = ? WHERE tenant = ? AND installation = ?`, encodeList(allowed), in.tenant, in.id); err != nil {
			return err
		}
		return Installed.Emit(ctx, tx, "extensions/"+extension, LifePayload{Extension: extension, Installation: in.id, Version: in.pending, Course: owner.Course})
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, extension, owner)
}

// Rollback brings the version back that ran before, one step.
func (r *Registry) Rollback(ctx context.Context, extension string, owner Scope) (Extension, error) {
	err := r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		in, err := r.owned(ctx, tx, extension, owner)
		if err != nil {
			return err
		}
		if in.previous == "" {
			return trellis.Errorf(trellis.Conflict, "there is no version of %s to go back to", extension)
		}
		if _, err := tx.Exec(ctx, `UPDATE installations SET version = previous, previous = '', pending = '' WHERE tenant = ? AND id = ?`, in.tenant, in.id); err != nil {
			return err
		}
		return RolledBack.Emit(ctx, tx, "extensions/"+extension, LifePayload{Extension: extension, Installation: in.id, Version: in.previous, Course: owner.Course})
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Get(ctx, extension, owner)
}

// Uninstall removes an extension with all that it kept: notes, secrets, grants
// and logs.
func (r *Registry) Uninstall(ctx context.Context, extension string, owner Scope) error {
	return r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		in, err := r.owned(ctx, tx, extension, owner)
		if err != nil {
			return err
		}
		for _, stmt := range []string{
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
}

// suspend switches an installation off because it failed again and again. It
// happens in the middle of somebody's deed, whose context it must not use: the
// deed's entry in the audit log would be recorded by this write.
func (r *Registry) suspend(in *installation, reason string) {
	r.log.Warn("extension suspended", "extension", in.extension, "installation", in.id, "tenant", in.tenant, "reason", reason)
	ctx := trellis.WithActor(context.Background(), trellis.Actor{Tenant: in.tenant, ID: "breaker", Kind: trellis.SystemActor})
	err := r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE installations SET state = 'suspended', reason = ? WHERE tenant = ? AND id = ? AND state = 'installed'`, reason, in.tenant, in.id)
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

// installationRow is an installation as the database has it.
type installationRow struct {
	tenant, id, version, previous, pending, state string
}

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

func manifestOf(ctx context.Context, tx *store.Tx, tenant, id, version string) (Manifest, error) {
	var raw string
	if err := tx.QueryRow(ctx, `SELECT manifest FROM extension_versions WHERE tenant = ? AND installation = ? AND version = ?`, tenant, id, version).Scan(&raw); err != nil {
		return Manifest{}, err
	}
	return ReadManifest([]byte(raw))
}

// Key is a publisher's key that is trusted.
type Key struct {
	Publisher   string    `json:"publisher" doc:"First half of the IDs of the publisher's extensions."`
	Key         string    `json:"key" doc:"Ed25519 public key, base64."`
	Fingerprint string    `json:"fingerprint" doc:"The key's short name."`
	Added       time.Time `json:"added" doc:"When it was trusted."`
}

// Trust binds a publisher to a key, for every tenant. Only operators may. A
// publisher that is bound to another key must be let go first.
func (r *Registry) Trust(ctx context.Context, publisher, key string) (Key, error) {
	if err := operator(ctx); err != nil {
		return Key{}, err
	}
	pub, err := ParsePublicKey(key)
	if err != nil {
		return Key{}, err
	}
	if !idPattern.MatchString(publisher + ".x") {
		return Key{}, trellis.Errorf(trellis.Invalid, "%.80q cannot be a publisher", publisher)
	}
	k := Key{Publisher: publisher, Key: base64.StdEncoding.EncodeToString(pub), Fingerprint: Fingerprint(pub), Added: time.Now().UTC().Truncate(time.Microsecond)}
	err = r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO trusted_keys (publisher, key, added, added_by) VALUES (?, ?, ?, ?)
			ON CONFLICT (publisher) DO UPDATE SET added_by = trusted_keys.added_by WHERE trusted_keys.key = excluded.key`,
			k.Publisher, k.Key, store.Micros(k.Added), trellis.ActorFrom(ctx).String())
		if err == nil && n == 0 {
			return trellis.Errorf(trellis.Conflict, "%s is bound to another key: remove that first", publisher)
		}
		return err
	}))
	return k, err
}

// Distrust lets go of a publisher's key. What is installed stays.
func (r *Registry) Distrust(ctx context.Context, publisher string) error {
	if err := operator(ctx); err != nil {
		return err
	}
	return r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM trusted_keys WHERE publisher = ?`, publisher)
		if err == nil && n == 0 {
			return trellis.Errorf(trellis.NotFound, "no key of %s is trusted", publisher)
		}
		return err
	}))
}

// Keys returns the keys that are trusted.
func (r *Registry) Keys(ctx context.Context) ([]Key, error) {
	keys := []Key{}
	err := r.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT publisher, key, added FROM trusted_keys ORDER BY publisher`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var k Key
			var added int64
			if err := rows.Scan(&k.Publisher, &k.Key, &added); err != nil {
				return err
			}
			if pub, err := ParsePublicKey(k.Key); err == nil {
				k.Fingerprint = Fingerprint(pub)
			}
			k.Added = store.FromMicros(added)
			keys = append(keys, k)
		}
		return rows.Err()
	})
	return keys, err
}

func (r *Registry) keyOf(ctx context.Context, publisher string) (ed25519.PublicKey, error) {
	var key string
	err := r.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT key FROM trusted_keys WHERE publisher = ?`, publisher).Scan(&key)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, trellis.Errorf(trellis.NotFound, "no key of %s is trusted", publisher)
	}
	if err != nil {
		return nil, err
	}
	return ParsePublicKey(key)
}

func operator(ctx context.Context) error {
	if a := trellis.ActorFrom(ctx); !a.Is(trellis.RoleOperator) && a.Kind != trellis.SystemActor {
		return trellis.Errorf(trellis.Denied, "only operators may")
	}
	return nil
}
