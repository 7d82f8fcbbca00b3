package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

// tokenLine is a token with what it may do, in words.
type tokenLine struct {
	learning.Token
	May []string // nil for all that its owner may do
}

// ownTokensPage is what the list of one's tokens shows.
type ownTokensPage struct {
	Tokens []tokenLine
	More   string
	Later  bool
}

func (p *Pages) myTokens(r *request) error {
	q, err := r.query()
	if err != nil {
		return err
	}
	list, err := p.ownTokens(r, q.Get("after"))
	if err != nil {
		return err
	}
	data := ownTokensPage{More: next("", "after", list.Next), Later: q.Has("after")}
	for _, t := range list.Items {
		if own(t) {
			data.Tokens = append(data.Tokens, tokenLine{t, inSentences(t.Scopes)})
		}
	}
	return r.show("tokens", view{
		Title: "Your tokens", Lead: "A token lets a program act for you, without your password.", Crumbs: []link{{"Your account", "/account"}}, Data: data,
		Code: []code{{"", "trellis token list\ntrellis token create NAME\ntrellis token revoke ID", "GET /api/v1/tokens\nPOST /api/v1/tokens {\"name\": \"…\"}\nDELETE /api/v1/tokens/ID"}},
	})
}

func (p *Pages) ownTokens(r *request, after string) (learning.List[learning.Token], error) {
	return call[learning.List[learning.Token]](r, "tokens.list", map[string]any{"person": trellis.ActorFrom(r.ctx).ID, "after": after, "limit": 200})
}

// inSentences says what the scopes of a token allow.
func inSentences(scopes []string) (may []string) {
	if slices.Contains(scopes, "*") {
		return nil
	}
	for _, s := range scopes {
		if noun, all := strings.CutSuffix(s, "*"); all {
			for _, p := range hostapi.Permissions() {
				if strings.HasPrefix(p.Name, noun) && p.Name != noun {
					may = append(may, p.Sentence)
				}
			}
		} else if text, err := hostapi.Sentence(s); err == nil {
			may = append(may, text)
		}
	}
	return may
}

// right is something that a token may be narrowed to.
type right struct {
	Name, Sentence string
	Chosen         bool
}

// tokenForm is the form of a new token.
type tokenForm struct {
	ID     string // of the token to be: sent twice, the form makes one
	Name   string
	Days   string
	Only   bool // whether it is narrowed
	Rights []right
	Terms  []string // days that can be chosen
}

func (p *Pages) newOwnToken(r *request) error {
	return r.showTokenForm(http.StatusOK, tokenForm{ID: trellis.NewID(), Days: "90"}, nil, nil)
}

func (r *request) showTokenForm(status int, f tokenForm, chosen []string, faults []fault) error {
	f.Terms = []string{"7", "30", "90", "366"}
	for _, p := range hostapi.Permissions() {
		if anywhere(r.ctx, p.Name) {
			f.Rights = append(f.Rights, right{p.Name, p.Sentence, slices.Contains(chosen, p.Name)})
		}
	}
	return r.showAs(status, "tokennew", view{Title: "Make a token", Crumbs: []link{{"Your account", "/account"}, {"Your tokens", "/account/tokens"}}, Data: f, Faults: faults})
}

func (p *Pages) makeOwnToken(r *request) error {
	f := tokenForm{ID: r.value("id"), Name: strings.TrimSpace(r.value("name")), Days: r.value("days"), Only: r.value("rights") == "only"}
	chosen := r.form.Values["scope"]
	var faults []fault
	if f.Name == "" || len(f.Name) > 100 || strings.EqualFold(f.Name, "session") {
		faults = append(faults, fault{"name", "Name must say what the token is for, in 1 to 100 characters."})
	}
	days, err := strconv.Atoi(f.Days)
	if err != nil || days < 1 || days > 366 {
		faults = append(faults, fault{"days", "It must last 1 to 366 days."})
	}
	in := map[string]any{"name": f.Name, "days": days}
	if f.Only {
		if in["scopes"] = chosen; len(chosen) == 0 {
			faults = append(faults, fault{"rights", "Choose what it may do, or let it do all that you may do."})
		}
	}
	if faults != nil {
		return r.showTokenForm(http.StatusBadRequest, f, chosen, faults)
	}
	ctx := trellis.WithIDs(r.ctx, "token form", trellis.ActorFrom(r.ctx).String(), f.ID)
	made, err := call[learning.NewToken](r.with(ctx), "tokens.create", in)
	switch kind := trellis.KindOf(err); kind {
	case "":
	case trellis.Conflict:
		return r.done("/account/tokens", notice{State: "warn", Text: "This token was made already, and was shown then. It is in the list; if you have not copied it, end it and make another."})
	case trellis.Invalid, trellis.Denied, trellis.NotFound:
		f.ID = trellis.NewID()
		return r.showTokenForm(http.StatusBadRequest, f, chosen, []fault{{"", "No token was made. " + sentence(err.Error())}})
	default:
		return err
	}
	return r.show("tokenmade", view{
		Title: "Your new token", Crumbs: []link{{"Your account", "/account"}, {"Your tokens", "/account/tokens"}}, Data: made,
		Notice: &notice{State: "ok", Text: "Copy it now; it is shown once."},
		Code:   []code{{"To use it.", "export TRELLIS_TOKEN=…", "Authorization: Bearer …"}},
	})
}

// ownToken returns the token of the path, if it is one of her own.
func (p *Pages) ownToken(r *request) (learning.Token, error) {
	id, err := r.param("id")
	if err != nil {
		return learning.Token{}, err
	}
	for after := ""; ; {
		list, err := p.ownTokens(r, after)
		if err != nil {
			return learning.Token{}, err
		}
		for _, t := range list.Items {
			if t.ID == id && own(t) {
				return t, nil
			}
		}
		if after = list.Next; after == "" {
			return learning.Token{}, trellis.Errorf(trellis.NotFound, "you have no such token")
		}
	}
}

func (p *Pages) askEndOwnToken(r *request) error {
	t, err := p.ownToken(r)
	if err != nil {
		return err
	}
	return r.show("tokenend", view{
		Title: "End this token?", Width: "narrow", Crumbs: []link{{"Your account", "/account"}, {"Your tokens", "/account/tokens"}}, Data: tokenLine{t, inSentences(t.Scopes)},
		Code: []code{{"", "trellis token revoke " + shell(t.ID), "DELETE /api/v1/tokens/" + url.PathEscape(t.ID)}},
	})
}

func (p *Pages) endOwnToken(r *request) error {
	t, err := p.ownToken(r)
	if err != nil {
		return err
	}
	if _, err := call[learning.Done](r, "tokens.revoke", learning.ByID{ID: t.ID}); err != nil {
		return err
	}
	return r.done("/account/tokens", notice{State: "ok", Text: "The token " + isolated(t.Name) + " has ended. Programs that use it are let in no more."})
}
