package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/store/storetest"
)

// BenchmarkWrite measures changes of three rows and an event. Beside its own
// figures it says how long the disk takes to make a page durable, and how many
// writes one such time pays for.
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
			fsync := measureFsync(b)
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if err := db.Write(ctx, threeRows(i)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			each := float64(b.Elapsed()) / float64(b.N)
			b.ReportMetric(float64(time.Second)/each, "writes/s")
			b.ReportMetric(float64(fsync.Microseconds()), "µs/fsync")
			b.ReportMetric(float64(fsync)/each, "writes/fsync")
		})
	}
}

func threeRows(i int64) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		for k := range 3 {
			if _, err := tx.Exec(ctx, `INSERT INTO things (tenant, id, n) VALUES ('demo', ?, ?)`, fmt.Sprint(i, k), i); err != nil {
				return err
			}
		}
		return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", "", "", "", json.RawMessage(`{"a":1}`)))
	})
}

// measureFsync returns how long it takes to append a page to a file and make it
// durable.
func measureFsync(b *testing.B) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "fsync"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	page := make([]byte, 4096)
	const times = 200
	start := time.Now()
	for range times {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start) / times
}

// BenchmarkRead measures a transaction that reads one row.
func BenchmarkRead(b *testing.B) {
	db := open(b, store.Config{})
	ctx := storetest.As(context.Background(), "demo")
	if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", "", "", "", nil))
	})); err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			var id string
			if err := db.Read(ctx, func(tx *store.Tx) error {
				return tx.QueryRow(ctx, `SELECT id FROM events WHERE position = ?`, 1).Scan(&id)
			}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkLog measures how fast a reader catches up, from memory and from the
// file.
func BenchmarkLog(b *testing.B) {
	const events = 20_000
	for _, bm := range []struct {
		name string
		ring int
	}{{"memory", events}, {"file", 1}} {
		b.Run(bm.name, func(b *testing.B) {
			db := open(b, store.Config{Ring: bm.ring})
			ctx := store.Platform(storetest.As(context.Background(), "demo"))
			for range events / 1000 {
				if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
					for range 1000 {
						if err := tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", "", "ada", "", json.RawMessage(`{"a":1}`))); err != nil {
							return err
						}
					}
					return nil
				})); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			for range b.N {
				for after := uint64(0); after < events; {
					got, err := db.Log().Read(ctx, after, 256)
					if err != nil || len(got) == 0 {
						b.Fatalf("after %d: %d events, %v", after, len(got), err)
					}
					after = got[len(got)-1].Position
				}
			}
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
