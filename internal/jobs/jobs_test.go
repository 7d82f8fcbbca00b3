package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/store"
)

type rig struct {
	t   *testing.T
	db  *store.DB
	ctx context.Context
}

func as(ctx context.Context, tenant string) context.Context {
	return trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: "7", Kind: trellis.PersonActor})
}

// bubble runs a test in time of its own.
func bubble(t *testing.T, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "trellis.db")})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, db: db, ctx: as(t.Context(), "demo")}
		r.write(`CREATE TABLE effects (n INTEGER)`)
		f(r)
		r.must(db.Close())
	})
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) write(q string, args ...any) {
	r.t.Helper()
	r.must(r.db.Write(r.ctx, change(q, args...)))
}

func change(q string, args ...any) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, q, args...)
		return err
	})
}

func (r *rig) effects() (n int) {
	r.t.Helper()
	r.must(r.db.Read(r.ctx, func(tx *store.Tx) error {
		return tx.QueryRow(r.ctx, `SELECT COALESCE(SUM(n), 0) FROM effects`).Scan(&n)
	}))
	return n
}

func (r *rig) jobs() *jobs.Jobs {
	r.t.Helper()
	j, err := jobs.New(r.ctx, jobs.Config{DB: r.db})
	r.must(err)
	return j
}

// start runs jobs of one kind until the function that it returns is called.
func (r *rig) start(j *jobs.Jobs, run func(ctx context.Context, r *jobs.Run) error) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx, []jobs.Kind{{Name: "count", Run: run}}) }()
	return func() { cancel(); r.must(<-done) }
}

func (r *rig) enqueue(j *jobs.Jobs, o jobs.Options) jobs.Job {
	r.t.Helper()
	job, err := j.Enqueue(r.ctx, "count", map[string]int{"to": 10}, o)
	r.must(err)
	return job
}

func (r *rig) ended(j *jobs.Jobs, id string, want jobs.State) jobs.Job {
	r.t.Helper()
	job, err := j.Wait(r.ctx, id)
	r.must(err)
	if job.State != want {
		r.t.Errorf("the job is %s (%s), want %s", job.State, job.Error, want)
	}
	return job
}

// count counts to ten, a second each, with a checkpoint after each.
func count(ctx context.Context, r *jobs.Run) error {
	var n int
	if _, err := r.State(&n); err != nil {
		return err
	}
	for n < 10 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		n++
		if err := r.Checkpoint(ctx, n, jobs.Progress{Done: int64(n), Total: 10}, change(`INSERT INTO effects VALUES (1)`)); err != nil {
			return err
		}
	}
	return r.Report(map[string]int{"counted": n})
}

// TestResume: a job that was stopped goes on after its last checkpoint, and its
// effects and the checkpoint are one.
func TestResume(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		job := r.enqueue(j, jobs.Options{})
		for range 4 {
			stop := r.start(r.jobs(), count)
			time.Sleep(2500 * time.Millisecond)
			stop()
		}
		stop := r.start(j, count)
		defer stop()
		got := r.ended(j, job.ID, jobs.Done)
		if string(got.Report) != `{"counted":10}` || got.Progress.Done != 10 || r.effects() != 10 {
			t.Errorf("job %+v, %d effects", got, r.effects())
		}
	})
}

// TestFence: a run whose lease another has writes nothing more.
func TestFence(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		lost := make(chan error, 2)
		begun := make(chan struct{}, 2)
		stop := r.start(j, func(ctx context.Context, run *jobs.Run) error {
			begun <- struct{}{}
			if run.Job().Attempts > 1 {
				return nil
			}
			<-begun // taken by the test, which hands it back
			err := run.Checkpoint(context.WithoutCancel(ctx), 1, jobs.Progress{}, change(`INSERT INTO effects VALUES (1)`))
			lost <- err
			return err
		})
		defer stop()
		job := r.enqueue(j, jobs.Options{})
		<-begun
		r.write(`UPDATE leases SET holder = 'thief', fence = fence + 1 WHERE name LIKE 'job/%'`)
		begun <- struct{}{}
		if err := <-lost; trellis.KindOf(err) != trellis.Conflict {
			t.Errorf("checkpoint without the lease: %v", err)
		}
		if r.effects() != 0 {
			t.Error("an effect without the lease")
		}
		r.ended(j, job.ID, jobs.Done) // when the thief's lease has run out
	})
}

// TestPoison: a job that ends each node that begins it is given up, with the
// reason; one that comes further each time is not.
func TestPoison(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		job := r.enqueue(j, jobs.Options{})
		// What ten kills leave behind: a job that runs, and no lease.
		r.write(`UPDATE jobs SET state = 'running', fruitless = 10`)
		n := 0
		stop := r.start(j, func(context.Context, *jobs.Run) error { n++; return nil })
		defer stop()
		got := r.ended(j, job.ID, jobs.Failed)
		if n != 0 || !strings.Contains(got.Error, "begun 10 times") {
			t.Errorf("begun %d times: %s", n, got.Error)
		}
		if again, err := j.Retry(r.ctx, job.ID); err != nil || again.State != jobs.Queued {
			t.Errorf("by hand: %+v, %v", again, err)
		}
	})
}

// TestEnds: how a run ends decides how the job does.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		err   error
		panic bool
		runs  int
		want  string
	}{
		{name: "a fault of the caller's", err: trellis.Errorf(trellis.Invalid, "row 7"), runs: 1, want: "row 7"},
		{name: "a fault of ours", err: errors.New("secret"), runs: 1, want: "fault of the platform"},
		{name: "a panic", panic: true, runs: 1, want: "fault of the platform"},
		{name: "unavailable too long", err: trellis.Errorf(trellis.Unavailable, "secret"), runs: 5, want: "unavailable too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				j, n := r.jobs(), 0
				stop := r.start(j, func(context.Context, *jobs.Run) error {
					if n++; tt.panic {
						panic("secret")
					}
					return tt.err
				})
				defer stop()
				got := r.ended(j, r.enqueue(j, jobs.Options{}).ID, jobs.Failed)
				if n != tt.runs || !strings.Contains(got.Error, tt.want) || strings.Contains(got.Error, "secret") {
					t.Errorf("after %d runs: %s", n, got.Error)
				}
			})
		})
	}
}

// TestCancel: a job that waits never runs, and one that runs stops at its next
// checkpoint, of which nothing is applied; what it has done stays.
func TestCancel(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		waits := r.enqueue(j, jobs.Options{At: time.Now().Add(time.Hour)})
		if got, err := j.Cancel(r.ctx, waits.ID); err != nil || got.State != jobs.Cancelled {
			t.Errorf("%+v, %v", got, err)
		}
		checked := make(chan error, 1)
		stop := r.start(j, func(ctx context.Context, run *jobs.Run) error {
			r.must(run.Checkpoint(ctx, 1, jobs.Progress{Done: 1}, change(`INSERT INTO effects VALUES (1)`)))
			_, err := j.Cancel(r.ctx, run.Job().ID)
			r.must(err)
			err = run.Checkpoint(context.WithoutCancel(ctx), 2, jobs.Progress{Done: 2}, change(`INSERT INTO effects VALUES (1)`))
			checked <- err
			return err
		})
		defer stop()
		job := r.enqueue(j, jobs.Options{})
		r.ended(j, job.ID, jobs.Cancelled)
		if err := <-checked; trellis.KindOf(err) != trellis.Conflict || r.effects() != 1 {
			t.Errorf("checkpoint of a cancelled job: %v, %d effects", err, r.effects())
		}
		if _, err := j.Cancel(r.ctx, job.ID); trellis.KindOf(err) != trellis.Conflict {
			t.Errorf("cancelled twice: %v", err)
		}
	})
}

// TestCrowd: jobs that others run, and jobs of kinds that nobody knows, keep no
// other from being begun.
func TestCrowd(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		for i := range 70 {
			_, err := j.Enqueue(r.ctx, "unknown", nil, jobs.Options{})
			r.must(err)
			r.enqueue(j, jobs.Options{ID: fmt.Sprint("taken", i)})
			if _, err := r.db.Acquire(r.ctx, "another", time.Hour, fmt.Sprint("job/demo/taken", i)); err != nil {
				t.Fatal(err)
			}
		}
		job := r.enqueue(j, jobs.Options{})
		stop := r.start(j, func(context.Context, *jobs.Run) error { return nil })
		defer stop()
		r.ended(j, job.ID, jobs.Done)
	})
}

// TestRows: what led to a job is kept with it, a repeat is the first one, and
// another tenant sees nothing of it.
func TestRows(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		r.ctx = trellis.WithTrace(r.ctx, trellis.Trace{ID: "trace", Cause: "cause", Hops: 3})
		job := r.enqueue(j, jobs.Options{ID: "x", Title: "A"})
		if again := r.enqueue(j, jobs.Options{ID: "x", Title: "B"}); again.Title != "A" || again.ID != job.ID {
			t.Errorf("a repeat: %+v", again)
		}
		if _, err := j.Enqueue(r.ctx, "other", nil, jobs.Options{ID: "x"}); trellis.KindOf(err) != trellis.Conflict {
			t.Errorf("the same ID for another kind: %v", err)
		}
		seen := make(chan trellis.Trace, 1)
		stop := r.start(j, func(ctx context.Context, _ *jobs.Run) error {
			if store.IsPlatform(ctx) || trellis.ActorFrom(ctx).ID != "7" {
				t.Errorf("the job acts as %+v", trellis.ActorFrom(ctx))
			}
			seen <- trellis.TraceFrom(ctx)
			return nil
		})
		defer stop()
		if got := <-seen; got != (trellis.Trace{ID: "trace", Cause: "cause", Hops: 3}) {
			t.Errorf("trace %+v", got)
		}
		r.ended(j, job.ID, jobs.Done)
		other := as(r.t.Context(), "other")
		if list, err := j.List(other, jobs.Query{}); err != nil || len(list.Items) != 0 {
			t.Errorf("another tenant sees %v, %v", list.Items, err)
		}
		if _, err := j.Get(other, job.ID); trellis.KindOf(err) != trellis.NotFound {
			t.Errorf("another tenant reads it: %v", err)
		}
		if _, err := j.Enqueue(r.t.Context(), "count", nil, jobs.Options{}); trellis.KindOf(err) != trellis.Denied {
			t.Errorf("nobody enqueues: %v", err)
		}
	})
}
