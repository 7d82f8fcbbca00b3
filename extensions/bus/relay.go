package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

const (
	relayLease = "relay"
	relayBatch = 256
	// dedupe is how long the server knows the ID of a message. It must outlive two
	// relays that overlap for a moment, and costs 130 bytes a message: of two
	// minutes at ten thousand a second, 150 MB.
	dedupe = 10 * time.Second
)

// relay publishes the log to the stream as long as this node holds the lease.
func (b *Bus) relay(ctx context.Context) {
	defer func() { _ = b.cfg.DB.Release(context.WithoutCancel(ctx), b.cfg.Node, relayLease) }()
	for ctx.Err() == nil {
		held, err := b.cfg.DB.Acquire(ctx, b.cfg.Node, b.cfg.Lease, relayLease)
		if err != nil || held[relayLease] == 0 {
			pause(ctx, min(250*time.Millisecond, b.cfg.Lease/2))
			continue
		}
		if err := b.publishAll(ctx); err != nil && ctx.Err() == nil {
			b.log.Debug("relay begins again", "err", err)
			pause(ctx, 100*time.Millisecond)
		}
	}
}

// publishAll publishes from where the stream ends until something goes wrong or
// the lease is lost. It keeps no cursor of its own: what the stream has is what
// was published.
func (b *Bus) publishAll(ctx context.Context) error {
	after, err := b.ending(ctx)
	if err != nil {
		return err
	}
	renewed, looked := time.Now(), time.Now()
	for ctx.Err() == nil {
		if time.Since(renewed) > b.cfg.Lease/4 {
			held, err := b.cfg.DB.Acquire(ctx, b.cfg.Node, b.cfg.Lease, relayLease)
			if err != nil || held[relayLease] == 0 {
				return errors.Join(errors.New("the relay's lease was lost"), err)
			}
			renewed = time.Now()
		}
		if time.Since(looked) > time.Second { // somebody may have deleted or replaced the stream
			last, err := b.last(ctx)
			if err != nil || last != after {
				return fmt.Errorf("the stream ends at %d, not at %d (%w)", last, after, errors.Join(err, errReplaced))
			}
			looked = time.Now()
		}
		events, err := b.events.Read(ctx, after, relayBatch)
		switch {
		case errors.Is(err, store.ErrTrimmed):
			oldest, err := b.events.Oldest(ctx)
			if err != nil {
				return err
			}
			after = max(after, oldest-1)
			continue
		case err != nil:
			return err
		case len(events) == 0:
			b.cfg.Metrics.RelayLag(0)
			wait, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
			_ = b.events.Wait(wait, after)
			cancel()
			continue
		}
		if err := b.publish(ctx, events); err != nil {
			return err
		}
		after = events[len(events)-1].Position
		looked = time.Now()
		b.cfg.Metrics.RelayLag(b.events.Head() - after)
	}
	return nil
}

var errReplaced = errors.New("the stream is not as it was left")

// publish sends a batch and waits until the stream has all of it, in order.
func (b *Bus) publish(ctx context.Context, events []trellis.Event) error {
	futures := make([]jetstream.PubAckFuture, 0, len(events))
	for _, e := range events {
		if err := b.cfg.Fault("relay.publish"); err != nil {
			return err
		}
		f, err := b.js.PublishMsgAsync(encode(e), jetstream.WithExpectStream(StreamName))
		if err != nil {
			return err
		}
		futures = append(futures, f)
	}
	timeout := time.NewTimer(5 * time.Second)
	defer timeout.Stop()
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		case <-timeout.C:
			return errors.New("the stream did not acknowledge in time")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return b.cfg.Fault("relay.acked")
}

// ending makes sure that there is a stream and returns the position after which
// to go on: that of its last message or, where it is empty, a window back.
func (b *Bus) ending(ctx context.Context) (uint64, error) {
	if _, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: StreamName, Description: "Events of Trellis. A copy: the log in the database is the truth.",
		Subjects: []string{"events.>"}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: b.cfg.MaxAge, MaxBytes: b.cfg.MaxSize, Duplicates: min(dedupe, b.cfg.MaxAge), AllowDirect: true,
	}); err != nil {
		return 0, fmt.Errorf("make the stream: %w", err)
	}
	last, err := b.last(ctx)
	if err != nil {
		return 0, err
	}
	if last > b.events.Head() {
		b.log.Warn("the stream is of another database and is emptied", "stream_position", last, "head", b.events.Head())
		if err := b.js.DeleteStream(ctx, StreamName); err != nil {
			return 0, err
		}
		return b.ending(ctx)
	}
	if last > 0 {
		return last, nil
	}
	return b.events.Before(ctx, time.Now().Add(-b.cfg.Window))
}

// last returns the position in the stream's last message, 0 if it is empty.
func (b *Bus) last(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := b.js.Stream(ctx, StreamName)
	if err != nil {
		return 0, err
	}
	info, err := s.Info(ctx)
	if err != nil || info.State.Msgs == 0 {
		return 0, err
	}
	m, err := s.GetMsg(ctx, info.State.LastSeq)
	if err != nil {
		return 0, err
	}
	e, err := decode(m.Header, m.Data)
	return e.Position, err
}
