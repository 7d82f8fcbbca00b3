package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// fromHere reports whether a request that changes something, or that a script
// makes, is one of our own pages', as far as the browser says. Old browsers say
// nothing; those that post say at least where from.
func (s *Server) fromHere(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none": // none: the person herself, by reloading or by the address bar
	default:
		return false
	}
	origins := c.Request().Header.PeekAll(fiber.HeaderOrigin)
	switch len(origins) {
	case 0:
		return true
	case 1:
		return s.isOrigin(string(origins[0]), string(c.Request().Host()))
	}
	return false
}

// isOrigin reports whether an origin is that of the host which was asked. Where
// people come by TLS, a page that came without may be anybody's.
func (s *Server) isOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	if u.Scheme != "https" && (s.cfg.Pages.Secure || u.Scheme != "http") {
		return false
	}
	return strings.EqualFold(u.Host, host)
}

// mayLook reports whether a page may be asked for with the session of a browser:
// by a page of ours, or by a person who follows a link from anywhere. Whatever
// else another site asks for (an image, a script, a frame) it gets without a
// session, or not at all.
func (s *Server) mayLook(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	dest := c.Get("Sec-Fetch-Dest")
	return c.Get("Sec-Fetch-Mode") == "navigate" && (dest == "" || dest == "document")
}

func errElsewhere() error {
	return &fault{http.StatusForbidden, "Not from another site", "", trellis.Errorf(trellis.Denied, "another site has asked for this with your session: open it here, by its address or from a page of ours")}
}

// maxLocal bounds a path to go to; browsers and proxies take more.
const maxLocal = 2048

// Local reports whether a path leads nowhere but to this very host and, behind a
// [Base], to its tenant, however a browser or a proxy reads it. It is of printable
// ASCII, whatever else it names being escaped, and has no part . or .. in it.
func Local(path string) bool {
	if len(path) > maxLocal || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return false
	}
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	path, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return false
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}
