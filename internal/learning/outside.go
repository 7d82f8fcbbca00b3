package learning

import (
	"context"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Outside is an identifier that another system has for something of ours.
type Outside struct {
	System   string // which system: "oneroster"
	Kind     string // of what: "user", "class"
	External string // its identifier there
	ID       string // ours
}

// LinkChange records an outside identifier.
type LinkChange struct {
	Link    Outside
	Outcome Outcome
}

// PrepareLink prepares that an outside identifier stands for one of ours from
// then on.
func PrepareLink(link Outside) (*LinkChange, error) {
	if link.System == "" || link.Kind == "" || link.External == "" || link.ID == "" || len(link.External) > 512 {
		return nil, trellis.Errorf(trellis.Invalid, "an outside identifier needs a system, a kind and at most 512 bytes")
	}
	return &LinkChange{Link: link}, nil
}

// Apply implements [store.Change].
func (c *LinkChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	k := c.Link
	n, err := tx.Exec(ctx, `INSERT INTO outside (tenant, system, kind, external, id) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant, system, kind, external) DO UPDATE SET id = excluded.id WHERE outside.id <> excluded.id`,
		tenant, k.System, k.Kind, k.External, k.ID)
	c.Outcome = Unchanged
	if n > 0 {
		c.Outcome = Created
	}
	return err
}

// UnlinkChange takes an outside identifier back.
type UnlinkChange struct {
	Link    Outside
	Outcome Outcome
}

// PrepareUnlink prepares that an outside identifier stands for nothing any more.
func PrepareUnlink(link Outside) *UnlinkChange { return &UnlinkChange{Link: link} }

// Apply implements [store.Change].
func (c *UnlinkChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	c.Outcome = Unchanged
	_, err = tx.Exec(ctx, `DELETE FROM outside WHERE tenant = ? AND system = ? AND kind = ? AND external = ?`, tenant, c.Link.System, c.Link.Kind, c.Link.External)
	return err
}

// Lookup returns our identifiers for those of another system, as far as they
// are known.
func (l *Learning) Lookup(ctx context.Context, system, kind string, external []string) (map[string]string, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(external))
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		return inChunks(external, func(names []string) error {
			args := append([]any{tenant, system, kind}, anys(names)...)
			rows, err := tx.Query(ctx, `SELECT external, id FROM outside WHERE tenant = ? AND system = ? AND kind = ? AND external IN (`+marks(len(names))+`)`, args...)
			if err != nil {
				return err
			}
			pairs, err := collect(rows, scanPair)
			for _, p := range pairs {
				found[p[0]] = p[1]
			}
			return err
		})
	})
	return found, err
}

// Externals returns the identifiers that another system has for ours.
func (l *Learning) Externals(ctx context.Context, system, kind string, ids []string) (map[string]string, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(ids))
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		return inChunks(ids, func(names []string) error {
			args := append([]any{tenant, system, kind}, anys(names)...)
			rows, err := tx.Query(ctx, `SELECT id, external FROM outside WHERE tenant = ? AND system = ? AND kind = ? AND id IN (`+marks(len(names))+`)`, args...)
			if err != nil {
				return err
			}
			pairs, err := collect(rows, scanPair)
			for _, p := range pairs {
				found[p[0]] = p[1]
			}
			return err
		})
	})
	return found, err
}

func scanPair(row interface{ Scan(...any) error }) ([2]string, error) {
	var p [2]string
	err := row.Scan(&p[0], &p[1])
	return p, err
}
