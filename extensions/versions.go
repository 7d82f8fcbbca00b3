package extensions

import (
	"context"
	"slices"
	"time"

	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/store"
)

// KeptVersion is a version of an extension that is kept.
type KeptVersion struct {
	Version     string    `json:"version" doc:"The version."`
	State       string    `json:"state" doc:"Whether it runs, is what a rollback brings back, waits for consent, or is only kept." enum:"runs,previous,pending,kept"`
	Digest      string    `json:"digest" doc:"SHA-256 of its files."`
	Size        int64     `json:"size,omitempty" doc:"Bytes of the bundle."`
	Signer      string    `json:"signer,omitempty" doc:"Fingerprint of the trusted key that it is signed with; absent if it is not."`
	Installed   time.Time `json:"installed" doc:"When it was brought here."`
	InstalledBy string    `json:"installed_by" doc:"Who brought it."`
}

// versions returns what is kept of an installation, the newest version first.
func (r *Registry) versions(ctx context.Context, in *installation) ([]KeptVersion, error) {
	var out []KeptVersion
	var bundles []string
	err := r.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT version, digest, bundle, signer, installed, installed_by FROM extension_versions WHERE tenant = ? AND installation = ?`, in.tenant, in.id)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			v := KeptVersion{State: "kept"}
			var at int64
			var blob string
			if err := rows.Scan(&v.Version, &v.Digest, &blob, &v.Signer, &at, &v.InstalledBy); err != nil {
				return err
			}
			v.Installed = store.FromMicros(at)
			out, bundles = append(out, v), append(bundles, blob)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		v := &out[i]
		switch v.Version {
		case in.version:
			v.State = "runs"
		case in.pending:
			v.State = "pending"
		case in.previous:
			v.State = "previous"
		}
		if f, err := r.cfg.Blobs.Get(ctx, bundles[i]); err == nil { // what is not there has no size
			if info, err := f.Stat(); err == nil {
				v.Size = info.Size()
			}
			_ = f.Close()
		}
	}
	slices.SortFunc(out, func(a, b KeptVersion) int { return bundle.CompareVersions(b.Version, a.Version) })
	return out, nil
}
