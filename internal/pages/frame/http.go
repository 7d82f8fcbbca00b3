package frame

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

// UsualLimit bounds what is sent to a page that says nothing else, in bytes.
const UsualLimit = 256 << 10

// Routes returns the routes of all pages and of the files that belong to them.
func (f *Frame) Routes() []web.Route {
	routes := f.files
	for _, p := range f.parts {
		for _, a := range p.pages {
			routes = append(routes, f.route(a, p.made))
		}
	}
	return routes
}

func (f *Frame) route(a Page, made set) web.Route {
	route := web.Route{
		Method: a.Method, Path: a.Path, Name: "pages." + a.Name, Summary: a.Summary, Permission: a.Permission, Public: a.Public, Page: true, Stream: a.Stream, File: a.Upload,
		Handle: func(c *fiber.Ctx) error {
			r := f.request(c, made)
			if a.Method == http.MethodGet && !a.Platform && r.Base == "" && r.Tenant() == trellis.PlatformTenant && f.cfg.Tenant != "" {
				return r.GoTo("/t/" + f.cfg.Tenant + r.here()) // who runs the platform has no courses there
			}
			return a.Handle(r)
		},
	}
	if a.Method != http.MethodGet {
		if route.Limit = a.Limit; route.Limit == 0 {
			route.Limit = UsualLimit
		}
	}
	return route
}

// Request is what a page is asked, by one person, once: it is not for concurrent
// use, and not for use after the page has answered.
type Request struct {
	Ctx  context.Context // says who asks
	Base string          // before the paths of links
	Form *web.Form       // what was sent; nil if nothing
	Part string          // the part of the page that a script asks for, "" for all of it

	c       *fiber.Ctx
	f       *Frame
	made    set  // of the part that the page is of
	looking bool // whether the page is only looked at
}

func (f *Frame) request(c *fiber.Ctx, made set) *Request {
	return &Request{c: c, f: f, made: made, looking: c.Method() != http.MethodPost, Ctx: web.Context(c), Base: web.Base(c), Form: web.FormOf(c), Part: web.Fragment(c)}
}

// With returns the request with another context, which must come of its own.
func (r *Request) With(ctx context.Context) *Request {
	other := *r
	other.Ctx = ctx
	return &other
}

// Param returns a part of the path.
func (r *Request) Param(name string) (string, error) { return web.Param(r.c, name) }

// Query returns what stands behind the question mark.
func (r *Request) Query() (url.Values, error) { return web.FormQuery(r.c) }

// Value returns a field of the form that was sent.
func (r *Request) Value(name string) string {
	if r.Form == nil {
		return ""
	}
	return r.Form.Values.Get(name)
}

// path returns the path of the page, without its base.
func (r *Request) path() string { return string(bytes.Clone([]byte(r.c.Path()))) }

// here returns the address of the page as links name it, with its query.
func (r *Request) here() string {
	at := r.path()
	if q := string(r.c.Request().URI().QueryString()); q != "" {
		at += "?" + q
	}
	return at
}

// Address returns where the request comes from.
func (r *Request) Address() string { return web.ClientAddress(r.c) }

// Known returns the mark of the browser if somebody of a tenant has signed in there
// by a name.
func (r *Request) Known(tenant, name string) string { return web.Known(r.c, tenant, name) }

func (r *Request) csrf() string { return web.CSRF(r.c) }

// Length is how many bytes are sent, as the head of the request says; below 0 if it
// does not.
func (r *Request) Length() int { return r.c.Request().Header.ContentLength() }

// SetSession signs the browser in, and returns the session that it had.
func (r *Request) SetSession(key string, expires time.Time) string {
	return web.SetSession(r.c, key, expires)
}

// EndSession signs the browser out, and returns the session that it had.
func (r *Request) EndSession() string { return web.EndSession(r.c) }

// SetKnown marks the browser as one in which somebody has signed in by a name.
func (r *Request) SetKnown(tenant, name string) { web.SetKnown(r.c, tenant, name) }

// html answers with HTML that is made.
func (r *Request) html(status int, page []byte) error { return web.HTML(r.c, status, page) }

// json answers a script.
func (r *Request) json(status int, v any) error { return web.JSON(r.c, status, v) }

// Wait says in the head of the answer when to try again.
func (r *Request) Wait(d time.Duration) {
	if d > 0 {
		r.c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
}

// from returns the path of the page, without its base, that a form was sent from,
// "" if that is not known.
func (r *Request) from() string {
	u, err := url.Parse(r.c.Get(fiber.HeaderReferer))
	if err != nil || u.Host != string(r.c.Request().Host()) {
		return ""
	}
	path, ok := strings.CutPrefix(u.RequestURI(), r.Base)
	if !ok || !web.Local(path) {
		return ""
	}
	return strings.Clone(path)
}

// Download answers with a file that is made as it goes; an error cuts it off, so
// that nobody takes it for the whole.
func (r *Request) Download(name, contentType string, write func(context.Context, *bufio.Writer) error) error {
	r.c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	return web.Stream(r.c, contentType, write)
}

// GoTo sends the browser to a page of the tenant.
func (r *Request) GoTo(path string) error { return web.Redirect(r.c, path) }

// Done sends the browser to a page, which says what was done.
func (r *Request) Done(path string, n Notice) error {
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	web.SetFlash(r.c, raw)
	return r.GoTo(path)
}

// left returns what the page before has left to say.
func (r *Request) left() *Notice {
	raw := web.TakeFlash(r.c)
	var n Notice
	if raw == nil || json.Unmarshal(raw, &n) != nil {
		return nil
	}
	return &n
}

// Problem shows a problem as a page; whoever must sign in first is led there.
func (f *Frame) Problem(c *fiber.Ctx, problem web.Problem) error {
	r := f.request(c, f.own)
	if problem.Status == http.StatusUnauthorized {
		next, lapsed := r.here(), ""
		if c.Method() != http.MethodGet {
			next, lapsed = r.from(), "&lapsed=1" // what was sent is not done again
		}
		return r.GoTo("/login?next=" + url.QueryEscape(next) + lapsed)
	}
	return r.problem(problem)
}

// Tenant returns the tenant that the page is in, "" if none is named.
func (r *Request) Tenant() string { return trellis.ActorFrom(r.Ctx).Tenant }

// Next is the query of the page that follows, "" if there is none.
func Next(search, name, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := url.Values{name: {cursor}}
	if search != "" {
		q.Set("q", search)
	}
	return "?" + q.Encode()
}
