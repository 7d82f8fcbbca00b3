package courses_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

func in(days int) *time.Time {
	t := time.Now().Add(time.Duration(days) * 24 * time.Hour)
	return &t
}

func onDay(t *time.Time) string { return t.UTC().Format("2 January 2006") }

func TestJoinAndLeave(t *testing.T) {
	s := pagestest.NewSchool(t)
	logic := s.Course(t, "Logic", "Logic 1", nil)
	kim := pagestest.Account(t, s.Platform, "demo", "kim")
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
	b.Get("/courses").Want(http.StatusOK, "You are in no course yet.", "Choose one below.", "Courses to join", "Logic 1")
	b.Submit("Join Logic 1", pagestest.Fields{"mode": "honor"}).Want(http.StatusOK, "You are in Logic 1.", "Honor track")
	if got, want := b.At.Path, "/t/demo/courses/"+logic; got != want {
		t.Errorf("after joining one is at %s, want %s", got, want)
	}
	if active, mode := s.Enrolled(t, kim, logic); !active || mode != "honor" {
		t.Errorf("enrolled %v on %q", active, mode)
	}
	b.Get("/courses").Want(http.StatusOK, "Continue Logic 1").Lacks("You are in no course yet.", "Courses to join", "Join")
	b.Submit("Leave Logic 1", nil).Want(http.StatusOK, "You left Logic 1.", "Join Logic 1")
	if active, _ := s.Enrolled(t, kim, logic); active {
		t.Error("still enrolled")
	}
	b.Submit("Undo", nil).Want(http.StatusOK, "You are in Logic 1.")
	if active, mode := s.Enrolled(t, kim, logic); !active || mode != "honor" {
		t.Errorf("after undoing: enrolled %v on %q", active, mode)
	}
	b.Submit("Leave again", nil).Want(http.StatusOK, "You left Logic 1.")
	b.Get("/courses/"+logic).Submit("Join Logic 1", pagestest.Fields{"mode": "audit"}).Want(http.StatusOK, "You are in Logic 1.", "You are enrolled", "If you leave, your grades")
	b.Get("/courses/" + logic).Want(http.StatusOK).Lacks("You are in Logic 1.") // said once
}

func TestCardsByState(t *testing.T) {
	s := pagestest.NewSchool(t)
	open, over, before := in(-2), in(-1), in(3)
	kim := pagestest.Account(t, s.Platform, "demo", "kim")
	lee := pagestest.Account(t, s.Platform, "demo", "lee")
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
		key := s.Course(t, c.code, c.title, c.change)
		if c.in {
			s.Enrol(t, kim, key)
		}
		if c.code == "Full" {
			s.Enrol(t, lee, key)
		}
		t.Run(c.title, func(t *testing.T) {
			b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
			b.T = t
			for _, path := range []string{"/courses", "/courses/" + key} {
				b.Get(path).Want(http.StatusOK)
				if c.want == nil {
					if path == "/courses" {
						b.Lacks(c.title)
					}
					continue
				}
				for _, text := range c.want {
					if path != "/courses" && strings.HasSuffix(text, " "+c.title) && c.in {
						continue // the button stands on the card
					}
					b.Want(http.StatusOK, text)
				}
				if c.door {
					b.Lacks("Join " + c.title)
				}
			}
		})
	}
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses")
	if got, want := strings.Join(b.Texts("main .card h3")[:3], ", "), "Runs now, Comes, Is over"; got != want {
		t.Errorf("in the order %s, want %s", got, want)
	}
}

// TestDoorIsNoLock: what a card does not offer cannot be had by a form made by hand.
func TestDoorIsNoLock(t *testing.T) {
	s := pagestest.NewSchool(t)
	kim := pagestest.Account(t, s.Platform, "demo", "kim")
	guests := s.Course(t, "Guests", "For guests", func(c *learning.CreateCourse) { c.InvitationOnly = true })
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses")
	b.Post("/courses", url.Values{"do": {"join"}, "course": {guests}}).Want(http.StatusForbidden, "Not joined.", "For guests", "by invitation only").Lacks("Not joined. Enrolment in " + guests)
	b.Post("/courses", url.Values{"do": {"dance"}, "course": {guests}}).Want(http.StatusBadRequest)
	b.Post("/courses", url.Values{"do": {"join"}, "course": {"course-v1:Demo+No+1"}}).Want(http.StatusNotFound)
	b.Post("/courses", url.Values{"do": {"leave"}, "course": {guests}}).Want(http.StatusNotFound)
	if active, _ := s.Enrolled(t, kim, guests); active {
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
			s := pagestest.NewSchool(t)
			logic := s.Course(t, "Logic", "Logic 1", nil)
			s.Course(t, "Other", "Another", nil)
			kim := pagestest.Account(t, s.Platform, "demo", "kim")
			s.Filter(t, on, tt.do)
			b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses?q=logic")
			b.Submit("Join Logic 1", nil).Want(tt.status, tt.want)
			if got := b.At.RequestURI(); got != "/t/demo/courses?q=logic" {
				t.Errorf("the page is %s", got)
			}
			if cards := b.Texts(".card .notice"); len(cards) != 1 || !strings.Contains(cards[0], tt.want) {
				t.Errorf("on the cards: %q", cards)
			}
			if links := b.Find(".errors a"); len(links) != 1 || len(b.Find(pagestest.Attr(links[0], "href"))) != 1 {
				t.Errorf("the summary leads nowhere: %s", b.Text())
			}
			if tt.status == http.StatusServiceUnavailable && len(b.Find(".card .notice code")) != 1 {
				t.Error("no trace is named")
			}
			b.Get("/courses/"+logic).Submit("Join Logic 1", nil).Want(tt.status, tt.want)
			if active, _ := s.Enrolled(t, kim, logic); active {
				t.Error("enrolled all the same")
			}
		})
	}
	t.Run("leaving", func(t *testing.T) {
		s := pagestest.NewSchool(t)
		logic := s.Course(t, "Logic", "Logic 1", nil)
		s.Enrol(t, pagestest.Account(t, s.Platform, "demo", "kim"), logic)
		s.Filter(t, "org.openedx.learning.course.unenrollment.started.v1", func(c *testkit.Code) {
			c.Answer(`{"refuse":{"code":"x","message":"Bring the book back first."}}`)
		})
		b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses/" + logic)
		b.Submit("Leave Logic 1", nil).Want(http.StatusForbidden, "You are still in it. Late <b>policy</b> says: Bring the book back first.")
		b.Get("/courses").Submit("Leave Logic 1", nil).Want(http.StatusForbidden, "Bring the book back first.")
	})
}

func TestFindCourses(t *testing.T) {
	s := pagestest.NewSchool(t)
	kim := pagestest.Account(t, s.Platform, "demo", "kim")
	for i := range 60 {
		key := s.Course(t, fmt.Sprintf("C%02d", i), fmt.Sprintf("Course %02d", i), nil)
		if i >= 58 {
			s.Enrol(t, kim, key)
		}
	}
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses").Want(http.StatusOK, "Course 00", "Course 23", "Continue Course 58")
	b.Lacks("Course 24")
	b.Follow("More courses to join").Want(http.StatusOK, "Course 24", "Course 47").Lacks("Course 23", "Course 48", "Course 58")
	b.Follow("More courses to join").Want(http.StatusOK, "Course 48", "Course 57").Lacks("Course 58", "More courses")
	b.Follow("Show all").Submit("Find", pagestest.Fields{"q": "COURSE 3"}).Want(http.StatusOK, "Course 03", "Course 39").Lacks("Course 40", "Continue")
	if got, want := b.At.RequestURI(), "/t/demo/courses?q=COURSE+3"; got != want {
		t.Errorf("the search is at %s, want %s", got, want)
	}
	b.Submit("Find", pagestest.Fields{"q": "58"}).Want(http.StatusOK, "Continue Course 58").Lacks("Join")
	b.Submit("Find", pagestest.Fields{"q": "nothing of the kind"}).Want(http.StatusOK, "No course has these words.").Lacks("You are in no course yet.")
	b.Get("/courses?after=nonsense").Want(http.StatusBadRequest, "After is not a cursor of this list.")
}

// TestHostileTitles: whatever a course is called, the page around it stays what it is.
func TestHostileTitles(t *testing.T) {
	s := pagestest.NewSchool(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	for i, title := range []string{strings.Repeat("W", 200), "مقدمة في المنطق", "\u2067gnoL\u2069", `<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, "{{.}}"} {
		t.Run(title, func(t *testing.T) {
			key := s.Course(t, fmt.Sprint("T", i), title, nil)
			b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
			b.T = t
			b.Get("/courses")
			if h := b.Find(".card h3 a[href=/t/demo/courses/" + key + "] bdi"); len(h) != 1 || pagestest.RawText(h[0]) != title {
				t.Errorf("the card says %q", b.Texts(".card h3"))
			}
			b.Get("/courses/"+key).Submit("form[method=post][action=/t/demo/courses/"+key+"]", nil).Want(http.StatusOK, "You are in")
			if h := b.Find("h1 bdi"); len(h) != 1 || pagestest.RawText(h[0]) != title {
				t.Errorf("the heading says %q", b.Texts("h1"))
			}
			if n := b.Texts(".notice")[0]; strings.Count(n, "\u2067")+strings.Count(n, "\u2068") != strings.Count(n, "\u2069") {
				t.Errorf("the title turns the sentence around: %+q", n)
			}
		})
	}
}

// TestTeaching: who teaches a course finds it, and its pages; who does not finds
// neither the tabs nor the pages.
func TestTeaching(t *testing.T) {
	s := pagestest.NewSchool(t)
	logic := s.Course(t, "Logic", "Logic 1", func(c *learning.CreateCourse) { c.Hidden = true })
	other := s.Course(t, "Other", "Another", nil)
	pagestest.Account(t, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: logic})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "sam", pagestest.Password).Get("/courses")
	b.Want(http.StatusOK, "Courses that you teach", "Open Logic 1", "Courses to join", "Join Another").Lacks("Join Logic 1", "Make a course")
	b.Get("/courses/"+logic).Want(http.StatusOK, "Extensions")
	if got, want := strings.Join(b.Texts(".tabs a"), " "), "Course People Extensions Settings"; got != want {
		t.Errorf("the tabs are %q, want %q", got, want)
	}
	if tabs := b.Get("/courses/" + other).Texts(".tabs a"); tabs != nil {
		t.Errorf("the tabs of a course that she does not teach: %q", tabs)
	}
	b.Get("/courses/"+other+"/settings").Want(http.StatusForbidden, "You may not do this", "Those who teach the course change its settings.")
	b.Get("/courses/" + other + "/people").Want(http.StatusNotFound)
	b.Get("/courses/new").Want(http.StatusForbidden)
}

// TestOperatorLooksIn: who runs the platform sees a school from outside.
func TestOperatorLooksIn(t *testing.T) {
	s := pagestest.NewSchool(t)
	s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, trellis.PlatformTenant, "olivia", learning.Assign{Role: trellis.RoleOperator})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "olivia", pagestest.Password).Get("/courses")
	b.Want(http.StatusOK, "Open Logic 1", "Make a course").Lacks("Join Logic 1", "You look in from outside", "You are in no course")
	b.Get("/account").Want(http.StatusOK, "your account is the platform’s", "You run the whole platform").Lacks("You learn")
	b.Follow("Go to your account").Want(http.StatusOK, "olivia", "Change your password").Lacks("You learn")
}

func ptr[T any](v T) *T { return &v }
