package learning_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// TestMembers: who is in a course, page by page, with what the one who asks may
// see of them; who left is not.
func TestMembers(t *testing.T) {
	w := newWorld(t)
	sys := system(t, "acme")
	for i := range 7 {
		p := w.someone(t, sys, fmt.Sprintf("member%d", i))
		_, err := w.Enroll(sys, learning.Enroll{Person: p.ID, Course: goCourse, Mode: "honor"})
		must(t, err)
		if i == 6 {
			_, err := w.Unenroll(sys, learning.Unenroll{Person: p.ID, Course: goCourse})
			must(t, err)
		}
	}
	read := func(actor trellis.Actor, in string) (names []string) {
		for after := ""; ; {
			out, err := w.do(t, actor, "courses.people", strings.Replace(in, "{", `{"course":"`+goCourse+`","after":"`+after+`",`, 1))
			must(t, err)
			var page learning.List[learning.Member]
			must(t, json.Unmarshal([]byte(out), &page))
			for _, m := range page.Items {
				names = append(names, m.User.PII.Name)
			}
			if after = page.Next; after == "" {
				slices.Sort(names) // IDs of one moment have no order
				return names
			}
		}
	}
	staff := w.actors["gostaff"]
	for _, tt := range []struct {
		name  string
		actor trellis.Actor
		in    string
		want  string
	}{
		{"all", staff, `{"limit":50}`, "ADA MEMBER0 MEMBER1 MEMBER2 MEMBER3 MEMBER4 MEMBER5"},
		{"by two", staff, `{"limit":2}`, "ADA MEMBER0 MEMBER1 MEMBER2 MEMBER3 MEMBER4 MEMBER5"},
		{"some, by two", staff, `{"limit":2,"search":"Member"}`, "MEMBER0 MEMBER1 MEMBER2 MEMBER3 MEMBER4 MEMBER5"},
		{"by an address", staff, `{"limit":2,"search":"MEMBER4@ example"}`, "MEMBER4"},
		{"nobody", staff, `{"limit":2,"search":"bob"}`, ""},
		{"without names", narrowed(staff, "enrollments:read"), `{"limit":50}`, "      "},
		{"searched for by what cannot be seen", narrowed(staff, "enrollments:read"), `{"limit":50,"search":"ada"}`, ""},
	} {
		if got := strings.Join(read(tt.actor, tt.in), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if _, err := w.do(t, staff, "courses.people", `{"course":"`+goCourse+`","limit":-1}`); kind(err) != trellis.Invalid {
		t.Errorf("a limit below nothing: %v", err)
	}
	if _, err := w.do(t, staff, "courses.people", `{"course":"`+goCourse+`","limit":-1,"search":"x"}`); kind(err) != trellis.Invalid {
		t.Errorf("a limit below nothing, of a search: %v", err)
	}
}

// TestSeatsLeft: where seats are few everybody sees how many are left; else only those
// who may see who is enrolled.
func TestSeatsLeft(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		seats int
		who   string
		want  string
	}{
		{0, "zoe", `{"taken":0}`}, {0, "ada", `{"taken":0}`}, {0, "gostaff", `{"taken":1}`},
		{3, "zoe", `{"seats":3,"taken":1}`}, {3, "gostaff", `{"seats":3,"taken":1}`},
	} {
		_, err := w.UpdateCourse(system(t, "acme"), learning.UpdateCourse{Key: goCourse, Seats: &tt.seats})
		must(t, err)
		got, err := w.do(t, w.actors[tt.who], "courses.seats", `{"course":"`+goCourse+`"}`)
		if err != nil || got != tt.want {
			t.Errorf("%s of %d: %s (%v), want %s", tt.who, tt.seats, got, err, tt.want)
		}
	}
	if _, err := w.do(t, w.actors["ada"], "courses.seats", `{"course":"course-v1:arts+None+1"}`); kind(err) != trellis.NotFound {
		t.Errorf("a course that is not: %v", err)
	}
}

// TestUpdateSince: a change of a course that somebody else has changed meanwhile
// is not made.
func TestUpdateSince(t *testing.T) {
	w := newWorld(t)
	sys := system(t, "acme")
	read, err := w.Course(sys, goCourse)
	must(t, err)
	_, err = w.UpdateCourse(sys, learning.UpdateCourse{Key: goCourse, Title: ptr("First"), Since: read.Event})
	must(t, err)
	if _, err = w.UpdateCourse(sys, learning.UpdateCourse{Key: goCourse, Title: ptr("Second"), Since: read.Event}); kind(err) != trellis.Conflict {
		t.Errorf("a change over another: %v", err)
	}
	now, err := w.Course(sys, goCourse)
	must(t, err)
	if now.Title != "First" {
		t.Errorf("the title is %q", now.Title)
	}
	if _, err = w.UpdateCourse(sys, learning.UpdateCourse{Key: goCourse, Title: ptr("Second"), Since: now.Event}); err != nil {
		t.Errorf("a change of what was read: %v", err)
	}
}

// TestEndSessions: whoever signs out everywhere is signed out everywhere, and
// nobody else is.
func TestEndSessions(t *testing.T) {
	c := newCore(t)
	ada := c.member(t, "ada")
	c.member(t, "bob")
	keys := map[string]string{}
	for _, name := range []string{"ada", "ada again", "bob"} {
		token, err := c.Login(door(t), learning.Login{Username: strings.Fields(name)[0], Password: password})
		must(t, err)
		keys[name] = token.Key
	}
	kept, err := c.CreateToken(as(t, person(ada.ID)), learning.CreateToken{Name: "kept"})
	must(t, err)
	keys["ada's token"] = kept.Key
	for name, actor := range map[string]trellis.Actor{"narrowed": narrowed(person(ada.ID), "*"), "a service": {Kind: trellis.ServiceActor, ID: ada.ID}} {
		if err := c.EndSessions(as(t, actor)); kind(err) != trellis.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, c.EndSessions(as(t, person(ada.ID))))
	for name, want := range map[string]trellis.Kind{"ada": trellis.Denied, "ada again": trellis.Denied, "bob": "", "ada's token": ""} {
		if _, err := c.Authenticate(t.Context(), "acme", keys[name]); kind(err) != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
