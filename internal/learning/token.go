package learning

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// tokenPrefix lets people and scanners of leaked secrets recognise a token.
const tokenPrefix = "trl_"

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
	Key string `json:"token" doc:"The key. It is shown only now."`
}

// CreateToken makes a token.
func (l *Learning) CreateToken(ctx context.Context, in CreateToken) (NewToken, error) {
	actor := trellis.ActorFrom(ctx)
	if in.Days == 0 {
		in.Days = 90
	}
	if in.Person == "" && in.Roles == nil && actor.Kind == trellis.PersonActor {
		in.Person = actor.ID
	}
	switch {
	case in.Name == "" || !printable(in.Name, 100) || in.Name == sessionName:
		return NewToken{}, trellis.Errorf(trellis.Invalid, "a token needs a name of at most 100 printable characters, other than %q", sessionName)
	case in.Days < 1 || in.Days > 366:
		return NewToken{}, trellis.Errorf(trellis.Invalid, "a token lasts 1 to 366 days")
	case in.Roles != nil && in.Person != "":
		return NewToken{}, trellis.Errorf(trellis.Invalid, "a token is a person's or has roles of its own, not both")
	case in.Person == "" && len(in.Roles) == 0:
		return NewToken{}, trellis.Errorf(trellis.Invalid, "a token is a person's or has roles")
	case actor.Kind != trellis.SystemActor && !within(in, actor):
		return NewToken{}, trellis.Errorf(trellis.Denied, "a token may allow no more than its maker may do")
	}
	return l.issue(ctx, Token{Person: in.Person, Name: in.Name, Roles: in.Roles, Scopes: in.Scopes}, time.Duration(in.Days)*24*time.Hour)
}

// within reports whether the token would allow nothing that its maker may not do.
func within(in CreateToken, actor trellis.Actor) bool {
	for _, r := range in.Roles {
		if !slices.Contains(actor.Roles, r) && !mayGive(actor, Assign{Role: r.Name, Organisation: r.Organisation, Course: r.Course}) {
			return false
		}
	}
	if in.Person != "" && in.Person != actor.ID && !actor.Is(trellis.RoleOperator) {
		return false
	}
	if actor.Scopes == nil {
		return true
	}
	return in.Scopes != nil && !slices.ContainsFunc(in.Scopes, func(s string) bool { return !slices.Contains(actor.Scopes, s) })
}

// issue makes a token that lasts so long.
func (l *Learning) issue(ctx context.Context, t Token, lasts time.Duration) (NewToken, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return NewToken{}, err
	}
	key := newKey()
	t.ID, t.Created = trellis.NewID(), now()
	t.Expires = t.Created.Add(lasts)
	roles, err := json.Marshal(t.Roles)
	if err != nil {
		return NewToken{}, err
	}
	scopes, err := json.Marshal(t.Scopes)
	if err != nil {
		return NewToken{}, err
	}
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if t.Person != "" {
			if _, err := personByID(ctx, tx, tenant, t.Person); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO tokens (tenant, id, hash, person, name, roles, scopes, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			tenant, t.ID, hashKey(key), t.Person, t.Name, string(roles), string(scopes), store.Micros(t.Created), store.Micros(t.Expires))
		return err
	}))
	return NewToken{t, key}, err
}

// RevokeToken ends a token. It has no effect on any node a second later.
func (l *Learning) RevokeToken(ctx context.Context, id string) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE tokens SET revoked = 1 WHERE tenant = ? AND id = ?`, tenant, id)
		if err == nil && n == 0 {
			return trellis.Errorf(trellis.NotFound, "token %q", id)
		}
		return err
	}))
	l.actors.clear()
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

// Authenticate returns the actor whose token this is. Tenant is the one that the
// request names, or "" where it names none; a token of another tenant is unknown,
// unless it is an operator's, whose actor then keeps the platform's tenant. What
// it answers is at most a second old.
func (l *Learning) Authenticate(ctx context.Context, tenant, token string) (trellis.Actor, error) {
	if !wellFormed(token) {
		return trellis.Actor{}, errUnknownToken()
	}
	hash := hashKey(token)
	if a, ok := l.actors.get(hash); ok {
		return admitted(a, tenant)
	}
	var a trellis.Actor
	var id string
	var used bool
	err := l.db.Read(ctx, func(tx *store.Tx) (err error) {
		a, id, used, err = actorOf(ctx, tx, hash)
		return err
	})
	if err != nil {
		return trellis.Actor{}, err
	}
	l.actors.put(hash, a)
	if !used {
		l.touch(trellis.WithActor(ctx, a), id)
	}
	return admitted(a, tenant)
}

// actorOf reads whose token has this hash. The hash finds the tenant, so this is
// the one query that names none.
func actorOf(ctx context.Context, tx *store.Tx, hash string) (a trellis.Actor, id string, used bool, err error) {
	var person, roles, scopes string
	var expires, last int64
	var revoked bool
	err = tx.QueryRow(ctx, `SELECT tenant, id, person, roles, scopes, expires, last_used, revoked FROM tokens WHERE hash = ?`, hash).
		Scan(&a.Tenant, &id, &person, &roles, &scopes, &expires, &last, &revoked)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (revoked || time.Now().After(store.FromMicros(expires))) {
		return trellis.Actor{}, "", false, errUnknownToken()
	}
	if err != nil {
		return trellis.Actor{}, "", false, err
	}
	if err := json.Unmarshal([]byte(scopes), &a.Scopes); err != nil {
		return trellis.Actor{}, "", false, err
	}
	used = time.Since(store.FromMicros(last)) < time.Minute
	if person == "" {
		a.Kind, a.ID = trellis.ServiceActor, id
		return a, id, used, json.Unmarshal([]byte(roles), &a.Roles)
	}
	a.Kind, a.ID = trellis.PersonActor, person
	p, err := personByID(ctx, tx, a.Tenant, person)
	if err != nil || !p.Active {
		return trellis.Actor{}, "", false, errUnknownToken()
	}
	a.Roles, err = rolesOf(ctx, tx, a.Tenant, person)
	return a, id, used, err
}

// touch notes when a token was last used, to the minute. It is worth no failure.
func (l *Learning) touch(ctx context.Context, id string) {
	if err := l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		tenant, err := store.Tenant(ctx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE tokens SET last_used = ? WHERE tenant = ? AND id = ?`, store.Micros(now()), tenant, id)
		return err
	})); err != nil {
		l.log.Debug("use of a token not noted", "token", id, "err", err)
	}
}

func admitted(a trellis.Actor, tenant string) (trellis.Actor, error) {
	if tenant != "" && tenant != a.Tenant && !(a.Tenant == trellis.PlatformTenant && a.Is(trellis.RoleOperator)) {
		return trellis.Actor{}, errUnknownToken()
	}
	return a, nil
}

func errUnknownToken() error {
	return trellis.Errorf(trellis.Denied, "the token is unknown, has expired or was revoked")
}

// newKey returns a new key: 32 random bytes and a checksum, which tells a
// mistyped key from a wrong one without asking the database.
func newKey() string {
	b := make([]byte, 32, 36)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	sum := crc32.ChecksumIEEE(b)
	b = append(b, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

func wellFormed(key string) bool {
	rest, ok := strings.CutPrefix(key, tokenPrefix)
	if !ok || len(rest) != 48 {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil {
		return false
	}
	sum := crc32.ChecksumIEEE(b[:32])
	return b[32] == byte(sum>>24) && b[33] == byte(sum>>16) && b[34] == byte(sum>>8) && b[35] == byte(sum)
}

func hashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
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

// actorCache remembers for a second whose tokens were used.
type actorCache struct {
	sync.Mutex
	byHash map[string]cachedActor
}

type cachedActor struct {
	actor trellis.Actor
	until time.Time
}

const cachedActors = 10_000

func (c *actorCache) get(hash string) (trellis.Actor, bool) {
	c.Lock()
	defer c.Unlock()
	e, ok := c.byHash[hash]
	if !ok || time.Now().After(e.until) {
		return trellis.Actor{}, false
	}
	return e.actor, true
}

func (c *actorCache) put(hash string, a trellis.Actor) {
	c.Lock()
	defer c.Unlock()
	if c.byHash == nil || len(c.byHash) >= cachedActors {
		c.byHash = map[string]cachedActor{}
	}
	c.byHash[hash] = cachedActor{a, time.Now().Add(time.Second)}
}

func (c *actorCache) clear() {
	c.Lock()
	c.byHash = nil
	c.Unlock()
}
