// Package integrations is the way of extending by content integrations: rosters
// and content of other systems come in as jobs, and go out as downloads.
package integrations

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"

	"github.com/trellis-learning/trellis"
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
	TempDir  string
	Fault    func(point string)
}

// Integrations imports and exports. No format is offered yet.
type Integrations struct{}

// New returns the integrations.
func New(Config) *Integrations { return &Integrations{} }

// Upload takes an upload and returns the job that imports it.
func (*Integrations) Upload(_ context.Context, format string, _ io.Reader, _ json.RawMessage) (jobs.Job, error) {
	return jobs.Job{}, trellis.Errorf(trellis.NotFound, "there is no format %.40q to import", format)
}

// Export writes what a tenant has.
func (*Integrations) Export(_ context.Context, format string, _ io.Writer) error {
	return trellis.Errorf(trellis.NotFound, "there is no format %.40q to export", format)
}

// Kinds returns the kinds of jobs that imports are.
func (*Integrations) Kinds() []jobs.Kind { return nil }
