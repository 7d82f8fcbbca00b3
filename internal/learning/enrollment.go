package learning

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"
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
	Mode   string `json:"mode,omitempty" doc:"Track of the enrolment; absent, the one that it had, or audit."`

	// When is for who brings what has happened elsewhere: when that was, zero for now.
	When time.Time `json:"-"`
}

// modePattern takes in Open edX's modes (audit, honor, verified, professional,
// no-id-professional, credit, masters, executive-education, …) and those that a
// tenant makes for itself.
var modePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// EnrollChange is an enrolment to be made or changed.
type EnrollChange struct {
	Enrollment Enrollment // complete when the change was applied
	Outcome    Outcome
	asked      string // the mode before filters
	at         time.Time
	happened   time.Time // if not now
	bound      bool      // the course's own rules hold for whoever asks
	person     *Person
	course     *Course
	by         *trellis.User // who enrols the person, if somebody else does
	emission   emission
}

// Enroll enrols a person in a course, again if the person had left it, or
// changes the mode: filter [EnrollmentStarted], events [EnrollmentCreated] or
// [EnrollmentChanged]. Where it is so already nobody is asked and nothing happens.
// Without a mode one that the enrolment has already stays.
//
// A person who enrols herself is bound by the course's rules: when enrolment is
// open, by invitation or not, and in which modes. The seats of a course bind
// everybody. Both are looked at again in the transaction.
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
	if in.Mode != "" && !modePattern.MatchString(in.Mode) {
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
	present, known := b.Enrollment(in.Course, in.Person)
	if known && present.Active && (in.Mode == present.Mode || in.Mode == "") {
		return &EnrollChange{Enrollment: present, Outcome: Unchanged}, nil
	}
	user, err := b.active(person)
	if err != nil {
		return nil, err
	}
	c := &EnrollChange{asked: in.Mode, at: now(), happened: in.When, bound: bound(ctx, in), person: person, course: course, by: b.other(ctx, in.Person)}
	if err := b.settleMode(c, present.Mode); err != nil {
		return nil, err
	}
	q, err := EnrollmentStarted.Apply(ctx, b.l.filters, EnrollmentQuestion{User: user, CourseKey: in.Course, Mode: c.asked})
	if err != nil {
		return nil, err
	}
	if q.User != user || q.CourseKey != in.Course {
		return nil, trellis.Errorf(trellis.Invalid, "a filter may change the mode of an enrolment, but neither the person nor the course")
	}
	if !modePattern.MatchString(q.Mode) {
		return nil, trellis.Errorf(trellis.Invalid, "a filter asked for the mode %.80q, which is not of the form [a-z][a-z0-9-]*", q.Mode)
	}
	c.emission = newEmission(ctx)
	c.Enrollment = Enrollment{
		Person: in.Person, Course: in.Course, Mode: q.Mode, Active: true, Created: c.at, CreatedBy: trellis.ActorFrom(ctx).String(),
	}
	if !c.happened.IsZero() {
		c.Enrollment.Created = c.happened.UTC().Truncate(time.Microsecond)
	}
	b.mu.Lock()
	b.enrollments[[2]string{in.Course, in.Person}] = c.Enrollment
	b.mu.Unlock()
	return c, nil
}

// settleMode decides in which mode somebody asks to be enrolled who named none,
// and holds it against the course's rules.
func (b *Batch) settleMode(c *EnrollChange, before string) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c.asked == "" {
		c.asked = DefaultMode
		if before != "" && (!c.bound || slices.Contains(c.course.OpenModes, before)) {
			c.asked = before
		}
	}
	if c.bound {
		return c.course.admits(c.asked, c.at)
	}
	return nil
}

// active returns the user that person is, if the account works.
func (b *Batch) active(person *Person) (trellis.User, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !person.Active {
		return trellis.User{}, errInactive()
	}
	return person.User, nil
}

func errInactive() error {
	return trellis.Errorf(trellis.Conflict, "the account of the person is not active")
}

// bound reports whether the course's rules hold for the one who asks: a person
// who enrols herself, and whose roles do not let her enrol others there.
func bound(ctx context.Context, in Enroll) bool {
	actor := trellis.ActorFrom(ctx)
	return actor.Kind == trellis.PersonActor && actor.ID == in.Person &&
		!byRoles(actor, "enrollments:write").Allows(inCourse(in.Course, ""))
}

// other returns the person who acts, if that is not the one named.
func (b *Batch) other(ctx context.Context, person string) *trellis.User {
	actor := trellis.ActorFrom(ctx)
	if actor.Kind != trellis.PersonActor || actor.ID == person {
		return nil
	}
	if p, ok := b.Person(actor.ID); ok {
		return &trellis.User{ID: p.ID, Number: p.Number, Active: p.Active}
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
	present, known, err := c.stands(ctx, tx, tenant)
	switch {
	case err != nil:
		return err
	case known && present.Active && present.Mode == e.Mode:
		*e, c.Outcome = present, Unchanged
		return nil
	case known:
		e.Created, e.CreatedBy, e.Event, c.Outcome = present.Created, present.CreatedBy, c.emission.of(0), Changed
		_, err = tx.Exec(ctx, `UPDATE enrollments SET mode = ?, active = 1, event = ? WHERE tenant = ? AND course = ? AND person = ?`,
			e.Mode, e.Event, tenant, e.Course, e.Person)
	default:
		e.Event, c.Outcome = c.emission.of(0), Created
		_, err = tx.Exec(ctx, `INSERT INTO enrollments (tenant, course, person, mode, active, created, created_by, event) VALUES (?, ?, ?, ?, 1, ?, ?, ?)`,
			tenant, e.Course, e.Person, e.Mode, store.Micros(e.Created), e.CreatedBy, e.Event)
	}
	if err != nil {
		return err
	}
	typ := EnrollmentChanged
	if !present.Active {
		typ, c.Outcome = EnrollmentCreated, Created
	}
	ev, err := typ.New(ctx, "enrollments/"+e.Course+"/"+e.Person, EnrollmentPayload{e.data(c.person.User, *c.course, c.by)})
	if !c.happened.IsZero() {
		ev.Time = c.happened
	}
	_, err = c.emission.emit(ctx, tx, 0, ev, err)
	return err
}

// stands returns the enrolment as it is, if there is one, and looks again at all
// that allowed the change when it was prepared: others may have written since.
func (c *EnrollChange) stands(ctx context.Context, tx *store.Tx, tenant string) (present Enrollment, known bool, err error) {
	e := &c.Enrollment
	var active bool
	var rules Course
	var open, closed, created sql.NullInt64
	var modes string
	var mode, by, event sql.NullString
	var enrolled sql.NullBool
	err = tx.QueryRow(ctx, `SELECT p.active, c.enrollment_start, c.enrollment_end, c.invitation_only, c.open_modes, c.seats,
			e.mode, e.active, e.created, e.created_by, e.event
		FROM people p JOIN courses c ON c.tenant = p.tenant AND c.key = ?
		LEFT JOIN enrollments e ON e.tenant = p.tenant AND e.course = c.key AND e.person = p.id
		WHERE p.tenant = ? AND p.id = ? AND p.erased = 0`, e.Course, tenant, e.Person).
		Scan(&active, &open, &closed, &rules.InvitationOnly, &modes, &rules.Seats, &mode, &enrolled, &created, &by, &event)
	if errors.Is(err, sql.ErrNoRows) {
		return present, false, trellis.Errorf(trellis.NotFound, "person %q, course %q", e.Person, e.Course)
	}
	if err != nil {
		return present, false, err
	}
	present, known = Enrollment{Person: e.Person, Course: e.Course}, mode.Valid
	if known {
		present.Mode, present.Active, present.Created = mode.String, enrolled.Bool, store.FromMicros(created.Int64)
		present.CreatedBy, present.Event = by.String, event.String
		if present.Active && present.Mode == e.Mode {
			return present, true, nil // nothing is left to decide
		}
	}
	if !active {
		return present, known, errInactive()
	}
	rules.Key, rules.OpenModes, rules.EnrollmentStart, rules.EnrollmentEnd = e.Course, strings.Fields(modes), fromNull(open), fromNull(closed)
	if c.bound {
		if err := rules.admits(c.asked, c.at); err != nil {
			return present, known, err
		}
	}
	if rules.Seats > 0 && !present.Active {
		return present, known, seat(ctx, tx, tenant, rules)
	}
	return present, known, nil
}

// seat reports whether the course has a seat left.
func seat(ctx context.Context, tx *store.Tx, tenant string, c Course) error {
	var taken int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM enrollments WHERE tenant = ? AND course = ? AND active = 1`, tenant, c.Key).Scan(&taken); err != nil {
		return err
	}
	if taken >= c.Seats {
		return trellis.Errorf(trellis.Conflict, "%s has no seat left of %d", c.Key, c.Seats)
	}
	return nil
}

// data is the enrolment as payloads name it. By is the one who changes it; the
// payload names her if it was she who made it.
func (e Enrollment) data(u trellis.User, c Course, by *trellis.User) EnrollmentData {
	d := EnrollmentData{User: u, Course: c.data(), Mode: e.Mode, IsActive: e.Active, CreationDate: e.Created}
	if by != nil && e.CreatedBy == (trellis.Actor{Kind: trellis.PersonActor, ID: by.ID}).String() {
		d.CreatedBy = by
	}
	return d
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
