// Package console is the pages of those who run a tenant, or the platform: what
// needs them, every extension, people, tokens, tenants, rosters, jobs, events,
// deliveries and the audit log.
package console

import (
	"context"
	"embed"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

//go:embed templates
var templates embed.FS

// Config is what the pages need.
type Config struct {
	API      *hostapi.API // where it is noted who imports what
	Learning *learning.Learning
	Imports  *integrations.Integrations
}

// Pages are the pages of the console.
type Pages struct {
	api      *hostapi.API
	learning *learning.Learning
	imports  *integrations.Integrations
}

var _ frame.Part = (*Pages)(nil)

// New returns the pages.
func New(cfg Config) *Pages { return &Pages{cfg.API, cfg.Learning, cfg.Imports} }

// Templates holds what the pages are shown by.
func (p *Pages) Templates() fs.FS { return templates }

// Pages returns the pages. Each group stands in the file named after it.
func (p *Pages) Pages() []frame.Page {
	return slices.Concat(p.homePages(), p.extensionPages(), p.approvalPages(), p.rightPages(), p.peoplePages(), p.personPages(), p.tokenPages(), p.tenantPages(), p.brandPages(),
		p.importPages(), p.jobPages(), p.eventPages(), p.deliveryPages(), p.auditPages())
}

// behind lets in those who may do something in the whole tenant. Whoever may do it
// in a course only is told whom the console is for.
func behind(permission string, handle func(*frame.Request) error) func(*frame.Request) error {
	return func(r *frame.Request) error {
		switch {
		case frame.Can(r.Ctx, permission, hostapi.Scope{}):
			return handle(r)
		case permission == "tenants:write":
			return trellis.Errorf(trellis.Denied, "This is for the operators of the platform. Ask one of them.")
		}
		return trellis.Errorf(trellis.Denied, "The console is for those who run the school: its administrators and the operators of the platform. What runs in a course of yours stands on the page of that course.")
	}
}

// tab is an entry of the console's own navigation.
type tab struct {
	Text, Path string
	Here       bool
}

// bar is what every page of the console has.
type bar struct {
	Tabs []tab // the parts of the console
	Sub  []tab // the pages of this part
}

// section is a part of the console, with its pages.
type section struct {
	text  string
	pages []entry
}

// entry is a page of the console: who may see it, and whether it is there in
// the platform's own tenant.
type entry struct{ text, path, permission string }

func sections() []section {
	return []section{
		{"Overview", []entry{{"Overview", "/console", "extensions:read"}}},
		{"Extensions", []entry{{"All extensions", "/console/extensions", "extensions:read"}, {"Approvals", "/console/approvals", "extensions:write"},
			{"Self-service", "/console/self-service", "extensions:write"}, {"Trusted keys", "/console/keys", "extensions:read"}}},
		{"People", []entry{{"People", "/console/people", "users:read"}, {"Tokens", "/console/tokens", "tokens:write"}}},
		{"Courses", []entry{{"Courses", "/console/courses", "courses:write"}, {"Import and export", "/console/import", "imports:write"}, {"Jobs", "/console/jobs", "work:read"}}},
		{"Events", []entry{{"Live", "/console/events", "events:read"}, {"Deliveries", "/console/deliveries", "deliveries:read"}}},
		{"Audit", []entry{{"Audit", "/console/audit", "audit:read"}}},
		{"School", []entry{{"Look", "/console/brand", "brand:write"}, {"Tenants", "/console/tenants", "tenants:write"}}},
	}
}

// navigate returns the navigation around the page at a path.
func navigate(r *frame.Request, path string) bar {
	var f bar
	for _, part := range sections() {
		var links []entry
		for _, l := range part.pages {
			if frame.Can(r.Ctx, l.permission, hostapi.Scope{}) {
				links = append(links, l)
			}
		}
		if len(links) == 0 {
			continue
		}
		here := slices.ContainsFunc(links, func(l entry) bool { return l.path == path })
		f.Tabs = append(f.Tabs, tab{part.text, links[0].path, here})
		if here && len(links) > 1 {
			for _, l := range links {
				f.Sub = append(f.Sub, tab{l.text, l.path, l.path == path})
			}
		}
	}
	return f
}

// viewOf begins a page of the console. Pages below one of the navigation have
// that among their crumbs.
func viewOf(title string, crumbs ...frame.Link) frame.View {
	return frame.View{Title: title, Nav: "/console", Width: "wide", Crumbs: append([]frame.Link{{Text: "Console", Path: "/console"}}, crumbs...)}
}

// with returns the address of a page with some of its query changed: names and
// values in turn; "" takes one away.
func with(path string, q url.Values, pairs ...string) string {
	next := url.Values{}
	for name, values := range q {
		if name != "csrf" && len(values) > 0 && values[0] != "" {
			next.Set(name, values[0])
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if next.Del(pairs[i]); pairs[i+1] != "" {
			next.Set(pairs[i], pairs[i+1])
		}
	}
	if len(next) == 0 {
		return path
	}
	return path + "?" + next.Encode()
}

// pickable is an option of a field.
type pickable struct {
	Value, Text string
	On          bool
}

// options makes options of values and texts in turn.
func options(now string, pairs ...string) (list []pickable) {
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, pickable{pairs[i], pairs[i+1], pairs[i] == now})
	}
	return list
}

// who is somebody who did something, as a page names her.
type who struct{ Text, Path string }

// names looks people up, each once for a page.
type names struct {
	p     *Pages
	r     *frame.Request
	known map[string]who
	all   []extensions.Extension // once they were asked for
}

func (p *Pages) names(r *frame.Request) *names { return &names{p: p, r: r, known: map[string]who{}} }

// extension names an installation, or what belongs to one: the ID of a subscriber
// begins with it.
func (n *names) extension(id string) who {
	if n.all == nil {
		list, err := frame.Call[extensions.List[extensions.Extension]](n.r, "extensions.list", struct{}{})
		if n.all = list.Items; err != nil || n.all == nil {
			n.all = []extensions.Extension{}
		}
	}
	installation, _, _ := strings.Cut(id, "/")
	for _, x := range n.all {
		if x.Installation == installation {
			return who{x.Title, pathOf(x)}
		}
	}
	return who{Text: "an extension that is gone (" + short(installation) + ")"}
}

// course names a course by its title, or by its key if it is gone.
func (n *names) course(key string) who {
	known := "course " + key
	if w, ok := n.known[known]; ok {
		return w
	}
	w := who{Text: key}
	if c, err := frame.Call[learning.Course](n.r, "courses.get", learning.ByCourse{Course: key}); err == nil {
		w = who{c.Title, "/courses/" + url.PathEscape(key)}
	}
	n.known[known] = w
	return w
}

// pathOf is the page of an extension, with its owner.
func pathOf(x extensions.Extension) string {
	if x.Course != "" {
		return "/courses/" + url.PathEscape(x.Course) + "/extensions/" + url.PathEscape(x.ID)
	}
	return "/console/extensions/" + url.PathEscape(x.ID)
}

// of names an actor, "person:ID", or a person by her ID alone.
func (n *names) of(actor string) who {
	if w, ok := n.known[actor]; ok || actor == "" {
		return w
	}
	kind, id, ok := strings.Cut(actor, ":")
	if !ok {
		kind, id = string(trellis.PersonActor), actor
	}
	w := who{Text: kind + " " + short(id)}
	switch trellis.ActorKind(kind) {
	case trellis.PersonActor:
		if u, err := frame.Call[trellis.User](n.r, "users.get", learning.GetUser{ID: id}); err == nil {
			w = who{called(u), "/console/people/" + url.PathEscape(id)}
		} else if trellis.KindOf(err) == trellis.NotFound {
			w.Text = n.stranger(id)
		}
	case trellis.SystemActor:
		w.Text = "Trellis"
		if id == "breaker" {
			w.Text = "Trellis, because it failed"
		}
	case trellis.ExtensionActor:
		w = n.extension(id)
	case trellis.ServiceActor:
		w.Text = "a service (" + short(id) + ")"
	}
	n.known[actor] = w
	return w
}

// stranger names somebody whom the tenant does not know: an operator, by her name
// where an operator asks, or somebody who was erased.
func (n *names) stranger(id string) string {
	ctx, p := n.r.Ctx, n.p
	if known, err := p.learning.Known(ctx, id); err != nil || known {
		return "somebody erased (" + short(id) + ")"
	}
	if actor := trellis.ActorFrom(ctx); actor.Is(trellis.RoleOperator) {
		actor.Tenant = trellis.PlatformTenant // hers
		if u, err := frame.Call[trellis.User](n.r.With(trellis.WithActor(ctx, actor)), "users.get", learning.GetUser{ID: id}); err == nil {
			return called(u) + ", an operator"
		}
	}
	return "an operator"
}

// called is what somebody is called, as far as one may see.
func called(u trellis.User) string {
	switch {
	case u.PII.Name != "":
		return u.PII.Name
	case u.PII.Username != "":
		return u.PII.Username
	}
	return "person " + short(u.ID)
}

// short is an ID that people can tell apart from others of its page.
func short(id string) string {
	if len(id) > 12 {
		return id[:4] + "…" + id[len(id)-6:]
	}
	return id
}

// faultOf makes a fault of a form of an error that people can do something about;
// others are returned.
func faultOf(err error, field string) ([]frame.Fault, error) {
	switch trellis.KindOf(err) {
	case trellis.Invalid, trellis.Conflict, trellis.Exhausted, trellis.Refused:
		return []frame.Fault{{Field: field, Text: sentenceOf(err)}}, nil
	}
	return nil, err
}

// sentenceOf is an error as a sentence.
func sentenceOf(err error) string { return frame.Sentence(err.Error()) }

// everyPage calls a list until it ends, or n rows were read.
func everyPage[T any](ctx context.Context, n int, read func(ctx context.Context, after string) ([]T, string, error)) (all []T, more bool, err error) {
	for after := ""; ; {
		items, next, err := read(ctx, after)
		if err != nil {
			return nil, false, err
		}
		all = append(all, items...)
		if next == "" {
			return all, false, nil
		}
		if after = next; len(all) >= n {
			return all, true, nil
		}
	}
}

// formDay is how a date stands in a form.
const formDay = "2006-01-02"

// dayOf reads a date of a form as the time at which it begins, or ends.
func dayOf(s string, end bool) (string, bool) {
	if s == "" {
		return "", true
	}
	t, err := time.Parse(formDay, s)
	if err != nil {
		return "", false
	}
	if end {
		t = t.AddDate(0, 0, 1)
	}
	return t.Format(time.RFC3339), true
}
