package realtime

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// feed is one stream: what its client wants and may hear of, and how far it is.
type feed struct {
	wish  wish
	token string
	out   *bufio.Writer
	reach atomic.Pointer[hostapi.Reach]
	seen  atomic.Uint64 // position up to which everything was handed to the writer
	wrote uint64        // the id that the client was told last
}

// takes reports whether the client wants to hear of an event, and may.
func (f *feed) takes(e trellis.Event) bool {
	return f.wish.takes(e) && f.reach.Load().Allows(hostapi.Scope{Course: e.Course, Person: e.Person})
}

// stream writes events until the client or the server goes, or the token ends. A
// client that does not read fast enough holds up nobody but itself: its events
// wait in the log.
func (r *Realtime) stream(ctx context.Context, f *feed, from uint64) {
	reach := hostapi.ReachOf(ctx, "events:read")
	f.reach.Store(&reach)
	if _, err := fmt.Fprintf(f.out, "retry: 2000\n: you follow from position %d\n\n", from); err != nil || f.out.Flush() != nil {
		return
	}
	if r.ahead(ctx, from) {
		if from = r.cfg.Source.Head(); f.resync(from, "the log does not reach forward so far") != nil {
			return
		}
	}
	for ctx.Err() == nil {
		if err := r.follow(ctx, f, from); !errors.Is(err, store.ErrTrimmed) {
			return
		}
		if from = r.cfg.Source.Head(); f.resync(from, "the log no longer reaches back so far") != nil {
			return
		}
	}
}

// catchUp is how long this node may be behind the one that told a client its
// position.
const catchUp = time.Second

// ahead reports whether a position is one that the log has not come to. A client
// that waited there would miss what comes first: the log is an older copy.
func (r *Realtime) ahead(ctx context.Context, from uint64) bool {
	if from <= r.cfg.Source.Head() {
		return false
	}
	end, look := time.NewTimer(catchUp), time.NewTicker(20*time.Millisecond)
	defer end.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-end.C:
			return from > r.cfg.Source.Head()
		case <-look.C:
			if from <= r.cfg.Source.Head() {
				return false
			}
		}
	}
}

// resync tells the client that it has missed events: it reads again what it shows,
// and then hears of all that happens after position. The id takes the client
// there, so that it does not come back with the old one.
func (f *feed) resync(position uint64, reason string) error {
	_, err := fmt.Fprintf(f.out, "id: %d\nevent: resync\ndata: {\"position\":%d,\"reason\":%q}\n\n", position, position, reason)
	f.wrote = position
	return errors.Join(err, f.out.Flush())
}

// remembered is a little longer than an [Authenticator] may go on saying what it
// has said before.
const remembered = 1050 * time.Millisecond

// errEnded says that a stream has ended and why is known to those concerned.
var errEnded = errors.New("the stream has ended")

// follow writes the events after a position until something ends it.
func (r *Realtime) follow(ctx context.Context, f *feed, from uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	events, followed := make(chan trellis.Event, 64), make(chan error, 1)
	defer func() { cancel(); <-followed }()
	f.seen.Store(from)
	mine, self := make(chan struct{}, 1), trellis.ActorFrom(ctx).ID
	go func() {
		defer close(followed)
		followed <- r.cfg.Source.Follow(ctx, from, "*", func(ctx context.Context, e trellis.Event) error {
			if e.Person != "" && e.Person == self {
				select {
				case mine <- struct{}{}:
				default: // it is looked at already
				}
			}
			if f.takes(e) {
				select {
				case events <- e:
				case <-ctx.Done():
					return errEnded
				}
			}
			f.seen.Store(e.Position)
			return nil
		})
	}()
	beat, look := time.NewTicker(r.cfg.Heartbeat), time.NewTicker(r.cfg.Recheck)
	defer beat.Stop()
	defer look.Stop()
	var changed <-chan struct{}
	if watcher, ok := r.cfg.Auth.(Watcher); ok {
		var stop func()
		changed, stop = watcher.Watch(self, f.token)
		defer stop()
	}
	actor, err := r.again(ctx, f) // with the rights that were found last
	if err != nil {
		return errEnded
	}
	var soon <-chan time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return errEnded
		case e := <-events:
			err = r.write(actor, f, e, events)
		case <-beat.C:
			err = f.beat(events)
		case <-look.C:
			actor, err = r.again(actor, f)
		case <-changed:
			actor, err = r.again(actor, f)
		case <-mine: // what happened to her may have been the end of her account, or of a role
			if soon == nil {
				soon = time.After(remembered)
				actor, err = r.again(actor, f)
			}
		case <-soon:
			soon = nil
			actor, err = r.again(actor, f)
		case err := <-followed:
			return err
		}
		if err != nil {
			return errEnded // the client is gone, or its token
		}
	}
}

// maxBatch bounds what is written before anything else is looked at: where events
// never cease, the token is asked after all the same.
const maxBatch = 256

// write writes an event and whatever else is there already, and flushes once.
func (r *Realtime) write(ctx context.Context, f *feed, e trellis.Event, more <-chan trellis.Event) error {
	for n := 1; ; n++ {
		if f.takes(e) { // still
			data, err := r.encode(ctx, e)
			if err != nil {
				r.cfg.Logger.Warn("stream cut off", "event", e.ID, "err", err)
				return err
			}
			if _, err := fmt.Fprintf(f.out, "id: %d\nevent: %s\ndata: %s\n\n", e.Position, e.Type, data); err != nil {
				return err
			}
			f.wrote = e.Position
		}
		if n < maxBatch {
			select {
			case e = <-more:
				continue
			default:
			}
		}
		return f.out.Flush()
	}
}

// beat shows that the stream lives. It also takes the client's id along past the
// events that were not for it, so that it comes back to where the log still is. An
// event without data moves the id and is shown to nobody. The id must not pass what
// waits to be written: whatever was seen when waiting is then found empty is.
func (f *feed) beat(waiting <-chan trellis.Event) error {
	if seen := f.seen.Load(); len(waiting) == 0 && seen > f.wrote {
		if _, err := fmt.Fprintf(f.out, "id: %d\n", seen); err != nil {
			return err
		}
		f.wrote = seen
	}
	_, err := fmt.Fprint(f.out, ": still here\n\n")
	return errors.Join(err, f.out.Flush())
}

// again asks whether the token still holds, and what for. Its error ends the
// stream, after the client was told.
func (r *Realtime) again(ctx context.Context, f *feed) (context.Context, error) {
	if r.cfg.Auth == nil {
		return ctx, nil
	}
	tenant := trellis.ActorFrom(ctx).Tenant
	actor, err := r.cfg.Auth.Authenticate(ctx, tenant, f.token)
	if err != nil && trellis.KindOf(err) != trellis.Denied {
		return ctx, nil // not to know is no reason to cut anybody off
	}
	actor.Tenant = tenant
	ctx = trellis.WithActor(ctx, actor)
	reach := hostapi.ReachOf(ctx, "events:read")
	if err == nil && !reach.Empty() {
		f.reach.Store(&reach)
		return ctx, nil
	}
	_, err = fmt.Fprint(f.out, "event: denied\ndata: {\"reason\":\"the token has ended, or no longer allows this\"}\n\n")
	return ctx, errors.Join(errEnded, err, f.out.Flush())
}
