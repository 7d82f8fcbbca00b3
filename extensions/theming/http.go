package theming

import (
	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis/internal/web"
)

// Routes returns the route of what brands are made of.
func (t *Theming) Routes() []web.Route {
	return []web.Route{{
		Method: "GET", Path: place + ":file", Name: "brand.get", Public: true, Handle: t.get,
		Summary: "The logo of a tenant, by its digest, or a stylesheet in its colour. Neither changes.",
	}}
}

func (t *Theming) get(c *fiber.Ctx) error {
	name, err := web.Param(c, "file")
	if err != nil {
		return err
	}
	typ, data, err := t.file(web.Context(c), name)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, typ)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Send(data)
}
