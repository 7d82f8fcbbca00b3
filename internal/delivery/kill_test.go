package delivery_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("DELIVERY_TEST_LIFE"); dir != "" {
		if err := life(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const killedEvents = 1500

// life emits and delivers until everything was delivered, or it dies. A line in a
// file is what a delivery does.
func life(dir string) error {
	ctx, stop := context.WithCancel(as(context.Background(), "demo"))
	defer stop()
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		return err
	}
	l, err := delivery.New(ctx, delivery.Config{DB: db, Node: "node", Queue: 4, Poll: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "heard"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sub := func(id string, slow time.Duration) delivery.Subscriber {
		return delivery.Subscriber{ID: id, Tenant: "demo", Deliver: func(ctx context.Context, d delivery.Delivery) error {
			if rand.IntN(20) == 0 {
				return errBroken
			}
			time.Sleep(slow) // it is slow; nothing is waited for
			_, err := fmt.Fprintln(f, id, d.Event.Key, d.Event.Position, d.Event.ID)
			return err
		}}
	}
	subs := []delivery.Subscriber{sub("quick", 0), sub("slow", 3*time.Millisecond)}
	done := make(chan error, 1)
	go func() {
		done <- l.Run(ctx, delivery.Role{
			Name: "test", Start: func(context.Context) (uint64, error) { return 0, nil }, Attempts: 1000,
			Backoff:     func(int) time.Duration { return 10 * time.Millisecond },
			Subscribers: func(context.Context, trellis.Event) []delivery.Subscriber { return subs },
			Lookup: func(_ context.Context, _, id string) (delivery.Subscriber, bool) {
				if id == "slow" {
					return subs[1], true
				}
				return subs[0], true
			},
		})
	}()
	fmt.Println("runs")
	for n := db.Log().Head(); n < killedEvents; n++ {
		if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			e := trellis.NewEvent(ctx, thing, "", "", "", nil)
			e.Key = "key" + strconv.FormatUint(n%20, 10)
			return tx.Emit(ctx, e)
		})); err != nil {
			return err
		}
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		var marked, open int
		if err := db.Read(ctx, func(tx *store.Tx) error {
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM delivery_marks WHERE position >= ?`, killedEvents).Scan(&marked); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM deliveries) + (SELECT COUNT(*) FROM delivery_cursors)`).Scan(&open)
		}); err != nil {
			return err
		}
		if marked == delivery.Partitions && open == 0 {
			fmt.Println("done")
			stop()
			return <-done
		}
	}
}

// TestKilled kills the program again and again while it emits and delivers to two
// subscribers that fail at times, one of them slow: each event reaches both, and
// those of a key in order, but for repeats.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the kills: -short")
	}
	dir := t.TempDir()
	kills := 0
	for {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env, cmd.Stderr = append(os.Environ(), "DELIVERY_TEST_LIFE="+dir), os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Scan() // it runs
		timer := time.AfterFunc(time.Duration(50+rand.IntN(150))*time.Millisecond, func() {
			if kills < 12 {
				_ = cmd.Process.Kill()
			}
		})
		done := lines.Scan() && lines.Text() == "done"
		err = cmd.Wait()
		timer.Stop()
		if done && err == nil {
			break
		}
		if cmd.ProcessState.ExitCode() > 0 {
			t.Fatal(err)
		}
		kills++
	}
	raw, err := os.ReadFile(filepath.Join(dir, "heard"))
	if err != nil {
		t.Fatal(err)
	}
	first, last, repeats := map[string]bool{}, map[string]int{}, 0
	for line := range strings.Lines(string(raw)) {
		var who, key, id string
		var position int
		if _, err := fmt.Sscan(line, &who, &key, &position, &id); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if first[who+id] {
			repeats++
			continue
		}
		first[who+id] = true
		if position < last[who+key] {
			t.Errorf("%s heard of %d of %s after %d", who, position, key, last[who+key])
		}
		last[who+key] = position
	}
	if len(first) != 2*killedEvents {
		t.Errorf("%d deliveries, want %d", len(first), 2*killedEvents)
	}
	t.Logf("%d kills, %d deliveries, %d repeats", kills, len(first), repeats)
	if kills < 5 {
		t.Errorf("only %d kills", kills)
	}
}
