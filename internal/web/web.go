// Package web is the HTTP server: who asks, in which tenant, within which limits,
// and how errors look. What is served is declared as routes by the packages that
// own it.
//
// It is the one package of the core that knows Fiber and fasthttp, and it guards
// what they leave open: bodies are streamed and counted, a connection with an
// unread body is not used again, and each write has a deadline.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/metrics"
)

// Authenticator knows whose token one is. Tenant is the one that the request
// names, "" if it names none. The error's kind is [trellis.Denied] for a token
// that is unknown or has expired; any other kind is an answer about the platform,
// not about the token.
type Authenticator interface {
	Authenticate(ctx context.Context, tenant, token string) (trellis.Actor, error)
}

// Tenants knows which tenants there are. Both are asked for every request, so
// they answer from memory as a rule. A host comes in lower case, without its port.
type Tenants interface {
	TenantOfHost(ctx context.Context, host string) (tenant string, ok bool)
	TenantExists(ctx context.Context, tenant string) (bool, error)
}

// Config is what a server is made of. Authenticator and Tenants are required.
type Config struct {
	Authenticator  Authenticator
	Tenants        Tenants
	Ready          func(context.Context) error // whether to send requests here; nil: always
	Pages          Pages
	Timeout        time.Duration  // of a request that is no stream: 60 s if zero
	ReadTimeout    time.Duration  // for the head of a request, and for each next part of its body: 20 s if zero
	WriteTimeout   time.Duration  // for each next part of an answer, 64 KiB at most: 30 s if zero
	Grace          time.Duration  // for requests under way when the server stops: 5 s if zero
	Connections    int            // at the same time, beyond which new ones get 503: 32768 if zero
	MetricsFrom    []netip.Prefix // who may read /metrics without being an operator: this machine, if nil
	TrustedProxies []string       // addresses or prefixes whose X-Forwarded-For is believed: nobody's, if nil
	Logger         *slog.Logger
	Metrics        *metrics.Registry
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		v     *time.Duration
		value time.Duration
	}{{&c.Timeout, time.Minute}, {&c.ReadTimeout, 20 * time.Second}, {&c.WriteTimeout, 30 * time.Second}, {&c.Grace, 5 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.value
		}
	}
	if c.Connections == 0 {
		c.Connections = 32 << 10
	}
	if c.MetricsFrom == nil {
		c.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return c
}

// maxHead bounds the first line and the headers of a request; beyond it the
// answer is 431.
const maxHead = 16 << 10

// Server serves routes. Its methods are safe for concurrent use, except that
// what is to be served is mounted before it serves. It serves once.
type Server struct {
	cfg     Config
	log     *slog.Logger
	app     *fiber.App
	proxies []netip.Prefix
	fault   error // of the configuration; Mount and Serve return it

	mu     sync.Mutex
	routes []Route

	ctx      context.Context // of requests: ends when their grace is over
	stop     context.CancelFunc
	draining context.Context // of streams: ends as soon as the server is to stop
	drain    context.CancelFunc
}

// New returns a server with /healthz, /readyz and /metrics. What is wrong with the
// configuration is the error of [Server.Mount] and [Server.Serve].
func New(cfg Config) *Server {
	s := newServer(cfg)
	if cfg.Authenticator == nil || cfg.Tenants == nil {
		s.fault = errors.Join(s.fault, errors.New("web: an authenticator and tenants are required"))
	}
	s.add(
		Route{Method: "GET", Path: "/healthz", Name: "health", Summary: "Whether the process is up.", Public: true, bare: true, Handle: s.health},
		Route{Method: "GET", Path: "/readyz", Name: "ready", Summary: "Whether requests should be sent here.", Public: true, bare: true, Handle: s.ready},
		Route{Method: "GET", Path: "/metrics", Name: "metrics", Summary: "Metrics for Prometheus: for this machine and for operators.", Public: true, Handle: s.metrics},
	)
	return s
}

func newServer(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{cfg: cfg, log: cfg.Logger}
	s.proxies, s.fault = parseProxies(cfg.TrustedProxies)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.draining, s.drain = context.WithCancel(s.ctx)
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true, UnescapePath: false,
		// Each route has its own limit, which Body enforces. Fiber's own does not hold
		// for streams, and a form that is parsed beforehand would be written to the
		// disk before anybody has asked who sends it.
		StreamRequestBody: true, BodyLimit: math.MaxInt, DisablePreParseMultipartForm: true,
		ReadBufferSize: maxHead, ReadTimeout: cfg.ReadTimeout, IdleTimeout: 2 * time.Minute, Concurrency: cfg.Connections,
		ErrorHandler: s.fail,
	})
	s.app.Use(s.around)
	inner := s.app.Server()
	inner.ConnState = func(c net.Conn, state fasthttp.ConnState) {
		if mine, ok := c.(*conn); ok && state == fasthttp.StateIdle {
			mine.busy.Store(false)
		}
	}
	handle := inner.Handler
	inner.Handler = func(rc *fasthttp.RequestCtx) { s.guard(rc, handle) }
	return s
}

// App returns the Fiber app, for tests: its Test method answers a request without
// a connection.
func (s *Server) App() *fiber.App { return s.app }

// Serve serves l until ctx is done, and closes it. Requests under way then have
// [Config.Grace]; streams end at once, and so do connections that rest. When it
// returns no connection is open.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.stop()
	if s.fault != nil {
		return errors.Join(s.fault, l.Close())
	}
	in := newListener(l, s.cfg.WriteTimeout)
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(in) }()
	var err error
	select {
	case err = <-served: // the listener broke
		s.drain()
	case <-ctx.Done():
		s.drain()
		_ = in.Close()
		err = <-served // only the accepting has ended; what was accepted goes on
	}
	in.wait(s.cfg.Grace)
	s.stop()
	in.wait(time.Second) // those that heed their context still say that they were cut off
	in.closeAll()
	if err != nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}
