package web

import (
	"context"
	"log/slog"
	"mime"
	"path"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// ContentConfig is what the second origin is made of.
type ContentConfig struct {
	// Assets returns a file of an installed bundle.
	Assets func(ctx context.Context, digest, name string) ([]byte, error)
	Logger *slog.Logger
}

// nobody lets nobody in: the second origin knows neither people nor tenants.
type nobody struct{}

func (nobody) Authenticate(context.Context, string, string) (trellis.Actor, error) {
	return trellis.Actor{}, errNobody
}
func (nobody) TenantOfHost(context.Context, string) (string, bool) { return "", false }
func (nobody) TenantExists(context.Context, string) (bool, error)  { return false, nil }

// NewContent returns the server of the second origin: the files of bundles, by
// the digest of the bundle, which never change. It belongs on another host than
// the pages (cookies do not know ports), sets no cookies and reads none.
func NewContent(cfg ContentConfig) *Server {
	s := New(Config{Authenticator: nobody{}, Tenants: nobody{}, Logger: cfg.Logger, Timeout: 30 * time.Second})
	s.mount(Route{Method: "GET", Path: "/assets/:digest/*", Name: "assets.get", Summary: "A file of a bundle.", Public: true, Handle: func(c *fiber.Ctx) error {
		name, err := Param(c, "*")
		if err != nil {
			return err
		}
		digest, err := Param(c, "digest")
		if err != nil {
			return err
		}
		data, err := cfg.Assets(Context(c), digest, name)
		if err != nil {
			return err
		}
		typ := mime.TypeByExtension(path.Ext(name))
		if typ == "" {
			typ = "application/octet-stream"
		}
		c.Set(fiber.HeaderContentType, typ)
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		c.Set("Cross-Origin-Resource-Policy", "cross-origin")
		c.Set(fiber.HeaderContentSecurityPolicy, "sandbox allow-scripts")
		return c.Send(data)
	}})
	return s
}

// MountOpenAPI serves the OpenAPI document of what is mounted by then.
func (s *Server) MountOpenAPI(at, title, version string) error {
	var doc []byte
	if err := s.Mount(Route{Method: "GET", Path: at, Name: "openapi", Summary: "This document.", Public: true, Handle: func(c *fiber.Ctx) error {
		return Raw(c, fiber.StatusOK, doc)
	}}); err != nil {
		return err
	}
	var err error
	doc, err = s.OpenAPI(title, version)
	return err
}
