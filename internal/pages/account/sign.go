package account

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
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/web"
)

// signPages are those of signing in and out.
func (p *Pages) signPages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/", Name: "home", Summary: "Leads to what is next.", Public: true, Platform: true, Handle: p.home},
		{Method: "GET", Path: "/login", Name: "login", Summary: "Where one signs in.", Public: true, Platform: true, Handle: p.login},
		{Method: "POST", Path: "/login", Name: "login.post", Summary: "Signs somebody in.", Public: true, Platform: true, Limit: 16 << 10, Handle: p.signIn},
		{Method: "POST", Path: "/logout", Name: "logout", Summary: "Signs out.", Public: true, Platform: true, Handle: p.signOut},
	}
}

func (p *Pages) home(r *frame.Request) error {
	if !frame.SignedIn(r.Ctx) {
		return r.GoTo("/login")
	}
	return r.GoTo(start(r))
}

// start is where somebody begins who is signed in: those who run the tenant in the
// console, the others with their courses.
func start(r *frame.Request) string {
	if frame.Can(r.Ctx, "extensions:read", hostapi.Scope{}) {
		return "/console"
	}
	return "/courses"
}

// loginForm is what the page of signing in shows.
type loginForm struct {
	Name, Next, School string
	Open               bool // whether people may register themselves
}

func (p *Pages) login(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	f := loginForm{Next: q.Get("next"), School: strings.ToLower(strings.TrimSpace(q.Get("school")))}
	if frame.SignedIn(r.Ctx) {
		return r.GoTo(cmp.Or(f.after(), start(r)))
	}
	if r.Tenant() == "" {
		return p.chooseSchool(r, f, q)
	}
	if f.Open, err = p.open(r); err != nil {
		return err
	}
	return showLogin(r, http.StatusOK, f, nil, said(q, f.after()))
}

// chooseSchool is for those whose address names no tenant: they say which is theirs.
func (p *Pages) chooseSchool(r *frame.Request, f loginForm, q url.Values) error {
	v := frame.View{Title: "Which school?", Bare: true, Width: "narrow", Data: f}
	if !q.Has("school") {
		return r.Show("school", v)
	}
	known := false
	if trellis.ValidTenant(f.School) {
		var err error
		if known, err = p.learning.TenantExists(r.Ctx, f.School); err != nil {
			return err
		}
	}
	if known {
		return r.GoTo("/t/" + f.School + "/login?next=" + url.QueryEscape(f.Next))
	}
	v.Faults = []frame.Fault{{Field: "school", Text: "There is no school of this name here. Look at the address that your school has given you: the name stands behind /t/."}}
	if f.School == "" {
		v.Faults = []frame.Fault{{Field: "school", Text: "Say which school is yours."}}
	}
	return r.ShowAs(http.StatusNotFound, "school", v)
}

// said is what the page of signing in has to say to somebody who was led there.
func said(q url.Values, after string) *frame.Notice {
	switch {
	case q.Get("out") == "everywhere":
		return &frame.Notice{State: "ok", Text: "You are signed out everywhere."}
	case q.Has("out"):
		return &frame.Notice{State: "ok", Text: "You are signed out."}
	case q.Has("lapsed"):
		return &frame.Notice{State: "warn", Text: "Your session has ended, so what you sent was not done. Sign in, and send it once more."}
	case after != "" && after != "/courses" && q.Has("next"):
		return &frame.Notice{State: "info", Text: "Sign in, and you come to the page that you asked for."}
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

func showLogin(r *frame.Request, status int, f loginForm, faults []frame.Fault, n *frame.Notice) error {
	return r.ShowSlotsAs(status, "login", "", []slots.Want{{Slot: "login.notice.v1"}}, frame.View{
		Title: "Sign in", Bare: true, Width: "narrow", Data: f, Faults: faults, Notice: n,
		Code: []frame.Code{{What: "A token, for programs.", CLI: "trellis login -tenant " + r.Tenant() + " NAME", HTTP: "POST /api/v1/login {\"username\": \"…\", \"password\": \"…\"}"}},
	})
}

func (p *Pages) signIn(r *frame.Request) error {
	f := loginForm{Name: r.Value("username"), Next: r.Value("next")}
	if r.Tenant() == "" {
		return r.GoTo("/login")
	}
	var err error
	if f.Open, err = p.open(r); err != nil {
		return err
	}
	if slots.Acts(r.Form.Values) {
		return showLogin(r, http.StatusOK, f, nil, nil)
	}
	token, err := p.learning.SignIn(r.Ctx, learning.Login{Username: f.Name, Password: learning.Secret(r.Value("password")), Address: r.Address(), Known: r.Known})
	var refusal *trellis.Refusal
	switch kind := trellis.KindOf(err); {
	case err == nil:
	case kind == trellis.Denied:
		return showLogin(r, http.StatusUnauthorized, f, []frame.Fault{{Field: "username", Text: "Name or password is wrong."}}, nil)
	case kind == trellis.Exhausted:
		wait := trellis.RetryAfter(err)
		r.Wait(wait)
		return showLogin(r, http.StatusTooManyRequests, f, []frame.Fault{{Text: "Too many tries have failed. " + frame.Soon(wait)}}, nil)
	case errors.As(err, &refusal), kind == trellis.Unavailable:
		n := r.Refused("Not signed in", err, "", "")
		if n.To != "" {
			return r.Done(n.To, frame.Notice{State: "warn", Text: n.Text})
		}
		if n.Trace != "" {
			n.Text += " Trace: " + n.Trace
		}
		return showLogin(r, n.Status, f, []frame.Fault{{Text: n.Text}}, nil)
	default:
		return err
	}
	p.end(r, r.SetSession(token.Key, token.Expires))
	r.SetKnown(token.Tenant, learning.LoginName(f.Name))
	return r.GoTo(cmp.Or(f.after(), "/")) // which knows who that is
}

func (p *Pages) signOut(r *frame.Request) error {
	p.end(r, r.EndSession())
	return r.GoTo("/login?out=here")
}

// end ends a session for good, if there is one. One that cannot be ended runs out
// by itself.
func (p *Pages) end(r *frame.Request, token string) {
	if token == "" {
		return
	}
	if err := p.learning.Logout(r.Ctx, token); err != nil {
		p.log.Warn("session not ended", "err", err)
	}
}
