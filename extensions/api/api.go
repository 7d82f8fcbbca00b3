// Package api is the way of extending by feature APIs: it offers every operation
// of the platform over HTTP, under /api/v1, and describes them in OpenAPI.
// Uploads and streams, which do not fit an input and an output, are routes beside
// them.
package api

import (
	"context"
	"encoding/json"
	"io"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// Importer takes an upload and returns the job that imports it.
type Importer interface {
	Upload(ctx context.Context, format string, r io.Reader, options json.RawMessage) (jobs.Job, error)
}

// Exporter writes what a tenant has in a format.
type Exporter interface {
	Export(ctx context.Context, format string, w io.Writer) error
}

// Config is what the API is made of.
type Config struct {
	API      *hostapi.API
	Learning *learning.Learning
	Registry *extensions.Registry
	Log      *store.Log
	Importer Importer
	Exporter Exporter
	Version  string
}

// API offers the operations over HTTP.
type API struct{ cfg Config }

// New returns the API.
func New(cfg Config) *API { return &API{cfg} }
