package app

import (
	"context"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// demoCourse is a course of the demo: when it runs, counted in days from the first
// start, and how many of the demo's people are in it.
type demoCourse struct {
	key, title string
	from, to   int // 0: no date
	opens      int // enrolment
	seats      int
	people     int
	learner    bool // whether the learner is in it
}

// demoCourses are such as to show each state that a course can be in.
func demoCourses() []demoCourse {
	return []demoCourse{
		{key: DemoCourse, title: "Welcome to Trellis", from: -30, to: 120, people: 17},
		{key: ClosedDemo, title: ClosedDemoTitle},
		{key: "course-v1:Demo+Logic+2026", title: "Logic 1: from arguments to proofs", from: -14, to: 70, people: 11, learner: true},
		{key: "course-v1:Demo+Statistics+2026", title: "Statistics for everyone", from: 21, to: 110, people: 8, learner: true},
		{key: "course-v1:Demo+Writing+2025", title: "Writing together", from: -160, to: -60, people: 9, learner: true},
		{key: "course-v1:Demo+Botany+2026", title: "Botany outdoors", from: 40, to: 100, opens: 10},
		{key: "course-v1:Demo+Studio+2026", title: "Drawing studio", from: -7, to: 50, seats: 6, people: 6},
		{key: "course-v1:Demo+Mantiq+2026", title: "مقدمة في المنطق", from: -3, people: 4},
	}
}

// demoPeople are those who are in the demo's courses, besides the three who sign
// in: usernames and names.
func demoPeople() [][2]string {
	return [][2]string{
		{"amara", "Amara Okafor"}, {"bruno", "Bruno Castellani"}, {"chen", "Chen Xiaoming"}, {"dana", "דנה לוי"}, {"elif", "Elif Yıldız"}, {"farid", "فريد حداد"},
		{"greta", "Greta Lindqvist"}, {"hugo", "Hugo Marchetti"}, {"ines", "Inês Carvalho"}, {"jonas", "Jonas Weber"}, {"kofi", "Kofi Mensah"}, {"lucia", "Lucía Fernández"},
		{"mina", "Mina Park"}, {"noor", "نور الهاشمي"}, {"oskar", "Oskar Nowak"}, {"priya", "Priya Raman"}, {"quinn", "Quinn O’Dowd"}, {"rosa", "Rosa Maria Evangelista de Albuquerque"},
	}
}

// makeDemoCourses makes the demo's courses that are not there.
func (a *App) makeDemoCourses(ctx context.Context) error {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	day := func(n int, hour time.Duration) *time.Time {
		if n == 0 {
			return nil
		}
		t := today.AddDate(0, 0, n).Add(hour * time.Hour)
		return &t
	}
	for _, c := range demoCourses() {
		if _, err := a.Learning.Course(ctx, c.key); trellis.KindOf(err) != trellis.NotFound {
			if err != nil {
				return err
			}
			continue // as somebody has left it
		}
		if _, err := a.Learning.CreateCourse(ctx, learning.CreateCourse{
			Key: c.key, Title: c.title, Start: day(c.from, 9), End: day(c.to, 18), EnrollmentStart: day(c.opens, 9), Seats: c.seats,
		}); err != nil {
			return err
		}
	}
	return nil
}

// makeDemoPeople makes the demo's people who are not there and returns everybody's
// ID.
func (a *App) makeDemoPeople(ctx context.Context) (ids []string, err error) {
	all := demoPeople()
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p[0]
	}
	b, err := a.Learning.Batch(ctx, learning.Keys{Usernames: names})
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		id, ok := b.Username(p[0])
		if !ok {
			made, err := a.Learning.Register(ctx, learning.Register{Username: p[0], Name: p[1], Email: p[0] + "@demo.example"})
			if err != nil {
				return nil, err
			}
			id = made.ID
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// enrolDemoPeople enrols the demo's people, each where she has never been: who has
// left a course since is not brought back. The extensions are asked, and hear of
// it, as always.
func (a *App) enrolDemoPeople(ctx context.Context, learner string, people []string) error {
	for n, c := range demoCourses() {
		var in []string
		if c.learner {
			in = append(in, learner)
		}
		for i := range c.people {
			in = append(in, people[(3*n+i)%len(people)])
		}
		for i, person := range in {
			if _, err := a.Learning.Enrollment(ctx, c.key, person); trellis.KindOf(err) != trellis.NotFound {
				if err != nil {
					return err
				}
				continue
			}
			_, err := a.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: c.key, When: came(c.key, i, time.Now())})
			switch trellis.KindOf(err) {
			case "", trellis.Refused, trellis.Conflict, trellis.Unavailable: // what somebody has made of the demo stays so
			default:
				return err
			}
		}
	}
	return nil
}

// came says when the i-th of a course's people has come: those of the demo's own
// course since midnight, so that the card that counts them has something to show,
// those of the others within a day. It is now fuller, now emptier, and the same each
// time.
func came(course string, i int, now time.Time) time.Time {
	begin := now.Add(-23 * time.Hour)
	if course == DemoCourse {
		begin = now.UTC().Truncate(24 * time.Hour)
	}
	const of = 37
	part := time.Duration((i*i*7 + i*(4+len(course))) % of)
	return begin.Add(now.Sub(begin) * part / of)
}
