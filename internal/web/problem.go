package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// Problem is an error as the HTTP doors show it (RFC 9457).
type Problem struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail,omitempty"`
	Instance  string          `json:"instance,omitempty"` // the trace: "urn:trace:…"
	Kind      trellis.Kind    `json:"kind"`
	Extension string          `json:"extension,omitempty"` // that refused
	Filter    string          `json:"filter,omitempty"`
	Code      string          `json:"code,omitempty"`
	Effect    *trellis.Effect `json:"effect,omitempty"`
}

// unauthenticated is a token that is not taken: 401, not 403.
type unauthenticated struct{ err error }

func (u *unauthenticated) Error() string { return u.err.Error() }
func (u *unauthenticated) Unwrap() error { return u.err }

var errNobody = &unauthenticated{trellis.Errorf(trellis.Denied, "say who you are: Authorization: Bearer TOKEN")}

// errTooLarge marks a body that is larger than its route allows.
var errTooLarge = errors.New("body too large")

func tooLarge(limit int64) error {
	return trellis.Errorf(trellis.Exhausted, "the body has more than %d bytes: %w", limit, errTooLarge)
}

// fail answers with an error. This is where errors are logged, once, and where
// those that are nobody's business get a text of their own.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	st := stateOf(c)
	p := problem(err)
	if st != nil {
		p.Instance = "urn:trace:" + trellis.TraceFrom(st.ctx).ID
	}
	if p.Status >= 500 {
		route := "none"
		if st != nil {
			route = st.route
		}
		s.log.Warn("request failed", "method", c.Method(), "route", route, "status", p.Status, "instance", p.Instance, "err", err)
	}
	if after := trellis.RetryAfter(err); after > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(after.Seconds()))))
	} else if p.Status == fiber.StatusServiceUnavailable {
		c.Set(fiber.HeaderRetryAfter, "1")
	}
	raw, e := json.Marshal(p)
	if e != nil {
		return e
	}
	c.Status(p.Status)
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Send(raw)
}

// problem says what an error means to the one who asked: the one table.
func problem(err error) Problem {
	var f *fiber.Error
	if errors.As(err, &f) { // Fiber's own: no such route, method not allowed, header too large
		kind := trellis.Invalid
		if f.Code == 404 || f.Code == 405 {
			kind = trellis.NotFound
		}
		return Problem{Type: problemType(kind), Title: f.Message, Status: f.Code, Kind: kind}
	}
	kind := trellis.KindOf(err)
	status, title := 500, "Fault of the platform"
	switch kind {
	case trellis.Invalid:
		status, title = 400, "The request is not right"
	case trellis.Denied:
		status, title = 403, "Not allowed"
		var u *unauthenticated
		if errors.As(err, &u) {
			status, title = 401, "Who are you?"
		}
	case trellis.Refused:
		status, title = 403, "An extension said no"
	case trellis.NotFound:
		status, title = 404, "There is no such thing"
	case trellis.Conflict:
		status, title = 409, "It contradicts the present state"
	case trellis.Exhausted:
		status, title = 429, "Too much"
		if errors.Is(err, errTooLarge) {
			status, title = 413, "The body is too large"
		}
	case trellis.Unavailable:
		status, title = 503, "Not available at the moment"
	}
	p := Problem{Type: problemType(kind), Title: title, Status: status, Kind: kind, Detail: err.Error()}
	if kind == trellis.Unavailable || kind == trellis.Internal {
		p.Detail = "It is in the platform's log under the trace of this answer."
	}
	var r *trellis.Refusal
	if errors.As(err, &r) && kind == trellis.Refused {
		p.Detail, p.Extension, p.Filter, p.Code, p.Effect = r.Message, r.Extension, r.Filter, r.Code, r.Effect
	}
	return p
}

func problemType(k trellis.Kind) string { return fmt.Sprintf("https://trellis.invalid/problems/%s", k) }
