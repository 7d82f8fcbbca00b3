package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// State says why a delivery has a row.
type State string

// The states of a delivery that has a row.
const (
	Failing State = "failing" // it failed and will be tried again
	Parked  State = "parked"  // it waits behind a failing one of its key
	Dead    State = "dead"    // it was given up; people may send it again
)

// Row is a delivery that is not as it should be.
type Row struct {
	ID         string    `json:"id" doc:"ID of the delivery."`
	Subscriber string    `json:"subscriber" doc:"Who is owed it."`
	Event      string    `json:"event" doc:"ID of the event."`
	Type       string    `json:"type" doc:"Type of the event."`
	Key        string    `json:"key" doc:"Key that the order holds within."`
	Position   uint64    `json:"position" doc:"Position of the event in the log."`
	State      State     `json:"state" doc:"Why it is here." enum:"failing,parked,dead"`
	Attempts   int       `json:"attempts" doc:"How often it was tried."`
	Next       time.Time `json:"next,omitzero" doc:"When it is tried again, at the earliest."`
	Error      string    `json:"error,omitempty" doc:"What went wrong the last time."`
	Edited     bool      `json:"edited,omitempty" doc:"Whether somebody changed what is sent."`

	tenant, role, data string
	partition          int
}

func rowOf(role string, k laneKey, e trellis.Event) Row {
	return Row{
		ID: trellis.DerivedID(e.ID, role, k.tenant, k.subscriber), Subscriber: k.subscriber, Event: e.ID, Type: e.Type, Key: e.Key, Position: e.Position,
		tenant: k.tenant, role: role, partition: k.partition,
	}
}

// message is what is kept of an error: it is shown to those who run the tenant.
func message(err error) string {
	s := err.Error()
	if len(s) > 1000 {
		s = s[:1000]
	}
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

const rowColumns = `tenant, id, role, subscriber, partition, key, position, event, type, state, attempts, next_at, error, data`

func scanRow(row interface{ Scan(...any) error }) (Row, error) {
	var r Row
	var next, position int64
	err := row.Scan(&r.tenant, &r.ID, &r.role, &r.Subscriber, &r.partition, &r.Key, &position, &r.Event, &r.Type, &r.State, &r.Attempts, &next, &r.Error, &r.data)
	r.Position, r.Edited = uint64(position), r.data != ""
	if next != 0 {
		r.Next = store.FromMicros(next)
	}
	return r, err
}

// insertRow writes r, unless there is a row of the same delivery from before.
func insertRow(ctx context.Context, tx *store.Tx, r Row) error {
	var next int64
	if !r.Next.IsZero() {
		next = store.Micros(r.Next)
	}
	_, err := tx.Exec(ctx, `INSERT INTO deliveries (tenant, id, role, subscriber, partition, key, position, event, type, state, attempts, next_at, error, updated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`,
		r.tenant, r.ID, r.role, r.Subscriber, r.partition, r.Key, int64(r.Position), r.Event, r.Type, string(r.State), r.Attempts, next, r.Error, store.Micros(time.Now()))
	return err
}

type openKey struct{ tenant, subscriber, key string }

type cursorRow struct {
	tenant, subscriber string
	position           uint64
}

// openRows reads what is open in a partition: how many rows each key has that
// are not dead, and who is behind.
func (t *tail) openRows(ctx context.Context, partition int) (open map[openKey]int, cursors []cursorRow, err error) {
	open = map[openKey]int{}
	err = t.l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant, subscriber, key, COUNT(*) FROM deliveries WHERE role = ? AND partition = ? AND state <> 'dead'
			GROUP BY tenant, subscriber, key`, t.role.Name, partition)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var k openKey
			var n int
			if err := rows.Scan(&k.tenant, &k.subscriber, &k.key, &n); err != nil {
				return err
			}
			open[k] = n
		}
		if err := rows.Err(); err != nil {
			return err
		}
		behind, err := tx.Query(ctx, `SELECT tenant, subscriber, position FROM delivery_cursors WHERE role = ? AND partition = ?`, t.role.Name, partition)
		if err != nil {
			return err
		}
		defer func() { _ = behind.Close() }()
		for behind.Next() {
			var c cursorRow
			var position int64
			if err := behind.Scan(&c.tenant, &c.subscriber, &position); err != nil {
				return err
			}
			c.position = uint64(position)
			cursors = append(cursors, c)
		}
		return behind.Err()
	})
	return open, cursors, err
}

// nextOf returns the oldest row of a key that is not dead.
func nextOf(ctx context.Context, tx *store.Tx, r Row) (Row, bool, error) {
	next, err := scanRow(tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM deliveries
		WHERE role = ? AND subscriber = ? AND key = ? AND tenant = ? AND state <> 'dead' ORDER BY position LIMIT 1`, r.role, r.Subscriber, r.Key, r.tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return Row{}, false, nil
	}
	return next, err == nil, err
}
