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
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// tokenPrefix lets people and scanners of leaked secrets recognise a token.
const tokenPrefix = "trl_"

// Authenticate returns the actor whose token this is. Tenant is the one that the
// request names, or "" where it names none; a token of another tenant is unknown,
// unless it is an operator's, whose actor then keeps the platform's tenant. What
// it answers is at most a second old.
func (l *Learning) Authenticate(ctx context.Context, tenant, token string) (trellis.Actor, error) {
	if !wellFormed(token) {
		return trellis.Actor{}, errUnknownToken()
	}
	hash := hashKey(token)
	a, seen, ok := l.actors.get(hash)
	if ok {
		return admitted(a, tenant)
	}
	var t tokenRow
	err := l.db.Read(ctx, func(tx *store.Tx) (err error) {
		a, t, err = actorOf(ctx, tx, hash)
		return err
	})
	if err != nil {
		return trellis.Actor{}, err
	}
	l.actors.put(hash, a, t.expires, seen)
	if time.Since(t.used) >= time.Minute {
		l.touch(trellis.WithActor(ctx, a), t.id)
	}
	return admitted(a, tenant)
}

// tokenRow is what the check of a token needs besides the actor.
type tokenRow struct {
	id            string
	expires, used time.Time
}

// actorOf reads whose token has this hash. The hash finds the tenant, so this is
// the one query that names none. An index finds it in a time that depends on the
// hash; who could learn from that would have to invert SHA-256 of 32 random bytes.
func actorOf(ctx context.Context, tx *store.Tx, hash string) (a trellis.Actor, t tokenRow, err error) {
	var person, roles, scopes string
	var expires, used int64
	var revoked bool
	err = tx.QueryRow(ctx, `SELECT tenant, id, person, roles, scopes, expires, last_used, revoked FROM tokens WHERE hash = ?`, hash).
		Scan(&a.Tenant, &t.id, &person, &roles, &scopes, &expires, &used, &revoked)
	t.expires, t.used = store.FromMicros(expires), store.FromMicros(used)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (revoked || !time.Now().Before(t.expires)) {
		return trellis.Actor{}, t, errUnknownToken()
	}
	if err != nil {
		return trellis.Actor{}, t, err
	}
	if err := json.Unmarshal([]byte(scopes), &a.Scopes); err != nil {
		return trellis.Actor{}, t, err
	}
	if person == "" {
		a.Kind, a.ID = trellis.ServiceActor, t.id
		return a, t, json.Unmarshal([]byte(roles), &a.Roles)
	}
	a.Kind, a.ID = trellis.PersonActor, person
	p, err := personByID(ctx, tx, a.Tenant, person)
	if trellis.KindOf(err) == trellis.NotFound || err == nil && !p.Active {
		return trellis.Actor{}, t, errUnknownToken()
	}
	if err != nil {
		return trellis.Actor{}, t, err // the database's fault says nothing of the token
	}
	a.Roles, err = rolesOf(ctx, tx, a.Tenant, person)
	return a, t, err
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

// actorCache remembers for a second whose tokens were used.
type actorCache struct {
	sync.Mutex
	byHash  map[string]cachedActor
	cleared uint64 // how often: what was read before is not remembered after
}

type cachedActor struct {
	actor trellis.Actor
	until time.Time
}

const cachedActors = 10_000

// get returns whose token it was within the last second. If it is to be read, seen is
// for put.
func (c *actorCache) get(hash string) (a trellis.Actor, seen uint64, ok bool) {
	c.Lock()
	defer c.Unlock()
	e, ok := c.byHash[hash]
	if !ok || !time.Now().Before(e.until) {
		return trellis.Actor{}, c.cleared, false
	}
	return e.actor, c.cleared, true
}

func (c *actorCache) put(hash string, a trellis.Actor, expires time.Time, seen uint64) {
	c.Lock()
	defer c.Unlock()
	if c.cleared != seen {
		return // somebody may have signed out meanwhile
	}
	if c.byHash == nil || len(c.byHash) >= cachedActors {
		c.byHash = map[string]cachedActor{}
	}
	until := time.Now().Add(time.Second)
	if expires.Before(until) {
		until = expires
	}
	c.byHash[hash] = cachedActor{a, until}
}

func (c *actorCache) clear() {
	c.Lock()
	c.byHash = nil
	c.cleared++
	c.Unlock()
}
