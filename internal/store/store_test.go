package store_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
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
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, store.Config{}) })
}

func TestStoreWithLatePositions(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, store.Config{LatePositions: true}) })
}

func TestStoreWithASmallRing(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, store.Config{Ring: 4, MaxGroup: 3}) })
}

// TestTwoHandles: two nodes on one file see each other's events, in one order.
func TestTwoHandles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trellis.db")
	a, b := open(t, store.Config{Path: path}), open(t, store.Config{Path: path})
	ctx := storetest.As(t.Context(), "demo")
	for i := range 20 {
		db := a
		if i%3 == 1 {
			db = b
		}
		if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", fmt.Sprint(i), "", "", nil))
		})); err != nil {
			t.Fatal(err)
		}
	}
	for _, db := range []*store.DB{a, b} {
		wait, cancel := context.WithTimeout(store.Platform(ctx), 10*time.Second)
		defer cancel()
		if err := db.Log().Wait(wait, 19); err != nil {
			t.Fatal(err)
		}
		events, err := db.Log().Read(wait, 0, 100)
		if err != nil || len(events) != 20 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for i, e := range events {
			if e.Subject != fmt.Sprint(i) {
				t.Errorf("event %d is %s", i, e.Subject)
			}
		}
	}
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

func TestMain(m *testing.M) {
	if path := os.Getenv("STORE_TEST_CRASH"); path != "" {
		crash(path)
	}
	os.Exit(m.Run())
}

// crash writes and says so until it is killed.
func crash(path string) {
	db, err := store.Open(context.Background(), store.Config{Path: path})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	ctx := storetest.As(context.Background(), "demo")
	var n atomic.Int64
	for range 8 {
		go func() {
			for {
				id := fmt.Sprint(n.Add(1), "-", os.Getpid())
				err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
					e := trellis.NewEvent(ctx, "org.example.x.v1", id, "", "", nil)
					return tx.Emit(ctx, e)
				}))
				if err == nil {
					fmt.Println(id)
				}
			}
		}()
	}
	select {}
}

// TestKilled: what was acknowledged before a kill is there after it.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trellis.db")
	acknowledged := map[string]bool{}
	for range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "STORE_TEST_CRASH="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; i < 200 && lines.Scan(); i++ {
			acknowledged[lines.Text()] = true
		}
		_ = cmd.Process.Kill()
		for lines.Scan() { // what it still said before the kill
			acknowledged[lines.Text()] = true
		}
		_ = cmd.Wait()
	}
	db := open(t, store.Config{Path: path})
	events, err := db.Log().Find(storetest.As(t.Context(), "demo"), 0, 1_000_000, "", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Position != uint64(i+1) {
			t.Fatalf("event %d has position %d", i, e.Position)
		}
		delete(acknowledged, e.Subject)
	}
	if len(acknowledged) > 0 || len(events) < 800 {
		t.Errorf("%d of %d acknowledged events are gone", len(acknowledged), len(events))
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

// TestPlatformCallers lists who may act across tenants. To add a file, say here
// why it must.
func TestPlatformCallers(t *testing.T) {
	allowed := map[string]string{
		"internal/jobs/run.go":            "finds due jobs of every tenant and leases them",
		"internal/delivery/tail.go":       "tails the whole log",
		"internal/delivery/ledger.go":     "tails the whole log",
		"internal/delivery/deadletter.go": "finds the oldest event that anybody still needs",
		"internal/store/log.go":           "numbers events that were committed without a position",
		"extensions/bus/bus.go":           "relays the whole log and follows it for the actor's tenant",
		"extensions/bus/relay.go":         "relays the whole log",
		"extensions/bus/follow.go":        "reads the log for followers, narrowed to their tenant",
		"extensions/registry.go":          "keeps the extensions of every tenant at hand",
		"extensions/snapshot.go":          "keeps the extensions of every tenant at hand",
		"extensions/plugins/schedule.go":  "looks which schedules of every tenant are due",
		"extensions/realtime/hub.go":      "follows the log once for every client",
		"internal/app/app.go":             "trims the log",
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			return nil // whoever builds it will say so
		}
		rel, _ := filepath.Rel(root, p)
		if rel = filepath.ToSlash(rel); allowed[rel] != "" || strings.HasPrefix(rel, "internal/store/storetest/") {
			return nil
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch fn := call.Fun.(type) {
			case *ast.SelectorExpr:
				if x, ok := fn.X.(*ast.Ident); ok && x.Name == "store" {
					name = fn.Sel.Name
				}
			case *ast.Ident:
				if f.Name.Name == "store" {
					name = fn.Name
				}
			}
			if name == "Platform" {
				t.Errorf("%s acts across tenants, and is not on the list", rel)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db := open(b, store.Config{})
			ctx := storetest.As(context.Background(), "demo")
			if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, `CREATE TABLE things (tenant TEXT, id TEXT, n INTEGER, PRIMARY KEY (tenant, id))`)
				return err
			})); err != nil {
				b.Fatal(err)
			}
			var n atomic.Int64
			b.SetParallelism(max(1, callers/2))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
						for k := range 2 {
							if _, err := tx.Exec(ctx, `INSERT INTO things (tenant, id, n) VALUES ('demo', ?, ?)`, fmt.Sprint(i, k), i); err != nil {
								return err
							}
						}
						return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", "", "", "", json.RawMessage(`{"a":1}`)))
					})); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
