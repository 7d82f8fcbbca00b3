package oneroster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// seat is a person's place in a course.
type seat struct{ person, course string }

// seating is what rows of a chunk make of one seat. They are taken in their order,
// those of different seats side by side.
type seating struct {
	seat
	lines []*line
	staff *bool // whether the person is course staff, once that is known
}

// enrollments gives people their parts in courses, or takes them back.
func (x *importing) enrollments(ctx context.Context, c *chunk, lines []*line) error {
	users, classes := make([]string, len(lines)), make([]string, len(lines))
	for i, d := range lines {
		users[i], classes[i] = d.enrollment.User, d.enrollment.Class
	}
	people, err := x.im.Learning.Lookup(ctx, System, "user", users)
	if err != nil {
		return err
	}
	courses, err := x.im.Learning.Lookup(ctx, System, "class", classes)
	if err != nil {
		return err
	}
	ids := make([]string, len(lines))
	for i, d := range lines {
		ids[i] = d.meta.SourcedID
	}
	had, err := x.im.Learning.Lookup(ctx, System, enrolled, ids)
	if err != nil {
		return err
	}
	bySeat := map[seat]*seating{}
	var seatings []*seating
	keys, things := learning.Keys{}, make([]string, 0, len(lines))
	for i, d := range lines {
		s := seat{cmp.Or(people[users[i]], users[i]), cmp.Or(courses[classes[i]], classes[i])}
		if bySeat[s] == nil {
			bySeat[s] = &seating{seat: s}
			seatings = append(seatings, bySeat[s])
			keys.Enrollments = append(keys.Enrollments, [2]string{s.course, s.person})
			things = append(things, s.course+"\x00"+s.person)
		}
		bySeat[s].lines = append(bySeat[s].lines, d)
	}
	if err := x.flight.board(ctx, c.number, things); err != nil {
		return err
	}
	b, err := x.im.Learning.Batch(ctx, keys)
	if err != nil {
		return err
	}
	return side(len(seatings), func(i int) error {
		for _, d := range seatings[i].lines {
			if err := x.enrollment(ctx, b, d, seatings[i], had[d.meta.SourcedID]); err != nil {
				if err := d.failed(err); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (x *importing) enrollment(ctx context.Context, b *learning.Batch, d *line, s *seating, had string) error {
	if x.looking && !d.meta.Removes() && !moves(had, PartOf(d.enrollment.Role)) {
		d.outcome = Skipped
		return nil
	}
	user, class := x.index.Standing("users", d.enrollment.User), x.index.Standing("classes", d.enrollment.Class)
	if p, ok := b.Person(s.person); ok && user == Unknown {
		if user = Present; !p.Active {
			user = Disabled
		}
	}
	if _, ok := b.Course(s.course); ok && class == Unknown {
		class = Present
	}
	v := d.enrollment.Judge(user, class)
	planned := user == Planned || class == Planned // in a dry run
	if err := x.give(ctx, b, d, s, v, planned); err != nil || planned || v.Verb != Enroll && v.Verb != Unenroll {
		return err
	}
	return x.remember(ctx, b, d, s, v, had)
}

// give gives or takes the part that a row is about.
func (x *importing) give(ctx context.Context, b *learning.Batch, d *line, s *seating, v Verdict, planned bool) error {
	switch {
	case v.Verb == Reject:
		d.reject(v.Column, v.Message)
	case v.Verb == Skip:
		d.skip(v.Column, v.Message)
	case v.Verb == Nothing:
		d.outcome = Unchanged
	case planned:
		d.outcome = Created
		if v.Part == Learner {
			d.warn("", "the filters were not asked, because the person or the course is not there yet")
		}
	case v.Part == Staff:
		return x.staff(ctx, b, d, s, v.Verb == Enroll)
	case v.Verb == Enroll:
		return x.enroll(ctx, b, d, s)
	default:
		return x.unenroll(ctx, b, d, s)
	}
	return nil
}

func (x *importing) enroll(ctx context.Context, b *learning.Batch, d *line, s *seating) error {
	if have, ok := b.Enrollment(s.course, s.person); ok && have.Active {
		d.outcome = Unchanged
		return nil
	}
	change, err := b.PrepareEnroll(ctx, learning.Enroll{Person: s.person, Course: s.course})
	if err != nil {
		return err
	}
	d.await(&change.Outcome, Created, change)
	return nil
}

func (x *importing) unenroll(ctx context.Context, b *learning.Batch, d *line, s *seating) error {
	if have, ok := b.Enrollment(s.course, s.person); !ok || !have.Active {
		d.outcome = Unchanged
		return nil
	}
	change, err := b.PrepareUnenroll(ctx, learning.Unenroll{Person: s.person, Course: s.course})
	if err != nil {
		return err
	}
	d.await(&change.Outcome, Removed, change)
	return nil
}

// staff gives or takes the course role of those who teach.
func (x *importing) staff(ctx context.Context, b *learning.Batch, d *line, s *seating, give bool) error {
	a := learning.Assign{Person: s.person, Role: trellis.RoleStaff, Course: s.course}
	if s.staff == nil {
		has, err := x.im.Learning.HasRole(ctx, a)
		if err != nil {
			return err
		}
		s.staff = &has
	}
	if *s.staff == give {
		d.outcome = Unchanged
		return nil
	}
	prepare, planned := b.PrepareAssignRole, Created
	if !give {
		prepare, planned = b.PrepareRemoveRole, Removed
	}
	change, err := prepare(ctx, a)
	if err != nil {
		return err
	}
	*s.staff = give
	d.await(&change.Outcome, planned, change)
	return nil
}

// enrolled is the kind under which it is noted which part an enrolment's sourcedId has
// given in which course, and to whom: when its role changes, that part is taken back.
// Nobody's identifier is in it, but a digest, which tells her from another.
const enrolled = "enrollment"

// given notes a part that a person has been given.
func (s *seating) given(part Part) string {
	sum := sha256.Sum256([]byte(s.person))
	return string(part) + " " + s.course + " " + hex.EncodeToString(sum[:8])
}

// moves reports whether a row gives another part than its sourcedId has given before.
func moves(had string, part Part) bool {
	before, _, ok := strings.Cut(had, " ")
	return ok && part != Nobody && before != string(part)
}

// remember notes what a row gives, and takes back what its sourcedId gave the same
// person before, if that was the other part. Then the row has removed something.
func (x *importing) remember(ctx context.Context, b *learning.Batch, d *line, s *seating, v Verdict, had string) error {
	link := learning.Outside{System: System, Kind: enrolled, External: d.meta.SourcedID, ID: s.given(v.Part)}
	var changes []store.Change
	moved := false
	switch {
	case v.Verb == Unenroll && had != "":
		changes = append(changes, learning.PrepareUnlink(link))
	case v.Verb == Enroll && had != link.ID:
		c, err := learning.PrepareLink(link)
		if err != nil {
			return err
		}
		changes = append(changes, c)
		for _, old := range []Part{Learner, Staff} {
			if old == v.Part || had != s.given(old) {
				continue
			}
			c, err := x.takeBack(ctx, b, d, s, old)
			if err != nil {
				return err
			}
			if moved = c != nil; moved {
				changes = append(changes, c)
			}
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if d.pending == nil {
		same := learning.Unchanged
		d.await(&same, Unchanged)
	}
	d.pending.changes = append(d.pending.changes, changes...)
	if outcome := d.pending.outcome; moved {
		d.pending.outcome = func() Outcome {
			if o := outcome(); o != Created && o != Unchanged {
				return o
			}
			return Removed
		}
	}
	return nil
}

// takeBack returns the change that takes a part back, nil if the person has not got it,
// or another row of the file gives it.
func (x *importing) takeBack(ctx context.Context, b *learning.Batch, d *line, s *seating, part Part) (store.Change, error) {
	for _, o := range s.lines {
		if o != d && PartOf(o.enrollment.Role) == part && !o.enrollment.Removes() {
			return nil, nil
		}
	}
	if part == Learner {
		if have, ok := b.Enrollment(s.course, s.person); !ok || !have.Active {
			return nil, nil
		}
		return b.PrepareUnenroll(ctx, learning.Unenroll{Person: s.person, Course: s.course})
	}
	a := learning.Assign{Person: s.person, Role: trellis.RoleStaff, Course: s.course}
	has, err := x.im.Learning.HasRole(ctx, a)
	if err != nil || !has {
		return nil, err
	}
	gone := false
	s.staff = &gone
	return b.PrepareRemoveRole(ctx, a)
}
