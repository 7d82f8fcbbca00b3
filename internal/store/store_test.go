package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/store/storetest"
)

func open(t testing.TB, cfg store.Config) *store.DB {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "trellis.db")
	}
	db, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, cfg store.Config) *store.DB { return open(t, cfg) })
}

func TestDurability(t *testing.T) {
	db := open(t, store.Config{})
	err := db.Write(t.Context(), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "wal_autocheckpoint": "1000"} {
			var got string
			if err := tx.QueryRow(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s = %s, want %s", pragma, got, want)
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	db := open(t, store.Config{})
	files := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x TEXT);\n")}, "00002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE b (x TEXT);\n")}}
	if err := db.Migrate(t.Context(), "example", files); err != nil {
		t.Fatal(err)
	}
	delete(files, "00002_b.sql")
	if err := db.Migrate(t.Context(), "example", files); trellis.KindOf(err) != trellis.Conflict {
		t.Errorf("err = %v", err)
	}
}

func TestMigrateFaults(t *testing.T) {
	db := open(t, store.Config{})
	good := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x TEXT);\n")}}
	for _, tt := range []struct {
		name, as string
		files    fs.FS
	}{
		{"no name", "", good},
		{"a name that is SQL", "a; DROP TABLE events", good},
		{"no files", "a", fstest.MapFS{}},
		{"a file that is not SQL", "a", fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE THING;\n")}}},
		{"a table that is there", "a", fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE events (x TEXT);\n")}}},
	} {
		if err := db.Migrate(t.Context(), tt.as, tt.files); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
	if err := db.Migrate(t.Context(), "a", good); err != nil {
		t.Error(err)
	}
}

// TestOpenedAtOnce: several programs that begin together make one database.
func TestOpenedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a space & a ? and a %20.db")
	files := fstest.MapFS{}
	for i := range 5 {
		files[fmt.Sprintf("%05d_x.sql", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE x%d (x TEXT);\n", i)}
	}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			db, err := store.Open(t.Context(), store.Config{Path: path})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Migrate(t.Context(), "x", files), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the mode of the file is %o, want 600", got)
	}
}

func TestOpenFaults(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		cfg  store.Config
	}{
		{"no path", store.Config{}},
		{"no directory", store.Config{Path: filepath.Join(dir, "none", "x.db")}},
		{"a directory", store.Config{Path: dir}},
		{"another file", store.Config{Path: text}},
		{"negative", store.Config{Path: filepath.Join(dir, "x.db"), Readers: -1}},
	} {
		if db, err := store.Open(t.Context(), tt.cfg); err == nil {
			t.Errorf("%s: no error", tt.name)
			_ = db.Close()
		}
	}
}

// TestBusy: another program holds the one lock for too long.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trellis.db")
	db := open(t, store.Config{Path: path, BusyTimeout: 20 * time.Millisecond})
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx := storetest.As(t.Context(), "demo")
	emit := store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", "", "", "", nil))
	})
	var wg sync.WaitGroup
	for range 50 { // they wait together, not one after the other
		wg.Go(func() {
			if err := db.Write(ctx, emit); trellis.KindOf(err) != trellis.Unavailable {
				t.Errorf("err = %v", err)
			}
		})
	}
	wg.Wait()
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(ctx, emit); err != nil || db.Log().Head() != 1 {
		t.Errorf("afterwards: %v, head %d", err, db.Log().Head())
	}
}

// TestCancelledReads: a reader that gives up leaves its connection usable.
func TestCancelledReads(t *testing.T) {
	db := open(t, store.Config{Readers: 1})
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Read(ctx, func(tx *store.Tx) error {
			if i%2 == 0 {
				go cancel()
			}
			var n int
			err := tx.QueryRow(ctx, `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 4000) SELECT COUNT(*) FROM c`).Scan(&n)
			if err == nil && n != 4000 {
				t.Errorf("counted %d", n)
			}
			if i%5 == 0 {
				_, err = tx.Query(ctx, `SELECT position FROM log_head`) // left open
			}
			return err
		})
		cancel()
		if err != nil && trellis.KindOf(err) != trellis.Unavailable {
			t.Fatalf("read %d: %v", i, err)
		}
		if err != nil && i%2 == 1 {
			t.Fatalf("read %d: %v, and nobody gave up", i, err)
		}
	}
}

// TestHeavyRing: the memory of recent events is bounded by their weight too.
func TestHeavyRing(t *testing.T) {
	db := open(t, store.Config{})
	ctx := store.Platform(storetest.As(t.Context(), "demo"))
	data := []byte(`"` + strings.Repeat("x", 256<<10-2) + `"`)
	const n = 300 // more than 64 MiB
	for i := range n {
		if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", fmt.Sprint(i), "", "", data))
		})); err != nil {
			t.Fatal(err)
		}
	}
	for after := uint64(0); after < n; {
		events, err := db.Log().Read(ctx, after, 40)
		if err != nil || len(events) == 0 {
			t.Fatalf("after %d: %d events, %v", after, len(events), err)
		}
		for _, e := range events {
			if after++; e.Position != after || e.Subject != fmt.Sprint(after-1) || len(e.Data) != len(data) {
				t.Fatalf("event %d: position %d, subject %s", after, e.Position, e.Subject)
			}
		}
	}
}

// TestLeftWithoutPosition: events that had none when the program ended get one
// when it begins again.
func TestLeftWithoutPosition(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trellis.db")
	ctx := store.Platform(storetest.As(t.Context(), "demo"))
	db, err := store.Open(ctx, store.Config{Path: path, LatePositions: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", "", "", "", nil))
		})); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, store.Config{Path: path})
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := db.Log().Wait(wait, 19); err != nil {
		t.Errorf("%v: the head is %d", err, db.Log().Head())
	}
}

func TestBackup(t *testing.T) {
	db := open(t, store.Config{})
	ctx := storetest.As(t.Context(), "demo")
	if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", "", "", "", nil))
	})); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := db.Backup(ctx, path); err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(ctx, path); trellis.KindOf(err) != trellis.Conflict {
		t.Errorf("over a file that exists: %v", err)
	}
	if err := db.Backup(ctx, filepath.Join(path, "x")); err == nil {
		t.Error("below a file: no error")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the copy is %v, %v", info.Mode(), err)
	}
	again := open(t, store.Config{Path: path})
	if got := again.Log().Head(); got != 1 {
		t.Errorf("the head of the copy is %d, want 1", got)
	}
}

// TestLibcVersion: modernc's libc must be the one that its SQLite was made for.
func TestLibcVersion(t *testing.T) {
	version := func(dir, of string) string {
		cmd := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", of)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("SKIPPED the version of libc: go list says %v", err)
		}
		return strings.TrimSpace(string(out))
	}
	_, dir, _ := strings.Cut(version(".", "modernc.org/sqlite"), " ")
	raw, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Skipf("SKIPPED the version of libc: %v", err)
	}
	ours, _, _ := strings.Cut(version(".", "modernc.org/libc"), " ")
	if !strings.Contains(string(raw), "modernc.org/libc "+ours+"\n") {
		t.Errorf("libc is %s, which is not what modernc.org/sqlite asks for", ours)
	}
}
