package learning

import (
	"context"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// Member is somebody who is enrolled in a course.
type Member struct {
	User    trellis.User `json:"user" doc:"The person. Personal data is there for those who may see it."`
	Mode    string       `json:"mode" doc:"Track: audit, verified and so on."`
	Created time.Time    `json:"created" doc:"When the person was first enrolled in the course."`
}

// ListMembers says which people of a course are wanted.
type ListMembers struct {
	Page
	Course string `json:"course" doc:"Key of the course."`
	Search string `json:"search,omitempty" doc:"Only those whose name, username or address, as far as the caller may see them, has all of these words."`
}

func (l *Learning) listMembers(ctx context.Context, in ListMembers) (List[Member], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[Member]{}, err
	}
	if _, err := l.Course(ctx, in.Course); err != nil {
		return List[Member]{}, err
	}
	key := func(m Member) []string { return []string{m.User.ID} }
	read := func(page Page) (List[Member], error) {
		q := query{}
		q.and("e.tenant = ? AND e.course = ? AND e.active = 1 AND p.erased = 0", tenant, in.Course)
		return list(ctx, l.db, `SELECT p.id, p.number, p.active, p.username, p.email, p.name, e.mode, e.created
			FROM enrollments e JOIN people p ON p.tenant = e.tenant AND p.id = e.person`, q, []string{"e.person"}, page, scanMember, key)
	}
	if in.Search == "" {
		return read(in.Page)
	}
	has := words(in.Search)
	seen := func(class string) bool { return hostapi.ReachOf(ctx, "pii:"+class).Allows(inCourse(in.Course, "")) }
	return search(in.Page, read, key, func(m Member) bool {
		p := trellis.Redact(m.User.PII, seen)
		return has(p.Name, p.Username, p.Email)
	})
}

func scanMember(row interface{ Scan(...any) error }) (Member, error) {
	var m Member
	var created int64
	u := &m.User
	err := row.Scan(&u.ID, &u.Number, &u.Active, &u.PII.Username, &u.PII.Email, &u.PII.Name, &m.Mode, &created)
	m.Created = store.FromMicros(created)
	return m, err
}

// Seats is how many people a course has, and may have.
type Seats struct {
	Seats int `json:"seats,omitempty" doc:"How many may be enrolled at once; absent for as many as like."`
	Taken int `json:"taken" doc:"How many are enrolled. Of a course without a limit only those learn it who may see who is enrolled."`
}

func (l *Learning) seats(ctx context.Context, in ByCourse) (Seats, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Seats{}, err
	}
	var s Seats
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		c, err := courseByKey(ctx, tx, tenant, in.Course)
		if err != nil {
			return err
		}
		s.Seats = c.Seats
		if s.Seats == 0 && !hostapi.ReachOf(ctx, "enrollments:read").Allows(inCourse(in.Course, "")) {
			return nil
		}
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM enrollments WHERE tenant = ? AND course = ? AND active = 1`, tenant, in.Course).Scan(&s.Taken)
	})
	return s, err
}

// EnrollSomebody is [Enroll] for those who know of a person only what she logs in
// with.
type EnrollSomebody struct {
	Enroll
	Username string `json:"username,omitempty" doc:"The name that the person logs in with, in place of the ID. For those who enrol others and may see such names there."`
}

// UnenrollSomebody is [Unenroll] for those who know of a person only what she logs
// in with.
type UnenrollSomebody struct {
	Unenroll
	Username string `json:"username,omitempty" doc:"The name that the person logs in with, in place of the ID. For those who enrol others and may see such names there."`
}

// named returns the ID of a person who is named by the ID or by the username.
// Whoever may not enrol others in the course does not learn whether there is such a
// person.
func (l *Learning) named(ctx context.Context, course, person, username string) (string, error) {
	if username == "" {
		return person, nil
	}
	if person != "" {
		return "", trellis.Errorf(trellis.Invalid, "name the person by the ID or by the username, not by both")
	}
	for _, permission := range []string{"enrollments:write", "pii:username"} {
		if !hostapi.ReachOf(ctx, permission).Allows(inCourse(course, "")) {
			return "", trellis.Errorf(trellis.Denied, "only those who enrol others in the course name a person by the username")
		}
	}
	b, err := l.Batch(ctx, Keys{Usernames: []string{username}})
	if err != nil {
		return "", err
	}
	id, ok := b.Username(username)
	if !ok {
		return "", trellis.Errorf(trellis.NotFound, "nobody here signs in as %q", username)
	}
	return id, nil
}
