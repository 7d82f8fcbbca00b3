package integrations_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/learning"
)

// TestRowsOfOneEnrolment: who leaves a class and comes back in one archive is
// there, however far apart the rows stand.
func TestRowsOfOneEnrolment(t *testing.T) {
	for _, apart := range []int{1, 3, 64, 100, 200} {
		t.Run(fmt.Sprint(apart), func(t *testing.T) {
			c := start(t, nil)
			var people, first, delta strings.Builder
			for i := range apart {
				id := fmt.Sprint("u", i)
				people.WriteString(user(id))
				first.WriteString(enrol("e"+id, "c", id, "student") + enrol("t"+id, "c", id, "teacher"))
			}
			for _, part := range []struct{ prefix, status string }{{"", "tobedeleted"}, {"again-", "active"}} {
				for i := range apart {
					for _, role := range []string{"student", "teacher"} {
						id := map[string]string{"student": "e", "teacher": "t"}[role] + fmt.Sprint("u", i)
						fmt.Fprintf(&delta, "%s%s,%s,%s,c,school,u%d,%s,false,,\n", part.prefix, id, part.status, since, i, role)
					}
				}
			}
			c.load("", pack(t, "classes", classes+class("c"), "users", users+people.String(), "enrollments", enrollments+first.String()))
			r := c.load(`{"at_most":1000}`, pack(t, "delta:enrollments", enrollments+delta.String()))
			c.want(r, "enrollments.csv", fmt.Sprintf("%d created %d removed", 2*apart, 2*apart))
			if got := c.enrolled(); got != apart {
				t.Errorf("%d are enrolled, want %d", got, apart)
			}
			staff := 0
			if err := c.EachRole(c.ctx, func(learning.RoleAssignment) error { staff++; return nil }); err != nil || staff != apart {
				t.Errorf("%d are staff, want %d (%v)", staff, apart, err)
			}
		})
	}
}

// TestUsernames: each person of an archive gets an account, whatever the usernames
// have in common, and wherever the rows stand.
func TestUsernames(t *testing.T) {
	const n = 300
	c := start(t, nil)
	archive := pack(t, "users", users+rows(n, "u%d,,,true,school,student,%s,,Ada,L,,,,,,,,", number, func(i int) any { return []string{"ada", "ADA", "Ada"}[i%3] }))
	r := c.load("", archive)
	c.want(r, "users.csv", "300 created")
	if got := len(c.everybody()); got != n || !warned(r, "somebody else has the username") {
		t.Errorf("%d accounts, want %d; warnings %v", got, n, r.Warnings)
	}
	c.want(c.load("", archive), "users.csv", "300 unchanged")
}

// TestUsernameTakenByFilter: what a filter makes of two people is one account and a
// row that is not usable, and takes no other row along. The report names nobody.
func TestUsernameTakenByFilter(t *testing.T) {
	c := start(t, func(_ context.Context, q trellis.Question) ([]byte, error) {
		for _, id := range []string{`"u5"`, `"u70"`, `"u71"`} {
			q.Data = []byte(strings.Replace(string(q.Data), `"username":`+id, `"username":"same"`, 1))
		}
		return q.Data, nil
	})
	r := c.load("", pack(t, "users", users+rows(200, "u%d,,,true,school,student,u%d,,Ada,L,,,,,,,,", number, number)))
	c.want(r, "users.csv", "198 created 2 invalid")
	for _, f := range r.Invalid {
		if f.Column != "username" || strings.Contains(f.Message, "same") {
			t.Errorf("fault %+v", f)
		}
	}
}

func TestAccountsThatAreNotEnabled(t *testing.T) {
	c := start(t, nil)
	archive := func(enabled string) []byte {
		return pack(t, "classes", classes+class("c"), "users", users+"u,,,"+enabled+",school,student,ada,,Ada,L,,,,,,,,\n", "enrollments", enrollments+enrol("e", "c", "u", "student"))
	}
	for _, tt := range []struct{ enabled, users, enrollments string }{
		{"false", "1 created", "1 skipped"},
		{"false", "1 unchanged", "1 skipped"},
		{"true", "1 changed", "1 created"},
		{"false", "1 removed", "1 skipped"},
	} {
		r := c.load("", archive(tt.enabled))
		c.want(r, "users.csv", tt.users)
		c.want(r, "enrollments.csv", tt.enrollments)
		if p := c.everybody()["ada"]; p.Active != (tt.enabled == "true") {
			t.Errorf("enabled %s: active is %v", tt.enabled, p.Active)
		}
		if tt.enabled == "false" && !warned(r, "the account of the person does not work") {
			t.Errorf("warnings %v", r.Warnings)
		}
	}
}

// TestRoles: students are enrolled, those who teach get the course role, parents and
// guardians are people only, and tobedeleted takes all of it back.
func TestRoles(t *testing.T) {
	c := start(t, nil)
	people, parts, leave := "", "", ""
	for _, role := range []string{"student", "teacher", "administrator", "proctor", "aide", "parent", "guardian", "relative"} {
		people += user(role)
		parts += enrol("e-"+role, "c", role, role)
		leave += "e-" + role + ",tobedeleted," + since + ",c,school," + role + "," + role + ",false,,\n"
	}
	r := c.load("", pack(t, "classes", classes+class("c"), "users", users+people, "enrollments", enrollments+parts))
	c.want(r, "users.csv", "8 created")
	c.want(r, "enrollments.csv", "5 created 3 skipped")
	staff := func() (names []string) {
		by := map[string]string{}
		for name, p := range c.everybody() {
			by[p.ID] = name
		}
		if err := c.EachRole(c.ctx, func(a learning.RoleAssignment) error {
			if a.Role != trellis.RoleStaff || a.Course == "" {
				t.Errorf("%+v", a)
			}
			names = append(names, by[a.Person])
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got := staff(); len(got) != 4 || c.enrolled() != 1 {
		t.Errorf("staff %v, %d enrolled", got, c.enrolled())
	}
	r = c.load("", pack(t, "delta:enrollments", enrollments+leave))
	c.want(r, "enrollments.csv", "5 removed 3 skipped")
	if got := staff(); len(got) != 0 || c.enrolled() != 0 {
		t.Errorf("staff %v, %d enrolled", got, c.enrolled())
	}
	gone := func(id, rest string) string { return id + ",tobedeleted," + since + rest + "\n" }
	r = c.load("", pack(t, "delta:classes", classes+gone("c", ",,,,,,,,,,,"), "delta:users", users+gone("student", ",,,,,,,,,,,,,,,")))
	c.want(r, "classes.csv", "1 removed")
	c.want(r, "users.csv", "1 removed")
	if c.everybody()["student"].Active {
		t.Error("who was removed can log in")
	}
}

// TestRoleOfOneEnrolmentChanges: when the role under one sourcedId changes, the part that
// it gave before is taken back, unless another row gives it.
func TestRoleOfOneEnrolmentChanges(t *testing.T) {
	c := start(t, nil)
	staff := func() (n int) {
		t.Helper()
		if err := c.EachRole(c.ctx, func(learning.RoleAssignment) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, tt := range []struct {
		name, parts, want string
		enrolled, staff   int
	}{
		{"a student", enrol("e", "c", "u", "student"), "1 created", 1, 0},
		{"again", enrol("e", "c", "u", "student"), "1 unchanged", 1, 0},
		{"teaches", enrol("e", "c", "u", "teacher"), "1 removed", 0, 1},
		{"aids", enrol("e", "c", "u", "aide"), "1 unchanged", 0, 1},
		{"learns again", enrol("e", "c", "u", "student"), "1 removed", 1, 0},
		{"is both", enrol("e", "c", "u", "student") + enrol("f", "c", "u", "teacher"), "1 created 1 unchanged", 1, 1},
		{"by two rows", enrol("e", "c", "u", "teacher") + enrol("g", "c", "u", "student"), "2 unchanged", 1, 1},
	} {
		r := c.load("", pack(t, "classes", classes+class("c"), "users", users+user("u"), "enrollments", enrollments+tt.parts))
		c.want(r, "enrollments.csv", tt.want)
		if c.enrolled() != tt.enrolled || staff() != tt.staff {
			t.Errorf("%s: %d enrolled, %d staff", tt.name, c.enrolled(), staff())
		}
	}
}

// TestEnrolmentOfAnother: an enrolment that names another person than before takes nothing
// from her that she was given otherwise.
func TestEnrolmentOfAnother(t *testing.T) {
	c := start(t, nil)
	load := func(parts string) oneroster.Report {
		return c.load("", pack(t, "classes", classes+class("c"), "users", users+user("u")+user("v"), "enrollments", enrollments+parts))
	}
	load(enrol("e", "c", "u", "student") + enrol("f", "c", "v", "student"))
	c.want(load(enrol("e", "c", "v", "teacher")), "enrollments.csv", "1 created")
	if got := c.enrolled(); got != 2 {
		t.Errorf("%d are enrolled, want both", got)
	}
	c.want(load(enrol("e", "c", "v", "student")), "enrollments.csv", "1 removed") // from her, and of her own
}

// TestHiddenCourses: a roster shows again what a roster has hidden, and not what staff
// have.
func TestHiddenCourses(t *testing.T) {
	c := start(t, nil)
	here, gone := pack(t, "classes", classes+class("c")), pack(t, "delta:classes", classes+"c,tobedeleted,"+since+",,,,,,,,,,,\n")
	c.load("", here)
	var course learning.Course
	hidden := func() bool {
		t.Helper()
		if err := c.EachCourse(c.ctx, func(k learning.Course) error { course = k; return nil }); err != nil || course.Key == "" {
			t.Fatalf("course %+v, %v", course, err)
		}
		return course.Hidden
	}
	hidden()
	staff := func(hide bool) {
		t.Helper()
		if _, err := c.UpdateCourse(c.ctx, learning.UpdateCourse{Key: course.Key, Hidden: &hide}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		do     func()
		want   string
		hidden bool
	}{
		{"staff hide it", func() { staff(true) }, "1 unchanged", true},
		{"staff show it", func() { staff(false) }, "1 unchanged", false},
		{"a roster hides it", func() { c.want(c.load("", gone), "classes.csv", "1 removed") }, "1 changed", false},
		{"a roster hides it, staff show and hide it", func() { c.load("", gone); staff(false); c.load("", here); staff(true) }, "1 unchanged", true},
	} {
		tt.do()
		r := c.load("", here)
		c.want(r, "classes.csv", tt.want)
		if got := hidden(); got != tt.hidden || warned(r, "staff have hidden") != tt.hidden {
			t.Errorf("%s: hidden is %v; warnings %v", tt.name, got, r.Warnings)
		}
	}
}

// TestDryRun: a dry run says what an import then does, and changes nothing.
func TestDryRun(t *testing.T) {
	c := start(t, func(_ context.Context, q trellis.Question) ([]byte, error) {
		if strings.Contains(string(q.Data), "u3@") {
			return nil, &trellis.Refusal{Extension: "x", Filter: q.Type, Message: "no"}
		}
		return q.Data, nil
	})
	archive := pack(t, "classes", classes+class("c"), "users", users+rows(100, "u%d,,,true,school,student,u%d,,Ada,L,,,u%d@example.org,,,,,", number, number, number),
		"enrollments", enrollments+rows(100, "e%d,,,c,school,u%d,student,false,,", number, number))
	dry := c.load(`{"dry_run":true}`, archive)
	if n := len(c.everybody()); n != 0 || c.enrolled() != 0 {
		t.Errorf("a dry run made %d people", n)
	}
	if !warned(dry, "the filters were not asked") {
		t.Errorf("warnings %v", dry.Warnings)
	}
	real := c.load("", archive)
	for _, r := range []oneroster.Report{dry, real} {
		c.want(r, "classes.csv", "1 created")
		c.want(r, "users.csv", "99 created 1 refused")
		c.want(r, "enrollments.csv", "99 created 1 skipped")
	}
	if again := c.load(`{"dry_run":true}`, archive); counts(again, "enrollments.csv") != "99 unchanged 1 skipped" {
		t.Errorf("again: %s", again)
	}
}

// TestCourses: a course is made of each class, missing ones of courses.csv are
// reported, and a school keeps its organisation in archives without orgs.csv.
func TestCourses(t *testing.T) {
	c := start(t, nil)
	const cyclic = "school,,,School,school,North High,district\ndistrict,,,District,district,D,school\n" // each the parent of the other
	taught := func(id, course string) string { return id + ",,,T,," + course + ",,scheduled,,school,term,,,\n" }
	r := c.load("", pack(t, "orgs", orgs+cyclic, "courses", courses+"k1,,,,Course,MATH,,school,,\n", "classes", classes+taught("c1", "k1")+taught("c2", "nowhere")))
	c.want(r, "classes.csv", "2 created")
	c.want(r, "orgs.csv", "2 skipped")
	if len(r.Warnings) != 1 || r.Warnings[0].Column != "courseSourcedId" || r.Warnings[0].Row != 3 {
		t.Errorf("warnings %+v", r.Warnings)
	}
	r = c.load("", pack(t, "delta:classes", classes+"c3,active,"+since+",T,,k1,HIST,scheduled,,school,term,,,\n"))
	c.want(r, "classes.csv", "1 created")
	var keys []string
	if err := c.EachCourse(c.ctx, func(k learning.Course) error { keys = append(keys, k.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(keys, " "), "course-v1:North-High+HIST+c3 course-v1:North-High+MATH+c1 course-v1:North-High+T+c2"; got != want {
		t.Errorf("courses %s, want %s", got, want)
	}
}

// TestResume: an import that something unavailable stopped goes on where it was, and
// its report has what was refused before.
func TestResume(t *testing.T) {
	var asked, down atomic.Int32
	c := start(t, func(_ context.Context, q trellis.Question) ([]byte, error) {
		switch {
		case q.Type == learning.RegistrationRequested.Name() && strings.Contains(string(q.Data), "7@"):
			return nil, &trellis.Refusal{Extension: "x", Filter: q.Type, Message: "no"}
		case q.Type == learning.EnrollmentStarted.Name():
			if asked.Add(1) == 300 {
				down.Add(1)
				return nil, trellis.Errorf(trellis.Unavailable, "down")
			}
			if strings.HasSuffix(q.Course, "+c1") {
				return nil, &trellis.Refusal{Extension: "y", Filter: q.Type, Message: "full"}
			}
		}
		return q.Data, nil
	})
	const n = 400
	r := c.load("", pack(t, "classes", classes+class("c0")+class("c1"),
		"users", users+rows(n, "u%d,,,true,school,student,u%d,,Ada,L,,,u%d@example.org,,,,,", number, number, number)+user("u5"),
		"enrollments", enrollments+rows(n, "e%d,,,c%d,school,u%d,student,false,,", number, func(i int) any { return i / 2 % 2 }, number)+enrol("e5", "c0", "u5", "student")))
	c.want(r, "users.csv", "360 created 40 refused 1 invalid")
	c.want(r, "enrollments.csv", "180 created 40 skipped 180 refused 1 invalid")
	if down.Load() != 1 {
		t.Fatal("nothing was unavailable")
	}
	if len(r.Refused) != 220 || len(r.Invalid) != 2 {
		t.Errorf("%d refused and %d invalid rows are listed", len(r.Refused), len(r.Invalid))
	}
	seen, last := map[string]bool{}, 0
	for _, x := range r.Refused {
		key := fmt.Sprint(x.File, x.Row)
		if seen[key] || x.File == "enrollments.csv" && x.Row < last {
			t.Fatalf("%+v is there twice, or out of order", x)
		}
		if seen[key] = true; x.File == "enrollments.csv" {
			last = x.Row
		}
	}
	for _, f := range r.Invalid {
		if f.Message != "row 7 has the same one" {
			t.Errorf("fault %+v", f)
		}
	}
	if c.enrolled() != 180 {
		t.Errorf("%d are enrolled", c.enrolled())
	}
}

// TestPasswords: passwords are not even looked at unless that is asked for, and then
// are hashed. Nowhere is one to be found.
func TestPasswords(t *testing.T) {
	const password = "correct-horse-battery"
	c := start(t, nil)
	archive := func(id string) []byte {
		return pack(t, "users", users+id+",,,true,school,student,"+id+",,Ada,L,,,,,,,,"+password+"\n"+id+"-bad,,,perhaps,school,student,x,,Ada,L,,,,,,,,"+password+"\n")
	}
	for _, tt := range []struct {
		id, options string
		works       bool
	}{{"ada", "", false}, {"bea", `{"passwords":true}`, true}} {
		r := c.load(tt.options, archive(tt.id))
		c.want(r, "users.csv", "1 created 1 invalid")
		_, err := c.Login(c.ctx, learning.Login{Username: tt.id, Password: password, Address: "192.0.2.1"})
		if (err == nil) != tt.works {
			t.Errorf("%s logs in: %v", tt.id, err)
		}
		if strings.Contains(r.String(), password) {
			t.Error("the report has the password")
		}
	}
	if found := c.holds(password); len(found) > 0 || strings.Contains(c.logs.String(), password) {
		t.Errorf("the password is in %v, or in the log", found)
	}
}

// TestBrokenFilter: a filter that cannot answer lets nobody through.
func TestBrokenFilter(t *testing.T) {
	c := start(t, func(context.Context, trellis.Question) ([]byte, error) { return nil, errors.New("broken") })
	job, err := c.jobs.Wait(c.ctx, c.upload("", pack(t, "users", users+user("u"))).ID)
	if err != nil || job.State != "failed" || strings.Contains(job.Error, "broken") || len(c.everybody()) != 0 {
		t.Errorf("job %+v, %v", job, err)
	}
}
