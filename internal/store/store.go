// Package store keeps the platform's data: SQLite in one file, written by one
// goroutine that commits many changes at once, read by several connections. The
// events and the audit log that a change gives rise to are part of its
// transaction.
//
// Exported methods of the packages above open transactions ([DB.Write],
// [DB.Read]); their helpers take a [*Tx]. Statements keep to what SQLite and
// PostgreSQL share, with ? for parameters; times are microseconds in UTC
// ([Micros]), JSON is text.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	goruntime "runtime"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/trellis-learning/trellis"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says where the data is and how it is kept.
type Config struct {
	Path          string // of the database file; required
	Readers       int    // connections that read: the number of processors and two, if zero
	MaxGroup      int    // writes in one commit, at most: 256 if zero
	Ring          int    // recent events in memory: 16,384 if zero
	LatePositions bool   // for tests: positions are given by a later step, as on PostgreSQL
	Logger        *slog.Logger
}

// DB is an open database. It is safe for concurrent use. Two of them may be open
// on one file, in one process or two.
type DB struct {
	cfg     Config
	logger  *slog.Logger
	pool    *sql.DB
	readers chan *session
	writer  *writer
	log     *Log
	stop    context.CancelFunc
	tasks   sync.WaitGroup
}

// Open opens the database, making it if there is none, and brings the store's
// own tables up to date. Close it when done.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Path == "" {
		return nil, trellis.Errorf(trellis.Invalid, "a database needs a path")
	}
	if cfg.Readers == 0 {
		cfg.Readers = goruntime.GOMAXPROCS(0) + 2
	}
	if cfg.MaxGroup == 0 {
		cfg.MaxGroup = 256
	}
	if cfg.Ring == 0 {
		cfg.Ring = 16_384
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := os.OpenFile(cfg.Path, os.O_RDWR|os.O_CREATE, 0o600) // not for others to read
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	pool, err := sql.Open("sqlite", dsn(cfg.Path))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", cfg.Path, err)
	}
	db := &DB{cfg: cfg, logger: cfg.Logger, pool: pool, readers: make(chan *session, cfg.Readers)}
	db.log = newLog(db, cfg.Ring)
	if err := db.start(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return db, nil
}

// dsn names the file with what every connection to it needs. A commit is durable
// when it returns (synchronous FULL); the write-ahead log is copied back inline
// every 1,000 pages, since in the background it grows without bound under load.
func dsn(path string) string {
	q := url.Values{}
	for _, p := range []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "wal_autocheckpoint(1000)", "temp_store(MEMORY)",
	} {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func (db *DB) start(ctx context.Context) error {
	own, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, "store", own); err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	for range db.cfg.Readers {
		s, err := db.session(ctx, "PRAGMA cache_size = -2048", "PRAGMA query_only = ON")
		if err != nil {
			return err
		}
		db.readers <- s
	}
	s, err := db.session(ctx, "PRAGMA cache_size = -16384")
	if err != nil {
		return err
	}
	watcher, err := db.session(ctx, "PRAGMA query_only = ON")
	if err != nil {
		return err
	}
	if err := db.log.begin(ctx, watcher); err != nil {
		return err
	}
	var background context.Context
	background, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	db.writer = newWriter(db, s)
	db.tasks.Go(db.writer.run)
	db.tasks.Go(func() { db.log.watch(background, watcher) })
	if db.cfg.LatePositions {
		db.tasks.Go(func() { db.number(background) })
	}
	return nil
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

// Close waits for the writes that were accepted and closes the database. Later
// writes fail.
func (db *DB) Close() error {
	db.writer.close()
	db.stop()
	db.log.close()
	db.tasks.Wait()
	var errs []error
	for range db.cfg.Readers {
		errs = append(errs, (<-db.readers).close())
	}
	return errors.Join(append(errs, db.pool.Close())...)
}

// Migrate brings the tables of one package up to date. Its migrations are
// numbered files in goose's form; which of them were applied is kept in the
// table NAME_migrations. A database that a newer program has migrated is refused.
func (db *DB) Migrate(ctx context.Context, name string, files fs.FS) error {
	pool, err := sql.Open("sqlite", dsn(db.cfg.Path))
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	pool.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectSQLite3, pool, files, goose.WithTableName(name+"_migrations"), goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	sources := p.ListSources()
	present, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if len(sources) > 0 && present > sources[len(sources)-1].Version {
		return trellis.Errorf(trellis.Conflict, "the database %s was last used by a newer version of the program (%s %d, this one knows %d)",
			db.cfg.Path, name, present, sources[len(sources)-1].Version)
	}
	_, err = p.Up(ctx)
	return err
}

// Read calls fn with a transaction that sees one state of the data and cannot
// change it.
func (db *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	var s *session
	select {
	case s = <-db.readers:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { db.readers <- s }()
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return translate(err)
	}
	defer func() { _ = s.exec(context.WithoutCancel(ctx), "ROLLBACK") }() // there is nothing to keep
	return translate(fn(&Tx{s: s}))
}

// Log returns the event log.
func (db *DB) Log() *Log { return db.log }

// Backup writes a copy of the whole database, as it is at this moment, to a file
// that must not exist.
func (db *DB) Backup(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err == nil {
		return trellis.Errorf(trellis.Conflict, "%s exists already", path)
	}
	_, err := db.pool.ExecContext(ctx, "VACUUM INTO ?", path)
	return translate(err)
}

// Micros returns t as it is stored: microseconds since 1970, UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// FromMicros returns the time that [Micros] stored.
func FromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

type contextKey int

const (
	platformKey contextKey = iota
	writingKey
	auditKey
)

// Platform returns a context that may read and write across tenants. It is the
// only door: relay, delivery, leases, jobs and operators use it, and a test
// lists them.
func Platform(ctx context.Context) context.Context {
	return context.WithValue(ctx, platformKey, true)
}

// IsPlatform reports whether ctx may act across tenants.
func IsPlatform(ctx context.Context) bool {
	ok, _ := ctx.Value(platformKey).(bool)
	return ok
}

// Tenant returns the tenant of the actor of ctx. Nobody's is [trellis.Denied].
func Tenant(ctx context.Context) (string, error) {
	if t := trellis.ActorFrom(ctx).Tenant; t != "" {
		return t, nil
	}
	return "", trellis.Errorf(trellis.Denied, "nobody acts here, so there is no tenant")
}

// translate gives an error of the database its kind.
func translate(err error) error {
	var coded interface{ Code() int }
	if err == nil || !errors.As(err, &coded) || trellis.KindOf(err) != trellis.Internal {
		return err
	}
	const unique, primaryKey, foreignKey = 2067, 1555, 787
	switch code := coded.Code(); {
	case code == unique || code == primaryKey:
		return trellis.Errorf(trellis.Conflict, "there is one already: %w", err)
	case code == foreignKey:
		return trellis.Errorf(trellis.NotFound, "something that it refers to does not exist: %w", err)
	case code&0xff == 5 || code&0xff == 6 || code&0xff == 9: // busy, locked, interrupted
		return trellis.Errorf(trellis.Unavailable, "the database is busy: %w", err)
	case code&0xff == 13:
		return trellis.Errorf(trellis.Unavailable, "the disk is full: %w", err)
	}
	return err
}

// session is one connection with its prepared statements. One goroutine uses it
// at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// maxStmts bounds the prepared statements of a connection.
const maxStmts = 512

func (s *session) prepare(ctx context.Context, q string) (*sql.Stmt, error) {
	if st, ok := s.stmts[q]; ok {
		return st, nil
	}
	if len(s.stmts) >= maxStmts {
		for _, st := range s.stmts {
			_ = st.Close() // a statement that does not close is closed with its connection
		}
		clear(s.stmts)
	}
	st, err := s.conn.PrepareContext(ctx, q)
	if err == nil {
		s.stmts[strings.Clone(q)] = st
	}
	return st, err
}

func (s *session) exec(ctx context.Context, q string, args ...any) error {
	st, err := s.prepare(ctx, q)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx, args...)
	return err
}

func (s *session) close() error {
	for _, st := range s.stmts {
		_ = st.Close()
	}
	return s.conn.Close()
}
