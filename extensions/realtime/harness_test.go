package realtime_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/realtime"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit/pipe"
	"github.com/trellis-learning/trellis/internal/web"
)

// log is a source in memory: the events of one tenant, from a position on.
type log struct {
	mu     sync.Mutex
	events []trellis.Event
	oldest uint64
	moved  chan struct{}
}

func newLog() *log { return &log{moved: make(chan struct{}), oldest: 1} }

func (l *log) add(events ...trellis.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		e.Position = uint64(len(l.events)) + 1
		e.ID, e.Tenant = fmt.Sprint("e", e.Position), "demo"
		if e.Data == nil {
			e.Data = json.RawMessage(`{}`)
		}
		l.events = append(l.events, e)
	}
	close(l.moved)
	l.moved = make(chan struct{})
}

func (l *log) trim(oldest uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.oldest = oldest
}

func (l *log) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.events))
}

func (l *log) after(from uint64) ([]trellis.Event, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from+1 < l.oldest {
		return nil, nil, store.ErrTrimmed
	}
	if from > uint64(len(l.events)) {
		from = uint64(len(l.events))
	}
	return slices.Clone(l.events[from:]), l.moved, nil
}

func (l *log) Follow(ctx context.Context, from uint64, pattern string, h func(context.Context, trellis.Event) error) error {
	for {
		events, moved, err := l.after(from)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := h(ctx, e); err != nil {
				return err
			}
			from = e.Position
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-moved:
		}
	}
}

// keys are the tokens that work.
type keys struct {
	mu     sync.Mutex
	actors map[string]trellis.Actor
	down   error
	tell   chan struct{} // that something has changed
}

func (k *keys) Watch(string, string) (<-chan struct{}, func()) { return k.tell, func() {} }

func newKeys() *keys {
	person := func(id string, roles ...trellis.Role) trellis.Actor {
		return trellis.Actor{Tenant: "demo", ID: id, Kind: trellis.PersonActor, Roles: roles}
	}
	operator := person("olivia", trellis.Role{Name: trellis.RoleOperator})
	operator.Tenant = trellis.PlatformTenant
	narrow := person("nina", trellis.Role{Name: trellis.RoleTenantAdmin})
	narrow.Scopes = []string{"events:read"}
	return &keys{tell: make(chan struct{}), actors: map[string]trellis.Actor{
		"admin": person("ada", trellis.Role{Name: trellis.RoleTenantAdmin}), "learner": person("lena", trellis.Role{Name: trellis.RoleLearner}),
		"staff": person("sam", trellis.Role{Name: trellis.RoleStaff, Course: here}), "operator": operator, "nobody": person("noel"), "narrow": narrow,
	}}
}

func (k *keys) set(token string, change func(map[string]trellis.Actor)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k.actors)
}

func (k *keys) Authenticate(_ context.Context, tenant, token string) (trellis.Actor, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.actors[token]
	if k.down != nil {
		return trellis.Actor{}, k.down
	}
	if !ok || tenant != "" && tenant != a.Tenant && !(a.Tenant == trellis.PlatformTenant && a.Is(trellis.RoleOperator)) {
		return trellis.Actor{}, trellis.Errorf(trellis.Denied, "no such token")
	}
	return a, nil
}

func (k *keys) TenantOfHost(context.Context, string) (string, bool)       { return "", false }
func (k *keys) TenantExists(_ context.Context, name string) (bool, error) { return name == "demo", nil }

// filler knows one name.
type filler struct{}

func (filler) FillPeople(_ context.Context, _ reflect.Type, _ []byte, keep func(string) bool) ([]byte, error) {
	out := map[string]string{}
	for class, value := range map[string]string{"name": "Lena", "email": "lena@example.org"} {
		if keep(class) {
			out[class] = value
		}
	}
	return json.Marshal(out)
}

const (
	here  = "course-v1:A+Here+1"
	there = "course-v1:A+There+1"
	typ   = "org.example.happened.v1"
)

// platform is a server with streams over a log.
type platform struct {
	log    *log
	keys   *keys
	url    string
	client *http.Client
}

// start starts a platform on a real listener.
func start(t *testing.T, cfg realtime.Config, server web.Config) *platform {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, cfg, server, l, http.DefaultClient)
}

// begin starts one within the process, for a test in a bubble.
func begin(t *testing.T, cfg realtime.Config, server web.Config) (*platform, *pipe.Listener) {
	t.Helper()
	l := pipe.Listen()
	return serve(t, cfg, server, l, l.Client()), l
}

// bubble runs a test in time of its own, in which seconds take no time and a busy
// machine is as fast as any.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	dated.Do(func() { _, _ = web.New(web.Config{}).App().Test(httptest.NewRequest("GET", "/", nil), -1) })
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) }) // fasthttp's goroutines look every ten seconds whether it has stopped
		f(t)
	})
}

// dated is when fasthttp has begun to keep the date, for ever: that must be outside
// of a bubble, which would never end.
var dated sync.Once

func serve(t *testing.T, cfg realtime.Config, server web.Config, l net.Listener, client *http.Client) *platform {
	t.Helper()
	p := &platform{log: newLog(), keys: newKeys(), client: client}
	cfg.Source, cfg.Auth, cfg.People, cfg.Types = p.log, p.keys, filler{}, []trellis.Spec{{Name: typ}}
	server.Authenticator, server.Tenants = p.keys, p.keys
	s := web.New(server)
	if err := s.Mount(realtime.New(cfg).Routes()...); err != nil {
		t.Fatal(err)
	}
	p.url = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

// client follows a stream.
type client struct {
	t     *testing.T
	body  io.ReadCloser
	lines *bufio.Scanner
}

// message is one of a stream: with an event, or without for what only moves the id.
type message struct{ id, event, data string }

func (p *platform) ask(t *testing.T, token, query, last string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // to give up in the end
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/stream/sse"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "bearer "+token)
	}
	if token == "operator" {
		req.Header.Set("Trellis-Tenant", "demo")
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func (p *platform) follow(t *testing.T, token, query, last string) *client {
	t.Helper()
	res := p.ask(t, token, query, last)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		raw, _ := io.ReadAll(res.Body)
		t.Fatalf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), raw)
	}
	c := &client{t, res.Body, bufio.NewScanner(res.Body)}
	c.lines.Buffer(nil, 1<<20)
	if m, ok := c.next(); !ok || m != (message{}) {
		t.Fatalf("the stream begins with %+v", m)
	}
	return c
}

// next returns the next message; ok is false when the stream has ended.
func (c *client) next() (m message, ok bool) {
	for c.lines.Scan() {
		name, value, _ := strings.Cut(c.lines.Text(), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if c.lines.Text() == "" {
				return m, true
			}
		}
	}
	return m, false
}

// want reads events, past those that only keep the stream alive.
func (c *client) want(ids ...string) {
	c.t.Helper()
	for _, id := range ids {
		m, ok := c.next()
		for ok && m.event == "" {
			m, ok = c.next()
		}
		if !ok || m.id != id {
			c.t.Fatalf("got %+v, want the event %s", m, id)
		}
	}
}

func (c *client) ends(event string) {
	c.t.Helper()
	last := ""
	for m, ok := c.next(); ok; m, ok = c.next() {
		last = m.event
	}
	if err := c.lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		c.t.Fatalf("the stream did not end: %v", err)
	}
	if last != event {
		c.t.Errorf("the last event is %q, want %q", last, event)
	}
}
