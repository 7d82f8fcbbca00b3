package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/web"
)

// signPages are those of signing in and out.
func signPages() []page {
	return []page{
		{method: "GET", path: "/", name: "home", summary: "Leads to what is next.", public: true, platform: true, handle: (*Pages).home},
		{method: "GET", path: "/login", name: "login", summary: "Where one signs in.", public: true, platform: true, handle: (*Pages).login},
		{method: "POST", path: "/login", name: "login.post", summary: "Signs somebody in.", public: true, platform: true, limit: 16 << 10, handle: (*Pages).signIn},
		{method: "POST", path: "/logout", name: "logout", summary: "Signs out.", public: true, platform: true, handle: (*Pages).signOut},
	}
}

func (p *Pages) home(r *request) error {
	if !signedIn(r.ctx) {
		return r.goTo("/login")
	}
	return r.goTo("/courses")
}

// loginForm is what the page of signing in shows.
type loginForm struct{ Name, Next, School string }

func (p *Pages) login(r *request) error {
	q, err := r.query()
	if err != nil {
		return err
	}
	f := loginForm{Next: q.Get("next")}
	if signedIn(r.ctx) {
		return r.goTo(f.after())
	}
	if name := q.Get("school"); name != "" && r.tenant() == "" && trellis.ValidTenant(name) {
		return r.goTo("/t/" + name + "/login?next=" + url.QueryEscape(f.Next))
	}
	return r.showLogin(http.StatusOK, f, nil)
}

// after is where somebody goes who has signed in.
func (f loginForm) after() string {
	if !web.Local(f.Next) || strings.HasPrefix(f.Next, "/login") {
		return "/courses"
	}
	return f.Next
}

func (r *request) showLogin(status int, f loginForm, faults []fault) error {
	return r.showAs(status, "login", view{Title: "Sign in", Bare: true, Width: "narrow", Data: f, Faults: faults})
}

func (p *Pages) signIn(r *request) error {
	f := loginForm{Name: r.value("username"), Next: r.value("next")}
	if r.tenant() == "" {
		return r.goTo("/login")
	}
	token, err := p.cfg.Learning.SignIn(r.ctx, learning.Login{Username: f.Name, Password: learning.Secret(r.value("password")), Address: r.address()})
	switch trellis.KindOf(err) {
	case "":
	case trellis.Denied:
		return r.showLogin(http.StatusUnauthorized, f, []fault{{"username", "Name or password is wrong."}})
	default:
		return err
	}
	p.end(r, web.SetSession(r.c, token.Key, token.Expires))
	return r.goTo(f.after())
}

func (p *Pages) signOut(r *request) error {
	p.end(r, web.EndSession(r.c))
	return r.goTo("/login")
}

// end ends a session for good, if there is one. One that cannot be ended runs out
// by itself.
func (p *Pages) end(r *request, token string) {
	if token == "" {
		return
	}
	if err := p.cfg.Learning.Logout(r.ctx, token); err != nil {
		p.log.Warn("session not ended", "err", err)
	}
}
