package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
)

type loginCmd struct {
	remote
	Username string `arg:"" help:"The name to log in with. The password is read from standard input."`
}

func (c *loginCmd) Run(e *env) error {
	fmt.Fprint(os.Stderr, "Password: ")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return trellis.Errorf(trellis.Invalid, "no password on standard input")
	}
	r := c.remote
	r.Token = "" // who logs in need not be anybody yet
	var out learning.NewToken
	in := map[string]string{"username": c.Username, "password": strings.TrimRight(line, "\r\n")}
	if err := r.do(e.ctx, "POST", "/api/v1/login", nil, in, &out); err != nil {
		return err
	}
	e.show(out, func(w io.Writer) { fmt.Fprintf(w, "export TRELLIS_TOKEN=%s\n# until %s\n", out.Key, when(out.Expires)) })
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
	List tenantListCmd `cmd:"" default:"1" help:"Show every tenant."`
	Put  tenantPutCmd  `cmd:"" help:"Make a tenant, or change it."`
}

type tenantListCmd struct{ remote }

func (c *tenantListCmd) Run(e *env) error {
	var list learning.List[learning.Tenant]
	if err := c.do(e.ctx, "GET", "/api/v1/tenants", nil, nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		for _, t := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\n", t.Name, t.Title, t.Host)
		}
	})
	return nil
}

type tenantPutCmd struct {
	remote
	Name  string `arg:"" help:"The tenant's name, as it stands in addresses."`
	Title string `required:"" help:"What it is called."`
	Host  string `help:"Host name that belongs to it alone."`
	Open  bool   `help:"People may register themselves."`
}

func (c *tenantPutCmd) Run(e *env) error {
	r := c.remote
	r.Tenant = "" // the operator acts in the platform
	var t learning.Tenant
	if err := r.do(e.ctx, "PUT", "/api/v1/tenants/"+seg(c.Name), nil, map[string]any{"title": c.Title, "host": c.Host, "open": c.Open}, &t); err != nil {
		return err
	}
	e.show(t, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n\nNext: trellis -tenant %s ext list\n", t.Name, t.Title, t.Name)
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
	e.show(out, func(w io.Writer) { fmt.Fprintf(w, "%s\nIt is shown only now. Until %s.\n", out.Key, when(out.Expires)) })
	return nil
}

type tokenRevokeCmd struct {
	remote
	ID string `arg:"" help:"ID of the token."`
}

func (c *tokenRevokeCmd) Run(e *env) error {
	return c.do(e.ctx, "DELETE", "/api/v1/tokens/"+seg(c.ID), nil, nil, nil)
}

type abiCmd struct {
	Write string `help:"Directory to write ABI.md and schema.json into." type:"existingdir"`
}

func (c *abiCmd) Run(e *env) error {
	doc, schemas, err := app.Contract(e.ctx)
	if err != nil {
		return err
	}
	if c.Write == "" {
		if e.json {
			_, err = os.Stdout.Write(schemas)
		} else {
			_, err = os.Stdout.Write(doc)
		}
		return err
	}
	// What is there already must not break: overwritten, nothing would know of it.
	if old, err := os.ReadFile(filepath.Join(c.Write, "schema.json")); err == nil {
		if err := hostapi.Compatible(old, schemas); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(c.Write, "ABI.md"), doc, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.Write, "schema.json"), schemas, 0o644)
}

type doctorCmd struct{ remote }

// finding is something that the doctor looked at.
type finding struct {
	What  string `json:"what"`
	State string `json:"state"` // ok, absent, wrong
	Note  string `json:"note,omitempty"`
}

func (c *doctorCmd) Run(e *env) error {
	var all []finding
	add := func(what, state, note string) { all = append(all, finding{what, state, note}) }
	add("system", "ok", goruntime.GOOS+"/"+goruntime.GOARCH+", "+fmt.Sprint(goruntime.NumCPU())+" processors")
	if goruntime.GOOS != "linux" {
		add("limits of the compiling child", "absent", "memory and processor time are limited on Linux only; elsewhere a deadline holds")
	}
	for tool, why := range map[string]string{"go": "to build extensions in Go", "clang": "to build extensions in C: apt-get install clang lld"} {
		if path, err := exec.LookPath(tool); err == nil {
			add(tool, "ok", path)
		} else {
			add(tool, "absent", why)
		}
	}
	wrong := false
	switch err := c.do(e.ctx, "GET", "/readyz", nil, nil, nil); {
	case err == nil:
		add("server", "ok", c.URL)
		var me learning.Me
		if err := c.do(e.ctx, "GET", "/api/v1/me", nil, nil, &me); err != nil {
			add("token", "wrong", err.Error())
			wrong = c.Token != ""
		} else {
			add("token", "ok", me.Kind+" in "+me.Tenant)
		}
	default:
		add("server", "absent", err.Error())
	}
	e.show(all, func(w io.Writer) {
		for _, f := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", f.State, f.What, f.Note)
		}
	})
	if wrong {
		return trellis.Errorf(trellis.Denied, "the token does not open the server")
	}
	return nil
}
