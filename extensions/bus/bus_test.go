package bus

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// site is a store, a bus on it, and a follower that notes what it is told.
type site struct {
	t    *testing.T
	db   *store.DB
	dir  string
	n    int
	mu   sync.Mutex
	seen []string
}

func as(ctx context.Context) context.Context {
	return trellis.WithActor(ctx, trellis.Actor{Tenant: "demo", ID: "7", Kind: trellis.PersonActor})
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	var err error
	if s.db, err = store.Open(t.Context(), store.Config{Path: filepath.Join(s.dir, "trellis.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	return s
}

// run runs a bus for as long as fn.
func (s *site) run(url string, fn func(b *Bus)) {
	s.t.Helper()
	ledger, err := delivery.New(s.t.Context(), delivery.Config{DB: s.db})
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := New(Config{DB: s.db, Ledger: ledger, URL: url, Dir: filepath.Join(s.dir, "nats"), Lease: 300 * time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Run(ctx) })
	from := uint64(len(s.all()))
	wg.Go(func() {
		_ = b.Follow(as(ctx), from, "*", func(_ context.Context, e trellis.Event) error {
			s.mu.Lock()
			s.seen = append(s.seen, e.Subject)
			s.mu.Unlock()
			return nil
		})
	})
	fn(b)
	stop()
	wg.Wait()
	if err := b.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *site) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.seen...)
}

// emit commits n events and waits until the follower has them all, once and in
// order.
func (s *site) emit(n int) {
	s.t.Helper()
	for range n {
		subject := fmt.Sprint(s.n)
		s.n++
		if err := s.db.Write(as(s.t.Context()), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.x.v1", subject, "", "", nil))
		})); err != nil {
			s.t.Fatal(err)
		}
	}
	s.until("every event followed", func() bool { return len(s.all()) >= s.n })
	for i, subject := range s.all() {
		if subject != fmt.Sprint(i) {
			s.t.Fatalf("event %d is %s", i, subject)
		}
	}
	if len(s.all()) != s.n {
		s.t.Fatalf("%d events followed, of %d", len(s.all()), s.n)
	}
}

func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	for !ok() {
		if !pause(ctx, 5*time.Millisecond) {
			s.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// relayed waits until the stream has everything.
func (s *site) relayed(b *Bus) {
	s.t.Helper()
	s.until("the stream has every event", func() bool {
		last, err := b.last(s.t.Context())
		return err == nil && last == uint64(s.n)
	})
}

// TestStreamIsExpendable: whatever becomes of JetStream's copy, followers get each
// event once and in order, and the copy fills itself again.
func TestStreamIsExpendable(t *testing.T) {
	s := newSite(t)
	nats := filepath.Join(s.dir, "nats")
	s.run("", func(b *Bus) {
		s.emit(50)
		s.relayed(b)
		if err := b.js.DeleteStream(t.Context(), StreamName); err != nil {
			t.Fatal(err)
		}
		s.emit(50) // the stream was deleted while it ran
		s.relayed(b)
	})
	if err := os.CopyFS(filepath.Join(s.dir, "older"), os.DirFS(nats)); err != nil {
		t.Fatal(err)
	}
	s.run("", func(b *Bus) { s.emit(50); s.relayed(b) }) // a restart
	if err := os.RemoveAll(nats); err != nil {
		t.Fatal(err)
	}
	s.run("", func(b *Bus) { s.emit(50); s.relayed(b) }) // deleted while it was down
	if err := os.RemoveAll(nats); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(s.dir, "older"), nats); err != nil {
		t.Fatal(err)
	}
	s.run("", func(b *Bus) { s.emit(50); s.relayed(b) }) // an older copy was put in its place
}

// TestWithoutNATS: while no server answers, followers read the log.
func TestWithoutNATS(t *testing.T) {
	s := newSite(t)
	s.run("nats://127.0.0.1:1", func(*Bus) { s.emit(20) })
}
