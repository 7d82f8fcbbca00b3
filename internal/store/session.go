package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dsn names the file with what every connection to it needs. A commit is durable
// when it returns (synchronous FULL); the write-ahead log is copied back inline
// every 1,000 pages, since in the background it grows without bound under load.
func dsn(path string, busy time.Duration) string {
	q := url.Values{}
	for _, p := range []string{
		"busy_timeout(" + strconv.FormatInt(busy.Milliseconds(), 10) + ")", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		"wal_autocheckpoint(1000)", "temp_store(MEMORY)", "mmap_size(0)",
	} {
		q.Add("_pragma", p)
	}
	q.Set("_txlock", "immediate") // a transaction of the migrations: it waits for its turn, and is not refused in the middle
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// session is one connection with its prepared statements. One goroutine uses it
// at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	open  []cursor // rows that may still be read from
}

// cursor is the result of a query while somebody reads it. Its statement can be
// neither run again nor closed until then.
type cursor struct {
	query string
	rows  *sql.Rows
}

// session opens a connection of its own.
func (db *DB) session(ctx context.Context, pragmas ...string) (*session, error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to database %s: %w", db.cfg.Path, err)
	}
	for _, p := range pragmas {
		if _, err := conn.ExecContext(ctx, p); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", p, err), conn.Close())
		}
	}
	return &session{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

// maxStmts bounds the prepared statements of a connection. Those of all packages
// are far fewer; a query with a varying number of parameters makes many.
const maxStmts = 512

// prepare returns the prepared statement of q, or nil if it is being read from:
// then the caller runs q on the connection itself.
func (s *session) prepare(ctx context.Context, q string) (*sql.Stmt, error) {
	s.open = slices.DeleteFunc(s.open, func(c cursor) bool { return closed(c.rows) })
	if st, ok := s.stmts[q]; ok {
		if s.reading(q) {
			return nil, nil
		}
		return st, nil
	}
	if len(s.stmts) >= maxStmts {
		for old, st := range s.stmts {
			if !s.reading(old) {
				_ = st.Close() // a statement that does not close is closed with its connection
				delete(s.stmts, old)
			}
		}
	}
	st, err := s.conn.PrepareContext(ctx, q)
	if err == nil {
		s.stmts[strings.Clone(q)] = st
	}
	return st, err
}

func (s *session) reading(q string) bool {
	return slices.ContainsFunc(s.open, func(c cursor) bool { return c.query == q })
}

// closed reports whether rows were read to their end or closed.
func closed(rows *sql.Rows) bool {
	_, err := rows.Columns()
	return err != nil
}

// exec runs a statement. It is for short ones whose result nobody needs.
func (s *session) exec(ctx context.Context, q string, args ...any) error {
	_, err := s.run(ctx, q, args...)
	return err
}

func (s *session) run(ctx context.Context, q string, args ...any) (sql.Result, error) {
	st, err := s.prepare(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case st == nil:
		return s.conn.ExecContext(ctx, q, args...)
	}
	return st.ExecContext(ctx, args...)
}

func (s *session) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	st, err := s.prepare(ctx, q)
	if err != nil {
		return nil, err
	}
	c := cursor{query: q}
	if st == nil {
		c.query = "" // closed with its rows
		c.rows, err = s.conn.QueryContext(ctx, q, args...)
	} else {
		c.rows, err = st.QueryContext(ctx, args...)
	}
	if err == nil {
		s.open = append(s.open, c)
	}
	return c.rows, err
}

func (s *session) queryRow(ctx context.Context, q string, args ...any) *sql.Row {
	st, err := s.prepare(ctx, q)
	if err != nil || st == nil {
		return s.conn.QueryRowContext(ctx, q, args...) // of an error it says the same again, as a row
	}
	return st.QueryRowContext(ctx, args...)
}

// finish closes what a transaction left open: rows that nobody read to the end,
// because of a panic for instance.
func (s *session) finish() {
	for _, c := range s.open {
		_ = c.rows.Close() // what was read of it is the reader's concern
	}
	s.open = nil
}

func (s *session) close() error {
	s.finish()
	for _, st := range s.stmts {
		_ = st.Close()
	}
	return s.conn.Close()
}
