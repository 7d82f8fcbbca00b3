package integrations

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/internal/store"
)

// maxUpload bounds an upload.
const maxUpload = 1 << 30

// temporary begins the name of an upload that was opened.
const temporary = "upload-"

// upload is what an import is asked to do.
type upload struct {
	Blob    string          `json:"blob"` // sealed
	Seal    string          `json:"seal"` // context of the sealing
	Options json.RawMessage `json:"options,omitempty"`
}

// Upload takes an upload, keeps it sealed until its job ends, and returns the job
// that imports it. It reads r to its end, or until an error, and no further.
func (x *Integrations) Upload(ctx context.Context, format string, r io.Reader, options json.RawMessage) (jobs.Job, error) {
	f, err := x.format(format)
	if err != nil {
		return jobs.Job{}, err
	}
	if trellis.ActorFrom(ctx).Tenant == trellis.PlatformTenant {
		return jobs.Job{}, trellis.Errorf(trellis.Invalid, "the platform's own tenant has no rosters: name the tenant that you mean")
	}
	o, err := decodeOptions(options)
	if err != nil {
		return jobs.Job{}, err
	}
	body := bufio.NewReader(r)
	if head, err := body.Peek(2); string(head) != "PK" && (err == nil || errors.Is(err, io.EOF)) {
		return jobs.Job{}, trellis.Errorf(trellis.Invalid, "what was sent is no zip archive")
	}
	title := "Import of a roster"
	if o.Title != "" {
		title += ": " + o.Title
	}
	seal := "upload/" + trellis.ActorFrom(ctx).Tenant + "/" + trellis.NewID()
	content := sha256.New()
	digest, err := x.seal(ctx, io.TeeReader(body, content), seal)
	if err != nil {
		return jobs.Job{}, err
	}
	// Only the same upload again, with what was asked of it, is the job that there is.
	ctx = trellis.WithIDs(ctx, trellis.IDFrom(ctx), f.Name, string(options), hex.EncodeToString(content.Sum(nil)))
	job, err := x.cfg.Jobs.PrepareEnqueue(ctx, "import."+f.Name, upload{digest, seal, options}, jobs.Options{Title: title})
	var kept *insertUpload
	if err == nil {
		kept = &insertUpload{job: job.Job.ID, blob: digest}
		if o.DryRun {
			kept.kept = checked
		}
		err = x.cfg.DB.Write(ctx, job, kept)
	}
	if err != nil || kept.repeated {
		err = errors.Join(err, x.cfg.Blobs.Delete(context.WithoutCancel(ctx), digest))
	}
	if err != nil {
		return jobs.Job{}, err
	}
	x.cfg.Jobs.Wake()
	return job.Job, nil
}

func decodeOptions(raw json.RawMessage) (o oneroster.Options, err error) {
	if len(raw) > 0 {
		err = trellis.DecodeStrict(raw, &o)
	}
	if err == nil {
		o.Title, err = line.Clean("the title", o.Title, 0, 255)
	}
	if err == nil && o.AtMost != nil && *o.AtMost < 0 {
		err = trellis.Errorf(trellis.Invalid, "at_most is how many rows the import may remove: 0 or more")
	}
	return o, err
}

// seal stores what r has as a blob that opens only with its seal.
func (x *Integrations) seal(ctx context.Context, r io.Reader, seal string) (digest string, err error) {
	in, out := io.Pipe()
	sealed := make(chan struct{})
	go func() {
		defer close(sealed)
		_ = out.CloseWithError(x.cfg.Key.SealStream(out, r, seal))
	}()
	digest, _, err = x.cfg.Blobs.Put(ctx, in, maxUpload+maxUpload/1000)
	_ = in.CloseWithError(err) // whoever writes is not to wait for a reader
	<-sealed                   // r belongs to the caller again
	return digest, err
}

// open unseals an upload into a file of its own, which has no name where the
// system allows that: when the process dies, what it says is gone.
func (x *Integrations) open(ctx context.Context, u upload) (f *os.File, size int64, err error) {
	sealed, err := x.cfg.Blobs.Get(ctx, u.Blob)
	if err != nil {
		return nil, 0, trellis.Errorf(trellis.Conflict, "what was uploaded is no longer there: upload it again")
	}
	defer func() { _ = sealed.Close() }()
	if f, err = os.CreateTemp(x.cfg.TempDir, temporary); err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, shut(f))
		}
	}()
	_ = os.Remove(f.Name()) // Windows removes no open file; there it goes when it is shut
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

// shut closes an opened upload, and removes it if it has a name.
func shut(f *os.File) error {
	err := f.Close()
	if e := os.Remove(f.Name()); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// tidy removes opened uploads that a process left which died. It is for the start:
// nobody else opens files in this directory.
func (x *Integrations) tidy() error {
	if x.cfg.TempDir == "" {
		return nil
	}
	if err := os.MkdirAll(x.cfg.TempDir, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(x.cfg.TempDir, temporary+"*"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// sweepEvery is how soon an upload goes after its job has ended.
const sweepEvery = 2 * time.Second

// Run removes uploads whose jobs have ended, however they did, until ctx is done.
// One that was only checked stays for an hour, for [Integrations.Proceed], and so does
// one that was not imported to its end for all that it removes, for
// [Integrations.Recheck].
func (x *Integrations) Run(ctx context.Context) error {
	ctx = store.Platform(ctx)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := x.sweep(ctx); err != nil && ctx.Err() == nil {
			x.cfg.Logger.Warn("uploads not removed", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (x *Integrations) sweep(ctx context.Context) error {
	if err := x.dropLeftovers(ctx, `created < ?`, store.Micros(time.Now().Add(-keepLeftovers))); err != nil {
		return err
	}
	all, err := uploads(ctx, x.cfg.DB)
	if err != nil {
		return err
	}
	for _, u := range all {
		owner := trellis.WithActor(ctx, trellis.Actor{Tenant: u.tenant, ID: "integrations", Kind: trellis.SystemActor})
		job, err := x.cfg.Jobs.Get(owner, u.job)
		if err == nil && (!job.State.Ended() || u.waits(job)) {
			continue
		}
		if err != nil && trellis.KindOf(err) != trellis.NotFound {
			return err
		}
		// The blob goes first: what is noted is tried again.
		if err := x.cfg.Blobs.Delete(ctx, u.blob); err != nil {
			return err
		}
		if err := forget(ctx, x.cfg.DB, u.tenant, u.job); err != nil {
			return err
		}
	}
	return nil
}

// waits reports whether an upload waits for somebody to go on with it, when its job has
// ended.
func (u kept) waits(job jobs.Job) bool {
	goesOn := u.kept == checked && job.State == jobs.Done || u.kept == braked && job.State == jobs.Failed
	return goesOn && job.Finished != nil && time.Since(*job.Finished) < keepChecked
}
