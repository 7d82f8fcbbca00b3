package learning

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// sessionLasts is how long a login is good for.
const sessionLasts = 12 * time.Hour

// Login says who wants to log in, with what.
type Login struct {
	Username string `json:"username" doc:"The name to log in with."`
	Password Secret `json:"password" doc:"The password."`
	Address  string `json:"-"` // where the request comes from
	// Known tells apart the browsers in which somebody of a tenant has logged in
	// before by a name (as [LoginName] has it): a mark of this one, "" for a stranger.
	// Nobody else may be able to make one. Nil: a stranger.
	Known func(tenant, name string) string `json:"-"`
}

// LoginName is a username as it is compared.
func LoginName(username string) string { return login(username) }

// known returns the mark of a browser in which the person has logged in before.
func (in Login) known(tenant string) string {
	if in.Known == nil {
		return ""
	}
	return in.Known(tenant, login(in.Username))
}

// Login exchanges a name and a password for a token that lasts twelve hours:
// filter [LoginRequested], event [LoginCompleted]. The tenant is that of ctx. An
// unknown name, a wrong password and an account that is not active are the same
// to the caller, in the answer and in the time that it takes. After ten failures
// for a name from one network, a hundred for it from anywhere, or a hundred from an
// address, within a quarter of an hour, further attempts are [trellis.Exhausted],
// with the time to wait. A browser in which the person has logged in before has ten
// of its own, whatever strangers do. Each node counts its own.
func (l *Learning) Login(ctx context.Context, in Login) (NewToken, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return NewToken{}, err
	}
	person, err := l.attempt(ctx, tenant, in, subjects(tenant, in))
	if err != nil {
		return NewToken{}, err
	}
	return l.admit(ctx, tenant, person)
}

// SignIn is [Learning.Login] at the door of a tenant's pages, where those who run
// the platform sign in, too: a name and a password that are nobody's in the tenant
// are looked for in the platform's own. A wrong password costs the same work
// whoever has the name, here, there or nowhere. It counts as failed in the tenant
// and for the name among the operators; the right one of an operator counts
// nowhere as failed. Where operators' names have been tried too often, nobody is
// kept out who belongs to the tenant.
func (l *Learning) SignIn(ctx context.Context, in Login) (NewToken, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return NewToken{}, err
	}
	if tenant == trellis.PlatformTenant {
		return l.Login(ctx, in)
	}
	person, operator, err := l.attemptEither(ctx, tenant, in)
	if err != nil {
		return NewToken{}, err
	}
	if operator {
		tenant = trellis.PlatformTenant
		ctx = asNobody(ctx)
	}
	return l.admit(ctx, tenant, person)
}

// asNobody is the context of somebody who is to sign in to the platform itself.
func asNobody(ctx context.Context) context.Context {
	return trellis.WithActor(ctx, trellis.Actor{Tenant: trellis.PlatformTenant})
}

// attemptEither is attempt in a tenant and, if it is nobody's there, among those
// who run the platform.
func (l *Learning) attemptEither(ctx context.Context, tenant string, in Login) (person *Person, operator bool, err error) {
	// One school's guesses keep no operator out elsewhere: where they come from counts
	// in the tenant only.
	among := names(trellis.PlatformTenant, in)
	wait, settle := l.failed.begin(subjects(tenant, in)...)
	if wait > 0 {
		if in.known(trellis.PlatformTenant) == "" {
			return nil, false, errFailures(wait)
		}
		person, err = l.attempt(asNobody(ctx), trellis.PlatformTenant, in, among)
		return person, err == nil, err
	}
	end := undecided
	defer func() { settle(end) }()
	person, err = l.match(ctx, tenant, in)
	if err != nil {
		return nil, false, err
	}
	if person != nil {
		end = succeeded
		return person, false, nil
	}
	person, err = l.attempt(asNobody(ctx), trellis.PlatformTenant, in, among)
	switch trellis.KindOf(err) {
	case "": // an operator: that says nothing of who has the name in the tenant
	case trellis.Denied, trellis.Exhausted:
		end = failed
	}
	return person, err == nil, err
}

// admit gives a session to somebody whose password was right.
func (l *Learning) admit(ctx context.Context, tenant string, person *Person) (NewToken, error) {
	question := LoginQuestion{person.User}
	answer, err := LoginRequested.Apply(ctx, l.filters, question)
	if err != nil {
		return NewToken{}, err
	}
	if err := untouched(LoginRequested.Name(), question, answer); err != nil {
		return NewToken{}, err
	}
	ctx = trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: person.ID, Kind: trellis.PersonActor})
	c := newTokenChange(ctx, Token{Person: person.ID, Name: sessionName}, sessionLasts)
	m := newEmission(ctx)
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		// Sessions that have run out would else pile up with every login.
		if _, err := tx.Exec(ctx, `DELETE FROM tokens WHERE tenant = ? AND person = ? AND name = ? AND expires < ?`,
			tenant, person.ID, sessionName, store.Micros(c.token.Created)); err != nil {
			return err
		}
		if err := c.Apply(ctx, tx); err != nil {
			return err
		}
		e, err := LoginCompleted.New(ctx, "people/"+person.ID, UserPayload{person.User})
		_, err = m.emit(ctx, tx, 0, e, err)
		return err
	}))
	if err != nil {
		return NewToken{}, err
	}
	token := c.token
	token.Tenant = tenant
	return token, nil
}

// attempt returns whose name and password these are. It counts failures for the
// subjects, and takes as long for a name that nobody has.
func (l *Learning) attempt(ctx context.Context, tenant string, in Login, count []subject) (*Person, error) {
	wait, settle := l.failed.begin(count...)
	if wait > 0 {
		return nil, errFailures(wait)
	}
	end := undecided
	defer func() { settle(end) }()
	person, err := l.match(ctx, tenant, in)
	if err != nil {
		return nil, err
	}
	if person == nil {
		end = failed
		return nil, trellis.Errorf(trellis.Denied, "the username or the password is wrong")
	}
	end = succeeded
	return person, nil
}

// subjects are those for which a failure counts: the browser, if the person is known
// in it, or else the name and the address.
func subjects(tenant string, in Login) []subject {
	list := names(tenant, in)
	if in.Address != "" && in.known(tenant) == "" {
		list = append(list, subject{tenant + "/address/" + network(in.Address), failuresOfAddress})
	}
	return list
}

// names are the subjects that have to do with the name.
func names(tenant string, in Login) []subject {
	name := login(in.Username)
	if mark := in.known(tenant); mark != "" {
		return []subject{{tenant + "/known/" + mark + "/" + name, failuresOfName}}
	}
	return []subject{{tenant + "/name/" + network(in.Address) + "/" + name, failuresOfName}, {tenant + "/everywhere/" + name, failuresEverywhere}}
}

func errFailures(wait time.Duration) error {
	return trellis.Exhaustedf(wait, "too many failed logins: try again later")
}

// match returns whose name and password these are, nil if nobody's who may log in.
func (l *Learning) match(ctx context.Context, tenant string, in Login) (*Person, error) {
	person, hash, err := l.credentials(ctx, tenant, in.Username)
	if err != nil {
		return nil, err
	}
	ok, err := l.matches(ctx, string(in.Password), hash)
	if err != nil || !ok || person == nil || !person.Active {
		return nil, err
	}
	return person, nil
}

// credentials returns who has the username and the hash of the password; a nil
// person and the hash of nothing where nobody has. It takes one query either way.
func (l *Learning) credentials(ctx context.Context, tenant, username string) (*Person, string, error) {
	var p Person
	var created int64
	var hash string
	err := l.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT `+personColumns+`, password FROM people WHERE tenant = ? AND login = ? AND erased = 0`, tenant, login(username)).
			Scan(&p.ID, &p.Number, &p.Active, &p.PII.Username, &p.PII.Email, &p.PII.Name, &created, &p.Event, &hash)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && hash == "":
		return nil, l.dummy, nil
	case err != nil:
		return nil, "", err
	}
	p.Created = store.FromMicros(created)
	return &p, hash, nil
}

// Logout ends the session whose key this is: on this node at once, on the others
// within a second. One that has ended already is left as it is.
func (l *Learning) Logout(ctx context.Context, key string) error {
	if !wellFormed(key) {
		return nil
	}
	err := l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tokens SET revoked = 1 WHERE hash = ? AND name = ?`, hashKey(key), sessionName)
		return err
	}))
	l.changed(watchedToken(hashKey(key)))
	return err
}
