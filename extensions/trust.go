package extensions

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/store"
)

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
	pub, err := bundle.ParsePublicKey(key)
	if err != nil {
		return Key{}, err
	}
	if err := bundle.CheckPublisher(publisher); err != nil {
		return Key{}, err
	}
	k := Key{Publisher: publisher, Key: base64.StdEncoding.EncodeToString(pub), Fingerprint: bundle.Fingerprint(pub), Added: time.Now().UTC().Truncate(time.Microsecond)}
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
			if pub, err := bundle.ParsePublicKey(k.Key); err == nil {
				k.Fingerprint = bundle.Fingerprint(pub)
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
	return bundle.ParsePublicKey(key)
}

func operator(ctx context.Context) error {
	if a := trellis.ActorFrom(ctx); !a.Is(trellis.RoleOperator) && a.Kind != trellis.SystemActor {
		return trellis.Errorf(trellis.Denied, "only operators may")
	}
	return nil
}

// verify checks a signature and that its key is trusted for the publisher, and
// returns the key's fingerprint, "" for what is as good as unsigned. A publisher
// that is bound to a key has nothing unsigned, whatever else is taken here:
// anybody could leave a signature off.
func (r *Registry) verify(ctx context.Context, b *bundle.Archive) (signer string, err error) {
	trusted, err := r.keyOf(ctx, b.Manifest.Publisher())
	if b.Signature == nil {
		switch {
		case !r.cfg.Unsigned:
			return "", trellis.Errorf(trellis.Denied, "the bundle is not signed, and this platform takes signed ones only")
		case trellis.KindOf(err) == trellis.NotFound:
			return "", nil
		case err != nil:
			return "", err
		}
		return "", trellis.Errorf(trellis.Denied, "the bundle is not signed, but %s is bound to the key %s", b.Manifest.Publisher(), bundle.Fingerprint(trusted))
	}
	key, broken := b.Verify()
	switch {
	case broken != nil:
		return "", broken
	case trellis.KindOf(err) == trellis.NotFound && !r.cfg.Unsigned:
		return "", trellis.Errorf(trellis.Denied, "nobody has said that the key %s of %s is to be trusted", bundle.Fingerprint(key), b.Manifest.Publisher())
	case trellis.KindOf(err) == trellis.NotFound:
		return "", nil // as good as unsigned, which is taken here
	case err != nil:
		return "", err
	case !trusted.Equal(key):
		return "", trellis.Errorf(trellis.Denied, "%s is bound to the key %s, but this bundle is signed with %s", b.Manifest.Publisher(), bundle.Fingerprint(trusted), bundle.Fingerprint(key))
	}
	return bundle.Fingerprint(key), nil
}
