// Package pages is the platform in a browser: for learners, for course teams, and
// for those who run it.
//
// A page does nothing that the API cannot do: it calls operations by their names,
// at the same door ([hostapi.HTTPDoor]), with the rights of the person who is
// signed in. What it adds is that people see it. Every page works without scripts;
// where there are, frame/static/trellis.js makes it smoother. Extensions stand in the
// slots of pages (package slots).
//
// What all pages share is package frame; the pages themselves come in parts, which
// are strangers to each other: account, courses, team and console. A new page is a
// handler and its line in a group of its part, and a template beside it.
package pages

import (
	"log/slog"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/theming"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/account"
	"github.com/trellis-learning/trellis/internal/pages/console"
	"github.com/trellis-learning/trellis/internal/pages/courses"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/pages/team"
)

// Config is what the pages are made of.
type Config struct {
	API      *hostapi.API
	Learning *learning.Learning
	Registry *extensions.Registry
	Slots    *slots.Slots
	Theming  *theming.Theming
	Imports  *integrations.Integrations
	Tenant   string // to which those are led who name none; "" for none
	Version  string // of the program
	Logger   *slog.Logger
}

// Pages are the pages of a platform. They are safe for concurrent use.
type Pages struct{ *frame.Frame }

// New puts the pages together.
func New(cfg Config) (*Pages, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := frame.New(frame.Config{
		API: cfg.API, Learning: cfg.Learning, Registry: cfg.Registry, Slots: cfg.Slots, Theming: cfg.Theming, Tenant: cfg.Tenant, Version: cfg.Version, Logger: cfg.Logger,
	},
		account.New(account.Config{Learning: cfg.Learning, Logger: cfg.Logger}),
		courses.New(courses.Config{Logger: cfg.Logger}),
		team.New(team.Config{API: cfg.API, Registry: cfg.Registry}),
		console.New(console.Config{API: cfg.API, Learning: cfg.Learning, Imports: cfg.Imports}),
	)
	if err != nil {
		return nil, err
	}
	return &Pages{f}, nil
}
