package learning

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// How many logins may fail before the next is put off, and for how long.
const (
	failuresAllowed = 10
	failureWindow   = 15 * time.Minute
	sessionLasts    = 12 * time.Hour
)

// Login says who wants to log in, with what.
type Login struct {
	Username string `json:"username" doc:"The name to log in with."`
	Password Secret `json:"password" doc:"The password."`
	Address  string `json:"-"` // where the request comes from
}

// Login exchanges a name and a password for a token that lasts twelve hours:
// filter [LoginRequested], event [LoginCompleted]. The tenant is that of ctx. An
// unknown name, a wrong password and an account that is not active are the same
// to the caller, in the answer and in the time that it takes. After ten failures
// for a name or from an address within a quarter of an hour, further attempts
// are [trellis.Exhausted].
func (l *Learning) Login(ctx context.Context, in Login) (NewToken, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return NewToken{}, err
	}
	subjects := []string{tenant + "/name/" + login(in.Username), tenant + "/address/" + in.Address}
	for _, s := range subjects {
		if wait := l.failed.wait(s); wait > 0 {
			return NewToken{}, trellis.Exhaustedf(wait, "too many failed logins: try again later")
		}
	}
	person, hash, err := l.credentials(ctx, tenant, in.Username)
	if err != nil {
		return NewToken{}, err
	}
	ok, err := l.matches(ctx, string(in.Password), hash)
	if err != nil {
		return NewToken{}, err
	}
	if !ok || person == nil || !person.Active {
		for _, s := range subjects {
			l.failed.note(s)
		}
		return NewToken{}, trellis.Errorf(trellis.Denied, "the username or the password is wrong")
	}
	if _, err := LoginRequested.Apply(ctx, l.filters, LoginQuestion{person.User}); err != nil {
		return NewToken{}, err
	}
	l.failed.forget(subjects[0])
	ctx = trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: person.ID, Kind: trellis.PersonActor})
	token, err := l.issue(ctx, Token{Person: person.ID, Name: sessionName}, sessionLasts)
	if err != nil {
		return NewToken{}, err
	}
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		return LoginCompleted.Emit(ctx, tx, "people/"+person.ID, UserPayload{person.User})
	}))
	return token, err
}

// credentials returns who has the username and the hash of the password; a nil
// person and the hash of nothing where nobody has.
func (l *Learning) credentials(ctx context.Context, tenant, username string) (*Person, string, error) {
	hash := l.dummy
	var person *Person
	err := l.db.Read(ctx, func(tx *store.Tx) error {
		var id, stored string
		err := tx.QueryRow(ctx, `SELECT id, password FROM people WHERE tenant = ? AND login = ?`, tenant, login(username)).Scan(&id, &stored)
		if errors.Is(err, sql.ErrNoRows) || err == nil && stored == "" {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := personByID(ctx, tx, tenant, id)
		person, hash = &p, stored
		return err
	})
	return person, hash, err
}

// throttle counts failures by subject, on this node.
type throttle struct {
	mu     sync.Mutex
	counts map[string]*failures
}

type failures struct {
	n     int
	since time.Time
}

const throttled = 100_000

// wait returns how long s has to wait before the next attempt.
func (t *throttle) wait(s string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.counts[s]
	if !ok || f.n < failuresAllowed {
		return 0
	}
	return max(0, time.Until(f.since.Add(failureWindow)))
}

func (t *throttle) note(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil || len(t.counts) > throttled {
		t.counts = map[string]*failures{}
	}
	f, ok := t.counts[s]
	if !ok || time.Since(f.since) > failureWindow {
		f = &failures{since: time.Now()}
		t.counts[s] = f
	}
	f.n++
}

func (t *throttle) forget(s string) {
	t.mu.Lock()
	delete(t.counts, s)
	t.mu.Unlock()
}
