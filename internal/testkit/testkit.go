// Package testkit starts a whole platform for a test: the real store, the real
// sandbox, the real bus, in a directory of the test's own.
package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
)

// Platform is a running platform.
type Platform struct {
	*app.App
	URL        string
	ContentURL string // address of the second origin; "" if there is none
	stop       func()
}

// Start starts a platform, which stops when the test ends. Where cfg has no
// directory it gets one of the test's own.
func Start(t testing.TB, cfg app.Config) *Platform {
	t.Helper()
	return start(t, cfg, listen(t, "127.0.0.1"), nil)
}

// StartPages starts a platform as browsers find it: with a second origin, under
// this machine's other name, and pages that know where they are.
func StartPages(t testing.TB, cfg app.Config) *Platform {
	t.Helper()
	pages, content := listen(t, "127.0.0.1"), listen(t, "localhost")
	cfg.PublicURL = "http://" + pages.Addr().String()
	_, port, err := net.SplitHostPort(content.Addr().String())
	must(t, err)
	cfg.ContentURL = "http://localhost:" + port
	return start(t, cfg, pages, content)
}

func listen(t testing.TB, host string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	must(t, err)
	return l
}

func start(t testing.TB, cfg app.Config, listener, content net.Listener) *Platform {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Quotas == (hostapi.Quotas{}) {
		cfg.Quotas = hostapi.Quotas{Reads: -1, Writes: -1, Fetches: -1}
	}
	if cfg.Filters == 0 { // what a test decides is not how busy the machine is
		cfg.Filters = Patience
	}
	if cfg.Modules.Time == 0 {
		cfg.Modules.Time = Patience
	}
	cfg.Unsigned = true
	a, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, listener, content) }()
	p := &Platform{App: a, URL: "http://" + listener.Addr().String(), ContentURL: cfg.ContentURL}
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the platform stopped: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("the platform did not close: %v", err)
		}
	}
	t.Cleanup(p.stop)
	return p
}

// Stop stops the platform before the test ends.
func (p *Platform) Stop() { p.stop() }

// Tenant makes a tenant with a course and returns a context in which the system
// acts there.
func (p *Platform) Tenant(t testing.TB, name string) context.Context {
	t.Helper()
	must(t, second(p.Learning.PutTenant(app.System(t.Context(), trellis.PlatformTenant), learning.PutTenant{Name: name, Title: name})))
	return app.System(t.Context(), name)
}

// Course makes a course.
func (p *Platform) Course(t testing.TB, ctx context.Context, key string) string {
	t.Helper()
	must(t, second(p.Learning.CreateCourse(ctx, learning.CreateCourse{Key: key, Title: key})))
	return key
}

// Person makes somebody with roles and returns the ID and a token.
func (p *Platform) Person(t testing.TB, ctx context.Context, username string, roles ...learning.Assign) (id, token string) {
	t.Helper()
	person, err := p.Learning.Register(ctx, learning.Register{Username: username, Name: strings.ToUpper(username[:1]) + username[1:], Email: username + "@example.org"})
	must(t, err)
	for _, r := range roles {
		r.Person = person.ID
		must(t, second(p.Learning.AssignRole(ctx, r)))
	}
	key, err := p.Learning.CreateToken(ctx, learning.CreateToken{Person: person.ID, Name: "test"})
	must(t, err)
	return person.ID, key.Key
}

// Operator makes an operator of the platform and returns the token.
func (p *Platform) Operator(t testing.TB) string {
	t.Helper()
	_, token := p.Person(t, app.System(t.Context(), trellis.PlatformTenant), "operator", learning.Assign{Role: trellis.RoleOperator})
	return token
}

// Bundle returns the zip of an extension.
func Bundle(t testing.TB, manifest map[string]any, module []byte) []byte {
	t.Helper()
	raw, err := json.Marshal(manifest)
	must(t, err)
	b, err := bundle.Make(map[string][]byte{"extension.json": raw, "main.wasm": module})
	must(t, err)
	var zip bytes.Buffer
	must(t, b.Write(&zip))
	return zip.Bytes()
}

// Install installs a bundle and enables it with all that it asks for.
func (p *Platform) Install(t testing.TB, ctx context.Context, zip []byte, course string, settings any) extensions.Extension {
	t.Helper()
	x, err := p.Registry.Install(ctx, zip, extensions.Scope{})
	must(t, err)
	in := extensions.Enable{ID: x.ID, Course: course, Grants: []string{"*"}}
	if settings != nil {
		in.Settings, err = json.Marshal(settings)
		must(t, err)
	}
	x, err = p.Registry.Enable(ctx, in)
	must(t, err)
	return x
}

// Module returns a built guest from testdata/wasm, or from the runtime's.
func Module(t testing.TB, name string) []byte {
	t.Helper()
	for _, dir := range []string{"testdata/wasm", "runtime/testdata"} {
		raw, err := os.ReadFile(filepath.Join(Root(t), dir, name+".wasm"))
		if err == nil {
			return raw
		}
	}
	t.Fatalf("there is no guest %s", name)
	return nil
}

// Root returns the root of the module.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	must(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("go.mod not found")
	return ""
}

// Do sends a request, with JSON, as the owner of a token and returns the status and the body.
func (p *Platform) Do(t testing.TB, token, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, strings.NewReader(body))
	must(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(raw)
}

// Patience is how long a test waits for what has to come. It decides nothing but
// when to give up, so it is far longer than the slowest machine needs.
const Patience = 5 * time.Minute

// Eventually waits until ok, and fails the test if that takes longer than [Patience].
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Events returns the events of a tenant, of a type if one is named.
func (p *Platform) Events(t testing.TB, ctx context.Context, typ string) []trellis.Event {
	t.Helper()
	events, err := p.DB.Log().Find(ctx, 0, 1_000_000, typ, "", "")
	must(t, err)
	return events
}

func second[T any](_ T, err error) error { return err }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("%w (%s)", err, trellis.KindOf(err)))
	}
}
