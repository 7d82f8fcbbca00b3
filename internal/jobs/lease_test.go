package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/store"
)

func (r *rig) leases() (n int) {
	r.t.Helper()
	r.must(r.db.Read(r.ctx, func(tx *store.Tx) error {
		return tx.QueryRow(r.ctx, `SELECT COUNT(*) FROM leases WHERE name LIKE 'job/%'`).Scan(&n)
	}))
	return n
}

// TestSlowNode: a job whose node loses the lease again and again, because it is too
// slow to keep it, is not given up for that, whether the node notices by itself or by a
// checkpoint.
func TestSlowNode(t *testing.T) {
	for _, tt := range []struct {
		name    string
		notices bool
	}{{"notices", true}, {"at the end", false}} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				j, n := r.jobs(), 0
				stop := r.start(j, func(ctx context.Context, run *jobs.Run) error {
					if n++; n > 25 {
						return nil
					}
					r.write(`UPDATE leases SET holder = 'another', fence = fence + 1, expires = ? WHERE name LIKE 'job/%'`, store.Micros(time.Now()))
					if tt.notices {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				})
				defer stop()
				r.ended(j, r.enqueue(j, jobs.Options{}).ID, jobs.Done)
				if n != 26 {
					t.Errorf("begun %d times", n)
				}
			})
		})
	}
}

// TestLeasesEnd: a job that has ended, however it did, leaves no lease behind; one that
// goes on again later is as safe as before.
func TestLeasesEnd(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		fail := true
		stop := r.start(j, func(ctx context.Context, run *jobs.Run) error {
			if fail {
				return trellis.Errorf(trellis.Invalid, "row 7")
			}
			return nil
		})
		job := r.enqueue(j, jobs.Options{})
		r.ended(j, job.ID, jobs.Failed)
		stop()
		if n := r.leases(); n != 0 {
			t.Errorf("%d leases of a job that failed", n)
		}
		_, err := j.Retry(r.ctx, job.ID)
		r.must(err)
		fail = false
		stop = r.start(j, func(ctx context.Context, run *jobs.Run) error { return nil })
		r.ended(j, job.ID, jobs.Done)
		stop()
		if n := r.leases(); n != 0 {
			t.Errorf("%d leases of a job that is done", n)
		}
		stop = r.start(j, func(context.Context, *jobs.Run) error { return trellis.Errorf(trellis.Unavailable, "not now") })
		waits := r.enqueue(j, jobs.Options{})
		time.Sleep(time.Second)
		stop()
		if r.leases() == 0 {
			t.Error("a job that waits has no lease: the test shows nothing")
		}
		_, err = j.Cancel(r.ctx, waits.ID)
		r.must(err)
		if n := r.leases(); n != 0 {
			t.Errorf("%d leases of a job that was cancelled", n)
		}
	})
}

// TestChain: jobs that ask for jobs come to an end.
func TestChain(t *testing.T) {
	bubble(t, func(r *rig) {
		j := r.jobs()
		refused := make(chan error, 1)
		n := 0
		stop := r.start(j, func(ctx context.Context, run *jobs.Run) error {
			n++
			if n > 100 {
				return nil
			}
			_, err := j.Enqueue(ctx, "count", nil, jobs.Options{})
			if err != nil {
				refused <- err
			}
			return err
		})
		defer stop()
		r.enqueue(j, jobs.Options{})
		if err := <-refused; trellis.KindOf(err) != trellis.Exhausted || n != trellis.MaxHops+1 {
			t.Errorf("after %d jobs: %v", n, err)
		}
	})
}
