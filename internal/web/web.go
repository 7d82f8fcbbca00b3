// Package web is the HTTP server: who asks, in which tenant, within which limits,
// and how errors look. What is served is declared as routes by the packages that
// own it.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/metrics"
)

// Authenticator knows whose token one is. Tenant is the one that the request
// names, "" if it names none.
type Authenticator interface {
	Authenticate(ctx context.Context, tenant, token string) (trellis.Actor, error)
}

// Tenants knows which tenants there are.
type Tenants interface {
	TenantOfHost(ctx context.Context, host string) (tenant string, ok bool)
	TenantExists(ctx context.Context, tenant string) (bool, error)
}

// Config is what a server is made of. Authenticator and Tenants are required.
type Config struct {
	Authenticator  Authenticator
	Tenants        Tenants
	Ready          func(context.Context) error // whether to send requests here; nil: always
	Timeout        time.Duration               // of a request that is no stream: 60 s if zero
	MetricsFrom    []netip.Prefix              // who may read /metrics without being an operator: this machine, if nil
	TrustedProxies []string                    // whose X-Forwarded-For is believed: nobody's, if nil
	Logger         *slog.Logger
	Metrics        *metrics.Registry
}

// Route is something that is served.
type Route struct {
	Method, Path string // as Fiber has it: "/api/v1/courses/:course"
	Name         string // of the operation
	Summary      string
	Permission   string // that the operation behind it takes; for the documentation
	Public       bool   // whether one need not say who one is
	Limit        int64  // bytes of the body; 0: it has none
	Stream       bool   // the answer goes on: no timeout
	Request      []byte // JSON Schema of the body or, for GET and DELETE, of the query; nil if there is none
	Response     []byte // JSON Schema of the answer
	Status       int    // of success: 200 if zero
	Handle       func(*fiber.Ctx) error
}

// Server serves routes.
type Server struct {
	cfg    Config
	log    *slog.Logger
	app    *fiber.App
	mu     sync.Mutex
	routes []Route
	ctx    context.Context // ends when the server stops
	stop   context.CancelFunc
}

// New returns a server with /healthz, /readyz and /metrics.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.MetricsFrom == nil {
		cfg.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	s := &Server{cfg: cfg, log: cfg.Logger}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage: true, StreamRequestBody: true, BodyLimit: 1 << 20, // beyond it the body is streamed, and the route's own limit holds
		ReadBufferSize: 16 << 10, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, ErrorHandler: func(c *fiber.Ctx, err error) error { return s.fail(c, err) },
		EnableTrustedProxyCheck: true, TrustedProxies: cfg.TrustedProxies, ProxyHeader: fiber.HeaderXForwardedFor, UnescapePath: false,
		StrictRouting: true, CaseSensitive: true,
	})
	s.app.Use(s.around)
	s.mount(Route{Method: "GET", Path: "/healthz", Name: "health", Summary: "Whether the process is up.", Public: true, Handle: func(c *fiber.Ctx) error {
		return JSON(c, 200, map[string]string{"status": "ok"})
	}})
	s.mount(Route{Method: "GET", Path: "/readyz", Name: "ready", Summary: "Whether requests should be sent here.", Public: true, Handle: s.ready})
	s.mount(Route{Method: "GET", Path: "/metrics", Name: "metrics", Summary: "Metrics for Prometheus: for this machine and for operators.", Public: true, Handle: s.metrics})
	return s
}

// Mount serves the routes. Two of a method and path are an error.
func (s *Server) Mount(routes ...Route) error {
	for _, r := range routes {
		if slices.ContainsFunc(s.routes, func(o Route) bool { return o.Method == r.Method && o.Path == r.Path }) {
			return fmt.Errorf("two routes %s %s", r.Method, r.Path)
		}
		s.mount(r)
	}
	return nil
}

func (s *Server) mount(r Route) {
	s.mu.Lock()
	s.routes = append(s.routes, r)
	s.mu.Unlock()
	s.app.Add(r.Method, r.Path, func(c *fiber.Ctx) error { return s.serve(c, r) })
}

// Routes returns every route.
func (s *Server) Routes() []Route {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.routes)
}

// App returns the Fiber app, for tests.
func (s *Server) App() *fiber.App { return s.app }

// Serve serves until ctx is done. Requests under way then have five seconds;
// streams end at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.stop()
	_ = s.app.ShutdownWithTimeout(5 * time.Second) // what has not ended by then is cut off
	select {
	case err := <-served:
		return err
	case <-time.After(time.Second):
		return nil
	}
}

type localKey int

const (
	stateKey localKey = iota
)

// state is what is known of a request.
type state struct {
	ctx    context.Context
	cancel context.CancelFunc
	tenant string // that the request names
	limit  int64
	route  string
	body   *body
}

// around is what holds for every request.
func (s *Server) around(c *fiber.Ctx) (err error) {
	began := time.Now()
	st := &state{route: "none"}
	c.Locals(stateKey, st)
	trace := traceOf(c.Get("traceparent"))
	st.ctx, st.cancel = context.WithCancel(trellis.WithTrace(s.ctx, trellis.Trace{ID: trace}))
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("request panicked", "method", c.Method(), "route", st.route, "trace", trace, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = s.fail(c, trellis.Errorf(trellis.Internal, "panic"))
		}
		if !st.streaming(c) {
			st.cancel()
		}
		s.cfg.Metrics.HTTPRequest(c.Method(), st.route, c.Response().StatusCode(), time.Since(began))
		s.log.Debug("request", "method", c.Method(), "route", st.route, "status", c.Response().StatusCode(), "duration", time.Since(began), "trace", trace)
	}()
	c.Set("Trace-Id", trace)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderCacheControl, "no-store")
	if err := s.resolve(c, st); err != nil {
		return s.fail(c, err)
	}
	if err := c.Next(); err != nil {
		return s.fail(c, err)
	}
	return nil
}

func (st *state) streaming(c *fiber.Ctx) bool { return c.Response().IsBodyStream() }

// resolve finds the tenant that the request names: by its host, or by /t/TENANT
// before the path.
func (s *Server) resolve(c *fiber.Ctx, st *state) error {
	if name, ok := s.cfg.Tenants.TenantOfHost(st.ctx, string(c.Request().Host())); ok {
		st.tenant = name
	}
	name, rest, ok := cutTenant(c.Path())
	if !ok {
		return nil
	}
	if st.tenant != "" && st.tenant != name {
		return trellis.Errorf(trellis.NotFound, "there is nothing here")
	}
	st.tenant = name
	c.Path(rest)
	return nil
}

// cutTenant takes /t/TENANT off a path.
func cutTenant(path string) (tenant, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, "/t/")
	if !ok {
		return "", "", false
	}
	tenant, rest, _ = strings.Cut(after, "/")
	if !trellis.ValidTenant(tenant) && tenant != trellis.PlatformTenant {
		return "", "", false
	}
	return strings.Clone(tenant), "/" + strings.Clone(rest), true
}

// serve authenticates and calls a route.
func (s *Server) serve(c *fiber.Ctx, r Route) error {
	st := stateOf(c)
	st.route, st.limit = r.Path, r.Limit
	if !r.Stream {
		var cancel context.CancelFunc
		st.ctx, cancel = context.WithTimeout(st.ctx, s.cfg.Timeout)
		defer cancel()
	}
	if err := s.authenticate(c, st, r); err != nil {
		return err
	}
	if n := c.Request().Header.ContentLength(); int64(n) > r.Limit {
		c.Request().Header.SetConnectionClose()
		c.Response().Header.SetConnectionClose() // what it still sends is not read
		return tooLarge(r.Limit)
	}
	return r.Handle(c)
}

// authenticate finds out who asks, and in which tenant.
func (s *Server) authenticate(c *fiber.Ctx, st *state, r Route) error {
	named := strings.Clone(c.Get("Trellis-Tenant"))
	header := strings.Clone(c.Get(fiber.HeaderAuthorization))
	if header == "" {
		if !r.Public {
			c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="trellis"`)
			return errNobody
		}
		if st.tenant == "" {
			st.tenant = named
		}
		if st.tenant != "" {
			if ok, err := s.cfg.Tenants.TenantExists(st.ctx, st.tenant); err != nil || !ok {
				return errors.Join(trellis.Errorf(trellis.NotFound, "there is nothing here"), err)
			}
			st.ctx = trellis.WithActor(st.ctx, trellis.Actor{Tenant: st.tenant})
		}
		return nil
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="trellis"`)
		return errNobody
	}
	actor, err := s.cfg.Authenticator.Authenticate(st.ctx, "", strings.TrimSpace(token))
	if err != nil {
		if trellis.KindOf(err) == trellis.Denied {
			c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="trellis", error="invalid_token"`)
			return &unauthenticated{err}
		}
		return err
	}
	want := st.tenant
	if want == "" {
		want = named
	}
	if want != "" && want != actor.Tenant {
		if !actor.Is(trellis.RoleOperator) || actor.Tenant != trellis.PlatformTenant {
			return trellis.Errorf(trellis.NotFound, "there is nothing here")
		}
		if ok, err := s.cfg.Tenants.TenantExists(st.ctx, want); err != nil || !ok {
			return errors.Join(trellis.Errorf(trellis.NotFound, "there is no tenant %.40q", want), err)
		}
		actor.Tenant = want
	}
	st.ctx = trellis.WithActor(st.ctx, actor)
	if key := strings.Clone(c.Get("Idempotency-Key")); key != "" && len(key) <= 255 {
		st.ctx = trellis.WithIDs(st.ctx, "idempotency", actor.Tenant, actor.String(), c.Method(), strings.Clone(c.Path()), key)
	}
	return nil
}

func stateOf(c *fiber.Ctx) *state {
	st, _ := c.Locals(stateKey).(*state)
	return st
}

// Context returns the context of a request: with the actor, the trace, the
// deadline. It ends with the request, or when the server stops; that of a stream
// ends when its writer calls [Ended].
func Context(c *fiber.Ctx) context.Context { return stateOf(c).ctx }

// Ended returns a function that ends the context of a stream. Its writer calls it
// when it is done.
func Ended(c *fiber.Ctx) func() { return stateOf(c).cancel }

// ClientAddress returns where a request comes from.
func ClientAddress(c *fiber.Ctx) string { return strings.Clone(c.IP()) }

func (s *Server) ready(c *fiber.Ctx) error {
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(Context(c)); err != nil {
			s.log.Debug("not ready", "err", err)
			return JSON(c, 503, map[string]string{"status": "not ready"})
		}
	}
	return JSON(c, 200, map[string]string{"status": "ready"})
}

func (s *Server) metrics(c *fiber.Ctx) error {
	addr, _ := netip.ParseAddr(c.IP())
	local := slices.ContainsFunc(s.cfg.MetricsFrom, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
	if !local && !trellis.ActorFrom(Context(c)).Is(trellis.RoleOperator) {
		return trellis.Errorf(trellis.NotFound, "there is nothing here")
	}
	return adaptor.HTTPHandler(s.cfg.Metrics.Handler())(c)
}

// traceOf returns the trace ID of a W3C traceparent header, or a new one.
func traceOf(header string) string {
	parts := strings.Split(header, "-")
	if len(parts) >= 4 && len(parts[0]) == 2 && len(parts[1]) == 32 && len(parts[2]) == 16 && parts[1] != strings.Repeat("0", 32) &&
		!strings.ContainsFunc(parts[1], func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		return strings.Clone(parts[1])
	}
	return trellis.NewTraceID()
}
