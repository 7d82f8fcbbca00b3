package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/trellis-learning/trellis"
)

// request is one Write on its way.
type request struct {
	ctx     context.Context
	changes []Change
	done    chan error // holds the one answer
}

// answer says how it ended. Only the first answer counts.
func (r *request) answer(err error) {
	select {
	case r.done <- err:
	default:
	}
}

// writer commits what callers want written, many at once. Each write has its
// savepoint, so one that fails takes nobody along.
type writer struct {
	db       *DB
	s        *session
	requests chan *request
	fault    atomic.Pointer[error] // of the last transaction, if that could not be begun or committed
	mu       sync.RWMutex          // held for reading while a request is handed over
	closed   bool
}

func newWriter(db *DB, s *session) *writer {
	return &writer{db: db, s: s, requests: make(chan *request, 4*db.cfg.MaxGroup)}
}

// Write applies the changes, all of them or none, in one savepoint of the
// current group, and returns when they are durable. A caller that gives up before
// its changes were begun changes nothing; afterwards Write waits for the true
// outcome. An error means that nothing was changed; one of kind
// [trellis.Unavailable] may be tried again. At most four groups wait; more callers
// wait for their turn.
func (db *DB) Write(ctx context.Context, changes ...Change) error {
	if ctx.Value(writingKey) != nil {
		return trellis.Errorf(trellis.Internal, "a write within a write: it would wait for itself")
	}
	w := db.writer
	r := &request{ctx: ctx, changes: changes, done: make(chan error, 1)}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return errClosed
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
	var group []*request
	ended := false
	defer func() {
		if ended {
			_ = w.s.close()
			return
		}
		// A change ended this goroutine: a test that fails inside one does, by
		// runtime.Goexit. Nobody else shall wait for ever because of it.
		w.abandon()
		for _, r := range group {
			r.answer(trellis.Errorf(trellis.Internal, "a change of this group ended the writer"))
		}
		w.db.tasks.Go(w.run)
	}()
	for r := range w.requests {
		group = w.gather(append(group[:0], r))
		w.commit(group)
		clear(group) // whoever is answered shall not be kept in memory
	}
	ended = true
}

// gather adds what waits already to the group, up to the bound. It does not wait
// for more: while one group is committed, the next one comes together.
func (w *writer) gather(group []*request) []*request {
	for n := len(group[0].changes); n < w.db.cfg.MaxGroup; {
		select {
		case r, ok := <-w.requests:
			if !ok {
				return group
			}
			group = append(group, r)
			n += max(1, len(r.changes))
		default:
			return group
		}
	}
	return group
}

// errLost says that a transaction was lost as a whole, and not by a fault that
// every other transaction would meet too.
var errLost = errors.New("the transaction was lost")

// commit writes a group and, if its transaction is lost, each of it by itself.
func (w *writer) commit(group []*request) {
	err := w.together(group)
	if errors.Is(err, errLost) && len(group) > 1 {
		for _, r := range group {
			if err := w.together([]*request{r}); err != nil {
				r.answer(unwritten(err))
			}
		}
		return
	}
	if err != nil {
		for _, r := range group {
			r.answer(unwritten(err))
		}
	}
}

// unwritten gives the error of a transaction that could not be begun or
// committed its kind.
func unwritten(err error) error {
	if err = translate(err); trellis.KindOf(err) == trellis.Internal {
		return trellis.Errorf(trellis.Unavailable, "the database could not commit: %w", err)
	}
	return err
}

// applied is a request whose changes are part of the open transaction.
type applied struct {
	r     *request
	audit *pendingAudit
}

// together writes a group in one transaction and answers each of it; or returns
// an error and has answered nobody. The error is [errLost] if the group should be
// tried one by one.
func (w *writer) together(group []*request) error {
	ctx := context.Background()
	if err := w.s.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.db.logger.Error("transaction not begun", "err", err)
		w.fault.Store(&err)
		w.abandon() // should there be one already, the next group has a clean start
		return err
	}
	var good []applied
	var events []trellis.Event
	failed := map[*request]error{}
	for _, r := range group {
		if err := r.ctx.Err(); err != nil {
			failed[r] = err
			continue
		}
		tx := &Tx{s: w.s, writing: true, late: w.db.cfg.LatePositions}
		audit, err := w.apply(r, tx)
		w.s.finish()
		if err == nil {
			good = append(good, applied{r, audit})
			events = append(events, tx.events...)
			continue
		}
		failed[r] = err
		if w.s.exec(ctx, "ROLLBACK TO change") != nil || w.s.exec(ctx, "RELEASE change") != nil {
			w.abandon() // SQLite gave up the whole transaction, or the change did
			if len(group) == 1 {
				r.answer(translate(err))
				return nil
			}
			return fmt.Errorf("%w: %w", errLost, err)
		}
	}
	head, events, err := w.place(ctx, events)
	if err == nil {
		err = w.s.exec(ctx, "COMMIT")
	}
	if err != nil {
		w.db.logger.Error("group not committed", "size", len(group), "err", err)
		w.fault.Store(&err)
		w.abandon()
		return fmt.Errorf("%w: %w", errLost, err)
	}
	w.fault.Store(nil)
	w.db.log.committed(head, events)
	for _, a := range good {
		if a.audit != nil {
			a.audit.recorded.Store(true)
		}
		a.r.answer(nil)
	}
	for r, err := range failed {
		r.answer(translate(err))
	}
	return nil
}

// abandon ends a transaction of which nothing is to be kept. There may be none
// any more.
func (w *writer) abandon() {
	w.s.finish()
	_ = w.s.exec(context.Background(), "ROLLBACK")
}

// apply makes the changes of r within a savepoint of their own.
func (w *writer) apply(r *request, tx *Tx) (audit *pendingAudit, err error) {
	if err := w.s.exec(context.Background(), "SAVEPOINT change"); err != nil {
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
	w.s.finish()
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
