// Package integrations is the way of extending by content integrations: rosters
// and content of other systems come in as jobs, and go out as downloads. Each
// format is a subpackage, and a line in Formats.
package integrations

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Config is what imports and exports are made of.
type Config struct {
	Learning *learning.Learning
	Jobs     *jobs.Jobs
	DB       *store.DB
	Blobs    *blob.Store
	Key      *secret.Key
	Logger   *slog.Logger
	TempDir  string             // where an upload is opened; the system's if empty
	Fault    func(point string) // for tests
}

// Integrations imports and exports. It is safe for concurrent use.
type Integrations struct{ cfg Config }

// New returns the integrations.
func New(cfg Config) *Integrations {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Integrations{cfg}
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

// maxUpload bounds an upload.
const maxUpload = 1 << 30

// upload is what an import is asked to do.
type upload struct {
	Blob    string          `json:"blob"` // sealed
	Seal    string          `json:"seal"` // context of the sealing
	Options json.RawMessage `json:"options"`
}

// Upload takes an upload, keeps it sealed until its job ends, and returns the job
// that imports it.
func (x *Integrations) Upload(ctx context.Context, format string, r io.Reader, options json.RawMessage) (jobs.Job, error) {
	f, err := x.format(format)
	if err != nil {
		return jobs.Job{}, err
	}
	var o oneroster.Options
	if len(options) > 0 {
		if err := trellis.DecodeStrict(options, &o); err != nil {
			return jobs.Job{}, err
		}
	}
	seal := "upload/" + trellis.ActorFrom(ctx).Tenant + "/" + trellis.NewID()
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(x.cfg.Key.SealStream(out, r, seal)) }()
	digest, _, err := x.cfg.Blobs.Put(ctx, in, maxUpload+maxUpload/1000)
	_ = in.CloseWithError(err) // whoever writes is not to wait for a reader
	if err != nil {
		return jobs.Job{}, err
	}
	title := "Import of a roster"
	if o.Title != "" {
		title += ": " + o.Title
	}
	job, err := x.cfg.Jobs.Enqueue(ctx, "import."+f.Name, upload{digest, seal, options}, jobs.Options{Title: title})
	if err != nil {
		return jobs.Job{}, errors.Join(err, x.cfg.Blobs.Delete(ctx, digest))
	}
	return job, nil
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

// run opens the upload and imports it. What was uploaded goes when the import has
// ended well or never can; otherwise it stays for the next attempt.
func (x *Integrations) run(ctx context.Context, r *jobs.Run, f Format) error {
	var u upload
	if err := r.Params(&u); err != nil {
		return err
	}
	tmp, size, err := x.open(ctx, u)
	if err == nil {
		defer func() {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}()
		err = f.Import(ctx, r, tmp, size, u.Options)
	}
	if err == nil || ctx.Err() == nil && trellis.KindOf(err) != trellis.Unavailable {
		if e := x.cfg.Blobs.Delete(context.WithoutCancel(ctx), u.Blob); e != nil {
			x.cfg.Logger.Warn("upload not removed", "job", r.Job().ID, "err", e)
		}
	}
	return err
}

// open unseals an upload into a file of its own.
func (x *Integrations) open(ctx context.Context, u upload) (f *os.File, size int64, err error) {
	sealed, err := x.cfg.Blobs.Get(ctx, u.Blob)
	if err != nil {
		return nil, 0, trellis.Errorf(trellis.Conflict, "what was uploaded is no longer there: upload it again")
	}
	defer func() { _ = sealed.Close() }()
	if x.cfg.TempDir != "" {
		if err := os.MkdirAll(x.cfg.TempDir, 0o700); err != nil {
			return nil, 0, err
		}
	}
	if f, err = os.CreateTemp(x.cfg.TempDir, "upload-"); err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 256<<10)
	if err := errors.Join(x.cfg.Key.UnsealStream(w, sealed, u.Seal), w.Flush()); err != nil {
		return nil, 0, fmt.Errorf("open upload: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (x *Integrations) importRoster(ctx context.Context, r *jobs.Run, f *os.File, size int64, options json.RawMessage) error {
	var o oneroster.Options
	if len(options) > 0 {
		if err := json.Unmarshal(options, &o); err != nil {
			return err
		}
	}
	a, err := oneroster.Open(f, size, oneroster.Config{Strict: o.Strict, Passwords: o.Passwords, MaxSize: 4 << 30})
	if err != nil {
		return err
	}
	im := &oneroster.Importer{Learning: x.cfg.Learning, Fault: x.cfg.Fault}
	return im.Import(ctx, r, a, o)
}

// Export writes what the tenant of ctx has in a format.
func (x *Integrations) Export(ctx context.Context, format string, w io.Writer) error {
	f, err := x.format(format)
	if err != nil {
		return err
	}
	if f.Export == nil {
		return trellis.Errorf(trellis.NotFound, "%s only comes in", format)
	}
	return f.Export(ctx, w)
}
