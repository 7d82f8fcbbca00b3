// Package jobs does long work: imports, exports, the scheduled calls of
// extensions. A job has a lease, so that one node works on it; checkpoints, so
// that a node that dies is followed by one that goes on where it was; progress;
// and an end that is reported or an error.
//
//	job, err := js.Enqueue(ctx, "import.oneroster", params, jobs.Options{Title: "Roster of spring"})
//	…
//	func run(ctx context.Context, r *jobs.Run) error {
//		for more {
//			// the rows, the position and the counts in one transaction
//			if err := r.Checkpoint(ctx, position, progress, changes...); err != nil {
//				return err
//			}
//		}
//		return r.Report(report)
//	}
package jobs

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Kind is a kind of work. Run does it; it is called again, with the last
// checkpoint, after a node died or something was unavailable, and must return
// soon after ctx is done.
type Kind struct {
	Name string
	Doc  string
	Run  func(ctx context.Context, r *Run) error
}

// State is how far a job has come.
type State string

// The states of a job.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended reports whether a job in state s will not run again by itself.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// Progress says how much of a job is done.
type Progress struct {
	Done  int64  `json:"done" doc:"How much is done."`
	Total int64  `json:"total,omitempty" doc:"How much there is to do, once it is known."`
	Note  string `json:"note,omitempty" doc:"What it is at."`
}

// Job is a piece of long work.
type Job struct {
	ID       string          `json:"id" doc:"ID of the job."`
	Kind     string          `json:"kind" doc:"What kind of work it is."`
	Title    string          `json:"title" doc:"What it is, for people."`
	State    State           `json:"state" doc:"How far it has come." enum:"queued,running,done,failed,cancelled"`
	Owner    string          `json:"owner" doc:"Who it works for."`
	Progress Progress        `json:"progress" doc:"How much is done."`
	Report   json.RawMessage `json:"report,omitempty" doc:"What came of it."`
	Error    string          `json:"error,omitempty" doc:"Why it failed, or what it waits for."`
	Attempts int             `json:"attempts" doc:"How often it was begun."`
	Trace    string          `json:"trace" doc:"The request that led to it."`
	Created  time.Time       `json:"created" doc:"When it was asked for."`
	Due      time.Time       `json:"due" doc:"When it is to run, at the earliest."`
	Started  *time.Time      `json:"started,omitempty" doc:"When it was begun."`
	Finished *time.Time      `json:"finished,omitempty" doc:"When it ended."`

	tenant string
	actor  trellis.Actor
	cause  string
	hops   int
	params json.RawMessage
	saved  json.RawMessage
	cancel bool

	fruitless int // how often it was begun since it last came any further
}

// Params decodes what the job was asked to do, for whoever asked for it.
func (j Job) Params(v any) error {
	if err := json.Unmarshal(j.params, v); err != nil {
		return fmt.Errorf("decode parameters of job %s: %w", j.ID, err)
	}
	return nil
}

// Config is what jobs are made of. DB is required.
type Config struct {
	DB      *store.DB
	Node    string        // names this node among others; a new ID if empty
	Workers int           // jobs that run at once on this node: 2 if zero
	Lease   time.Duration // how long a node may be silent before another takes over: 15 s if zero
	Poll    time.Duration // how often to look for work of other nodes: 500 ms if zero
	Keep    time.Duration // how long jobs that ended are kept: 30 days if zero
	Logger  *slog.Logger
	Metrics *metrics.Registry
	// Again says why a job that failed or was cancelled could not go on, before
	// [Jobs.Retry] changes it; nil: every one can.
	Again func(ctx context.Context, job Job) error
}

// Jobs keeps the jobs and runs them. It is safe for concurrent use.
type Jobs struct {
	cfg  Config
	db   *store.DB
	log  *slog.Logger
	wake chan struct{}
}

// New brings the jobs' table up to date and returns them.
func New(ctx context.Context, cfg Config) (*Jobs, error) {
	if cfg.Node == "" {
		cfg.Node = trellis.NewID()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Workers = or(cfg.Workers, 2)
	cfg.Lease = or(cfg.Lease, 15*time.Second)
	cfg.Poll = or(cfg.Poll, 500*time.Millisecond)
	cfg.Keep = or(cfg.Keep, 30*24*time.Hour)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := cfg.DB.Migrate(ctx, "jobs", files); err != nil {
		return nil, fmt.Errorf("migrate jobs: %w", err)
	}
	return &Jobs{cfg: cfg, db: cfg.DB, log: cfg.Logger, wake: make(chan struct{}, 1)}, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Options are the particulars of a job.
type Options struct {
	ID    string         // a repeat with the same ID gets the job that there is; trellis.IDFrom if empty
	Title string         // for people; the kind's name if empty
	At    time.Time      // not before; at once if zero
	Actor *trellis.Actor // who the job acts as; the actor of the context if nil
}

// Enqueue asks for work of a kind. The job acts as the actor of ctx, within its
// trace. A job that a job asks for is one hop farther from where it all began, and
// one beyond [trellis.MaxHops] is [trellis.Exhausted]: work does not go on for ever by
// asking for itself.
func (j *Jobs) Enqueue(ctx context.Context, kind string, params any, o Options) (Job, error) {
	c, err := j.PrepareEnqueue(ctx, kind, params, o)
	if err != nil {
		return Job{}, err
	}
	if err := j.db.Write(ctx, c); err != nil {
		return Job{}, err
	}
	j.Wake()
	return c.Job, nil
}

// Wake makes this node look for work at once.
func (j *Jobs) Wake() {
	select {
	case j.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// EnqueueChange is a job to be asked for.
type EnqueueChange struct{ Job Job }

// PrepareEnqueue prepares [Jobs.Enqueue], for those who ask for a job in the
// transaction of something else.
func (j *Jobs) PrepareEnqueue(ctx context.Context, kind string, params any, o Options) (*EnqueueChange, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("encode parameters of %s: %w", kind, err)
	}
	if len(raw) > 256<<10 {
		return nil, trellis.Errorf(trellis.Exhausted, "the parameters of a job may have 256 KiB")
	}
	actor, trace := trellis.ActorFrom(ctx), trellis.TraceFrom(ctx)
	if o.Actor != nil {
		actor = *o.Actor
	}
	if actor.Tenant == "" {
		return nil, trellis.Errorf(trellis.Denied, "nobody may ask for a job")
	}
	if ctx.Value(runningKey{}) != nil {
		if trace.Hops++; trace.Hops > trellis.MaxHops {
			return nil, trellis.Errorf(trellis.Exhausted, "%d jobs and events have led to one another, and that is enough: let a schedule go on with it", trace.Hops)
		}
	}
	job := Job{
		ID: or(o.ID, trellis.IDFrom(ctx)), Kind: kind, Title: or(o.Title, kind), State: Queued, Owner: actor.String(),
		Trace: trace.ID, Created: time.Now().UTC().Truncate(time.Microsecond),
		tenant: actor.Tenant, actor: actor, cause: trace.Cause, hops: trace.Hops, params: raw, saved: json.RawMessage("null"),
	}
	job.Due = or(o.At.UTC().Truncate(time.Microsecond), job.Created)
	return &EnqueueChange{job}, nil
}

// Apply implements [store.Change].
func (c *EnqueueChange) Apply(ctx context.Context, tx *store.Tx) error {
	job := &c.Job
	actor, err := json.Marshal(job.actor)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `INSERT INTO jobs (tenant, id, kind, title, state, actor, params, trace, cause, hops, created, due)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`,
		job.tenant, job.ID, job.Kind, job.Title, string(job.State), string(actor), string(job.params),
		job.Trace, job.cause, job.hops, store.Micros(job.Created), store.Micros(job.Due))
	if err != nil || n > 0 {
		return err
	}
	present, err := jobByID(ctx, tx, job.tenant, job.ID)
	if err == nil && present.Kind != job.Kind {
		return trellis.Errorf(trellis.Conflict, "the job %s is one of another kind", job.ID)
	}
	if err == nil {
		*job = present
	}
	return err
}

// Get returns the job with this ID, of the tenant of ctx.
func (j *Jobs) Get(ctx context.Context, id string) (Job, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Job{}, err
	}
	var job Job
	err = j.db.Read(ctx, func(tx *store.Tx) error {
		job, err = jobByID(ctx, tx, tenant, id)
		return err
	})
	return job, err
}

// Cancel asks that a job stop. One that runs stops at its next checkpoint, at
// the latest after the poll interval; what it has done so far stays.
func (j *Jobs) Cancel(ctx context.Context, id string) (Job, error) {
	return j.change(ctx, id, func(ctx context.Context, tx *store.Tx, job Job) error {
		switch {
		case job.State.Ended():
			return trellis.Errorf(trellis.Conflict, "the job is %s already", job.State)
		case job.State == Queued:
			if _, err := tx.Exec(ctx, `UPDATE jobs SET state = 'cancelled', cancel = 1, finished = ? WHERE tenant = ? AND id = ?`,
				store.Micros(time.Now()), job.tenant, id); err != nil {
				return err
			}
			return tx.ForgetLease(ctx, leaseName(job))
		}
		_, err := tx.Exec(ctx, `UPDATE jobs SET cancel = 1 WHERE tenant = ? AND id = ?`, job.tenant, id)
		return err
	})
}

// Retry lets a job that failed or was cancelled go on from its last checkpoint. One of
// which Config.Again says that it cannot stays as it is, with the reason why it ended.
func (j *Jobs) Retry(ctx context.Context, id string) (Job, error) {
	if j.cfg.Again != nil {
		job, err := j.Get(ctx, id)
		if err == nil && (job.State == Failed || job.State == Cancelled) {
			err = j.cfg.Again(ctx, job)
		}
		if err != nil {
			return Job{}, err
		}
	}
	return j.change(ctx, id, func(ctx context.Context, tx *store.Tx, job Job) error {
		if job.State != Failed && job.State != Cancelled {
			return trellis.Errorf(trellis.Conflict, "the job is %s: only one that failed or was cancelled can go on", job.State)
		}
		_, err := tx.Exec(ctx, `UPDATE jobs SET state = 'queued', cancel = 0, error = '', attempts = 0, fruitless = 0, finished = 0, due = ? WHERE tenant = ? AND id = ?`,
			store.Micros(time.Now()), job.tenant, id)
		return err
	})
}

func (j *Jobs) change(ctx context.Context, id string, fn func(context.Context, *store.Tx, Job) error) (Job, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Job{}, err
	}
	var job Job
	err = j.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		present, err := jobByID(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		if err := fn(ctx, tx, present); err != nil {
			return err
		}
		job, err = jobByID(ctx, tx, tenant, id)
		return err
	}))
	j.Wake()
	return job, err
}

// Wait returns the job when it has ended.
func (j *Jobs) Wait(ctx context.Context, id string) (Job, error) {
	tick := time.NewTicker(min(j.cfg.Poll, 50*time.Millisecond))
	defer tick.Stop()
	for {
		job, err := j.Get(ctx, id)
		if err != nil || job.State.Ended() {
			return job, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return job, ctx.Err()
		}
	}
}

const (
	// columns are those of a job; brief leaves its report out, which may be large.
	columns = `tenant, id, kind, title, state, actor, params, saved, report, done, total, note, error, attempts, fruitless, trace, cause, hops, cancel, created, due, started, finished`
	brief   = `tenant, id, kind, title, state, actor, params, saved, 'null', done, total, note, error, attempts, fruitless, trace, cause, hops, cancel, created, due, started, finished`
)

func scan(row interface{ Scan(...any) error }) (Job, error) {
	var j Job
	var actor, params, saved, report string
	var created, due, started, finished int64
	err := row.Scan(&j.tenant, &j.ID, &j.Kind, &j.Title, &j.State, &actor, &params, &saved, &report, &j.Progress.Done, &j.Progress.Total,
		&j.Progress.Note, &j.Error, &j.Attempts, &j.fruitless, &j.Trace, &j.cause, &j.hops, &j.cancel, &created, &due, &started, &finished)
	if err != nil {
		return j, err
	}
	j.params, j.saved = json.RawMessage(params), json.RawMessage(saved)
	if report != "null" {
		j.Report = json.RawMessage(report)
	}
	j.Created, j.Due = store.FromMicros(created), store.FromMicros(due)
	j.Started, j.Finished = at(started), at(finished)
	if err := json.Unmarshal([]byte(actor), &j.actor); err != nil {
		return j, err
	}
	j.Owner = j.actor.String()
	return j, nil
}

func at(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := store.FromMicros(micros)
	return &t
}

func jobByID(ctx context.Context, tx *store.Tx, tenant, id string) (Job, error) {
	j, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM jobs WHERE tenant = ? AND id = ?`, tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		return j, trellis.Errorf(trellis.NotFound, "job %q", id)
	}
	return j, err
}
