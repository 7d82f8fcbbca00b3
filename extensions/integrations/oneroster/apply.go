package oneroster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

func itoa(n int) string { return strconv.Itoa(n) }

// of turns what became of a change of the core into what a report counts. In a dry
// run nothing was applied, and the outcome is the one that was planned.
func of(got *learning.Outcome, planned Outcome) func() Outcome {
	return func() Outcome {
		switch *got {
		case learning.Created:
			return Created
		case learning.Changed:
			return Changed
		case learning.Removed:
			return Removed
		case learning.Unchanged:
			return Unchanged
		}
		return planned
	}
}

// classes makes courses of classes, or changes them.
func (x *importing) classes(ctx context.Context, c *chunk, rows []decoded) error {
	ids := make([]string, len(rows))
	for i, d := range rows {
		ids[i] = d.meta.SourcedID
	}
	known, err := x.im.Learning.Lookup(ctx, System, "class", ids)
	if err != nil {
		return err
	}
	keys := make([]string, len(rows))
	for i, d := range rows {
		if keys[i] = known[d.meta.SourcedID]; keys[i] == "" {
			keys[i] = x.keyOf(d.class)
		}
	}
	b, err := x.im.Learning.Batch(ctx, learning.Keys{Courses: keys})
	if err != nil {
		return err
	}
	for i, d := range rows {
		if err := x.class(ctx, c, b, d, keys[i]); err != nil {
			if err := x.failed(d.report, d.row, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *importing) keyOf(c Class) string {
	year := ""
	for _, t := range c.Terms {
		if y := x.years[t]; y != "" {
			year = y
		}
	}
	return c.CourseKey(x.orgs[c.School], x.courses[c.Course], year).String()
}

func (x *importing) class(ctx context.Context, c *chunk, b *learning.Batch, d decoded, key string) error {
	have, ok := b.Course(key)
	title, hidden := d.class.Title, d.meta.Removes()
	if title == "" {
		title = key
	}
	switch {
	case !ok && hidden:
		d.report.Count(d.row.File, Unchanged)
	case !ok:
		course, err := b.PrepareCreateCourse(ctx, learning.CreateCourse{Key: key, Title: title})
		if err != nil {
			return err
		}
		link, err := learning.PrepareLink(learning.Outside{System: System, Kind: "class", External: d.meta.SourcedID, ID: key})
		if err != nil {
			return err
		}
		if len(x.courses) == 0 && d.class.Course != "" {
			d.report.Warn(Fault{File: d.row.File, Row: d.row.Number, Column: "courseSourcedId", Message: "there is no such course in the file: it was made of the class"})
		}
		c.changes = append(c.changes, pending{d.row, []store.Change{course, link}, of(&course.Outcome, Created)})
	case have.Title == title && have.Hidden == hidden:
		d.report.Count(d.row.File, Unchanged)
	default:
		course, err := b.PrepareUpdateCourse(ctx, learning.UpdateCourse{Key: key, Title: &title, Hidden: &hidden})
		if err != nil {
			return err
		}
		outcome := of(&course.Outcome, Changed)
		if hidden && !have.Hidden { // a class that goes is a course that is hidden
			outcome = func() Outcome {
				if course.Outcome == learning.Unchanged {
					return Unchanged
				}
				return Removed
			}
		}
		c.changes = append(c.changes, pending{d.row, []store.Change{course}, outcome})
	}
	return nil
}

// users makes people, or changes them.
func (x *importing) users(ctx context.Context, c *chunk, rows []decoded) error {
	ids, names := make([]string, len(rows)), make([]string, len(rows))
	for i, d := range rows {
		ids[i], names[i] = d.meta.SourcedID, d.user.Login()
	}
	known, err := x.im.Learning.Lookup(ctx, System, "user", ids)
	if err != nil {
		return err
	}
	people := ids // what we have exported ourselves goes by our own IDs
	for _, id := range known {
		people = append(people, id)
	}
	b, err := x.im.Learning.Batch(ctx, learning.Keys{People: people, Usernames: names})
	if err != nil {
		return err
	}
	// Usernames are given out in the order of the rows; the filters then are asked
	// side by side.
	type result struct {
		p       pending
		changed bool
		err     error
	}
	results := make([]result, len(rows))
	taken := map[string]bool{}
	usernames := make([]string, len(rows))
	for i, d := range rows {
		name := d.user.Login()
		if _, ok := b.Username(name); ok || taken[name] {
			name = name + "." + short(d.meta.SourcedID)
		}
		usernames[i], taken[name] = name, true
	}
	_ = side(len(rows), func(i int) error {
		p, changed, err := x.user(ctx, b, rows[i], known[rows[i].meta.SourcedID], usernames[i])
		results[i] = result{p, changed, err}
		return nil
	})
	for i, r := range results {
		d := rows[i]
		switch {
		case r.err != nil:
			if trellis.KindOf(r.err) == trellis.Refused {
				x.index.Set("users", d.meta.SourcedID, Refused)
				c.refused = append(c.refused, d.meta.SourcedID)
			}
			if err := x.failed(d.report, d.row, r.err); err != nil {
				return err
			}
		case !r.changed:
			d.report.Count(d.row.File, Unchanged)
		default:
			c.changes = append(c.changes, r.p)
		}
	}
	return nil
}

// short tells people apart who would have the same name to log in with.
func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:3])
}

func (x *importing) user(ctx context.Context, b *learning.Batch, d decoded, id, username string) (pending, bool, error) {
	if id == "" {
		if _, ok := b.Person(d.meta.SourcedID); ok {
			id = d.meta.SourcedID
		}
	}
	have, ok := b.Person(id)
	name, email, works := d.user.Name(), d.user.Email, !d.meta.Removes()
	if email == "" {
		email = have.PII.Email
	}
	switch {
	case (!ok || id == "") && !works:
		return pending{}, false, nil
	case !ok || id == "":
		in := learning.Register{Username: username, Email: email, Name: name}
		if x.options.Passwords && d.user.Password != "" {
			in.Password = learning.Secret(d.user.Password)
		}
		person, err := b.PrepareRegister(ctx, in)
		if err != nil {
			return pending{}, false, err
		}
		link, err := learning.PrepareLink(learning.Outside{System: System, Kind: "user", External: d.meta.SourcedID, ID: person.Person.ID})
		return pending{d.row, []store.Change{person, link}, of(&person.Outcome, Created)}, true, err
	case have.PII.Name == name && have.PII.Email == email && have.Active == works:
		return pending{}, false, nil
	}
	person, err := b.PrepareUpdatePerson(ctx, learning.UpdatePerson{ID: id, Name: &name, Email: &email, Active: &works})
	if err != nil {
		return pending{}, false, err
	}
	planned := Changed
	if have.Active && !works {
		planned = Removed
	}
	return pending{d.row, []store.Change{person}, of(&person.Outcome, planned)}, true, nil
}

// enrollments gives people their parts in courses, or takes them back.
func (x *importing) enrollments(ctx context.Context, c *chunk, rows []decoded) error {
	users, classes := make([]string, len(rows)), make([]string, len(rows))
	for i, d := range rows {
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
	keys := learning.Keys{}
	for i := range rows {
		if people[users[i]] == "" {
			people[users[i]] = users[i]
		}
		if courses[classes[i]] == "" {
			courses[classes[i]] = classes[i]
		}
		keys.Enrollments = append(keys.Enrollments, [2]string{courses[classes[i]], people[users[i]]})
	}
	b, err := x.im.Learning.Batch(ctx, keys)
	if err != nil {
		return err
	}
	results := make([]*pending, len(rows))
	if err := side(len(rows), func(i int) error {
		d := rows[i]
		p, err := x.enrollment(ctx, b, d, people[users[i]], courses[classes[i]])
		if err != nil {
			return x.failed(d.report, d.row, err)
		}
		results[i] = p
		return nil
	}); err != nil {
		return err
	}
	for _, p := range results {
		if p != nil {
			c.changes = append(c.changes, *p)
		}
	}
	return nil
}

func (x *importing) enrollment(ctx context.Context, b *learning.Batch, d decoded, person, course string) (*pending, error) {
	e := d.enrollment
	user, class := x.index.Standing("users", e.User), x.index.Standing("classes", e.Class)
	if p, ok := b.Person(person); ok && user == Unknown {
		if user = Present; !p.Active {
			user = Leaving
		}
	}
	if _, ok := b.Course(course); ok && class == Unknown {
		class = Present
	}
	v := e.Judge(user, class)
	switch v.Verb {
	case Reject:
		d.report.Reject(Fault{File: d.row.File, Row: d.row.Number, Column: v.Column, Message: v.Message})
		return nil, nil
	case Skip:
		d.report.Skip(d.row.File, d.row.Number, v.Column, v.Message)
		return nil, nil
	case Nothing:
		d.report.Count(d.row.File, Unchanged)
		return nil, nil
	}
	if v.Part == Staff {
		return x.staff(ctx, b, d, v, learning.Assign{Person: person, Role: trellis.RoleStaff, Course: course})
	}
	have, ok := b.Enrollment(course, person)
	switch {
	case v.Verb == Unenroll && (!ok || !have.Active), v.Verb == Enroll && ok && have.Active:
		d.report.Count(d.row.File, Unchanged)
		return nil, nil
	case v.Verb == Unenroll:
		change, err := b.PrepareUnenroll(ctx, learning.Unenroll{Person: person, Course: course})
		if err != nil {
			return nil, err
		}
		return &pending{d.row, []store.Change{change}, of(&change.Outcome, Removed)}, nil
	}
	change, err := b.PrepareEnroll(ctx, learning.Enroll{Person: person, Course: course})
	if err != nil {
		return nil, err
	}
	return &pending{d.row, []store.Change{change}, of(&change.Outcome, Created)}, nil
}

func (x *importing) staff(ctx context.Context, b *learning.Batch, d decoded, v Verdict, a learning.Assign) (*pending, error) {
	has, err := x.im.Learning.HasRole(ctx, a)
	if err != nil {
		return nil, err
	}
	if has == (v.Verb == Enroll) {
		d.report.Count(d.row.File, Unchanged)
		return nil, nil
	}
	prepare, planned := b.PrepareAssignRole, Created
	if v.Verb == Unenroll {
		prepare, planned = b.PrepareRemoveRole, Removed
	}
	change, err := prepare(ctx, a)
	if err != nil {
		return nil, err
	}
	return &pending{d.row, []store.Change{change}, of(&change.Outcome, planned)}, nil
}
