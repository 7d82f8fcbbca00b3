// Package plugins is the way of extending the back end: filters, which are asked
// before something happens and may change or refuse it; subscribers, which hear
// of what has happened; and calls at set times and in the background.
//
// A filter's chain is asked in the order of its steps, each on what the last has
// left. A step that fails (a trap, too much time, an answer that makes no sense)
// lets nobody through, unless its manifest says on_error: skip. Nothing that an
// extension may not see is in its question, and nothing that it may not see can
// be changed by its answer.
package plugins

import (
	"context"
	"log/slog"
	"reflect"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/metrics"
)

// Filler puts into a document the personal data that keep allows.
type Filler interface {
	FillPeople(ctx context.Context, t reflect.Type, data []byte, keep func(class string) bool) ([]byte, error)
}

// Config is what plugins are made of.
type Config struct {
	Registry *extensions.Registry
	Jobs     *jobs.Jobs
	Known    bundle.Known
	People   Filler        // nil: events carry no personal data
	Chain    time.Duration // of all steps of a filter together: 250 ms if zero
	Step     time.Duration // of one step: 50 ms if zero
	Logger   *slog.Logger
	Metrics  *metrics.Registry
}

// Plugins asks filters and tells subscribers. It is safe for concurrent use.
type Plugins struct {
	cfg    Config
	log    *slog.Logger
	traces *Traces
}

var _ trellis.Filters = (*Plugins)(nil)

// New returns the plugins of a registry.
func New(cfg Config) *Plugins {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Chain == 0 {
		cfg.Chain = 250 * time.Millisecond
	}
	if cfg.Step == 0 {
		cfg.Step = 50 * time.Millisecond
	}
	return &Plugins{cfg: cfg, log: cfg.Logger, traces: newTraces(4096)}
}
