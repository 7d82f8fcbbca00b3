package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Fragment returns which part of a page a script asks for, "" for all of it.
func Fragment(c *fiber.Ctx) string { return strings.Clone(c.Get("Trellis-Fragment")) }

// Base returns what stands before the paths of a page's links: "/t/TENANT" where
// the address names the tenant so, else nothing.
func Base(c *fiber.Ctx) string { return stateOf(c).base }

// pageHeads sets what every page says: it takes style, script and everything else
// from here, and images from the second origin, too; it stands in no frame.
func (s *Server) pageHeads(c *fiber.Ctx) {
	images := "'self'"
	if s.cfg.Pages.Content != "" {
		images += " " + s.cfg.Pages.Content
	}
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'self'; script-src 'self'; img-src "+images+
		"; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin") // a browser that sends no referrer says of a form that it comes from nowhere
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Origin-Agent-Cluster", "?1")
	c.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=(), hid=(), midi=(), display-capture=(), browsing-topics=()")
	c.Vary("Cookie", "Accept", "Trellis-Fragment", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
}

// HTML answers with a page or a part of one.
func HTML(c *fiber.Ctx, status int, page []byte) error {
	c.Status(status)
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(page)
}

// Redirect sends the browser to a path of this tenant (which begins with / and
// has no [Base]). A path that leads elsewhere leads to the beginning.
func Redirect(c *fiber.Ctx, path string) error {
	if !Local(path) {
		path = "/"
	}
	c.Set(fiber.HeaderLocation, Base(c)+path)
	c.Status(http.StatusSeeOther)
	return nil
}

// Files returns the routes of files that belong to the pages, each under its
// digest, so that browsers keep them for good; and the function that says where a
// file is.
func Files(files map[string][]byte) (routes []Route, at func(name string) string) {
	paths := map[string]string{}
	for name, data := range files {
		sum := sha256.Sum256(data)
		p := "/static/" + hex.EncodeToString(sum[:6]) + "/" + name
		paths[name] = p
		routes = append(routes, Route{Method: "GET", Path: p, Name: "static." + name, Summary: "A file of the pages.", Public: true, bare: true,
			Handle: func(c *fiber.Ctx) error {
				c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
				c.Set(fiber.HeaderContentType, contentType(name))
				return c.Send(data)
			}})
	}
	return routes, func(name string) string { return paths[name] }
}

// wantsPage reports whether a failure is to be shown as a page: to people, who ask
// with a browser, of what is no part of the API.
func (s *Server) wantsPage(c *fiber.Ctx, st *state) bool {
	return s.cfg.Pages.Problem != nil && st != nil && (st.page || st.session || st.route == "none") && c.Get("Trellis-Fragment") == "" &&
		strings.Contains(c.Get(fiber.HeaderAccept), "text/html")
}

// showProblem answers with a page about a problem. A handler that fails or panics
// leaves the problem itself.
func (s *Server) showProblem(c *fiber.Ctx, p Problem) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	// The time of the request may be over, or was ended with its handler: the page
	// about that has some of its own.
	st := stateOf(c)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(st.ctx), problemTime)
	defer cancel()
	st.ctx = ctx
	s.pageHeads(c)
	p.writeHead(c.Response(), fiber.MIMETextHTMLCharsetUTF8)
	return s.cfg.Pages.Problem(c, p)
}

// problemTime is how long the page about a problem may take.
const problemTime = 5 * time.Second

// RetryAfter returns how long to wait before it is worth to ask again, 0 if nobody
// knows.
func (p Problem) RetryAfter() time.Duration { return p.after }

// Trace returns the ID of the trace that a problem belongs to.
func (p Problem) Trace() string { return strings.TrimPrefix(p.Instance, "urn:trace:") }
