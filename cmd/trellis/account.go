package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

type loginCmd struct {
	remote
	Username string `arg:"" help:"The name to log in with. The password is read from standard input."`
}

func (c *loginCmd) Run(e *env) error {
	if c.Tenant == "" {
		return advise(trellis.Errorf(trellis.Invalid, "say which tenant you log in to"), "trellis login %s -tenant TENANT; operators: -tenant %s", c.Username, trellis.PlatformTenant)
	}
	password, err := e.hidden("Password")
	if err != nil {
		return advise(err, "trellis login %s <password-file", c.Username)
	}
	r := c.remote
	r.Token = "" // who logs in need not be anybody yet
	var out learning.NewToken
	in := map[string]string{"username": c.Username, "password": password}
	if err := r.do(e.ctx, "POST", "/api/v1/login", nil, in, &out); err != nil {
		if a := (*answer)(nil); errors.As(err, &a) && a.status == http.StatusUnauthorized {
			return advise(err, "is it the right tenant (%s)? Operators log in to -tenant %s", c.Tenant, trellis.PlatformTenant)
		}
		return err
	}
	e.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "export TRELLIS_TOKEN=%s\n# until %s; then: trellis whoami\n", out.Key, when(out.Expires))
	})
	return nil
}

type registerCmd struct {
	remote
	Username string `arg:"" help:"The name to log in with. The password is read from standard input."`
	Name     string `help:"The full name."`
	Email    string `help:"The address."`
}

func (c *registerCmd) Run(e *env) error {
	if c.Tenant == "" {
		return advise(trellis.Errorf(trellis.Invalid, "say in which tenant you want an account"), "trellis register %s -tenant TENANT", c.Username)
	}
	password, err := e.hidden("Password")
	if err != nil {
		return advise(err, "trellis register %s <password-file", c.Username)
	}
	r := c.remote
	r.Token = "" // who registers is nobody yet
	var out learning.Account
	in := some("username", c.Username, "password", password, "name", c.Name, "email", c.Email)
	if err := r.do(e.ctx, "POST", "/api/v1/register", nil, in, &out); err != nil {
		return err
	}
	e.done(out, "%s has an account: %s\n\nNext: trellis login %s -tenant %s", out.Username, out.ID, out.Username, c.Tenant)
	return nil
}

type whoamiCmd struct{ remote }

func (c *whoamiCmd) Run(e *env) error {
	var me learning.Me
	if err := c.do(e.ctx, "GET", "/api/v1/me", nil, nil, &me); err != nil {
		return err
	}
	e.show(me, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s in %s\n", me.Kind, me.ID, me.Tenant)
		for _, r := range me.Roles {
			fmt.Fprintf(w, "  %s\t%s%s\n", r.Name, r.Organisation, r.Course)
		}
	})
	return nil
}

type tenantCmd struct {
	List  tenantListCmd  `cmd:"" default:"1" help:"Show every tenant."`
	Put   tenantPutCmd   `cmd:"" help:"Make a tenant, or change it."`
	Brand tenantBrandCmd `cmd:"" help:"Change how the pages of your tenant look."`
}

type tenantListCmd struct{ remote }

func (c *tenantListCmd) Run(e *env) error {
	var list learning.List[learning.Tenant]
	if err := c.do(e.ctx, "GET", "/api/v1/tenants", nil, nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "There are no tenants. Next: trellis tenant put NAME -title TITLE")
		}
		for _, t := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, t.Title, t.Host, door(t.Open))
		}
	})
	return nil
}

// door says who may come into a tenant by themselves.
func door(open bool) string {
	if open {
		return "open: people register themselves"
	}
	return ""
}

type tenantPutCmd struct {
	remote
	Name  string `arg:"" help:"The tenant's name, as it stands in addresses."`
	Title string `required:"" help:"What it is called."`
	Host  string `help:"Host name that belongs to it alone."`
	Open  bool   `help:"People may register themselves."`
	look
}

func (c *tenantPutCmd) Run(e *env) error {
	r := c.remote
	r.Tenant = "" // the operator acts in the platform
	in := map[string]any{"title": c.Title, "host": c.Host, "open": c.Open}
	if err := c.add(in); err != nil {
		return err
	}
	var t learning.Tenant
	if err := r.do(e.ctx, "PUT", "/api/v1/tenants/"+seg(c.Name), nil, in, &t); err != nil {
		return err
	}
	e.show(t, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n\nNext, in it: trellis course create KEY TITLE -tenant %s, trellis user create NAME -tenant %s, trellis role give NAME tenant-admin -tenant %s\n", t.Name, t.Title, t.Name, t.Name, t.Name)
	})
	return nil
}

type tokenCmd struct {
	List   tokenListCmd   `cmd:"" default:"1" help:"Show tokens."`
	Create tokenCreateCmd `cmd:"" help:"Make a token."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token."`
}

type tokenListCmd struct{ remote }

func (c *tokenListCmd) Run(e *env) error {
	var list learning.List[learning.Token]
	if err := c.do(e.ctx, "GET", "/api/v1/tokens", nil, nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "There are no tokens. Next: trellis token create NAME")
		}
		for _, t := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\tuntil %s\n", t.ID, t.Name, t.Person, when(t.Expires))
		}
	})
	return nil
}

type tokenCreateCmd struct {
	remote
	Name   string   `arg:"" help:"What it is for."`
	Scopes []string `help:"Permissions that it is narrowed to."`
	Role   string   `help:"Makes it a service's own, with this role."`
	Course string   `help:"Limits the role to a course."`
	Days   int      `default:"90" help:"How long it lasts."`
}

func (c *tokenCreateCmd) Run(e *env) error {
	in := learning.CreateToken{Name: c.Name, Scopes: c.Scopes, Days: c.Days}
	if c.Role != "" {
		in.Roles = []trellis.Role{{Name: c.Role, Course: c.Course}}
	}
	var out learning.NewToken
	if err := c.do(e.ctx, "POST", "/api/v1/tokens", nil, in, &out); err != nil {
		return err
	}
	e.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s\nIt is shown only now. Until %s. Next: trellis token revoke %s ends it\n", out.Key, when(out.Expires), out.ID)
	})
	return nil
}

type tokenRevokeCmd struct {
	remote
	ID string `arg:"" help:"ID of the token."`
}

func (c *tokenRevokeCmd) Run(e *env) error {
	if err := c.do(e.ctx, "DELETE", "/api/v1/tokens/"+seg(c.ID), nil, nil, nil); err != nil {
		return err
	}
	e.done(map[string]string{"id": c.ID, "state": "revoked"}, "The token has ended, within a second on every node. Next: trellis token list")
	return nil
}
