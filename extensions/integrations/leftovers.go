package integrations

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/store"
)

// keepLeftovers is how long the rows stay that an import did not take.
const keepLeftovers = 7 * 24 * time.Hour

// leave keeps the rows that an import did not take, each with the reason, as an
// archive to put right and send again.
func (x *Integrations) leave(ctx context.Context, r *jobs.Run, a *oneroster.Archive) error {
	var rep oneroster.Report
	if err := json.Unmarshal(r.Reported(), &rep); err != nil || len(rep.Refused)+len(rep.Invalid) == 0 {
		return err
	}
	seal := "leftovers/" + trellis.ActorFrom(ctx).Tenant + "/" + r.Job().ID
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(oneroster.Leftovers(ctx, a, rep, out)) }()
	digest, err := x.seal(ctx, in, seal)
	_ = in.CloseWithError(err)
	if err != nil {
		return err
	}
	return x.cfg.DB.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		tenant, err := store.Tenant(ctx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO import_leftovers (tenant, job, blob, seal, created) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (tenant, job) DO UPDATE SET blob = excluded.blob, created = excluded.created`, tenant, r.Job().ID, digest, seal, store.Micros(time.Now()))
		return err
	}))
}

// Leftovers writes the rows that an import did not take, each with the reason in a
// column of its own, as an archive of the same format. They are there for a week.
func (x *Integrations) Leftovers(ctx context.Context, job string) (io.ReadCloser, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	var u upload
	err = x.cfg.DB.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT blob, seal FROM import_leftovers WHERE tenant = ? AND job = ?`, tenant, job).Scan(&u.Blob, &u.Seal)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, trellis.Errorf(trellis.NotFound, "the job %q has left no rows, or a week has passed", job)
	}
	if err != nil {
		return nil, err
	}
	f, _, err := x.open(ctx, u)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, shut(f))
	}
	return opened{f, func() error { return shut(f) }}, nil
}

type opened struct {
	io.Reader
	shut func() error
}

// Close closes and removes the file.
func (o opened) Close() error { return o.shut() }

// Erase implements [trellis.Eraser]: what an import has left may be about anybody,
// so all of the tenant's goes.
func (x *Integrations) Erase(ctx context.Context, _ string) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	return x.dropLeftovers(ctx, `tenant = ?`, tenant)
}

// dropLeftovers removes some of what imports have left: the blobs first, since what
// is noted is tried again.
func (x *Integrations) dropLeftovers(ctx context.Context, where string, arg any) error {
	type left struct{ tenant, job, blob string }
	var all []left
	err := x.cfg.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant, job, blob FROM import_leftovers WHERE `+where, arg)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var l left
			if err := rows.Scan(&l.tenant, &l.job, &l.blob); err != nil {
				return err
			}
			all = append(all, l)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for _, l := range all {
		if err := x.cfg.Blobs.Delete(ctx, l.blob); err != nil {
			return err
		}
		if err := x.cfg.DB.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM import_leftovers WHERE tenant = ? AND job = ?`, l.tenant, l.job)
			return err
		})); err != nil {
			return err
		}
	}
	return nil
}
