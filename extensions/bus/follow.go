package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// fan is this node's one subscription to what is relayed and those who follow it. It keeps
// the latest events, so that a follower that is a little behind need not read the
// log.
type fan struct {
	b     *Bus
	mu    sync.Mutex
	ring  []trellis.Event // with consecutive positions
	head  uint64          // position of the last one that is known
	moved chan struct{}

	weight int // bytes of the ring, roughly
}

// The bounds of the memory: when it is full, the oldest are forgotten, and a
// follower that is further behind reads the log.
const (
	fanSize   = 4096 // events that are kept at least, if they are not too large
	maxWeight = 8 << 20
)

func weight(e trellis.Event) int { return 800 + len(e.Data) }

func newFan(b *Bus) *fan { return &fan{b: b, moved: make(chan struct{})} }

// run follows the stream, and looks after it: a position that is missing, or a
// second of silence while the log's head moves, sends it to the log.
func (f *fan) run(ctx context.Context) {
	f.begin(f.b.events.Head())
	messages := make(chan trellis.Event, 1024)
	var wg sync.WaitGroup
	wg.Go(func() { f.consume(ctx, messages) })
	defer wg.Wait()
	silence := time.NewTicker(250 * time.Millisecond)
	defer silence.Stop()
	quiet := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-messages:
			if f.take(ctx, e) {
				quiet = time.Now()
			}
		case <-silence.C:
			if head := f.b.events.Head(); head > f.position() && (time.Since(quiet) > time.Second || !f.b.Connected()) {
				f.fill(ctx, head)
			}
		}
	}
}

// begin sets where the memory begins; what lies before is read from the log.
func (f *fan) begin(head uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head = head
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *fan) position() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// take adds an event of the stream. It reports whether it was news.
func (f *fan) take(ctx context.Context, e trellis.Event) bool {
	head := f.position()
	if e.Position <= head {
		return false
	}
	if e.Position > head+1 {
		f.fill(ctx, e.Position-1)
		if f.position() != e.Position-1 {
			f.b.events.Wake() // the log has it, and will be asked again
			return false
		}
	}
	f.add([]trellis.Event{e})
	return true
}

// fill reads what is missing up to a position from the log.
func (f *fan) fill(ctx context.Context, to uint64) {
	for head := f.position(); head < to && ctx.Err() == nil; head = f.position() {
		events, err := f.b.events.Read(ctx, head, 1024)
		if errors.Is(err, store.ErrTrimmed) {
			oldest, err := f.b.events.Oldest(ctx)
			if err != nil {
				return
			}
			f.mu.Lock()
			f.ring, f.weight, f.head = nil, 0, max(f.head, oldest-1)
			f.mu.Unlock()
			continue
		}
		if err != nil || len(events) == 0 {
			return
		}
		f.add(events)
	}
}

func (f *fan) add(events []trellis.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ring)+len(events) > 2*fanSize {
		keep := min(len(f.ring), fanSize)
		f.ring = append(make([]trellis.Event, 0, 2*fanSize), f.ring[len(f.ring)-keep:]...)
		f.weight = 0
		for _, e := range f.ring {
			f.weight += weight(e)
		}
	}
	for _, e := range events {
		f.weight += weight(e)
	}
	if f.weight > maxWeight { // large ones are read from the log
		f.ring, f.weight = nil, 0
		for _, e := range events {
			f.weight += weight(e)
		}
	}
	f.ring = append(f.ring, events...)
	f.head = events[len(events)-1].Position
	close(f.moved)
	f.moved = make(chan struct{})
}

// after returns the events after a position and a channel that closes when there
// are more; ok is false when the memory does not reach back so far.
func (f *fan) after(position uint64) (events []trellis.Event, moved <-chan struct{}, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if position >= f.head {
		return nil, f.moved, true
	}
	n := uint64(len(f.ring))
	if position < f.head-n {
		return nil, f.moved, false
	}
	part := f.ring[n-(f.head-position):]
	return part[:len(part):len(part)], f.moved, true
}

// consume hands over what the stream has, from now on, again and again.
func (f *fan) consume(ctx context.Context, messages chan<- trellis.Event) {
	for ctx.Err() == nil {
		if err := f.consumeOnce(ctx, messages); err != nil && ctx.Err() == nil {
			f.b.log.Debug("stream not followed; the log is", "err", err)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// consumeOnce takes the messages as they are published to the stream, and not from
// it: JetStream keeps in memory for ten seconds whatever is read soon after it was
// written, which are 100 MB when a roster is imported. What the server drops for
// want of room here shows in the positions and is read from the log.
func (f *fan) consumeOnce(ctx context.Context, messages chan<- trellis.Event) error {
	in := make(chan *nats.Msg, 1024)
	sub, err := f.b.conn.ChanSubscribe("events.>", in)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		var m *nats.Msg
		select {
		case m = <-in:
		case <-ctx.Done():
			return ctx.Err()
		}
		e, err := decode(m.Header, m.Data)
		if err != nil {
			f.b.log.Warn("message of somebody else in the stream", "subject", m.Subject, "err", err)
			continue
		}
		select {
		case messages <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Head returns the position of the log's last event: where to follow from, for
// whoever wants only what is to come.
func (b *Bus) Head() uint64 { return b.events.Head() }

// reaches reports whether the log's head comes to a position soon: another node
// may know of it already.
func (b *Bus) reaches(ctx context.Context, position uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	b.events.Wake()
	return b.events.Wait(ctx, position-1) == nil
}

// Follow implements [trellis.Source]: it calls h for each event after a position,
// first from the log, then as they come, in order and once each, as long as h
// succeeds. It sees the events of the actor's tenant or, in a context of the
// platform, of all. A position that the log no longer reaches back to,
// or never reached, is [store.ErrTrimmed]: the follower begins anew ("resync").
func (b *Bus) Follow(ctx context.Context, from uint64, pattern string, h func(context.Context, trellis.Event) error) error {
	if !trellis.ValidPattern(pattern) {
		return trellis.Errorf(trellis.Invalid, "pattern %q is neither a type, nor a prefix with .*, nor *", pattern)
	}
	tenant, all := trellis.ActorFrom(ctx).Tenant, store.IsPlatform(ctx)
	if tenant == "" && !all {
		return trellis.Errorf(trellis.Denied, "nobody follows events")
	}
	reading := store.Platform(ctx)
	if from > b.events.Head() && !b.reaches(ctx, from) {
		return store.ErrTrimmed // of another database, or of one from before a backup was put in its place
	}
	for position := from; ; {
		events, moved, ok := b.fan.after(position)
		if !ok {
			var err error
			if events, err = b.events.Read(reading, position, 256); err != nil {
				return err
			}
		}
		for _, e := range events {
			if (all || e.Tenant == tenant) && trellis.MatchType(pattern, e.Type) {
				if err := h(ctx, e); err != nil {
					return err
				}
			}
			position = e.Position
		}
		if len(events) > 0 {
			continue
		}
		if !ok { // the log is where the memory begins: look again
			if !pause(ctx, time.Millisecond) {
				return nil
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-moved:
		}
	}
}
