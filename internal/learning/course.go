package learning

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/internal/store"
)

// Course is a course run.
type Course struct {
	Key             string     `json:"key" doc:"Key of the course run: course-v1:ORG+CODE+RUN."`
	Organisation    string     `json:"organisation" doc:"Key of the organisation that gives it."`
	Title           string     `json:"title" doc:"What it is called."`
	Start           *time.Time `json:"start,omitempty" doc:"When it begins."`
	End             *time.Time `json:"end,omitempty" doc:"When it ends."`
	EnrollmentStart *time.Time `json:"enrollment_start,omitempty" doc:"When enrolment opens."`
	EnrollmentEnd   *time.Time `json:"enrollment_end,omitempty" doc:"When enrolment closes."`
	Pacing          string     `json:"pacing" doc:"Whether an instructor or the learner sets the pace." enum:"instructor,self"`
	Hidden          bool       `json:"hidden" doc:"Whether the catalogue leaves it out."`
	InvitationOnly  bool       `json:"invitation_only" doc:"Whether learners may not enrol themselves."`
	OpenModes       []string   `json:"open_modes" doc:"Modes in which learners may enrol themselves."`
	Seats           int        `json:"seats,omitempty" doc:"How many may be enrolled at once; absent for as many as like."`
	Created         time.Time  `json:"created" doc:"When it was made."`
	Event           string     `json:"event" doc:"ID of the last event that changed it."`
}

func (c Course) data() CourseData {
	return CourseData{CourseKey: c.Key, DisplayName: c.Title, Start: c.Start, End: c.End}
}

func (c Course) catalog() CatalogData {
	return CatalogData{
		CourseKey: c.Key, Name: c.Title, Hidden: c.Hidden, InvitationOnly: c.InvitationOnly,
		ScheduleData: ScheduleData{Start: c.Start, End: c.End, EnrollmentStart: c.EnrollmentStart, EnrollmentEnd: c.EnrollmentEnd, Pacing: c.Pacing},
	}
}

// CreateCourse says which course is to be made.
type CreateCourse struct {
	Key             string     `json:"key" doc:"Key of the course run: course-v1:ORG+CODE+RUN. The organisation is made if it is new."`
	Title           string     `json:"title" doc:"What it is called."`
	Start           *time.Time `json:"start,omitempty" doc:"When it begins."`
	End             *time.Time `json:"end,omitempty" doc:"When it ends."`
	EnrollmentStart *time.Time `json:"enrollment_start,omitempty" doc:"When enrolment opens."`
	EnrollmentEnd   *time.Time `json:"enrollment_end,omitempty" doc:"When enrolment closes."`
	Pacing          string     `json:"pacing,omitempty" doc:"Whether an instructor (the default) or the learner sets the pace." enum:"instructor,self"`
	Hidden          bool       `json:"hidden,omitempty" doc:"Whether the catalogue leaves it out."`
	InvitationOnly  bool       `json:"invitation_only,omitempty" doc:"Whether learners may not enrol themselves."`
	OpenModes       []string   `json:"open_modes,omitempty" doc:"Modes in which learners may enrol themselves: audit and honor if absent."`
	Seats           int        `json:"seats,omitempty" doc:"How many may be enrolled at once; absent for as many as like."`
}

// CourseChange is a course to be made or changed.
type CourseChange struct {
	Course   *Course
	Outcome  Outcome
	create   bool
	in       UpdateCourse
	emission emission
}

// CreateCourse makes a course, and its organisation if that is new: events
// [CourseCreated] and [CatalogInfoChanged]. A course that exists with the same
// data is left as it is; with other data it is a [trellis.Conflict].
func (l *Learning) CreateCourse(ctx context.Context, in CreateCourse) (Course, error) {
	b, err := l.Batch(ctx, Keys{Courses: []string{in.Key}})
	if err != nil {
		return Course{}, err
	}
	c, err := b.PrepareCreateCourse(ctx, in)
	if err != nil {
		return Course{}, err
	}
	if err := l.write(ctx, c); err != nil {
		return Course{}, err
	}
	return *c.Course, nil
}

// PrepareCreateCourse prepares [Learning.CreateCourse]. The batch knows the
// course from then on.
func (b *Batch) PrepareCreateCourse(ctx context.Context, in CreateCourse) (*CourseChange, error) {
	if b.tenant == trellis.PlatformTenant {
		return nil, errOperatorsOnly()
	}
	key, err := trellis.ParseCourseKey(in.Key)
	if err != nil {
		return nil, err
	}
	if in.Pacing == "" {
		in.Pacing = "instructor"
	}
	if in.OpenModes == nil {
		in.OpenModes = []string{DefaultMode, "honor"}
	}
	if in.Title, err = line.Clean("the title of the course", in.Title, 1, 255); err != nil {
		return nil, err
	}
	c := &CourseChange{create: true, emission: newEmission(ctx)}
	c.Course = &Course{
		Key: in.Key, Organisation: key.Organisation, Title: in.Title, Pacing: in.Pacing,
		Start: micros(in.Start), End: micros(in.End), EnrollmentStart: micros(in.EnrollmentStart), EnrollmentEnd: micros(in.EnrollmentEnd),
		Hidden: in.Hidden, InvitationOnly: in.InvitationOnly, OpenModes: sortedModes(in.OpenModes), Seats: in.Seats, Created: now(),
	}
	if err := c.Course.validate(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.courses[in.Key]; !ok {
		b.courses[in.Key] = c.Course
	}
	return c, nil
}

// UpdateCourse says what of a course is to change; nil leaves a field as it is, and
// the zero time takes a date away.
type UpdateCourse struct {
	Key             string     `json:"course" doc:"Key of the course."`
	Title           *string    `json:"title,omitempty" doc:"What it is called."`
	Start           *time.Time `json:"start,omitempty" doc:"When it begins."`
	End             *time.Time `json:"end,omitempty" doc:"When it ends."`
	EnrollmentStart *time.Time `json:"enrollment_start,omitempty" doc:"When enrolment opens."`
	EnrollmentEnd   *time.Time `json:"enrollment_end,omitempty" doc:"When enrolment closes."`
	Pacing          *string    `json:"pacing,omitempty" doc:"Whether an instructor or the learner sets the pace." enum:"instructor,self"`
	Hidden          *bool      `json:"hidden,omitempty" doc:"Whether the catalogue leaves it out."`
	InvitationOnly  *bool      `json:"invitation_only,omitempty" doc:"Whether learners may not enrol themselves."`
	OpenModes       []string   `json:"open_modes,omitempty" doc:"Modes in which learners may enrol themselves."`
	Seats           *int       `json:"seats,omitempty" doc:"How many may be enrolled at once; 0 for as many as like."`
	Since           string     `json:"since,omitempty" doc:"The event of the course as it was read: if it has changed since, nothing is changed."`
}

// UpdateCourse changes a course: event [CatalogInfoChanged].
func (l *Learning) UpdateCourse(ctx context.Context, in UpdateCourse) (Course, error) {
	b, err := l.Batch(ctx, Keys{Courses: []string{in.Key}})
	if err != nil {
		return Course{}, err
	}
	c, err := b.PrepareUpdateCourse(ctx, in)
	if err != nil {
		return Course{}, err
	}
	if err := l.write(ctx, c); err != nil {
		return Course{}, err
	}
	return *c.Course, nil
}

// PrepareUpdateCourse prepares [Learning.UpdateCourse].
func (b *Batch) PrepareUpdateCourse(ctx context.Context, in UpdateCourse) (*CourseChange, error) {
	c, err := b.course(in.Key)
	if err != nil {
		return nil, err
	}
	if in.Title != nil {
		title, err := line.Clean("the title of the course", *in.Title, 1, 255)
		if err != nil {
			return nil, err
		}
		in.Title = &title
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	next := in.of(*c)
	if err := next.validate(); err != nil {
		return nil, err
	}
	*c = next
	return &CourseChange{Course: c, in: in, emission: newEmission(ctx)}, nil
}

func (in UpdateCourse) of(c Course) Course {
	set(&c.Title, in.Title)
	set(&c.Pacing, in.Pacing)
	set(&c.Hidden, in.Hidden)
	set(&c.InvitationOnly, in.InvitationOnly)
	set(&c.Seats, in.Seats)
	if in.OpenModes != nil {
		c.OpenModes = sortedModes(in.OpenModes)
	}
	for _, f := range []struct{ to, from **time.Time }{
		{&c.Start, &in.Start}, {&c.End, &in.End}, {&c.EnrollmentStart, &in.EnrollmentStart}, {&c.EnrollmentEnd, &in.EnrollmentEnd},
	} {
		if *f.from != nil {
			*f.to = micros(*f.from)
		}
	}
	return c
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (c Course) validate() error {
	switch {
	case c.Pacing != "instructor" && c.Pacing != "self":
		return trellis.Errorf(trellis.Invalid, "the pacing is instructor or self, not %q", c.Pacing)
	case c.Start != nil && c.End != nil && c.End.Before(*c.Start):
		return trellis.Errorf(trellis.Invalid, "the course ends before it starts")
	case c.EnrollmentStart != nil && c.EnrollmentEnd != nil && c.EnrollmentEnd.Before(*c.EnrollmentStart):
		return trellis.Errorf(trellis.Invalid, "enrolment closes before it opens")
	case c.Seats < 0 || c.Seats > maxSeats:
		return trellis.Errorf(trellis.Invalid, "the seats lie between 0 and %d", maxSeats)
	case len(c.OpenModes) > maxModes:
		return trellis.Errorf(trellis.Invalid, "a course has at most %d modes", maxModes)
	}
	for _, m := range c.OpenModes {
		if !modePattern.MatchString(m) {
			return trellis.Errorf(trellis.Invalid, "the mode %.80q is not of the form [a-z][a-z0-9-]*", m)
		}
	}
	return nil
}

const (
	maxSeats = 1_000_000
	maxModes = 32
)

func sortedModes(modes []string) []string {
	out := append([]string{}, modes...)
	slices.Sort(out)
	return slices.Compact(out)
}

// admits applies the course's rules to somebody who enrols herself.
func (c Course) admits(mode string, at time.Time) error {
	switch {
	case c.InvitationOnly:
		return trellis.Errorf(trellis.Denied, "enrolment in %s is by invitation only", c.Key)
	case !slices.Contains(c.OpenModes, mode):
		return trellis.Errorf(trellis.Denied, "nobody enrols herself in %s in the mode %s", c.Key, mode)
	case c.EnrollmentStart != nil && at.Before(*c.EnrollmentStart):
		return trellis.Errorf(trellis.Conflict, "enrolment in %s has not opened yet", c.Key)
	case c.EnrollmentEnd != nil && at.After(*c.EnrollmentEnd):
		return trellis.Errorf(trellis.Conflict, "enrolment in %s has closed", c.Key)
	}
	return nil
}

// Apply implements [store.Change].
func (c *CourseChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	present, err := courseByKey(ctx, tx, tenant, c.key())
	known := err == nil
	if err != nil && (!c.create || trellis.KindOf(err) != trellis.NotFound) {
		return err
	}
	if since := c.in.Since; since != "" && since != present.Event {
		return trellis.Errorf(trellis.Conflict, "the course has changed since it was read: read it again, then decide")
	}
	next := c.in.of(present)
	if c.create {
		next = *c.Course
		next.Created, next.Event = present.Created, present.Event
		if known && !sameCourse(next, present) {
			return trellis.Errorf(trellis.Conflict, "the course %s exists already", present.Key)
		}
		next.Created = c.Course.Created
	}
	if err := next.validate(); err != nil {
		return err // two changes, each of them right, that contradict each other
	}
	if known && sameCourse(next, present) {
		*c.Course, c.Outcome = present, Unchanged
		return nil
	}
	next.Event = c.emission.of(0)
	if known {
		c.Outcome = Changed
		_, err = tx.Exec(ctx, `UPDATE courses SET title = ?, starts = ?, ends = ?, enrollment_start = ?, enrollment_end = ?, pacing = ?,
			hidden = ?, invitation_only = ?, open_modes = ?, seats = ?, event = ? WHERE tenant = ? AND key = ?`,
			next.Title, nullMicros(next.Start), nullMicros(next.End), nullMicros(next.EnrollmentStart), nullMicros(next.EnrollmentEnd), next.Pacing,
			next.Hidden, next.InvitationOnly, strings.Join(next.OpenModes, " "), next.Seats, next.Event, tenant, next.Key)
	} else {
		c.Outcome = Created
		if err := c.organisation(ctx, tx, tenant, next.Organisation); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO courses (tenant, key, organisation, title, starts, ends, enrollment_start, enrollment_end, pacing,
			hidden, invitation_only, open_modes, seats, created, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			tenant, next.Key, next.Organisation, next.Title, nullMicros(next.Start), nullMicros(next.End), nullMicros(next.EnrollmentStart),
			nullMicros(next.EnrollmentEnd), next.Pacing, next.Hidden, next.InvitationOnly, strings.Join(next.OpenModes, " "), next.Seats, store.Micros(next.Created), next.Event)
	}
	if err != nil {
		return err
	}
	*c.Course = next
	e, err := CatalogInfoChanged.New(ctx, "courses/"+next.Key, CatalogPayload{next.catalog()})
	if _, err := c.emission.emit(ctx, tx, 0, e, err); err != nil || known {
		return err
	}
	e, err = CourseCreated.New(ctx, "courses/"+next.Key, CoursePayload{next.data()})
	_, err = c.emission.emit(ctx, tx, 1, e, err)
	return err
}

// organisation makes the organisation of a new course if there is none yet.
func (c *CourseChange) organisation(ctx context.Context, tx *store.Tx, tenant, key string) error {
	o := OrganisationChange{Organisation: Organisation{Key: key, Title: key}, ifAbsent: true, emission: emission{c.emission.of(2)}}
	return o.Apply(ctx, tx)
}

func (c *CourseChange) key() string {
	if c.create {
		return c.Course.Key
	}
	return c.in.Key
}

// sameCourse compares what a caller decides of a course.
func sameCourse(a, b Course) bool {
	a.Created, a.Event, b.Created, b.Event = time.Time{}, "", time.Time{}, ""
	return reflect.DeepEqual(a, b)
}

// Course returns the course with this key.
func (l *Learning) Course(ctx context.Context, key string) (Course, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Course{}, err
	}
	var c Course
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		c, err = courseByKey(ctx, tx, tenant, key)
		return err
	})
	return c, err
}

const courseColumns = `key, organisation, title, starts, ends, enrollment_start, enrollment_end, pacing, hidden, invitation_only,
	open_modes, seats, created, event`

func scanCourse(row interface{ Scan(...any) error }) (Course, error) {
	var c Course
	var start, end, open, closed sql.NullInt64
	var created int64
	var modes string
	err := row.Scan(&c.Key, &c.Organisation, &c.Title, &start, &end, &open, &closed, &c.Pacing, &c.Hidden, &c.InvitationOnly,
		&modes, &c.Seats, &created, &c.Event)
	c.OpenModes = append([]string{}, strings.Fields(modes)...)
	c.Start, c.End, c.EnrollmentStart, c.EnrollmentEnd = fromNull(start), fromNull(end), fromNull(open), fromNull(closed)
	c.Created = store.FromMicros(created)
	return c, err
}

func courseByKey(ctx context.Context, tx *store.Tx, tenant, key string) (Course, error) {
	c, err := scanCourse(tx.QueryRow(ctx, `SELECT `+courseColumns+` FROM courses WHERE tenant = ? AND key = ?`, tenant, key))
	if errors.Is(err, sql.ErrNoRows) {
		return c, trellis.Errorf(trellis.NotFound, "course %q", key)
	}
	return c, err
}

func coursesWhere(ctx context.Context, tx *store.Tx, where string, args ...any) ([]Course, error) {
	rows, err := tx.Query(ctx, `SELECT `+courseColumns+` FROM courses WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanCourse)
}

func micros(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	u := t.UTC().Truncate(time.Microsecond)
	return &u
}

func nullMicros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return store.Micros(*t)
}

func fromNull(n sql.NullInt64) *time.Time {
	if !n.Valid {
		return nil
	}
	t := store.FromMicros(n.Int64)
	return &t
}
