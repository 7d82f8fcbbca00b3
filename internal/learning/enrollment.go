package learning

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// DefaultMode is the mode of an enrolment for which none is named.
const DefaultMode = "audit"

// Enrollment is somebody's place in a course.
type Enrollment struct {
	Person    string    `json:"person" doc:"ID of the person."`
	Course    string    `json:"course" doc:"Key of the course."`
	Mode      string    `json:"mode" doc:"Track: audit, verified and so on."`
	Active    bool      `json:"is_active" doc:"Whether the enrolment counts; one that ended is kept."`
	Created   time.Time `json:"created" doc:"When the person was first enrolled in the course."`
	CreatedBy string    `json:"created_by,omitempty" doc:"Who did it."`
	Event     string    `json:"event" doc:"ID of the last event that changed it."`
}

// Enroll says who is to be enrolled where.
type Enroll struct {
	Person string `json:"person,omitempty" doc:"ID of the person; the one who asks if absent."`
	Course string `json:"course" doc:"Key of the course."`
	Mode   string `json:"mode,omitempty" doc:"Track of the enrolment; audit if absent."`
}

// modePattern takes in Open edX's modes (audit, honor, verified, professional,
// no-id-professional, credit, masters, executive-education, …) and those that a
// tenant makes for itself.
var modePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// EnrollChange is an enrolment to be made or changed.
type EnrollChange struct {
	Enrollment Enrollment // complete when the change was applied
	Outcome    Outcome
	person     *Person
	course     *Course
	emission   emission
}

// Enroll enrols a person in a course, again if the person had left it, or
// changes the mode: filter [EnrollmentStarted], events [EnrollmentCreated] or
// [EnrollmentChanged]. Where it is so already nobody is asked and nothing happens.
func (l *Learning) Enroll(ctx context.Context, in Enroll) (Enrollment, error) {
	b, err := l.Batch(ctx, Keys{Enrollments: [][2]string{{in.Course, in.Person}}})
	if err != nil {
		return Enrollment{}, err
	}
	c, err := b.PrepareEnroll(ctx, in)
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

// PrepareEnroll prepares [Learning.Enroll]. Person and course must be known to
// the batch. The change's outcome is [Unchanged] at once if the batch knows that
// the enrolment is so already; applying it then does nothing.
func (b *Batch) PrepareEnroll(ctx context.Context, in Enroll) (*EnrollChange, error) {
	if in.Mode == "" {
		in.Mode = DefaultMode
	}
	if !modePattern.MatchString(in.Mode) {
		return nil, trellis.Errorf(trellis.Invalid, "the mode %.80q is not of the form [a-z][a-z0-9-]*", in.Mode)
	}
	course, err := b.course(in.Course)
	if err != nil {
		return nil, err
	}
	person, err := b.person(in.Person)
	if err != nil {
		return nil, err
	}
	if present, ok := b.Enrollment(in.Course, in.Person); ok && present.Active && present.Mode == in.Mode {
		return &EnrollChange{Enrollment: present, Outcome: Unchanged}, nil
	}
	user, err := b.active(person)
	if err != nil {
		return nil, err
	}
	if err := b.mayEnroll(ctx, in, course); err != nil {
		return nil, err
	}
	q, err := EnrollmentStarted.Apply(ctx, b.l.filters, EnrollmentQuestion{User: user, CourseKey: in.Course, Mode: in.Mode})
	if err != nil {
		return nil, err
	}
	if q.User != user || q.CourseKey != in.Course {
		return nil, trellis.Errorf(trellis.Invalid, "a filter may change the mode of an enrolment, but neither the person nor the course")
	}
	if !modePattern.MatchString(q.Mode) {
		return nil, trellis.Errorf(trellis.Invalid, "a filter asked for the mode %.80q, which is not of the form [a-z][a-z0-9-]*", q.Mode)
	}
	c := &EnrollChange{
		Enrollment: Enrollment{
			Person: in.Person, Course: in.Course, Mode: q.Mode, Active: true, Created: now(), CreatedBy: trellis.ActorFrom(ctx).String(),
		},
		person: person, course: course, emission: newEmission(ctx),
	}
	b.mu.Lock()
	b.enrollments[[2]string{in.Course, in.Person}] = c.Enrollment
	b.mu.Unlock()
	return c, nil
}

// active returns the user that person is, if the account works.
func (b *Batch) active(person *Person) (trellis.User, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !person.Active {
		return trellis.User{}, trellis.Errorf(trellis.Conflict, "the account of the person is not active")
	}
	return person.User, nil
}

// mayEnroll applies the course's own rules to somebody who enrols herself.
// Course staff and systems are above them.
func (b *Batch) mayEnroll(ctx context.Context, in Enroll, course *Course) error {
	actor := trellis.ActorFrom(ctx)
	if actor.Kind != trellis.PersonActor || actor.ID != in.Person {
		return nil
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	at := time.Now()
	switch {
	case course.InvitationOnly:
		return trellis.Errorf(trellis.Denied, "enrolment in %s is by invitation only", course.Key)
	case course.EnrollmentStart != nil && at.Before(*course.EnrollmentStart):
		return trellis.Errorf(trellis.Conflict, "enrolment in %s has not opened yet", course.Key)
	case course.EnrollmentEnd != nil && at.After(*course.EnrollmentEnd):
		return trellis.Errorf(trellis.Conflict, "enrolment in %s has closed", course.Key)
	}
	return nil
}

// Apply implements [store.Change].
func (c *EnrollChange) Apply(ctx context.Context, tx *store.Tx) error {
	if c.person == nil {
		return nil // unchanged when it was prepared
	}
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	e := &c.Enrollment
	present, err := enrollment(ctx, tx, tenant, e.Course, e.Person)
	switch {
	case err == nil && present.Active && present.Mode == e.Mode:
		*e, c.Outcome = present, Unchanged
		return nil
	case err == nil:
		e.Created, e.CreatedBy, e.Event, c.Outcome = present.Created, present.CreatedBy, c.emission.of(0), Changed
		_, err = tx.Exec(ctx, `UPDATE enrollments SET mode = ?, active = 1, event = ? WHERE tenant = ? AND course = ? AND person = ?`,
			e.Mode, e.Event, tenant, e.Course, e.Person)
	case trellis.KindOf(err) == trellis.NotFound:
		e.Event, c.Outcome = c.emission.of(0), Created
		_, err = tx.Exec(ctx, `INSERT INTO enrollments (tenant, course, person, mode, active, created, created_by, event) VALUES (?, ?, ?, ?, 1, ?, ?, ?)`,
			tenant, e.Course, e.Person, e.Mode, store.Micros(e.Created), e.CreatedBy, e.Event)
	}
	if err != nil {
		return err
	}
	typ := EnrollmentChanged
	if c.Outcome == Created || !present.Active {
		typ, c.Outcome = EnrollmentCreated, Created
	}
	ev, err := typ.New(ctx, "enrollments/"+e.Course+"/"+e.Person, EnrollmentPayload{e.data(c.person.User, *c.course)})
	_, err = c.emission.emit(ctx, tx, 0, ev, err)
	return err
}

func (e Enrollment) data(u trellis.User, c Course) EnrollmentData {
	return EnrollmentData{User: u, Course: c.data(), Mode: e.Mode, IsActive: e.Active, CreationDate: e.Created}
}

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
	b.mu.RLock()
	question := UnenrollmentQuestion{Enrollment: present.data(person.User, *course)}
	b.mu.RUnlock()
	if _, err := UnenrollmentStarted.Apply(ctx, b.l.filters, question); err != nil {
		return nil, err
	}
	present.Active = false
	b.mu.Lock()
	b.enrollments[[2]string{in.Course, in.Person}] = present
	b.mu.Unlock()
	return &UnenrollChange{Enrollment: present, person: person, course: course, emission: newEmission(ctx)}, nil
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
	ev, err := UnenrollmentCompleted.New(ctx, "enrollments/"+e.Course+"/"+e.Person, EnrollmentPayload{e.data(c.person.User, *c.course)})
	_, err = c.emission.emit(ctx, tx, 0, ev, err)
	return err
}

// Enrollment returns a person's enrolment in a course, active or not.
func (l *Learning) Enrollment(ctx context.Context, course, person string) (Enrollment, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Enrollment{}, err
	}
	var e Enrollment
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		e, err = enrollment(ctx, tx, tenant, course, person)
		return err
	})
	return e, err
}

const enrollmentColumns = `person, course, mode, active, created, created_by, event`

func scanEnrollment(row interface{ Scan(...any) error }) (Enrollment, error) {
	var e Enrollment
	var created int64
	err := row.Scan(&e.Person, &e.Course, &e.Mode, &e.Active, &created, &e.CreatedBy, &e.Event)
	e.Created = store.FromMicros(created)
	return e, err
}

func enrollment(ctx context.Context, tx *store.Tx, tenant, course, person string) (Enrollment, error) {
	e, err := scanEnrollment(tx.QueryRow(ctx, `SELECT `+enrollmentColumns+` FROM enrollments WHERE tenant = ? AND course = ? AND person = ?`,
		tenant, course, person))
	if errors.Is(err, sql.ErrNoRows) {
		return e, trellis.Errorf(trellis.NotFound, "no enrolment of person %q in course %q", person, course)
	}
	return e, err
}
