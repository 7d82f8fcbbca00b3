package extensions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
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

// Check reports what is wrong with the note that is to be written.
func (in Keep) Check() error {
	switch {
	case in.Key == "" || len(in.Key) > maxKey || !utf8.ValidString(in.Key) || strings.Contains(in.Key, "\x00"):
		return trellis.Errorf(trellis.Invalid, "key: 1 to %d bytes of UTF-8 without a zero", maxKey)
	case len(in.Person) > 64:
		return trellis.Errorf(trellis.Invalid, "person: an ID, of at most 64 bytes")
	case len(in.Value) == 0:
		return trellis.Errorf(trellis.Invalid, "value: absent")
	case len(in.Value) > maxValue:
		return trellis.Errorf(trellis.Exhausted, "value: %d bytes, of at most %d", len(in.Value), maxValue)
	}
	return nil
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
	if err == nil {
		err = in.Check()
	}
	if err != nil {
		return Version{}, err
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

// use counts what an installation keeps, and refuses more than it may. One that
// was removed while it ran keeps nothing any more.
func use(ctx context.Context, tx *store.Tx, tenant, installation string, keys, bytes int64) error {
	var present int
	err := tx.QueryRow(ctx, `SELECT 1 FROM installations WHERE tenant = ? AND id = ? AND state <> 'removed'`, tenant, installation).Scan(&present)
	if errors.Is(err, sql.ErrNoRows) {
		return trellis.Errorf(trellis.NotFound, "the extension was removed")
	}
	if err != nil {
		return err
	}
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
