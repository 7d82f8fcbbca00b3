package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/trellis-learning/trellis"
)

// Problem is an error as the HTTP doors show it (RFC 9457). Extension, Filter,
// Code and Effect are those of a [trellis.Refusal].
type Problem struct {
	Type      string          `json:"type"` // https://trellis.invalid/problems/KIND
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail,omitempty"`
	Instance  string          `json:"instance,omitempty"` // the trace: "urn:trace:…"
	Kind      trellis.Kind    `json:"kind"`
	Extension string          `json:"extension,omitempty"`
	Filter    string          `json:"filter,omitempty"`
	Code      string          `json:"code,omitempty"`
	Effect    *trellis.Effect `json:"effect,omitempty"`

	challenge string        // WWW-Authenticate, with 401
	after     time.Duration // Retry-After, if not 0
}

// statuses says for each kind what HTTP calls it. It is the one such table.
func statuses() map[trellis.Kind]struct {
	status int
	title  string
} {
	return map[trellis.Kind]struct {
		status int
		title  string
	}{
		trellis.Invalid:     {http.StatusBadRequest, "The request is not right"},
		trellis.Denied:      {http.StatusForbidden, "Not allowed"},
		trellis.Refused:     {http.StatusForbidden, "An extension said no"},
		trellis.NotFound:    {http.StatusNotFound, "There is no such thing"},
		trellis.Conflict:    {http.StatusConflict, "It contradicts the present state"},
		trellis.Exhausted:   {http.StatusTooManyRequests, "Too much"},
		trellis.Unavailable: {http.StatusServiceUnavailable, "Not available at the moment"},
		trellis.Internal:    {http.StatusInternalServerError, "Fault of the platform"},
	}
}

// Status returns the status that the kind of an error has in HTTP.
func Status(k trellis.Kind) int { return statuses()[k].status }

// fault is an error for which HTTP has a status of its own, beside that of its kind.
type fault struct {
	status    int
	title     string
	challenge string
	err       error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

const (
	whoAreYou = "Who are you?"
	challenge = `Bearer realm="trellis"`
)

func errNobody() error {
	return &fault{http.StatusUnauthorized, whoAreYou, challenge, trellis.Errorf(trellis.Denied, "say who you are: Authorization: Bearer TOKEN")}
}

// errToken says the same of every token that is not taken.
func errToken() error {
	return &fault{http.StatusUnauthorized, whoAreYou, challenge + `, error="invalid_token"`, trellis.Errorf(trellis.Denied, "the token is unknown or has expired")}
}

func tooLarge(limit int64) error {
	err := trellis.Errorf(trellis.Exhausted, "the body has more than %d bytes", limit)
	if limit == 0 {
		err = trellis.Errorf(trellis.Exhausted, "there is a body, and this takes none")
	}
	return &fault{status: http.StatusRequestEntityTooLarge, title: "The body is too large", err: err}
}

func errSlow() error {
	return &fault{status: http.StatusRequestTimeout, title: "The request came too slowly", err: trellis.Errorf(trellis.Invalid, "the next part of the body did not come in time")}
}

// TooSlow reports whether an error is that what was sent did not come in time.
func TooSlow(err error) bool {
	f := (*fault)(nil)
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &f) && f.status == http.StatusRequestTimeout
}

func errCutOff() error { return trellis.Errorf(trellis.Invalid, "the body ends too early") }

func errFraming(why string) error {
	return &fault{status: http.StatusBadRequest, title: "The request cannot be read", err: trellis.Errorf(trellis.Invalid, "%s", why)}
}

func errMethod() error {
	return &fault{status: http.StatusNotImplemented, title: "There is no such method", err: trellis.Errorf(trellis.Invalid, "there is no such method")}
}

// fail answers with an error. This is where errors are logged, once, and where
// those that are nobody's business get a text of their own.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	st := stateOf(c)
	p := problem(err, st)
	if p.Status == http.StatusInternalServerError || p.Status == http.StatusServiceUnavailable {
		route := "none"
		if st != nil {
			route = st.route
		}
		s.log.Warn("request failed", "method", c.Method(), "route", route, "status", p.Status, "instance", p.Instance, "err", err)
	}
	return s.answer(c, p)
}

// answer replaces what a handler may have begun to say.
func (s *Server) answer(c *fiber.Ctx, p Problem) error {
	h := &c.Response().Header
	allow, own := string(h.Peek(fiber.HeaderAllow)), string(h.Peek(fiber.HeaderWWWAuthenticate))
	h.Reset()
	s.heads(c, stateOf(c))
	if allow != "" {
		c.Set(fiber.HeaderAllow, allow)
	}
	if own != "" && p.Status == http.StatusUnauthorized {
		p.challenge = own // of a route with a scheme of its own
	}
	if st := stateOf(c); s.wantsPage(c, st) {
		err := s.showProblem(c, p)
		if err == nil {
			return nil
		}
		s.log.Error("page about a problem not made", "route", st.route, "trace", st.trace.id, "err", err)
		h.Reset()
		s.heads(c, st)
		return p.writePage(c.Response())
	} else if st == nil && s.cfg.Pages.Problem != nil && fromPerson(c.Context()) {
		return p.writePage(c.Response())
	}
	return p.write(c.Response())
}

// plain answers what never comes to Fiber.
func (s *Server) plain(rc *fasthttp.RequestCtx, err error) {
	p := problem(err, nil)
	write := p.write
	if s.cfg.Pages.Problem != nil && fromPerson(rc) {
		write = p.writePage
	}
	_ = write(&rc.Response) // a problem without an effect can be written
}

// fromPerson reports whether a request whose head could not be read comes from a
// browser, as far as its beginning shows.
func fromPerson(rc *fasthttp.RequestCtx) bool {
	mine, ok := rc.Conn().(*conn)
	return ok && mine.person.Load()
}

// page is the page about a problem where no other can be made.
var page = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{{.Title}}</title></head>
<body><main><h1>{{.Title}}</h1>{{with .Detail}}<p>{{.}}</p>{{end}}{{with .Trace}}<p>If you ask somebody about it, name the trace <code>{{.}}</code>.</p>{{end}}</main></body></html>
`))

// writePage writes the problem as a page that needs nothing else.
func (p Problem) writePage(to *fasthttp.Response) error {
	var out bytes.Buffer
	if err := page.Execute(&out, p); err != nil {
		return err
	}
	p.writeHead(to, "text/html; charset=utf-8")
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		to.Header.Set(name, value)
	}
	to.SetBodyRaw(out.Bytes())
	return nil
}

func (p Problem) write(to *fasthttp.Response) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	p.writeHead(to, "application/problem+json")
	to.SetBodyRaw(raw)
	return nil
}

// writeHead writes what stands before the body.
func (p Problem) writeHead(to *fasthttp.Response, contentType string) {
	if p.challenge != "" {
		to.Header.Set(fiber.HeaderWWWAuthenticate, p.challenge)
	}
	if p.after > 0 {
		to.Header.Set(fiber.HeaderRetryAfter, strconv.FormatFloat(math.Ceil(p.after.Seconds()), 'f', 0, 64))
	}
	to.SetStatusCode(p.Status)
	to.Header.SetContentType(contentType)
}

// undecided is an error of a filter that could not decide.
type undecided interface {
	error
	Undecided() (extension, filter string)
}

// problem says what an error means to the one who asked.
func problem(err error, st *state) Problem {
	kind := trellis.KindOf(err)
	usual := statuses()[kind]
	p := Problem{Title: usual.title, Status: usual.status, Kind: kind, Detail: err.Error(), after: trellis.RetryAfter(err)}
	var f *fault
	var of *fiber.Error
	var r *trellis.Refusal
	var u undecided
	switch {
	case errors.As(err, &f):
		p.Status, p.Title, p.challenge = f.status, f.title, f.challenge
		p.Kind, p.Detail = trellis.KindOf(f), f.Error()
	case errors.As(err, &of):
		p = problemOfFiber(of)
	case kind == trellis.Denied && st != nil && trellis.ActorFrom(st.ctx).Kind == "":
		p.Status, p.Title, p.challenge = http.StatusUnauthorized, whoAreYou, challenge
	case kind == trellis.Refused && errors.As(err, &r):
		p.Detail, p.Extension, p.Filter, p.Code, p.Effect = r.Message, r.Extension, r.Filter, r.Code, r.Effect
	case kind == trellis.Unavailable && errors.As(err, &u):
		p.after = max(p.after, time.Second)
		p.Extension, p.Filter = u.Undecided()
		p.Detail = "The extension " + p.Extension + " could not decide, so nobody is let through. Its log has the reason under the trace of this answer."
	case kind == trellis.Unavailable:
		p.after = max(p.after, time.Second)
		fallthrough
	case kind == trellis.Internal:
		p.Detail = "It is in the platform's log under the trace of this answer."
	}
	p.Type = "https://trellis.invalid/problems/" + string(p.Kind)
	if st != nil {
		p.Instance = "urn:trace:" + st.trace.id
	}
	return p
}

// problemOfFiber is for what Fiber finds: no such route, another method, a head
// that is too large or cannot be read. Its messages hold parts of the request,
// so they are not repeated.
func problemOfFiber(of *fiber.Error) Problem {
	p := Problem{Status: of.Code, Kind: trellis.Invalid, Title: "The request cannot be read"}
	switch of.Code {
	case http.StatusNotFound:
		p.Kind, p.Title, p.Detail = trellis.NotFound, statuses()[trellis.NotFound].title, "there is nothing here"
	case http.StatusMethodNotAllowed:
		p.Title, p.Detail = "Another method is needed", "nothing can be done here in this way; the header Allow says in which"
	case http.StatusRequestTimeout:
		p.Title = "The request came too slowly"
	case http.StatusRequestHeaderFieldsTooLarge:
		p.Title, p.Detail = "The head of the request is too large", "it has 16 KiB at most: the address is too long, or the cookies of this site are too many and want to be deleted"
	case http.StatusBadGateway: // so Fiber calls a connection that broke
		p.Status = http.StatusBadRequest
	default:
		if of.Code >= 500 {
			p.Kind, p.Title = trellis.Internal, statuses()[trellis.Internal].title
		}
	}
	return p
}
