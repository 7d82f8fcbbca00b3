package storetest

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

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
	must(t, db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.ForgetLease(ctx, "short") })))
	e, err := db.Acquire(ctx, "e", time.Nanosecond, "short")
	if err != nil || e["short"] <= d["short"] {
		t.Errorf("a lease that was forgotten: %v after %v, %v", e, d, err)
	}
	if n, err := db.SweepLeases(ctx, time.Now()); err != nil || n != 1 {
		t.Errorf("%d leases swept of one that ran out, %v", n, err)
	}
	if n, err := db.CountLeases(ctx, ""); err != nil || n != 3 {
		t.Errorf("%d leases are left, %v", n, err)
	}
}

// leasesOverHandles: many holders on two nodes, and one of them has the lease.
func leasesOverHandles(t *testing.T, open opener) {
	path := filepath.Join(t.TempDir(), "trellis.db")
	nodes := []*store.DB{open(t, store.Config{Path: path}), open(t, store.Config{Path: path})}
	var fence uint64
	for round := range 5 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		holders := map[string]uint64{}
		for i := range 8 {
			wg.Go(func() {
				holder := fmt.Sprint("holder", i)
				held, err := nodes[i%2].Acquire(t.Context(), holder, time.Minute, "x")
				if err != nil {
					t.Errorf("%s: %v", holder, err)
				}
				if token, ok := held["x"]; ok {
					mu.Lock()
					holders[holder] = token
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(holders) != 1 {
			t.Fatalf("round %d: %v hold the lease", round, holders)
		}
		for holder, token := range holders {
			if token <= fence {
				t.Errorf("round %d: the token %d after %d", round, token, fence)
			}
			fence = token
			must(t, nodes[round%2].Release(t.Context(), holder, "x", "never held"))
		}
	}
	for _, bad := range []struct {
		holder string
		ttl    time.Duration
	}{{"", time.Minute}, {"a", 0}} {
		if _, err := nodes[0].Acquire(t.Context(), bad.holder, bad.ttl, "x"); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
