package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// team is a school with a course and somebody who teaches it, signed in.
func team(t *testing.T) (s campus, b *browser, course string) {
	t.Helper()
	s = newSchool(t)
	course = s.course(t, "Logic", "Logic 1", nil)
	account(t, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: course})
	return s, browse(t, s.Platform).signIn("demo", "sam", password), course
}

func TestPeople(t *testing.T) {
	s, b, course := team(t)
	kim := account(t, s.Platform, "demo", "kim")
	b.get("/courses/"+course+"/people").want(http.StatusOK, "0 people are enrolled.", "Nobody is in this course yet.")
	b.submit("Enrol", nil).want(http.StatusBadRequest).fault("username", "Say whom: the name that the person signs in with.")
	b.submit("Enrol", fields{"username": "nobody"}).want(http.StatusNotFound).fault("username", "Nobody here signs in as nobody. Names are those of the sign-in page; those who run the school make accounts.")
	b.submit("Enrol", fields{"username": "KIM", "mode": "honor"}).want(http.StatusOK, "In the course: kim, on the track Honor.", "1 person is enrolled.", "kim@demo.example")
	if active, mode := s.enrolled(t, kim, course); !active || mode != "honor" {
		t.Errorf("enrolled %v on %q", active, mode)
	}
	b.submit("Undo", nil).want(http.StatusOK, "No longer in the course: kim.", "0 people")
	b.submit("Undo", nil).want(http.StatusOK, "In the course: kim, on the track Honor.")
	b.submit("Unenrol kim", nil).want(http.StatusOK, "No longer in the course: kim.")
	b.submit("Undo", nil).want(http.StatusOK)
	if active, mode := s.enrolled(t, kim, course); !active || mode != "honor" {
		t.Errorf("after undoing: enrolled %v on %q", active, mode)
	}
	browse(t, s.Platform).signIn("demo", "kim", password).get("/courses/" + course + "/people").want(http.StatusNotFound)
}

func TestPeopleByPages(t *testing.T) {
	s, b, course := team(t)
	for i := range 60 {
		id, _ := s.Person(t, s.ctx, fmt.Sprintf("person%02d", i))
		s.enrol(t, id, course)
	}
	seen := map[string]bool{}
	rows := func() int {
		list := b.texts("tbody th")
		for _, name := range list {
			seen[name] = true
		}
		return len(list)
	}
	b.get("/courses/"+course+"/people").want(http.StatusOK, "60 people are enrolled.")
	if n := rows(); n != 50 {
		t.Errorf("%d people on the first page", n)
	}
	b.follow("More people").want(http.StatusOK).lacks("More people")
	if n := rows(); n != 10 || len(seen) != 60 {
		t.Errorf("%d people on the second page, %d on both", n, len(seen))
	}
	b.follow("Show all")
	b.submit("Find", fields{"q": "person33@"}).want(http.StatusOK, "Person33").lacks("Person34")
	b.submit("Unenrol Person33", nil).want(http.StatusOK, "No longer in the course: Person33.", "59 people")
	b.get("/courses/"+course+"/people?q=none").want(http.StatusOK, "Nobody here has these words.")
}

// TestFullCourse: seats bind those who teach, too.
func TestFullCourse(t *testing.T) {
	s, b, course := team(t)
	account(t, s.Platform, "demo", "kim")
	account(t, s.Platform, "demo", "lee")
	if _, err := s.Learning.UpdateCourse(s.ctx, learning.UpdateCourse{Key: course, Seats: ptr(1)}); err != nil {
		t.Fatal(err)
	}
	b.get("/courses/"+course+"/people").submit("Enrol", fields{"username": "kim"}).want(http.StatusOK, "The course has 1 seat.")
	b.submit("Enrol", fields{"username": "lee"}).want(http.StatusConflict).fault("username", "Nothing has changed. Logic 1 has no seat left of 1.")
	if got := attr(b.find("#field-username")[0], "value"); got != "lee" {
		t.Errorf("what was entered is %q now", got)
	}
	browse(t, s.Platform).signIn("demo", "lee", password).get("/courses").want(http.StatusOK, "Its one seat is taken.")
}

func TestCourseSettings(t *testing.T) {
	s, b, course := team(t)
	at := "/courses/" + course + "/settings"
	b.get(at).want(http.StatusOK)
	b.submit("Save the settings", nil).want(http.StatusOK, "Nothing was different, so nothing has changed.")
	b.submit("Save the settings", fields{"title": "", "start": "soon", "end": "2026-01-01", "enrollment_start": "2026-05-01T00:00", "enrollment_end": "2026-04-01T00:00", "seats": "many", "open_modes": "audit, Ünfug"})
	b.want(http.StatusBadRequest)
	b.fault("title", "Title must have 1 to 255 characters.")
	b.fault("start", "Starts must be a date and a time, such as 2026-05-03 09:00.")
	b.fault("enrollment_end", "Enrolment closes must be after Enrolment opens.")
	b.fault("seats", "Seats must be a whole number from 0 to 1,000,000.")
	b.fault("open_modes", "Tracks must be names of small letters, digits and hyphens, such as audit; Ünfug is none.")
	if got := attr(b.find("#field-seats")[0], "value"); got != "many" {
		t.Errorf("what was entered is %q now", got)
	}
	b.submit("Save the settings", fields{"title": "Logic for all", "start": "2026-05-03T09:00", "end": "2026-06-03 09:00", "enrollment_start": "", "enrollment_end": "", "seats": "30", "open_modes": "honor", "hidden": true, "pacing": "self"})
	b.want(http.StatusOK, "The settings are saved.", "Logic for all")
	c, err := s.Learning.Course(s.ctx, course)
	if err != nil {
		t.Fatal(err)
	}
	if c.Title != "Logic for all" || c.Start == nil || c.Start.Format("2006-01-02 15:04") != "2026-05-03 09:00" || c.Seats != 30 || !c.Hidden || c.Pacing != "self" || len(c.OpenModes) != 1 {
		t.Errorf("the course is %+v", c)
	}
	b.submit("Undo", nil).want(http.StatusOK, "The settings are saved.")
	if c, err = s.Learning.Course(s.ctx, course); err != nil || c.Title != "Logic 1" || c.Start != nil || c.Seats != 0 || c.Hidden || len(c.OpenModes) != 2 {
		t.Errorf("after undoing, the course is %+v (%v)", c, err)
	}
}

// TestSettingsMeanwhile: two people who change a course at once learn of each other.
func TestSettingsMeanwhile(t *testing.T) {
	s, b, course := team(t)
	b.get("/courses/" + course + "/settings")
	if _, err := s.Learning.UpdateCourse(s.ctx, learning.UpdateCourse{Key: course, Title: ptr("Theirs"), Seats: ptr(9)}); err != nil {
		t.Fatal(err)
	}
	b.submit("Save the settings", fields{"title": "Mine"}).want(http.StatusConflict)
	b.fault("title", "Somebody else has changed the course meanwhile; here it now says Theirs. Save again to put yours in its place.")
	b.fault("seats", "Somebody else has changed the course meanwhile; here it now says 9. Save again to put yours in its place.")
	if c, err := s.Learning.Course(s.ctx, course); err != nil || c.Title != "Theirs" {
		t.Errorf("the course is %+v (%v)", c, err)
	}
	b.submit("Save the settings", nil).want(http.StatusOK, "The settings are saved.")
	if c, err := s.Learning.Course(s.ctx, course); err != nil || c.Title != "Mine" || c.Seats != 0 {
		t.Errorf("the course is %+v (%v)", c, err)
	}
}

func TestNewCourse(t *testing.T) {
	s := newSchool(t)
	s.course(t, "Logic", "Logic 1", nil)
	account(t, s.Platform, "demo", "orla", learning.Assign{Role: trellis.RoleStaff, Organisation: "Demo"})
	b := browse(t, s.Platform).signIn("demo", "orla", password).get("/courses")
	b.follow("Make a course").want(http.StatusOK, "Yours: Demo")
	b.submit("Make the course", fields{"code": "Größe", "run": ""}).want(http.StatusBadRequest)
	b.fault("code", "Code must be letters without accents, digits and . _ ~ -, such as LOGIC1.")
	b.fault("run", "Run must be letters without accents, digits and . _ ~ -, such as 2026.")
	b.fault("title", "Title must have 1 to 255 characters.")
	b.submit("Make the course", fields{"code": "Logic", "run": "1", "title": "Another"}).want(http.StatusConflict).fault("code", "There is such a course already. Choose another code or run.")
	b.submit("Make the course", fields{"organisation": "Other", "code": "Sets"}).want(http.StatusForbidden).fault("organisation", "You make no courses of Other. Those who run the school do.")
	b.submit("Make the course", fields{"organisation": "Demo", "title": "Sets", "start": "2026-05-03T09:00"}).want(http.StatusOK, "The course is made.", "Sets")
	if got, want := b.at.Path, "/t/demo/courses/course-v1:Demo+Sets+1"; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
	b.post("/courses/new", url.Values{"organisation": {"Demo"}, "code": {"X"}, "run": {"1"}, "title": {"X"}, "pacing": {"slow"}}).want(http.StatusBadRequest).fault("pacing", "Pace must be one of the two.")
}
