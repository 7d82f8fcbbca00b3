// Package slots is the way of extending pages: places in them that extensions fill.
//
// A page says which places it has ([Places]); what stands there is resolved on the
// server for the tenant, the course and the person, from the manifests of enabled
// extensions. An extension answers a tree, which is rendered to HTML by our own
// renderer (package tree). All places of a page are filled side by side, each within
// its deadline: what is late, broken or switched off neither delays nor breaks the
// page. Learners see nothing of it; those who look after extensions see what
// happened, and the trace.
//
// A button or a form of a tree asks an export of the extension that offered it
// ([Slots.Act]), and only what was offered to that very person can be asked. A page
// follows over one stream which of its places are stale, and fetches those again
// with its own rights.
package slots

import (
	"context"
	"log/slog"
	"net/url"
	"reflect"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/runtime"
)

// Filler puts into a document the personal data that keep allows.
type Filler interface {
	FillPeople(ctx context.Context, t reflect.Type, data []byte, keep func(class string) bool) ([]byte, error)
}

// Traces remembers what extensions did in a request.
type Traces interface {
	Slot(ctx context.Context, h extensions.Hook, slot string, started time.Time, used runtime.Stats, err error)
}

// Authenticator knows whose token one is.
type Authenticator interface {
	Authenticate(ctx context.Context, tenant, token string) (trellis.Actor, error)
}

// Watcher is an [Authenticator] that tells when it is worth asking again: when
// something has happened to a token, or to the account of whose it is.
type Watcher interface {
	Watch(person, token string) (changed <-chan struct{}, stop func())
}

// Enrollments knows who is enrolled where.
type Enrollments interface {
	Enrollment(ctx context.Context, course, person string) (learning.Enrollment, error)
}

// Config is what slots are made of. Registry and Key are required.
type Config struct {
	Registry   *extensions.Registry
	People     Filler        // nil: extensions are told nobody's name
	Courses    Enrollments   // nil: extensions are not told whether who looks is enrolled
	Key        *secret.Key   // what is offered to a person is signed with a key derived from it
	ContentURL string        // address of the second origin, where files of bundles are; images are left out if empty
	Deadline   time.Duration // of all that fills a page: 100 ms if zero
	Offer      time.Duration // how long a form may be sent after it was shown: 24 h if zero
	Traces     Traces        // nil: not recorded
	Auth       Authenticator // asked again and again whether a stream's token still holds, at once if it is a [Watcher]; nil: it does
	Recheck    time.Duration // how often: 10 s if zero
	Heartbeat  time.Duration // of a stream: 15 s if zero
	Calm       time.Duration // between two messages of a stream about one slot: 500 ms if zero
	PerActor   int           // streams of one actor: 16 if zero
	PerNode    int           // streams of this node: 10,000 if zero
	Logger     *slog.Logger
	Metrics    *metrics.Registry
}

// Slots fills places in pages. It is safe for concurrent use.
type Slots struct {
	cfg    Config
	log    *slog.Logger
	offers offers
	hub    *hub
	kept   *kept
	rooms  rooms

	mu   sync.Mutex
	open doors
}

// New returns the slots of a registry.
func New(cfg Config) *Slots {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		v     *time.Duration
		value time.Duration
	}{
		{&cfg.Deadline, 100 * time.Millisecond}, {&cfg.Offer, 24 * time.Hour}, {&cfg.Recheck, 10 * time.Second}, {&cfg.Heartbeat, 15 * time.Second}, {&cfg.Calm, 500 * time.Millisecond},
	} {
		if *d.v == 0 {
			*d.v = d.value
		}
	}
	if cfg.PerActor == 0 {
		cfg.PerActor = 16
	}
	if cfg.PerNode == 0 {
		cfg.PerNode = 10_000
	}
	return &Slots{
		cfg: cfg, log: cfg.Logger, offers: offers{cfg.Key.Derive("slots/offers")}, hub: newHub(cfg.Registry, cfg.Calm), kept: newKept(),
		open: doors{byActor: map[string]int{}},
	}
}

// Page is a page that is being made. Who looks at it is the actor of the context,
// who may be nobody.
type Page struct {
	URL    string // its own address, where forms are sent: a path with its query
	Base   string // what tenant-local addresses begin with: "/t/demo", or ""
	Course string // key of the course that it is about, "" if it is about none
	CSRF   string // the token that forms send back in the field csrf
	Locale string // "en"
	Says   bool   // whether the page itself says what an action answered, so that the slot need not
}

// Want is a place of a page that is to be filled.
type Want struct {
	Slot    string
	Default *tree.Node // what stands there if nobody says otherwise: the target "default", at order 50
}

// Live returns the address of the stream that says which of the slots of a page
// become stale, for the page's data-live. Ask for it before Fill: what happens
// between is then not missed.
func (s *Slots) Live(ctx context.Context, p Page, slots ...string) string {
	q := url.Values{"slot": slots, "after": {s.hub.now(trellis.ActorFrom(ctx).Tenant, p.Course, slots).String()}}
	if p.Course != "" {
		q.Set("course", p.Course)
	}
	return p.Base + "/slots/live?" + q.Encode()
}

// Run follows what happens, for the streams of this node. It returns when ctx is
// done. The context is one that may look across tenants.
func (s *Slots) Run(ctx context.Context, source Source) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.purge(ctx) })
	s.hub.run(ctx, source, func(err error) { s.log.Warn("events not followed; pages are told later", "err", err) })
	return nil
}

// purge forgets what was shown, where nobody looks any more.
func (s *Slots) purge(ctx context.Context) {
	tick := time.NewTicker(keptFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.kept.purge(now)
		}
	}
}
