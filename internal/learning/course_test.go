package learning_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

func TestCourses(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	day := func(n int) *time.Time { return ptr(time.Date(2026, 9, n, 0, 0, 0, 0, time.UTC)) }
	full := learning.CreateCourse{Key: goCourse, Title: "Go", Start: day(1), End: day(20), OpenModes: []string{"verified", "audit", "audit"}, Seats: 7, Pacing: "self", Hidden: true}
	before := len(c.events(t, sys, ""))
	made, err := c.CreateCourse(sys, full)
	must(t, err)
	want := []string{learning.CatalogInfoChanged.Name(), learning.CourseCreated.Name()}
	got := c.types(t, sys, before)
	if !slices.Contains(got, learning.OrganisationChanged.Name()) || len(got) != 3 || !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
		t.Errorf("events %v", got)
	}
	stored, err := c.Course(sys, goCourse)
	must(t, err)
	if fmt.Sprint(stored) == "" || stored.Organisation != "arts" || !slices.Equal(stored.OpenModes, []string{"audit", "verified"}) || stored.Seats != 7 ||
		!stored.Start.Equal(*day(1)) || !stored.Created.Equal(made.Created) || stored.Event != made.Event {
		t.Errorf("stored %+v, made %+v", stored, made)
	}
	before = len(c.events(t, sys, ""))
	if again, err := c.CreateCourse(sys, full); err != nil || again.Event != made.Event {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	full.Title = "Go!"
	if _, err := c.CreateCourse(sys, full); kind(err) != trellis.Conflict {
		t.Errorf("another of the same key: %v", err)
	}
	if n := len(c.events(t, sys, "")); n != before {
		t.Errorf("%d events more", n-before)
	}

	for _, tt := range []struct {
		name string
		in   learning.CreateCourse
	}{
		{"no key", learning.CreateCourse{Title: "X"}}, {"no run", learning.CreateCourse{Key: "course-v1:a+b", Title: "X"}},
		{"no title", learning.CreateCourse{Key: rustCourse}}, {"a long title", learning.CreateCourse{Key: rustCourse, Title: strings.Repeat("x", 256)}},
		{"ends first", learning.CreateCourse{Key: rustCourse, Title: "X", Start: day(2), End: day(1)}},
		{"closes first", learning.CreateCourse{Key: rustCourse, Title: "X", EnrollmentStart: day(2), EnrollmentEnd: day(1)}},
		{"no pacing", learning.CreateCourse{Key: rustCourse, Title: "X", Pacing: "none"}},
		{"fewer seats than none", learning.CreateCourse{Key: rustCourse, Title: "X", Seats: -1}},
		{"a mode that cannot be", learning.CreateCourse{Key: rustCourse, Title: "X", OpenModes: []string{"a b"}}},
		{"too many modes", learning.CreateCourse{Key: rustCourse, Title: "X", OpenModes: strings.Fields(modes(33))}},
	} {
		if _, err := c.CreateCourse(sys, tt.in); kind(err) != trellis.Invalid {
			t.Errorf("%s: %v", tt.name, err)
		}
	}

	for _, tt := range []struct {
		name    string
		in      learning.UpdateCourse
		want    trellis.Kind
		changes bool
	}{
		{"nothing", learning.UpdateCourse{}, "", false},
		{"a title", learning.UpdateCourse{Title: ptr("Go 2")}, "", true},
		{"the same title", learning.UpdateCourse{Title: ptr("Go 2")}, "", false},
		{"no end", learning.UpdateCourse{End: &time.Time{}}, "", true},
		{"an end before the start", learning.UpdateCourse{End: ptr(day(1).Add(-time.Hour))}, trellis.Invalid, false},
		{"no mode is open", learning.UpdateCourse{OpenModes: []string{}}, "", true},
		{"as many as like", learning.UpdateCourse{Seats: ptr(0)}, "", true},
	} {
		tt.in.Key = goCourse
		before := len(c.events(t, sys, learning.CatalogInfoChanged.Name()))
		if _, err := c.UpdateCourse(sys, tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if n := len(c.events(t, sys, learning.CatalogInfoChanged.Name())) - before; (n == 1) != tt.changes {
			t.Errorf("%s: %d events", tt.name, n)
		}
	}
	if _, err := c.UpdateCourse(sys, learning.UpdateCourse{Key: rustCourse}); kind(err) != trellis.NotFound {
		t.Errorf("an unknown course: %v", err)
	}
}

func modes(n int) (all string) {
	for i := range n {
		all += fmt.Sprintf(" m%d", i)
	}
	return all
}

// Two changes, each right by itself, that contradict each other: the second is told
// so in its transaction.
func TestUpdateCourseLooksAgain(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	c.course(t, sys, goCourse)
	b, err := c.Batch(sys, learning.Keys{Courses: []string{goCourse}})
	must(t, err)
	late, err := b.PrepareUpdateCourse(sys, learning.UpdateCourse{Key: goCourse, End: ptr(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))})
	must(t, err)
	_, err = c.UpdateCourse(sys, learning.UpdateCourse{Key: goCourse, Start: ptr(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))})
	must(t, err)
	if err := c.db.Write(sys, late); kind(err) != trellis.Invalid {
		t.Errorf("err = %v", err)
	}
}

func TestGrades(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	c.course(t, sys, goCourse)
	changed, passing, item := learning.GradeChanged.Name(), learning.PassingChanged.Name(), learning.ItemGradeChanged.Name()
	set := func(item string, earned, possible float64, passed bool) learning.SetGrade {
		return learning.SetGrade{Person: ada.ID, Course: goCourse, Item: item, Earned: earned, Possible: possible, Passed: passed}
	}
	var first *time.Time
	for _, tt := range []struct {
		name string
		in   learning.SetGrade
		want []string
	}{
		{"not enough", set("", 1, 10, false), []string{changed}},
		{"the same", set("", 1, 10, false), nil},
		{"enough", set("", 8, 10, true), []string{changed, passing}},
		{"more", set("", 9, 10, true), []string{changed}},
		{"no longer", set("", 2, 10, false), []string{changed, passing}},
		{"enough again", set("", 10, 10, true), []string{changed, passing}},
		{"an item", set("quiz", 0, 0, false), []string{item}},
		{"the item again", set("quiz", 0, 0, false), nil},
		{"another item", set("exam", 1, 1, true), []string{item}},
	} {
		before := len(c.events(t, sys, ""))
		g, err := c.SetGrade(sys, tt.in)
		must(t, err)
		if got := c.types(t, sys, before); !slices.Equal(got, tt.want) {
			t.Errorf("%s: events %v, want %v", tt.name, got, tt.want)
		}
		if tt.in.Item == "" && first == nil {
			first = g.PassedAt
		} else if tt.in.Item == "" && (g.PassedAt == nil || !g.PassedAt.Equal(*first)) {
			t.Errorf("%s: passed at %v, first at %v", tt.name, g.PassedAt, first)
		}
	}
	for _, tt := range []struct {
		name string
		in   learning.SetGrade
		want trellis.Kind
	}{
		{"less than nothing", set("", -1, 1, false), trellis.Invalid}, {"more than all", set("", 2, 1, false), trellis.Invalid},
		{"no number", set("", math.NaN(), 1, false), trellis.Invalid}, {"no end", set("", 1, math.Inf(1), false), trellis.Invalid},
		{"an item of many lines", set("a\nb", 1, 1, false), trellis.Invalid},
		{"nobody", learning.SetGrade{Person: trellis.NewID(), Course: goCourse, Possible: 1}, trellis.NotFound},
		{"nowhere", learning.SetGrade{Person: ada.ID, Course: rustCourse, Possible: 1}, trellis.NotFound},
	} {
		if _, err := c.SetGrade(sys, tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	var items []string
	must(t, c.EachGrade(sys, func(g learning.Grade) error { items = append(items, g.Item); return nil }))
	if !slices.Equal(items, []string{"", "exam", "quiz"}) {
		t.Errorf("one grade for each item: %q", items)
	}
	if got := (learning.Grade{Earned: 3, Possible: 4}).Percent(); got != .75 {
		t.Errorf("percent %v", got)
	}
}

func TestCompletions(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	c.course(t, sys, goCourse)
	for _, tt := range []struct {
		value  float64
		block  string
		want   trellis.Kind
		events int
	}{
		{0, "b", "", 1}, {0, "b", "", 0}, {.5, "b", "", 1}, {1, "b", "", 1}, {.2, "b", "", 1}, {1, "c", "", 1},
		{-.1, "b", trellis.Invalid, 0}, {1.1, "b", trellis.Invalid, 0}, {math.NaN(), "b", trellis.Invalid, 0}, {1, "", trellis.Invalid, 0}, {1, "a\x00b", trellis.Invalid, 0},
	} {
		before := len(c.events(t, sys, ""))
		_, err := c.SetCompletion(sys, learning.SetCompletion{Person: ada.ID, Course: goCourse, Block: tt.block, Value: tt.value})
		if kind(err) != tt.want || len(c.events(t, sys, ""))-before != tt.events {
			t.Errorf("%v of %q: %v, %d events", tt.value, tt.block, err, len(c.events(t, sys, ""))-before)
		}
	}
	// A learner notes her own only where she is enrolled.
	in := `{"course":"` + goCourse + `","block":"own","completion":1}`
	for _, step := range []struct {
		do   func() error
		want trellis.Kind
	}{
		{func() error { return nil }, trellis.NotFound},
		{func() error { return second(c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: goCourse})) }, ""},
		{func() error { return second(c.Unenroll(sys, learning.Unenroll{Person: ada.ID, Course: goCourse})) }, trellis.Conflict},
	} {
		must(t, step.do())
		if _, err := c.do(t, person(ada.ID), "completions.set", in); kind(err) != step.want {
			t.Errorf("%v, want %q", err, step.want)
		}
	}
}

func TestRoles(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	c.course(t, sys, goCourse)
	assigned, removed, added, lost := learning.RoleAssigned.Name(), learning.RoleRemoved.Name(), learning.AccessRoleAdded.Name(), learning.AccessRoleRemoved.Name()
	inCourse := learning.Assign{Person: ada.ID, Role: trellis.RoleStaff, Course: goCourse}
	whole := learning.Assign{Person: ada.ID, Role: trellis.RoleTenantAdmin}
	for _, tt := range []struct {
		name string
		do   func(ctx context.Context, a learning.Assign) (learning.RoleAssignment, error)
		in   learning.Assign
		want []string
		has  bool
	}{
		{"given", c.AssignRole, inCourse, []string{assigned, added}, true},
		{"given twice", c.AssignRole, inCourse, nil, true},
		{"taken", c.RemoveRole, inCourse, []string{removed, lost}, false},
		{"taken twice", c.RemoveRole, inCourse, nil, false},
		{"given again", c.AssignRole, inCourse, []string{assigned, added}, true},
		{"in the whole tenant", c.AssignRole, whole, []string{assigned}, true},
		{"no longer", c.RemoveRole, whole, []string{removed}, false},
		{"never had", c.RemoveRole, learning.Assign{Person: ada.ID, Role: trellis.RoleStaff, Organisation: "arts"}, nil, false},
	} {
		before := len(c.events(t, sys, ""))
		r, err := tt.do(sys, tt.in)
		must(t, err)
		if got := c.types(t, sys, before); !slices.Equal(got, tt.want) {
			t.Errorf("%s: events %v, want %v", tt.name, got, tt.want)
		}
		if tt.want != nil && r.Event != c.events(t, sys, "")[before].ID {
			t.Errorf("%s: the row does not name its event: %+v", tt.name, r)
		}
		if has, err := c.HasRole(sys, tt.in); err != nil || has != tt.has {
			t.Errorf("%s: has it %v, %v", tt.name, has, err)
		}
	}
	// A role that was taken leaves a trace, for those who copy what changed.
	var traces int
	must(t, c.db.Read(sys, func(tx *store.Tx) error {
		return tx.QueryRow(sys, `SELECT COUNT(*) FROM roles r JOIN events e ON e.tenant = r.tenant AND e.id = r.event
			WHERE r.tenant = 'acme' AND r.removed = 1 AND e.type = ?`, removed).Scan(&traces)
	}))
	if traces != 1 {
		t.Errorf("%d traces", traces)
	}
}
