package learning

import (
	"context"
	"time"

	"github.com/trellis-learning/trellis/internal/store"
)

// Numbers says how large a tenant is and how much happens in it.
type Numbers struct {
	People      int    `json:"people" doc:"Accounts that work."`
	Courses     int    `json:"courses" doc:"Courses."`
	Enrollments int    `json:"enrollments" doc:"Enrolments that hold."`
	Minute      int    `json:"minute" doc:"Events of the last minute."`
	Hours       []Hour `json:"hours" doc:"The last 24 hours, the present one last."`
}

// Hour says how much happened within an hour.
type Hour struct {
	Begins   time.Time `json:"begins" doc:"When the hour begins."`
	Events   int       `json:"events" doc:"Events."`
	Enrolled int       `json:"enrolled" doc:"Enrolments made."`
}

// Numbers counts what the tenant of ctx has.
func (l *Learning) Numbers(ctx context.Context) (Numbers, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Numbers{}, err
	}
	at := now()
	first := at.Truncate(time.Hour).Add(-23 * time.Hour)
	n := Numbers{Hours: make([]Hour, 24)}
	for i := range n.Hours {
		n.Hours[i].Begins = first.Add(time.Duration(i) * time.Hour)
	}
	since, err := l.db.Log().Before(ctx, first)
	if err != nil {
		return Numbers{}, err
	}
	minute, err := l.db.Log().Before(ctx, at.Add(-time.Minute))
	if err != nil {
		return Numbers{}, err
	}
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		for _, q := range []struct {
			to   *int
			stmt string
			args []any
		}{
			{&n.People, `SELECT COUNT(*) FROM people WHERE tenant = ? AND active = 1 AND erased = 0`, []any{tenant}},
			{&n.Courses, `SELECT COUNT(*) FROM courses WHERE tenant = ?`, []any{tenant}},
			{&n.Enrollments, `SELECT COUNT(*) FROM enrollments WHERE tenant = ? AND active = 1`, []any{tenant}},
			{&n.Minute, `SELECT COUNT(*) FROM events WHERE tenant = ? AND position > ?`, []any{tenant, int64(minute)}},
		} {
			if err := tx.QueryRow(ctx, q.stmt, q.args...).Scan(q.to); err != nil {
				return err
			}
		}
		return n.fill(ctx, tx, tenant, first, since)
	})
	return n, err
}

// fill counts the events of each hour.
func (n *Numbers) fill(ctx context.Context, tx *store.Tx, tenant string, first time.Time, since uint64) error {
	rows, err := tx.Query(ctx, `SELECT (time - ?) / 3600000000, SUM(CASE WHEN type = ? THEN 1 ELSE 0 END), COUNT(*) FROM events
		WHERE tenant = ? AND position > ? AND time >= ? GROUP BY 1`, store.Micros(first), EnrollmentCreated.Name(), tenant, int64(since), store.Micros(first))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var hour, enrolled, events int
		if err := rows.Scan(&hour, &enrolled, &events); err != nil {
			return err
		}
		if hour >= 0 && hour < len(n.Hours) {
			n.Hours[hour].Events, n.Hours[hour].Enrolled = events, enrolled
		}
	}
	return rows.Err()
}
