package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// errCancelled is the cause of the context of a job that somebody cancelled.
var errCancelled = trellis.Errorf(trellis.Conflict, "the job was cancelled")

// Run is a job that runs. Its methods are for the goroutine that runs it, but
// [Run.Progress] is safe for concurrent use.
type Run struct {
	jobs   *Jobs
	job    Job
	holder string
	fence  uint64

	mu       sync.Mutex
	progress Progress
	dirty    bool
	advanced bool // it came further in this run
	report   json.RawMessage
}

// Job returns the job as it was when it was begun.
func (r *Run) Job() Job { return r.job }

// Params decodes what the job was asked to do.
func (r *Run) Params(v any) error {
	if err := json.Unmarshal(r.job.params, v); err != nil {
		return fmt.Errorf("decode parameters of job %s: %w", r.job.ID, err)
	}
	return nil
}

// State decodes the last checkpoint and reports whether there was one.
func (r *Run) State(v any) (bool, error) {
	if string(r.job.saved) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(r.job.saved, v); err != nil {
		return false, fmt.Errorf("decode checkpoint of job %s: %w", r.job.ID, err)
	}
	return true, nil
}

// Checkpoint applies changes and saves the state after them, in one transaction:
// a kill never counts anything twice. The state is encoded when the changes have
// been applied, so it can tell what came of them. It fails with
// [trellis.Conflict] if another node has taken the job over, or somebody has
// cancelled it, and then changes nothing.
func (r *Run) Checkpoint(ctx context.Context, state any, p Progress, changes ...store.Change) error {
	r.mu.Lock()
	r.progress, r.dirty = p, false
	r.mu.Unlock()
	all := append([]store.Change{r.fenced()}, changes...)
	all = append(all, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		raw, err := json.Marshal(state)
		if err != nil {
			return fmt.Errorf("encode checkpoint of job %s: %w", r.job.ID, err)
		}
		n, err := tx.Exec(ctx, `UPDATE jobs SET saved = ?, done = ?, total = ?, note = ?, fruitless = 0 WHERE tenant = ? AND id = ? AND cancel = 0`,
			string(raw), p.Done, p.Total, p.Note, r.job.tenant, r.job.ID)
		if err == nil && n == 0 {
			return errCancelled
		}
		return err
	}))
	err := r.jobs.db.Write(ctx, all...)
	if err == nil {
		r.mu.Lock()
		r.advanced = true
		r.mu.Unlock()
	}
	return err
}

// Progress notes how far the job is; it is stored within a second.
func (r *Run) Progress(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress, r.dirty = p, true
}

// Report says what came of the job. It is stored when Run returns, whether it
// returns an error or not.
func (r *Run) Report(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode report of job %s: %w", r.job.ID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report = raw
	return nil
}

// Reported returns what was reported last, nil if nothing was.
func (r *Run) Reported() json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report
}

// fenced is a change that fails when the job belongs to another node by now.
func (r *Run) fenced() store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		return tx.Fenced(ctx, leaseName(r.job), r.fence)
	})
}

func leaseName(j Job) string { return "job/" + j.tenant + "/" + j.ID }

// Run looks for due jobs and runs them, several at once, until ctx is done and
// every job has stopped. A job that was stopped so goes on elsewhere, or here
// after the next start.
func (j *Jobs) Run(ctx context.Context, kinds []Kind) error {
	byName := map[string]Kind{}
	for _, k := range kinds {
		if _, ok := byName[k.Name]; ok {
			return fmt.Errorf("two kinds of job are called %s", k.Name)
		}
		byName[k.Name] = k
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, j.cfg.Workers)
	tick := time.NewTicker(j.cfg.Poll)
	defer tick.Stop()
	swept := time.Time{}
	for {
		if time.Since(swept) > time.Hour {
			swept = time.Now()
			j.sweep(ctx)
		}
		for len(slots) < cap(slots) {
			r, ok := j.take(ctx, byName)
			if !ok {
				break
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots; j.Wake() }()
				j.perform(ctx, byName[r.job.Kind], r)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-j.wake:
		}
	}
}

// take leases the job that is due the longest, or whose node is gone.
func (j *Jobs) take(ctx context.Context, kinds map[string]Kind) (*Run, bool) {
	ctx = store.Platform(ctx)
	args := []any{store.Micros(time.Now())}
	for name := range kinds {
		args = append(args, name)
	}
	if len(kinds) == 0 {
		return nil, false
	}
	query := `SELECT ` + columns + ` FROM jobs WHERE state IN ('queued', 'running') AND due <= ? AND kind IN (?` + strings.Repeat(", ?", len(kinds)-1) + `)
		ORDER BY due, tenant, id LIMIT 64 OFFSET ?`
	for offset := 0; ; offset += 64 { // those that others run are passed by, however many there are
		var due []Job
		err := j.db.Read(ctx, func(tx *store.Tx) error {
			rows, err := tx.Query(ctx, query, append(args, offset)...)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				job, err := scan(rows)
				if err != nil {
					return err
				}
				due = append(due, job)
			}
			return rows.Err()
		})
		if err != nil {
			j.quiet(ctx, "jobs could not be read", err)
			return nil, false
		}
		for _, job := range due {
			if r, ok := j.lease(ctx, job); ok {
				return r, true
			}
		}
		if len(due) < 64 {
			return nil, false
		}
	}
}

// lease makes this node the one that works on job, unless another does.
func (j *Jobs) lease(ctx context.Context, job Job) (*Run, bool) {
	holder := j.cfg.Node + "/" + trellis.NewID() // one for each run: two runs of one node exclude each other, too
	held, err := j.db.Acquire(ctx, holder, j.cfg.Lease, leaseName(job))
	if err != nil {
		j.quiet(ctx, "job could not be leased", err)
		return nil, false
	}
	fence, ok := held[leaseName(job)]
	if !ok {
		return nil, false
	}
	r := &Run{jobs: j, holder: holder, fence: fence}
	var ended State
	err = j.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		present, err := jobByID(ctx, tx, job.tenant, job.ID)
		if err != nil {
			return err
		}
		if present.State.Ended() || present.Due.After(time.Now()) {
			return trellis.Errorf(trellis.Conflict, "job %s has been done meanwhile", job.ID)
		}
		// One that was cancelled while nobody ran it, or that ends each node that
		// begins it, is not begun again.
		switch {
		case present.cancel:
			ended, err = Cancelled, end(ctx, tx, present, Cancelled, "cancelled")
			return err
		case present.fruitless >= maxFruitless:
			ended, err = Failed, end(ctx, tx, present, Failed, fmt.Sprintf("it was begun %d times, and stopped each time before it came any further", present.fruitless))
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE jobs SET state = 'running', attempts = attempts + 1, fruitless = fruitless + 1, started = CASE started WHEN 0 THEN ? ELSE started END
			WHERE tenant = ? AND id = ?`, store.Micros(time.Now()), job.tenant, job.ID)
		if err != nil {
			return err
		}
		r.job, err = jobByID(ctx, tx, job.tenant, job.ID)
		r.progress = r.job.Progress
		return err
	}))
	if err != nil || ended != "" {
		if ended != "" && err == nil {
			j.cfg.Metrics.Job(job.Kind, string(ended))
			j.log.Warn("job not begun again", "job", job.ID, "kind", job.Kind, "state", string(ended))
		}
		_ = j.db.Release(ctx, holder, leaseName(job)) // it runs out by itself
		return nil, false
	}
	return r, true
}

// maxFruitless is how often a job is begun that comes no further: one that kills
// its node must not do so for ever.
const maxFruitless = 10

// end records the end of a job that nobody runs.
func end(ctx context.Context, tx *store.Tx, job Job, state State, message string) error {
	if _, err := tx.Exec(ctx, `UPDATE jobs SET state = ?, error = ?, finished = ? WHERE tenant = ? AND id = ?`,
		string(state), message, store.Micros(time.Now()), job.tenant, job.ID); err != nil {
		return err
	}
	return tx.ForgetLease(ctx, leaseName(job))
}

// perform runs a job to its end, or until something stops it.
func (j *Jobs) perform(ctx context.Context, kind Kind, r *Run) {
	job := r.job
	ctx = trellis.WithTrace(trellis.WithActor(ctx, job.actor), trellis.Trace{ID: job.Trace, Cause: job.cause, Hops: job.hops})
	running, cancel := context.WithCancelCause(context.WithValue(ctx, runningKey{}, true))
	var keeper sync.WaitGroup
	keeper.Go(func() { j.keep(running, r, cancel) })
	began := time.Now()
	err := j.guarded(running, kind, r)
	if cause := context.Cause(running); cause != nil && err != nil {
		err = cause // why it was stopped says more than what the stop broke
	}
	cancel(nil)
	keeper.Wait()
	end := context.WithoutCancel(ctx)
	if err := j.finish(end, r, err, ctx.Err() != nil); err != nil {
		j.log.Warn("end of job not recorded", "job", job.ID, "err", err)
	}
	if err := j.db.Release(store.Platform(end), r.holder, leaseName(job)); err != nil {
		j.log.Warn("lease of job not released", "job", job.ID, "err", err)
	}
	j.log.Debug("job ran", "job", job.ID, "kind", job.Kind, "duration", time.Since(began), "err", err)
}

// runningKey marks the context of a job that runs.
type runningKey struct{}

// guarded runs the job; a panic of ours becomes its error.
func (j *Jobs) guarded(ctx context.Context, kind Kind, r *Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("job panicked", "job", r.job.ID, "kind", kind.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = trellis.Errorf(trellis.Internal, "the job failed by a fault of the platform")
		}
	}()
	return kind.Run(ctx, r)
}

// keep renews the lease, stores progress, and looks whether somebody cancelled.
func (j *Jobs) keep(ctx context.Context, r *Run, stop context.CancelCauseFunc) {
	tick := time.NewTicker(min(j.cfg.Poll, j.cfg.Lease/4))
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(renewed) > j.cfg.Lease/3 {
			held, err := j.db.Acquire(store.Platform(ctx), r.holder, j.cfg.Lease, leaseName(r.job))
			if fence, ok := held[leaseName(r.job)]; err == nil && (!ok || fence != r.fence) {
				stop(errLost)
				return
			} else if err == nil {
				renewed = time.Now()
			} else if time.Since(renewed) > j.cfg.Lease {
				stop(errLost)
				return
			}
		}
		if job, err := j.Get(ctx, r.job.ID); err == nil && job.cancel {
			stop(errCancelled)
			return
		}
		if err := r.store(ctx); err != nil {
			j.quiet(ctx, "progress of job not stored", err)
		}
	}
}

// store writes progress that was noted since the last time.
func (r *Run) store(ctx context.Context) error {
	r.mu.Lock()
	p, dirty := r.progress, r.dirty
	r.dirty = false
	r.mu.Unlock()
	if !dirty {
		return nil
	}
	return r.jobs.db.Write(ctx, r.fenced(), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE jobs SET done = ?, total = ?, note = ? WHERE tenant = ? AND id = ?`, p.Done, p.Total, p.Note, r.job.tenant, r.job.ID)
		return err
	}))
}

// attempts is how often a job is begun that something unavailable stops before it
// comes any further.
const attempts = 5

// finish records how the run ended: done, failed, cancelled, or to be gone on
// with later, by this node's next start or another node.
func (j *Jobs) finish(ctx context.Context, r *Run, err error, stopping bool) error {
	state, message, due := Done, "", time.Time{}
	r.mu.Lock()
	p, report, fruitless := r.progress, r.report, r.job.fruitless
	if r.advanced {
		fruitless = 0
	}
	r.mu.Unlock()
	switch {
	case err == nil:
	case errors.Is(err, errLost):
		return j.excuse(ctx, r.job) // whoever has it now says how it ends
	case errors.Is(err, errCancelled):
		state, message = Cancelled, "cancelled"
	case stopping:
		state, fruitless = Queued, max(0, fruitless-1) // which is not its fault
	case trellis.KindOf(err) == trellis.Unavailable && fruitless < attempts:
		state, message, due = Queued, "waits to try again", time.Now().Add(time.Second<<min(fruitless, 6))
	default:
		state, message = Failed, public(err)
		j.log.Warn("job failed", "job", r.job.ID, "kind", r.job.Kind, "err", err)
	}
	err = j.db.Write(ctx, r.fenced(), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		finished := int64(0)
		if state.Ended() {
			finished = store.Micros(time.Now())
		}
		if due.IsZero() {
			due = r.job.Due
		}
		if _, err := tx.Exec(ctx, `UPDATE jobs SET state = ?, error = ?, done = ?, total = ?, note = ?, finished = ?, due = ?, fruitless = ? WHERE tenant = ? AND id = ?`,
			string(state), message, p.Done, p.Total, p.Note, finished, store.Micros(due), fruitless, r.job.tenant, r.job.ID); err != nil || report == nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE jobs SET report = ? WHERE tenant = ? AND id = ?`, string(report), r.job.tenant, r.job.ID)
		return err
	}), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if !state.Ended() {
			return nil
		}
		return tx.ForgetLease(ctx, leaseName(r.job))
	}))
	switch {
	case trellis.KindOf(err) == trellis.Conflict: // the lease was lost, and nobody had noticed
		return j.excuse(ctx, r.job)
	case err == nil && state.Ended():
		j.cfg.Metrics.Job(r.job.Kind, string(state))
	}
	return err
}

// excuse takes back that a run came no further: the node was too slow to keep its
// lease, and lives. What is counted is jobs that end their nodes, and on a machine that
// is busy enough any job would be given up for that.
func (j *Jobs) excuse(ctx context.Context, job Job) error {
	return j.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE jobs SET fruitless = fruitless - 1 WHERE tenant = ? AND id = ? AND fruitless > 0 AND state IN ('queued', 'running')`, job.tenant, job.ID)
		return err
	}))
}

// public is what an error may say to whoever asked for the job.
func public(err error) string {
	switch trellis.KindOf(err) {
	case trellis.Internal:
		return "the job failed by a fault of the platform; its operators find it in the log"
	case trellis.Unavailable:
		return "something that the job needs was unavailable too long"
	}
	return err.Error()
}

// sweep removes jobs that ended long ago, and leases that nobody has held for long.
func (j *Jobs) sweep(ctx context.Context) {
	if _, err := j.db.SweepLeases(store.Platform(ctx), time.Now().Add(-time.Hour)); err != nil {
		j.quiet(ctx, "old leases not removed", err)
	}
	err := j.db.Write(store.Platform(ctx), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM jobs WHERE finished > 0 AND finished < ?`, store.Micros(time.Now().Add(-j.cfg.Keep)))
		return err
	}))
	if err != nil {
		j.quiet(ctx, "old jobs not removed", err)
	}
}

func (j *Jobs) quiet(ctx context.Context, msg string, err error) {
	if ctx.Err() == nil {
		j.log.Warn(msg, "err", err)
	}
}

var errLost = trellis.Errorf(trellis.Conflict, "another node has taken the job over")
