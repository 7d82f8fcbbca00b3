// Package app puts the platform together: what it consists of is listed here, and
// nowhere else.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/api"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/bus"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/extensions/realtime"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/extensions/theming"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/pages"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/web"
	"github.com/trellis-learning/trellis/runtime"
)

// Config says how the platform runs. Dir is required.
type Config struct {
	Dir         string             // where everything is kept
	DB          *store.DB          // of several nodes in one process; opened in Dir if nil
	Key         *secret.Key        // master key; from Dir if nil
	NATS        string             // address of a NATS server; one within the process if empty
	NATSListen  string             // address at which outside services reach the one within; "" for not at all
	NATSToken   string             // of whoever connects to either
	Node        string             // names this node among others; a new ID if empty
	Compiler    []string           // argv of the child that compiles extensions; in this process if empty
	Accept      runtime.Accept     // what modules of extensions may look like
	Modules     extensions.Modules // how they are held
	Memory      int                // bytes of all their instances, above which idle ones go: a GiB if zero
	CacheSize   int64              // bytes of what is compiled of them, on disk: 4 GiB if zero
	Fuel        uint64             // units of fuel that a second of their code is worth: measured if zero
	Unsigned    bool               // whether unsigned bundles are taken
	SelfService []string           // permissions that course staff may grant themselves; usual ones if nil
	Egress      egress.Config      // how far extensions may reach out
	Retention   time.Duration      // how long events are kept: 90 days if zero; negative for ever
	Proxies     []string           // addresses of proxies that are believed
	PublicURL   string             // how people reach the pages; by TLS if it begins with https
	ContentURL  string             // how they reach the second origin; no images of extensions if empty
	Tenant      string             // to which pages lead whose address names none; "" for none
	Version     string             // of the program
	Quotas      hostapi.Quotas     // of callers
	Filters     time.Duration      // how long what was asked for waits for all that are asked about it, each a fifth: 250 ms if zero
	Slots       time.Duration      // how long a page waits for what extensions show: 100 ms if zero
	Lease       time.Duration      // how long this node may be silent before others take over its work: 10 to 15 s if zero
	Twice       bool               // for tests: every event is delivered twice
	Fault       func(string) error // for tests: points at which something may go wrong
	Logger      *slog.Logger
}

// SelfService returns the permissions that course staff may grant in their own
// courses, unless an operator decides otherwise: what stays within the course and
// shows nobody's name.
func SelfService() []string {
	return []string{"users:read", "courses:read", "enrollments:read", "grades:read", "completions:read", "kv", "jobs", "events:emit"}
}

// App is the platform. Make it with [New], run it, close it.
type App struct {
	cfg      Config
	log      *slog.Logger
	DB       *store.DB
	Learning *learning.Learning
	Registry *extensions.Registry
	Plugins  *plugins.Plugins
	Jobs     *jobs.Jobs
	Ledger   *delivery.Ledger
	Bus      *bus.Bus
	API      *hostapi.API
	Web      *web.Server
	Content  *web.Server
	Imports  *integrations.Integrations
	Metrics  *metrics.Registry
	runtime  *runtime.Runtime
	streams  *realtime.Realtime
	Slots    *slots.Slots
	Pages    *pages.Pages
	close    []func() error
}

// late is what is known only when everything is there: the operations that guests
// call, the filters that the core asks, whoever records reads of personal data.
type late struct {
	api     *hostapi.API
	plugins *plugins.Plugins
}

func (l *late) Call(ctx context.Context, operation string, in []byte) ([]byte, error) {
	return l.api.Call(ctx, operation, in)
}

func (l *late) Filter(ctx context.Context, q trellis.Question) ([]byte, error) {
	return l.plugins.Filter(ctx, q)
}

func (l *late) PersonalRead(ctx context.Context, c hostapi.Caller, person, class string) {
	l.api.PersonalRead(ctx, c, person, class)
}

// New puts the platform together and brings its data up to date.
func New(ctx context.Context, cfg Config) (*App, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.SelfService == nil {
		cfg.SelfService = SelfService()
	}
	if cfg.Node == "" {
		cfg.Node = trellis.NewID()
	}
	if cfg.Retention == 0 {
		cfg.Retention = 90 * 24 * time.Hour
	}
	made := &App{cfg: cfg, log: cfg.Logger, Metrics: metrics.New()}
	if err := made.open(ctx); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

// open opens and wires everything. What was opened when something fails is for
// the caller to close.
func (a *App) open(ctx context.Context) (err error) {
	cfg := a.cfg
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("open %s: %w", cfg.Dir, err)
	}
	key := cfg.Key
	if key == nil {
		if key, err = secret.Open(filepath.Join(cfg.Dir, "master.key")); err != nil {
			return err
		}
	}
	if a.DB = cfg.DB; a.DB == nil {
		if a.DB, err = store.Open(ctx, store.Config{Path: filepath.Join(cfg.Dir, "trellis.db"), Logger: a.part("store")}); err != nil {
			return err
		}
		a.closes(a.DB.Close)
	}
	blobs, err := blob.Open(filepath.Join(cfg.Dir, "blobs"))
	if err != nil {
		return err
	}
	host := &late{}
	if a.runtime, err = runtime.New(ctx, runtime.Config{Cache: filepath.Join(cfg.Dir, "cache"), Compiler: cfg.Compiler, Accept: cfg.Accept, Memory: cfg.Memory, CacheSize: cfg.CacheSize, FuelPerSecond: cfg.Fuel, Host: host, Logger: a.part("runtime")}); err != nil {
		return err
	}
	a.closes(func() error { return a.runtime.Close(withTimeout()) })
	a.Metrics.Instances(func() (int, int64) { u := a.runtime.Usage(); return u.Instances, u.Memory })
	if a.Learning, err = learning.New(ctx, learning.Config{DB: a.DB, Filters: host, Logger: a.part("learning")}); err != nil {
		return err
	}
	known := Known()
	if a.Registry, err = extensions.New(ctx, extensions.Config{
		DB: a.DB, Blobs: blobs, Key: key, Runtime: a.runtime, Egress: egress.New(cfg.Egress), Known: known, Unsigned: cfg.Unsigned, Modules: cfg.Modules,
		SelfService: cfg.SelfService, Reads: host, Logger: a.part("extensions"), Metrics: a.Metrics,
	}); err != nil {
		return err
	}
	a.closes(func() error { return a.Registry.Close(withTimeout()) })
	if a.Jobs, err = jobs.New(ctx, jobs.Config{DB: a.DB, Node: cfg.Node, Lease: cfg.Lease, Logger: a.part("jobs"), Metrics: a.Metrics,
		Again: func(ctx context.Context, job jobs.Job) error { return a.Imports.Again(ctx, job) }}); err != nil {
		return err
	}
	if a.Ledger, err = delivery.New(ctx, delivery.Config{DB: a.DB, Node: cfg.Node, Lease: cfg.Lease, Twice: cfg.Twice, Logger: a.part("delivery"), Metrics: a.Metrics}); err != nil {
		return err
	}
	if a.Bus, err = bus.New(bus.Config{
		DB: a.DB, Ledger: a.Ledger, URL: cfg.NATS, Listen: cfg.NATSListen, Token: cfg.NATSToken, Dir: filepath.Join(cfg.Dir, "nats"), Node: cfg.Node, Lease: cfg.Lease, Fault: cfg.Fault,
		Logger: a.part("bus"), Metrics: a.Metrics,
	}); err != nil {
		return err
	}
	a.closes(a.Bus.Close)
	a.Plugins = plugins.New(plugins.Config{Registry: a.Registry, Jobs: a.Jobs, Known: known, People: a.Learning, Chain: cfg.Filters, Step: cfg.Filters / 5, Logger: a.part("plugins"), Metrics: a.Metrics})
	host.plugins = a.Plugins
	if a.Imports, err = integrations.New(ctx, integrations.Config{
		Learning: a.Learning, Jobs: a.Jobs, DB: a.DB, Blobs: blobs, Key: key, Logger: a.part("integrations"), TempDir: filepath.Join(cfg.Dir, "tmp"), Fault: a.fault,
	}); err != nil {
		return err
	}
	a.Slots = slots.New(slots.Config{
		Registry: a.Registry, People: a.Learning, Courses: a.Learning, Key: key, ContentURL: cfg.ContentURL, Deadline: cfg.Slots, Traces: a.Plugins, Auth: a.Learning, Logger: a.part("slots"), Metrics: a.Metrics,
	})
	operations, err := a.operations(known)
	if err != nil {
		return err
	}
	if a.API, err = hostapi.New(hostapi.Config{Operations: operations, Auditor: a.DB, Quotas: cfg.Quotas, Logger: a.part("hostapi")}); err != nil {
		return err
	}
	host.api = a.API
	return a.serve(known, key)
}

// fault is a point at which a test may let something go wrong.
func (a *App) fault(point string) {
	if a.cfg.Fault != nil {
		_ = a.cfg.Fault(point) // these points have nothing to do with an error but to die
	}
}

// Known returns the filters that are asked, the events that are emitted and the
// places in pages.
func Known() bundle.Known {
	return bundle.Known{
		Filters: learning.Filters(), Events: slices.Concat(learning.Events(), extensions.Events()), Slots: slots.Places(),
		Tree: func(raw []byte) error {
			_, err := tree.Decode(raw)
			return err
		},
	}
}

// operations returns every operation of the platform.
func (a *App) operations(known bundle.Known) ([]hostapi.Operation, error) {
	catalogue, err := learning.NewCatalogue(known.Filters, known.Events, slotEntries())
	if err != nil {
		return nil, err
	}
	return slices.Concat(
		a.Learning.Operations(), []hostapi.Operation{catalogue.Operation()}, a.Jobs.Operations(), a.Ledger.Operations(),
		a.Registry.Operations(), a.Plugins.Operations(), api.EventOperations(a.DB.Log()), a.Slots.Operations(), a.Imports.Operations(),
	), nil
}

// serve mounts every route.
func (a *App) serve(known bundle.Known, key *secret.Key) (err error) {
	looks := theming.New(a.Learning)
	if a.Pages, err = pages.New(pages.Config{
		API: a.API, Learning: a.Learning, Registry: a.Registry, Slots: a.Slots, Theming: looks, Imports: a.Imports, Tenant: a.cfg.Tenant, Version: a.cfg.Version, Logger: a.part("pages"),
	}); err != nil {
		return err
	}
	a.Web = web.New(web.Config{
		Pages: web.Pages{
			Key: key.Derive("pages"), Secure: strings.HasPrefix(a.cfg.PublicURL, "https:"), Content: a.cfg.ContentURL, Tenant: a.cfg.Tenant, Problem: a.Pages.Problem,
		},
		Authenticator: a.Learning, Tenants: a.Learning, Ready: a.DB.Ready, TrustedProxies: a.cfg.Proxies, Logger: a.part("web"), Metrics: a.Metrics,
	})
	rest := api.New(api.Config{
		API: a.API, Learning: a.Learning, Registry: a.Registry, Log: a.DB.Log(), Importer: a.Imports, Exporter: a.Imports, Version: a.cfg.Version,
	})
	routes, err := rest.Routes()
	if err != nil {
		return err
	}
	var _ realtime.Watcher = a.Learning // so that streams end when people sign out
	var _ slots.Watcher = a.Learning
	a.streams = realtime.New(realtime.Config{
		Source: a.Bus, People: a.Learning, Types: known.Events, Auth: a.Learning, Logger: a.part("realtime"), Metrics: a.Metrics,
	})
	if err := a.Web.Mount(slices.Concat(routes, a.streams.Routes(), a.Slots.Routes(), looks.Routes(), a.Pages.Routes())...); err != nil {
		return err
	}
	a.Content = web.NewContent(web.ContentConfig{Assets: a.Registry.Asset, Secure: strings.HasPrefix(a.cfg.ContentURL, "https:"), Logger: a.part("content")})
	return a.Web.MountOpenAPI("/api/openapi.json", "Trellis", a.cfg.Version)
}

func (a *App) part(name string) *slog.Logger { return a.log.With("part", name) }

func (a *App) closes(f func() error) { a.close = append(a.close, f) }

func withTimeout() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// Run runs everything until ctx is done, serving pages and the API on listener
// and, if content is not nil, the second origin there. It returns when all of it
// has stopped.
func (a *App) Run(ctx context.Context, listener, content net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	run := func(what string, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("%s: %w", what, err))
				mu.Unlock()
				stop()
			}
		})
	}
	run("registry", func(ctx context.Context) error { return a.Registry.Run(ctx, a.Bus) })
	run("bus", a.Bus.Run)
	run("delivery", func(ctx context.Context) error { return a.Ledger.Run(ctx, a.Plugins.Role()) })
	run("jobs", func(ctx context.Context) error {
		return a.Jobs.Run(ctx, slices.Concat(a.Plugins.Kinds(), a.Imports.Kinds()))
	})
	run("schedules", a.Plugins.Run)
	run("erasure", a.forget)
	run("imports", a.Imports.Run)
	run("retention", a.retain)
	run("slots", func(ctx context.Context) error { return a.Slots.Run(store.Platform(ctx), a.Bus) })
	if listener != nil {
		run("web", func(ctx context.Context) error { return a.Web.Serve(ctx, listener) })
	}
	if content != nil {
		run("content", func(ctx context.Context) error { return a.Content.Serve(ctx, content) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// retain trims the log, each hour, of what is old and nobody needs.
func (a *App) retain(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if a.cfg.Retention < 0 {
			continue
		}
		old, err := a.DB.Log().Before(ctx, time.Now().Add(-a.cfg.Retention))
		if err == nil {
			var needed uint64
			if needed, err = a.Ledger.Oldest(ctx); err == nil {
				_, err = a.DB.Log().Trim(store.Platform(ctx), min(old+1, needed))
				if err == nil && needed <= old {
					a.log.Warn("the log keeps events beyond its retention, for what somebody is still owed or was given up; trellis doctor says more", "from", needed, "to", old)
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("old events not removed", "err", err)
		}
	}
}

// Close closes everything, in the opposite order of opening.
func (a *App) Close() error {
	var errs []error
	for _, f := range slices.Backward(a.close) {
		errs = append(errs, f())
	}
	a.close = nil
	return errors.Join(errs...)
}
