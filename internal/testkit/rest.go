package testkit

import (
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/store"
)

// Rest waits until nothing goes on in the platform any more: all that has happened
// was delivered, noted as such, and not to be tried again; and no job is under way
// or due.
func (p *Platform) Rest(t testing.TB) {
	t.Helper()
	ctx := store.Platform(app.System(t.Context(), trellis.PlatformTenant))
	Eventually(t, "the platform to come to rest", func() bool {
		var left int
		head := p.DB.Log().Head()
		must(t, p.DB.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, `SELECT
				(SELECT COUNT(*) FROM delivery_marks WHERE position < ?) +
				(SELECT COUNT(*) FROM delivery_cursors) +
				(SELECT COUNT(*) FROM deliveries WHERE state <> 'dead') +
				(SELECT COUNT(*) FROM jobs WHERE state = 'running' OR state = 'queued' AND due <= ?)`,
				head, store.Micros(time.Now())).Scan(&left)
		}))
		return left == 0 && p.DB.Log().Head() == head
	})
}
