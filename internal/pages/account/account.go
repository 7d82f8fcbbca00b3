// Package account is the pages of signing in and out, and of one's own account:
// password, sessions and tokens.
package account

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

//go:embed templates
var templates embed.FS

// Config is what the pages need.
type Config struct {
	Learning *learning.Learning // signs people in and out
	Logger   *slog.Logger
}

// Pages are the pages of signing in and of accounts.
type Pages struct {
	learning *learning.Learning
	log      *slog.Logger
}

var _ frame.Part = (*Pages)(nil)

// New returns the pages.
func New(cfg Config) *Pages { return &Pages{cfg.Learning, cfg.Logger} }

// Templates holds what the pages are shown by.
func (p *Pages) Templates() fs.FS { return templates }

// Pages returns the pages.
func (p *Pages) Pages() []frame.Page {
	return slices.Concat(p.signPages(), p.registerPages(), p.accountPages())
}

// accountPages are those of one's own account.
func (p *Pages) accountPages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/account", Name: "account", Summary: "Who one is here, and what one may do.", Platform: true, Handle: p.account},
		{Method: "POST", Path: "/account", Name: "account.act", Summary: "What extensions offer on the page of one's account.", Platform: true, Handle: p.account},
		{Method: "GET", Path: "/account/password", Name: "account.password", Summary: "Where one changes one's password.", Platform: true, Handle: p.password},
		{Method: "POST", Path: "/account/password", Name: "account.password.post", Summary: "Changes one's password, and ends the other sessions.", Platform: true, Limit: 16 << 10, Handle: p.changePassword},
		{Method: "POST", Path: "/account/sessions", Name: "account.sessions.end", Summary: "Signs out everywhere.", Platform: true, Handle: p.endSessions},
		{Method: "GET", Path: "/account/tokens", Name: "account.tokens", Summary: "One's own tokens.", Permission: "tokens:write", Platform: true, Handle: p.myTokens},
		{Method: "GET", Path: "/account/tokens/new", Name: "account.tokens.new", Summary: "Where one makes a token.", Permission: "tokens:write", Platform: true, Handle: p.newOwnToken},
		{Method: "POST", Path: "/account/tokens/new", Name: "account.tokens.new.post", Summary: "Makes a token and shows it, once.", Permission: "tokens:write", Platform: true, Handle: p.makeOwnToken},
		{Method: "GET", Path: "/account/tokens/:id/end", Name: "account.tokens.end", Summary: "What ending a token means.", Permission: "tokens:write", Platform: true, Handle: p.askEndOwnToken},
		{Method: "POST", Path: "/account/tokens/:id/end", Name: "account.tokens.end.post", Summary: "Ends a token.", Permission: "tokens:write", Platform: true, Handle: p.endOwnToken},
	}
}

// ownAccountPage is what the page of an account shows.
type ownAccountPage struct {
	Account *learning.Account // nil for those who look in from outside
	Roles   []roleLine
}

// roleLine is what one may be, in words: "You teach" and the course.
type roleLine struct{ Text, Title, Path, After string }

func (p *Pages) account(r *frame.Request) error {
	who, err := frame.Call[learning.Me](r, "users.me", struct{}{})
	if err != nil {
		return err
	}
	data := ownAccountPage{Account: who.User}
	for _, role := range who.Roles {
		if role.Name == trellis.RoleLearner && who.User == nil || role.Name == trellis.RoleLearner && r.Tenant() == trellis.PlatformTenant {
			continue // there is nothing to learn where she is
		}
		data.Roles = append(data.Roles, p.inWords(r, role))
	}
	return r.ShowSlots("account", "", []slots.Want{{Slot: "account.main.v1"}}, frame.View{
		Title: "Your account", Data: data, Code: []frame.Code{{CLI: "trellis whoami", HTTP: "GET /api/v1/me"}},
	})
}

// inWords says what a role means to the one who has it.
func (p *Pages) inWords(r *frame.Request, role trellis.Role) roleLine {
	where := roleLine{Title: role.Organisation, After: "."}
	switch {
	case role.Course != "":
		where.Title, where.Path = role.Course, "/courses/"+url.PathEscape(role.Course)
		if c, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: role.Course}); err == nil {
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

func (p *Pages) password(r *frame.Request) error { return showPassword(r, http.StatusOK, nil) }

func showPassword(r *frame.Request, status int, faults []frame.Fault) error {
	return r.ShowAs(status, "password", frame.View{
		Title: "Change your password", Width: "narrow", Crumbs: []frame.Link{{Text: "Your account", Path: "/account"}}, Faults: faults,
		Code: []frame.Code{{HTTP: "PUT /api/v1/me/password {\"current\": \"…\", \"password\": \"…\"}"}},
	})
}

func (p *Pages) changePassword(r *frame.Request) error {
	current, next := r.Value("current"), r.Value("password")
	_, err := frame.Call[learning.Done](r, "users.change_password", map[string]string{"current": current, "password": next})
	switch trellis.KindOf(err) {
	case "":
	case trellis.Denied:
		return showPassword(r, http.StatusForbidden, []frame.Fault{{Field: "current", Text: "This is not your present password."}})
	case trellis.Invalid:
		return showPassword(r, http.StatusBadRequest, []frame.Fault{{Field: "password", Text: frame.Sentence(err.Error())}})
	case trellis.Exhausted:
		r.Wait(trellis.RetryAfter(err))
		return showPassword(r, http.StatusTooManyRequests, []frame.Fault{{Text: "Too many tries have failed. " + frame.Soon(trellis.RetryAfter(err))}})
	case trellis.NotFound:
		return showPassword(r, http.StatusNotFound, []frame.Fault{{Text: "Your account is not this school's, so its password is not changed here."}})
	default:
		return err
	}
	// Every session has ended, this one too; here she goes on with a new one.
	who, err := frame.Call[learning.Me](r, "users.me", struct{}{})
	if err == nil && who.User != nil {
		token, err := p.learning.Login(r.Ctx, learning.Login{Username: who.User.Username, Password: learning.Secret(next), Address: r.Address()})
		if err == nil {
			p.end(r, r.SetSession(token.Key, token.Expires))
			return r.Done("/account", frame.Notice{State: "ok", Text: "Your password is changed. Wherever else you were signed in, you are signed out."})
		}
	}
	p.end(r, r.EndSession())
	return r.GoTo("/login?out=everywhere")
}

func (p *Pages) endSessions(r *frame.Request) error {
	if _, err := frame.Call[learning.Done](r, "users.end_sessions", struct{}{}); err != nil {
		return err
	}
	p.end(r, r.EndSession()) // that of somebody who looks in from outside is another tenant's
	return r.GoTo("/login?out=everywhere")
}

// own reports whether a token is one that its owner has made, and no session.
func own(t learning.Token) bool { return t.Person != "" && !strings.EqualFold(t.Name, "session") }
