package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("STORE_TEST_CRASH"); path != "" {
		crash(path, os.Getenv("STORE_TEST_PACE") != "")
	}
	os.Exit(m.Run())
}

// crash writes and says so until it is killed; at a pace, if others are to have
// their turn: SQLite's lock is not a fair one.
func crash(path string, pace bool) {
	db, err := store.Open(context.Background(), store.Config{Path: path})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	ctx := storetest.As(context.Background(), "demo")
	var n atomic.Int64
	for range 8 {
		go func() {
			for tick := time.NewTicker(4 * time.Millisecond); ; {
				if pace {
					<-tick.C
				}
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

// TestTwoPrograms: another process writes to the same file, and is killed.
func TestTwoPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trellis.db")
	db := open(t, store.Config{Path: path})
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "STORE_TEST_CRASH="+path, "STORE_TEST_PACE=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // it is killed, which is an error
	defer func() { _ = cmd.Process.Kill() }()
	ctx, cancel := context.WithTimeout(store.Platform(storetest.As(t.Context(), "demo")), 5*time.Minute)
	defer cancel()
	ours, theirs, killed := 0, 0, false
	for after := uint64(0); !killed || after < db.Log().Head(); {
		if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.ours.v1", "", "", "", nil))
		})); err != nil {
			t.Fatal(err)
		}
		events, err := db.Log().Read(ctx, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if after++; e.Position != after {
				t.Fatalf("position %d, want %d", e.Position, after)
			}
			if e.Type == "org.example.ours.v1" {
				ours++
			} else {
				theirs++
			}
		}
		if !killed && ours > 20 && theirs > 200 {
			killed = true
			_ = cmd.Process.Kill()
		}
	}
	if ours <= 20 || theirs <= 200 {
		t.Errorf("%d events of ours and %d of theirs", ours, theirs)
	}
}
