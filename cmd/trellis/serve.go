package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/secret"
)

type demoCmd struct {
	Listen string `default:"127.0.0.1:8080" help:"Address to listen at."`
	Data   string `default:".trellis" help:"Directory for everything that is kept."`
}

func (d *demoCmd) Run(e *env) error {
	lean()
	began := time.Now()
	dir, err := filepath.Abs(d.Data)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", d.Listen)
	if err != nil {
		return trellis.Errorf(trellis.Unavailable, "cannot listen at %s: %w\nAnother demo may be running; -listen 127.0.0.1:0 takes any free port", d.Listen, err)
	}
	content, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	_, err = os.Stat(filepath.Join(dir, "trellis.db"))
	first := errors.Is(err, fs.ErrNotExist)
	a, err := app.New(e.ctx, app.Config{
		Dir: dir, Compiler: compiler(), Unsigned: true, Version: programVersion(), Logger: e.log, Quotas: hostapi.Quotas{Reads: 5000, Writes: 2000},
	})
	if err != nil {
		return errors.Join(err, listener.Close(), content.Close())
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	demo, err := a.SeedDemo(e.ctx)
	if err != nil {
		return errors.Join(err, listener.Close(), content.Close())
	}
	url := "http://" + listener.Addr().String()
	env := filepath.Join(dir, "demo.env")
	if err := writeFile(env, []byte(demo.Env(url))); err != nil {
		return err
	}
	d.greet(e, a, url, "http://"+content.Addr().String(), env, first, time.Since(began))
	return a.Run(e.ctx, listener, content)
}

func (d *demoCmd) greet(e *env, _ *app.App, url, content, envFile string, first bool, took time.Duration) {
	if e.json {
		e.print(map[string]any{"url": url, "content": content, "env": envFile, "ready_ms": took.Milliseconds()})
		return
	}
	if rel, err := filepath.Rel(".", envFile); err == nil && !strings.HasPrefix(rel, "..") {
		envFile = rel
	}
	state := "Everything is as you left it."
	if first {
		state = "A tenant, two courses and three people were made."
	}
	fmt.Printf(`Trellis is ready at %s (%.1f s). %s

Two extensions are at work: an enrolment policy, which closes one course, and a
welcome, which hears of every enrolment. In another terminal:

  set -a; . %s; set +a                  # who you are: the operator
  trellis ext list                                 # what is installed, and what it may do
  trellis enroll learner $TRELLIS_COURSE           # let through
  trellis enroll learner %s   # refused, with the policy's reason
  trellis events -follow                           # what happens, as it happens
  trellis ext logs trellis-demo.welcome-c
  trellis ext new -lang go acme.first first        # your own

(without an installed trellis: go run ./cmd/trellis …)
API: %s/api/openapi.json   metrics: %s/metrics   people: operator, staff, learner (password trellis-demo)
Stop with Ctrl-C; everything is kept in %s.
`, url, took.Seconds(), state, envFile, app.ClosedDemo, url, url, d.Data)
}

// lean lets the garbage collector keep half as much in hand as it would, unless
// somebody has said otherwise: a large import then needs a third less memory and
// takes no longer.
func lean() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

type serveCmd struct {
	Config string `short:"c" type:"existingfile" help:"Configuration file (TOML). Without one: the values of the environment and defaults."`
}

// serveConfig is the configuration file. Unknown keys are errors.
type serveConfig struct {
	Dir          string   `toml:"dir"`           // where everything is kept: /var/lib/trellis
	Listen       string   `toml:"listen"`        // :8080
	Content      string   `toml:"content"`       // address of the second origin, on another host: none if empty
	PublicURL    string   `toml:"public_url"`    // how people reach the pages
	ContentURL   string   `toml:"content_url"`   // how they reach the second origin
	NATS         string   `toml:"nats"`          // address of a NATS server; one within the process if empty
	Unsigned     bool     `toml:"unsigned"`      // whether unsigned bundles are taken
	SelfService  []string `toml:"self_service"`  // permissions that course staff may grant
	AllowNetwork []string `toml:"allow_network"` // private networks that extensions may reach
	Proxies      []string `toml:"proxies"`       // addresses of proxies that are believed
	Retention    string   `toml:"retention"`     // how long events are kept: 2160h
}

func (s *serveCmd) Run(e *env) (err error) {
	lean()
	cfg, err := s.read()
	if err != nil {
		return err
	}
	a, err := cfg.open(e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return err
	}
	var content net.Listener
	if cfg.Content != "" {
		if content, err = net.Listen("tcp", cfg.Content); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	e.say("Trellis serves at %s, from %s.", listener.Addr(), cfg.Dir)
	return a.Run(e.ctx, listener, content)
}

func (s *serveCmd) read() (serveConfig, error) {
	cfg := serveConfig{Dir: os.Getenv("TRELLIS_DIR"), Listen: os.Getenv("TRELLIS_LISTEN"), NATS: os.Getenv("TRELLIS_NATS")}
	if s.Config != "" {
		f, err := os.Open(s.Config)
		if err != nil {
			return cfg, err
		}
		defer func() { _ = f.Close() }()
		if err := toml.NewDecoder(f).DisallowUnknownFields().Decode(&cfg); err != nil {
			var strict *toml.StrictMissingError
			if errors.As(err, &strict) {
				return cfg, trellis.Errorf(trellis.Invalid, "%s has keys that there are not:\n%s", s.Config, strict.String())
			}
			return cfg, trellis.Errorf(trellis.Invalid, "%s: %s", s.Config, err)
		}
	}
	if cfg.Dir == "" {
		cfg.Dir = "/var/lib/trellis"
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:8080"
	}
	return cfg, cfg.checkOrigins()
}

// checkOrigins refuses to serve content of extensions from the host of the pages:
// cookies do not know ports.
func (c serveConfig) checkOrigins() error {
	host := func(u string) string {
		_, rest, _ := strings.Cut(u, "://")
		h, _, _ := strings.Cut(rest, "/")
		if name, _, err := net.SplitHostPort(h); err == nil {
			h = name
		}
		return strings.ToLower(h)
	}
	if c.Content != "" && (c.PublicURL == "" || c.ContentURL == "") {
		return trellis.Errorf(trellis.Invalid, "content: say public_url and content_url, too, so that their hosts can be compared")
	}
	if c.Content != "" && host(c.PublicURL) == host(c.ContentURL) {
		return trellis.Errorf(trellis.Invalid, "public_url and content_url are of one host: cookies do not know ports, so give the content of extensions a host of its own")
	}
	return nil
}

func (c serveConfig) open(e *env) (*app.App, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	cfg := app.Config{
		Dir: c.Dir, NATS: c.NATS, NATSToken: os.Getenv("TRELLIS_NATS_TOKEN"), Compiler: compiler(), Unsigned: c.Unsigned, SelfService: c.SelfService,
		Proxies: c.Proxies, Version: programVersion(), Logger: log,
	}
	var allow []netip.Prefix
	for _, n := range c.AllowNetwork {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, trellis.Errorf(trellis.Invalid, "allow_network: %q is not a network such as 10.0.0.0/8", n)
		}
		allow = append(allow, p)
	}
	cfg.Egress = egress.Config{Allow: allow}
	if c.Retention != "" {
		d, err := time.ParseDuration(c.Retention)
		if err != nil {
			return nil, trellis.Errorf(trellis.Invalid, "retention: %q is not a duration such as 2160h", c.Retention)
		}
		cfg.Retention = d
	}
	if key := os.Getenv("TRELLIS_MASTER_KEY"); key != "" {
		k, err := secret.Parse(key)
		if err != nil {
			return nil, fmt.Errorf("TRELLIS_MASTER_KEY: %w", err)
		}
		cfg.Key = k
	}
	return app.New(e.ctx, cfg)
}

type migrateCmd struct {
	Config string `short:"c" type:"existingfile" help:"Configuration file (TOML)."`
}

func (m *migrateCmd) Run(e *env) error {
	cfg, err := (&serveCmd{m.Config}).read()
	if err != nil {
		return err
	}
	a, err := cfg.open(e)
	if err != nil {
		return err
	}
	e.say("The data in %s is up to date.", cfg.Dir)
	return a.Close()
}
