package web

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/trellis-learning/trellis"
)

type localKey int

const stateKey localKey = 0

// state is what is known of a request.
type state struct {
	ctx      context.Context
	cancel   context.CancelFunc
	trace    traceParent
	tenant   string // that the URL names
	base     string // what stood before the path to name it
	token    string // by which the request was let in
	csrf     string // what the forms of the answer carry
	form     *Form
	page     bool
	session  bool   // whether the route takes the session of a browser, though it is no page
	bearer   bool   // whether the token stands in the header Authorization
	route    string // the pattern, "none" until one is found
	limit    int64
	stream   bool
	operator bool // whether one asks
	body     *body
	of       *Server
}

func stateOf(c *fiber.Ctx) *state {
	st, _ := c.Locals(stateKey).(*state)
	return st
}

// Context returns the context of a request: with the actor, the trace and the
// deadline. It ends when the handler returns, and when a server that stops has
// waited long enough for it.
//
// That of a stream has no deadline. It goes on while the answer is written, and
// ends when the writer calls [Ended], the client goes, or the server is to stop.
//
// If the request has an Idempotency-Key, [trellis.IDFrom] derives identifiers
// from it, the tenant, the actor, the method and the path. A repeated request
// thus asks for the same identifiers, and what they name is made once. The handler
// adds what the body says: it has not been read. Pages and public routes have no such
// keys: there whoever asks is not whoever acts.
func Context(c *fiber.Ctx) context.Context { return stateOf(c).ctx }

// Ended returns a function that ends the context of a stream. Its writer calls it
// when it is done.
func Ended(c *fiber.Ctx) func() { return stateOf(c).cancel }

// ClientAddress returns the address that a request comes from: that of the
// connection or, behind a proxy that is trusted, what the proxy says.
func ClientAddress(c *fiber.Ctx) string {
	addr, _ := stateOf(c).of.client(c)
	return addr.String()
}

// guard is around everything, Fiber's own answers included: it sees to it that a
// connection is not used again after a request of which something is unread, for
// what is left would be taken for the next request.
func (s *Server) guard(rc *fasthttp.RequestCtx, next fasthttp.RequestHandler) {
	mine, _ := rc.Conn().(*conn)
	if mine != nil {
		mine.busy.Store(true)
	}
	if err := wellFramed(rc.Request.Header.RawHeaders()); err != nil {
		s.plain(rc, err)
		rc.SetConnectionClose() // where this request ends is a matter of opinion
	} else if !slices.Contains(fiber.DefaultMethods, string(rc.Method())) {
		s.plain(rc, errMethod())
	} else {
		next(rc)
	}
	st, _ := rc.UserValue(stateKey).(*state)
	if s.draining.Err() != nil {
		rc.SetConnectionClose()
	}
	if !consumed(rc, st) {
		rc.SetConnectionClose()
		if mine != nil {
			mine.linger.Store(true)
		}
	}
	if st == nil {
		return
	}
	if !st.stream || !rc.Response.IsBodyStream() {
		st.cancel()
		return
	}
	rc.SetConnectionClose()
	stop := context.AfterFunc(s.draining, st.cancel)
	context.AfterFunc(st.ctx, func() { stop() })
	if mine != nil && !mine.linger.Load() {
		mine.watch(st.cancel)
	}
}

// around is what holds for every request that Fiber routes.
func (s *Server) around(c *fiber.Ctx) (err error) {
	began := time.Now()
	st := &state{route: "none", trace: parentOf(c.Get("traceparent")), of: s}
	st.ctx, st.cancel = context.WithCancel(trellis.WithTrace(s.ctx, trellis.Trace{ID: st.trace.id}))
	c.Locals(stateKey, st)
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("request panicked", "method", c.Method(), "route", st.route, "trace", st.trace.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = s.answer(c, problem(trellis.Errorf(trellis.Internal, "panic"), st))
		}
		status, took, method := c.Response().StatusCode(), time.Since(began), methodOf(c)
		s.cfg.Metrics.HTTPRequest(method, st.route, status, took)
		s.log.Debug("request", "method", method, "route", st.route, "status", status, "duration", took, "trace", st.trace.id)
	}()
	s.heads(c, st)
	if err := s.resolve(c, st); err != nil {
		return s.fail(c, err)
	}
	if err := c.Next(); err != nil {
		return s.fail(c, err)
	}
	return nil
}

// methodOf returns the method of a request as a string that lasts: Fiber's own
// lies in memory that the next request overwrites, and a metric keeps its labels.
func methodOf(c *fiber.Ctx) string {
	if i := slices.Index(fiber.DefaultMethods, c.Method()); i >= 0 {
		return fiber.DefaultMethods[i]
	}
	return "other" // guard lets none through
}

// heads sets what every answer says. A handler may say otherwise.
func (s *Server) heads(c *fiber.Ctx, st *state) {
	if st != nil {
		c.Set("Trace-Id", st.trace.id)
		c.Set("Traceparent", st.trace.String())
	}
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	if s.cfg.Pages.Secure {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
}

// serve authenticates and calls a route.
func (s *Server) serve(c *fiber.Ctx, r *Route) error {
	st := stateOf(c)
	st.route, st.limit, st.stream, st.page, st.session = r.Path, r.Limit, r.Stream, r.Page, r.Session
	if !r.Stream {
		var cancel context.CancelFunc
		st.ctx, cancel = context.WithTimeout(st.ctx, s.cfg.Timeout)
		defer cancel()
	}
	if !r.bare {
		if err := s.authenticate(c, st, r); err != nil {
			return err
		}
	}
	if n := int64(c.Request().Header.ContentLength()); n > r.Limit {
		return tooLarge(r.Limit)
	} else if n == -1 && r.Limit == 0 {
		if _, err := Body(c).Read(make([]byte, 1)); err != nil && err != io.EOF {
			return err // a body of no pieces is none
		}
	}
	if r.Page {
		if err := s.receive(c, st, r); err != nil {
			return err
		}
	}
	return r.Handle(c)
}

// receive is for pages: it reads what was sent and looks whether it is ours.
func (s *Server) receive(c *fiber.Ctx, st *state, r *Route) (err error) {
	s.pageHeads(c)
	if r.Method == fiber.MethodGet {
		return nil
	}
	if !st.bearer && !s.fromHere(c) { // no browser adds a token by itself
		return errForm()
	}
	if st.form, err = s.form(c, r); err != nil || st.bearer {
		return err
	}
	return s.checkForm(c, st.form.Values["csrf"])
}

// idempotent returns the context in which a repeated request asks for the same
// identifiers as the first.
func idempotent(c *fiber.Ctx, ctx context.Context, actor trellis.Actor) (context.Context, error) {
	key := strings.Clone(c.Get("Idempotency-Key"))
	if key == "" {
		return ctx, nil
	}
	if len(key) > 255 {
		return nil, trellis.Errorf(trellis.Invalid, "an Idempotency-Key has 255 characters at most")
	}
	return trellis.WithIDs(ctx, "idempotency", actor.Tenant, actor.String(), c.Method(), strings.Clone(c.Path()), key), nil
}
