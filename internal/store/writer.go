package store

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/trellis-learning/trellis"
)

// request is one Write on its way.
type request struct {
	ctx     context.Context
	changes []Change
	done    chan error // receives once
}

// writer commits what callers want written, many at once. Each write has its
// savepoint, so one that fails takes nobody along.
type writer struct {
	db       *DB
	s        *session
	requests chan *request
	mu       sync.RWMutex // held for reading while a request is handed over
	closed   bool
}

func newWriter(db *DB, s *session) *writer {
	return &writer{db: db, s: s, requests: make(chan *request, 4*db.cfg.MaxGroup)}
}

// Write applies the changes, all of them or none, in one savepoint of the
// current group, and returns when they are durable. A caller that gives up before
// its changes were begun changes nothing; afterwards Write waits for the true
// outcome. At most four groups wait; more callers wait for their turn.
func (db *DB) Write(ctx context.Context, changes ...Change) error {
	if ctx.Value(writingKey) != nil {
		return trellis.Errorf(trellis.Internal, "a write within a write: it would wait for itself")
	}
	w := db.writer
	r := &request{ctx: ctx, changes: changes, done: make(chan error, 1)}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return trellis.Errorf(trellis.Unavailable, "the database is closed")
	}
	select {
	case w.requests <- r:
		w.mu.RUnlock()
	case <-ctx.Done():
		w.mu.RUnlock()
		return ctx.Err()
	}
	return <-r.done
}

// close accepts no more requests; those that were accepted are still written.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		close(w.requests)
	}
}

func (w *writer) run() {
	defer func() { _ = w.s.close() }()
	var group []*request
	for r := range w.requests {
		group = append(group[:0], r)
		n := len(r.changes)
	gather:
		for n < w.db.cfg.MaxGroup {
			select {
			case r, ok := <-w.requests:
				if !ok {
					break gather
				}
				group = append(group, r)
				n += len(r.changes)
			default:
				break gather
			}
		}
		w.commit(group)
	}
}

// commit writes a group, and if the transaction is lost each of the group by
// itself.
func (w *writer) commit(group []*request) {
	if w.together(group) {
		return
	}
	for _, r := range group {
		if !w.together([]*request{r}) {
			r.done <- trellis.Errorf(trellis.Unavailable, "the database could not commit")
		}
	}
}

// applied is a request whose changes are part of the open transaction.
type applied struct {
	r     *request
	audit *pendingAudit
}

// together writes a group in one transaction and answers each of it. It reports
// false, having answered nobody but those whose own changes failed, if the
// transaction was lost.
func (w *writer) together(group []*request) (kept bool) {
	ctx := context.Background()
	if err := w.s.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.db.logger.Warn("transaction not begun", "err", err)
		return false
	}
	var good []applied
	var events []trellis.Event
	failed := map[*request]error{}
	for _, r := range group {
		tx := &Tx{s: w.s, writing: true, late: w.db.cfg.LatePositions}
		audit, err := w.apply(r, tx)
		if err == nil {
			good = append(good, applied{r, audit})
			events = append(events, tx.events...)
			continue
		}
		failed[r] = err
		if w.s.exec(ctx, "ROLLBACK TO change") != nil || w.s.exec(ctx, "RELEASE change") != nil {
			_ = w.s.exec(ctx, "ROLLBACK") // whatever is left of it
			if len(group) == 1 {
				r.done <- translate(err)
				return true
			}
			return false
		}
	}
	head, events, err := w.place(ctx, events)
	if err == nil {
		err = w.s.exec(ctx, "COMMIT")
	}
	if err != nil {
		w.db.logger.Warn("group not committed", "size", len(group), "err", err)
		_ = w.s.exec(ctx, "ROLLBACK")
		return false
	}
	w.db.log.committed(head, events)
	for _, a := range good {
		if a.audit != nil {
			a.audit.recorded.Store(true)
		}
		a.r.done <- nil
	}
	for r, err := range failed {
		r.done <- translate(err)
	}
	return true
}

// apply makes the changes of r within a savepoint of their own.
func (w *writer) apply(r *request, tx *Tx) (audit *pendingAudit, err error) {
	if err := w.s.exec(context.Background(), "SAVEPOINT change"); err != nil {
		return nil, err
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	// From here on a cancelled caller must not interrupt SQLite: that would lose
	// the transaction for everybody in it.
	ctx := context.WithValue(context.WithoutCancel(r.ctx), writingKey, true)
	defer func() {
		if p := recover(); p != nil {
			w.db.logger.Error("change panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = trellis.Errorf(trellis.Internal, "a change failed by a fault of the program: %v", p)
		}
	}()
	for _, c := range r.changes {
		if err := c.Apply(ctx, tx); err != nil {
			return nil, err
		}
	}
	if p, ok := r.ctx.Value(auditKey).(*pendingAudit); ok && !p.recorded.Load() {
		if err := tx.Audit(ctx, p.entry); err != nil {
			return nil, err
		}
		audit = p
	}
	return audit, w.s.exec(ctx, "RELEASE change")
}

// place gives the events their positions and writes them to the log. It returns
// the new head and the events that were not there before.
func (w *writer) place(ctx context.Context, events []trellis.Event) (head uint64, placed []trellis.Event, err error) {
	if len(events) == 0 {
		return 0, nil, nil
	}
	tx := &Tx{s: w.s, writing: true}
	if head, err = readHead(ctx, tx); err != nil {
		return 0, nil, err
	}
	for _, e := range events {
		e.Position = head + 1
		n, err := insertEvent(ctx, tx, e)
		if err != nil {
			return 0, nil, err
		}
		if n > 0 {
			head++
			placed = append(placed, e)
		}
	}
	_, err = tx.Exec(ctx, `UPDATE log_head SET position = ? WHERE name = 'events'`, int64(head))
	return head, placed, err
}

func readHead(ctx context.Context, tx *Tx) (uint64, error) {
	var head int64
	err := tx.QueryRow(ctx, `SELECT position FROM log_head WHERE name = 'events'`).Scan(&head)
	return uint64(head), err
}

func insertEvent(ctx context.Context, tx *Tx, e trellis.Event) (int64, error) {
	return tx.Exec(ctx, `INSERT INTO events (position, id, source, type, subject, tenant, actor, person, course, key, trace, cause, hops, time, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		int64(e.Position), e.ID, e.Source, e.Type, e.Subject, e.Tenant, e.Actor, e.Person, e.Course, e.Key, e.Trace, e.Cause, e.Hops, Micros(e.Time), string(e.Data))
}
