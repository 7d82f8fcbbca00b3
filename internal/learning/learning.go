// Package learning holds the facts of the core (tenants, organisations, people,
// courses, enrolments, grades, completions, roles and tokens) and the operations
// that change them.
//
// Every writing operation has two halves. Prepare… asks the filters, validates
// what they left of the input and reads what it needs; it runs outside of any
// transaction. The change that it returns is applied in one: it looks again at
// the row, writes it and emits the event, or finds that nothing is left to do.
// So a job applies many changes, its checkpoint and its report together:
//
//	batch, err := core.Batch(ctx, learning.Keys{People: people, Courses: courses})
//	change, err := batch.PrepareEnroll(ctx, learning.Enroll{Person: p, Course: c, Mode: "audit"})
//	err = db.Write(ctx, change, checkpoint)
//
// and whoever has one change to make calls [Learning.Enroll]. Who may do what is
// checked at the doors (package hostapi), where the operations are declared.
package learning

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config is what the core is made of. DB is required.
type Config struct {
	DB      *store.DB
	Filters trellis.Filters // nil: everything passes
	Logger  *slog.Logger    // nil: silent
}

// Learning performs the operations of the core. It is safe for concurrent use.
type Learning struct {
	db      *store.DB
	filters trellis.Filters
	log     *slog.Logger
	hashing chan struct{} // a slot for each password that is hashed at once
	dummy   string        // hash to compare with where there is none, so that time tells nothing
	failed  throttle
	signUps throttle
	actors  actorCache
	watches watches
	tenants tenantCache
}

// New brings the core's tables up to date and returns it.
func New(ctx context.Context, cfg Config) (*Learning, error) {
	if cfg.Filters == nil {
		cfg.Filters = trellis.NoFilters{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := cfg.DB.Migrate(ctx, "learning", files); err != nil {
		return nil, fmt.Errorf("migrate the core: %w", err)
	}
	l := &Learning{db: cfg.DB, filters: cfg.Filters, log: cfg.Logger, hashing: make(chan struct{}, hashesAtOnce())}
	if l.dummy, err = l.hash(ctx, trellis.NewID()); err != nil {
		return nil, err
	}
	return l, nil
}

// Outcome is what a change turned out to be when it was applied.
type Outcome string

// The outcomes of a change.
const (
	Created   Outcome = "created"
	Changed   Outcome = "changed"
	Removed   Outcome = "removed"
	Unchanged Outcome = "unchanged" // it was so already; nothing was written or emitted
)

// now is the present, as precise as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// emission is the identity of the events that one change emits. It is fixed when
// the change is prepared: a change that is applied again, because the group that
// it was committed in was lost, emits the same events.
type emission struct{ id string }

func newEmission(ctx context.Context) emission { return emission{trellis.IDFrom(ctx)} }

// emit records e as the n-th event of the change and returns its ID.
func (m emission) emit(ctx context.Context, tx *store.Tx, n int, e trellis.Event, err error) (string, error) {
	if err != nil {
		return "", err
	}
	e.ID = m.of(n)
	return e.ID, tx.Emit(ctx, e)
}

func (m emission) of(n int) string {
	if n == 0 {
		return m.id
	}
	return trellis.DerivedID(m.id, fmt.Sprint(n))
}

// write applies one change of its own.
func (l *Learning) write(ctx context.Context, c store.Change) error { return l.db.Write(ctx, c) }

// tenantCache remembers for a second which host names and tenants there are.
type tenantCache struct {
	sync.Mutex
	hosts, names map[string]string
	until        time.Time
}
