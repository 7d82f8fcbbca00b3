package extensions

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/runtime"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Modules says how the modules of extensions are held.
type Modules struct {
	// Raise says how an operator raises a limit, by its name in
	// [runtime.LimitError]; it is told to whoever exceeds it. Nothing is if nil.
	Raise func(limit string) string
	// Loaded is how many bytes of machine code and images are held at a time:
	// modules that were called longest ago are let go of, and loaded again when
	// they are called. 512 MiB if zero.
	Loaded int64
	// Work is how long a call of a schedule or a job may work at most, where the
	// manifest asks for it by limits.work. A minute if zero.
	Work time.Duration
	// Time is how long a call may take whose manifest says nothing of it. As long as
	// the runtime gives it if zero: 250 ms.
	Time time.Duration
}

func (m Modules) work() time.Duration { return cmp.Or(m.Work, usualWork) }

func (m Modules) loaded() int64 { return cmp.Or(m.Loaded, 512<<20) }

// Config is what a registry is made of.
type Config struct {
	DB          *store.DB
	Blobs       *blob.Store
	Key         *secret.Key
	Runtime     *runtime.Runtime
	Egress      *egress.Client
	Known       bundle.Known
	Unsigned    bool // whether bundles without a signature are taken
	Modules     Modules
	SelfService []string      // permissions that course staff may grant in their own courses, where a tenant has not its own set
	Poll        time.Duration // how often to look for changes by other nodes: 500 ms if zero
	Reads       PersonalReads // records what extensions were shown of people; nil: not recorded
	Logger      *slog.Logger
	Metrics     *metrics.Registry
}

// PersonalReads records that an extension was shown personal data.
type PersonalReads interface {
	PersonalRead(ctx context.Context, c hostapi.Caller, person, class string)
}

// PersonalRead records that a hook was shown personal data of a person.
func (r *Registry) PersonalRead(ctx context.Context, h Hook, person, class string) {
	if r.cfg.Reads != nil {
		r.cfg.Reads.PersonalRead(ctx, h.Caller(""), person, class)
	}
}

// Registry knows which extensions there are, where they are enabled and with
// what. Finding them takes no lock and no query. It is safe for concurrent use.
type Registry struct {
	cfg Config
	db  *store.DB
	log *slog.Logger

	now     atomic.Pointer[snapshot]
	sets    atomic.Pointer[map[string][]string] // of self-service, of tenants that have their own
	loading sync.Mutex
	modules modules
	logs    logBook
	breaker breakers
	usage   usage
	assets  shelf
	uploads uploads
	kick    chan struct{}
}

// New brings the registry's tables up to date and reads what is installed.
// Modules are loaded when they are first called.
func New(ctx context.Context, cfg Config) (*Registry, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Poll == 0 {
		cfg.Poll = 500 * time.Millisecond
	}
	for _, p := range cfg.SelfService {
		if !hostapi.Grantable(p) {
			return nil, trellis.Errorf(trellis.Invalid, "self-service: %q is not a permission that an extension may have", p)
		}
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := cfg.DB.Migrate(ctx, "extensions", files); err != nil {
		return nil, fmt.Errorf("migrate the registry: %w", err)
	}
	r := &Registry{cfg: cfg, db: cfg.DB, log: cfg.Logger, kick: make(chan struct{}, 1)}
	r.modules = modules{runtime: cfg.Runtime, blobs: cfg.Blobs, log: cfg.Logger, metrics: cfg.Metrics, bound: cfg.Modules.loaded(), byKey: map[moduleKey]*module{}}
	r.logs.db, r.logs.log = cfg.DB, cfg.Logger
	r.usage = usage{began: time.Now(), series: map[usageKey]*usageSeries{}}
	return r, r.reload(ctx)
}

// Run keeps what the registry knows up to date with other nodes, by their events
// from source, if there is one, and by looking at the database, so that a switch
// works when nothing else does. It returns when ctx is done.
func (r *Registry) Run(ctx context.Context, source trellis.Source) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	if source != nil {
		wg.Go(func() { r.follow(ctx, source) })
	}
	wg.Go(func() { r.logs.run(ctx) })
	wg.Go(func() { r.warm(ctx) })
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.kick:
		}
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("registry not refreshed", "err", err)
		}
	}
}

func (r *Registry) follow(ctx context.Context, source trellis.Source) {
	for ctx.Err() == nil {
		err := source.Follow(store.Platform(ctx), r.db.Log().Head(), "org.trellis.extension.*", func(context.Context, trellis.Event) error {
			select {
			case r.kick <- struct{}{}:
			default:
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			r.log.Warn("events of extensions not followed; the database is looked at all the same", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.cfg.Poll):
		}
	}
}

// Refresh reads everything again if anything has changed, on this node or another. Who
// has seen an event of an extension's life in the log, and refreshes, knows what it
// tells of: both were one transaction.
func (r *Registry) Refresh(ctx context.Context) error {
	var version int64
	err := r.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT value FROM registry_version WHERE name = 'extensions'`).Scan(&version)
	})
	if err != nil || version == r.now.Load().version {
		return err
	}
	return r.reload(ctx)
}

// reload reads everything.
func (r *Registry) reload(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	s, err := r.read(store.Platform(ctx))
	if err != nil {
		return fmt.Errorf("read extensions: %w", err)
	}
	if old := r.now.Swap(s); old != nil {
		r.forget(old, s)
		close(old.replaced)
	}
	r.modules.keep(s)
	return nil
}

// write applies a change to the registry, counts it, and makes it known on this
// node before it returns.
func (r *Registry) write(ctx context.Context, change func(ctx context.Context, tx *store.Tx) error) error {
	err := r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE registry_version SET value = value + 1 WHERE name = 'extensions'`)
		return err
	}))
	if err != nil {
		return err
	}
	return r.reload(context.WithoutCancel(ctx))
}

// Close lets go of the modules. The runtime stays open.
func (r *Registry) Close(ctx context.Context) error { return r.modules.close(ctx) }
