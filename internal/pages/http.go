package pages

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

const usualLimit = 256 << 10

// Routes returns the routes of all pages and of the files that belong to them.
func (p *Pages) Routes() []web.Route {
	routes := p.files
	for _, a := range p.all() {
		r := web.Route{
			Method: a.method, Path: a.path, Name: "pages." + a.name, Summary: a.summary, Permission: a.permission, Public: a.public, Page: true, Stream: a.upload || a.stream,
			Handle: func(c *fiber.Ctx) error {
				r := p.request(c)
				if a.method == http.MethodGet && !a.platform && r.base == "" && r.tenant() == trellis.PlatformTenant && p.cfg.Tenant != "" {
					return r.goTo("/t/" + p.cfg.Tenant + r.here()) // who runs the platform has no courses there
				}
				return a.handle(r)
			},
		}
		if a.method != http.MethodGet {
			if r.Limit = a.limit; r.Limit == 0 {
				r.Limit = usualLimit
			}
		}
		routes = append(routes, r)
	}
	return routes
}

// request is what a page is asked.
type request struct {
	c       *fiber.Ctx
	p       *Pages
	looking bool // whether the page is only looked at
	ctx     context.Context
	base    string    // before the paths of links
	form    *web.Form // what was sent; nil if nothing
	part    string    // the part of the page that a script asks for, "" for all of it
}

func (p *Pages) request(c *fiber.Ctx) *request {
	return &request{c: c, p: p, looking: c.Method() != http.MethodPost, ctx: web.Context(c), base: web.Base(c), form: web.FormOf(c), part: web.Fragment(c)}
}

// with returns the request with another context, which must come of its own.
func (r *request) with(ctx context.Context) *request {
	other := *r
	other.ctx = ctx
	return &other
}

// param returns a part of the path.
func (r *request) param(name string) (string, error) { return web.Param(r.c, name) }

// query returns what stands behind the question mark.
func (r *request) query() (url.Values, error) { return web.FormQuery(r.c) }

// value returns a field of the form that was sent.
func (r *request) value(name string) string {
	if r.form == nil {
		return ""
	}
	return r.form.Values.Get(name)
}

// path returns the path of the page, without its base.
func (r *request) path() string { return string(bytes.Clone([]byte(r.c.Path()))) }

// here returns the address of the page as links name it, with its query.
func (r *request) here() string {
	at := r.path()
	if q := string(r.c.Request().URI().QueryString()); q != "" {
		at += "?" + q
	}
	return at
}

func (r *request) address() string { return web.ClientAddress(r.c) }

// known returns the mark of the browser if somebody of a tenant has signed in there
// by a name.
func (r *request) known(tenant, name string) string { return web.Known(r.c, tenant, name) }

func (r *request) csrf() string { return web.CSRF(r.c) }

// length is how many bytes are sent, as the head of the request says; below 0 if it
// does not.
func (r *request) length() int { return r.c.Request().Header.ContentLength() }

// setSession signs the browser in, and returns the session that it had.
func (r *request) setSession(key string, expires time.Time) string {
	return web.SetSession(r.c, key, expires)
}

// endSession signs the browser out, and returns the session that it had.
func (r *request) endSession() string { return web.EndSession(r.c) }

// setKnown marks the browser as one in which somebody has signed in by a name.
func (r *request) setKnown(tenant, name string) { web.SetKnown(r.c, tenant, name) }

// html answers with HTML that is made.
func (r *request) html(status int, page []byte) error { return web.HTML(r.c, status, page) }

// json answers a script.
func (r *request) json(status int, v any) error { return web.JSON(r.c, status, v) }

// wait says in the head of the answer when to try again.
func (r *request) wait(d time.Duration) {
	if d > 0 {
		r.c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
}

// from returns the path of the page, without its base, that a form was sent from,
// "" if that is not known.
func (r *request) from() string {
	u, err := url.Parse(r.c.Get(fiber.HeaderReferer))
	if err != nil || u.Host != string(r.c.Request().Host()) {
		return ""
	}
	path, ok := strings.CutPrefix(u.RequestURI(), r.base)
	if !ok || !web.Local(path) {
		return ""
	}
	return strings.Clone(path)
}

// download answers with a file that is made as it goes; an error cuts it off, so
// that nobody takes it for the whole.
func (r *request) download(name, contentType string, write func(context.Context, *bufio.Writer) error) error {
	r.c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	return web.Stream(r.c, contentType, write)
}

// goTo sends the browser to a page of the tenant.
func (r *request) goTo(path string) error { return web.Redirect(r.c, path) }

// done sends the browser to a page, which says what was done.
func (r *request) done(path string, n notice) error {
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	web.SetFlash(r.c, raw)
	return r.goTo(path)
}

// left returns what the page before has left to say.
func (r *request) left() *notice {
	raw := web.TakeFlash(r.c)
	var n notice
	if raw == nil || json.Unmarshal(raw, &n) != nil {
		return nil
	}
	return &n
}

// Problem shows a problem as a page; whoever must sign in first is led there.
func (p *Pages) Problem(c *fiber.Ctx, problem web.Problem) error {
	r := p.request(c)
	if problem.Status == http.StatusUnauthorized {
		next, lapsed := r.here(), ""
		if c.Method() != http.MethodGet {
			next, lapsed = r.from(), "&lapsed=1" // what was sent is not done again
		}
		return r.goTo("/login?next=" + url.QueryEscape(next) + lapsed)
	}
	return p.problem(r, problem)
}

// tenant returns the tenant that the page is in, "" if none is named.
func (r *request) tenant() string { return trellis.ActorFrom(r.ctx).Tenant }

// next is the query of the page that follows, "" if there is none.
func next(search, name, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := url.Values{name: {cursor}}
	if search != "" {
		q.Set("q", search)
	}
	return "?" + q.Encode()
}
