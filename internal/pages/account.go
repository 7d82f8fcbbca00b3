package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/learning"
)

// accountPages are those of one's own account.
func (p *Pages) accountPages() []page {
	return []page{
		{method: "GET", path: "/account", name: "account", summary: "Who one is here, and what one may do.", platform: true, handle: p.account},
		{method: "POST", path: "/account", name: "account.act", summary: "What extensions offer on the page of one's account.", platform: true, handle: p.account},
		{method: "GET", path: "/account/password", name: "account.password", summary: "Where one changes one's password.", platform: true, handle: p.password},
		{method: "POST", path: "/account/password", name: "account.password.post", summary: "Changes one's password, and ends the other sessions.", platform: true, limit: 16 << 10, handle: p.changePassword},
		{method: "POST", path: "/account/sessions", name: "account.sessions.end", summary: "Signs out everywhere.", platform: true, handle: p.endSessions},
		{method: "GET", path: "/account/tokens", name: "account.tokens", summary: "One's own tokens.", permission: "tokens:write", platform: true, handle: p.myTokens},
		{method: "GET", path: "/account/tokens/new", name: "account.tokens.new", summary: "Where one makes a token.", permission: "tokens:write", platform: true, handle: p.newOwnToken},
		{method: "POST", path: "/account/tokens/new", name: "account.tokens.new.post", summary: "Makes a token and shows it, once.", permission: "tokens:write", platform: true, handle: p.makeOwnToken},
		{method: "GET", path: "/account/tokens/:id/end", name: "account.tokens.end", summary: "What ending a token means.", permission: "tokens:write", platform: true, handle: p.askEndOwnToken},
		{method: "POST", path: "/account/tokens/:id/end", name: "account.tokens.end.post", summary: "Ends a token.", permission: "tokens:write", platform: true, handle: p.endOwnToken},
	}
}

// ownAccountPage is what the page of an account shows.
type ownAccountPage struct {
	Account *learning.Account // nil for those who look in from outside
	Roles   []roleLine
}

// roleLine is what one may be, in words: "You teach" and the course.
type roleLine struct{ Text, Title, Path, After string }

func (p *Pages) account(r *request) error {
	who, err := call[learning.Me](r, "users.me", struct{}{})
	if err != nil {
		return err
	}
	data := ownAccountPage{Account: who.User}
	for _, role := range who.Roles {
		if role.Name == trellis.RoleLearner && who.User == nil || role.Name == trellis.RoleLearner && r.tenant() == trellis.PlatformTenant {
			continue // there is nothing to learn where she is
		}
		data.Roles = append(data.Roles, p.inWords(r, role))
	}
	return r.showSlots("account", "", []slots.Want{{Slot: "account.main.v1"}}, view{
		Title: "Your account", Data: data, Code: []code{{"", "trellis whoami", "GET /api/v1/me"}},
	})
}

// inWords says what a role means to the one who has it.
func (p *Pages) inWords(r *request, role trellis.Role) roleLine {
	where := roleLine{Title: role.Organisation, After: "."}
	switch {
	case role.Course != "":
		where.Title, where.Path = role.Course, "/courses/"+url.PathEscape(role.Course)
		if c, err := call[learning.Course](r, "courses.get", learning.ByCourse{Course: role.Course}); err == nil {
			where.Title = c.Title
		}
	case role.Organisation != "":
		where.After = " and its courses."
	}
	switch role.Name {
	case trellis.RoleOperator:
		where.Text, where.After = "You run the whole platform, with every school on it", "."
	case trellis.RoleTenantAdmin:
		where.Text = "You run "
		if where.Title == "" {
			where.Text = "You run this school: its people, its courses, its extensions"
		}
	case trellis.RoleStaff:
		where.Text = "You teach "
		if where.Title == "" {
			where.Text = "You teach every course"
		} else if role.Course == "" {
			where.Text, where.After = "You teach the courses of ", "."
		}
	default:
		where.Text, where.After = "You learn: you join courses, and see what is yours", "."
	}
	return where
}

func (p *Pages) password(r *request) error { return r.showPassword(http.StatusOK, nil) }

func (r *request) showPassword(status int, faults []fault) error {
	return r.showAs(status, "password", view{
		Title: "Change your password", Width: "narrow", Crumbs: []link{{"Your account", "/account"}}, Faults: faults,
		Code: []code{{"", "", "PUT /api/v1/me/password {\"current\": \"…\", \"password\": \"…\"}"}},
	})
}

func (p *Pages) changePassword(r *request) error {
	current, next := r.value("current"), r.value("password")
	_, err := call[learning.Done](r, "users.change_password", map[string]string{"current": current, "password": next})
	switch trellis.KindOf(err) {
	case "":
	case trellis.Denied:
		return r.showPassword(http.StatusForbidden, []fault{{"current", "This is not your present password."}})
	case trellis.Invalid:
		return r.showPassword(http.StatusBadRequest, []fault{{"password", sentence(err.Error())}})
	case trellis.Exhausted:
		r.wait(trellis.RetryAfter(err))
		return r.showPassword(http.StatusTooManyRequests, []fault{{"", "Too many tries have failed. " + soon(trellis.RetryAfter(err))}})
	case trellis.NotFound:
		return r.showPassword(http.StatusNotFound, []fault{{"", "Your account is not this school's, so its password is not changed here."}})
	default:
		return err
	}
	// Every session has ended, this one too; here she goes on with a new one.
	who, err := call[learning.Me](r, "users.me", struct{}{})
	if err == nil && who.User != nil {
		token, err := p.cfg.Learning.Login(r.ctx, learning.Login{Username: who.User.Username, Password: learning.Secret(next), Address: r.address()})
		if err == nil {
			p.end(r, r.setSession(token.Key, token.Expires))
			return r.done("/account", notice{State: "ok", Text: "Your password is changed. Wherever else you were signed in, you are signed out."})
		}
	}
	p.end(r, r.endSession())
	return r.goTo("/login?out=everywhere")
}

func (p *Pages) endSessions(r *request) error {
	if _, err := call[learning.Done](r, "users.end_sessions", struct{}{}); err != nil {
		return err
	}
	p.end(r, r.endSession()) // that of somebody who looks in from outside is another tenant's
	return r.goTo("/login?out=everywhere")
}

// own reports whether a token is one that its owner has made, and no session.
func own(t learning.Token) bool { return t.Person != "" && !strings.EqualFold(t.Name, "session") }
