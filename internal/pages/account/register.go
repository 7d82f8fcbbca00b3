package account

import (
	"errors"
	"net/http"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// registerPages are those where people make themselves accounts, in a tenant that is
// open. In any other they are not there.
func (p *Pages) registerPages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/register", Name: "register", Summary: "Where one makes oneself an account, in a tenant in which people may.", Public: true, Platform: true, Handle: p.register},
		{Method: "POST", Path: "/register", Name: "register.post", Summary: "Makes somebody an account, and signs her in.", Public: true, Platform: true, Limit: 16 << 10, Handle: p.signUp},
	}
}

// open reports whether people may register themselves in the tenant of the request.
func (p *Pages) open(r *frame.Request) (bool, error) {
	t, err := p.learning.Tenant(r.Ctx)
	if trellis.KindOf(err) == trellis.NotFound {
		return false, nil // the platform's own has no row
	}
	return t.Open, err
}

// registerForm is what the page of registering shows.
type registerForm struct{ Username, Name, Email string }

func (p *Pages) register(r *frame.Request) error {
	if err := p.mayRegister(r); err != nil {
		return err
	}
	if frame.SignedIn(r.Ctx) {
		return r.GoTo(start(r))
	}
	return showRegister(r, http.StatusOK, registerForm{}, nil)
}

func (p *Pages) mayRegister(r *frame.Request) error {
	open := false
	if r.Tenant() != "" {
		var err error
		if open, err = p.open(r); err != nil {
			return err
		}
	}
	if !open {
		return trellis.Errorf(trellis.NotFound, "nobody registers herself here: ask those who run it for an account")
	}
	return nil
}

func showRegister(r *frame.Request, status int, f registerForm, faults []frame.Fault) error {
	return r.ShowAs(status, "register", frame.View{
		Title: "Make yourself an account", Bare: true, Width: "narrow", Data: f, Faults: faults,
		Code: []frame.Code{{CLI: "trellis register -tenant " + r.Tenant() + " NAME", HTTP: "POST /api/v1/register {\"username\": \"…\", \"password\": \"…\"}"}},
	})
}

func (p *Pages) signUp(r *frame.Request) error {
	if err := p.mayRegister(r); err != nil {
		return err
	}
	if frame.SignedIn(r.Ctx) {
		return r.GoTo(start(r))
	}
	f := registerForm{Username: r.Value("username"), Name: r.Value("name"), Email: r.Value("email")}
	password := learning.Secret(r.Value("password"))
	_, err := p.learning.SignUp(r.Ctx, learning.SignUp{Username: f.Username, Name: f.Name, Email: f.Email, Password: password, Address: r.Address()})
	var refusal *trellis.Refusal
	switch kind := trellis.KindOf(err); {
	case err == nil:
	case kind == trellis.Conflict:
		return showRegister(r, http.StatusConflict, f, []frame.Fault{{Field: "username", Text: "Somebody has this name already. Choose another."}})
	case kind == trellis.Invalid:
		text := err.Error()
		return showRegister(r, http.StatusBadRequest, f, []frame.Fault{{Field: fieldOf(text), Text: strings.ToUpper(text[:1]) + text[1:] + "."}})
	case kind == trellis.Exhausted:
		wait := trellis.RetryAfter(err)
		r.Wait(wait)
		return showRegister(r, http.StatusTooManyRequests, f, []frame.Fault{{Text: "Many have registered from where you are, or tried to. " + frame.Soon(wait)}})
	case errors.As(err, &refusal), kind == trellis.Unavailable:
		n := r.Refused("No account was made", err, "", "")
		if n.Trace != "" {
			n.Text += " Trace: " + n.Trace
		}
		return showRegister(r, n.Status, f, []frame.Fault{{Text: n.Text}})
	default:
		return err
	}
	token, err := p.learning.Login(r.Ctx, learning.Login{Username: f.Username, Password: password, Address: r.Address()})
	if err != nil { // a policy may keep her out until somebody has looked
		return r.Done("/login", frame.Notice{State: "ok", Text: "Your account is made. Sign in."})
	}
	p.end(r, r.SetSession(token.Key, token.Expires))
	r.SetKnown(token.Tenant, learning.LoginName(f.Username))
	return r.GoTo("/courses")
}

// fieldOf says which field a fault is about, by how it begins.
func fieldOf(fault string) string {
	for prefix, field := range map[string]string{"the username": "username", "the name": "name", "the email": "email", "a password": "password"} {
		if strings.HasPrefix(fault, prefix) {
			return field
		}
	}
	return ""
}
