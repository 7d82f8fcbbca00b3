package learning

import (
	"context"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// SignUp is what somebody says who registers herself.
type SignUp struct {
	Username string `json:"username" doc:"The name to log in with, unique in the tenant regardless of case."`
	Password Secret `json:"password" doc:"The password: 8 characters to 1,024 bytes."`
	Email    string `json:"email,omitempty" doc:"The address, if there is one. Nobody looks whether it is hers."`
	Name     string `json:"name,omitempty" doc:"The full name."`
	Address  string `json:"-"` // where the request comes from
}

// How often people may register, or be refused, from one network within failureWindow,
// which a whole school may share, and how often names that are taken may be tried from
// there, before all that comes from there is put off: who has a name can be found out
// by trying to take it, and by nothing else.
const (
	signUpsOfAddress = 200
	takenOfAddress   = 50
)

// SignUp makes an account for somebody who has none, in a tenant in which people may
// register themselves ([Tenant.Open]); elsewhere there is no such thing
// ([trellis.NotFound]). Filter and event are those of [Learning.Register], and the
// person acts herself: she has the role that everybody has, and no other. A name that
// is taken is a [trellis.Conflict]. One that mixes scripts whose letters look alike is
// not taken from a stranger. What comes too often from one network is
// [trellis.Exhausted], with the time to wait. Each node counts its own.
func (l *Learning) SignUp(ctx context.Context, in SignUp) (Person, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Person{}, err
	}
	t, err := l.Tenant(ctx)
	switch {
	case err != nil && trellis.KindOf(err) != trellis.NotFound:
		return Person{}, err
	case !t.Open || tenant == trellis.PlatformTenant:
		return Person{}, trellis.Errorf(trellis.NotFound, "nobody registers herself here: ask those who run it for an account")
	case in.Password == "":
		return Person{}, trellis.Errorf(trellis.Invalid, "a password is needed: at least 8 characters")
	}
	settle, err := l.mayTry(tenant, in.Address)
	if err != nil {
		return Person{}, err
	}
	if err := oneScript(in.Username); err != nil {
		settle(err)
		return Person{}, err
	}
	id := trellis.NewID()
	ctx = trellis.WithIDs(ctx, id) // whoever asks lends the account nothing, nor the identifiers of what is made
	ctx = store.WithAudit(ctx, store.Entry{Operation: "users.register", Target: id, Door: "http"})
	p, err := l.Register(
		trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: id, Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleLearner}}}),
		Register{ID: id, Username: in.Username, Email: in.Email, Name: in.Name, Password: in.Password})
	settle(err)
	return p, err
}

// mayTry reports whether somebody at an address may try to register now. Then settle
// is called with what came of it.
func (l *Learning) mayTry(tenant, address string) (settle func(error), err error) {
	from := tenant + "/" + network(address)
	wait, tried := l.signUps.begin(subject{from + "/tried", signUpsOfAddress})
	if wait > 0 {
		return nil, errSignUps(wait)
	}
	wait, taken := l.signUps.begin(subject{from + "/taken", takenOfAddress})
	if wait > 0 {
		tried(undecided)
		return nil, errSignUps(wait)
	}
	return func(err error) {
		var done, found attemptEnd
		switch trellis.KindOf(err) {
		case "", trellis.Refused, trellis.Invalid:
			done = failed // what counts is that it was done, or somebody's code was asked
		case trellis.Conflict:
			found = failed
		}
		tried(done)
		taken(found)
	}, nil
}

// oneScript refuses a login name in which letters of scripts stand together that look
// like one another's: it would pass for somebody else's.
func oneScript(username string) error {
	found := ""
	for _, r := range norm.NFKC.String(username) {
		script := ""
		switch {
		case unicode.Is(unicode.Latin, r):
			script = "Latin"
		case unicode.Is(unicode.Cyrillic, r):
			script = "Cyrillic"
		case unicode.Is(unicode.Greek, r):
			script = "Greek"
		default:
			continue
		}
		if found != "" && found != script {
			return trellis.Errorf(trellis.Invalid, "the username mixes %s and %s letters, which look alike: write it in one of them", found, script)
		}
		found = script
	}
	return nil
}

func errSignUps(wait time.Duration) error {
	return trellis.Exhaustedf(wait, "too many have registered from where you are, or tried to: try again later")
}
