package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
)

// Acquire gives the holder those of the named leases that are free, have run out
// or are its own already, for the time to live, and returns the fencing token of
// each that it holds now. A token grows whenever the lease changes hands; give it
// to [Tx.Fenced] in what is written under the lease. Leases of which two thirds
// are left are not written again. The clocks of nodes must agree to well within
// the time to live.
func (db *DB) Acquire(ctx context.Context, holder string, ttl time.Duration, names ...string) (map[string]uint64, error) {
	if holder == "" || ttl <= 0 {
		return nil, trellis.Errorf(trellis.Invalid, "a lease needs a holder and time to live")
	}
	held := map[string]uint64{}
	var want []string
	now := time.Now()
	err := db.Read(ctx, func(tx *Tx) error {
		for _, name := range names {
			l, err := leaseByName(ctx, tx, name)
			switch {
			case err != nil:
				return err
			case l.holder == holder && l.expires.Sub(now) > ttl*2/3:
				held[name] = l.fence
			case l.holder == holder || l.expires.Before(now):
				want = append(want, name)
			}
		}
		return nil
	})
	if err != nil || len(want) == 0 {
		return held, err
	}
	slices.Sort(want)
	err = db.Write(ctx, ChangeFunc(func(ctx context.Context, tx *Tx) error {
		for _, name := range want {
			var fence int64
			err := tx.QueryRow(ctx, `INSERT INTO leases (name, holder, fence, expires) VALUES (?, ?, ?, ?)
				ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires,
					fence = CASE WHEN leases.holder = excluded.holder THEN leases.fence ELSE leases.fence + 1 END
				WHERE leases.holder = excluded.holder OR leases.expires < ?
				RETURNING fence`, name, holder, Micros(now), Micros(now.Add(ttl)), Micros(now)).Scan(&fence)
			if errors.Is(err, sql.ErrNoRows) {
				continue // somebody was faster
			}
			if err != nil {
				return err
			}
			held[name] = uint64(fence)
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return held, nil
}

// Release ends leases before their time, as far as the holder has them.
func (db *DB) Release(ctx context.Context, holder string, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	return db.Write(ctx, ChangeFunc(func(ctx context.Context, tx *Tx) error {
		for _, name := range names {
			// The row stays for a while, as those who ask again soon are the rule; its fence grows.
			if _, err := tx.Exec(ctx, `UPDATE leases SET holder = '', expires = 0, fence = fence + 1 WHERE name = ? AND holder = ?`, name, holder); err != nil {
				return err
			}
		}
		return nil
	}))
}

// ForgetLease ends a lease for good, whoever has it: what it was for is done. The
// token of one that is made anew under the name begins with the time, so it is not
// one that somebody was given before.
func (tx *Tx) ForgetLease(ctx context.Context, name string) error {
	_, err := tx.Exec(ctx, `DELETE FROM leases WHERE name = ?`, name)
	return err
}

// SweepLeases forgets leases that ran out before a time, such as those of nodes that
// are gone for ever, and returns how many.
func (db *DB) SweepLeases(ctx context.Context, before time.Time) (n int64, err error) {
	err = db.Write(ctx, ChangeFunc(func(ctx context.Context, tx *Tx) (err error) {
		n, err = tx.Exec(ctx, `DELETE FROM leases WHERE expires < ?`, Micros(before))
		return err
	}))
	return n, err
}

// CountLeases returns how many leases whose names begin so are held at present.
func (db *DB) CountLeases(ctx context.Context, prefix string) (n int, err error) {
	err = db.Read(ctx, func(tx *Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM leases WHERE name >= ? AND name < ? AND expires >= ?`,
			prefix, prefix+"\U0010FFFF", Micros(time.Now())).Scan(&n)
	})
	return n, err
}

// Fenced fails with [trellis.Conflict] if the lease was given to somebody else
// since the token was handed out.
func (tx *Tx) Fenced(ctx context.Context, name string, fence uint64) error {
	l, err := leaseByName(ctx, tx, name)
	if err != nil {
		return err
	}
	if l.fence != fence {
		return trellis.Errorf(trellis.Conflict, "the lease %s was lost", name)
	}
	return nil
}

type lease struct {
	holder  string
	fence   uint64
	expires time.Time
}

func leaseByName(ctx context.Context, tx *Tx, name string) (lease, error) {
	var l lease
	var fence, expires int64
	err := tx.QueryRow(ctx, `SELECT holder, fence, expires FROM leases WHERE name = ?`, name).Scan(&l.holder, &fence, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return lease{}, nil
	}
	l.fence, l.expires = uint64(fence), FromMicros(expires)
	return l, err
}
