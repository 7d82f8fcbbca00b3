package jobs

import (
	"context"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// ByID names a job.
type ByID struct {
	ID string `json:"id" doc:"ID of the job."`
}

// Query says which jobs are wanted.
type Query struct {
	State State  `json:"state,omitempty" doc:"Only those in this state." enum:"queued,running,done,failed,cancelled"`
	Kind  string `json:"kind,omitempty" doc:"Only those of this kind."`
	Brief bool   `json:"brief,omitempty" doc:"Leave the reports out, which may be large."`
	After string `json:"after,omitempty" doc:"The value of next in the answer before."`
	Limit int    `json:"limit,omitempty" doc:"How many at most: 50 if absent, at most 200."`
}

// List is one page of jobs, newest first.
type List struct {
	Items []Job  `json:"items" doc:"The jobs, newest first."`
	Next  string `json:"next,omitempty" doc:"Give it as after to get the page that follows."`
}

// Operations returns the operations on long work.
func (j *Jobs) Operations() []hostapi.Operation {
	tenant := func(in ByID) hostapi.Scope { return hostapi.Scope{Thing: in.ID} }
	return []hostapi.Operation{
		hostapi.DefineList(hostapi.Spec{Name: "work.list", Permission: "work:read", Doors: hostapi.HTTP("GET", "/api/v1/jobs"),
			Doc: "Long work: imports, exports, calls of extensions. People see their own, those who run the tenant all."},
			func(Query) hostapi.Scope { return hostapi.Scope{} }, j.List),
		hostapi.DefineList(hostapi.Spec{Name: "work.get", Permission: "work:read", Doors: hostapi.HTTP("GET", "/api/v1/jobs/:id"),
			Doc: "A job: how far it is, and its report."}, tenant, j.visible("work:read", j.Get)),
		hostapi.DefineList(hostapi.Spec{Name: "work.cancel", Permission: "work:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/jobs/:id/cancel"),
			Doc: "Stops a job; what it has done so far stays."}, tenant, j.visible("work:write", j.Cancel)),
		hostapi.DefineList(hostapi.Spec{Name: "work.retry", Permission: "work:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/jobs/:id/retry"),
			Doc: "Lets a job that failed or was cancelled go on where it stopped."}, tenant, j.visible("work:write", j.Retry)),
	}
}

// visible makes do an operation on a job that the caller may see.
func (j *Jobs) visible(permission string, do func(context.Context, string) (Job, error)) func(context.Context, ByID) (Job, error) {
	return func(ctx context.Context, in ByID) (Job, error) {
		job, err := j.Get(ctx, in.ID)
		if err != nil {
			return Job{}, err
		}
		if !hostapi.ReachOf(ctx, permission).Allows(hostapi.Scope{Person: job.actor.ID}) {
			return Job{}, trellis.Errorf(trellis.NotFound, "job %q", in.ID)
		}
		return do(ctx, in.ID)
	}
}

// List returns a page of the tenant's jobs, as far as the caller may see them.
func (j *Jobs) List(ctx context.Context, in Query) (List, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List{}, err
	}
	if in.Limit == 0 {
		in.Limit = 50
	}
	if in.Limit < 0 || in.Limit > 200 {
		return List{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and 200")
	}
	fields := columns
	if in.Brief {
		fields = brief
	}
	sql, args := `SELECT `+fields+` FROM jobs WHERE tenant = ?`, []any{tenant}
	for _, f := range []struct{ cond, value string }{{" AND state = ?", string(in.State)}, {" AND kind = ?", in.Kind}, {" AND id < ?", in.After}} {
		if f.value != "" {
			sql, args = sql+f.cond, append(args, f.value)
		}
	}
	reach := hostapi.ReachOf(ctx, "work:read")
	out := List{Items: []Job{}}
	err = j.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, sql+" ORDER BY id DESC", args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			job, err := scan(rows)
			if err != nil {
				return err
			}
			if !reach.Allows(hostapi.Scope{Person: job.actor.ID}) {
				continue
			}
			if len(out.Items) == in.Limit {
				out.Next = out.Items[in.Limit-1].ID
				return nil
			}
			out.Items = append(out.Items, job)
		}
		return rows.Err()
	})
	return out, err
}
