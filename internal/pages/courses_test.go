package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

func in(days int) *time.Time {
	t := time.Now().Add(time.Duration(days) * 24 * time.Hour)
	return &t
}

func onDay(t *time.Time) string { return t.UTC().Format("2 January 2006") }

func TestJoinAndLeave(t *testing.T) {
	s := newSchool(t)
	logic := s.course(t, "Logic", "Logic 1", nil)
	kim := account(t, s.Platform, "demo", "kim")
	b := browse(t, s.Platform).signIn("demo", "kim", password)
	b.get("/courses").want(http.StatusOK, "You are in no course yet.", "Choose one below.", "Courses to join", "Logic 1")
	b.submit("Join Logic 1", fields{"mode": "honor"}).want(http.StatusOK, "You are in Logic 1.", "track Honor")
	if got, want := b.at.Path, "/t/demo/courses/"+logic; got != want {
		t.Errorf("after joining one is at %s, want %s", got, want)
	}
	if active, mode := s.enrolled(t, kim, logic); !active || mode != "honor" {
		t.Errorf("enrolled %v on %q", active, mode)
	}
	b.get("/courses").want(http.StatusOK, "Continue Logic 1").lacks("You are in no course yet.", "Courses to join", "Join")
	b.submit("Leave Logic 1", nil).want(http.StatusOK, "You left Logic 1.", "Join Logic 1")
	if active, _ := s.enrolled(t, kim, logic); active {
		t.Error("still enrolled")
	}
	b.submit("Undo", nil).want(http.StatusOK, "You are in Logic 1.")
	if active, mode := s.enrolled(t, kim, logic); !active || mode != "honor" {
		t.Errorf("after undoing: enrolled %v on %q", active, mode)
	}
	b.submit("Leave again", nil).want(http.StatusOK, "You left Logic 1.")
	b.get("/courses/"+logic).submit("Join Logic 1", fields{"mode": "audit"}).want(http.StatusOK, "You are in Logic 1.", "Leave this course")
	b.get("/courses/" + logic).want(http.StatusOK).lacks("You are in Logic 1.") // said once
}

func TestCardsByState(t *testing.T) {
	s := newSchool(t)
	open, over, before := in(-2), in(-1), in(3)
	kim := account(t, s.Platform, "demo", "kim")
	lee := account(t, s.Platform, "demo", "lee")
	for _, c := range []struct {
		code, title string
		change      func(*learning.CreateCourse)
		in          bool
		want        []string
		door        bool
	}{
		{"On", "Runs now", func(c *learning.CreateCourse) { c.Start, c.End = open, before }, true, []string{"On now", "Continue Runs now", onDay(open) + " to " + onDay(before)}, false},
		{"Soon", "Comes", func(c *learning.CreateCourse) { c.Start = before }, true, []string{"Starts " + onDay(before), "Look ahead Comes"}, false},
		{"Over", "Is over", func(c *learning.CreateCourse) { c.End = over }, true, []string{"Ended " + onDay(over), "Look back Is over"}, false},
		{"Free", "Can be joined", nil, false, []string{"Join Can be joined"}, false},
		{"Gone", "Ended before", func(c *learning.CreateCourse) { c.End = over }, false, []string{"Ended " + onDay(over), "Nobody joins it any more."}, true},
		{"Opens", "Opens later", func(c *learning.CreateCourse) { c.EnrollmentStart = before }, false, []string{"Enrolment opens on " + onDay(before)}, true},
		{"Closed", "Closed before", func(c *learning.CreateCourse) { c.EnrollmentEnd = over }, false, []string{"Enrolment closed on " + onDay(over)}, true},
		{"Guests", "For guests", func(c *learning.CreateCourse) { c.InvitationOnly = true }, false, []string{"By invitation only. Ask those who teach it."}, true},
		{"None", "Without a track", func(c *learning.CreateCourse) { c.OpenModes = []string{} }, false, []string{"Nobody joins it on their own."}, true},
		{"Full", "Full already", func(c *learning.CreateCourse) { c.Seats = 1 }, false, []string{"Its one seat is taken."}, true},
		{"Hidden", "Not listed", func(c *learning.CreateCourse) { c.Hidden = true }, false, nil, false},
	} {
		key := s.course(t, c.code, c.title, c.change)
		if c.in {
			s.enrol(t, kim, key)
		}
		if c.code == "Full" {
			s.enrol(t, lee, key)
		}
		t.Run(c.title, func(t *testing.T) {
			b := browse(t, s.Platform).signIn("demo", "kim", password)
			b.t = t
			for _, path := range []string{"/courses", "/courses/" + key} {
				b.get(path).want(http.StatusOK)
				if c.want == nil {
					if path == "/courses" {
						b.lacks(c.title)
					}
					continue
				}
				for _, text := range c.want {
					if path != "/courses" && strings.HasSuffix(text, " "+c.title) && c.in {
						continue // the button stands on the card
					}
					b.want(http.StatusOK, text)
				}
				if c.door {
					b.lacks("Join " + c.title)
				}
			}
		})
	}
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/courses")
	if got, want := strings.Join(b.texts("main .card h3")[:3], ", "), "Runs now, Comes, Is over"; got != want {
		t.Errorf("in the order %s, want %s", got, want)
	}
}

// TestDoorIsNoLock: what a card does not offer cannot be had by a form made by hand.
func TestDoorIsNoLock(t *testing.T) {
	s := newSchool(t)
	kim := account(t, s.Platform, "demo", "kim")
	guests := s.course(t, "Guests", "For guests", func(c *learning.CreateCourse) { c.InvitationOnly = true })
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/courses")
	b.post("/courses", url.Values{"do": {"join"}, "course": {guests}}).want(http.StatusForbidden, "Not joined.", "For guests", "by invitation only").lacks("Not joined. Enrolment in " + guests)
	b.post("/courses", url.Values{"do": {"dance"}, "course": {guests}}).want(http.StatusBadRequest)
	b.post("/courses", url.Values{"do": {"join"}, "course": {"course-v1:Demo+No+1"}}).want(http.StatusNotFound)
	b.post("/courses", url.Values{"do": {"leave"}, "course": {guests}}).want(http.StatusNotFound)
	if active, _ := s.enrolled(t, kim, guests); active {
		t.Error("enrolled")
	}
}

func TestRefusals(t *testing.T) {
	const on = "org.openedx.learning.course.enrollment.started.v1"
	for _, tt := range []struct {
		name   string
		do     func(*testkit.Code)
		status int
		want   string
	}{
		{"refused", func(c *testkit.Code) {
			c.Answer(`{"refuse":{"code":"late","message":"This course takes no one after its third week."}}`)
		}, http.StatusForbidden, "Not joined. Late <b>policy</b> says: This course takes no one after its third week."},
		{"undecided", func(c *testkit.Code) { c.Trap() }, http.StatusServiceUnavailable, "Not joined. Late <b>policy</b> could not decide"},
		{"with markup and a turn", func(c *testkit.Code) {
			c.Answer(`{"refuse":{"code":"x","message":"<script>alert(1)</script>\u202egnorw"}}`)
		}, http.StatusForbidden, "says: <script>alert(1)</script>gnorw"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSchool(t)
			logic := s.course(t, "Logic", "Logic 1", nil)
			s.course(t, "Other", "Another", nil)
			kim := account(t, s.Platform, "demo", "kim")
			s.filter(t, on, tt.do)
			b := browse(t, s.Platform).signIn("demo", "kim", password).get("/courses?q=logic")
			b.submit("Join Logic 1", nil).want(tt.status, tt.want)
			if got := b.at.RequestURI(); got != "/t/demo/courses?q=logic" {
				t.Errorf("the page is %s", got)
			}
			if cards := b.texts(".card .notice"); len(cards) != 1 || !strings.Contains(cards[0], tt.want) {
				t.Errorf("on the cards: %q", cards)
			}
			if links := b.find(".errors a"); len(links) != 1 || len(b.find(attr(links[0], "href"))) != 1 {
				t.Errorf("the summary leads nowhere: %s", b.text())
			}
			if tt.status == http.StatusServiceUnavailable && len(b.find(".card .notice code")) != 1 {
				t.Error("no trace is named")
			}
			b.get("/courses/"+logic).submit("Join Logic 1", nil).want(tt.status, tt.want)
			if active, _ := s.enrolled(t, kim, logic); active {
				t.Error("enrolled all the same")
			}
		})
	}
	t.Run("leaving", func(t *testing.T) {
		s := newSchool(t)
		logic := s.course(t, "Logic", "Logic 1", nil)
		s.enrol(t, account(t, s.Platform, "demo", "kim"), logic)
		s.filter(t, "org.openedx.learning.course.unenrollment.started.v1", func(c *testkit.Code) {
			c.Answer(`{"refuse":{"code":"x","message":"Bring the book back first."}}`)
		})
		b := browse(t, s.Platform).signIn("demo", "kim", password).get("/courses/" + logic)
		b.submit("Leave Logic 1", nil).want(http.StatusForbidden, "You are still in it. Late <b>policy</b> says: Bring the book back first.")
		b.get("/courses").submit("Leave Logic 1", nil).want(http.StatusForbidden, "Bring the book back first.")
	})
}

func TestFindCourses(t *testing.T) {
	s := newSchool(t)
	kim := account(t, s.Platform, "demo", "kim")
	for i := range 60 {
		key := s.course(t, fmt.Sprintf("C%02d", i), fmt.Sprintf("Course %02d", i), nil)
		if i >= 58 {
			s.enrol(t, kim, key)
		}
	}
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/courses").want(http.StatusOK, "Course 00", "Course 23", "Continue Course 58")
	b.lacks("Course 24")
	b.follow("More courses to join").want(http.StatusOK, "Course 24", "Course 47").lacks("Course 23", "Course 48", "Course 58")
	b.follow("More courses to join").want(http.StatusOK, "Course 48", "Course 57").lacks("Course 58", "More courses")
	b.follow("Show all").submit("Find", fields{"q": "COURSE 3"}).want(http.StatusOK, "Course 03", "Course 39").lacks("Course 40", "Continue")
	if got, want := b.at.RequestURI(), "/t/demo/courses?q=COURSE+3"; got != want {
		t.Errorf("the search is at %s, want %s", got, want)
	}
	b.submit("Find", fields{"q": "58"}).want(http.StatusOK, "Continue Course 58").lacks("Join")
	b.submit("Find", fields{"q": "nothing of the kind"}).want(http.StatusOK, "No course has these words.").lacks("You are in no course yet.")
	b.get("/courses?after=nonsense").want(http.StatusBadRequest, "After is not a cursor of this list.")
}

// TestHostileTitles: whatever a course is called, the page around it stays what it is.
func TestHostileTitles(t *testing.T) {
	s := newSchool(t)
	account(t, s.Platform, "demo", "kim")
	for i, title := range []string{strings.Repeat("W", 200), "مقدمة في المنطق", "\u202egnoL", `<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, "{{.}}"} {
		t.Run(title, func(t *testing.T) {
			key := s.course(t, fmt.Sprint("T", i), title, nil)
			b := browse(t, s.Platform).signIn("demo", "kim", password)
			b.t = t
			b.get("/courses")
			if h := b.find(".card h3 a[href=/t/demo/courses/" + key + "] bdi"); len(h) != 1 || rawText(h[0]) != title {
				t.Errorf("the card says %q", b.texts(".card h3"))
			}
			b.get("/courses/"+key).submit("form[method=post][action=/t/demo/courses/"+key+"]", nil).want(http.StatusOK, "You are in")
			if h := b.find("h1 bdi"); len(h) != 1 || rawText(h[0]) != title {
				t.Errorf("the heading says %q", b.texts("h1"))
			}
			if strings.Contains(b.texts(".notice")[0], "\u202e") {
				t.Error("the title turns the sentence around")
			}
		})
	}
}

// TestTeaching: who teaches a course finds it, and its pages; who does not finds
// neither the tabs nor the pages.
func TestTeaching(t *testing.T) {
	s := newSchool(t)
	logic := s.course(t, "Logic", "Logic 1", func(c *learning.CreateCourse) { c.Hidden = true })
	other := s.course(t, "Other", "Another", nil)
	account(t, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: logic})
	b := browse(t, s.Platform).signIn("demo", "sam", password).get("/courses")
	b.want(http.StatusOK, "Courses that you teach", "Open Logic 1", "Courses to join", "Join Another").lacks("Join Logic 1", "Make a course")
	b.get("/courses/"+logic).want(http.StatusOK, "Extensions")
	if got, want := strings.Join(b.texts(".tabs a"), " "), "Course People Extensions Settings"; got != want {
		t.Errorf("the tabs are %q, want %q", got, want)
	}
	if tabs := b.get("/courses/" + other).texts(".tabs a"); tabs != nil {
		t.Errorf("the tabs of a course that she does not teach: %q", tabs)
	}
	b.get("/courses/"+other+"/settings").want(http.StatusForbidden, "You may not do this", "Those who teach the course change its settings.")
	b.get("/courses/" + other + "/people").want(http.StatusNotFound)
	b.get("/courses/new").want(http.StatusForbidden)
}

// TestOperatorLooksIn: who runs the platform sees a school from outside.
func TestOperatorLooksIn(t *testing.T) {
	s := newSchool(t)
	s.course(t, "Logic", "Logic 1", nil)
	account(t, s.Platform, trellis.PlatformTenant, "olivia", learning.Assign{Role: trellis.RoleOperator})
	b := browse(t, s.Platform).signIn("demo", "olivia", password).get("/courses")
	b.want(http.StatusOK, "Open Logic 1", "Make a course").lacks("Join Logic 1", "You look in from outside", "You are in no course")
	b.get("/account").want(http.StatusOK, "your account is the platform’s", "You run the whole platform").lacks("You learn")
	b.follow("Go to your account").want(http.StatusOK, "olivia", "Change your password").lacks("You learn")
}

func ptr[T any](v T) *T { return &v }
