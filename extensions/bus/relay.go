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
// was published. So a kill before an acknowledgement repeats nothing that the stream
// has, and a stream that lost its end, or was put back, gets from the log what it lost.
// Should two relays overlap, each message names the sequence that it follows: one of
// them is refused, and begins again from where the stream then ends.
func (b *Bus) publishAll(ctx context.Context) error {
	after, sequence, err := b.ending(ctx)
	if err != nil {
		return err
	}
	b.relayed.Store(after)
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
		b.cfg.Metrics.RelayLag(b.events.Head() - after)
		if sequence, err = b.publish(ctx, sequence, events); err != nil {
			return err
		}
		after = events[len(events)-1].Position
		b.relayed.Store(after)
		looked = time.Now()
		b.cfg.Metrics.RelayLag(b.events.Head() - after)
	}
	return nil
}

var errReplaced = errors.New("the stream is not as it was left")

// publish sends a batch and waits until the stream has all of it, in order. Each
// message says which one it follows, so that a message that is lost, or a relay
// that does not know yet that it lost its lease, leaves no hole: the stream
// refuses what comes after. It returns the sequence of the last message.
func (b *Bus) publish(ctx context.Context, sequence uint64, events []trellis.Event) (uint64, error) {
	futures := make([]jetstream.PubAckFuture, 0, len(events))
	for _, e := range events {
		if err := b.cfg.Fault("relay.publish"); err != nil {
			return 0, err
		}
		m := encode(e)
		if header := m.Size() - len(m.Data) - len(m.Subject); header > maxHeader || int64(m.Size()) > b.conn.MaxPayload() {
			b.log.Warn("event too large for NATS; those who follow read it from the log", "event", e.ID, "size", m.Size())
			continue
		}
		f, err := b.js.PublishMsgAsync(m, jetstream.WithExpectStream(StreamName), jetstream.WithExpectLastSequence(sequence))
		if err != nil {
			return 0, err
		}
		futures = append(futures, f)
		sequence++
	}
	timeout := time.NewTimer(5 * time.Second)
	defer timeout.Stop()
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return 0, err
		case <-timeout.C:
			return 0, errors.New("the stream did not acknowledge in time")
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return sequence, b.cfg.Fault("relay.acked")
}

// maxHeader is what the headers of an event may have: JetStream refuses more than
// 64 KiB, and adds some of its own.
const maxHeader = 60 << 10

// ending makes sure that there is a stream and returns the position after which
// to go on: that of its last message or, where it is empty, a window back; and the
// sequence of that message.
func (b *Bus) ending(ctx context.Context) (after, sequence uint64, err error) {
	if _, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: StreamName, Description: "Events of Trellis. A copy: the log in the database is the truth.",
		Subjects: []string{"events.>"}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: b.cfg.MaxAge, MaxBytes: b.cfg.MaxSize, Duplicates: min(dedupe, b.cfg.MaxAge), AllowDirect: true,
	}); err != nil {
		return 0, 0, fmt.Errorf("make the stream: %w", err)
	}
	last, id, sequence, err := b.lastMessage(ctx)
	if err != nil {
		return 0, 0, err
	}
	ours, err := b.ours(ctx, last, id)
	if err != nil {
		return 0, 0, err
	}
	if !ours {
		b.log.Warn("the stream is of another database and is emptied", "stream_position", last, "head", b.events.Head())
		if err := b.js.DeleteStream(ctx, StreamName); err != nil {
			return 0, 0, err
		}
		return b.ending(ctx)
	}
	if last > 0 {
		return last, sequence, nil
	}
	after, err = b.events.Before(ctx, time.Now().Add(-b.cfg.Window))
	return after, sequence, err
}

// ours reports whether the event with this ID stands at this position of the log,
// as far as the log still tells.
func (b *Bus) ours(ctx context.Context, position uint64, id string) (bool, error) {
	if position == 0 {
		return true, nil
	}
	if position > b.events.Head() && !b.reaches(ctx, position) {
		return false, ctx.Err()
	}
	events, err := b.events.Read(ctx, position-1, 1)
	if err != nil || len(events) == 0 {
		if errors.Is(err, store.ErrTrimmed) {
			err = nil
		}
		return true, err
	}
	return events[0].ID == id, nil
}

// last returns the position in the stream's last message, 0 if it is empty.
func (b *Bus) last(ctx context.Context) (uint64, error) {
	position, _, _, err := b.lastMessage(ctx)
	return position, err
}

// lastMessage returns the position and the ID of the event in the stream's last
// message, and the stream's last sequence. A message of somebody else is removed: the relay must know where the
// stream ends.
func (b *Bus) lastMessage(ctx context.Context) (position uint64, id string, sequence uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := b.js.Stream(ctx, StreamName)
	if err != nil {
		return 0, "", 0, err
	}
	for {
		info, err := s.Info(ctx)
		if err != nil {
			return 0, "", 0, err
		}
		if info.State.Msgs == 0 {
			return 0, "", info.State.LastSeq, nil
		}
		m, err := s.GetLastMsgForSubject(ctx, "events.>")
		if err != nil {
			return 0, "", 0, err
		}
		e, err := decode(m.Header, m.Data)
		if err == nil {
			return e.Position, e.ID, info.State.LastSeq, nil
		}
		b.log.Warn("message of somebody else at the end of the stream is removed", "subject", m.Subject, "err", err)
		if err := s.DeleteMsg(ctx, m.Sequence); err != nil {
			return 0, "", 0, err
		}
	}
}
