package courses_test

import (
	"net/url"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
)

// FuzzCourseForm sends the form of a course with whatever somebody may enter: it is
// taken, or shown again with what is wrong; nothing is the platform's fault.
func FuzzCourseForm(f *testing.F) {
	for _, seed := range [][6]string{
		{"Logic", "2026-05-03T09:00", "2026-06-03", "30", "audit, honor", "self"},
		{"\u202eLogic", "0000-01-01", "99999-01-01T00:00", "-1", "Audit", "instructor"},
		{"<b>", "2026-05-03 09:00", "2026-05-02 09:00", "1000001", "a b,c\nd", "other"},
		{"", "", "", "", "", ""},
		{"x\x00", "2026-02-30", "2026-13-01", "1e3", "-", "self"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
	}
	s := pagestest.NewSchool(f)
	course := s.Course(f, "Logic", "Logic 1", nil)
	pagestest.Account(f, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: course})
	at := "/courses/" + course + "/settings"
	b := pagestest.Browse(f, s.Platform).SignIn("demo", "sam", pagestest.Password).Get(at)
	f.Fuzz(func(t *testing.T, title, start, end, seats, modes, pacing string) {
		b := *b
		b.T = t
		b.Post(at, url.Values{"title": {title}, "start": {start}, "end": {end}, "seats": {seats}, "open_modes": {modes}, "pacing": {pacing}})
		switch b.Status {
		case 200, 400:
		default:
			t.Fatalf("status %d: %s", b.Status, b.Text())
		}
	})
}
