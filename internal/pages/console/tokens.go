package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) tokenPages() []frame.Page {
	write := "tokens:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/tokens", Name: "console.tokens", Summary: "The tokens of the tenant: whose they are, what they allow, when they were used.", Permission: write, Platform: true, Handle: behind(write, p.allTokens)},
		{Method: "GET", Path: "/console/tokens/new", Name: "console.tokens.new", Summary: "Where one makes a token.", Permission: write, Platform: true, Handle: behind(write, p.newConsoleToken)},
		{Method: "POST", Path: "/console/tokens/new", Name: "console.tokens.new.post", Summary: "Makes a token and shows it, once.", Permission: write, Platform: true, Handle: behind(write, p.makeConsoleToken)},
		{Method: "GET", Path: "/console/tokens/:id/end", Name: "console.tokens.end", Summary: "Says what ending a token means.", Permission: write, Platform: true, Handle: behind(write, p.endTokenPage)},
		{Method: "POST", Path: "/console/tokens/:id/end", Name: "console.tokens.end.post", Summary: "Ends a token.", Permission: write, Platform: true, Handle: behind(write, p.endConsoleToken)},
	}
}

// tokenRow is a token in words.
type tokenRow struct {
	learning.Token
	Whose   who
	Session bool
	Rights  []string
	Soon    bool // it ends within a week
}

type allTokensPage struct {
	bar
	Rows       []tokenRow
	Kinds      []pickable
	Next, Back string
}

func (p *Pages) allTokens(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	d := allTokensPage{bar: navigate(r, "/console/tokens"), Kinds: options(q.Get("kind"), "", "Without sessions", "service", "Of services", "person", "Of people", "session", "Sessions")}
	n := p.names(r)
	after := q.Get("after")
	for len(d.Rows) < 50 { // sessions may be many, and are passed by
		list, err := frame.Call[learning.List[learning.Token]](r, "tokens.list", learning.Page{After: after, Limit: 200})
		if err != nil {
			return err
		}
		for _, t := range list.Items {
			if row := tokenOf(t, n); row.fits(q.Get("kind")) {
				row.Whose = n.of(t.Person)
				d.Rows = append(d.Rows, row)
			}
		}
		if after = list.Next; after == "" {
			break
		}
	}
	if after != "" {
		d.Next = with("/console/tokens", q, "after", after)
	}
	if q.Get("after") != "" {
		d.Back = with("/console/tokens", q, "after", "")
	}
	v := viewOf("Tokens", frame.Link{Text: "People", Path: "/console/people"})
	v.Lead, v.Data = "Keys by which programs act for people, or for themselves. A token itself is shown once, when it is made.", d
	v.Code = []frame.Code{{CLI: "trellis token list", HTTP: "GET /api/v1/tokens"}, {What: "Make one", CLI: "trellis token create NAME", HTTP: "POST /api/v1/tokens"}}
	return r.Show("tokens", v)
}

func tokenOf(t learning.Token, _ *names) tokenRow {
	row := tokenRow{Token: t, Session: t.Name == "session" && t.Person != "", Soon: time.Until(t.Expires) < 7*24*time.Hour}
	for _, role := range t.Roles {
		row.Rights = append(row.Rights, roleWords(role.Name, role.Organisation, role.Course))
	}
	if t.Person != "" && t.Scopes == nil {
		row.Rights = append(row.Rights, "All that the person may do")
	}
	for _, s := range t.Scopes {
		row.Rights = append(row.Rights, scopeWords(s))
	}
	return row
}

// scopeWords says what a scope allows.
func scopeWords(scope string) string {
	if text, err := hostapi.Sentence(scope); err == nil {
		return text
	}
	if scope == "*" {
		return "Everything that its roles allow"
	}
	return "All about " + strings.TrimSuffix(scope, ":*")
}

func (row tokenRow) fits(kind string) bool {
	switch kind {
	case "session":
		return row.Session
	case "service":
		return row.Person == ""
	case "person":
		return row.Person != "" && !row.Session
	}
	return !row.Session
}

// newTokenPage is the form of a new token, or shows the one that was made.
type newTokenPage struct {
	bar
	Name   string
	Kinds  []pickable
	Course string
	Days   []pickable
	Scopes []pickable
	Faults map[string]string
	Made   *learning.NewToken
	Row    tokenRow
}

func (p *Pages) newConsoleToken(r *frame.Request) error {
	return showNewToken(r, http.StatusOK, nil, nil)
}

func showNewToken(r *frame.Request, status int, made *learning.NewToken, faults []frame.Fault) error {
	d := newTokenPage{bar: navigate(r, "/console/tokens"), Name: r.Value("name"), Course: r.Value("course"), Made: made, Faults: map[string]string{}}
	kinds := []string{"me", "Yours: it acts as you", trellis.RoleTenantAdmin, "A service that administers the school", trellis.RoleStaff, "A service that teaches, in one course or all"}
	if r.Tenant() == trellis.PlatformTenant {
		kinds = []string{"me", "Yours: it acts as you", trellis.RoleOperator, "A service that runs the platform"}
	}
	d.Kinds = options(or2(r.Value("kind"), "me"), kinds...)
	d.Days = options(or2(r.Value("days"), "90"), "7", "A week", "30", "30 days", "90", "90 days", "366", "A year")
	var chosen []string
	if r.Form != nil {
		chosen = r.Form.Values["scope"]
	}
	for _, x := range hostapi.Permissions() {
		if !strings.HasSuffix(x.Name, ":") && frame.Can(r.Ctx, x.Name, hostapi.Scope{}) {
			d.Scopes = append(d.Scopes, pickable{x.Name, x.Sentence, slices.Contains(chosen, x.Name)})
		}
	}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	v := viewOf("Make a token", frame.Link{Text: "Tokens", Path: "/console/tokens"})
	if made != nil {
		v.Title = "Copy the token now"
		d.Row = tokenOf(made.Token, nil)
	}
	v.Width, v.Data, v.Faults = "narrow", d, faults
	v.Code = []frame.Code{{CLI: "trellis token create NAME", HTTP: "POST /api/v1/tokens"}}
	return r.ShowAs(status, "token_new", v)
}

func or2(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (p *Pages) makeConsoleToken(r *frame.Request) error {
	in := learning.CreateToken{Name: strings.TrimSpace(r.Value("name")), Scopes: r.Form.Values["scope"]}
	days, err := strconv.Atoi(r.Value("days"))
	if err != nil {
		return showNewToken(r, http.StatusBadRequest, nil, []frame.Fault{{Field: "days", Text: "Choose how long it lasts."}})
	}
	in.Days = days
	if kind := r.Value("kind"); kind != "me" {
		in.Roles = []trellis.Role{{Name: kind, Course: strings.TrimSpace(r.Value("course"))}}
	}
	made, err := frame.Call[learning.NewToken](r, "tokens.create", in)
	if err != nil {
		if trellis.KindOf(err) == trellis.Denied {
			return showNewToken(r, http.StatusForbidden, nil, []frame.Fault{{Field: "kind", Text: sentenceOf(err)}})
		}
		faults, err := faultOf(err, fieldOf(err, "name", "course", "permission"))
		if err != nil {
			return err
		}
		return showNewToken(r, http.StatusBadRequest, nil, faults)
	}
	return showNewToken(r, http.StatusOK, &made, nil)
}

// tokenByID finds a token that can be ended.
func (p *Pages) tokenByID(r *frame.Request) (learning.Token, error) {
	id, err := r.Param("id")
	if err != nil {
		return learning.Token{}, err
	}
	all, _, err := everyPage(r.Ctx, 10_000, func(_ context.Context, after string) ([]learning.Token, string, error) {
		list, err := frame.Call[learning.List[learning.Token]](r, "tokens.list", learning.Page{After: after, Limit: 200})
		return list.Items, list.Next, err
	})
	if err != nil {
		return learning.Token{}, err
	}
	for _, t := range all {
		if t.ID == id {
			return t, nil
		}
	}
	return learning.Token{}, trellis.Errorf(trellis.NotFound, "there is no such token, or it has ended")
}

func (p *Pages) endTokenPage(r *frame.Request) error {
	t, err := p.tokenByID(r)
	if err != nil {
		return err
	}
	v := viewOf("End the token "+t.Name, frame.Link{Text: "Tokens", Path: "/console/tokens"})
	v.Width = "narrow"
	row := tokenOf(t, nil)
	row.Whose = p.names(r).of(t.Person)
	v.Data = struct {
		bar
		Row tokenRow
	}{navigate(r, "/console/tokens"), row}
	v.Code = []frame.Code{{CLI: "trellis token revoke " + t.ID, HTTP: "DELETE /api/v1/tokens/" + t.ID}}
	return r.Show("token_end", v)
}

func (p *Pages) endConsoleToken(r *frame.Request) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	if _, err := frame.Call[learning.Done](r, "tokens.revoke", learning.ByID{ID: id}); err != nil {
		return err
	}
	return r.Done("/console/tokens", frame.Notice{State: "ok", Text: "The token has ended. Whoever used it is turned away from now on."})
}
