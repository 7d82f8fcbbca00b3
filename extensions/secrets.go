package extensions

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// SecretInput names a secret and says what it is.
type SecretInput struct {
	ID     string `json:"id" doc:"ID of the extension."`
	Course string `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	Name   string `json:"name" doc:"Name of the secret, of those that the extension wants."`
	Value  Hidden `json:"value,omitempty" doc:"The secret. Nobody but the extension can read it afterwards; absent removes it."`
}

// Hidden is a text that is never printed.
type Hidden string

// String hides the text.
func (Hidden) String() string { return "[secret]" }

// GoString hides the text.
func (Hidden) GoString() string { return "[secret]" }

// SetSecret gives an extension a secret, or takes it away. It is sealed at rest,
// so that it opens for this installation and this name only.
func (r *Registry) SetSecret(ctx context.Context, in SecretInput) error {
	target, err := r.ownedBy(ctx, in.ID, Scope{Course: in.Course})
	if err != nil {
		return err
	}
	known := false
	for _, s := range target.manifest.Secrets {
		known = known || s.Name == in.Name
	}
	switch {
	case !known:
		return trellis.Errorf(trellis.Invalid, "%s wants no secret called %.80q", in.ID, in.Name)
	case len(in.Value) > maxValue:
		return trellis.Errorf(trellis.Invalid, "a secret has at most %d bytes", maxValue)
	}
	if in.Value == "" {
		return r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM extension_secrets WHERE tenant = ? AND installation = ? AND name = ?`, target.tenant, target.id, in.Name)
			return err
		}))
	}
	sealed, err := r.cfg.Key.Seal([]byte(in.Value), secretContext(target.tenant, target.id, in.Name))
	if err != nil {
		return err
	}
	return r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO extension_secrets (tenant, installation, name, sealed, updated)
			SELECT tenant, id, ?, ?, ? FROM installations WHERE tenant = ? AND id = ? AND state <> 'removed'
			ON CONFLICT (tenant, installation, name) DO UPDATE SET sealed = excluded.sealed, updated = excluded.updated`,
			in.Name, base64.StdEncoding.EncodeToString(sealed), store.Micros(time.Now()), target.tenant, target.id)
		return err
	}))
}

func secretContext(tenant, installation, name string) string {
	return "extension-secret/" + tenant + "/" + installation + "/" + name
}

// SecretName names a secret.
type SecretName struct {
	Name string `json:"name" doc:"Name of the secret, as the manifest has it."`
}

// SecretValue is a secret in the hands of the extension whose it is.
type SecretValue struct {
	Value string `json:"value" doc:"The secret."`
}

func (r *Registry) secretGet(ctx context.Context, in SecretName) (SecretValue, error) {
	tenant, c, err := caller(ctx)
	if err != nil {
		return SecretValue{}, err
	}
	var sealed string
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT sealed FROM extension_secrets WHERE tenant = ? AND installation = ? AND name = ?`, tenant, c.Installation, in.Name).Scan(&sealed)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return SecretValue{}, trellis.Errorf(trellis.NotFound, "the secret %.80q has not been set", in.Name)
	}
	if err != nil {
		return SecretValue{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return SecretValue{}, err
	}
	plain, err := r.cfg.Key.Unseal(raw, secretContext(tenant, c.Installation, in.Name))
	return SecretValue{string(plain)}, err
}
