package extensions

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// Limits of what an installation keeps.
const (
	maxKey      = 256
	maxValue    = 64 << 10
	maxKeys     = 10_000
	maxKeepings = 10 << 20
)

// KeyInput names a note.
type KeyInput struct {
	Key string `json:"key" doc:"Name of the note: 1 to 256 bytes."`
}

// Value is a note.
type Value struct {
	Value   json.RawMessage `json:"value" doc:"The note, any JSON; null if there is none."`
	Version int64           `json:"version" doc:"Grows with each change; 0 if there is none."`
}

// Keep says which note is to be written.
type Keep struct {
	Key       string          `json:"key" doc:"Name of the note: 1 to 256 bytes."`
	Value     json.RawMessage `json:"value" doc:"The note, any JSON of at most 64 KiB."`
	IfVersion *int64          `json:"if_version,omitempty" doc:"Only if the note has this version; 0 for only if there is none."`
	Person    string          `json:"person,omitempty" doc:"ID of the person whom it is about, so that it goes when she does."`
}

// Version is the version of a note.
type Version struct {
	Version int64 `json:"version" doc:"The note's version now."`
}

// KeyList says which notes are wanted.
type KeyList struct {
	Prefix string `json:"prefix,omitempty" doc:"Only those whose names begin so."`
	After  string `json:"after,omitempty" doc:"The value of next in the answer before."`
	Limit  int    `json:"limit,omitempty" doc:"How many at most: 50 if absent, at most 200."`
}

// Note is a note with its name.
type Note struct {
	Key     string          `json:"key" doc:"Name of the note."`
	Value   json.RawMessage `json:"value" doc:"The note."`
	Version int64           `json:"version" doc:"Its version."`
}

// Notes is one page of notes.
type Notes struct {
	Items []Note `json:"items" doc:"The notes, by name."`
	Next  string `json:"next,omitempty" doc:"Give it as after to get the page that follows."`
}

// caller returns who keeps: the tenant and the installation that runs.
func caller(ctx context.Context) (tenant string, c hostapi.Caller, err error) {
	c, ok := hostapi.CallerFrom(ctx)
	if !ok {
		return "", c, trellis.Errorf(trellis.Denied, "only an extension keeps notes")
	}
	tenant, err = store.Tenant(ctx)
	return tenant, c, err
}

func (r *Registry) kvGet(ctx context.Context, in KeyInput) (Value, error) {
	tenant, c, err := caller(ctx)
	if err != nil {
		return Value{}, err
	}
	v := Value{Value: json.RawMessage("null")}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var raw string
		err := tx.QueryRow(ctx, `SELECT value, version FROM extension_kv WHERE tenant = ? AND installation = ? AND key = ?`, tenant, c.Installation, in.Key).Scan(&raw, &v.Version)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		v.Value = json.RawMessage(raw)
		return err
	})
	return v, err
}

func (r *Registry) kvSet(ctx context.Context, in Keep) (Version, error) {
	tenant, c, err := caller(ctx)
	if err != nil {
		return Version{}, err
	}
	switch {
	case in.Key == "" || len(in.Key) > maxKey || !utf8.ValidString(in.Key):
		return Version{}, trellis.Errorf(trellis.Invalid, "key: 1 to %d bytes of UTF-8", maxKey)
	case len(in.Value) == 0:
		return Version{}, trellis.Errorf(trellis.Invalid, "value: absent")
	case len(in.Value) > maxValue:
		return Version{}, trellis.Errorf(trellis.Exhausted, "value: %d bytes, of at most %d", len(in.Value), maxValue)
	}
	var version int64
	err = r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		var old string
		err := tx.QueryRow(ctx, `SELECT value, version FROM extension_kv WHERE tenant = ? AND installation = ? AND key = ?`, tenant, c.Installation, in.Key).Scan(&old, &version)
		known := err == nil
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if in.IfVersion != nil && *in.IfVersion != version {
			return trellis.Errorf(trellis.Conflict, "the note %q has version %d, not %d", in.Key, version, *in.IfVersion)
		}
		keys, bytes := int64(1), int64(len(in.Key)+len(in.Value))
		if known {
			keys, bytes = 0, int64(len(in.Value)-len(old))
		}
		if err := use(ctx, tx, tenant, c.Installation, keys, bytes); err != nil {
			return err
		}
		version++
		_, err = tx.Exec(ctx, `INSERT INTO extension_kv (tenant, installation, key, value, version, person) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (tenant, installation, key) DO UPDATE SET value = excluded.value, version = excluded.version, person = excluded.person`,
			tenant, c.Installation, in.Key, string(in.Value), version, in.Person)
		return err
	}))
	return Version{version}, err
}

// use counts what an installation keeps, and refuses more than it may.
func use(ctx context.Context, tx *store.Tx, tenant, installation string, keys, bytes int64) error {
	var n, size int64
	if err := tx.QueryRow(ctx, `INSERT INTO extension_kv_use (tenant, installation, keys, bytes) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, installation) DO UPDATE SET keys = extension_kv_use.keys + excluded.keys, bytes = extension_kv_use.bytes + excluded.bytes
		RETURNING keys, bytes`, tenant, installation, keys, bytes).Scan(&n, &size); err != nil {
		return err
	}
	switch {
	case keys > 0 && n > maxKeys:
		return trellis.Errorf(trellis.Exhausted, "an extension keeps at most %d notes", maxKeys)
	case bytes > 0 && size > maxKeepings:
		return trellis.Errorf(trellis.Exhausted, "an extension keeps at most %d bytes", maxKeepings)
	}
	return nil
}

func (r *Registry) kvDelete(ctx context.Context, in KeyInput) (Done, error) {
	tenant, c, err := caller(ctx)
	if err != nil {
		return Done{}, err
	}
	return Done{}, r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		var old string
		err := tx.QueryRow(ctx, `DELETE FROM extension_kv WHERE tenant = ? AND installation = ? AND key = ? RETURNING value`, tenant, c.Installation, in.Key).Scan(&old)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return use(ctx, tx, tenant, c.Installation, -1, -int64(len(in.Key)+len(old)))
	}))
}

func (r *Registry) kvList(ctx context.Context, in KeyList) (Notes, error) {
	tenant, c, err := caller(ctx)
	if err != nil {
		return Notes{}, err
	}
	if in.Limit == 0 {
		in.Limit = 50
	}
	if in.Limit < 0 || in.Limit > 200 {
		return Notes{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and 200")
	}
	out := Notes{Items: []Note{}}
	size := 0
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT key, value, version FROM extension_kv WHERE tenant = ? AND installation = ? AND key > ? AND key >= ? ORDER BY key LIMIT ?`,
			tenant, c.Installation, in.After, in.Prefix, in.Limit+1)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var n Note
			var raw string
			if err := rows.Scan(&n.Key, &raw, &n.Version); err != nil {
				return err
			}
			if !strings.HasPrefix(n.Key, in.Prefix) {
				return nil
			}
			size += len(raw)
			if len(out.Items) == in.Limit || size > 512<<10 && len(out.Items) > 0 {
				out.Next = out.Items[len(out.Items)-1].Key
				return nil
			}
			n.Value = json.RawMessage(raw)
			out.Items = append(out.Items, n)
		}
		return rows.Err()
	})
	return out, err
}

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
	target, _, err := r.find(ctx, in.ID, Scope{Course: in.Course})
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
		_, err := tx.Exec(ctx, `INSERT INTO extension_secrets (tenant, installation, name, sealed, updated) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (tenant, installation, name) DO UPDATE SET sealed = excluded.sealed, updated = excluded.updated`,
			target.tenant, target.id, in.Name, base64.StdEncoding.EncodeToString(sealed), store.Micros(time.Now()))
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
