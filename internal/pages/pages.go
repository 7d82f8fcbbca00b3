// Package pages is the platform in a browser: for learners, for course teams, and
// for those who run it.
//
// A page does nothing that the API cannot do: it calls operations by their names,
// at the same door ([hostapi.HTTPDoor]), with the rights of the person who is
// signed in. What it adds is that people see it. Every page works without scripts;
// where there are, static/trellis.js makes it smoother. Extensions stand in the
// slots of pages (package slots).
package pages

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/theming"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/web"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static
var static embed.FS

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
type Pages struct {
	cfg    Config
	log    *slog.Logger
	made   map[string]*template.Template // by the page's name
	writes map[string]bool               // operations that change something
	files  []web.Route
	at     func(name string) string // where a file of static is
}

// New reads the templates.
func New(cfg Config) (*Pages, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Pages{cfg: cfg, log: cfg.Logger, made: map[string]*template.Template{}, writes: map[string]bool{}}
	for _, o := range cfg.API.Operations() {
		p.writes[o.Spec().Name] = o.Spec().Writes
	}
	files := map[string][]byte{}
	list, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		if files[f.Name()], err = static.ReadFile("static/" + f.Name()); err != nil {
			return nil, err
		}
	}
	p.files, p.at = web.Files(files)
	return p, p.parse()
}

// page is a page or what one posts to.
type page struct {
	method, path string
	name         string
	summary      string
	permission   string // of the operation behind it; for the documentation
	public       bool   // whether one need not be signed in
	limit        int64  // bytes of what is sent: 256 KiB if zero
	upload       bool   // what is sent takes its time
	stream       bool   // what is answered takes its time
	platform     bool   // whether it makes sense in the platform's own tenant, too
	handle       func(*request) error
}

// all returns every page. Each group stands in the file named after it.
func (p *Pages) all() []page {
	var list []page
	for _, group := range [][]page{p.signPages(), p.coursePages(), p.courseSettingPages(), p.peoplePages(), p.accountPages(), p.teamPages(), p.consolePages()} {
		list = append(list, group...)
	}
	return list
}

// call performs an operation as the person who is signed in. A page that is only
// looked at (GET, HEAD) performs none that changes anything: a link of another site
// could have it done.
func call[Out any](r *request, operation string, in any) (out Out, err error) {
	if r.looking && r.p.writes[operation] {
		return out, trellis.Errorf(trellis.Internal, "a page that is looked at would do %s", operation)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	answer, err := r.p.cfg.API.Serve(r.ctx, hostapi.HTTPDoor, operation, raw)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("decode the answer of %s: %w", operation, err)
	}
	return out, nil
}

// can reports whether the actor may do something where s is.
func can(ctx context.Context, permission string, s hostapi.Scope) bool {
	return hostapi.ReachOf(ctx, permission).Allows(s)
}

// anywhere reports whether the actor may do something at all.
func anywhere(ctx context.Context, permission string) bool {
	return !hostapi.ReachOf(ctx, permission).Empty()
}

// signedIn reports whether anybody is.
func signedIn(ctx context.Context) bool { return trellis.ActorFrom(ctx).Kind != "" }
