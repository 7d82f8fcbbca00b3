package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/testkit/pipe"
	"github.com/trellis-learning/trellis/internal/web"
)

// people knows the tokens "TENANT-ROLE", for the tenants demo, other and _.
type people struct{ down error }

func (p people) Authenticate(_ context.Context, _, token string) (trellis.Actor, error) {
	if p.down != nil {
		return trellis.Actor{}, p.down
	}
	tenant, role, ok := strings.Cut(token, "-")
	if !ok || tenant != "demo" && tenant != "other" && tenant != "_" {
		return trellis.Actor{}, trellis.Errorf(trellis.Denied, "no token %s", token)
	}
	return trellis.Actor{Tenant: tenant, ID: "7", Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: role}}}, nil
}

type tenants struct{ down error }

func (tenants) TenantOfHost(_ context.Context, host string) (string, bool) {
	tenant, ok := strings.CutSuffix(host, ".example.org")
	return tenant, ok
}

func (t tenants) TenantExists(_ context.Context, name string) (bool, error) {
	return name == "demo" || name == "other" || name == "_", t.down
}

// logs is a log that tests read while the server writes it.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func config() web.Config { return web.Config{Authenticator: people{}, Tenants: tenants{}} }

// newServer returns a server of the routes, which are given names if they have none.
func newServer(t testing.TB, cfg web.Config, routes ...web.Route) *web.Server {
	t.Helper()
	s := web.New(cfg)
	for i := range routes {
		if routes[i].Name == "" {
			routes[i].Name = fmt.Sprint("route ", i)
		}
	}
	if err := s.Mount(routes...); err != nil {
		t.Fatal(err)
	}
	return s
}

// patience is how long is waited for what has to come.
const patience = time.Minute

// start serves s on a real listener, until the test ends or stop is called,
// which returns the error of Serve.
func start(t testing.TB, s *web.Server) (addr string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), serve(t, s, l)
}

// serve serves s on l, until the test ends or stop is called.
func serve(t testing.TB, s *web.Server, l net.Listener) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-served:
			return err
		case <-time.After(patience):
			return errors.New("the server does not stop")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

// bubble runs a test in time of its own, in which seconds take no time and a busy
// machine is as fast as any.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	dated.Do(func() { call(t, newServer(t, config()), "GET", "/healthz", "") })
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) }) // fasthttp's goroutines look every ten seconds whether it has stopped
		f(t)
	})
}

// dated is when fasthttp has begun to keep the date, for ever: that must be outside
// of a bubble, which would never end.
var dated sync.Once

// begin serves s within the process, for a test in a bubble.
func begin(t *testing.T, s *web.Server) (l *pipe.Listener, stop func() error) {
	t.Helper()
	l = pipe.Listen()
	return l, serve(t, s, l)
}

// connect opens a connection within the process.
func connect(t *testing.T, l *pipe.Listener) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, bufio.NewReader(c)
}

// call asks s without a connection.
func call(t testing.TB, s *web.Server, method, target, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body = http.NoBody
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.App().Test(req, int(patience.Milliseconds()))
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

func problemOf(t testing.TB, raw string) (p web.Problem) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		t.Fatalf("%q is no problem: %v", raw, err)
	}
	return p
}

// dial opens a connection that gives up in the end.
func dial(t testing.TB, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// response reads an answer and its body.
func response(t testing.TB, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func whoami(c *fiber.Ctx) error {
	a := trellis.ActorFrom(web.Context(c))
	return web.JSON(c, 200, a.Tenant+" "+a.String())
}

// TestServeStops: what is under way is answered, and waited for no longer than that.
func TestServeStops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const work = 2 * time.Second
		seen := make(chan error, 1)
		s := newServer(t, config(), web.Route{Method: "GET", Path: "/slow", Public: true, Handle: func(c *fiber.Ctx) error {
			time.Sleep(work)
			seen <- web.Context(c).Err()
			return web.JSON(c, 200, "done")
		}})
		l, stop := begin(t, s)

		_, _ = connect(t, l) // one that never asks anything
		idle, idleReader := connect(t, l)
		send(t, idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if res, _ := response(t, idleReader); res.StatusCode != 200 {
			t.Fatalf("healthz: %d", res.StatusCode)
		}
		busy, busyReader := connect(t, l)
		began := time.Now()
		send(t, busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		if _, err := idleReader.ReadByte(); err != io.EOF || time.Since(began) != 0 { // the idle one is closed while the busy one goes on
			t.Errorf("idle connection: %v, after %v", err, time.Since(began))
		}
		res, body := response(t, busyReader)
		if res.StatusCode != 200 || body != `"done"` || !res.Close {
			t.Errorf("the request under way got %d %s, close %v", res.StatusCode, body, res.Close)
		}
		if err := <-seen; err != nil {
			t.Errorf("the context of the request under way: %v", err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != work {
			t.Errorf("stopping took %v, and there was work for %v", took, work)
		}
		if _, err := l.Dial(t.Context()); err == nil {
			t.Error("it still listens")
		}
	})
}

func TestServeCutsOffAfterTheGrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := config()
		cfg.Grace = 3 * time.Second
		s := newServer(t, cfg, web.Route{Method: "GET", Path: "/slow", Public: true, Handle: func(c *fiber.Ctx) error {
			<-web.Context(c).Done()
			return web.Context(c).Err()
		}})
		l, stop := begin(t, s)
		c, r := connect(t, l)
		send(t, c, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		began := time.Now()
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		if res, _ := response(t, r); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, header %v", res.StatusCode, res.Header)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != cfg.Grace {
			t.Errorf("cut off after %v, want %v", took, cfg.Grace)
		}
	})
}

func TestServeWhenItIsOverAlready(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := newServer(t, config()).Serve(ctx, l); err != nil {
		t.Error(err)
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	proxy := config()
	proxy.TrustedProxies = []string{"10.0.0.0/8", "nginx"}
	for _, tt := range []struct {
		name, want string
		cfg        web.Config
	}{
		{"a proxy", `"nginx" is neither`, proxy},
		{"nobody who knows", "an authenticator", web.Config{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := web.New(tt.cfg)
			if err := s.Mount(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Mount: %v", err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Serve: %v", err)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	cfg := config()
	cfg.Timeout = 20 * time.Millisecond
	s := newServer(t, cfg, web.Route{Method: "GET", Path: "/slow", Public: true, Handle: func(c *fiber.Ctx) error {
		<-web.Context(c).Done()
		return fmt.Errorf("wait: %w", web.Context(c).Err())
	}})
	res, raw := call(t, s, "GET", "/slow", "")
	if p := problemOf(t, raw); res.StatusCode != 503 || p.Kind != trellis.Unavailable || strings.Contains(raw, "wait") {
		t.Errorf("%d %s", res.StatusCode, raw)
	}
}

func TestHealth(t *testing.T) {
	var ready error
	var log logs
	s := newServer(t, web.Config{
		Authenticator: people{errors.New("down")}, Tenants: tenants{errors.New("down")},
		Ready: func(context.Context) error { return ready }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	// Neither a token nor a tenant matters to those who ask whether it works.
	if res, raw := call(t, s, "GET", "/healthz", "", "Authorization", "Bearer x", "Trellis-Tenant", "none"); res.StatusCode != 200 {
		t.Errorf("healthz: %d %s", res.StatusCode, raw)
	}
	if res, _ := call(t, s, "GET", "/readyz", ""); res.StatusCode != 200 {
		t.Errorf("readyz: %d", res.StatusCode)
	}
	ready = errors.New("password of the database is wrong")
	if res, raw := call(t, s, "GET", "/readyz", ""); res.StatusCode != 503 || strings.Contains(raw, "password") {
		t.Errorf("readyz: %d %s", res.StatusCode, raw)
	}
	if !strings.Contains(log.String(), "password of the database") {
		t.Error("nobody learns why it is not ready")
	}
}
