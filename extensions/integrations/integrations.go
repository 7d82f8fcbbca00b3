// Package integrations is the way of extending by content integrations: rosters
// and content of other systems come in as jobs, and go out as downloads. Each
// format is a subpackage, and a line in Formats.
package integrations

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config is what imports and exports are made of.
type Config struct {
	Learning *learning.Learning
	Jobs     *jobs.Jobs
	DB       *store.DB
	Blobs    *blob.Store
	Key      *secret.Key
	Logger   *slog.Logger
	TempDir  string             // of these integrations alone, where an upload is opened; the system's if empty
	Fault    func(point string) // for tests
}

// Integrations imports and exports. It is safe for concurrent use.
type Integrations struct{ cfg Config }

// New brings the integrations' tables up to date and returns them.
func New(ctx context.Context, cfg Config) (*Integrations, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := cfg.DB.Migrate(ctx, "integrations", files); err != nil {
		return nil, fmt.Errorf("migrate integrations: %w", err)
	}
	x := &Integrations{cfg}
	return x, x.tidy()
}

// Format is a form in which content comes in and goes out.
type Format struct {
	Name   string
	Doc    string
	Import func(ctx context.Context, r *jobs.Run, upload *os.File, size int64, options json.RawMessage) error
	Export func(ctx context.Context, w io.Writer) error // nil: it only comes in
}

// Formats returns every format.
func (x *Integrations) Formats() []Format {
	return []Format{
		{Name: "oneroster", Doc: "Rosters: OneRoster 1.1 and 1.2 as CSV, bulk or delta.", Import: x.importRoster,
			Export: func(ctx context.Context, w io.Writer) error { return oneroster.Export(ctx, x.cfg.Learning, w) }},
	}
}

func (x *Integrations) format(name string) (Format, error) {
	for _, f := range x.Formats() {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, trellis.Errorf(trellis.NotFound, "there is no format %.40q", name)
}

// Kinds returns the kinds of jobs that imports are: one for each format.
func (x *Integrations) Kinds() []jobs.Kind {
	var kinds []jobs.Kind
	for _, f := range x.Formats() {
		kinds = append(kinds, jobs.Kind{Name: "import." + f.Name, Doc: "Imports an upload. " + f.Doc, Run: func(ctx context.Context, r *jobs.Run) error {
			return x.run(ctx, r, f)
		}})
	}
	return kinds
}

// run opens the upload and imports it. The upload stays until the job has ended:
// see [Integrations.Run].
func (x *Integrations) run(ctx context.Context, r *jobs.Run, f Format) (err error) {
	var u upload
	if err := r.Params(&u); err != nil {
		return err
	}
	opened, size, err := x.open(ctx, u)
	if err != nil {
		return err
	}
	defer func() {
		if e := shut(opened); e != nil {
			x.cfg.Logger.Warn("opened upload not removed", "job", r.Job().ID, "err", e)
		}
	}()
	err = f.Import(ctx, r, opened, size, u.Options)
	if err != nil && oneroster.Braked(err.Error()) {
		if e := x.keepBraked(ctx, r.Job().ID); e != nil {
			x.cfg.Logger.Warn("upload not kept for another check", "job", r.Job().ID, "err", e)
		}
	}
	return err
}

func (x *Integrations) importRoster(ctx context.Context, r *jobs.Run, f *os.File, size int64, options json.RawMessage) error {
	o, err := decodeOptions(options)
	if err != nil {
		return err
	}
	a, err := oneroster.Open(f, size, oneroster.Config{Strict: o.Strict, Passwords: o.Passwords, MaxSize: 4 << 30})
	if err != nil {
		return err
	}
	im := &oneroster.Importer{Learning: x.cfg.Learning, Keeper: keeper{x.cfg.DB, r.Job().ID}, Fault: x.cfg.Fault}
	if err := im.Import(ctx, r, a, o); err != nil {
		return err
	}
	if err := x.leave(ctx, r, a); err != nil && ctx.Err() == nil {
		x.cfg.Logger.Warn("rows that were not imported are not kept", "job", r.Job().ID, "err", err) // the import itself is done
	}
	return nil
}

// Export writes what the tenant of ctx has in a format.
func (x *Integrations) Export(ctx context.Context, format string, w io.Writer) error {
	f, err := x.format(format)
	if err != nil {
		return err
	}
	if trellis.ActorFrom(ctx).Tenant == trellis.PlatformTenant {
		return trellis.Errorf(trellis.Invalid, "the platform's own tenant has no rosters: name the tenant that you mean")
	}
	if f.Export == nil {
		return trellis.Errorf(trellis.NotFound, "%s only comes in", format)
	}
	return f.Export(ctx, w)
}
