package learning

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/mail"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/internal/store"
)

// Person is somebody with an account in a tenant.
type Person struct {
	trellis.User
	Created time.Time `json:"created" doc:"When the account was made."`
	Event   string    `json:"event" doc:"ID of the last event that changed it."`
}

// Secret is a text that is never printed: a password on its way to be hashed.
type Secret string

// String hides the text.
func (Secret) String() string { return "[secret]" }

// GoString hides the text.
func (Secret) GoString() string { return "[secret]" }

// MarshalText hides the text.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Register says who is to get an account.
type Register struct {
	ID       string `json:"id,omitempty" doc:"ID of the new person; made if absent. A repeat with the same ID changes nothing."`
	Username string `json:"username" doc:"The name to log in with, unique in the tenant regardless of case."`
	Email    string `json:"email,omitempty" doc:"The address, if there is one."`
	Name     string `json:"name,omitempty" doc:"The full name."`
	Password Secret `json:"password,omitempty" doc:"The password; without one the person cannot log in by password."`
}

// RegisterChange is an account to be made.
type RegisterChange struct {
	Person   *Person // complete when the change was applied
	Outcome  Outcome
	emission emission
	password string // hash
}

// Register makes an account: filter [RegistrationRequested], event
// [RegistrationCompleted]. A username that is taken is a [trellis.Conflict].
func (l *Learning) Register(ctx context.Context, in Register) (Person, error) {
	b, err := l.Batch(ctx, Keys{People: []string{in.ID}, Usernames: []string{in.Username}})
	if err != nil {
		return Person{}, err
	}
	c, err := b.PrepareRegister(ctx, in)
	if err != nil {
		return Person{}, err
	}
	if err := l.write(ctx, c); err != nil {
		return Person{}, err
	}
	return *c.Person, nil
}

// PrepareRegister prepares [Learning.Register]. The batch knows the person from
// then on. Nobody's code is asked about what could not be an account.
func (b *Batch) PrepareRegister(ctx context.Context, in Register) (*RegisterChange, error) {
	if b.tenant == trellis.PlatformTenant && !isSystem(ctx) && !trellis.ActorFrom(ctx).Is(trellis.RoleOperator) {
		return nil, trellis.Errorf(trellis.Denied, "only operators make accounts of operators")
	}
	form, err := cleanForm(RegistrationForm{Username: in.Username, Email: in.Email, Name: in.Name})
	if err == nil && in.Password != "" {
		err = checkPassword(string(in.Password))
	}
	if err != nil {
		return nil, err
	}
	q, err := RegistrationRequested.Apply(ctx, b.l.filters, RegistrationQuestion{Form: form})
	if err != nil {
		return nil, err
	}
	if form, err = cleanForm(q.Form); err != nil {
		return nil, err
	}
	c := &RegisterChange{emission: newEmission(ctx)}
	if in.ID == "" {
		in.ID = trellis.DerivedID(c.emission.id, "person")
	} else if err := validID("person", in.ID); err != nil {
		return nil, err
	}
	if in.Password != "" {
		if c.password, err = b.l.hash(ctx, string(in.Password)); err != nil {
			return nil, err
		}
	}
	c.Person = &Person{
		User:    trellis.User{ID: in.ID, Active: true, PII: trellis.PersonalData{Username: form.Username, Email: form.Email, Name: form.Name}},
		Created: now(), Event: c.emission.id,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if taken, ok := b.usernames[login(form.Username)]; ok && taken != in.ID {
		return nil, trellis.Errorf(trellis.Conflict, "the username %q is taken", form.Username)
	}
	b.usernames[login(form.Username)] = in.ID
	if _, ok := b.people[in.ID]; !ok {
		b.people[in.ID] = c.Person
	}
	return c, nil
}

// Apply implements [store.Change].
func (c *RegisterChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	p := c.Person
	present, err := personByID(ctx, tx, tenant, p.ID)
	if err == nil { // a repeat: the first answer
		*p, c.Outcome = present, Unchanged
		return nil
	}
	if trellis.KindOf(err) != trellis.NotFound {
		return err
	}
	switch err := erasedAlready(ctx, tx, tenant, p.ID); {
	case err == nil:
		return trellis.Errorf(trellis.Conflict, "the ID belonged to somebody who was erased")
	case trellis.KindOf(err) != trellis.NotFound:
		return err
	}
	if err := tx.QueryRow(ctx, `UPDATE counters SET value = value + 1 WHERE name = 'person' RETURNING value`).Scan(&p.Number); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO people (tenant, id, number, username, login, email, name, active, password, created, event)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`,
		tenant, p.ID, p.Number, p.PII.Username, login(p.PII.Username), p.PII.Email, p.PII.Name, c.password,
		store.Micros(p.Created), p.Event); err != nil {
		if trellis.KindOf(err) == trellis.Conflict {
			return trellis.Errorf(trellis.Conflict, "the username %q is taken", p.PII.Username)
		}
		return err
	}
	c.Outcome = Created
	e, err := RegistrationCompleted.New(ctx, "people/"+p.ID, UserPayload{p.User})
	_, err = c.emission.emit(ctx, tx, 0, e, err)
	return err
}

// UpdatePerson says what of a person is to change; nil leaves a field as it is.
type UpdatePerson struct {
	ID       string  `json:"id" doc:"ID of the person."`
	Username *string `json:"username,omitempty" doc:"The name to log in with."`
	Email    *string `json:"email,omitempty" doc:"The address."`
	Name     *string `json:"name,omitempty" doc:"The full name."`
	Active   *bool   `json:"is_active,omitempty" doc:"Whether the account works. One that does not can neither log in nor be enrolled."`
}

// UpdatePersonChange is a change of an account.
type UpdatePersonChange struct {
	Person   *Person
	Outcome  Outcome
	in       UpdatePerson
	emission emission
}

// UpdatePerson changes an account: event [PersonChanged].
func (l *Learning) UpdatePerson(ctx context.Context, in UpdatePerson) (Person, error) {
	b, err := l.Batch(ctx, Keys{People: []string{in.ID}})
	if err != nil {
		return Person{}, err
	}
	c, err := b.PrepareUpdatePerson(ctx, in)
	if err != nil {
		return Person{}, err
	}
	err = l.write(ctx, c)
	l.changed(watchedPerson(in.ID)) // an account that was switched off acts no more
	if err != nil {
		return Person{}, err
	}
	return *c.Person, nil
}

// PrepareUpdatePerson prepares [Learning.UpdatePerson].
func (b *Batch) PrepareUpdatePerson(ctx context.Context, in UpdatePerson) (*UpdatePersonChange, error) {
	p, err := b.person(in.ID)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if in, err = in.clean(); err != nil {
		return nil, err
	}
	if in.Username != nil {
		b.usernames[login(*in.Username)] = in.ID
	}
	*p = in.of(*p)
	return &UpdatePersonChange{Person: p, in: in, emission: newEmission(ctx)}, nil
}

// clean checks what is to change. What stays may be of a time when more was taken.
func (in UpdatePerson) clean() (UpdatePerson, error) {
	for _, f := range []struct {
		value **string
		clean func(string) (string, error)
	}{
		{&in.Username, cleanUsername}, {&in.Email, cleanEmail},
		{&in.Name, func(s string) (string, error) { return line.Clean("the name", s, 0, 255) }},
	} {
		if *f.value == nil {
			continue
		}
		s, err := f.clean(**f.value)
		if err != nil {
			return in, err
		}
		*f.value = &s
	}
	return in, nil
}

// of returns p as in wants it.
func (in UpdatePerson) of(p Person) Person {
	if in.Username != nil {
		p.PII.Username = *in.Username
	}
	if in.Email != nil {
		p.PII.Email = *in.Email
	}
	if in.Name != nil {
		p.PII.Name = *in.Name
	}
	if in.Active != nil {
		p.Active = *in.Active
	}
	return p
}

// Apply implements [store.Change].
func (c *UpdatePersonChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	present, err := personByID(ctx, tx, tenant, c.in.ID)
	if err != nil {
		return err
	}
	next := c.in.of(present)
	if next == present {
		*c.Person, c.Outcome = present, Unchanged
		return nil
	}
	next.Event = c.emission.id
	if _, err := tx.Exec(ctx, `UPDATE people SET username = ?, login = ?, email = ?, name = ?, active = ?, event = ? WHERE tenant = ? AND id = ?`,
		next.PII.Username, login(next.PII.Username), next.PII.Email, next.PII.Name, next.Active, next.Event, tenant, next.ID); err != nil {
		if trellis.KindOf(err) == trellis.Conflict {
			return trellis.Errorf(trellis.Conflict, "the username %q is taken", next.PII.Username)
		}
		return err
	}
	*c.Person, c.Outcome = next, Changed
	if present.Active && !next.Active {
		c.Outcome = Removed
	}
	e, err := PersonChanged.New(ctx, "people/"+next.ID, UserPayload{next.User})
	_, err = c.emission.emit(ctx, tx, 0, e, err)
	return err
}

// Person returns the person with this ID.
func (l *Learning) Person(ctx context.Context, id string) (Person, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Person{}, err
	}
	var p Person
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		p, err = personByID(ctx, tx, tenant, id)
		return err
	})
	return p, err
}

// Known reports whether the tenant of ctx has or had a person with this ID: those
// who were erased count. Whoever acts in it and is not known has her account in the
// tenant of the platform.
func (l *Learning) Known(ctx context.Context, id string) (bool, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return false, err
	}
	n := 0
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM people WHERE tenant = ? AND id = ?`, tenant, id).Scan(&n)
	})
	return n > 0, err
}

// FillPeople returns data, a JSON document of type t, with the personal data of
// the people in it, as far as keep allows its class. People who are no longer
// known stay without.
func (l *Learning) FillPeople(ctx context.Context, t reflect.Type, data []byte, keep func(class string) bool) ([]byte, error) {
	wanted := false
	for _, f := range trellis.PersonalFields(t) {
		wanted = wanted || keep(f.Class)
	}
	if !wanted {
		return data, nil
	}
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		out, err = trellis.FillUsers(t, data, func(u *trellis.User) error {
			if u.ID == "" {
				return nil
			}
			p, err := personByID(ctx, tx, tenant, u.ID)
			if trellis.KindOf(err) == trellis.NotFound {
				return nil
			}
			if err != nil {
				return err
			}
			u.PII = trellis.Redact(p.PII, keep)
			return nil
		})
		return err
	})
	return out, err
}

const personColumns = `id, number, active, username, email, name, created, event`

func scanPerson(row interface{ Scan(...any) error }) (Person, error) {
	var p Person
	var created int64
	err := row.Scan(&p.ID, &p.Number, &p.Active, &p.PII.Username, &p.PII.Email, &p.PII.Name, &created, &p.Event)
	p.Created = store.FromMicros(created)
	return p, err
}

func personByID(ctx context.Context, tx *store.Tx, tenant, id string) (Person, error) {
	p, err := scanPerson(tx.QueryRow(ctx, `SELECT `+personColumns+` FROM people WHERE tenant = ? AND id = ? AND erased = 0`, tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, trellis.Errorf(trellis.NotFound, "person %q", id)
	}
	return p, err
}

func peopleWhere(ctx context.Context, tx *store.Tx, where string, args ...any) ([]Person, error) {
	rows, err := tx.Query(ctx, `SELECT `+personColumns+` FROM people WHERE erased = 0 AND `+where, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanPerson)
}

// login is a username as it is compared: names that differ in nothing but case,
// width or how their accents are encoded are one name (Unicode, NFKC and full case
// folding).
func login(username string) string {
	ascii := true
	for i := range len(username) {
		ascii = ascii && username[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(username)
	}
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(username)))
}

// cleanForm checks what somebody filled in, or what a filter made of it.
func cleanForm(f RegistrationForm) (RegistrationForm, error) {
	var errs [3]error
	f.Username, errs[0] = cleanUsername(f.Username)
	f.Email, errs[1] = cleanEmail(f.Email)
	f.Name, errs[2] = line.Clean("the name", f.Name, 0, 255)
	return f, cmp.Or(errs[:]...)
}

// cleanUsername checks a name to log in with. Two such names must not look the same
// because of what is not seen.
func cleanUsername(s string) (string, error) {
	s, err := line.Clean("the username", s, 1, 150)
	if err == nil && strings.ContainsFunc(s, line.Unseen) {
		return "", trellis.Errorf(trellis.Invalid, "the username has a space, or a character that is not seen: take it out")
	}
	return s, err
}

func cleanEmail(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s != "" && !validEmail(s) {
		return "", trellis.Errorf(trellis.Invalid, "the email address is not one")
	}
	return s, nil
}

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && line.Fault(s) == ""
}

// printable reports whether s, which is taken as it is, could be a title of at most n
// characters.
func printable(s string, n int) bool {
	return utf8.RuneCountInString(s) <= n && line.Fault(s) == ""
}

// validID checks an identifier that a caller chose.
func validID(what, id string) error {
	if !trellis.ValidID(id) {
		return trellis.Errorf(trellis.Invalid, "the ID of the %s must be a UUID", what)
	}
	return nil
}

func isSystem(ctx context.Context) bool { return trellis.ActorFrom(ctx).Kind == trellis.SystemActor }

// collect reads every row and closes rows.
func collect[T any](rows *sql.Rows, scan func(interface{ Scan(...any) error }) (T, error)) (all []T, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
