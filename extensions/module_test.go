package extensions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// crowd installs and enables n extensions with a module each in the tenant a, as
// rows and blobs: by the operations it would take minutes. The bundles of those that
// are not called are not stored.
func (r *rig) crowd(t testing.TB, n int, called func(i int) bool) {
	t.Helper()
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x0", "1.0.0", nil), "")
	r.enable(t, a, "acme.x0", "", "")
	type row struct{ id, digest, bundle, manifest string }
	rows := make([]row, n)
	for i := range rows[1:] {
		name := fmt.Sprintf("acme.x%d", i+1)
		zip := pack(t, name, "1.0.0", nil, map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer(strconv.Itoa(i + 1)) }})
		b, err := read(zip)
		must(t, err)
		held := strings.Repeat("0", 64)
		if called(i + 1) {
			held, _, err = r.blobs.Put(a, bytes.NewReader(zip), bundle.MaxSize)
			must(t, err)
		}
		manifest, err := json.Marshal(manifestOf(name, "1.0.0", nil))
		must(t, err)
		rows[i+1] = row{trellis.NewID(), b.Digest, held, string(manifest)}
	}
	must(t, r.db.Write(a, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		for i, v := range rows[1:] {
			for _, stmt := range []struct {
				text string
				args []any
			}{
				{`INSERT INTO installations (tenant, id, extension, level, scope, version, previous, pending, state, reason, created, event)
					SELECT tenant, ?, ?, level, scope, version, previous, pending, state, reason, created, event FROM installations WHERE extension = 'acme.x0'`,
					[]any{v.id, fmt.Sprintf("acme.x%d", i+1)}},
				{`INSERT INTO extension_versions (tenant, installation, version, digest, bundle, manifest, signer, installed, installed_by)
					VALUES ('a', ?, '1.0.0', ?, ?, ?, '', 0, '')`, []any{v.id, v.digest, v.bundle, v.manifest}},
				{`INSERT INTO enablements (tenant, level, scope, installation, state, locked, settings, grants, asked_by, approval, position, updated)
					SELECT tenant, level, scope, ?, state, locked, settings, grants, asked_by, approval, position, updated FROM enablements`, []any{v.id}},
			} {
				if i > 0 && strings.Contains(stmt.text, "enablements") {
					stmt.text += ` LIMIT 1`
				}
				if _, err := tx.Exec(ctx, stmt.text, stmt.args...); err != nil {
					return err
				}
			}
		}
		_, err := tx.Exec(ctx, `UPDATE registry_version SET value = value + 1 WHERE name = 'extensions'`)
		return err
	})))
}

// A server that has a thousand extensions installed starts without loading one: the
// first call of each loads it.
func TestThousandStartLazily(t *testing.T) {
	r := newRig(t, nil)
	r.crowd(t, 1000, func(i int) bool { return i == 500 || i == 999 })
	again := newRigOn(t, r.dir, r.cfg.Runtime, nil, nil)
	if n, bytes := again.Loaded(); n != 0 || bytes != 0 {
		t.Errorf("at the start %d modules of %d bytes are loaded", n, bytes)
	}
	a := admin(t, "a")
	hooks := again.Filters(a, asked.Name(), "")
	if len(hooks) != 1000 {
		t.Fatalf("%d hooks", len(hooks))
	}
	for i, at := range []int{999, 0, 500, 999} {
		want := strings.TrimPrefix(hooks[at].Extension(), "acme.x")
		if _, err := hooks[at].Call(a, extensions.Call{In: []byte(`{}`), Read: func(out []byte) error {
			if string(out) != want && want != "0" {
				t.Errorf("%s answered %s", hooks[at].Extension(), out)
			}
			return nil
		}}); err != nil {
			t.Error(err)
		}
		if n, _ := again.Loaded(); n != min(i+1, 3) {
			t.Errorf("after call %d %d modules are loaded", i, n)
		}
	}
}

// Modules are let go of, the one first that was called longest ago, and nobody who
// calls them notices.
func TestModulesAreUnloaded(t *testing.T) {
	const bound = 1100 << 10 // some four of them
	r := newRig(t, func(c *extensions.Config) { c.Modules.Loaded = bound })
	r.crowd(t, 12, func(int) bool { return true })
	again := newRigOn(t, r.dir, r.cfg.Runtime, nil, func(c *extensions.Config) { c.Modules.Loaded = bound })
	a := admin(t, "a")
	hooks := again.Filters(a, asked.Name(), "")
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 60 {
				h := hooks[(i*(n+1))%len(hooks)]
				want := strings.TrimPrefix(h.Extension(), "acme.x")
				if _, err := h.Call(a, extensions.Call{In: []byte(`{}`), Read: func(out []byte) error {
					if string(out) != want && want != "0" {
						t.Errorf("%s answered %s", h.Extension(), out)
					}
					return nil
				}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, err := hooks[3].Call(a, extensions.Call{In: []byte(`{}`)})
	must(t, err)
	n, bytes := again.Loaded()
	if n == 0 || n > 5 || bytes > bound {
		t.Errorf("%d modules of %d bytes are loaded, of %d", n, bytes, bound)
	}
}

// What people wait for is loaded before they call it: when it is enabled, on every
// node, and after a start.
func TestWarming(t *testing.T) {
	r := newRig(t, nil)
	other := newRigOn(t, r.dir, r.cfg.Runtime, nil, func(c *extensions.Config) { c.Poll = 10 * time.Millisecond })
	r.run(t, nil)
	other.run(t, nil)
	a := admin(t, "a")
	loaded := func(of *rig) int { n, _ := of.Loaded(); return n }
	quiet := map[string]any{"filters": []any{}, "jobs": []any{map[string]any{"name": "tidy", "call": "check"}}}
	r.install(t, a, pack(t, "acme.quiet", "1.0.0", quiet), "")
	r.enable(t, a, "acme.quiet", "", "")
	r.install(t, a, pack(t, "acme.off", "1.0.0", map[string]any{"title": "Off"}), "")
	r.install(t, a, pack(t, "acme.door", "1.0.0", nil), "")
	if n := loaded(r) + loaded(other); n != 0 {
		t.Fatalf("%d modules are loaded that nobody needs", n)
	}
	r.enable(t, a, "acme.door", "", "")
	for name, of := range map[string]*rig{"here": r, "on another node": other} {
		eventually(t, "the module is loaded "+name, func() bool { return loaded(of) > 0 })
		if n := loaded(of); n != 1 {
			t.Errorf("%s %d modules are loaded", name, n)
		}
	}
	late := newRigOn(t, r.dir, r.cfg.Runtime, nil, nil)
	if n := loaded(late); n != 0 {
		t.Errorf("%d modules are loaded before anything runs", n)
	}
	late.run(t, nil)
	eventually(t, "the module is loaded after a start", func() bool { return loaded(late) == 1 })
}

// Nobody waits longer for a module than a call may, and it is loaded all the same:
// compiling may take minutes. Whoever closes the registry does not wait for it either.
func TestLoadingIsNotWaitedFor(t *testing.T) {
	r := newRig(t, nil)
	r.crowd(t, 2, func(int) bool { return true })
	self, err := os.Executable()
	must(t, err)
	late := func(begin string) *rig {
		argv := []string{self, "late-child", begin, "-memory", "0"}
		if emulator := os.Getenv("TRELLIS_EMULATOR"); emulator != "" {
			argv = append([]string{emulator}, argv...)
		}
		rt, err := runtime.New(t.Context(), runtime.Config{Compiler: argv})
		must(t, err)
		t.Cleanup(func() { must(t, rt.Close(context.Background())) })
		return newRigOn(t, r.dir, rt, nil, nil)
	}
	begin := filepath.Join(t.TempDir(), "begin")
	for name, slow := range map[string]*rig{"begins late": late(begin), "never begins": late(filepath.Join(t.TempDir(), "never"))} {
		t.Run(name, func(t *testing.T) {
			a := admin(t, "a")
			hook := slow.Filters(a, asked.Name(), "")[1]
			for range 2 {
				_, err := hook.Call(a, extensions.Call{In: []byte(`{}`), Wait: 10 * time.Millisecond})
				kind(t, "a call with little patience", err, trellis.Unavailable, "was not loaded within 10ms")
			}
			gone, cancel := context.WithCancel(a)
			cancel()
			if _, err := hook.Call(gone, extensions.Call{In: []byte(`{}`)}); !errors.Is(err, context.Canceled) {
				t.Errorf("a call whose caller has gone: %v", err)
			}
			if name == "never begins" {
				must(t, slow.Close(context.Background()))
				_, err := hook.Call(a, extensions.Call{In: []byte(`{}`)})
				kind(t, "a call after closing", err, trellis.Unavailable)
				return
			}
			must(t, os.WriteFile(begin, nil, 0o600))
			eventually(t, "the module is loaded", func() bool { n, _ := slow.Loaded(); return n == 1 })
			_, err := hook.Call(a, extensions.Call{In: []byte(`{}`)})
			must(t, err)
		})
	}
}

// A module that exceeds a bound is refused with what an operator can do about it.
func TestBoundsAreNamed(t *testing.T) {
	rt, err := runtime.New(t.Context(), runtime.Config{Accept: runtime.Accept{Module: 100}})
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	r := newRigOn(t, t.TempDir(), rt, nil, func(c *extensions.Config) {
		c.Modules.Raise = func(limit string) string { return "raise " + limit + " there" }
	})
	zip := pack(t, "acme.x", "1.0.0", nil)
	_, err = r.Install(admin(t, "a"), zip, extensions.Scope{})
	kind(t, "install", err, trellis.Invalid, "main.wasm: module of ", "exceeds the limit of 100; raise module there")
	seen, err := r.Inspect(admin(t, "a"), zip, extensions.Scope{})
	must(t, err)
	if len(seen.Faults) != 1 || !strings.HasSuffix(seen.Faults[0].Message, "; raise module there") {
		t.Errorf("inspected: %+v", seen.Faults)
	}
}

// BenchmarkThousandInstalled is how long a node takes to know what is installed,
// and the first call of something, where a thousand extensions are.
func BenchmarkThousandInstalled(b *testing.B) {
	dir := b.TempDir()
	rt, err := runtime.New(b.Context(), runtime.Config{Cache: dir + "/cache"})
	must(b, err)
	defer func() { must(b, rt.Close(context.Background())) }()
	r := newRigOn(b, dir, rt, nil, nil)
	r.crowd(b, 1000, func(int) bool { return true })
	before := resident(b)
	var first time.Duration
	for b.Loop() {
		again, err := extensions.New(b.Context(), r.cfg)
		must(b, err)
		began := time.Now()
		_, err = again.Filters(admin(b, "a"), asked.Name(), "")[7].Call(admin(b, "a"), extensions.Call{In: []byte(`{}`)})
		must(b, err)
		first += time.Since(began)
		must(b, again.Close(context.Background()))
	}
	b.ReportMetric(float64(first.Microseconds())/1000/float64(b.N), "first-call-ms")
	b.ReportMetric(float64(resident(b)-before)/(1<<20), "more-MiB")
	last, err := extensions.New(b.Context(), r.cfg)
	must(b, err)
	before = resident(b)
	for _, h := range last.Filters(admin(b, "a"), asked.Name(), "") {
		_, err := h.Call(admin(b, "a"), extensions.Call{In: []byte(`{}`)})
		must(b, err)
	}
	n, bytes := last.Loaded()
	b.ReportMetric(float64(resident(b)-before)/1024/float64(n), "KiB/loaded")
	b.ReportMetric(float64(bytes)/1024/float64(n), "counted-KiB/loaded")
	must(b, last.Close(context.Background()))
}

// resident returns how much memory this process has, 0 where that cannot be told.
func resident(b *testing.B) int64 {
	debug.FreeOSMemory()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	must(b, err)
	return pages * int64(os.Getpagesize())
}
