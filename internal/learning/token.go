package learning

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/internal/store"
)

// sessionName is the name of the tokens that a login gives.
const sessionName = "session"

// Token is a key to the platform's doors. The key itself is shown once, when it
// is made; only its hash is kept.
type Token struct {
	ID       string         `json:"id" doc:"ID of the token."`
	Person   string         `json:"person,omitempty" doc:"ID of the person whose token it is; absent for a service."`
	Name     string         `json:"name" doc:"What it is for."`
	Roles    []trellis.Role `json:"roles,omitempty" doc:"Roles of a service. A person's token has the person's."`
	Scopes   []string       `json:"scopes,omitempty" doc:"Permissions that it is narrowed to; absent for all that the roles allow."`
	Created  time.Time      `json:"created" doc:"When it was made."`
	Expires  time.Time      `json:"expires" doc:"When it ends."`
	LastUsed *time.Time     `json:"last_used,omitempty" doc:"When it was last used, to the minute."`
	Revoked  bool           `json:"revoked,omitempty" doc:"Whether it was ended before its time."`
}

// CreateToken says which token is to be made.
type CreateToken struct {
	Person string         `json:"person,omitempty" doc:"ID of the person; the one who asks if absent."`
	Name   string         `json:"name" doc:"What it is for."`
	Roles  []trellis.Role `json:"roles,omitempty" doc:"Makes it a service's own, with these roles, which must be roles of the one who asks."`
	Scopes []string       `json:"scopes,omitempty" doc:"Permissions that it is narrowed to."`
	Days   int            `json:"days,omitempty" doc:"How many days it lasts: 90 if absent, at most 366."`
}

// NewToken is a token with its key, as only its maker sees it.
type NewToken struct {
	Token
	Key    string `json:"token" doc:"The key. It is shown only now."`
	Tenant string `json:"-"` // where a login found the person
}

// CreateToken makes a token. A person's own has the rights of the person, and ends
// with the account. A service's has roles of its own, which outlast whoever made
// it, so only those who may end any token of the tenant make one. No token allows
// more than its maker may do, and one that is narrowed makes only such as are
// narrowed as much.
func (l *Learning) CreateToken(ctx context.Context, in CreateToken) (NewToken, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return NewToken{}, err
	}
	actor := trellis.ActorFrom(ctx)
	if in.Days == 0 {
		in.Days = 90
	}
	if in.Person == "" && in.Roles == nil && actor.Kind == trellis.PersonActor {
		in.Person = actor.ID
	}
	if in.Name, err = line.Clean("the name of the token", in.Name, 1, 100); err != nil {
		return NewToken{}, err
	}
	switch {
	case in.Name == sessionName:
		return NewToken{}, trellis.Errorf(trellis.Invalid, "%q is what the tokens of sessions are called: give this one another name", sessionName)
	case in.Days < 1 || in.Days > 366:
		return NewToken{}, trellis.Errorf(trellis.Invalid, "a token lasts 1 to 366 days")
	case in.Roles != nil && in.Person != "":
		return NewToken{}, trellis.Errorf(trellis.Invalid, "a token is a person's or has roles of its own, not both")
	case in.Person == "" && len(in.Roles) == 0:
		return NewToken{}, trellis.Errorf(trellis.Invalid, "a token is a person's or has roles")
	}
	if err := validScopes(in.Scopes); err != nil {
		return NewToken{}, err
	}
	for _, r := range in.Roles {
		if err := validRole(tenant, assign(r)); err != nil {
			return NewToken{}, err
		}
	}
	if !within(ctx, in) {
		return NewToken{}, trellis.Errorf(trellis.Denied, "a token may allow no more than its maker may do")
	}
	c := newTokenChange(ctx, Token{Person: in.Person, Name: in.Name, Roles: in.Roles, Scopes: in.Scopes}, time.Duration(in.Days)*24*time.Hour)
	store.AuditAbout(ctx, c.token.ID)
	if err := l.write(ctx, c); err != nil {
		return NewToken{}, err
	}
	return c.token, nil
}

func assign(r trellis.Role) Assign {
	return Assign{Role: r.Name, Organisation: r.Organisation, Course: r.Course}
}

// within reports whether the token would allow nothing that its maker may not do.
func within(ctx context.Context, in CreateToken) bool {
	actor := trellis.ActorFrom(ctx)
	switch {
	case actor.Kind == trellis.SystemActor:
		return true
	case in.Person != "" && in.Person != actor.ID && !actor.Is(trellis.RoleOperator):
		return false
	case len(in.Roles) > 0 && !hostapi.ReachOf(ctx, "tokens:write").All():
		return false
	case slices.ContainsFunc(in.Roles, func(r trellis.Role) bool { return !slices.Contains(actor.Roles, r) && !mayGive(actor, assign(r)) }):
		return false
	case actor.Scopes == nil:
		return true
	}
	return in.Scopes != nil && !slices.ContainsFunc(in.Scopes, func(s string) bool { return !covers(actor.Scopes, s) })
}

// validScopes checks what a token is to be narrowed to: permissions, all of a noun
// ("grades:*"), or everything ("*").
func validScopes(scopes []string) error {
	if scopes != nil && len(scopes) == 0 {
		return trellis.Errorf(trellis.Invalid, "a token that is narrowed to nothing is good for nothing")
	}
	for _, s := range scopes {
		if _, err := hostapi.Sentence(s); err == nil || s == "*" {
			continue
		}
		noun, ok := strings.CutSuffix(s, "*")
		if !ok || !slices.ContainsFunc(hostapi.Permissions(), func(p hostapi.Permission) bool {
			return strings.HasSuffix(noun, ":") && strings.HasPrefix(p.Name, noun) && p.Name != noun
		}) {
			return trellis.Errorf(trellis.Invalid, "there is no permission %.80q", s)
		}
	}
	return nil
}

// covers reports whether a token with these scopes may do all that one with the
// scope may.
func covers(scopes []string, scope string) bool {
	noun, _, _ := strings.Cut(scope, ":")
	return slices.Contains(scopes, scope) || slices.Contains(scopes, noun+":*") || slices.Contains(scopes, "*")
}

// tokenChange is a token to be made. Its key exists here and in the answer only.
type tokenChange struct{ token NewToken }

func newTokenChange(ctx context.Context, t Token, lasts time.Duration) tokenChange {
	t.ID, t.Created = trellis.IDFrom(ctx), now()
	t.Expires = t.Created.Add(lasts)
	return tokenChange{NewToken{Token: t, Key: newKey()}}
}

// Apply implements [store.Change].
func (c tokenChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	t := c.token
	if t.Person != "" {
		p, err := personByID(ctx, tx, tenant, t.Person)
		if err != nil {
			return err
		}
		if !p.Active {
			return errInactive()
		}
	}
	roles, err := json.Marshal(t.Roles)
	if err != nil {
		return err
	}
	scopes, err := json.Marshal(t.Scopes)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO tokens (tenant, id, hash, person, name, roles, scopes, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		tenant, t.ID, hashKey(t.Key), t.Person, t.Name, string(roles), string(scopes), store.Micros(t.Created), store.Micros(t.Expires))
	if trellis.KindOf(err) == trellis.Conflict {
		return trellis.Errorf(trellis.Conflict, "this token was made already, and its key was shown then: token %s", t.ID)
	}
	return err
}

// RevokeToken ends a token: on this node at once, on the others within a second.
func (l *Learning) RevokeToken(ctx context.Context, id string) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	hash := ""
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		err := tx.QueryRow(ctx, `UPDATE tokens SET revoked = 1 WHERE tenant = ? AND id = ? RETURNING hash`, tenant, id).Scan(&hash)
		if errors.Is(err, sql.ErrNoRows) {
			return trellis.Errorf(trellis.NotFound, "token %q", id)
		}
		return err
	}))
	l.changed(watchedToken(hash))
	return err
}

// Token returns the token with this ID.
func (l *Learning) Token(ctx context.Context, id string) (Token, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Token{}, err
	}
	var t Token
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		t, err = scanToken(tx.QueryRow(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE tenant = ? AND id = ?`, tenant, id))
		if errors.Is(err, sql.ErrNoRows) {
			return trellis.Errorf(trellis.NotFound, "token %q", id)
		}
		return err
	})
	return t, err
}

const tokenColumns = `id, person, name, roles, scopes, created, expires, last_used, revoked`

func scanToken(row interface{ Scan(...any) error }) (Token, error) {
	var t Token
	var roles, scopes string
	var created, expires, last int64
	if err := row.Scan(&t.ID, &t.Person, &t.Name, &roles, &scopes, &created, &expires, &last, &t.Revoked); err != nil {
		return t, err
	}
	t.Created, t.Expires = store.FromMicros(created), store.FromMicros(expires)
	if last != 0 {
		at := store.FromMicros(last)
		t.LastUsed = &at
	}
	return t, errors.Join(json.Unmarshal([]byte(roles), &t.Roles), json.Unmarshal([]byte(scopes), &t.Scopes))
}
