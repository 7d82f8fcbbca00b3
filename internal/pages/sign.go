package pages

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/web"
)

// signPages are those of signing in and out.
func (p *Pages) signPages() []page {
	return []page{
		{method: "GET", path: "/", name: "home", summary: "Leads to what is next.", public: true, platform: true, handle: p.home},
		{method: "GET", path: "/login", name: "login", summary: "Where one signs in.", public: true, platform: true, handle: p.login},
		{method: "POST", path: "/login", name: "login.post", summary: "Signs somebody in.", public: true, platform: true, limit: 16 << 10, handle: p.signIn},
		{method: "POST", path: "/logout", name: "logout", summary: "Signs out.", public: true, platform: true, handle: p.signOut},
	}
}

func (p *Pages) home(r *request) error {
	if !signedIn(r.ctx) {
		return r.goTo("/login")
	}
	return r.goTo(r.start())
}

// start is where somebody begins who is signed in: those who run the tenant in the
// console, the others with their courses.
func (r *request) start() string {
	if can(r.ctx, "extensions:read", hostapi.Scope{}) {
		return "/console"
	}
	return "/courses"
}

// loginForm is what the page of signing in shows.
type loginForm struct{ Name, Next, School string }

func (p *Pages) login(r *request) error {
	q, err := r.query()
	if err != nil {
		return err
	}
	f := loginForm{Next: q.Get("next"), School: strings.ToLower(strings.TrimSpace(q.Get("school")))}
	if signedIn(r.ctx) {
		return r.goTo(cmp.Or(f.after(), r.start()))
	}
	if r.tenant() == "" {
		return p.chooseSchool(r, f, q)
	}
	return r.showLogin(http.StatusOK, f, nil, said(q, f.after()))
}

// chooseSchool is for those whose address names no tenant: they say which is theirs.
func (p *Pages) chooseSchool(r *request, f loginForm, q url.Values) error {
	v := view{Title: "Which school?", Bare: true, Width: "narrow", Data: f}
	if !q.Has("school") {
		return r.show("school", v)
	}
	known := false
	if trellis.ValidTenant(f.School) {
		var err error
		if known, err = p.cfg.Learning.TenantExists(r.ctx, f.School); err != nil {
			return err
		}
	}
	if known {
		return r.goTo("/t/" + f.School + "/login?next=" + url.QueryEscape(f.Next))
	}
	v.Faults = []fault{{"school", "There is no school of this name here. Look at the address that your school has given you: the name stands behind /t/."}}
	if f.School == "" {
		v.Faults = []fault{{"school", "Say which school is yours."}}
	}
	return r.showAs(http.StatusNotFound, "school", v)
}

// said is what the page of signing in has to say to somebody who was led there.
func said(q url.Values, after string) *notice {
	switch {
	case q.Get("out") == "everywhere":
		return &notice{State: "ok", Text: "You are signed out everywhere."}
	case q.Has("out"):
		return &notice{State: "ok", Text: "You are signed out."}
	case q.Has("lapsed"):
		return &notice{State: "warn", Text: "Your session has ended, so what you sent was not done. Sign in, and send it once more."}
	case after != "" && after != "/courses" && q.Has("next"):
		return &notice{State: "info", Text: "Sign in, and you come to the page that you asked for."}
	}
	return nil
}

// after is where somebody goes who has signed in, "" for where she begins.
func (f loginForm) after() string {
	if path, _, _ := strings.Cut(f.Next, "?"); !web.Local(f.Next) || path == "/login" || path == "/logout" || path == "/" {
		return ""
	}
	return f.Next
}

func (r *request) showLogin(status int, f loginForm, faults []fault, n *notice) error {
	return r.showSlotsAs(status, "login", "", []slots.Want{{Slot: "login.notice.v1"}}, view{
		Title: "Sign in", Bare: true, Width: "narrow", Data: f, Faults: faults, Notice: n,
		Code: []code{{"A token, for programs.", "trellis login -tenant " + r.tenant() + " NAME", "POST /api/v1/login {\"username\": \"…\", \"password\": \"…\"}"}},
	})
}

func (p *Pages) signIn(r *request) error {
	f := loginForm{Name: r.value("username"), Next: r.value("next")}
	if r.tenant() == "" {
		return r.goTo("/login")
	}
	if slots.Acts(r.form.Values) {
		return r.showLogin(http.StatusOK, f, nil, nil)
	}
	token, err := p.cfg.Learning.SignIn(r.ctx, learning.Login{Username: f.Name, Password: learning.Secret(r.value("password")), Address: r.address(), Known: r.known})
	var refusal *trellis.Refusal
	switch kind := trellis.KindOf(err); {
	case err == nil:
	case kind == trellis.Denied:
		return r.showLogin(http.StatusUnauthorized, f, []fault{{"username", "Name or password is wrong."}}, nil)
	case kind == trellis.Exhausted:
		wait := trellis.RetryAfter(err)
		r.wait(wait)
		return r.showLogin(http.StatusTooManyRequests, f, []fault{{"", "Too many tries have failed. " + soon(wait)}}, nil)
	case errors.As(err, &refusal), kind == trellis.Unavailable:
		n := r.refused("Not signed in", err, "", "")
		if n.To != "" {
			return r.done(n.To, notice{State: "warn", Text: n.Text})
		}
		if n.Trace != "" {
			n.Text += " Trace: " + n.Trace
		}
		return r.showLogin(n.Status, f, []fault{{"", n.Text}}, nil)
	default:
		return err
	}
	p.end(r, r.setSession(token.Key, token.Expires))
	r.setKnown(token.Tenant, learning.LoginName(f.Name))
	return r.goTo(cmp.Or(f.after(), "/")) // which knows who that is
}

func (p *Pages) signOut(r *request) error {
	p.end(r, r.endSession())
	return r.goTo("/login?out=here")
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
