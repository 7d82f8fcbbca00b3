package integrations

import (
	"context"
	"errors"

	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/store"
)

// What an upload is kept for.
const (
	toImport = 0 // its job, which imports it
	checked  = 1 // whoever reads what its job, which only checked it, has found
	braked   = 2 // whoever reads that its job has stopped before it removed too much
)

// insertUpload notes that a blob belongs to a job, unless one does already: then
// the request for the job is repeated, and it gets the first answer.
type insertUpload struct {
	job, blob string
	kept      int  // for what
	repeated  bool // known once it is applied
}

// Apply implements [store.Change].
func (u *insertUpload) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `INSERT INTO uploads (tenant, job, blob, checked) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, job) DO NOTHING`, tenant, u.job, u.blob, u.kept)
	u.repeated = n == 0
	return err
}

// forget removes what was kept for a job.
func forget(ctx context.Context, db *store.DB, tenant, job string) error {
	return db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM import_findings WHERE tenant = ? AND job = ?`, tenant, job); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM uploads WHERE tenant = ? AND job = ?`, tenant, job)
		return err
	}))
}

// kept is an upload whose job had not ended when somebody last looked.
type kept struct {
	tenant, job, blob string
	kept              int // for what
}

// uploads returns every upload of every tenant. There are few: they go with their
// jobs.
func uploads(ctx context.Context, db *store.DB) (all []kept, err error) {
	err = db.Read(ctx, func(tx *store.Tx) (err error) {
		rows, err := tx.Query(ctx, `SELECT tenant, job, blob, checked FROM uploads ORDER BY tenant, job`)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var k kept
			if err := rows.Scan(&k.tenant, &k.job, &k.blob, &k.kept); err != nil {
				return err
			}
			all = append(all, k)
		}
		return rows.Err()
	})
	return all, err
}

// keeper keeps the findings of a job.
type keeper struct {
	db  *store.DB
	job string
}

var _ oneroster.Keeper = keeper{}

// Keep implements [oneroster.Keeper].
func (k keeper) Keep(n int, findings []byte) store.Change {
	return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		tenant, err := store.Tenant(ctx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO import_findings (tenant, job, n, findings) VALUES (?, ?, ?, ?)`, tenant, k.job, n, string(findings))
		return err
	})
}

// Kept implements [oneroster.Keeper].
func (k keeper) Kept(ctx context.Context, fn func(findings []byte) error) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	return k.db.Read(ctx, func(tx *store.Tx) (err error) {
		rows, err := tx.Query(ctx, `SELECT findings FROM import_findings WHERE tenant = ? AND job = ? ORDER BY n`, tenant, k.job)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var raw string
			if err := rows.Scan(&raw); err != nil {
				return err
			}
			if err := fn([]byte(raw)); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
