package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Standing says what waits for people. The log keeps its events, and all that came
// after them, until they are sent again or dropped, however old it may get otherwise.
type Standing struct {
	Dead   int        `json:"dead" doc:"Deliveries that were given up and wait for people."`
	Oldest *time.Time `json:"oldest,omitempty" doc:"When the oldest of their events happened."`
	Keeps  uint64     `json:"keeps" doc:"How many events the log keeps for the oldest: itself, and all that came after it."`
}

// Standing says how it stands with what was given up in the tenant of ctx.
func (l *Ledger) Standing(ctx context.Context) (Standing, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Standing{}, err
	}
	var out Standing
	var position int64
	var event string
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM deliveries WHERE tenant = ? AND state = 'dead'`, tenant).Scan(&out.Dead); err != nil || out.Dead == 0 {
			return err
		}
		err := tx.QueryRow(ctx, `SELECT position, event FROM deliveries WHERE tenant = ? AND state = 'dead' ORDER BY position LIMIT 1`, tenant).Scan(&position, &event)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || event == "" {
		return out, err
	}
	out.Keeps = l.db.Log().Head() + 1 - uint64(position)
	e, err := l.db.Log().Event(store.Platform(ctx), event)
	switch {
	case trellis.KindOf(err) == trellis.NotFound: // it is no longer kept
		return out, nil
	case err != nil:
		return Standing{}, err
	}
	out.Oldest = &e.Time
	return out, nil
}
