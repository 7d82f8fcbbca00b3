package extensions

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// SelfService is what course staff of a tenant may grant extensions in their own
// courses, without anybody's approval.
type SelfService struct {
	Permissions []string `json:"permissions" doc:"Permissions that course staff may grant in their own courses."`
	Usual       []string `json:"usual,omitempty" doc:"The platform's own set, which holds where a tenant has none. In answers only."`
}

// selfService returns the set of a tenant. The caller must not change it.
func (r *Registry) selfService(tenant string) []string {
	if s := r.sets.Load(); s != nil {
		if list, ok := (*s)[tenant]; ok {
			return list
		}
	}
	return r.cfg.SelfService
}

// readSelfService reads the sets of all tenants that have their own.
func (r *Registry) readSelfService(ctx context.Context, tx *store.Tx) error {
	rows, err := tx.Query(ctx, `SELECT tenant, permissions FROM self_service`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	sets := map[string][]string{}
	for rows.Next() {
		var tenant, raw string
		var list []string
		if err := rows.Scan(&tenant, &raw); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(raw), &list); err != nil {
			return err
		}
		sets[tenant] = list
	}
	if err := rows.Err(); err != nil {
		return err
	}
	r.sets.Store(&sets)
	return nil
}

// SelfService returns what course staff of the tenant of ctx may grant.
func (r *Registry) SelfService(ctx context.Context) (SelfService, error) {
	tenant, err := store.Tenant(ctx)
	return SelfService{append([]string{}, r.selfService(tenant)...), r.cfg.SelfService}, err
}

// SetSelfService says what course staff of the tenant of ctx may grant. What runs
// in a course with more than that, and was not approved, waits for approval from
// then on. Only those who run the tenant may.
func (r *Registry) SetSelfService(ctx context.Context, s SelfService) (SelfService, error) {
	tenant, err := store.Tenant(ctx)
	switch {
	case err != nil:
		return SelfService{}, err
	case !runsTenant(ctx):
		return SelfService{}, trellis.Errorf(trellis.Denied, "those who run the tenant say what course staff may grant")
	case s.Permissions == nil:
		return SelfService{}, trellis.Errorf(trellis.Invalid, "permissions: absent; [] lets course staff grant nothing")
	}
	for _, p := range s.Permissions {
		if !hostapi.Grantable(p) {
			return SelfService{}, trellis.Errorf(trellis.Invalid, "permissions: %.80q is not a permission that an extension may have", p)
		}
	}
	list := slices.Compact(slices.Sorted(slices.Values(s.Permissions)))
	err = r.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO self_service (tenant, permissions) VALUES (?, ?) ON CONFLICT (tenant) DO UPDATE SET permissions = excluded.permissions`, tenant, encodeList(list))
		return err
	})
	if err != nil {
		return SelfService{}, err
	}
	return r.SelfService(ctx)
}
