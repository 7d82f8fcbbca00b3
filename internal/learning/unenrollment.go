package learning

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Unenroll says who is to leave which course.
type Unenroll struct {
	Person string `json:"person,omitempty" doc:"ID of the person; the one who asks if absent."`
	Course string `json:"course" doc:"Key of the course."`
}

// UnenrollChange is an enrolment to be ended.
type UnenrollChange struct {
	Enrollment Enrollment
	Outcome    Outcome
	person     *Person
	course     *Course
	by         *trellis.User
	emission   emission
}

// Unenroll ends an enrolment: filter [UnenrollmentStarted], event
// [UnenrollmentCompleted].
func (l *Learning) Unenroll(ctx context.Context, in Unenroll) (Enrollment, error) {
	b, err := l.Batch(ctx, Keys{Enrollments: [][2]string{{in.Course, in.Person}}})
	if err != nil {
		return Enrollment{}, err
	}
	c, err := b.PrepareUnenroll(ctx, in)
	if err != nil {
		return Enrollment{}, err
	}
	if c.Outcome == Unchanged {
		return c.Enrollment, nil
	}
	if err := l.write(ctx, c); err != nil {
		return Enrollment{}, err
	}
	return c.Enrollment, nil
}

// PrepareUnenroll prepares [Learning.Unenroll]. Its outcome is [Unchanged] at
// once for an enrolment that has ended already.
func (b *Batch) PrepareUnenroll(ctx context.Context, in Unenroll) (*UnenrollChange, error) {
	present, ok := b.Enrollment(in.Course, in.Person)
	if !ok {
		return nil, trellis.Errorf(trellis.NotFound, "no enrolment of person %q in course %q", in.Person, in.Course)
	}
	if !present.Active {
		return &UnenrollChange{Enrollment: present, Outcome: Unchanged}, nil
	}
	course, err := b.course(in.Course)
	if err != nil {
		return nil, err
	}
	person, err := b.person(in.Person)
	if err != nil {
		return nil, err
	}
	by := b.other(ctx, in.Person)
	b.mu.RLock()
	question := UnenrollmentQuestion{Enrollment: present.data(person.User, *course, by)}
	b.mu.RUnlock()
	answer, err := UnenrollmentStarted.Apply(ctx, b.l.filters, question)
	if err != nil {
		return nil, err
	}
	if err := untouched(UnenrollmentStarted.Name(), question, answer); err != nil {
		return nil, err
	}
	present.Active = false
	b.mu.Lock()
	b.enrollments[[2]string{in.Course, in.Person}] = present
	b.mu.Unlock()
	return &UnenrollChange{Enrollment: present, person: person, course: course, by: by, emission: newEmission(ctx)}, nil
}

// Apply implements [store.Change].
func (c *UnenrollChange) Apply(ctx context.Context, tx *store.Tx) error {
	if c.person == nil {
		return nil
	}
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	e := &c.Enrollment
	present, err := enrollment(ctx, tx, tenant, e.Course, e.Person)
	if err != nil {
		return err
	}
	*e = present
	if !present.Active {
		c.Outcome = Unchanged
		return nil
	}
	e.Active, e.Event, c.Outcome = false, c.emission.of(0), Removed
	if _, err := tx.Exec(ctx, `UPDATE enrollments SET active = 0, event = ? WHERE tenant = ? AND course = ? AND person = ?`,
		e.Event, tenant, e.Course, e.Person); err != nil {
		return err
	}
	ev, err := UnenrollmentCompleted.New(ctx, "enrollments/"+e.Course+"/"+e.Person, EnrollmentPayload{e.data(c.person.User, *c.course, c.by)})
	_, err = c.emission.emit(ctx, tx, 0, ev, err)
	return err
}

// untouched holds the answer of filters against what they were asked, where they
// may refuse but have nothing to change: what they changed all the same must not
// be lost in silence.
func untouched[T any](filter string, asked, answered T) error {
	a, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	b, err := json.Marshal(answered)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return trellis.Errorf(trellis.Invalid, "a filter may let %s pass or refuse it, but change nothing of it", filter)
	}
	return nil
}
