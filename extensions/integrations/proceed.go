package integrations

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/store"
)

// keepChecked is how long an upload stays that was only checked.
const keepChecked = time.Hour

// Proceeding says that what was checked is to be imported.
type Proceeding struct {
	Job     string `json:"job" doc:"ID of the job that checked it: an import with dry_run, which is done."`
	Removes int    `json:"removes,omitempty" doc:"How many rows it removes, as the check has found. Needed where these are more than ten and more than a tenth of all."`
}

// Operations returns the operations on imports that are no streams.
func (x *Integrations) Operations() []hostapi.Operation {
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "imports.run", Permission: "imports:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/imports/:job/run"),
			Doc: "Imports what was checked within the last hour, without another upload."}, func(in Proceeding) hostapi.Scope { return hostapi.Scope{Thing: in.Job} }, x.Proceed),
	}
}

// Proceed imports what was checked: it takes over the upload of a dry run. An import
// that removes much wants to be told how much: a roster that was cut short looks
// like one from which everybody is gone. It removes no more than that: where things
// have changed since the check, it stops.
func (x *Integrations) Proceed(ctx context.Context, in Proceeding) (jobs.Job, error) {
	checked, err := x.cfg.Jobs.Get(ctx, in.Job)
	if err != nil {
		return jobs.Job{}, err
	}
	var u upload
	if !strings.HasPrefix(checked.Kind, "import.") || checked.Params(&u) != nil {
		return jobs.Job{}, trellis.Errorf(trellis.NotFound, "job %q", in.Job)
	}
	o, err := decodeOptions(u.Options)
	if err != nil {
		return jobs.Job{}, err
	}
	var found oneroster.Report
	switch {
	case !o.DryRun:
		return jobs.Job{}, trellis.Errorf(trellis.Conflict, "the job %s was no check: it has done what it says", in.Job)
	case checked.State != jobs.Done || json.Unmarshal(checked.Report, &found) != nil:
		return jobs.Job{}, trellis.Errorf(trellis.Conflict, "the check is %s: only one that is done can go on", checked.State)
	case Brakes(found) && in.Removes != found.Removed:
		return jobs.Job{}, trellis.Errorf(trellis.Conflict, "it removes %d of %d rows: say so (removes: %d) to go on", found.Removed, found.Rows, found.Removed)
	}
	most := max(found.Removed, oneroster.MayRemove(found.Rows))
	if Brakes(found) {
		most = found.Removed
	}
	o.DryRun, o.AtMost = false, &most
	if u.Options, err = json.Marshal(o); err != nil {
		return jobs.Job{}, err
	}
	job, err := x.cfg.Jobs.PrepareEnqueue(ctx, checked.Kind, u, jobs.Options{Title: checked.Title})
	if err != nil {
		return jobs.Job{}, err
	}
	if err := x.cfg.DB.Write(ctx, job, takeOver{from: in.Job, to: job}); err != nil {
		return jobs.Job{}, err
	}
	x.cfg.Jobs.Wake()
	return job.Job, nil
}

// Brakes reports whether an import is to be told how much it removes.
func Brakes(found oneroster.Report) bool { return found.Removed > oneroster.MayRemove(found.Rows) }

// takeOver gives the upload of one job to another.
type takeOver struct {
	from string
	to   *jobs.EnqueueChange
}

// Apply implements [store.Change].
func (c takeOver) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE uploads SET job = ?, checked = 0 WHERE tenant = ? AND job = ? AND checked = 1`, c.to.Job.ID, tenant, c.from)
	if err == nil && n == 0 {
		return trellis.Errorf(trellis.Conflict, "what was uploaded is no longer there, or was imported already: look at the jobs, or upload it again")
	}
	return err
}

// Checked reports whether a job has only checked an upload, which can still be
// imported.
func (x *Integrations) Checked(ctx context.Context, job string) bool {
	return x.noted(ctx, `SELECT COUNT(*) FROM uploads WHERE tenant = ? AND job = ? AND checked = 1`, job)
}

// HasLeft reports whether the rows that an import did not take can be had.
func (x *Integrations) HasLeft(ctx context.Context, job string) bool {
	return x.noted(ctx, `SELECT COUNT(*) FROM import_leftovers WHERE tenant = ? AND job = ?`, job)
}

func (x *Integrations) noted(ctx context.Context, query, job string) bool {
	tenant, err := store.Tenant(ctx)
	n := 0
	if err == nil {
		err = x.cfg.DB.Read(ctx, func(tx *store.Tx) error { return tx.QueryRow(ctx, query, tenant, job).Scan(&n) })
	}
	return err == nil && n > 0
}
