package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Route is something that is served. A GET answers HEAD too, unless it is a stream.
type Route struct {
	Method, Path string // as Fiber has it: "/api/v1/courses/:course", "/assets/:digest/*"
	Name         string // of the operation; no two routes share one
	Summary      string
	Permission   string // that the operation behind it takes; for the documentation
	Public       bool   // whether one need not say who one is
	Limit        int64  // bytes of the body; 0: it has none
	Stream       bool   // the body or the answer goes on: no timeout; see [Context]
	File         bool   // a form may bring a file, as that of a stream may
	Page         bool   // for people: it takes the session of a browser, and what it is sent is a form of ours; see [FormOf]
	Session      bool   // a GET for scripts: it takes the session of a browser, too, if a page of ours asks
	Request      []byte // JSON Schema of the body or, for GET and DELETE, of the query; nil if there is none
	Response     []byte // JSON Schema of the answer
	Status       int    // of success: 200 if zero
	Handle       func(*fiber.Ctx) error

	bare bool // neither tenant nor token matter, whatever the request says of them
}

// Mount serves the routes. It is an error, and nothing of it is mounted, if two
// have one name, or if a route that is mounted already takes the requests of one.
// Of those mounted together a word goes before a parameter.
func (s *Server) Mount(routes ...Route) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.fault}
	for i, r := range routes {
		if err := errors.Join(r.check(), r.clash(s.routes, true), r.clash(routes[:i], false)); err != nil {
			errs = append(errs, fmt.Errorf("route %s %s: %w", r.Method, r.Path, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.add(routes...)
	return nil
}

// add mounts routes whose place nobody disputes, the more exact before those
// with parameters.
func (s *Server) add(routes ...Route) {
	s.routes = append(s.routes, routes...)
	ordered := slices.Clone(routes)
	slices.SortStableFunc(ordered, func(a, b Route) int { return strings.Compare(rank(a.Path), rank(b.Path)) })
	for _, r := range ordered {
		handle := func(c *fiber.Ctx) error { return s.serve(c, &r) }
		s.app.Add(r.Method, r.Path, handle)
		if r.Method == fiber.MethodGet && !r.Stream {
			s.app.Add(fiber.MethodHead, r.Path, handle)
		}
	}
}

// Routes returns every route, in the order of mounting.
func (s *Server) Routes() []Route {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.routes)
}

// rank sorts the patterns that take a path: words before parameters before the
// rest of a path.
func rank(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		switch {
		case p == "*":
			parts[i] = "2"
		case strings.HasPrefix(p, ":"):
			parts[i] = "1"
		default:
			parts[i] = "0" + p
		}
	}
	return strings.Join(parts, "/")
}

func (r *Route) check() error {
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, r.Method) {
		return errors.New("there is no such method here")
	}
	if r.Name == "" || r.Handle == nil || r.Limit < 0 {
		return errors.New("it needs a name, a handler and a limit that is not negative")
	}
	if r.Session && (r.Method != "GET" || r.Page) {
		return errors.New("only a GET that is no page takes a session for scripts; what changes something is a page's form")
	}
	if !pathPattern.MatchString(r.Path) || strings.HasPrefix(r.Path, "/t/") {
		return errors.New("a path is of words, parameters such as :name and, at its end, *; and /t/ is for tenants")
	}
	for _, schema := range [][]byte{r.Request, r.Response} {
		var object map[string]any
		if schema != nil && json.Unmarshal(schema, &object) != nil {
			return errors.New("a schema is a JSON object")
		}
	}
	return nil
}

var pathPattern = regexp.MustCompile(`^(/|(/([A-Za-z0-9._~-]+|:[a-z0-9_]+))+(/\*)?|/\*)$`)

// clash says which of the others stands in the way.
func (r *Route) clash(others []Route, registered bool) error {
	for _, o := range others {
		same := shape(o.Path) == shape(r.Path)
		switch {
		case o.Name == r.Name:
			return fmt.Errorf("%s %s has the name %s too", o.Method, o.Path, r.Name)
		case same && o.Path != r.Path:
			return fmt.Errorf("%s %s names its parameters otherwise", o.Method, o.Path)
		case o.Method == r.Method && (same || registered && covers(o.Path, r.Path)):
			return fmt.Errorf("%s %s takes its requests", o.Method, o.Path)
		}
	}
	return nil
}

// shape is a pattern without the names of its parameters.
func shape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = ":"
		}
	}
	return strings.Join(parts, "/")
}

// covers reports whether the pattern a takes every path that b takes.
func covers(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i, p := range as {
		switch {
		case p == "*":
			return len(bs) > i
		case i >= len(bs) || bs[i] == "*":
			return false
		case !strings.HasPrefix(p, ":") && p != bs[i]:
			return false
		}
	}
	return len(as) == len(bs)
}
