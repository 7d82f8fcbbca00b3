// Package storetest is the contract of the store: whatever keeps the platform's
// data must pass it.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Run tests stores that open makes. Each call must open an empty one, and close
// it when the test ends.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, *store.DB)
	}{
		{"all or none", allOrNone},
		{"a failure takes nobody along", failureAlone},
		{"a cancelled caller takes nobody along", cancelledAlone},
		{"a panic takes nobody along", panicAlone},
		{"positions are dense and in order", densePositions},
		{"a repeated event is the first one", repeatedEvent},
		{"events need a tenant of their own", eventTenant},
		{"the log waits", logWaits},
		{"the log is trimmed", logTrimmed},
		{"audit is part of the write", auditInWrite},
		{"leases exclude", leases},
		{"reads do not write", readsDoNotWrite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := open(t)
			must(t, write(t, db, `CREATE TABLE things (tenant TEXT, id TEXT, n INTEGER, PRIMARY KEY (tenant, id))`))
			tt.test(t, db)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// As returns a context in which somebody of a tenant acts.
func As(ctx context.Context, tenant string) context.Context {
	return trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: "7", Kind: trellis.PersonActor})
}

func stmt(q string, args ...any) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, q, args...)
		return err
	})
}

func write(t *testing.T, db *store.DB, q string, args ...any) error {
	return db.Write(As(t.Context(), "demo"), stmt(q, args...))
}

func insert(id string) store.Change {
	return stmt(`INSERT INTO things (tenant, id, n) VALUES ('demo', ?, 1)`, id)
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	must(t, db.Read(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT COUNT(*) FROM things`).Scan(&n)
	}))
	return n
}

func emit(id string) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		e := trellis.NewEvent(ctx, "org.example.thing.made.v1", id, "", "", json.RawMessage(`{}`))
		e.ID = id
		return tx.Emit(ctx, e)
	})
}

func fail(err error) store.Change {
	return store.ChangeFunc(func(context.Context, *store.Tx) error { return err })
}

func allOrNone(t *testing.T, db *store.DB) {
	want := errors.New("no")
	err := db.Write(As(t.Context(), "demo"), insert("a"), emit("ev-a"), fail(want))
	if !errors.Is(err, want) {
		t.Fatalf("err = %v", err)
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows of a write that failed", n)
	}
	must(t, db.Write(As(t.Context(), "demo"), insert("a"), emit("ev-b"), insert("b")))
	events := eventually(t, db, 1)
	if n := count(t, db); n != 2 || events[0].ID != "ev-b" || events[0].Position != 1 {
		t.Errorf("%d rows, events %v", n, events)
	}
	if err := db.Write(As(t.Context(), "demo"), insert("a")); trellis.KindOf(err) != trellis.Conflict {
		t.Errorf("the same key twice: %v", err)
	}
}

// eventually returns the first n events of the log.
func eventually(t *testing.T, db *store.DB, n int) []trellis.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(store.Platform(t.Context()), 10*time.Second)
	defer cancel()
	must(t, db.Log().Wait(ctx, uint64(n-1)))
	events, err := db.Log().Read(ctx, 0, n+100)
	must(t, err)
	if len(events) != n {
		t.Fatalf("%d events, want %d", len(events), n)
	}
	return events
}

func failureAlone(t *testing.T, db *store.DB) {
	var wg sync.WaitGroup
	var failed, kept sync.Map
	for i := range 200 {
		wg.Go(func() {
			id := fmt.Sprint(i)
			changes := []store.Change{insert(id), emit("ev-" + id)}
			if i%3 == 0 {
				changes = append(changes, fail(errors.New("no")))
			}
			if err := db.Write(As(t.Context(), "demo"), changes...); err != nil {
				failed.Store(id, err)
			} else {
				kept.Store(id, true)
			}
		})
	}
	wg.Wait()
	want := 200 - 67
	if n := count(t, db); n != want {
		t.Errorf("%d rows, want %d", n, want)
	}
	for _, e := range eventually(t, db, want) {
		if _, ok := kept.Load(e.Subject); !ok && e.Subject != "" {
			if _, bad := failed.Load(e.Subject[3:]); bad {
				t.Errorf("event %s of a write that failed", e.Subject)
			}
		}
	}
}

func cancelledAlone(t *testing.T, db *store.DB) {
	begun, goOn := make(chan bool), make(chan bool)
	ctx, cancel := context.WithCancel(As(t.Context(), "demo"))
	results := make(chan error, 2)
	go func() {
		results <- db.Write(ctx, insert("slow"), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			close(begun)
			<-goOn // the caller gives up in the middle of the group
			_, err := tx.Exec(ctx, `INSERT INTO things (tenant, id, n) VALUES ('demo', 'slower', 2)`)
			return err
		}))
	}()
	<-begun
	go func() { results <- write(t, db, `INSERT INTO things (tenant, id, n) VALUES ('demo', 'other', 1)`) }()
	cancel()
	close(goOn)
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("err = %v: what was begun has its true outcome", err)
		}
	}
	if n := count(t, db); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	if err := db.Write(ctx, insert("never")); !errors.Is(err, context.Canceled) {
		t.Errorf("a write that was cancelled before it began: %v", err)
	}
	if n := count(t, db); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func panicAlone(t *testing.T, db *store.DB) {
	err := db.Write(As(t.Context(), "demo"), insert("a"), store.ChangeFunc(func(context.Context, *store.Tx) error { panic("oh") }))
	if trellis.KindOf(err) != trellis.Internal {
		t.Errorf("err = %v", err)
	}
	must(t, db.Write(As(t.Context(), "demo"), insert("b")))
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func densePositions(t *testing.T, db *store.DB) {
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 20 {
				changes := []store.Change{emit(fmt.Sprintf("%d-%d-a", w, i)), emit(fmt.Sprintf("%d-%d-b", w, i))}
				if i%5 == 4 {
					changes = append(changes, fail(errors.New("no")))
				}
				_ = db.Write(As(t.Context(), "demo"), changes...) // one in five is meant to fail
			}
		})
	}
	wg.Wait()
	want := 16 * 16 * 2
	ctx, cancel := context.WithTimeout(store.Platform(t.Context()), 10*time.Second)
	defer cancel()
	must(t, db.Log().Wait(ctx, uint64(want-1)))
	var all []trellis.Event
	for after := uint64(0); ; {
		events, err := db.Log().Read(ctx, after, 37)
		must(t, err)
		if len(events) == 0 {
			break
		}
		all = append(all, events...)
		after = events[len(events)-1].Position
	}
	if len(all) != want {
		t.Fatalf("%d events, want %d", len(all), want)
	}
	for i, e := range all {
		if e.Position != uint64(i+1) {
			t.Fatalf("event %d has position %d", i, e.Position)
		}
	}
	found, err := db.Log().Find(As(ctx, "demo"), 0, want, "", "", "")
	must(t, err)
	for i := range found { // what memory says is what the database says
		if found[i].ID != all[i].ID || found[i].Position != all[i].Position || !found[i].Time.Equal(all[i].Time) || string(found[i].Data) != string(all[i].Data) {
			t.Fatalf("event %d: %+v in memory, %+v in the database", i, all[i], found[i])
		}
	}
}

func repeatedEvent(t *testing.T, db *store.DB) {
	must(t, db.Write(As(t.Context(), "demo"), emit("x"), emit("x"), emit("y")))
	must(t, db.Write(As(t.Context(), "demo"), emit("y"), emit("z")))
	events := eventually(t, db, 3)
	if events[0].ID != "x" || events[1].ID != "y" || events[2].ID != "z" {
		t.Errorf("events %v", events)
	}
	e, err := db.Log().Event(As(t.Context(), "demo"), "y")
	if err != nil || e.Position != 2 {
		t.Errorf("event y: %+v, %v", e, err)
	}
	if _, err := db.Log().Event(As(t.Context(), "other"), "y"); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("an event of another tenant: %v", err)
	}
}

func eventTenant(t *testing.T, db *store.DB) {
	foreign := store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		e := trellis.NewEvent(ctx, "org.example.thing.made.v1", "", "", "", nil)
		e.Tenant = "other"
		return tx.Emit(ctx, e)
	})
	if err := db.Write(As(t.Context(), "demo"), foreign); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("err = %v", err)
	}
	must(t, db.Write(store.Platform(As(t.Context(), "demo")), foreign))
	if _, err := db.Log().Read(As(t.Context(), "demo"), 0, 1); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("the whole log read by a tenant: %v", err)
	}
	if _, err := store.Tenant(t.Context()); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("nobody has a tenant: %v", err)
	}
}

func logWaits(t *testing.T, db *store.DB) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := db.Log().Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	woken := make(chan error)
	go func() { woken <- db.Log().Wait(t.Context(), 0) }()
	must(t, db.Write(As(t.Context(), "demo"), emit("x")))
	must(t, <-woken)
}

func logTrimmed(t *testing.T, db *store.DB) {
	for i := range 10 {
		must(t, db.Write(As(t.Context(), "demo"), emit(fmt.Sprint(i))))
	}
	eventually(t, db, 10)
	ctx := store.Platform(t.Context())
	n, err := db.Log().Trim(ctx, 6)
	if err != nil || n != 5 {
		t.Fatalf("trimmed %d, %v", n, err)
	}
	if _, err := db.Log().Read(ctx, 2, 10); !errors.Is(err, store.ErrTrimmed) {
		t.Errorf("err = %v", err)
	}
	events, err := db.Log().Read(ctx, 5, 10)
	if err != nil || len(events) != 5 || events[0].Position != 6 {
		t.Errorf("events %v, %v", events, err)
	}
	if oldest, err := db.Log().Oldest(ctx); err != nil || oldest != 6 {
		t.Errorf("oldest = %d, %v", oldest, err)
	}
	if _, err := db.Log().Trim(ctx, 100); err != nil {
		t.Fatal(err)
	}
	must(t, db.Write(As(t.Context(), "demo"), emit("next")))
	must(t, db.Log().Wait(ctx, 10))
	if events, err := db.Log().Read(ctx, 10, 10); err != nil || len(events) != 1 || events[0].Position != 11 {
		t.Errorf("after the log was emptied: %v, %v", events, err)
	}
}

func auditInWrite(t *testing.T, db *store.DB) {
	ctx := store.WithAudit(As(t.Context(), "demo"), store.Entry{Operation: "things.create"})
	if err := db.Write(ctx, insert("a"), fail(errors.New("no"))); err == nil {
		t.Fatal("no error")
	}
	if log, err := db.AuditLog(ctx, store.AuditQuery{}); err != nil || len(log) != 0 {
		t.Errorf("audit of a write that failed: %v, %v", log, err)
	}
	must(t, db.Write(ctx, insert("a")))
	must(t, db.Write(ctx, insert("b"))) // the entry is there already
	log, err := db.AuditLog(ctx, store.AuditQuery{})
	if err != nil || len(log) != 1 || log[0].Operation != "things.create" || log[0].Actor != "person:7" || log[0].Outcome != "ok" {
		t.Errorf("audit %+v, %v", log, err)
	}
	if log, err := db.AuditLog(As(t.Context(), "other"), store.AuditQuery{}); err != nil || len(log) != 0 {
		t.Errorf("audit of another tenant: %v, %v", log, err)
	}
}

func leases(t *testing.T, db *store.DB) {
	ctx := t.Context()
	a, err := db.Acquire(ctx, "a", time.Minute, "x", "y")
	must(t, err)
	b, err := db.Acquire(ctx, "b", time.Minute, "x", "y", "z")
	must(t, err)
	if len(a) != 2 || len(b) != 1 || b["z"] == 0 {
		t.Fatalf("a holds %v, b holds %v", a, b)
	}
	again, err := db.Acquire(ctx, "a", time.Minute, "x")
	if err != nil || again["x"] != a["x"] {
		t.Errorf("renewed: %v, %v", again, err)
	}
	if n, err := db.CountLeases(ctx, ""); err != nil || n != 3 {
		t.Errorf("%d leases, %v", n, err)
	}
	fenced := func(fence uint64) error {
		return db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Fenced(ctx, "x", fence) }))
	}
	must(t, fenced(a["x"]))
	must(t, db.Release(ctx, "a", "x"))
	b, err = db.Acquire(ctx, "b", time.Minute, "x")
	if err != nil || b["x"] <= a["x"] {
		t.Errorf("taken over: %v after %v, %v", b, a, err)
	}
	if err := fenced(a["x"]); trellis.KindOf(err) != trellis.Conflict {
		t.Errorf("a lease that was lost: %v", err)
	}
	must(t, fenced(b["x"]))
	c, err := db.Acquire(ctx, "c", time.Nanosecond, "short")
	must(t, err)
	d, err := db.Acquire(ctx, "d", time.Minute, "short")
	if err != nil || d["short"] <= c["short"] {
		t.Errorf("a lease that ran out: %v after %v, %v", d, c, err)
	}
}

func readsDoNotWrite(t *testing.T, db *store.DB) {
	err := db.Read(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO things (tenant, id, n) VALUES ('demo', 'x', 1)`)
		return err
	})
	if err == nil {
		t.Error("a read wrote")
	}
	nested := db.Write(As(t.Context(), "demo"), store.ChangeFunc(func(ctx context.Context, _ *store.Tx) error { return db.Write(ctx, insert("x")) }))
	if nested == nil {
		t.Error("a write within a write did not fail")
	}
}
