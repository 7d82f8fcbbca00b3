package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Standing says what waits for people. Its events are kept until they are sent again or
// dropped: in the log for as long as it reaches back, and then beside it.
type Standing struct {
	Dead   int        `json:"dead" doc:"Deliveries that were given up and wait for people."`
	Oldest *time.Time `json:"oldest,omitempty" doc:"When the oldest of their events happened."`
	Keeps  uint64     `json:"keeps" doc:"Always 0: the log is no longer kept for what was given up."`
	Kept   int        `json:"kept" doc:"How many of them are about events that the log need not keep any more, and that are kept for them beside it."`
}

// Standing says how it stands with what was given up in the tenant of ctx.
func (l *Ledger) Standing(ctx context.Context) (Standing, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Standing{}, err
	}
	var out Standing
	var first Row
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM deliveries WHERE tenant = ? AND state = 'dead'`, tenant).Scan(&out.Dead); err != nil || out.Dead == 0 {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM deliveries AS d WHERE tenant = ? AND state = 'dead' AND NOT `+notKept, tenant).Scan(&out.Kept); err != nil {
			return err
		}
		var err error
		first, err = scanRow(tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM deliveries WHERE tenant = ? AND state = 'dead' ORDER BY position LIMIT 1`, tenant))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || first.ID == "" {
		return out, err
	}
	e, err := l.event(ctx, first)
	switch {
	case trellis.KindOf(err) == trellis.NotFound: // the log lost it before it was kept
		return out, nil
	case err != nil:
		return Standing{}, err
	}
	out.Oldest = &e.Time
	return out, nil
}
