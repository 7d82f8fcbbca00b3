package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

func (s *Server) health(c *fiber.Ctx) error {
	return JSON(c, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) ready(c *fiber.Ctx) error {
	if s.draining.Err() != nil {
		return JSON(c, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
	}
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(Context(c)); err != nil {
			s.log.Warn("not ready", "err", err)
			return JSON(c, http.StatusServiceUnavailable, map[string]string{"status": "not ready"})
		}
	}
	return JSON(c, http.StatusOK, map[string]string{"status": "ready"})
}

// metrics answers this machine and operators; for all others there is nothing.
// What came through a proxy that nobody trusts is not from this machine, even if
// the proxy is.
func (s *Server) metrics(c *fiber.Ctx) error {
	addr, certain := s.client(c)
	if !(certain && within(addr, s.cfg.MetricsFrom)) && !stateOf(c).operator {
		return errNothing()
	}
	return adaptor.HTTPHandler(s.cfg.Metrics.Handler())(c)
}
