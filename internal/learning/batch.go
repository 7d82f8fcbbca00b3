package learning

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Keys names the rows that a batch of changes concerns.
type Keys struct {
	People      []string    // IDs
	Usernames   []string    // of people to register, to find those that are taken
	Courses     []string    // keys
	Enrollments [][2]string // course key and person ID
	Grades      [][3]string // course key, person ID and item
}

// Batch is what is known of the rows that some changes concern: what [Learning.Batch]
// read, and what earlier changes of the same batch will have made of it. It
// prepares changes that are to be applied in the order of their preparation, in
// one [store.DB.Write]. It is safe for concurrent use, as far as the order of
// changes that concern one another is kept.
type Batch struct {
	l      *Learning
	tenant string

	mu          sync.RWMutex
	people      map[string]*Person
	usernames   map[string]string // login name → ID
	courses     map[string]*Course
	enrollments map[[2]string]Enrollment
	grades      map[[3]string]Grade
}

// Batch reads the rows named by keys, in one snapshot, for the tenant of ctx.
func (l *Learning) Batch(ctx context.Context, keys Keys) (*Batch, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	b := &Batch{
		l: l, tenant: tenant,
		people: map[string]*Person{}, usernames: map[string]string{}, courses: map[string]*Course{},
		enrollments: map[[2]string]Enrollment{}, grades: map[[3]string]Grade{},
	}
	err = l.db.Read(ctx, func(tx *store.Tx) error { return b.read(ctx, tx, keys) })
	return b, err
}

func (b *Batch) read(ctx context.Context, tx *store.Tx, keys Keys) error {
	people := slices.Clone(keys.People)
	if a := trellis.ActorFrom(ctx); a.Kind == trellis.PersonActor {
		people = append(people, a.ID) // events say who did it
	}
	for _, k := range keys.Enrollments {
		people = append(people, k[1])
	}
	for _, k := range keys.Grades {
		people = append(people, k[1])
	}
	courses := slices.Clone(keys.Courses)
	for _, k := range keys.Enrollments {
		courses = append(courses, k[0])
	}
	for _, k := range keys.Grades {
		courses = append(courses, k[0])
	}
	if err := inChunks(people, func(ids []string) error {
		found, err := peopleWhere(ctx, tx, "tenant = ? AND id IN ("+marks(len(ids))+")", append([]any{b.tenant}, anys(ids)...)...)
		for _, p := range found {
			b.people[p.ID] = &p
		}
		return err
	}); err != nil {
		return err
	}
	logins := make([]string, len(keys.Usernames))
	for i, u := range keys.Usernames {
		logins[i] = login(u)
	}
	if err := inChunks(logins, func(names []string) error {
		found, err := peopleWhere(ctx, tx, "tenant = ? AND login IN ("+marks(len(names))+")", append([]any{b.tenant}, anys(names)...)...)
		for _, p := range found {
			b.usernames[login(p.PII.Username)] = p.ID
			b.people[p.ID] = &p
		}
		return err
	}); err != nil {
		return err
	}
	if err := inChunks(courses, func(keys []string) error {
		found, err := coursesWhere(ctx, tx, "tenant = ? AND key IN ("+marks(len(keys))+")", append([]any{b.tenant}, anys(keys)...)...)
		for _, c := range found {
			b.courses[c.Key] = &c
		}
		return err
	}); err != nil {
		return err
	}
	if err := b.readEnrollments(ctx, tx, keys.Enrollments); err != nil {
		return err
	}
	for _, k := range keys.Grades {
		g, err := grade(ctx, tx, b.tenant, k[0], k[1], k[2])
		if err == nil {
			b.grades[k] = g
		} else if trellis.KindOf(err) != trellis.NotFound {
			return err
		}
	}
	return nil
}

// readEnrollments reads some hundreds of enrolments with each statement.
func (b *Batch) readEnrollments(ctx context.Context, tx *store.Tx, keys [][2]string) error {
	for chunk := range slices.Chunk(keys, 256) {
		pairs, args := padded(len(chunk)), []any{b.tenant}
		for i := range pairs {
			k := chunk[min(i, len(chunk)-1)]
			args = append(args, k[0], k[1])
		}
		rows, err := tx.Query(ctx, `SELECT `+enrollmentColumns+` FROM enrollments WHERE tenant = ? AND (course, person) IN (VALUES `+
			strings.TrimSuffix(strings.Repeat("(?, ?), ", pairs), ", ")+`)`, args...)
		if err != nil {
			return err
		}
		found, err := collect(rows, scanEnrollment)
		if err != nil {
			return err
		}
		for _, e := range found {
			b.enrollments[[2]string{e.Course, e.Person}] = e
		}
	}
	return nil
}

// Person returns what is known of the person, as the batch will leave it.
func (b *Batch) Person(id string) (Person, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.people[id]
	if !ok {
		return Person{}, false
	}
	return *p, true
}

// Username returns the ID of the person who has the name to log in with.
func (b *Batch) Username(name string) (id string, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	id, ok = b.usernames[login(name)]
	return id, ok
}

// Course returns what is known of the course, as the batch will leave it.
func (b *Batch) Course(key string) (Course, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c, ok := b.courses[key]
	if !ok {
		return Course{}, false
	}
	return *c, true
}

// Enrollment returns what is known of the enrolment, as the batch will leave it.
func (b *Batch) Enrollment(course, person string) (Enrollment, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e, ok := b.enrollments[[2]string{course, person}]
	return e, ok
}

// Grade returns what is known of the grade, as the batch will leave it.
func (b *Batch) Grade(course, person, item string) (Grade, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	g, ok := b.grades[[3]string{course, person, item}]
	return g, ok
}

func (b *Batch) person(id string) (*Person, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if p, ok := b.people[id]; ok {
		return p, nil
	}
	return nil, trellis.Errorf(trellis.NotFound, "person %q", id)
}

func (b *Batch) course(key string) (*Course, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c, ok := b.courses[key]; ok {
		return c, nil
	}
	return nil, trellis.Errorf(trellis.NotFound, "course %q", key)
}

// inChunks calls fn with the distinct, non-empty names, some hundreds at a time:
// a statement has a bounded number of parameters.
func inChunks(names []string, fn func([]string) error) error {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 0 && names[0] == "" {
		names = names[1:]
	}
	for chunk := range slices.Chunk(names, 256) {
		if err := fn(chunk); err != nil {
			return err
		}
	}
	return nil
}

// marks returns n question marks. Statements of many lengths would fill the
// cache of prepared ones, so n is rounded up; anys pads to the same length.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", padded(n)), ",") }

func anys(names []string) []any {
	out := make([]any, padded(len(names)))
	for i := range out {
		out[i] = names[min(i, len(names)-1)]
	}
	return out
}

func padded(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
