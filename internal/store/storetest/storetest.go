// Package storetest is the contract of the store: whatever keeps the platform's
// data must pass it.
package storetest

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// opener opens stores of one kind. Without a path in it the store is a new one.
type opener func(t *testing.T, cfg store.Config) *store.DB

// Run tests stores that open makes: with positions given at once and given late,
// with much memory and little. Each call of open must open the database at the
// path of its configuration, making it if there is none, and close it when the
// test ends.
func Run(t *testing.T, open func(t *testing.T, cfg store.Config) *store.DB) {
	for _, mode := range []struct {
		name string
		cfg  store.Config
	}{
		{"default", store.Config{}},
		{"late positions", store.Config{LatePositions: true}},
		{"small", store.Config{Ring: 4, MaxGroup: 3, Readers: 1}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			opened := func(t *testing.T, cfg store.Config) *store.DB {
				with := mode.cfg
				if with.Path = cfg.Path; with.Path == "" {
					with.Path = filepath.Join(t.TempDir(), "trellis.db")
				}
				return open(t, with)
			}
			for _, tt := range tests() {
				t.Run(tt.name, func(t *testing.T) { tt.test(t, opened) })
			}
		})
	}
}

type test struct {
	name string
	test func(*testing.T, opener)
}

func tests() []test {
	return []test{
		{"all or none", fresh(allOrNone)},
		{"a failure takes nobody along", fresh(failureAlone)},
		{"a cancelled caller takes nobody along", fresh(cancelledAlone)},
		{"a panic takes nobody along", fresh(panicAlone)},
		{"an ended goroutine takes nobody along", fresh(goexitAlone)},
		{"a lost transaction takes nobody along", fresh(lostAlone)},
		{"no room takes nobody along", fresh(fullAlone)},
		{"statements run while rows are read", fresh(rowsWhileRunning)},
		{"reads see one state", fresh(readsSeeOneState)},
		{"reads do not write", fresh(readsDoNotWrite)},
		{"faults have kinds and say nothing of tables", fresh(faultKinds)},
		{"after the end", fresh(afterClose)},
		{"positions are dense and in order", fresh(densePositions)},
		{"a repeated event is the first one", fresh(repeatedEvent)},
		{"events are checked", fresh(eventsChecked)},
		{"events are kept as they are", fresh(eventsKept)},
		{"the log waits", fresh(logWaits)},
		{"the log is trimmed", fresh(logTrimmed)},
		{"the log knows times", fresh(logTimes)},
		{"a tenant finds its own events", fresh(logFind)},
		{"two handles see each other", twoHandles},
		{"audit is part of the write", fresh(auditInWrite)},
		{"audit is recorded once", fresh(auditOnce)},
		{"audit is queried", fresh(auditQuery)},
		{"leases exclude", fresh(leases)},
		{"leases exclude over handles", leasesOverHandles},
	}
}

// fresh gives a test a new store with a table of things.
func fresh(f func(*testing.T, *store.DB)) func(*testing.T, opener) {
	return func(t *testing.T, open opener) {
		db := open(t, store.Config{})
		things(t, db)
		f(t, db)
	}
}

func things(t *testing.T, db *store.DB) {
	t.Helper()
	must(t, write(t, db, `CREATE TABLE things (tenant TEXT, id TEXT, n INTEGER, PRIMARY KEY (tenant, id))`))
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
