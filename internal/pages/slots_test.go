package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// card installs an extension that shows something in places of the pages, for the
// whole school. Its button is answered by answer.
func card(s pagestest.School, t *testing.T, answer string, places ...string) {
	t.Helper()
	slots := []any{}
	for _, p := range places {
		slots = append(slots, map[string]any{"slot": p, "call": "card", "actions": []string{"press"}})
	}
	s.Install(t, s.Ctx, testkit.Bundle(t, map[string]any{"id": "acme.card", "version": "1.0.0", "abi": 1, "title": "Acme card", "slots": slots}, testkit.Guest(map[string]func(*testkit.Code){
		"card": func(c *testkit.Code) {
			c.Answer(`{"kind":"card","title":"News","children":["Hello <b>there</b>",{"kind":"button","text":"Press it","action":"press"}]}`)
		},
		"press": func(c *testkit.Code) { c.Answer(answer) },
	})), "", nil)
}

// TestPlaces: what an extension shows stands in the places of the pages, below its
// name, on the sign-in page too; and it goes when the extension is switched off.
func TestPlaces(t *testing.T) {
	s := pagestest.NewSchool(t)
	course := s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "kim")
	pages := map[string]string{
		"login.notice.v1": "/login", "courses.banner.v1": "/courses", "account.main.v1": "/account",
		"course.main.v1": "/courses/" + course, "course.sidebar.v1": "/courses/" + course,
	}
	places := []string{}
	for place := range pages {
		places = append(places, place)
	}
	card(s, t, `{"message":"Pressed."}`, places...)
	kim := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
	nobody := pagestest.Browse(t, s.Platform).In("demo")
	for place, path := range pages {
		b := kim
		if path == "/login" {
			b = nobody
		}
		b.Get(path).Want(http.StatusOK)
		if got := b.Texts(".slots[data-slots=" + place + "] .slot[data-extension=acme.card]"); len(got) != 1 {
			t.Errorf("%s: %q", place, got)
		}
		b.Want(http.StatusOK, "Hello <b>there</b>", "Acme card")
	}
	if live := nobody.Find("main[data-live]"); len(live) != 0 {
		t.Error("nobody follows a stream")
	}
	if _, err := s.Registry.Disable(s.Ctx, "acme.card", ""); err != nil {
		t.Fatal(err)
	}
	for place, path := range pages {
		b := kim
		if path == "/login" {
			b = nobody
		}
		b.Get(path).Want(http.StatusOK).Lacks("Acme card")
		if len(b.Find(".slots[data-slots="+place+"]")) != 1 {
			t.Errorf("%s: the place is gone, so nothing can come into it", place)
		}
	}
}

// TestPlacePressed: a button of an extension works without scripts on each page
// that it may stand in.
func TestPlacePressed(t *testing.T) {
	for _, tt := range []struct{ name, answer, want, at string }{
		{"a message", `{"message":"Pressed."}`, "Pressed.", ""},
		{"a redirect", `{"redirect":"/account"}`, "Your account", "/t/demo/account"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := pagestest.NewSchool(t)
			course := s.Course(t, "Logic", "Logic 1", nil)
			pagestest.Account(t, s.Platform, "demo", "kim")
			card(s, t, tt.answer, "courses.banner.v1", "course.main.v1", "account.main.v1")
			b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
			for _, path := range []string{"/courses", "/courses/" + course, "/account"} {
				b.Get(path).Submit("Press it", nil).Want(http.StatusOK, tt.want)
				if n := strings.Count(b.Text(), "Pressed."); tt.at == "" && n != 1 {
					t.Errorf("%s says it %d times", path, n)
				}
				want := tt.at
				if want == "" {
					want = "/t/demo" + path
				}
				if b.At.Path != want {
					t.Errorf("one is at %s, want %s", b.At.Path, want)
				}
			}
		})
	}
}

// TestBrokenPlace: of an extension that breaks a learner sees nothing, and the
// course team what happened and the trace; the page is there for both.
func TestBrokenPlace(t *testing.T) {
	s := pagestest.NewSchool(t)
	course := s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "kim")
	pagestest.Account(t, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: course})
	s.Install(t, s.Ctx, testkit.Bundle(t, map[string]any{"id": "acme.broken", "version": "1.0.0", "abi": 1, "title": "Broken card",
		"slots": []any{map[string]any{"slot": "course.main.v1", "call": "card"}}}, testkit.Guest(map[string]func(*testkit.Code){"card": func(c *testkit.Code) { c.Trap() }})), "", nil)
	path := "/courses/" + url.PathEscape(course)
	pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get(path).Want(http.StatusOK, "About this course", "Organisation: Demo").Lacks("Broken card")
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "sam", pagestest.Password).Get(path).Want(http.StatusOK, "About this course", "Broken card")
	if got := b.Texts(".slot-trouble code"); len(got) != 1 || len(got[0]) != 32 {
		t.Errorf("the team reads of the traces %q", got)
	}
}

// TestPlaceReplaced: an extension may say better what a course is about.
func TestPlaceReplaced(t *testing.T) {
	s := pagestest.NewSchool(t)
	course := s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "kim")
	s.Install(t, s.Ctx, testkit.Bundle(t, map[string]any{"id": "acme.about", "version": "1.0.0", "abi": 1, "title": "About",
		"slots": []any{map[string]any{"slot": "course.about.v1", "op": "replace", "target": "default", "call": "card"}}},
		testkit.Guest(map[string]func(*testkit.Code){"card": func(c *testkit.Code) { c.Answer(`{"kind":"text","text":"All about logic."}`) }})), "", nil)
	pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses/"+course).Want(http.StatusOK, "All about logic.").Lacks("Organisation: Demo")
}
