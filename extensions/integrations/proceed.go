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

// keepChecked is how long an upload stays that waits for somebody to go on with it.
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
		hostapi.Define(hostapi.Spec{Name: "imports.check", Permission: "imports:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/imports/:job/check"),
			Doc: "Checks again, without another upload, what an import has left that stopped within the last hour before it removed too much. imports.run then goes on."},
			func(in Rechecking) hostapi.Scope { return hostapi.Scope{Thing: in.Job} }, x.Recheck),
	}
}

// Proceed imports what was checked: it takes over the upload of a dry run. An import
// that removes much wants to be told how much: see [oneroster.MayRemove]. It removes no
// more than that: where things have changed since the check, it stops.
func (x *Integrations) Proceed(ctx context.Context, in Proceeding) (jobs.Job, error) {
	check, u, o, err := x.uploaded(ctx, in.Job)
	if err != nil {
		return jobs.Job{}, err
	}
	var found oneroster.Report
	switch {
	case !o.DryRun:
		return jobs.Job{}, trellis.Errorf(trellis.Conflict, "the job %s was no check: it has done what it says", in.Job)
	case check.State != jobs.Done || json.Unmarshal(check.Report, &found) != nil:
		return jobs.Job{}, trellis.Errorf(trellis.Conflict, "the check is %s: only one that is done can go on", check.State)
	case Brakes(found) && in.Removes != found.Removed:
		return jobs.Job{}, trellis.Errorf(trellis.Conflict, "it removes %d of %d rows: say so (removes: %d) to go on", found.Removed, found.Rows, found.Removed)
	}
	most := max(found.Removed, oneroster.MayRemove(found.Rows))
	if Brakes(found) {
		most = found.Removed
	}
	o.DryRun, o.AtMost = false, &most
	return x.goOn(ctx, check, u, o, takeOver{was: checked, is: toImport})
}

// Rechecking says that what an import has left is to be checked.
type Rechecking struct {
	Job string `json:"job" doc:"ID of the import that stopped before it removed more than it may."`
}

// Recheck checks what an import has left that stopped at the brake: it takes over the
// upload. Whoever reads what the check has found goes on with [Integrations.Proceed].
func (x *Integrations) Recheck(ctx context.Context, in Rechecking) (jobs.Job, error) {
	stopped, u, o, err := x.uploaded(ctx, in.Job)
	if err != nil {
		return jobs.Job{}, err
	}
	if stopped.State != jobs.Failed || !oneroster.Braked(stopped.Error) {
		return jobs.Job{}, trellis.Errorf(trellis.Conflict, "the job %s is no import that stopped before it removed too much", in.Job)
	}
	o.DryRun, o.AtMost = true, nil
	return x.goOn(ctx, stopped, u, o, takeOver{was: braked, is: checked})
}

// uploaded returns an import, with what it was to do.
func (x *Integrations) uploaded(ctx context.Context, id string) (job jobs.Job, u upload, o oneroster.Options, err error) {
	if job, err = x.cfg.Jobs.Get(ctx, id); err != nil {
		return job, u, o, err
	}
	if !strings.HasPrefix(job.Kind, "import.") || job.Params(&u) != nil {
		return job, u, o, trellis.Errorf(trellis.NotFound, "job %q", id)
	}
	o, err = decodeOptions(u.Options)
	return job, u, o, err
}

// goOn lets another job do something else with the upload of one that has ended.
func (x *Integrations) goOn(ctx context.Context, ended jobs.Job, u upload, o oneroster.Options, over takeOver) (jobs.Job, error) {
	var err error
	if u.Options, err = json.Marshal(o); err != nil {
		return jobs.Job{}, err
	}
	job, err := x.cfg.Jobs.PrepareEnqueue(ctx, ended.Kind, u, jobs.Options{Title: ended.Title})
	if err != nil {
		return jobs.Job{}, err
	}
	over.from, over.to = ended.ID, job
	if err := x.cfg.DB.Write(ctx, job, over); err != nil {
		return jobs.Job{}, err
	}
	x.cfg.Jobs.Wake()
	return job.Job, nil
}

// Brakes reports whether an import is to be told how much it removes.
func Brakes(found oneroster.Report) bool { return found.Removed > oneroster.MayRemove(found.Rows) }

// takeOver gives the upload of one job to another.
type takeOver struct {
	from    string
	to      *jobs.EnqueueChange
	was, is int // what it is kept for
}

// Apply implements [store.Change].
func (c takeOver) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE uploads SET job = ?, checked = ? WHERE tenant = ? AND job = ? AND checked = ?`, c.to.Job.ID, c.is, tenant, c.from, c.was)
	if err == nil && n == 0 {
		return trellis.Errorf(trellis.Conflict, "what was uploaded is no longer there, or was imported already: look at the jobs, or upload it again")
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM import_findings WHERE tenant = ? AND job = ?`, tenant, c.from) // its report has them
	return err
}

// keepBraked notes that an upload stays when its import stops at the brake.
func (x *Integrations) keepBraked(ctx context.Context, job string) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	return x.cfg.DB.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE uploads SET checked = ? WHERE tenant = ? AND job = ?`, braked, tenant, job)
		return err
	}))
}

// Checked reports whether a job has only checked an upload, which can still be
// imported.
func (x *Integrations) Checked(ctx context.Context, job string) bool {
	return x.noted(ctx, `SELECT COUNT(*) FROM uploads WHERE tenant = ? AND job = ? AND checked = 1`, job)
}

// Stopped reports whether a job has stopped before it removed too much, and what it has
// left can still be checked: see [Integrations.Recheck].
func (x *Integrations) Stopped(ctx context.Context, job string) bool {
	return x.noted(ctx, `SELECT COUNT(*) FROM uploads WHERE tenant = ? AND job = ? AND checked = 2`, job)
}

// Again says why an import that has ended cannot go on as it is; nil of other jobs, and
// of one whose upload is still here.
func (x *Integrations) Again(ctx context.Context, job jobs.Job) error {
	switch {
	case !strings.HasPrefix(job.Kind, "import."):
		return nil
	case oneroster.Braked(job.Error):
		return trellis.Errorf(trellis.Conflict, "it would stop again before it removes too much: check what it removes (dry_run), and import it again with at_most")
	case !x.holds(ctx, job.ID):
		return trellis.Errorf(trellis.Conflict, "what was uploaded is no longer there: upload it again. What it has done is found done")
	}
	return nil
}

// holds reports whether what was uploaded for a job is still there. It goes before
// the note of it does.
func (x *Integrations) holds(ctx context.Context, job string) bool {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return false
	}
	var digest string
	if err := x.cfg.DB.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT blob FROM uploads WHERE tenant = ? AND job = ?`, tenant, job).Scan(&digest)
	}); err != nil {
		return false
	}
	f, err := x.cfg.Blobs.Get(ctx, digest)
	if err != nil {
		return false
	}
	return f.Close() == nil
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
