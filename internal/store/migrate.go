package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"

	"github.com/pressly/goose/v3"

	"github.com/trellis-learning/trellis"
)

var migrationName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// Migrate brings the tables of one package up to date. Its migrations are
// numbered files in goose's form at the top of files; which of them were applied
// is kept in the table NAME_migrations, so name is the package's own: lower-case
// letters, digits and "_", and its numbers have nothing to do with those of other
// packages. They are applied in their order, each once, and a new one has the highest
// number yet: one below what was applied is refused. Packages are brought up to date
// in the order in which they are made, so a table refers to none of another package. A database that a newer program has migrated is
// refused with [trellis.Conflict]. Several programs may migrate one database at
// once: each waits for the others' steps and does what is left.
func (db *DB) Migrate(ctx context.Context, name string, files fs.FS) error {
	if !migrationName.MatchString(name) {
		return trellis.Errorf(trellis.Invalid, "%.80q cannot name migrations", name)
	}
	pool, err := sql.Open("sqlite", dsn(db.cfg.Path, db.cfg.BusyTimeout))
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	pool.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectSQLite3, pool, files, goose.WithTableName(name+"_migrations"), goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", name, err)
	}
	// Nothing locks the database over all steps. Of two programs that take the
	// same step the later fails, and finds then that something has moved.
	for before := int64(-1); ; {
		present, err := db.migrate(ctx, name, p)
		if err == nil {
			return nil
		}
		if now, e := p.GetDBVersion(ctx); e == nil {
			present = now
		}
		if err = translate(err); present <= before || ctx.Err() != nil || trellis.KindOf(err) == trellis.Conflict {
			return fmt.Errorf("migrations of %s: %w", name, err)
		}
		before = present
	}
}

// migrate takes the steps that are left, and returns the version that there was.
func (db *DB) migrate(ctx context.Context, name string, p *goose.Provider) (present int64, err error) {
	present, err = p.GetDBVersion(ctx)
	if err != nil {
		return -1, err
	}
	sources := p.ListSources() // goose refuses an empty directory
	if known := sources[len(sources)-1].Version; present > known {
		return present, trellis.Errorf(trellis.Conflict, "the database %s was last used by a newer version of the program (%s %d, this one knows %d)",
			db.cfg.Path, name, present, known)
	}
	_, err = p.Up(ctx)
	return present, err
}
