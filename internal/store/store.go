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
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/trellis-learning/trellis"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says where the data is and how it is kept.
type Config struct {
	Path          string        // of the database file; required
	Readers       int           // connections that read: the number of processors and two, if zero
	MaxGroup      int           // changes in one commit, at most, if not of one write: 256 if zero
	Ring          int           // recent events in memory: 8,192 if zero, and never more than 8 MiB of them
	BusyTimeout   time.Duration // how long to wait for another program that writes: 10 s if zero
	LatePositions bool          // for tests: positions are given by a later step, as on PostgreSQL
	Logger        *slog.Logger  // nothing is logged without one
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
	closing sync.Once
	closed  chan struct{}
}

// Open opens the database, making it if there is none, and brings the store's
// own tables up to date. Close it when done.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Path == "" {
		return nil, trellis.Errorf(trellis.Invalid, "a database needs a path")
	}
	if cfg.Readers < 0 || cfg.MaxGroup < 0 || cfg.Ring < 0 || cfg.BusyTimeout < 0 {
		return nil, trellis.Errorf(trellis.Invalid, "the readers, the group, the ring and the timeout of a database cannot be negative")
	}
	if cfg.Readers == 0 {
		cfg.Readers = goruntime.GOMAXPROCS(0) + 2
	}
	if cfg.MaxGroup == 0 {
		cfg.MaxGroup = 256
	}
	if cfg.Ring == 0 {
		cfg.Ring = 8_192
	}
	if cfg.BusyTimeout == 0 {
		cfg.BusyTimeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// SQLite would let the group and others read. Only a new file is opened here:
	// to close one that SQLite has open would end the locks of this process on it.
	if err := create(cfg.Path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open database: %w", err)
	}
	pool, err := sql.Open("sqlite", dsn(cfg.Path, cfg.BusyTimeout))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", cfg.Path, err)
	}
	db := &DB{cfg: cfg, logger: cfg.Logger, pool: pool, readers: make(chan *session, cfg.Readers), closed: make(chan struct{})}
	db.log = newLog(db, cfg.Ring)
	if err := db.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", cfg.Path, translate(err)), pool.Close())
	}
	return db, nil
}

// create makes an empty file that only we may read, or fails with
// [fs.ErrExist].
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (db *DB) start(ctx context.Context) (err error) {
	own, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, "store", own); err != nil {
		return err
	}
	var sessions []*session
	defer func() {
		if err != nil {
			for _, s := range sessions {
				_ = s.close() // the database could not be opened, which says more
			}
		}
	}()
	for i := range db.cfg.Readers + 2 {
		pragmas := []string{"PRAGMA cache_size = -2048", "PRAGMA query_only = ON"}
		if i == 0 {
			pragmas = []string{"PRAGMA cache_size = -16384"} // the writer's
		}
		s, err := db.session(ctx, pragmas...)
		if err != nil {
			return err
		}
		sessions = append(sessions, s)
	}
	writer, watcher := sessions[0], sessions[1]
	if err := db.log.begin(ctx, watcher); err != nil {
		return err
	}
	for _, s := range sessions[2:] {
		db.readers <- s
	}
	var background context.Context
	background, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	db.writer = newWriter(db, writer)
	db.tasks.Go(db.writer.run)
	db.tasks.Go(func() { db.log.watch(background, watcher) })
	db.tasks.Go(func() { db.number(background) })
	return nil
}

// Close waits for the writes that were accepted and the reads that were begun,
// and closes the database. Whoever comes later gets an error of kind
// [trellis.Unavailable], as do those who wait for the log.
func (db *DB) Close() (err error) {
	db.closing.Do(func() {
		db.stop()
		db.writer.close()
		db.log.close()
		db.tasks.Wait()
		close(db.closed)
		var errs []error
		for range db.cfg.Readers {
			errs = append(errs, (<-db.readers).close())
		}
		err = errors.Join(append(errs, db.pool.Close())...)
	})
	return err
}

// Read calls fn with a transaction that sees one state of the data and cannot
// change it. The state is that of its first statement; it has every write that
// returned before. fn must not call Read again, lest all wait for one another.
func (db *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var s *session
	select {
	case s = <-db.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closed:
		return errClosed
	}
	defer func() { db.readers <- s }()
	// That of a caller who gives up must not leave open what it is not known to
	// have begun.
	own := context.WithoutCancel(ctx)
	defer func() {
		s.finish()
		_ = s.exec(own, "ROLLBACK") // there is nothing to keep
	}()
	if err := s.exec(own, "BEGIN"); err != nil {
		return translate(err)
	}
	return translate(fn(&Tx{s: s}))
}

// Ready returns an error if the data cannot be read, or the last group of writes
// could not be committed, because the disk is full for instance. A running platform
// writes all the time, its leases at least, so it notices when that is over.
func (db *DB) Ready(ctx context.Context) error {
	if err := db.writer.fault.Load(); err != nil {
		return unwritten(*err)
	}
	return db.Read(ctx, func(tx *Tx) error {
		var one int
		return tx.QueryRow(ctx, `SELECT 1`).Scan(&one)
	})
}

// Log returns the event log.
func (db *DB) Log() *Log { return db.log }

// Backup writes a copy of the whole database, as it is at this moment, to a file
// that must not exist and that only we may read. It is durable when Backup
// returns. The database is in use meanwhile.
func (db *DB) Backup(ctx context.Context, path string) error {
	if err := create(path); errors.Is(err, fs.ErrExist) {
		return trellis.Errorf(trellis.Conflict, "%s exists already", path)
	} else if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	_, err := db.pool.ExecContext(ctx, "VACUUM INTO ?", path)
	if err == nil {
		err = errors.Join(persist(path), persist(filepath.Dir(path)))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("back up to %s: %w", path, translate(err)), os.Remove(path))
	}
	return nil
}

// persist makes a file durable, or a directory's list of files.
func persist(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Micros returns t as it is stored: microseconds since 1970, UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// FromMicros returns the time that [Micros] stored.
func FromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
