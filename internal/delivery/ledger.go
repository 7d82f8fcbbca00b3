// Package delivery is the ledger of what the platform owes to those who
// subscribed to events: extensions, destinations, forwarding. It tails the event
// log and calls each subscriber at least once for each event, in order for each
// key, and keeps record only where something is not as it should be:
//
//   - a low-water mark per role and partition, stored every 100 ms: everything up
//     to it was delivered or has a row;
//   - a cursor for a subscriber that has fallen behind and reads the log at its
//     own pace, so that a slow one delays nobody;
//   - a row for each delivery that fails, is parked behind a failing one of its
//     key, or was given up: a dead letter, which people can read, edit and send
//     again.
//
// What is owed to one that is held ([Subscriber]) does not grow with what happens: a
// cursor for each of the 32 partitions at most, one event for each in memory, and the rows
// that it had before; its rows are looked at again every ten minutes at the least. One that
// is not held and fails has a row for each event that it fails with, until people send it
// again or discard it. Nothing bounds those but that one which goes on failing is held, or
// switched off; their events are copied when the log is trimmed ([Ledger.Keep]), so the
// log does not grow for them.
//
// Why nothing is lost, hand-over by hand-over. An event is in the log when its
// transaction is, at a position that no other gets, and positions are dense, so a reader
// that goes from one to the next passes none by. It is dispatched under the lock under
// which the reader moves on, so it is queued, or found later by the reader of a
// subscriber that is behind. It leaves a queue only when it was delivered, or has a row.
// A mark is the least of what the queues still have, and is stored in one transaction
// with the cursors of those that it does not wait for, under the partition's fence; so a
// kill at any moment leaves each event behind a mark, behind a cursor, or in a row, and
// whoever takes the partition over begins there. A role's marks are made all at once,
// before the first of its partitions is taken. What is not done within a lease is not
// noted either: the fence refuses it, and the next holder does it again.
//
// A crash repeats what was delivered after the last mark. What a subscriber
// emits or enqueues in a delivery has identifiers derived from the event, so a
// repeat adds nothing ([trellis.WithIDs]).
package delivery

import (
	"context"
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Partitions is how many parts the keys of events are divided into. Order holds
// within a key, so parts can be worked on side by side and on several nodes.
const Partitions = 32

// Partition returns the part that key belongs to. It is the same for ever.
func Partition(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32() % Partitions)
}

// Delivery is an event on its way to a subscriber.
type Delivery struct {
	Event   trellis.Event
	Attempt int // 1 for the first
}

// Subscriber is whoever is to hear of events.
type Subscriber struct {
	ID      string // stable: "<installation>/<hook>"
	Tenant  string
	From    uint64 // position of its enabling: nothing at or before it is delivered
	Deliver func(ctx context.Context, d Delivery) error
	// Held reports whether it is to be left alone for now, such as one that was taken
	// off because it fails. It keeps its place in the log and hears of everything
	// later, as far back as the log then reaches. It must be quick. Never, if nil.
	Held func() bool
}

// Role is a kind of subscribers: one reader of the log serves all of them.
type Role struct {
	Name string
	// Subscribers returns who is to get e. It is called for every event and must be quick.
	Subscribers func(ctx context.Context, e trellis.Event) []Subscriber
	// Lookup finds a subscriber again, for what is owed to it from before. One
	// that is gone is owed nothing.
	Lookup func(ctx context.Context, tenant, id string) (Subscriber, bool)
	// Patience is how old an event may get while its delivery is postponed
	// ([Postpone]): after that each time counts as an attempt, so that nothing is owed
	// for ever. A day if zero.
	Patience time.Duration
	Attempts int                                   // before a delivery is given up: 8 if zero
	Backoff  func(attempt int) time.Duration       // after a failed attempt: random, 0.5 s doubling to 10 min, if nil
	Start    func(context.Context) (uint64, error) // where a new role begins; behind what had happened when the ledger was made, if nil
}

// Config is what the ledger is made of. DB is required.
type Config struct {
	DB      *store.DB
	Node    string        // names this node among others; a new ID if empty
	Mark    time.Duration // how often marks are stored: 100 ms if zero
	Poll    time.Duration // how often retries and leases are looked at: 250 ms if zero
	Lease   time.Duration // how long a node may be silent: 10 s if zero
	Queue   int           // events that wait for one subscriber in one partition: 256 if zero
	Workers int           // deliveries at once for each role: 64 if zero
	Twice   bool          // for tests: deliver everything twice
	Logger  *slog.Logger
	Metrics *metrics.Registry
}

// Ledger delivers. It is safe for concurrent use.
type Ledger struct {
	cfg Config
	db  *store.DB
	log *slog.Logger

	opened uint64 // head of the log when the ledger was made

	mu      sync.Mutex
	running map[string]bool // roles
}

// New brings the ledger's tables up to date and returns it.
func New(ctx context.Context, cfg Config) (*Ledger, error) {
	if cfg.Node == "" {
		cfg.Node = trellis.NewID()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Mark = or(cfg.Mark, 100*time.Millisecond)
	cfg.Poll = or(cfg.Poll, 250*time.Millisecond)
	cfg.Lease = or(cfg.Lease, 10*time.Second)
	cfg.Queue = or(cfg.Queue, 256)
	cfg.Workers = or(cfg.Workers, 64)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := cfg.DB.Migrate(ctx, "delivery", files); err != nil {
		return nil, fmt.Errorf("migrate the delivery ledger: %w", err)
	}
	return &Ledger{cfg: cfg, db: cfg.DB, log: cfg.Logger, opened: cfg.DB.Log().Head(), running: map[string]bool{}}, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Run delivers for every role until ctx is done and every delivery has ended. A
// role that runs on this node already is an error of kind [trellis.Conflict]: it
// would be one reader to the leases, and each event would be delivered by both.
func (l *Ledger) Run(ctx context.Context, roles ...Role) error {
	var names []string
	defer func() { l.free(names) }()
	for _, r := range roles {
		if r.Name == "" || !l.claim(r.Name) {
			return trellis.Errorf(trellis.Conflict, "the role %q has no name, or runs on this node already", r.Name)
		}
		names = append(names, r.Name)
	}
	var wg sync.WaitGroup
	for _, r := range roles {
		wg.Go(func() { l.tail(r).run(ctx) })
	}
	wg.Wait()
	return nil
}

func (l *Ledger) claim(role string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[role] {
		return false
	}
	l.running[role] = true
	return true
}

func (l *Ledger) free(roles []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range roles {
		delete(l.running, r)
	}
}

// Consume calls h for each event that pattern takes in, of every tenant, each on
// one node, in order for each key, again and again until h succeeds. It blocks
// until ctx is done. The role names the reader and its place in the log.
func (l *Ledger) Consume(ctx context.Context, role, pattern string, h func(context.Context, trellis.Event) error) error {
	if !trellis.ValidPattern(pattern) {
		return trellis.Errorf(trellis.Invalid, "pattern %q is neither a type, nor a prefix with .*, nor *", pattern)
	}
	sub := Subscriber{ID: role, Tenant: trellis.PlatformTenant, Deliver: func(ctx context.Context, d Delivery) error { return h(ctx, d.Event) }}
	return l.Run(ctx, Role{
		Name: role, Attempts: 1 << 30,
		Subscribers: func(_ context.Context, e trellis.Event) []Subscriber {
			if !trellis.MatchType(pattern, e.Type) {
				return nil
			}
			return []Subscriber{sub}
		},
		Lookup: func(_ context.Context, _, id string) (Subscriber, bool) { return sub, id == role },
	})
}

// backoff returns how long to wait after the attempt-th failure: half a second,
// doubled each time up to ten minutes, the second half of it random so that what
// failed together is not repeated together.
func backoff(attempt int) time.Duration {
	d := min(500*time.Millisecond<<min(attempt-1, 12), 10*time.Minute)
	return d/2 + rand.N(d/2)
}
