// Package bus carries events to everybody who follows them: over NATS JetStream,
// in this process or outside of it.
//
// The event log is the truth; JetStream carries copies of it. The relay, on one
// node at a time, publishes the log in order and goes on after the position in
// the stream's last message, so the stream may be deleted, or replaced by an
// older copy, at any time: it fills itself again from the log. A node has one
// subscription to the stream's subjects, and finds by the positions, which are
// dense, whether anything is missing; what is missing it reads from the log. While
// NATS is down, followers read the log alone.
//
// Effects never depend on any of this: [Bus.Consume] reads the log through the
// delivery ledger.
//
// A message has the subject events.<partition>.<tenant>.<type>, the event's data
// as its payload, and the event's attributes as CloudEvents headers (binary mode
// of the NATS protocol binding): ce-id, ce-source, ce-type, ce-subject, ce-time,
// and the extensions ce-tenant, ce-actor, ce-person, ce-course, ce-key, ce-trace,
// ce-cause, ce-hops, ce-position. Services outside of the platform take a durable
// consumer of their own and dedupe by ce-id.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/store"
)

// StreamName is the JetStream stream that carries the events.
const StreamName = "TRELLIS_EVENTS"

// headSubject carries the position of the log's head, as a wake-up.
const headSubject = "trellis.head"

// Config is what a bus is made of. DB and Ledger are required, and either URL or
// Dir.
type Config struct {
	DB      *store.DB
	Ledger  *delivery.Ledger
	URL     string                   // of a NATS server outside
	Token   string                   // for it
	Dir     string                   // of the server within: where JetStream keeps its files
	Listen  string                   // address at which the server within can be reached; "" for not at all
	Node    string                   // names this node among others; a new ID if empty
	Window  time.Duration            // how much of the log an empty stream begins with: 24 h if zero
	MaxAge  time.Duration            // how long the stream keeps a message: 7 days if zero
	MaxSize int64                    // bytes of the stream: 1 GiB if zero
	Lease   time.Duration            // how long a silent node stays the one that relays: 5 s if zero
	Fault   func(point string) error // for tests: called at "relay.publish" and "relay.acked"
	Logger  *slog.Logger
	Metrics *metrics.Registry
}

// Bus carries events. It is safe for concurrent use.
type Bus struct {
	cfg    Config
	log    *slog.Logger
	events *store.Log
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	fan    *fan

	relayed atomic.Uint64 // see [Bus.Relayed]
}

var _ trellis.Source = (*Bus)(nil)

// New starts the server within, if there is one, and connects. A server outside
// that cannot be reached is no error: the bus connects when it can.
func New(cfg Config) (*Bus, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Node == "" {
		cfg.Node = trellis.NewID()
	}
	if cfg.Window == 0 {
		cfg.Window = 24 * time.Hour
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 7 * 24 * time.Hour
	}
	if cfg.MaxSize == 0 {
		cfg.MaxSize = 1 << 30
	}
	if cfg.Lease == 0 {
		cfg.Lease = 5 * time.Second
	}
	if cfg.Fault == nil {
		cfg.Fault = func(string) error { return nil }
	}
	b := &Bus{cfg: cfg, log: cfg.Logger, events: cfg.DB.Log()}
	b.fan = newFan(b)
	if err := b.connect(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Bus) connect() (err error) {
	options := []nats.Option{
		nats.Name("trellis " + b.cfg.Node), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond), nats.IgnoreDiscoveredServers(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.log.Debug("nats", "err", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { b.log.Debug("nats disconnected", "err", err) }),
	}
	url := b.cfg.URL
	if b.cfg.Token != "" {
		options = append(options, nats.Token(b.cfg.Token))
	}
	if url == "" {
		if err := b.serve(); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(b.server))
	}
	if b.conn, err = nats.Connect(url, options...); err != nil {
		return trellis.Errorf(trellis.Invalid, "the address of the NATS server cannot be used") // the error may have a password in it
	}
	b.js, err = jetstream.New(b.conn, jetstream.WithPublishAsyncMaxPending(512))
	return err
}

// serve starts the server within this process.
func (b *Bus) serve() error {
	if b.cfg.Dir == "" {
		return trellis.Errorf(trellis.Invalid, "the bus needs the address of a NATS server or a directory for one of its own")
	}
	if err := os.MkdirAll(b.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	o := &server.Options{
		ServerName: "trellis-" + b.cfg.Node, JetStream: true, StoreDir: b.cfg.Dir, NoSigs: true, NoLog: true, DontListen: true, MaxPayload: 1 << 20,
		JetStreamMaxStore: b.cfg.MaxSize + 64<<20, JetStreamMaxMemory: 64 << 20,
	}
	if b.cfg.Listen != "" {
		host, port, err := splitListen(b.cfg.Listen)
		if err != nil {
			return err
		}
		if b.cfg.Token == "" {
			return trellis.Errorf(trellis.Invalid, "a NATS server that others can reach needs a token")
		}
		o.DontListen, o.Host, o.Port, o.Authorization = false, host, port, b.cfg.Token
	}
	s, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	s.Start()
	b.server = s
	if !s.ReadyForConnections(10 * time.Second) {
		return trellis.Errorf(trellis.Unavailable, "NATS did not start within 10 s")
	}
	return nil
}

// Run relays, wakes and follows until ctx is done.
func (b *Bus) Run(ctx context.Context) error {
	ctx = store.Platform(ctx)
	sub, err := b.conn.Subscribe(headSubject, func(*nats.Msg) { b.events.Wake() })
	if err != nil {
		return fmt.Errorf("listen for the log's head: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var wg sync.WaitGroup
	wg.Go(func() { b.announce(ctx) })
	wg.Go(func() { b.relay(ctx) })
	wg.Go(func() { b.fan.run(ctx) })
	wg.Wait()
	return nil
}

// announce tells other nodes that the head has moved.
func (b *Bus) announce(ctx context.Context) {
	for seen := b.events.Head(); b.events.Wait(ctx, seen) == nil; {
		seen = b.events.Head()
		if b.conn.IsConnected() { // else it would be kept, to be sent when nobody needs it any more
			_ = b.conn.Publish(headSubject, fmt.Append(nil, seen)) // others look by themselves, too
		}
		if !pause(ctx, 5*time.Millisecond) {
			return
		}
	}
}

// Close disconnects and stops the server within.
func (b *Bus) Close() error {
	if b.conn != nil {
		b.conn.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	return nil
}

// Consume implements [trellis.Source] by the delivery ledger.
func (b *Bus) Consume(ctx context.Context, role, pattern string, h func(context.Context, trellis.Event) error) error {
	return b.cfg.Ledger.Consume(ctx, role, pattern, h)
}

// Relayed returns up to which position the stream has what this node relayed, 0 if it
// has relayed nothing. What was committed since is on its way, and so is in the log
// alone.
func (b *Bus) Relayed() uint64 { return b.relayed.Load() }

// Connected reports whether NATS can be reached at present.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
