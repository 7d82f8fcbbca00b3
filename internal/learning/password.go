package learning

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	goruntime "runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Parameters of argon2id (RFC 9106): the second set that OWASP names, 19 MiB and
// two passes.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32
)

// hashesAtOnce bounds how many passwords are hashed at once: each takes 19 MiB
// and a processor.
func hashesAtOnce() int { return max(1, goruntime.GOMAXPROCS(0)/2) }

// hash returns the encoded argon2id hash of password.
func (l *Learning) hash(ctx context.Context, password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	if err := l.slot(ctx); err != nil {
		return "", err
	}
	defer func() { <-l.hashing }()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand, Go 1.24)
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// checkPassword checks how long a password is that somebody chose.
func checkPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < 8 || len(password) > 1024 {
		return trellis.Errorf(trellis.Invalid, "a password has at least 8 characters and at most 1,024 bytes")
	}
	return nil
}

// matches reports whether password is the one that encoded was made of.
func (l *Learning) matches(ctx context.Context, password, encoded string) (bool, error) {
	var version, memory, passes, lanes int
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, nil
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil || version != argon2.Version {
		return false, nil
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, nil
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, nil
	}
	if len(password) > 1024 {
		password = password[:1024] + " too long" // never equal, and never dear
	}
	if err := l.slot(ctx); err != nil {
		return false, err
	}
	defer func() { <-l.hashing }()
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(lanes), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (l *Learning) slot(ctx context.Context) error {
	select {
	case l.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SetPassword gives a person another password and ends every session of the
// person. A token that is narrowed cannot set that of somebody with a role: with
// the password it could do what it was narrowed from.
func (l *Learning) SetPassword(ctx context.Context, person string, password Secret) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	narrowed := trellis.ActorFrom(ctx).Scopes != nil
	hash, err := l.hash(ctx, string(password))
	if err != nil {
		return err
	}
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if narrowed {
			roles, err := rolesOf(ctx, tx, tenant, person)
			if err != nil {
				return err
			}
			if len(roles) > 1 { // more than a learner
				return trellis.Errorf(trellis.Denied, "a token that is narrowed cannot set the password of somebody with a role")
			}
		}
		return setHash(ctx, tx, tenant, person, hash)
	}))
	l.changed(watchedPerson(person))
	return err
}

// ChangePassword is a person's wish for another password of her own.
type ChangePassword struct {
	Current  Secret `json:"current" doc:"The present password."`
	Password Secret `json:"password" doc:"The new password: 8 characters to 1,024 bytes."`
}

// ChangePassword gives the person who acts another password and ends her sessions.
// Whoever holds only a token of hers does not know the present one, and guesses
// count as failed logins do.
func (l *Learning) ChangePassword(ctx context.Context, in ChangePassword) error {
	actor := trellis.ActorFrom(ctx)
	if actor.Kind != trellis.PersonActor || actor.Scopes != nil {
		return trellis.Errorf(trellis.Denied, "a person changes her own password, with a token that is not narrowed")
	}
	ctx = atHome(ctx)
	p, err := l.Person(ctx, actor.ID)
	if err != nil {
		return err
	}
	login := Login{Username: p.PII.Username, Password: in.Current}
	tenant := trellis.ActorFrom(ctx).Tenant
	if _, err := l.attempt(ctx, tenant, login, subjects(tenant, login)); err != nil {
		return err
	}
	return l.SetPassword(ctx, p.ID, in.Password)
}

func setHash(ctx context.Context, tx *store.Tx, tenant, person, hash string) error {
	n, err := tx.Exec(ctx, `UPDATE people SET password = ? WHERE tenant = ? AND id = ? AND erased = 0`, hash, tenant, person)
	if err != nil {
		return err
	}
	if n == 0 {
		return trellis.Errorf(trellis.NotFound, "person %q", person)
	}
	_, err = tx.Exec(ctx, `UPDATE tokens SET revoked = 1 WHERE tenant = ? AND person = ? AND name = ?`, tenant, person, sessionName)
	return err
}
