package delivery

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

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
	Updated    time.Time `json:"updated" doc:"When it was last tried or changed."`
	Edited     bool      `json:"edited,omitempty" doc:"Whether somebody changed what is sent."`

	tenant, role, data string
	partition          int
	updated            int64 // tells whether somebody changed it meanwhile
}

func rowOf(role string, ln *lane, e trellis.Event) Row {
	w := ln.who
	return Row{
		ID: trellis.DerivedID(e.ID, role, w.tenant, w.subscriber), Subscriber: w.subscriber, Event: e.ID, Type: e.Type, Key: e.Key, Position: e.Position,
		tenant: w.tenant, role: role, partition: ln.part.n,
	}
}

// message is what is kept of an error: it is shown to those who run the tenant.
func message(err error) string {
	s := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") // not in the middle of a character
	}
	return s
}

const maxMessage = 1000

const rowColumns = `tenant, id, role, subscriber, partition, key, position, event, type, state, attempts, next_at, error, data, updated`

func scanRow(row interface{ Scan(...any) error }) (Row, error) {
	var r Row
	var next, position int64
	err := row.Scan(&r.tenant, &r.ID, &r.role, &r.Subscriber, &r.partition, &r.Key, &position, &r.Event, &r.Type, &r.State, &r.Attempts, &next, &r.Error, &r.data, &r.updated)
	r.Position, r.Edited, r.Updated = uint64(position), r.data != "", store.FromMicros(r.updated)
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

// openKey is a key that has rows that are not dead.
type openKey struct {
	who
	key string
}

// cursorRow says how far a subscriber has come that is behind.
type cursorRow struct {
	who
	position uint64
	held     bool // the log is not kept for it
}

// openRows reads what is open in a partition.
func (t *tail) openRows(ctx context.Context, partition int) (open []openKey, cursors []cursorRow, err error) {
	err = t.l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT tenant, subscriber, key FROM deliveries WHERE role = ? AND partition = ? AND state <> 'dead'`,
			t.role.Name, partition)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var k openKey
			if err := rows.Scan(&k.tenant, &k.subscriber, &k.key); err != nil {
				return err
			}
			open = append(open, k)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		behind, err := tx.Query(ctx, `SELECT tenant, subscriber, position, keeps FROM delivery_cursors WHERE role = ? AND partition = ?`, t.role.Name, partition)
		if err != nil {
			return err
		}
		defer func() { _ = behind.Close() }()
		for behind.Next() {
			var c cursorRow
			var position, keeps int64
			if err := behind.Scan(&c.tenant, &c.subscriber, &position, &keeps); err != nil {
				return err
			}
			c.position, c.held = uint64(position), keeps == 0
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
