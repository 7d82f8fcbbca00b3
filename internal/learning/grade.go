package learning

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Grade is what somebody achieved in a course, or in one item of it.
type Grade struct {
	Person   string     `json:"person" doc:"ID of the person."`
	Course   string     `json:"course" doc:"Key of the course."`
	Item     string     `json:"item,omitempty" doc:"What was graded; absent for the course as a whole."`
	Earned   float64    `json:"earned" doc:"Points earned."`
	Possible float64    `json:"possible" doc:"Points possible."`
	Letter   string     `json:"letter,omitempty" doc:"The grade as a letter."`
	Passed   bool       `json:"passed" doc:"Whether it suffices."`
	PassedAt *time.Time `json:"passed_at,omitempty" doc:"When it first sufficed."`
	Graded   time.Time  `json:"graded" doc:"When it was set."`
	Event    string     `json:"event" doc:"ID of the last event that changed it."`
}

// Percent returns the grade from 0 to 1.
func (g Grade) Percent() float64 {
	if g.Possible == 0 {
		return 0
	}
	return g.Earned / g.Possible
}

// SetGrade says what somebody achieved.
type SetGrade struct {
	Person   string  `json:"person" doc:"ID of the person."`
	Course   string  `json:"course" doc:"Key of the course."`
	Item     string  `json:"item,omitempty" doc:"What was graded; absent for the course as a whole."`
	Earned   float64 `json:"earned" doc:"Points earned, from 0 to the points possible."`
	Possible float64 `json:"possible" doc:"Points possible."`
	Letter   string  `json:"letter,omitempty" doc:"The grade as a letter."`
	Passed   bool    `json:"passed,omitempty" doc:"Whether it suffices."`
}

// GradeChange is a grade to be set.
type GradeChange struct {
	Grade    Grade
	Outcome  Outcome
	person   *Person
	course   *Course
	emission emission
}

// SetGrade sets a grade: events [GradeChanged] and, when it now suffices or no
// longer does, [PassingChanged] for a course; [ItemGradeChanged] for an item.
func (l *Learning) SetGrade(ctx context.Context, in SetGrade) (Grade, error) {
	b, err := l.Batch(ctx, Keys{Grades: [][3]string{{in.Course, in.Person, in.Item}}})
	if err != nil {
		return Grade{}, err
	}
	c, err := b.PrepareSetGrade(ctx, in)
	if err != nil {
		return Grade{}, err
	}
	if err := l.write(ctx, c); err != nil {
		return Grade{}, err
	}
	return c.Grade, nil
}

// PrepareSetGrade prepares [Learning.SetGrade].
func (b *Batch) PrepareSetGrade(ctx context.Context, in SetGrade) (*GradeChange, error) {
	switch {
	case !finite(in.Earned) || !finite(in.Possible) || in.Possible < 0 || in.Earned < 0 || in.Earned > in.Possible:
		return nil, trellis.Errorf(trellis.Invalid, "the points earned must lie between 0 and the points possible")
	case !printable(in.Item, 255) || !printable(in.Letter, 32):
		return nil, trellis.Errorf(trellis.Invalid, "an item has at most 255 characters, a letter grade 32, and neither has any that is not seen or turns the order of others")
	}
	course, err := b.course(in.Course)
	if err != nil {
		return nil, err
	}
	person, err := b.person(in.Person)
	if err != nil {
		return nil, err
	}
	c := &GradeChange{
		Grade: Grade{
			Person: in.Person, Course: in.Course, Item: in.Item, Earned: in.Earned, Possible: in.Possible, Letter: in.Letter, Passed: in.Passed, Graded: now(),
		},
		person: person, course: course, emission: newEmission(ctx),
	}
	b.mu.Lock()
	b.grades[[3]string{in.Course, in.Person, in.Item}] = c.Grade
	b.mu.Unlock()
	return c, nil
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// Apply implements [store.Change].
func (c *GradeChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	g := &c.Grade
	present, err := grade(ctx, tx, tenant, g.Course, g.Person, g.Item)
	known := err == nil
	if err != nil && trellis.KindOf(err) != trellis.NotFound {
		return err
	}
	if known && present.Earned == g.Earned && present.Possible == g.Possible && present.Letter == g.Letter && present.Passed == g.Passed {
		*g, c.Outcome = present, Unchanged
		return nil
	}
	g.PassedAt = present.PassedAt
	if g.Passed && g.PassedAt == nil {
		g.PassedAt = &g.Graded
	}
	g.Event, c.Outcome = c.emission.of(0), Created
	if known {
		c.Outcome = Changed
	}
	if _, err := tx.Exec(ctx, `INSERT INTO grades (tenant, course, person, item, earned, possible, letter, passed, passed_at, graded, event)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, course, person, item) DO UPDATE SET earned = excluded.earned, possible = excluded.possible,
		letter = excluded.letter, passed = excluded.passed, passed_at = excluded.passed_at, graded = excluded.graded, event = excluded.event`,
		tenant, g.Course, g.Person, g.Item, g.Earned, g.Possible, g.Letter, g.Passed, nullMicros(g.PassedAt), store.Micros(g.Graded), g.Event); err != nil {
		return err
	}
	return c.tell(ctx, tx, present.Passed)
}

// tell emits the events of a grade that was set.
func (c *GradeChange) tell(ctx context.Context, tx *store.Tx, passed bool) error {
	g, subject := c.Grade, "grades/"+c.Grade.Course+"/"+c.Grade.Person
	if g.Item != "" {
		e, err := ItemGradeChanged.New(ctx, subject, ItemGradePayload{
			User: c.person.User, Course: g.Course, Item: g.Item, Earned: g.Earned, Possible: g.Possible,
		})
		_, err = c.emission.emit(ctx, tx, 0, e, err)
		return err
	}
	e, err := GradeChanged.New(ctx, subject, GradePayload{GradeData{
		UserID: c.person.Number, Person: g.Person, Course: c.course.data(), EditedTimestamp: g.Graded,
		PercentGrade: g.Percent(), LetterGrade: g.Letter, PassedTimestamp: g.PassedAt,
	}})
	if _, err := c.emission.emit(ctx, tx, 0, e, err); err != nil || passed == g.Passed {
		return err
	}
	e, err = PassingChanged.New(ctx, subject, PassingPayload{PassingData{IsPassing: g.Passed, Course: c.course.data(), User: c.person.User}})
	_, err = c.emission.emit(ctx, tx, 1, e, err)
	return err
}

const gradeColumns = `person, course, item, earned, possible, letter, passed, passed_at, graded, event`

func scanGrade(row interface{ Scan(...any) error }) (Grade, error) {
	var g Grade
	var passed sql.NullInt64
	var graded int64
	err := row.Scan(&g.Person, &g.Course, &g.Item, &g.Earned, &g.Possible, &g.Letter, &g.Passed, &passed, &graded, &g.Event)
	g.PassedAt, g.Graded = fromNull(passed), store.FromMicros(graded)
	return g, err
}

func grade(ctx context.Context, tx *store.Tx, tenant, course, person, item string) (Grade, error) {
	g, err := scanGrade(tx.QueryRow(ctx, `SELECT `+gradeColumns+` FROM grades WHERE tenant = ? AND course = ? AND person = ? AND item = ?`,
		tenant, course, person, item))
	if errors.Is(err, sql.ErrNoRows) {
		return g, trellis.Errorf(trellis.NotFound, "no grade of person %q in course %q", person, course)
	}
	return g, err
}

// Completion says how far somebody is with one block of a course.
type Completion struct {
	Person  string    `json:"person" doc:"ID of the person."`
	Course  string    `json:"course" doc:"Key of the course."`
	Block   string    `json:"block" doc:"Which block."`
	Value   float64   `json:"completion" doc:"How much of it is done, from 0 to 1."`
	Changed time.Time `json:"changed" doc:"When it last changed."`
	Event   string    `json:"event" doc:"ID of the last event that changed it."`
}

// SetCompletion says how far somebody now is.
type SetCompletion struct {
	Person string  `json:"person,omitempty" doc:"ID of the person; the one who asks if absent."`
	Course string  `json:"course" doc:"Key of the course."`
	Block  string  `json:"block" doc:"Which block."`
	Value  float64 `json:"completion" doc:"How much of it is done, from 0 to 1."`
}

// CompletionChange is a completion to be set.
type CompletionChange struct {
	Completion Completion
	Outcome    Outcome
	person     *Person
	emission   emission
}

// SetCompletion sets how far somebody is with a block: event [CompletionChanged].
func (l *Learning) SetCompletion(ctx context.Context, in SetCompletion) (Completion, error) {
	b, err := l.Batch(ctx, Keys{People: []string{in.Person}, Courses: []string{in.Course}})
	if err != nil {
		return Completion{}, err
	}
	c, err := b.PrepareSetCompletion(ctx, in)
	if err != nil {
		return Completion{}, err
	}
	if err := l.write(ctx, c); err != nil {
		return Completion{}, err
	}
	return c.Completion, nil
}

// PrepareSetCompletion prepares [Learning.SetCompletion].
func (b *Batch) PrepareSetCompletion(ctx context.Context, in SetCompletion) (*CompletionChange, error) {
	switch {
	case !(in.Value >= 0 && in.Value <= 1):
		return nil, trellis.Errorf(trellis.Invalid, "a completion lies between 0 and 1")
	case in.Block == "" || !printable(in.Block, 255):
		return nil, trellis.Errorf(trellis.Invalid, "a block is named by at most 255 characters, none of which is not seen or turns the order of others")
	}
	if _, err := b.course(in.Course); err != nil {
		return nil, err
	}
	person, err := b.person(in.Person)
	if err != nil {
		return nil, err
	}
	return &CompletionChange{
		Completion: Completion{Person: in.Person, Course: in.Course, Block: in.Block, Value: in.Value, Changed: now()},
		person:     person, emission: newEmission(ctx),
	}, nil
}

// Apply implements [store.Change].
func (c *CompletionChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	v := &c.Completion
	present, err := completion(ctx, tx, tenant, v.Course, v.Person, v.Block)
	switch {
	case err == nil && present.Value == v.Value:
		*v, c.Outcome = present, Unchanged
		return nil
	case err == nil:
		c.Outcome = Changed
	case trellis.KindOf(err) == trellis.NotFound:
		c.Outcome = Created
	default:
		return err
	}
	v.Event = c.emission.of(0)
	if _, err := tx.Exec(ctx, `INSERT INTO completions (tenant, course, person, block, value, changed, event) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, course, person, block) DO UPDATE SET value = excluded.value, changed = excluded.changed, event = excluded.event`,
		tenant, v.Course, v.Person, v.Block, v.Value, store.Micros(v.Changed), v.Event); err != nil {
		return err
	}
	e, err := CompletionChanged.New(ctx, "completions/"+v.Course+"/"+v.Person, CompletionPayload{c.person.User, v.Course, v.Block, v.Value})
	_, err = c.emission.emit(ctx, tx, 0, e, err)
	return err
}

const completionColumns = `person, course, block, value, changed, event`

func scanCompletion(row interface{ Scan(...any) error }) (Completion, error) {
	var v Completion
	var changed int64
	err := row.Scan(&v.Person, &v.Course, &v.Block, &v.Value, &changed, &v.Event)
	v.Changed = store.FromMicros(changed)
	return v, err
}

func completion(ctx context.Context, tx *store.Tx, tenant, course, person, block string) (Completion, error) {
	v, err := scanCompletion(tx.QueryRow(ctx, `SELECT `+completionColumns+` FROM completions WHERE tenant = ? AND course = ? AND person = ? AND block = ?`,
		tenant, course, person, block))
	if errors.Is(err, sql.ErrNoRows) {
		return v, trellis.Errorf(trellis.NotFound, "person %q has not begun block %q", person, block)
	}
	return v, err
}
