package account

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
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

func (p *Pages) myTokens(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	list, err := p.ownTokens(r, q.Get("after"))
	if err != nil {
		return err
	}
	data := ownTokensPage{More: frame.Next("", "after", list.Next), Later: q.Has("after")}
	for _, t := range list.Items {
		if own(t) {
			data.Tokens = append(data.Tokens, tokenLine{t, inSentences(t.Scopes)})
		}
	}
	return r.Show("tokens", frame.View{
		Title: "Your tokens", Lead: "A token lets a program act for you, without your password.", Crumbs: []frame.Link{{Text: "Your account", Path: "/account"}}, Data: data,
		Code: []frame.Code{{CLI: "trellis token list\ntrellis token create NAME\ntrellis token revoke ID", HTTP: "GET /api/v1/tokens\nPOST /api/v1/tokens {\"name\": \"…\"}\nDELETE /api/v1/tokens/ID"}},
	})
}

func (p *Pages) ownTokens(r *frame.Request, after string) (learning.List[learning.Token], error) {
	return frame.Call[learning.List[learning.Token]](r, "tokens.list", map[string]any{"person": trellis.ActorFrom(r.Ctx).ID, "after": after, "limit": 200})
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

func (p *Pages) newOwnToken(r *frame.Request) error {
	return showTokenForm(r, http.StatusOK, tokenForm{ID: trellis.NewID(), Days: "90"}, nil, nil)
}

func showTokenForm(r *frame.Request, status int, f tokenForm, chosen []string, faults []frame.Fault) error {
	f.Terms = []string{"7", "30", "90", "366"}
	for _, p := range hostapi.Permissions() {
		if frame.Anywhere(r.Ctx, p.Name) {
			f.Rights = append(f.Rights, right{p.Name, p.Sentence, slices.Contains(chosen, p.Name)})
		}
	}
	return r.ShowAs(status, "tokennew", frame.View{Title: "Make a token", Crumbs: []frame.Link{{Text: "Your account", Path: "/account"}, {Text: "Your tokens", Path: "/account/tokens"}}, Data: f, Faults: faults})
}

func (p *Pages) makeOwnToken(r *frame.Request) error {
	f := tokenForm{ID: r.Value("id"), Name: strings.TrimSpace(r.Value("name")), Days: r.Value("days"), Only: r.Value("rights") == "only"}
	chosen := r.Form.Values["scope"]
	var faults []frame.Fault
	if f.Name == "" || len(f.Name) > 100 || strings.EqualFold(f.Name, "session") {
		faults = append(faults, frame.Fault{Field: "name", Text: "Name must say what the token is for, in 1 to 100 characters."})
	}
	days, err := strconv.Atoi(f.Days)
	if err != nil || days < 1 || days > 366 {
		faults = append(faults, frame.Fault{Field: "days", Text: "It must last 1 to 366 days."})
	}
	in := map[string]any{"name": f.Name, "days": days}
	if f.Only {
		if in["scopes"] = chosen; len(chosen) == 0 {
			faults = append(faults, frame.Fault{Field: "rights", Text: "Choose what it may do, or let it do all that you may do."})
		}
	}
	if faults != nil {
		return showTokenForm(r, http.StatusBadRequest, f, chosen, faults)
	}
	ctx := trellis.WithIDs(r.Ctx, "token form", trellis.ActorFrom(r.Ctx).String(), f.ID)
	made, err := frame.Call[learning.NewToken](r.With(ctx), "tokens.create", in)
	switch kind := trellis.KindOf(err); kind {
	case "":
	case trellis.Conflict:
		return r.Done("/account/tokens", frame.Notice{State: "warn", Text: "This token was made already, and was shown then. It is in the list; if you have not copied it, end it and make another."})
	case trellis.Invalid, trellis.Denied, trellis.NotFound:
		f.ID = trellis.NewID()
		return showTokenForm(r, http.StatusBadRequest, f, chosen, []frame.Fault{{Text: "No token was made. " + frame.Sentence(err.Error())}})
	default:
		return err
	}
	return r.Show("tokenmade", frame.View{
		Title: "Your new token", Crumbs: []frame.Link{{Text: "Your account", Path: "/account"}, {Text: "Your tokens", Path: "/account/tokens"}}, Data: made,
		Notice: &frame.Notice{State: "ok", Text: "Copy it now; it is shown once."},
		Code:   []frame.Code{{What: "To use it.", CLI: "export TRELLIS_TOKEN=…", HTTP: "Authorization: Bearer …"}},
	})
}

// ownToken returns the token of the path, if it is one of her own.
func (p *Pages) ownToken(r *frame.Request) (learning.Token, error) {
	id, err := r.Param("id")
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

func (p *Pages) askEndOwnToken(r *frame.Request) error {
	t, err := p.ownToken(r)
	if err != nil {
		return err
	}
	return r.Show("tokenend", frame.View{
		Title: "End this token?", Width: "narrow", Crumbs: []frame.Link{{Text: "Your account", Path: "/account"}, {Text: "Your tokens", Path: "/account/tokens"}}, Data: tokenLine{t, inSentences(t.Scopes)},
		Code: []frame.Code{{CLI: "trellis token revoke " + frame.Shell(t.ID), HTTP: "DELETE /api/v1/tokens/" + url.PathEscape(t.ID)}},
	})
}

func (p *Pages) endOwnToken(r *frame.Request) error {
	t, err := p.ownToken(r)
	if err != nil {
		return err
	}
	if _, err := frame.Call[learning.Done](r, "tokens.revoke", learning.ByID{ID: t.ID}); err != nil {
		return err
	}
	return r.Done("/account/tokens", frame.Notice{State: "ok", Text: "The token " + frame.Isolated(t.Name) + " has ended. Programs that use it are let in no more."})
}
