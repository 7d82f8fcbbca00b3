package store

import (
	"context"

	"github.com/trellis-learning/trellis"
)

var _ trellis.Eraser = (*Log)(nil)

// Erase empties what extensions of the tenant of ctx said in their own events about
// a person. The platform's events have nothing to forget: they name a person by the
// ID alone. Copies on the bus go when their time is over.
func (l *Log) Erase(ctx context.Context, person string) error {
	tenant, err := Tenant(ctx)
	switch {
	case err != nil:
		return err
	case person == "":
		return trellis.Errorf(trellis.Invalid, "nobody is named")
	}
	err = l.db.Write(ctx, ChangeFunc(func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `UPDATE events SET data = '{}' WHERE tenant = ? AND person = ? AND source LIKE 'extension:%' AND data <> '{}'`, tenant, person)
		return err
	}))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring.clear() // it may have what the log no longer has
	return err
}
