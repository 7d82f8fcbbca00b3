package learning_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// filters is the chain of a test: a function per type; without one it passes.
type filters struct {
	mu    sync.Mutex
	by    map[string]func(trellis.Question) ([]byte, error)
	asked []trellis.Question
}

func (f *filters) Filter(_ context.Context, q trellis.Question) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	if by, ok := f.by[q.Type]; ok {
		return by(q)
	}
	return q.Data, nil
}

// on says what becomes of the questions of a type.
func (f *filters) on(typ string, by func(trellis.Question) ([]byte, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by[typ] = by
}

// count returns how many questions of a type were asked.
func (f *filters) count(typ string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range f.asked {
		if q.Type == typ {
			n++
		}
	}
	return n
}

func refuse(q trellis.Question) ([]byte, error) {
	return nil, &trellis.Refusal{Extension: "test.policy", Filter: q.Type, Code: "no", Message: "No."}
}

// replacing is a filter that writes one text in place of another.
func replacing(old, by string) func(trellis.Question) ([]byte, error) {
	return func(q trellis.Question) ([]byte, error) {
		return bytes.Replace(q.Data, []byte(old), []byte(by), 1), nil
	}
}

// core is a core on a store of its own, with the doors of its operations.
type core struct {
	*learning.Learning
	db      *store.DB
	filters *filters
	api     *hostapi.API
	path    string
	logged  *bytes.Buffer
}

func newCore(t testing.TB) *core {
	t.Helper()
	c := &core{filters: &filters{by: map[string]func(trellis.Question) ([]byte, error){}}, path: t.TempDir() + "/core.db", logged: &bytes.Buffer{}}
	var err error
	c.db, err = store.Open(t.Context(), store.Config{Path: c.path})
	must(t, err)
	t.Cleanup(func() {
		if err := c.db.Close(); err != nil {
			t.Error(err)
		}
	})
	logger := slog.New(slog.NewTextHandler(c.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Learning, err = learning.New(t.Context(), learning.Config{DB: c.db, Filters: c.filters, Logger: logger})
	must(t, err)
	c.api, err = hostapi.New(hostapi.Config{Operations: c.Operations(), Quotas: hostapi.Quotas{Reads: -1, Writes: -1}})
	must(t, err)
	for _, tenant := range []string{"acme", "other"} {
		_, err := c.PutTenant(system(t, trellis.PlatformTenant), learning.PutTenant{Name: tenant, Title: tenant})
		must(t, err)
	}
	return c
}

// as is a context in which somebody acts in the tenant acme.
func as(t testing.TB, a trellis.Actor) context.Context {
	if a.Tenant == "" {
		a.Tenant = "acme"
	}
	return trellis.WithActor(t.Context(), a)
}

func system(t testing.TB, tenant string) context.Context {
	return as(t, trellis.Actor{Tenant: tenant, ID: "test", Kind: trellis.SystemActor})
}

// person is somebody who has the role of a learner, and others.
func person(id string, roles ...trellis.Role) trellis.Actor {
	return trellis.Actor{Tenant: "acme", ID: id, Kind: trellis.PersonActor, Roles: append([]trellis.Role{{Name: trellis.RoleLearner}}, roles...)}
}

// operator runs the platform, and acts in acme.
func operator() trellis.Actor {
	return person("operator", trellis.Role{Name: trellis.RoleOperator})
}

func admin() trellis.Actor { return person("admin", trellis.Role{Name: trellis.RoleTenantAdmin}) }

func staff(id, course string) trellis.Actor {
	return person(id, trellis.Role{Name: trellis.RoleStaff, Course: course})
}

// narrowed is an actor whose token has these scopes only.
func narrowed(a trellis.Actor, scopes ...string) trellis.Actor {
	a.Scopes = append([]string{}, scopes...)
	return a
}

// someone makes a person in the tenant of ctx.
func (c *core) someone(t testing.TB, ctx context.Context, username string) learning.Person {
	t.Helper()
	p, err := c.Register(ctx, learning.Register{Username: username, Name: strings.ToUpper(username), Email: username + "@example.org"})
	must(t, err)
	return p
}

// course makes a course in the tenant of ctx.
func (c *core) course(t testing.TB, ctx context.Context, key string) string {
	t.Helper()
	_, err := c.CreateCourse(ctx, learning.CreateCourse{Key: key, Title: "Title of " + key})
	must(t, err)
	return key
}

// events returns what happened in the tenant of ctx, of a type if one is named.
func (c *core) events(t testing.TB, ctx context.Context, typ string) []trellis.Event {
	t.Helper()
	all, err := c.db.Log().Find(ctx, 0, 100_000, typ, "", "")
	must(t, err)
	return all
}

// types returns the types of what happened after the first n events.
func (c *core) types(t testing.TB, ctx context.Context, n int) (types []string) {
	t.Helper()
	for _, e := range c.events(t, ctx, "")[n:] {
		types = append(types, e.Type)
	}
	return types
}

// do performs an operation as somebody who comes by HTTP.
func (c *core) do(t testing.TB, a trellis.Actor, operation string, in any) (string, error) {
	t.Helper()
	raw, ok := in.(string)
	if !ok {
		b, err := json.Marshal(in)
		must(t, err)
		raw = string(b)
	}
	out, err := c.api.Serve(as(t, a), hostapi.HTTPDoor, operation, []byte(raw))
	return string(out), err
}

func kind(err error) trellis.Kind { return trellis.KindOf(err) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, trellis.KindOf(err))
	}
}

func ptr[T any](v T) *T { return &v }

const (
	goCourse   = "course-v1:arts+Go+1"
	rustCourse = "course-v1:arts+Rust+1"
	mathCourse = "course-v1:science+Math+1"
)

// failing is a change that fails.
func failing(err error) func(context.Context, *store.Tx) error {
	return func(context.Context, *store.Tx) error { return err }
}
