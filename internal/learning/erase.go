package learning

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

var _ trellis.Eraser = (*Learning)(nil)

// Erase forgets a person: the name, the address, the name to log in with, the
// password, tokens and outside identifiers are gone; enrolments end and roles are
// taken, without asking any filter. What is left is a row without a name that
// enrolments, grades and completions still point at, so that numbers add up; the
// person is [trellis.NotFound] from then on, and past events name nobody any more.
// Events [UnenrollmentCompleted], [RoleRemoved] with [AccessRoleRemoved], and at
// last [PersonErased], upon which others forget what they keep. Erasing somebody
// twice is no error.
func (l *Learning) Erase(ctx context.Context, person string) error {
	b, err := l.Batch(ctx, Keys{People: []string{person}})
	if err != nil {
		return err
	}
	m, at := newEmission(ctx), now()
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		p, err := personByID(ctx, tx, b.tenant, person)
		if trellis.KindOf(err) == trellis.NotFound {
			return erasedAlready(ctx, tx, b.tenant, person)
		}
		if err != nil {
			return err
		}
		if err := b.withdraw(ctx, tx, m, &p); err != nil {
			return err
		}
		return forget(ctx, tx, b.tenant, m, at, p)
	}))
	l.changed(watchedPerson(person))
	return err
}

// erasedAlready tells somebody who was erased from somebody who never was.
func erasedAlready(ctx context.Context, tx *store.Tx, tenant, person string) error {
	var at int64
	err := tx.QueryRow(ctx, `SELECT erased FROM people WHERE tenant = ? AND id = ?`, tenant, person).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return trellis.Errorf(trellis.NotFound, "person %q", person)
	}
	return err
}

// withdraw ends the enrolments of a person and takes the person's roles.
func (b *Batch) withdraw(ctx context.Context, tx *store.Tx, m emission, p *Person) error {
	rows, err := tx.Query(ctx, `SELECT `+enrollmentColumns+` FROM enrollments WHERE tenant = ? AND person = ? AND active = 1 ORDER BY course`, b.tenant, p.ID)
	if err != nil {
		return err
	}
	enrollments, err := collect(rows, scanEnrollment)
	if err != nil {
		return err
	}
	for _, e := range enrollments {
		course, err := courseByKey(ctx, tx, b.tenant, e.Course)
		if err != nil {
			return err
		}
		c := UnenrollChange{Enrollment: e, person: p, course: &course, emission: emission{trellis.DerivedID(m.id, "enrollment", e.Course)}}
		if err := c.Apply(ctx, tx); err != nil {
			return err
		}
	}
	if rows, err = tx.Query(ctx, `SELECT `+roleColumns+` FROM roles WHERE tenant = ? AND person = ? AND removed = 0
		ORDER BY role, organisation, course`, b.tenant, p.ID); err != nil {
		return err
	}
	roles, err := collect(rows, scanRole)
	if err != nil {
		return err
	}
	by := trellis.ActorFrom(ctx)
	for _, r := range roles {
		c := RoleChange{Role: r, remove: true, person: p, emission: emission{trellis.DerivedID(m.id, "role", r.Role, r.Organisation, r.Course)}}
		if actor, ok := b.Person(by.ID); ok && by.Kind == trellis.PersonActor {
			c.actor = actor.Number
		}
		if err := c.Apply(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// forget empties the row of a person and drops what else leads to her.
func forget(ctx context.Context, tx *store.Tx, tenant string, m emission, at time.Time, p Person) error {
	// A name to log in with has no space in it, so nobody ever has this one.
	if _, err := tx.Exec(ctx, `UPDATE people SET username = '', login = ?, email = '', name = '', password = '', active = 0, erased = ?, event = ?
		WHERE tenant = ? AND id = ?`, " "+p.ID, store.Micros(at), m.id, tenant, p.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM tokens WHERE tenant = ? AND person = ?`, tenant, p.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM outside WHERE tenant = ? AND id = ?`, tenant, p.ID); err != nil {
		return err
	}
	e, err := PersonErased.New(ctx, "people/"+p.ID, UserPayload{trellis.User{ID: p.ID, Number: p.Number}})
	_, err = m.emit(ctx, tx, 0, e, err)
	return err
}
