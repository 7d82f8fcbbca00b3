package extensions

import (
	"context"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

var _ trellis.Eraser = (*Registry)(nil)

// Erase forgets the notes that extensions of the tenant of ctx keep about a person.
// Notes that name nobody stay: an extension that keeps something about people says
// so with each note.
func (r *Registry) Erase(ctx context.Context, person string) error {
	tenant, err := store.Tenant(ctx)
	switch {
	case err != nil:
		return err
	case person == "":
		return trellis.Errorf(trellis.Invalid, "nobody is named")
	}
	return r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		type freed struct{ keys, bytes int64 }
		by := map[string]freed{}
		rows, err := tx.Query(ctx, `DELETE FROM extension_kv WHERE tenant = ? AND person = ? RETURNING installation, key, value`, tenant, person)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var installation, key, value string
			if err := rows.Scan(&installation, &key, &value); err != nil {
				return err
			}
			f := by[installation]
			by[installation] = freed{f.keys + 1, f.bytes + int64(len(key)+len(value))}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for installation, f := range by {
			if err := use(ctx, tx, tenant, installation, -f.keys, -f.bytes); err != nil && trellis.KindOf(err) != trellis.NotFound {
				return err
			}
		}
		return nil
	}))
}
