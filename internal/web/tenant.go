package web

import (
	"fmt"
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// errNothing is the answer wherever a tenant that does not exist and one that
// the actor has no business in must look the same.
func errNothing() error { return trellis.Errorf(trellis.NotFound, "there is nothing here") }

// resolve finds the tenant that the URL names: by its host, or by /t/TENANT
// before the path, which is taken off for the routes.
func (s *Server) resolve(c *fiber.Ctx, st *state) error {
	if s.cfg.Tenants == nil {
		return nil
	}
	name, rest, ok := cutTenant(c.Path())
	if ok {
		c.Path(rest)
		st.base = "/t/" + name
	}
	if host := hostName(string(c.Request().Host())); host != "" {
		if of, found := s.cfg.Tenants.TenantOfHost(st.ctx, host); found {
			if ok && of != name {
				return errNothing()
			}
			name = of
		}
	}
	st.tenant = name
	return nil
}

// hostName returns what a Host header names, in lower case, without the port and
// without the point that may end it.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// cutTenant takes /t/TENANT off a path.
func cutTenant(path string) (tenant, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, "/t/")
	if !ok {
		return "", "", false
	}
	tenant, rest, _ = strings.Cut(after, "/")
	if !validTenant(tenant) {
		return "", "", false
	}
	return strings.Clone(tenant), "/" + rest, true
}

func validTenant(name string) bool {
	return trellis.ValidTenant(name) || name == trellis.PlatformTenant
}

// authenticate finds out who asks, and in which tenant.
//
// An unknown token is answered before it matters which tenant is named, and a
// token of another tenant as if the named one did not exist. So nobody learns by
// a token which tenants there are.
func (s *Server) authenticate(c *fiber.Ctx, st *state, r *Route) error {
	named := strings.Clone(c.Get("Trellis-Tenant"))
	scheme, token, _ := strings.Cut(strings.Clone(c.Get(fiber.HeaderAuthorization)), " ")
	st.bearer = strings.EqualFold(scheme, "Bearer")
	if st.bearer {
		token = strings.TrimSpace(token)
	} else if token = ""; r.Page || r.Session {
		var err error
		if token, err = s.session(c, r); err != nil {
			return err
		}
	}
	if token == "" && !st.bearer {
		if !r.Public {
			return errNobody()
		}
		return s.asNobody(st, s.orUsual(r, st, named)) // the route may know another scheme
	}
	actor, err := s.cfg.Authenticator.Authenticate(st.ctx, "", token)
	if r.Page && r.Public && !st.bearer && (trellis.KindOf(err) == trellis.Denied || err == nil && !s.mayActIn(st, actor)) {
		return s.asNobody(st, s.orUsual(r, st, named)) // a session that has ended, or is another tenant's, is none here
	}
	if err != nil {
		if trellis.KindOf(err) == trellis.Denied {
			return errToken()
		}
		return fmt.Errorf("authenticate: %w", err)
	}
	if actor.Tenant, err = s.tenantFor(st, actor, named); err != nil {
		return err
	}
	st.token = token
	st.ctx = trellis.WithActor(st.ctx, actor)
	if !r.Public && !r.Page {
		st.ctx, err = idempotent(c, st.ctx, actor)
	}
	return err
}

// session returns the token that a browser's session cookie holds, "" if there is
// none that counts here.
func (s *Server) session(c *fiber.Ctx, r *Route) (string, error) {
	token, twice := s.cookie(c, sessionCookie)
	switch {
	case twice && !r.Public:
		return "", errTwice()
	case token == "":
		return "", nil
	case r.Session && !s.fromHere(c), r.Page && r.Method == fiber.MethodGet && !s.mayLook(c):
		return "", errElsewhere()
	}
	return token, nil
}

// orUsual is the tenant of somebody who is not signed in and asks for a page whose
// address names none.
func (s *Server) orUsual(r *Route, st *state, named string) string {
	if r.Page && st.tenant == "" && named == "" {
		return s.cfg.Pages.Tenant
	}
	return named
}

// mayActIn reports whether an actor has any business in the tenant that the URL
// names.
func (s *Server) mayActIn(st *state, actor trellis.Actor) bool {
	return st.tenant == "" || st.tenant == actor.Tenant || actor.Tenant == trellis.PlatformTenant && actor.Is(trellis.RoleOperator)
}

// tenantFor returns the tenant that an actor acts in: the actor's own, unless an
// operator names another one.
func (s *Server) tenantFor(st *state, actor trellis.Actor, named string) (string, error) {
	operator := actor.Tenant == trellis.PlatformTenant && actor.Is(trellis.RoleOperator)
	st.operator = operator
	if operator && st.tenant != "" && named != "" && named != st.tenant {
		return "", trellis.Errorf(trellis.Invalid, "the URL and the header Trellis-Tenant name two tenants")
	}
	want := actor.Tenant
	for _, name := range []string{st.tenant, named} {
		if name == "" || name == actor.Tenant {
			continue
		}
		if !operator {
			return "", errNothing()
		}
		want = name
	}
	if want == actor.Tenant {
		return want, nil
	}
	return want, s.exists(st, want)
}

// asNobody is for routes that one may ask without a token: the context names the
// tenant and nobody in it.
func (s *Server) asNobody(st *state, named string) error {
	name := st.tenant
	switch {
	case name == "":
		name = named
	case named != "" && named != name:
		return errNothing()
	}
	if name == "" {
		return nil
	}
	if err := s.exists(st, name); err != nil {
		return err
	}
	st.ctx = trellis.WithActor(st.ctx, trellis.Actor{Tenant: name})
	return nil
}

func (s *Server) exists(st *state, name string) error {
	if !validTenant(name) {
		return errNothing()
	}
	ok, err := s.cfg.Tenants.TenantExists(st.ctx, name)
	if err != nil {
		return fmt.Errorf("look up tenant: %w", err)
	}
	if !ok {
		return errNothing()
	}
	return nil
}
