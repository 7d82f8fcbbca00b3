package storetest

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

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

// goexitAlone: a test that fails inside a change ends the goroutine that runs it.
func goexitAlone(t *testing.T, db *store.DB) {
	err := db.Write(As(t.Context(), "demo"), insert("a"), store.ChangeFunc(func(context.Context, *store.Tx) error {
		goruntime.Goexit()
		return nil
	}))
	if trellis.KindOf(err) != trellis.Internal {
		t.Errorf("err = %v", err)
	}
	must(t, db.Write(As(t.Context(), "demo"), insert("b")))
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// together writes a bad change amid good ones, in one group, and returns its
// error.
func together(t *testing.T, db *store.DB, bad store.Change) error {
	t.Helper()
	begun, goOn := make(chan bool), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() { // keeps the writer until the others wait
		if err := db.Write(As(t.Context(), "demo"), store.ChangeFunc(func(context.Context, *store.Tx) error {
			close(begun)
			<-goOn
			return nil
		})); err != nil {
			t.Errorf("the first: %v", err)
		}
	})
	<-begun
	result := make(chan error, 1)
	for i := range 8 {
		wg.Go(func() {
			if i == 4 {
				result <- db.Write(As(t.Context(), "demo"), insert("bad"), bad)
				return
			}
			id := fmt.Sprint("good", i)
			if err := db.Write(As(t.Context(), "demo"), insert(id), emit("ev-"+id)); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	for range 100 {
		goruntime.Gosched() // they queue now, or a little later: both must be right
	}
	close(goOn)
	wg.Wait()
	if n := count(t, db); n != 7 {
		t.Errorf("%d rows, want those of the 7 good ones", n)
	}
	eventually(t, db, 7)
	return <-result
}

// lostAlone: the transaction ends in the middle of a group.
func lostAlone(t *testing.T, db *store.DB) {
	if err := together(t, db, stmt(`ROLLBACK`)); err == nil {
		t.Error("a change ended the transaction, and was kept")
	}
}

func fullAlone(t *testing.T, db *store.DB) {
	pages := func(q string) (n int) {
		must(t, db.Write(t.Context(), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.QueryRow(ctx, q).Scan(&n)
		})))
		return n
	}
	pages(fmt.Sprintf("PRAGMA max_page_count = %d", pages("PRAGMA page_count")+60))
	err := together(t, db, stmt(`INSERT INTO things (tenant, id, n) VALUES ('demo', ?, 1)`, strings.Repeat("x", 1<<20)))
	if trellis.KindOf(err) != trellis.Unavailable {
		t.Errorf("err = %v (%s), want %s", err, trellis.KindOf(err), trellis.Unavailable)
	}
}

// rowsWhileRunning: the statements of a connection are kept and shared, which
// nobody must notice.
func rowsWhileRunning(t *testing.T, db *store.DB) {
	ctx := As(t.Context(), "demo")
	for i := range 20 {
		must(t, db.Write(ctx, insert(fmt.Sprintf("%02d", i))))
	}
	const all = `SELECT id FROM things ORDER BY id`
	walk := func(ctx context.Context, tx *store.Tx, each func(id string) error) (n int, err error) {
		rows, err := tx.Query(ctx, all)
		if err != nil {
			return 0, err
		}
		defer func() { _ = rows.Close() }()
		for ; rows.Next(); n++ {
			var id string
			if err := rows.Scan(&id); err != nil {
				return n, err
			}
			if err := each(id); err != nil {
				return n, err
			}
		}
		return n, rows.Err()
	}
	inner := 0
	err := db.Read(ctx, func(tx *store.Tx) error {
		n, err := walk(ctx, tx, func(id string) error {
			for i := range 60 { // more statements than are kept
				var x int
				if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT %s%02d", strings.TrimLeft(id, "0"), i)).Scan(&x); err != nil {
					return err
				}
			}
			var first string
			if err := tx.QueryRow(ctx, all).Scan(&first); err != nil || first != "00" {
				return fmt.Errorf("the first is %q, %w", first, err)
			}
			n, err := walk(ctx, tx, func(string) error { return nil })
			inner += n
			return err
		})
		if n != 20 || inner != 400 {
			t.Errorf("%d rows and %d within them, want 20 and 400", n, inner)
		}
		return err
	})
	must(t, err)
	must(t, db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.Query(ctx, all) // left open
		if err != nil || !rows.Next() {
			return fmt.Errorf("no rows, %w", err)
		}
		return nil
	})))
	must(t, db.Write(ctx, insert("last")))
	if n := count(t, db); n != 21 {
		t.Errorf("%d rows, want 21", n)
	}
}

func readsSeeOneState(t *testing.T, db *store.DB) {
	ctx := As(t.Context(), "demo")
	must(t, db.Write(ctx, insert("a")))
	err := db.Read(ctx, func(tx *store.Tx) error {
		for i := range 3 {
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM things`).Scan(&n); err != nil {
				return err
			}
			if n != 1 {
				t.Errorf("%d rows, want the 1 that there was", n)
			}
			if err := db.Write(ctx, insert(fmt.Sprint("later", i))); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
	if n := count(t, db); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
}

// faultKinds: messages of these kinds reach users.
func faultKinds(t *testing.T, db *store.DB) {
	ctx := As(t.Context(), "demo")
	must(t, db.Write(ctx, stmt(`CREATE TABLE parts (tenant TEXT, thing TEXT, id TEXT UNIQUE, FOREIGN KEY (tenant, thing) REFERENCES things (tenant, id))`)))
	must(t, db.Write(ctx, insert("a"), stmt(`INSERT INTO parts VALUES ('demo', 'a', 'p')`)))
	for _, tt := range []struct {
		name, query string
		want        trellis.Kind
	}{
		{"primary key", `INSERT INTO things (tenant, id, n) VALUES ('demo', 'a', 1)`, trellis.Conflict},
		{"unique", `INSERT INTO parts VALUES ('demo', 'a', 'p')`, trellis.Conflict},
		{"no such thing", `INSERT INTO parts VALUES ('demo', 'b', 'q')`, trellis.NotFound},
		{"still referred to", `DELETE FROM things`, trellis.NotFound},
		{"not SQL", `INSERT thongs`, trellis.Internal},
	} {
		err := db.Write(ctx, stmt(tt.query))
		if got := trellis.KindOf(err); got != tt.want {
			t.Errorf("%s: kind = %q, want %q (%v)", tt.name, got, tt.want, err)
		}
		if tt.want != trellis.Internal && (strings.Contains(err.Error(), "things") || strings.Contains(err.Error(), "parts")) {
			t.Errorf("%s: %q tells of tables", tt.name, err)
		}
	}
}

func afterClose(t *testing.T, db *store.DB) {
	ctx := As(t.Context(), "demo")
	waiting := make(chan error, 1)
	go func() { waiting <- db.Log().Wait(ctx, db.Log().Head()) }()
	must(t, db.Close())
	must(t, db.Close())
	_, acquired := db.Acquire(ctx, "a", time.Minute, "x")
	for name, err := range map[string]error{
		"wait": <-waiting, "write": db.Write(ctx, insert("a")), "read": db.Read(ctx, func(*store.Tx) error { return nil }), "acquire": acquired,
	} {
		if trellis.KindOf(err) != trellis.Unavailable {
			t.Errorf("%s after the end: %v", name, err)
		}
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
