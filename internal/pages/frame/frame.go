// Package frame is what all pages of the platform share: how a page is asked for
// and shown, its layout, its stylesheet and its script, what stands in the slots of
// extensions, and how things are said.
//
// The pages themselves come in parts ([Part]), each a package of its own above this
// one. A part's pages see a [Request] and nothing of HTTP below it; they perform
// operations with [Call] and answer with a [View].
package frame

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/theming"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/web"
)

//go:embed static
var static embed.FS

// Config is what the frame of the pages needs.
type Config struct {
	API      *hostapi.API
	Learning *learning.Learning
	Registry *extensions.Registry
	Slots    *slots.Slots
	Theming  *theming.Theming
	Tenant   string // to which those are led who name none; "" for none
	Version  string // of the program
	Logger   *slog.Logger
}

// Frame is what stands around the pages of a platform. It is safe for concurrent
// use.
type Frame struct {
	cfg    Config
	log    *slog.Logger
	writes map[string]bool // operations that change something
	own    set             // the frame's own pages
	parts  []part
	files  []web.Route
	at     func(name string) string // where a file of static is
}

// Part is pages that belong together, and what they are shown by.
type Part interface {
	// Pages returns the pages, and what one posts to.
	Pages() []Page
	// Templates holds templates/NAME.html for each page NAME, and what several of
	// them share in templates/parts.html, if there is anything.
	Templates() fs.FS
}

// part is a part whose templates were read.
type part struct {
	pages []Page
	made  set
}

// New reads the templates of the frame and of its parts.
func New(cfg Config, parts ...Part) (*Frame, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Frame{cfg: cfg, log: cfg.Logger, writes: map[string]bool{}}
	for _, o := range cfg.API.Operations() {
		f.writes[o.Spec().Name] = o.Spec().Writes
	}
	files := map[string][]byte{}
	list, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, err
	}
	for _, entry := range list {
		if files[entry.Name()], err = static.ReadFile("static/" + entry.Name()); err != nil {
			return nil, err
		}
	}
	f.files, f.at = web.Files(files)
	if f.own, err = parse(templates); err != nil {
		return nil, err
	}
	for _, p := range parts {
		made, err := parse(p.Templates())
		if err != nil {
			return nil, err
		}
		f.parts = append(f.parts, part{p.Pages(), made})
	}
	return f, nil
}

// Page is a page or what one posts to.
type Page struct {
	Method, Path string
	Name         string
	Summary      string
	Permission   string // of the operation behind it; for the documentation
	Public       bool   // whether one need not be signed in
	Limit        int64  // bytes of what is sent: 256 KiB if zero
	Upload       bool   // whether a file may be sent
	Stream       bool   // what is sent or answered takes its time: longer than any other request may
	Platform     bool   // whether it makes sense in the platform's own tenant, too
	Handle       func(*Request) error
}

// Call performs an operation as the person who is signed in. A page that is only
// looked at (GET, HEAD) performs none that changes anything: a link of another site
// could have it done.
func Call[Out any](r *Request, operation string, in any) (out Out, err error) {
	if r.looking && r.f.writes[operation] {
		return out, trellis.Errorf(trellis.Internal, "a page that is looked at would do %s", operation)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	answer, err := r.f.cfg.API.Serve(r.Ctx, hostapi.HTTPDoor, operation, raw)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("decode the answer of %s: %w", operation, err)
	}
	return out, nil
}

// Can reports whether the actor may do something where s is.
func Can(ctx context.Context, permission string, s hostapi.Scope) bool {
	return hostapi.ReachOf(ctx, permission).Allows(s)
}

// Anywhere reports whether the actor may do something at all.
func Anywhere(ctx context.Context, permission string) bool {
	return !hostapi.ReachOf(ctx, permission).Empty()
}

// SignedIn reports whether anybody is.
func SignedIn(ctx context.Context) bool { return trellis.ActorFrom(ctx).Kind != "" }
