package pages

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
)

func (p *Pages) consoleTokens() []page {
	write := "tokens:write"
	return []page{
		{method: "GET", path: "/console/tokens", name: "console.tokens", summary: "The tokens of the tenant: whose they are, what they allow, when they were used.", permission: write, platform: true, handle: behind(write, p.allTokens)},
		{method: "GET", path: "/console/tokens/new", name: "console.tokens.new", summary: "Where one makes a token.", permission: write, platform: true, handle: behind(write, p.newConsoleToken)},
		{method: "POST", path: "/console/tokens/new", name: "console.tokens.new.post", summary: "Makes a token and shows it, once.", permission: write, platform: true, handle: behind(write, p.makeConsoleToken)},
		{method: "GET", path: "/console/tokens/:id/end", name: "console.tokens.end", summary: "Says what ending a token means.", permission: write, platform: true, handle: behind(write, p.endTokenPage)},
		{method: "POST", path: "/console/tokens/:id/end", name: "console.tokens.end.post", summary: "Ends a token.", permission: write, platform: true, handle: behind(write, p.endConsoleToken)},
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

func (p *Pages) allTokens(r *request) error {
	q, err := r.query()
	if err != nil {
		return err
	}
	d := allTokensPage{bar: r.navigate("/console/tokens"), Kinds: options(q.Get("kind"), "", "Without sessions", "service", "Of services", "person", "Of people", "session", "Sessions")}
	n := p.names(r)
	after := q.Get("after")
	for len(d.Rows) < 50 { // sessions may be many, and are passed by
		list, err := call[learning.List[learning.Token]](r, "tokens.list", learning.Page{After: after, Limit: 200})
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
	v := consoleView("Tokens", link{"People", "/console/people"})
	v.Lead, v.Data = "Keys by which programs act for people, or for themselves. A token itself is shown once, when it is made.", d
	v.Code = []code{{CLI: "trellis token list", HTTP: "GET /api/v1/tokens"}, {What: "Make one", CLI: "trellis token create NAME", HTTP: "POST /api/v1/tokens"}}
	return r.show("console_tokens", v)
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

func (p *Pages) newConsoleToken(r *request) error { return r.showNewToken(http.StatusOK, nil, nil) }

func (r *request) showNewToken(status int, made *learning.NewToken, faults []fault) error {
	d := newTokenPage{bar: r.navigate("/console/tokens"), Name: r.value("name"), Course: r.value("course"), Made: made, Faults: map[string]string{}}
	kinds := []string{"me", "Yours: it acts as you", trellis.RoleTenantAdmin, "A service that administers the school", trellis.RoleStaff, "A service that teaches, in one course or all"}
	if r.tenant() == trellis.PlatformTenant {
		kinds = []string{"me", "Yours: it acts as you", trellis.RoleOperator, "A service that runs the platform"}
	}
	d.Kinds = options(or2(r.value("kind"), "me"), kinds...)
	d.Days = options(or2(r.value("days"), "90"), "7", "A week", "30", "30 days", "90", "90 days", "366", "A year")
	var chosen []string
	if r.form != nil {
		chosen = r.form.Values["scope"]
	}
	for _, x := range hostapi.Permissions() {
		if !strings.HasSuffix(x.Name, ":") && can(r.ctx, x.Name, hostapi.Scope{}) {
			d.Scopes = append(d.Scopes, pickable{x.Name, x.Sentence, slices.Contains(chosen, x.Name)})
		}
	}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	v := consoleView("Make a token", link{"Tokens", "/console/tokens"})
	if made != nil {
		v.Title = "Copy the token now"
		d.Row = tokenOf(made.Token, nil)
	}
	v.Width, v.Data, v.Faults = "narrow", d, faults
	v.Code = []code{{CLI: "trellis token create NAME", HTTP: "POST /api/v1/tokens"}}
	return r.showAs(status, "console_token_new", v)
}

func or2(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (p *Pages) makeConsoleToken(r *request) error {
	in := learning.CreateToken{Name: strings.TrimSpace(r.value("name")), Scopes: r.form.Values["scope"]}
	days, err := strconv.Atoi(r.value("days"))
	if err != nil {
		return r.showNewToken(http.StatusBadRequest, nil, []fault{{"days", "Choose how long it lasts."}})
	}
	in.Days = days
	if kind := r.value("kind"); kind != "me" {
		in.Roles = []trellis.Role{{Name: kind, Course: strings.TrimSpace(r.value("course"))}}
	}
	made, err := call[learning.NewToken](r, "tokens.create", in)
	if err != nil {
		if trellis.KindOf(err) == trellis.Denied {
			return r.showNewToken(http.StatusForbidden, nil, []fault{{"kind", sentenceOf(err)}})
		}
		faults, err := faultOf(err, fieldOf(err, "name", "course", "permission"))
		if err != nil {
			return err
		}
		return r.showNewToken(http.StatusBadRequest, nil, faults)
	}
	return r.showNewToken(http.StatusOK, &made, nil)
}

// tokenByID finds a token that can be ended.
func (p *Pages) tokenByID(r *request) (learning.Token, error) {
	id, err := r.param("id")
	if err != nil {
		return learning.Token{}, err
	}
	all, _, err := everyPage(r.ctx, 10_000, func(_ context.Context, after string) ([]learning.Token, string, error) {
		list, err := call[learning.List[learning.Token]](r, "tokens.list", learning.Page{After: after, Limit: 200})
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

func (p *Pages) endTokenPage(r *request) error {
	t, err := p.tokenByID(r)
	if err != nil {
		return err
	}
	v := consoleView("End the token "+t.Name, link{"Tokens", "/console/tokens"})
	v.Width = "narrow"
	row := tokenOf(t, nil)
	row.Whose = p.names(r).of(t.Person)
	v.Data = struct {
		bar
		Row tokenRow
	}{r.navigate("/console/tokens"), row}
	v.Code = []code{{CLI: "trellis token revoke " + t.ID, HTTP: "DELETE /api/v1/tokens/" + t.ID}}
	return r.show("console_token_end", v)
}

func (p *Pages) endConsoleToken(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if _, err := call[learning.Done](r, "tokens.revoke", learning.ByID{ID: id}); err != nil {
		return err
	}
	return r.done("/console/tokens", notice{State: "ok", Text: "The token has ended. Whoever used it is turned away from now on."})
}
