package courses_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
)

// team is a school with a course and somebody who teaches it, signed in.
func team(t *testing.T) (s pagestest.School, b *pagestest.Browser, course string) {
	t.Helper()
	s = pagestest.NewSchool(t)
	course = s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: course})
	return s, pagestest.Browse(t, s.Platform).SignIn("demo", "sam", pagestest.Password), course
}

func TestPeople(t *testing.T) {
	s, b, course := team(t)
	kim := pagestest.Account(t, s.Platform, "demo", "kim")
	b.Get("/courses/"+course+"/people").Want(http.StatusOK, "0 people are enrolled.", "Nobody is in this course yet.")
	b.Submit("Enrol", nil).Want(http.StatusBadRequest).Fault("username", "Say whom: the name that the person signs in with.")
	b.Submit("Enrol", pagestest.Fields{"username": "nobody"}).Want(http.StatusNotFound).Fault("username", "Nobody here signs in as nobody. Names are those of the sign-in page; those who run the school make accounts.")
	b.Submit("Enrol", pagestest.Fields{"username": "KIM", "mode": "honor"}).Want(http.StatusOK, "In the course: kim, on the track Honor.", "1 person is enrolled.", "kim@demo.example")
	if active, mode := s.Enrolled(t, kim, course); !active || mode != "honor" {
		t.Errorf("enrolled %v on %q", active, mode)
	}
	b.Submit("Undo", nil).Want(http.StatusOK, "No longer in the course: kim.", "0 people")
	b.Submit("Undo", nil).Want(http.StatusOK, "In the course: kim, on the track Honor.")
	b.Submit("Unenrol kim", nil).Want(http.StatusOK, "No longer in the course: kim.")
	b.Submit("Undo", nil).Want(http.StatusOK)
	if active, mode := s.Enrolled(t, kim, course); !active || mode != "honor" {
		t.Errorf("after undoing: enrolled %v on %q", active, mode)
	}
	pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses/" + course + "/people").Want(http.StatusNotFound)
}

func TestPeopleByPages(t *testing.T) {
	s, b, course := team(t)
	for i := range 60 {
		id, _ := s.Person(t, s.Ctx, fmt.Sprintf("person%02d", i))
		s.Enrol(t, id, course)
	}
	seen := map[string]bool{}
	rows := func() int {
		list := b.Texts("tbody th")
		for _, name := range list {
			seen[name] = true
		}
		return len(list)
	}
	b.Get("/courses/"+course+"/people").Want(http.StatusOK, "60 people are enrolled.")
	if n := rows(); n != 50 {
		t.Errorf("%d people on the first page", n)
	}
	b.Follow("More people").Want(http.StatusOK).Lacks("More people")
	if n := rows(); n != 10 || len(seen) != 60 {
		t.Errorf("%d people on the second page, %d on both", n, len(seen))
	}
	b.Follow("Show all")
	b.Submit("Find", pagestest.Fields{"q": "person33@"}).Want(http.StatusOK, "Person33").Lacks("Person34")
	b.Submit("Unenrol Person33", nil).Want(http.StatusOK, "No longer in the course: Person33.", "59 people")
	b.Get("/courses/"+course+"/people?q=none").Want(http.StatusOK, "Nobody here has these words.")
}

// TestFullCourse: seats bind those who teach, too.
func TestFullCourse(t *testing.T) {
	s, b, course := team(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	pagestest.Account(t, s.Platform, "demo", "lee")
	if _, err := s.Learning.UpdateCourse(s.Ctx, learning.UpdateCourse{Key: course, Seats: ptr(1)}); err != nil {
		t.Fatal(err)
	}
	b.Get("/courses/"+course+"/people").Submit("Enrol", pagestest.Fields{"username": "kim"}).Want(http.StatusOK, "The course has 1 seat.")
	b.Submit("Enrol", pagestest.Fields{"username": "lee"}).Want(http.StatusConflict).Fault("username", "Nothing has changed. Logic 1 has no seat left of 1.")
	if got := pagestest.Attr(b.Find("#field-username")[0], "value"); got != "lee" {
		t.Errorf("what was entered is %q now", got)
	}
	pagestest.Browse(t, s.Platform).SignIn("demo", "lee", pagestest.Password).Get("/courses").Want(http.StatusOK, "Its one seat is taken.")
}

func TestCourseSettings(t *testing.T) {
	s, b, course := team(t)
	at := "/courses/" + course + "/settings"
	b.Get(at).Want(http.StatusOK)
	b.Submit("Save the settings", nil).Want(http.StatusOK, "Nothing was different, so nothing has changed.")
	b.Submit("Save the settings", pagestest.Fields{"title": "", "start": "soon", "end": "2026-01-01", "enrollment_start": "2026-05-01T00:00", "enrollment_end": "2026-04-01T00:00", "seats": "many", "open_modes": "audit, Ünfug"})
	b.Want(http.StatusBadRequest)
	b.Fault("title", "Title must have 1 to 255 characters.")
	b.Fault("start", "Starts must be a date and a time, such as 2026-05-03 09:00.")
	b.Fault("enrollment_end", "Enrolment closes must be after Enrolment opens.")
	b.Fault("seats", "Seats must be a whole number from 0 to 1,000,000.")
	b.Fault("open_modes", "Tracks must be names of small letters, digits and hyphens, such as audit; Ünfug is none.")
	if got := pagestest.Attr(b.Find("#field-seats")[0], "value"); got != "many" {
		t.Errorf("what was entered is %q now", got)
	}
	b.Submit("Save the settings", pagestest.Fields{"title": "Logic for all", "start": "2026-05-03T09:00", "end": "2026-06-03 09:00", "enrollment_start": "", "enrollment_end": "", "seats": "30", "open_modes": "honor", "hidden": true, "pacing": "self"})
	b.Want(http.StatusOK, "The settings are saved.", "Logic for all")
	c, err := s.Learning.Course(s.Ctx, course)
	if err != nil {
		t.Fatal(err)
	}
	if c.Title != "Logic for all" || c.Start == nil || c.Start.Format("2006-01-02 15:04") != "2026-05-03 09:00" || c.Seats != 30 || !c.Hidden || c.Pacing != "self" || len(c.OpenModes) != 1 {
		t.Errorf("the course is %+v", c)
	}
	b.Submit("Undo", nil).Want(http.StatusOK, "The settings are saved.")
	if c, err = s.Learning.Course(s.Ctx, course); err != nil || c.Title != "Logic 1" || c.Start != nil || c.Seats != 0 || c.Hidden || len(c.OpenModes) != 2 {
		t.Errorf("after undoing, the course is %+v (%v)", c, err)
	}
}

// TestSettingsMeanwhile: two people who change a course at once learn of each other.
func TestSettingsMeanwhile(t *testing.T) {
	s, b, course := team(t)
	b.Get("/courses/" + course + "/settings")
	if _, err := s.Learning.UpdateCourse(s.Ctx, learning.UpdateCourse{Key: course, Title: ptr("Theirs"), Seats: ptr(9)}); err != nil {
		t.Fatal(err)
	}
	b.Submit("Save the settings", pagestest.Fields{"title": "Mine"}).Want(http.StatusConflict)
	b.Fault("title", "Somebody else has changed the course meanwhile; here it now says Theirs. Save again to put yours in its place.")
	b.Fault("seats", "Somebody else has changed the course meanwhile; here it now says 9. Save again to put yours in its place.")
	if c, err := s.Learning.Course(s.Ctx, course); err != nil || c.Title != "Theirs" {
		t.Errorf("the course is %+v (%v)", c, err)
	}
	b.Submit("Save the settings", nil).Want(http.StatusOK, "The settings are saved.")
	if c, err := s.Learning.Course(s.Ctx, course); err != nil || c.Title != "Mine" || c.Seats != 0 {
		t.Errorf("the course is %+v (%v)", c, err)
	}
}

func TestNewCourse(t *testing.T) {
	s := pagestest.NewSchool(t)
	s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "orla", learning.Assign{Role: trellis.RoleStaff, Organisation: "Demo"})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "orla", pagestest.Password).Get("/courses")
	b.Follow("Make a course").Want(http.StatusOK, "Yours: Demo")
	b.Submit("Make the course", pagestest.Fields{"code": "Größe", "run": ""}).Want(http.StatusBadRequest)
	b.Fault("code", "Code must be letters without accents, digits and . _ ~ -, such as LOGIC1.")
	b.Fault("run", "Run must be letters without accents, digits and . _ ~ -, such as 2026.")
	b.Fault("title", "Title must have 1 to 255 characters.")
	b.Submit("Make the course", pagestest.Fields{"code": "Logic", "run": "1", "title": "Another"}).Want(http.StatusConflict).Fault("code", "There is such a course already. Choose another code or run.")
	b.Submit("Make the course", pagestest.Fields{"organisation": "Other", "code": "Sets"}).Want(http.StatusForbidden).Fault("organisation", "You make no courses of Other. Those who run the school do.")
	b.Submit("Make the course", pagestest.Fields{"organisation": "Demo", "title": "Sets", "start": "2026-05-03T09:00"}).Want(http.StatusOK, "The course is made.", "Sets")
	if got, want := b.At.Path, "/t/demo/courses/course-v1:Demo+Sets+1"; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
	b.Post("/courses/new", url.Values{"organisation": {"Demo"}, "code": {"X"}, "run": {"1"}, "title": {"X"}, "pacing": {"slow"}}).Want(http.StatusBadRequest).Fault("pacing", "Pace must be one of the two.")
}
