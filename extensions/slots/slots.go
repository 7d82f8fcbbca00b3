// Package slots is the way of extending pages: places in them that extensions fill.
//
// A page says which places it has ([Places]); what stands there is resolved on the
// server for the tenant, the course and the person, from the manifests of enabled
// extensions. An extension answers a tree, which is rendered to HTML by our own
// renderer (package tree). All places of a page are filled side by side, each within
// its deadline: what is late, broken or switched off neither delays nor breaks the
// page. Learners see nothing of it; those who look after extensions see what
// happened, and the trace.
//
// A button or a form of a tree asks an export of the extension that offered it
// ([Slots.Act]), and only what was offered to that very person can be asked. A page
// follows over one stream which of its places are stale, and fetches those again
// with its own rights.
package slots

import (
	"context"
	"html/template"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/runtime"
)

// Filler puts into a document the personal data that keep allows.
type Filler interface {
	FillPeople(ctx context.Context, t reflect.Type, data []byte, keep func(class string) bool) ([]byte, error)
}

// Traces remembers what extensions did in a request.
type Traces interface {
	Slot(ctx context.Context, h extensions.Hook, slot string, started time.Time, used runtime.Stats, err error)
}

// Authenticator knows whose token one is.
type Authenticator interface {
	Authenticate(ctx context.Context, tenant, token string) (trellis.Actor, error)
}

// Config is what slots are made of. Registry and Key are required.
type Config struct {
	Registry   *extensions.Registry
	People     Filler        // nil: extensions are told nobody's name
	Key        *secret.Key   // what is offered to a person is signed with a key derived from it
	ContentURL string        // address of the second origin, where files of bundles are; images are left out if empty
	Deadline   time.Duration // of all that fills a page: 100 ms if zero
	Offer      time.Duration // how long a form may be sent after it was shown: 24 h if zero
	Traces     Traces        // nil: not recorded
	Auth       Authenticator // asked again and again whether a stream's token still holds; nil: it does
	Recheck    time.Duration // how often: 10 s if zero
	Heartbeat  time.Duration // of a stream: 15 s if zero
	Calm       time.Duration // between two messages of a stream about one slot: 500 ms if zero
	PerActor   int           // streams of one actor: 16 if zero
	PerNode    int           // streams of this node: 10,000 if zero
	Logger     *slog.Logger
	Metrics    *metrics.Registry
}

// Slots fills places in pages. It is safe for concurrent use.
type Slots struct {
	cfg Config
	log *slog.Logger
}

// New returns the slots of a registry.
func New(cfg Config) *Slots {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Deadline == 0 {
		cfg.Deadline = 100 * time.Millisecond
	}
	return &Slots{cfg: cfg, log: cfg.Logger}
}

// Page is a page that is being made. Who looks at it is the actor of the context,
// who may be nobody.
type Page struct {
	URL    string // its own address, where forms are sent: a path with its query
	Base   string // what tenant-local addresses begin with: "/t/demo", or ""
	Course string // key of the course that it is about, "" if it is about none
	CSRF   string // the token that forms send back in the field csrf
	Locale string // "en"
}

// Want is a place of a page that is to be filled.
type Want struct {
	Slot    string
	Default *tree.Node // what stands there if nobody says otherwise: the target "default", at order 50
}

// Fill fills places of a page, side by side. Each value is the place's container,
// <div class="slots" …>, by the name that was asked for; it is empty where nobody
// has anything to show. Fill does not fail, and takes no longer than the deadline.
func (s *Slots) Fill(ctx context.Context, p Page, wants ...Want) map[string]template.HTML {
	out := map[string]template.HTML{}
	for _, w := range wants {
		var b strings.Builder
		name := template.HTMLEscapeString(w.Slot)
		b.WriteString(`<div class="slots" data-slots="` + name + `" id="slots-` + strings.ReplaceAll(name, ".", "-") + `">`)
		if w.Default != nil {
			_ = tree.Render(&b, *w.Default, tree.Options{Base: p.Base})
		}
		b.WriteString(`</div>`)
		out[w.Slot] = template.HTML(b.String()) // made of escaped text and what the tree renderer wrote
	}
	return out
}

// Outcome is what came of an action.
type Outcome struct {
	Slot     string        // that the action belongs to
	HTML     template.HTML // its container, made again, with the answer in it
	Message  string        // what the extension says to the person; may be empty
	State    string        // how it is meant: "ok", "warn", "bad" or "info"
	Redirect string        // path within the tenant, with the page's base, to go to instead; "" for none
	Faults   bool          // whether what was entered could not be taken: the form stands in HTML again, with what was entered
}

// Acts reports whether a form that was posted is that of a slot: whether it is for
// [Slots.Act].
func Acts(form url.Values) bool { return form.Has(offerField) }

// offerField is the hidden input that says what was offered.
const offerField = "_hook"

// Act does what a person asked for by a button or form in a slot of the page. The
// page has checked the CSRF token. Wants are the places of the page, as for Fill:
// the outcome's container replaces what Fill would return for its slot.
//
// What an extension answers, its no and its failure too, is an [Outcome]. An error
// means that nothing was asked of it: the form was not made for this person, this
// page and this moment ([trellis.Denied]) or makes no sense ([trellis.Invalid]).
func (s *Slots) Act(ctx context.Context, p Page, form url.Values, wants ...Want) (Outcome, error) {
	return Outcome{}, trellis.Errorf(trellis.Denied, "this form was not made here: load the page again")
}

// Live returns the address of the stream that says which of the slots of a page
// become stale, for the page's data-live. Ask for it before Fill: what happens
// between is then not missed.
func (s *Slots) Live(p Page, slots ...string) string {
	q := url.Values{"slot": slots}
	if p.Course != "" {
		q.Set("course", p.Course)
	}
	return p.Base + "/slots/live?" + q.Encode()
}

// Run follows what happens, for the streams of this node. It returns when ctx is
// done.
func (s *Slots) Run(ctx context.Context, source trellis.Source) error {
	<-ctx.Done()
	return nil
}

// Operations returns the operations on slots.
func (s *Slots) Operations() []hostapi.Operation { return nil }
