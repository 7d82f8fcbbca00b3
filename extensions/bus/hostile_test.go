package bus

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestForeignMessages: what somebody else publishes at the end of the stream, and
// the stream of another database, keep no event from the stream.
func TestForeignMessages(t *testing.T) {
	s := newSite(t)
	var ids []string
	s.run("", func(b *Bus) {
		s.emit(20)
		s.relayed(b)
		if _, err := b.js.Publish(t.Context(), "events.x", []byte("not an event")); err != nil {
			t.Fatal(err)
		}
		s.until("the relay finds it", func() bool { last, err := b.last(t.Context()); return err == nil && last == 20 })
		s.emit(20)
		s.relayed(b)
		forged := trellis.Event{ID: "forged", Type: "org.example.x.v1", Tenant: "demo", Position: 30, Time: time.Now(), Data: []byte(`{}`)}
		if _, err := b.js.PublishMsg(t.Context(), encode(forged)); err != nil {
			t.Fatal(err)
		}
		s.until("the stream is made anew", func() bool {
			_, id, _, err := b.lastMessage(t.Context())
			return err == nil && id != "forged" && id != ""
		})
		s.emit(20)
		s.relayed(b)
		stream, err := b.js.Stream(t.Context(), StreamName)
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= 60; seq++ {
			m, err := stream.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			e, err := decode(m.Header, m.Data)
			if err != nil || e.Position != seq || m.Header.Get("Nats-Msg-Id") != e.ID || m.Subject != Subject(e) {
				t.Errorf("message %d is %+v, %v", seq, m, err)
			}
			ids = append(ids, e.ID)
		}
	})
	if len(ids) != 60 {
		t.Errorf("%d messages", len(ids))
	}
}

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestOutside: a server by URL and token carries the events, and a log of
// everything says nothing of the token.
func TestOutside(t *testing.T) {
	o := &server.Options{JetStream: true, StoreDir: t.TempDir(), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, Authorization: "sekret"}
	outside, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	outside.Start()
	defer outside.Shutdown()
	if !outside.ReadyForConnections(time.Minute) {
		t.Fatal("no server")
	}
	s := newSite(t)
	ledger, err := delivery.New(t.Context(), delivery.Config{DB: s.db})
	if err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	for _, token := range []string{"sekret", "wrong-sekret"} {
		b, err := New(Config{DB: s.db, Ledger: ledger, URL: outside.ClientURL(), Token: token, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		s.until("connected, or not", func() bool { return b.Connected() == (token == "sekret") })
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{"nats://ada:sekret@127.0.0.1:no-port", "nats://ada:sekret@%zz", "://sekret"} {
		if b, err := New(Config{DB: s.db, Ledger: ledger, URL: url}); err == nil {
			_ = b.Close()
		} else if strings.Contains(err.Error(), "sekret") {
			t.Errorf("error %v", err)
		}
	}
	if strings.Contains(log.String(), "sekret") {
		t.Errorf("log %s", log.String())
	}
	_, err = New(Config{DB: s.db, Ledger: ledger, Dir: filepath.Join(s.dir, "open"), Listen: "127.0.0.1:0"})
	if trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("a port without a token: %v", err)
	}
}

// TestResync: a position that the log no longer has, or never had, is answered so.
func TestResync(t *testing.T) {
	s := newSite(t)
	s.run("nats://127.0.0.1:1", func(*Bus) { s.emit(10) })
	s.run("nats://127.0.0.1:1", func(b *Bus) { // whose memory begins with the head
		s.until("it follows", func() bool { return b.fan.position() == 10 })
		if _, err := s.db.Log().Trim(store.Platform(t.Context()), 6); err != nil {
			t.Fatal(err)
		}
		for _, from := range []uint64{1, 1000} {
			err := b.Follow(as(t.Context()), from, "*", func(context.Context, trellis.Event) error { return errors.New("an event") })
			if !errors.Is(err, store.ErrTrimmed) {
				t.Errorf("from %d: %v", from, err)
			}
		}
	})
}

// TestHeaders: no value of an event can end its header, and each comes back as it was.
func TestHeaders(t *testing.T) {
	for _, value := range []string{"ä ö", "a\r\nce-tenant: other", `"%41"`, " x ", "course-v1:A+B+1", "%zz", "\x7f\t"} {
		e := trellis.Event{ID: "1", Source: value, Type: "org.example.x.v1", Subject: value, Tenant: "demo", Actor: value, Person: value, Course: value, Key: value,
			Position: 1, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Data: []byte(`{}`)}
		m := encode(e)
		for name, v := range m.Header {
			if strings.ContainsAny(v[0], " \r\n\"\t") {
				t.Errorf("%s: %q", name, v[0])
			}
		}
		if got, err := decode(m.Header, m.Data); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%q: got %+v, %v", value, got, err)
		}
	}
}

// TestTooLarge: an event that NATS does not take stops neither the relay nor
// those who follow.
func TestTooLarge(t *testing.T) {
	s := newSite(t)
	s.run("", func(b *Bus) {
		s.emit(5)
		big := strings.Repeat("ä", 2048)
		if err := s.db.Write(as(t.Context()), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			e := trellis.NewEvent(ctx, "org.example.x.v1", "5", big, big, nil)
			e.Source, e.Actor, e.Cause, e.Trace = big, big, big, big
			return tx.Emit(ctx, e)
		})); err != nil {
			t.Fatal(err)
		}
		s.n++
		s.emit(5)
		s.relayed(b)
	})
}
