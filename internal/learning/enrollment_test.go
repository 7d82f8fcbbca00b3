package learning_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

func TestEnroll(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	c.course(t, sys, goCourse)
	created, changed, ended := learning.EnrollmentCreated.Name(), learning.EnrollmentChanged.Name(), learning.UnenrollmentCompleted.Name()
	asked, leaving := learning.EnrollmentStarted.Name(), learning.UnenrollmentStarted.Name()

	for _, tt := range []struct {
		name   string
		leave  bool
		mode   string
		want   string // mode, and whether it is active
		event  string
		filter string
	}{
		{"the first time", false, "", "audit true", created, asked},
		{"again", false, "audit", "audit true", "", ""},
		{"another mode", false, "verified", "verified true", changed, asked},
		{"without a mode it stays", false, "", "verified true", "", ""},
		{"leaves", true, "", "verified false", ended, leaving},
		{"leaves again", true, "", "verified false", "", ""},
		{"returns to the same mode", false, "", "verified true", created, asked},
		{"leaves once more", true, "", "verified false", ended, leaving},
		{"returns in another", false, "honor", "honor true", created, asked},
	} {
		before, questions := len(c.events(t, sys, "")), c.filters.count(asked)+c.filters.count(leaving)
		var e learning.Enrollment
		var err error
		if tt.leave {
			e, err = c.Unenroll(sys, learning.Unenroll{Person: ada.ID, Course: goCourse})
		} else {
			e, err = c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: goCourse, Mode: tt.mode})
		}
		must(t, err)
		if got := fmt.Sprint(e.Mode, " ", e.Active); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		var want []string
		if tt.event != "" {
			want = []string{tt.event}
		}
		if got := c.types(t, sys, before); !slices.Equal(got, want) {
			t.Errorf("%s: events %v, want %v", tt.name, got, want)
		}
		if got := c.filters.count(asked) + c.filters.count(leaving) - questions; (got == 1) != (tt.filter != "") {
			t.Errorf("%s: %d questions, want one of %q", tt.name, got, tt.filter)
		}
		stored, err := c.Enrollment(sys, goCourse, ada.ID)
		must(t, err)
		if stored != e {
			t.Errorf("%s: stored %+v, answered %+v", tt.name, stored, e)
		}
		if tt.event != "" && e.Event != c.events(t, sys, "")[before].ID {
			t.Errorf("%s: the row does not name its event", tt.name)
		}
	}
}

func TestEnrollInvalid(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada, off := c.someone(t, sys, "ada"), c.someone(t, sys, "off")
	c.course(t, sys, goCourse)
	_, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: off.ID, Active: ptr(false)})
	must(t, err)
	for _, tt := range []struct {
		name string
		in   learning.Enroll
		want trellis.Kind
	}{
		{"no person", learning.Enroll{Course: goCourse}, trellis.NotFound},
		{"an unknown person", learning.Enroll{Person: trellis.NewID(), Course: goCourse}, trellis.NotFound},
		{"an unknown course", learning.Enroll{Person: ada.ID, Course: rustCourse}, trellis.NotFound},
		{"an account that is switched off", learning.Enroll{Person: off.ID, Course: goCourse}, trellis.Conflict},
		{"a mode in capitals", learning.Enroll{Person: ada.ID, Course: goCourse, Mode: "Audit"}, trellis.Invalid},
		{"a mode with a space", learning.Enroll{Person: ada.ID, Course: goCourse, Mode: "audit honor"}, trellis.Invalid},
		{"a mode that ends a line", learning.Enroll{Person: ada.ID, Course: goCourse, Mode: "audit\n"}, trellis.Invalid},
		{"a long mode", learning.Enroll{Person: ada.ID, Course: goCourse, Mode: strings.Repeat("a", 65)}, trellis.Invalid},
	} {
		if _, err := c.Enroll(sys, tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := c.Unenroll(sys, learning.Unenroll{Person: ada.ID, Course: goCourse}); kind(err) != trellis.NotFound {
		t.Errorf("somebody left who never came: %v", err)
	}
	if n := len(c.events(t, sys, learning.EnrollmentCreated.Name())); n != 0 {
		t.Errorf("%d events", n)
	}
}

// What a filter made of the question is input like any other.
func TestEnrollFilters(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	c.course(t, sys, goCourse)
	c.course(t, sys, rustCourse)
	other := c.someone(t, sys, "other")
	for i, tt := range []struct {
		name string
		by   func(trellis.Question) ([]byte, error)
		mode string
		want trellis.Kind
	}{
		{"refused", refuse, "", trellis.Refused},
		{"another mode", replacing(`"mode":"audit"`, `"mode":"verified"`), "verified", ""},
		{"a mode that cannot be", replacing(`"mode":"audit"`, `"mode":"A B"`), "", trellis.Invalid},
		{"no mode", replacing(`"mode":"audit"`, `"mode":""`), "", trellis.Invalid},
		{"another course", replacing("Go+1", "Rust+1"), "", trellis.Invalid},
		{"another person", replacing(`{"user":{"id":"`, `{"user":{"id":"`+other.ID+`x`), "", trellis.Invalid},
		{"an account switched on", replacing(`"is_active":true`, `"is_active":false`), "", trellis.Invalid},
		{"another key", replacing(`"mode"`, `"mood"`), "", trellis.Invalid},
		{"garbage", func(trellis.Question) ([]byte, error) { return []byte("\xff{"), nil }, "", trellis.Invalid},
	} {
		p := c.someone(t, sys, fmt.Sprint("p", i))
		c.filters.on(learning.EnrollmentStarted.Name(), tt.by)
		e, err := c.Enroll(sys, learning.Enroll{Person: p.ID, Course: goCourse, Mode: "audit"})
		if kind(err) != tt.want || e.Mode != tt.mode {
			t.Errorf("%s: %+v, %v", tt.name, e, err)
		}
		if _, err := c.Enrollment(sys, goCourse, p.ID); (err == nil) != (tt.want == "") {
			t.Errorf("%s: stored all the same: %v", tt.name, err)
		}
	}

	c.filters.on(learning.EnrollmentStarted.Name(), replacing("x", "x"))
	p := c.someone(t, sys, "ada")
	_, err := c.Enroll(sys, learning.Enroll{Person: p.ID, Course: goCourse})
	must(t, err)
	for _, tt := range []struct {
		name string
		by   func(trellis.Question) ([]byte, error)
		want trellis.Kind
	}{
		{"refused", refuse, trellis.Refused},
		{"another enrolment", replacing("Go+1", "Rust+1"), trellis.Invalid},
		{"the same in another order", replacing(`{"enrollment":`, ` { "enrollment" : `), ""},
	} {
		c.filters.on(learning.UnenrollmentStarted.Name(), tt.by)
		if _, err := c.Unenroll(sys, learning.Unenroll{Person: p.ID, Course: goCourse}); kind(err) != tt.want {
			t.Errorf("unenrolment %s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A learner who enrols herself is bound by the rules of the course; those whose
// roles let them enrol others there are not.
func TestEnrollHerself(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	hour := func(n int) *time.Time { return ptr(time.Now().Add(time.Duration(n) * time.Hour)) }
	for i, tt := range []struct {
		name   string
		course learning.CreateCourse
		mode   string
		want   trellis.Kind
	}{
		{"an open course", learning.CreateCourse{}, "", ""},
		{"in honor", learning.CreateCourse{}, "honor", ""},
		{"in a mode that costs", learning.CreateCourse{}, "verified", trellis.Denied},
		{"in a mode that is open here", learning.CreateCourse{OpenModes: []string{"verified"}}, "verified", ""},
		{"in the usual mode, which is not", learning.CreateCourse{OpenModes: []string{"verified"}}, "", trellis.Denied},
		{"no mode is open", learning.CreateCourse{OpenModes: []string{}}, "audit", trellis.Denied},
		{"by invitation", learning.CreateCourse{InvitationOnly: true}, "", trellis.Denied},
		{"not yet", learning.CreateCourse{EnrollmentStart: hour(1)}, "", trellis.Conflict},
		{"no longer", learning.CreateCourse{EnrollmentEnd: hour(-1)}, "", trellis.Conflict},
		{"just now", learning.CreateCourse{EnrollmentStart: hour(-1), EnrollmentEnd: hour(1)}, "", ""},
	} {
		tt.course.Key, tt.course.Title = fmt.Sprintf("course-v1:arts+C%d+1", i), tt.name
		_, err := c.CreateCourse(sys, tt.course)
		must(t, err)
		ada := c.someone(t, sys, fmt.Sprint("ada", i))
		in := learning.Enroll{Course: tt.course.Key, Mode: tt.mode}
		if _, err := c.do(t, person(ada.ID), "enrollments.create", in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		for who, a := range map[string]trellis.Actor{
			"course staff": staff(ada.ID, tt.course.Key), "an admin": person(ada.ID, trellis.Role{Name: trellis.RoleTenantAdmin}),
			"staff of the organisation": person(ada.ID, trellis.Role{Name: trellis.RoleStaff, Organisation: "arts"}),
		} {
			if _, err := c.do(t, a, "enrollments.create", in); err != nil {
				t.Errorf("%s: %s, herself: %v", tt.name, who, err)
			}
			_, err := c.Unenroll(sys, learning.Unenroll{Person: ada.ID, Course: tt.course.Key})
			must(t, err)
		}
		if _, err := c.do(t, staff(ada.ID, goCourse), "enrollments.create", in); kind(err) != tt.want {
			t.Errorf("%s: staff of another course: %v, want %q", tt.name, err, tt.want)
		}
	}

	// Who was let in to a mode that is not open keeps it, and does not get it back.
	c.course(t, sys, goCourse)
	bob := c.someone(t, sys, "bob")
	_, err := c.Enroll(sys, learning.Enroll{Person: bob.ID, Course: goCourse, Mode: "verified"})
	must(t, err)
	for _, step := range []struct{ operation, want string }{
		{"enrollments.create", `"mode":"verified","is_active":true`}, {"enrollments.delete", `"mode":"verified","is_active":false`},
		{"enrollments.create", `"mode":"audit","is_active":true`},
	} {
		if out, err := c.do(t, person(bob.ID), step.operation, learning.Unenroll{Course: goCourse}); err != nil || !strings.Contains(out, step.want) {
			t.Errorf("%s: %s, %v, want %s", step.operation, out, err, step.want)
		}
	}
}

// What others write between the two halves is looked at in the second.
func TestEnrollLooksAgain(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	for i, tt := range []struct {
		name  string
		meant func(course, person string) error
		want  trellis.Kind
	}{
		{"nothing", func(string, string) error { return nil }, ""},
		{"the account was switched off", func(_, p string) error {
			_, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: p, Active: ptr(false)})
			return err
		}, trellis.Conflict},
		{"the person was erased", func(_, p string) error { return c.Erase(sys, p) }, trellis.NotFound},
		{"by invitation from now on", func(course, _ string) error {
			_, err := c.UpdateCourse(sys, learning.UpdateCourse{Key: course, InvitationOnly: ptr(true)})
			return err
		}, trellis.Denied},
		{"the mode was closed", func(course, _ string) error {
			_, err := c.UpdateCourse(sys, learning.UpdateCourse{Key: course, OpenModes: []string{"verified"}})
			return err
		}, trellis.Denied},
		{"enrolment was closed", func(course, _ string) error {
			_, err := c.UpdateCourse(sys, learning.UpdateCourse{Key: course, EnrollmentEnd: ptr(time.Now().Add(-time.Hour))})
			return err
		}, trellis.Conflict},
		{"the last seat was taken", func(course, _ string) error {
			if _, err := c.UpdateCourse(sys, learning.UpdateCourse{Key: course, Seats: ptr(1)}); err != nil {
				return err
			}
			_, err := c.Enroll(sys, learning.Enroll{Person: c.someone(t, sys, "early").ID, Course: course})
			return err
		}, trellis.Conflict},
	} {
		course, p := c.course(t, sys, fmt.Sprintf("course-v1:arts+C%d+1", i)), c.someone(t, sys, fmt.Sprint("p", i))
		self := as(t, person(p.ID))
		b, err := c.Batch(self, learning.Keys{Enrollments: [][2]string{{course, p.ID}}})
		must(t, err)
		change, err := b.PrepareEnroll(self, learning.Enroll{Person: p.ID, Course: course})
		must(t, err)
		must(t, tt.meant(course, p.ID))
		if err := c.db.Write(self, change); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if _, err := c.Enrollment(sys, course, p.ID); (err == nil) != (tt.want == "") {
			t.Errorf("%s: the enrolment: %v", tt.name, err)
		}
	}
}

// A change that is applied again is held against the rules of the time at which it
// was prepared, not of the enrolment that it found.
func TestEnrollAppliedAgain(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	c.course(t, sys, goCourse)
	ada := c.someone(t, sys, "ada")
	_, err := c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: goCourse})
	must(t, err)
	_, err = c.Unenroll(sys, learning.Unenroll{Person: ada.ID, Course: goCourse})
	must(t, err)
	_, err = c.UpdateCourse(sys, learning.UpdateCourse{Key: goCourse, EnrollmentStart: ptr(time.Now())})
	must(t, err)
	self := as(t, person(ada.ID))
	b, err := c.Batch(self, learning.Keys{Enrollments: [][2]string{{goCourse, ada.ID}}})
	must(t, err)
	change, err := b.PrepareEnroll(self, learning.Enroll{Person: ada.ID, Course: goCourse})
	must(t, err)
	lost := trellis.Errorf(trellis.Unavailable, "the group was lost")
	if err := c.db.Write(self, change, store.ChangeFunc(failing(lost))); kind(err) != trellis.Unavailable {
		t.Fatal(err)
	}
	if err := c.db.Write(self, change); err != nil || change.Outcome != learning.Created {
		t.Errorf("%s, %v", change.Outcome, err)
	}
}

// Of many who want one of few seats at once, as many get one as there are.
func TestSeats(t *testing.T) {
	const seats, people = 3, 20
	c := newCore(t)
	sys := system(t, "acme")
	_, err := c.CreateCourse(sys, learning.CreateCourse{Key: goCourse, Title: "Go", Seats: seats})
	must(t, err)
	ids := make([]string, people)
	for i := range ids {
		ids[i] = c.someone(t, sys, fmt.Sprint("p", i)).ID
	}
	var wg sync.WaitGroup
	errs := make([]error, people)
	for i, id := range ids {
		wg.Go(func() { _, errs[i] = c.Enroll(sys, learning.Enroll{Person: id, Course: goCourse}) })
	}
	wg.Wait()
	in, full := []string{}, 0
	for i, err := range errs {
		switch kind(err) {
		case "":
			in = append(in, ids[i])
		case trellis.Conflict:
			full++
		default:
			t.Errorf("%v", err)
		}
	}
	if len(in) != seats || full != people-seats {
		t.Fatalf("%d got a seat, %d found none", len(in), full)
	}
	if _, err := c.Enroll(sys, learning.Enroll{Person: in[0], Course: goCourse, Mode: "honor"}); err != nil {
		t.Errorf("somebody who has a seat changes the mode: %v", err)
	}
	_, err = c.Unenroll(sys, learning.Unenroll{Person: in[0], Course: goCourse})
	must(t, err)
	for i, want := range []trellis.Kind{"", trellis.Conflict} {
		late := c.someone(t, sys, fmt.Sprint("late", i))
		if _, err := c.Enroll(sys, learning.Enroll{Person: late.ID, Course: goCourse}); kind(err) != want {
			t.Errorf("after one left, number %d: %v", i+1, err)
		}
	}
}

// The same person at once: one enrolment, one event.
func TestEnrollAtOnce(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	c.course(t, sys, goCourse)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: goCourse}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(c.events(t, sys, learning.EnrollmentCreated.Name())); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestEnrollmentEventNamesWhoDidIt(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada, eve := c.someone(t, sys, "ada"), c.someone(t, sys, "eve")
	c.course(t, sys, goCourse)
	c.course(t, sys, rustCourse)
	_, err := c.do(t, staff(eve.ID, goCourse), "enrollments.create", learning.Enroll{Person: ada.ID, Course: goCourse})
	must(t, err)
	_, err = c.do(t, person(ada.ID), "enrollments.create", learning.Enroll{Course: rustCourse})
	must(t, err)
	events := c.events(t, sys, learning.EnrollmentCreated.Name())
	for i, want := range []*trellis.User{{ID: eve.ID, Number: eve.Number, Active: true}, nil} {
		p, err := learning.EnrollmentCreated.Decode(events[i])
		must(t, err)
		got := p.Enrollment.CreatedBy
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("event %d: created by %+v, want %+v", i, got, want)
		}
		if p.Enrollment.User.Number != ada.Number || events[i].Person != ada.ID || events[i].Course != p.Enrollment.Course.CourseKey || events[i].Key != ada.ID {
			t.Errorf("event %d: %+v", i, events[i])
		}
	}
}

// A job applies many changes, and a change that is applied again comes to the same.
func TestBatch(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	b, err := c.Batch(sys, learning.Keys{Usernames: []string{"ada", "bob"}, Courses: []string{goCourse}})
	must(t, err)
	course, err := b.PrepareCreateCourse(sys, learning.CreateCourse{Key: goCourse, Title: "Go"})
	must(t, err)
	changes := []store.Change{course}
	for _, name := range []string{"ada", "bob"} {
		p, err := b.PrepareRegister(sys, learning.Register{Username: name})
		must(t, err)
		e, err := b.PrepareEnroll(sys, learning.Enroll{Person: p.Person.ID, Course: goCourse})
		must(t, err)
		again, err := b.PrepareEnroll(sys, learning.Enroll{Person: p.Person.ID, Course: goCourse})
		must(t, err)
		if again.Outcome != learning.Unchanged {
			t.Errorf("%s is enrolled twice in one batch", name)
		}
		changes = append(changes, p, e, again)
	}
	if _, err := b.PrepareRegister(sys, learning.Register{Username: "ADA"}); kind(err) != trellis.Conflict {
		t.Errorf("a name was given twice in one batch: %v", err)
	}
	broken := trellis.Errorf(trellis.Conflict, "broken")
	if err := c.db.Write(sys, append(slices.Clone(changes), store.ChangeFunc(failing(broken)))...); kind(err) != trellis.Conflict {
		t.Fatalf("err = %v", err)
	}
	if n := len(c.events(t, sys, "")); n != 1 { // the tenant's
		t.Errorf("%d events of a write that failed", n)
	}
	must(t, c.db.Write(sys, changes...))
	must(t, c.db.Write(sys, changes...)) // as after a group that was lost
	want := map[string]int{
		learning.TenantChanged.Name(): 1, learning.OrganisationChanged.Name(): 1, learning.CatalogInfoChanged.Name(): 1, learning.CourseCreated.Name(): 1,
		learning.RegistrationCompleted.Name(): 2, learning.EnrollmentCreated.Name(): 2,
	}
	got := map[string]int{}
	for _, e := range c.events(t, sys, "") {
		got[e.Type]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// A delivery that is repeated asks for the same identifiers: what it did is done once.
func TestRepeatedDelivery(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	c.course(t, sys, goCourse)
	event := trellis.NewID()
	var first, second []string
	for _, ids := range []*[]string{&first, &second} {
		ctx := trellis.WithIDs(sys, event, "installation", "hook")
		p, err := c.Register(ctx, learning.Register{Username: "ada"})
		must(t, err)
		e, err := c.Enroll(ctx, learning.Enroll{Person: p.ID, Course: goCourse})
		must(t, err)
		*ids = []string{p.ID, p.Event, e.Event}
	}
	if !slices.Equal(first, second) {
		t.Errorf("%v, then %v", first, second)
	}
	if r, e := len(c.events(t, sys, learning.RegistrationCompleted.Name())), len(c.events(t, sys, learning.EnrollmentCreated.Name())); r != 1 || e != 1 {
		t.Errorf("%d registrations, %d enrolments", r, e)
	}
}
