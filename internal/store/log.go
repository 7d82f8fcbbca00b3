package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
)

// ErrTrimmed says that the log no longer has what was asked for: the reader must
// begin anew ("resync").
var ErrTrimmed = trellis.Errorf(trellis.Conflict, "the log no longer reaches back so far")

// Log is the event log: every event that was committed, in that order. Positions
// are dense and begin at 1. It is safe for concurrent use.
type Log struct {
	db *DB

	mu     sync.Mutex
	head   uint64
	ring   ring
	moved  chan struct{} // closed when the head moves
	kick   chan struct{} // somebody says that the head has moved
	closed bool
}

func newLog(db *DB, size int) *Log {
	return &Log{db: db, ring: ring{size: size}, moved: make(chan struct{}), kick: make(chan struct{}, 1)}
}

func (l *Log) begin(ctx context.Context, s *session) error {
	head, err := readHead(ctx, &Tx{s: s})
	l.head = head
	return err
}

// Head returns the position of the last event, 0 if there is none.
func (l *Log) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// committed takes note of a commit of this handle.
func (l *Log) committed(head uint64, events []trellis.Event) {
	if len(events) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring.add(events)
	l.advance(head)
}

// advance moves the head and wakes those who wait. The caller holds l.mu.
func (l *Log) advance(head uint64) {
	if head > l.head && !l.closed {
		l.head = head
		close(l.moved)
		l.moved = make(chan struct{})
	}
}

// Wake says that another handle, on this node or another, may have committed.
func (l *Log) Wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// watchEvery is how long it takes to notice what another handle commits, if
// nobody says so.
const watchEvery = 100 * time.Millisecond

// watch notices what other handles commit.
func (l *Log) watch(ctx context.Context, s *session) {
	defer func() { _ = s.close() }()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var seen int64
	broken := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.kick:
		}
		err := l.look(ctx, &Tx{s: s}, &seen)
		if err != nil && !broken && ctx.Err() == nil {
			l.db.logger.Warn("commits of others not noticed", "err", err)
		}
		broken = err != nil
	}
}

// look reads the head, unless nobody has committed since the version seen.
func (l *Log) look(ctx context.Context, tx *Tx, seen *int64) error {
	var version int64
	if err := tx.QueryRow(ctx, "PRAGMA data_version").Scan(&version); err != nil || version == *seen {
		return err
	}
	head, err := readHead(ctx, tx)
	if err != nil {
		return err
	}
	*seen = version
	l.mu.Lock()
	l.advance(head)
	l.mu.Unlock()
	return nil
}

func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.moved)
	}
}

// Wait returns when there is an event after the position, or ctx is done, or the
// database is closed.
func (l *Log) Wait(ctx context.Context, after uint64) error {
	for {
		l.mu.Lock()
		head, moved, closed := l.head, l.moved, l.closed
		l.mu.Unlock()
		if head > after {
			return nil
		}
		if closed {
			return errClosed
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Read returns the events after a position, at most limit, of every tenant; ctx
// must be [Platform]'s. Recent ones come from memory, which readers share: they
// must not change what they are given. There are none after the head. It returns
// [ErrTrimmed] if the event that follows the position is no longer there.
func (l *Log) Read(ctx context.Context, after uint64, limit int) ([]trellis.Event, error) {
	if !IsPlatform(ctx) {
		return nil, trellis.Errorf(trellis.Denied, "the whole log is the platform's to read")
	}
	if limit < 1 {
		return nil, trellis.Errorf(trellis.Invalid, "at most %d events cannot be read", limit)
	}
	l.mu.Lock()
	head := l.head
	events, ok := l.ring.after(after, limit)
	l.mu.Unlock()
	if ok || after >= head {
		return events, nil
	}
	err := l.db.Read(ctx, func(tx *Tx) (err error) {
		events, err = selectEvents(ctx, tx, `position > ? ORDER BY position LIMIT ?`, int64(after), limit)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(events) == 0, events[0].Position != after+1: // after is before the head: there was one
		return nil, ErrTrimmed
	}
	return events, nil
}

// Find returns events of the tenant of ctx after a position, at most limit; typ,
// person and course narrow where they are not empty.
func (l *Log) Find(ctx context.Context, after uint64, limit int, typ, person, course string) ([]trellis.Event, error) {
	tenant, err := Tenant(ctx)
	if err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, trellis.Errorf(trellis.Invalid, "at most %d events cannot be read", limit)
	}
	where, args := `position > ? AND tenant = ?`, []any{int64(after), tenant}
	for _, f := range []struct{ cond, value string }{{" AND type = ?", typ}, {" AND person = ?", person}, {" AND course = ?", course}} {
		if f.value != "" {
			where, args = where+f.cond, append(args, f.value)
		}
	}
	var events []trellis.Event
	err = l.db.Read(ctx, func(tx *Tx) (err error) {
		events, err = selectEvents(ctx, tx, where+` ORDER BY position LIMIT ?`, append(args, limit)...)
		return err
	})
	return events, err
}

// Event returns the event with this ID, of the tenant of ctx or, for the
// platform, of any.
func (l *Log) Event(ctx context.Context, id string) (trellis.Event, error) {
	var events []trellis.Event
	err := l.db.Read(ctx, func(tx *Tx) (err error) {
		events, err = selectEvents(ctx, tx, `id = ?`, id)
		return err
	})
	if err != nil {
		return trellis.Event{}, err
	}
	if len(events) == 0 || !IsPlatform(ctx) && events[0].Tenant != trellis.ActorFrom(ctx).Tenant {
		return trellis.Event{}, trellis.Errorf(trellis.NotFound, "event %q", id)
	}
	return events[0], nil
}

// Oldest returns the position of the first event that the log still has, or the
// next one to come if it has none.
func (l *Log) Oldest(ctx context.Context) (uint64, error) {
	var first sql.NullInt64
	var head uint64
	err := l.db.Read(ctx, func(tx *Tx) (err error) {
		if head, err = readHead(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT MIN(position) FROM events`).Scan(&first)
	})
	if first.Valid {
		return uint64(first.Int64), err
	}
	return head + 1, err
}

// Before returns the position of the last event from before t, or the one before
// the oldest that there is.
func (l *Log) Before(ctx context.Context, t time.Time) (uint64, error) {
	oldest, err := l.Oldest(ctx)
	if err != nil {
		return 0, err
	}
	low, high := oldest, l.Head()+1 // the answer's successor lies in [low, high]
	for low < high {
		mid := low + (high-low)/2
		var at int64
		err := l.db.Read(ctx, func(tx *Tx) error {
			return tx.QueryRow(ctx, `SELECT time FROM events WHERE position >= ? ORDER BY position LIMIT 1`, int64(mid)).Scan(&at)
		})
		switch {
		case errors.Is(err, sql.ErrNoRows):
			high = mid
		case err != nil:
			return 0, err
		case FromMicros(at).Before(t):
			low = mid + 1
		default:
			high = mid
		}
	}
	return low - 1, nil
}

// Trim removes events up to, not including, a position, some thousands at a
// time, and returns how many. The caller sees to it that nobody needs them.
func (l *Log) Trim(ctx context.Context, before uint64) (int64, error) {
	if !IsPlatform(ctx) {
		return 0, trellis.Errorf(trellis.Denied, "the whole log is the platform's to trim")
	}
	var total int64
	for {
		var n int64
		err := l.db.Write(ctx, ChangeFunc(func(ctx context.Context, tx *Tx) (err error) {
			n, err = tx.Exec(ctx, `DELETE FROM events WHERE position IN (SELECT position FROM events WHERE position < ? ORDER BY position LIMIT 2000)`, int64(before))
			return err
		}))
		total += n
		if err != nil || n == 0 {
			l.mu.Lock()
			l.ring.clear() // it may have what the log no longer has
			l.mu.Unlock()
			return total, err
		}
	}
}

func selectEvents(ctx context.Context, tx *Tx, where string, args ...any) ([]trellis.Event, error) {
	rows, err := tx.Query(ctx, `SELECT position, id, source, type, subject, tenant, actor, person, course, key, trace, cause, hops, time, data
		FROM events WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var events []trellis.Event
	for rows.Next() {
		var e trellis.Event
		var position, at int64
		var data string
		if err := rows.Scan(&position, &e.ID, &e.Source, &e.Type, &e.Subject, &e.Tenant, &e.Actor, &e.Person, &e.Course, &e.Key,
			&e.Trace, &e.Cause, &e.Hops, &at, &data); err != nil {
			return nil, err
		}
		e.Position, e.Time, e.Data = uint64(position), FromMicros(at), json.RawMessage(data)
		events = append(events, e)
	}
	return events, rows.Err()
}
