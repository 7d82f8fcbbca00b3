package extensions_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// question is the payload of the tests' filter.
type question struct {
	Mode string `json:"mode"`
}

func (question) About() (person, course string) { return "", "" }

var (
	asked    = trellis.DefineFilter[question]("org.example.asked.v1", "Asked by tests.", trellis.Outcome{Name: "Prevent", Doc: "No."})
	happened = trellis.DefineEvent[question]("org.example.happened.v1", "Happens in tests.")
)

const (
	here  = "course-v1:A+Here+1"
	there = "course-v1:A+There+1"
)

// rig is a registry with what it needs, and its operations.
type rig struct {
	*extensions.Registry
	api   *hostapi.API
	db    *store.DB
	blobs *blob.Store
	dir   string
	cfg   extensions.Config
}

// lateHost lets guests call operations that are known only when all is there.
type lateHost struct{ api *hostapi.API }

func (l *lateHost) Call(ctx context.Context, operation string, in []byte) ([]byte, error) {
	return l.api.Call(ctx, operation, in)
}

func newRig(t *testing.T, change func(*extensions.Config)) *rig {
	t.Helper()
	return newRigAt(t, 0, change)
}

// newRigAt makes one where a second of guests' code is worth so many units of fuel;
// as many as the machine gets done if 0.
func newRigAt(t *testing.T, fuel uint64, change func(*extensions.Config)) *rig {
	t.Helper()
	host := &lateHost{}
	rt, err := runtime.New(t.Context(), runtime.Config{Host: host, FuelPerSecond: fuel})
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	return newRigOn(t, t.TempDir(), rt, host, change)
}

// newRigOn makes a registry in a directory, where there may be one already: of
// another node, or from before a restart.
func newRigOn(t testing.TB, dir string, rt *runtime.Runtime, host *lateHost, change func(*extensions.Config)) *rig {
	t.Helper()
	r := &rig{dir: dir}
	var err error
	r.db, err = store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "trellis.db")})
	must(t, err)
	t.Cleanup(func() { must(t, r.db.Close()) })
	r.blobs, err = blob.Open(filepath.Join(dir, "blobs"))
	must(t, err)
	key, err := secret.Open(filepath.Join(dir, "master.key"))
	must(t, err)
	r.cfg = extensions.Config{
		DB: r.db, Blobs: r.blobs, Key: key, Runtime: rt, Egress: egress.New(egress.Config{}), Unsigned: true, SelfService: []string{"kv", "users:read", "events:emit"},
		Known: bundle.Known{Filters: []trellis.Spec{asked.Spec()}, Events: append([]trellis.Spec{happened.Spec()}, extensions.Events()...)},
	}
	if change != nil {
		change(&r.cfg)
	}
	r.Registry, err = extensions.New(t.Context(), r.cfg)
	must(t, err)
	t.Cleanup(func() { must(t, r.Close(context.Background())) })
	r.api, err = hostapi.New(hostapi.Config{Operations: r.Operations(), Auditor: r.db, Quotas: hostapi.Quotas{Reads: -1, Writes: -1, Fetches: -1}})
	must(t, err)
	if host != nil {
		host.api = r.api
	}
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, trellis.KindOf(err))
	}
}

// kind holds an error against what it is to be.
func kind(t testing.TB, what string, err error, want trellis.Kind, words ...string) {
	t.Helper()
	if got := trellis.KindOf(err); got != want {
		t.Errorf("%s: kind = %q, want %q (%v)", what, got, want, err)
	}
	for _, w := range words {
		if err != nil && !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

// Who acts: the admin of a tenant, the staff of a course, the operator.
func admin(t testing.TB, tenant string) context.Context {
	return as(t, tenant, "admin", trellis.Role{Name: trellis.RoleTenantAdmin})
}

func staff(t testing.TB, tenant, course string) context.Context {
	return as(t, tenant, "staff", trellis.Role{Name: trellis.RoleStaff, Course: course})
}

func operator(t testing.TB) context.Context {
	return as(t, trellis.PlatformTenant, "op", trellis.Role{Name: trellis.RoleOperator})
}

func as(t testing.TB, tenant, id string, roles ...trellis.Role) context.Context {
	return trellis.WithActor(t.Context(), trellis.Actor{Tenant: tenant, ID: id, Kind: trellis.PersonActor, Roles: roles})
}

// manifestOf is a manifest with a filter, changed.
func manifestOf(id, version string, change map[string]any) map[string]any {
	m := map[string]any{"id": id, "version": version, "abi": 1, "title": id, "filters": []any{map[string]any{"on": asked.Name(), "call": "check"}}}
	for k, v := range change {
		m[k] = v
	}
	return m
}

// pack is a bundle whose guest answers {} to everything, unless there is another.
func pack(t testing.TB, id, version string, change map[string]any, code ...map[string]func(*testkit.Code)) []byte {
	t.Helper()
	exports := map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer("{}") }}
	for _, c := range code {
		for name, do := range c {
			exports[name] = do
		}
	}
	return testkit.Bundle(t, manifestOf(id, version, change), testkit.Guest(exports))
}

// archive is a bundle of whatever files, which nobody has looked at.
func archive(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range files {
		f, err := w.Create(name)
		must(t, err)
		_, err = f.Write(data)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func read(raw []byte) (*bundle.Archive, error) {
	return bundle.Read(bytes.NewReader(raw), int64(len(raw)))
}

func signed(t testing.TB, zip, key []byte) []byte {
	t.Helper()
	b, err := read(zip)
	must(t, err)
	priv, err := bundle.ParseKey(key)
	must(t, err)
	b.Sign(priv)
	var out bytes.Buffer
	must(t, b.Write(&out))
	return out.Bytes()
}

func (r *rig) install(t testing.TB, ctx context.Context, zip []byte, course string) extensions.Extension {
	t.Helper()
	x, err := r.Install(ctx, zip, extensions.Scope{Course: course})
	must(t, err)
	return x
}

func (r *rig) enable(t testing.TB, ctx context.Context, id, course string, settings string, grants ...string) extensions.Extension {
	t.Helper()
	x, err := r.Enable(ctx, extensions.Enable{ID: id, Course: course, Grants: append([]string{}, grants...), Settings: json.RawMessage(settings)})
	must(t, err)
	return x
}

// at returns where an extension is enabled in a course.
func at(t testing.TB, x extensions.Extension, course string) extensions.Enabling {
	t.Helper()
	i := slices.IndexFunc(x.Enabled, func(e extensions.Enabling) bool { return e.Course == course })
	if i < 0 {
		t.Fatalf("%s is nothing in %q: %+v", x.ID, course, x.Enabled)
	}
	return x.Enabled[i]
}

// call calls the only hook of the tests' filter in a course and returns its answer.
func (r *rig) call(ctx context.Context, course string) (answer string, err error) {
	hooks := r.Filters(ctx, asked.Name(), course)
	if len(hooks) == 0 {
		return "", trellis.Errorf(trellis.NotFound, "there is no hook in %q", course)
	}
	_, err = hooks[0].Call(ctx, extensions.Call{In: []byte(`{}`), Read: func(out []byte) error { answer = string(out); return nil }})
	return answer, err
}

// hooks returns which extensions are asked in a course.
func (r *rig) hooks(ctx context.Context, course string) []string {
	ids := []string{}
	for _, h := range r.Filters(ctx, asked.Name(), course) {
		ids = append(ids, h.Extension())
	}
	return ids
}

func (r *rig) events(t testing.TB, ctx context.Context, typ string) []trellis.Event {
	t.Helper()
	events, err := r.db.Log().Find(ctx, 0, 1000, typ, "", "")
	must(t, err)
	return events
}

// sql runs a statement behind the registry's back, as somebody with the database
// in hand could.
func (r *rig) sql(t testing.TB, ctx context.Context, stmt string, args ...any) {
	t.Helper()
	must(t, r.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, stmt, args...); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE registry_version SET value = value + 1 WHERE name = 'extensions'`)
		return err
	})))
}

func (r *rig) count(t testing.TB, ctx context.Context, table, where string, args ...any) (n int) {
	t.Helper()
	must(t, r.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+table+` WHERE `+where, args...).Scan(&n)
	}))
	return n
}

// audit returns the lines of the audit log for an operation, newest first.
func (r *rig) audit(t testing.TB, ctx context.Context, operation string) []store.Entry {
	t.Helper()
	lines, err := r.db.AuditLog(ctx, store.AuditQuery{Operation: operation})
	must(t, err)
	return lines
}

// run keeps the registry up to date while the test lasts.
func (r *rig) run(t testing.TB, source trellis.Source) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, source) }()
	t.Cleanup(func() { stop(); must(t, <-done) })
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	testkit.Eventually(t, what, ok)
	return time.Since(began)
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile-child" {
		os.Exit(runtime.CompileChild(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) > 2 && os.Args[1] == "late-child" {
		for tick := time.Tick(5 * time.Millisecond); ; <-tick {
			if _, err := os.Stat(os.Args[2]); err == nil {
				os.Exit(runtime.CompileChild(os.Args[3:], os.Stdin, os.Stdout, os.Stderr))
			}
		}
	}
	os.Exit(m.Run())
}
