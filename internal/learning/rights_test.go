package learning_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

// world is a tenant with two organisations, three courses, and people of every
// role. Ada is in Go and Math, Bob in Rust and Math.
type world struct {
	*core
	ids    map[string]string // username → ID
	actors map[string]trellis.Actor
	n      int
}

// who are those who try, in the order of the columns of the table.
var who = []string{"operator", "admin", "artsadmin", "artsstaff", "gostaff", "ada", "zoe"}

func newWorld(t *testing.T) *world {
	w := &world{core: newCore(t), ids: map[string]string{}, actors: map[string]trellis.Actor{}}
	sys := system(t, "acme")
	for _, key := range []string{goCourse, rustCourse, mathCourse} {
		w.course(t, sys, key)
	}
	roles := map[string]trellis.Role{
		"operator": {Name: trellis.RoleOperator}, "admin": {Name: trellis.RoleTenantAdmin},
		"artsadmin": {Name: trellis.RoleTenantAdmin, Organisation: "arts"}, "artsstaff": {Name: trellis.RoleStaff, Organisation: "arts"},
		"gostaff": {Name: trellis.RoleStaff, Course: goCourse},
	}
	for _, name := range append(slices.Clone(who), "bob") {
		w.ids[name] = w.someone(t, sys, name).ID
		a := person(w.ids[name])
		if r, ok := roles[name]; ok {
			a.Roles = append(a.Roles, r)
			if name != "operator" {
				_, err := w.AssignRole(sys, learning.Assign{Person: a.ID, Role: r.Name, Organisation: r.Organisation, Course: r.Course})
				must(t, err)
			}
		}
		w.actors[name] = a
	}
	for _, e := range [][2]string{{"ada", goCourse}, {"ada", mathCourse}, {"bob", rustCourse}, {"bob", mathCourse}} {
		_, err := w.Enroll(sys, learning.Enroll{Person: w.ids[e[0]], Course: e[1]})
		must(t, err)
		_, err = w.SetGrade(sys, learning.SetGrade{Person: w.ids[e[0]], Course: e[1], Earned: 1, Possible: 2})
		must(t, err)
	}
	return w
}

// fill puts what a template of an input names into it: @ada is her ID, # a new
// number, @new somebody new.
func (w *world) fill(t *testing.T, in string) string {
	w.n++
	in = strings.ReplaceAll(in, "#", fmt.Sprint(w.n))
	if strings.Contains(in, "@new") {
		in = strings.ReplaceAll(in, "@new", w.someone(t, system(t, "acme"), fmt.Sprint("new", w.n)).ID)
	}
	for name, id := range w.ids {
		in = strings.ReplaceAll(in, "@"+name+`"`, id+`"`)
	}
	return in
}

// TestRights says of every operation who may do it, within and beyond where the
// role holds: ok, or the kind of error. D is denied: a permission that she has
// nowhere. N is not found: beyond where she has it.
func TestRights(t *testing.T) {
	w := newWorld(t)
	const go1, rust1, math1 = `"course":"` + goCourse + `"`, `"course":"` + rustCourse + `"`, `"course":"` + mathCourse + `"`
	kinds := map[string]trellis.Kind{"ok": "", "D": trellis.Denied, "N": trellis.NotFound, "I": trellis.Invalid, "C": trellis.Conflict}
	table := []struct{ operation, in, want string }{
		//                                                                          operator, admin, artsadmin, artsstaff, gostaff, ada, zoe
		{"users.me", `{}`, "ok ok ok ok ok ok ok"},
		{"users.get", `{"id":"@ada"}`, "ok ok N N N ok N"},
		{"users.get", `{"id":"@ada",` + go1 + `}`, "ok ok ok ok ok ok N"},
		{"users.get", `{"id":"@ada",` + math1 + `}`, "ok ok N N N ok N"},
		{"users.get", `{"id":"@bob",` + go1 + `}`, "N N N N N N N"}, // he is not in it
		{"users.list", `{"username":"ada"}`, "ok ok D D D D D"},
		{"users.list", `{"email":"ada@example.org"}`, "ok ok D D D D D"},
		{"users.list", `{"username":"ada",` + go1 + `}`, "ok ok ok ok ok D D"},
		{"users.list", `{"email":"ada@example.org",` + math1 + `}`, "ok ok D D D D D"},
		{"users.create", `{"username":"made#"}`, "ok ok N D D D D"},
		{"users.update", `{"id":"@bob","name":"Bob #"}`, "ok ok N D D D D"},
		{"users.update", `{"id":"@ada","name":"Ada #"}`, "ok ok N D D D D"},
		{"users.set_password", `{"id":"@bob","password":"correct horse"}`, "ok ok N D D D D"},
		{"users.set_password", `{"id":"@ada","password":"correct horse"}`, "ok ok N D D D D"},
		{"users.change_password", `{"current":"wrong horse","password":"correct horse"}`, "N D D D D D D"}, // an operator has hers in the platform
		{"users.end_sessions", `{}`, "ok ok ok ok ok ok ok"},
		{"users.erase", `{"id":"@new"}`, "ok ok N D D D D"},
		{"roles.assign", `{"person":"@bob","role":"staff",` + go1 + `}`, "ok ok ok ok ok D D"},
		{"roles.assign", `{"person":"@bob","role":"staff",` + rust1 + `}`, "ok ok ok ok N D D"},
		{"roles.assign", `{"person":"@bob","role":"staff",` + math1 + `}`, "ok ok N N N D D"},
		{"roles.assign", `{"person":"@bob","role":"staff","organisation":"arts"}`, "ok ok ok ok N D D"},
		{"roles.assign", `{"person":"@bob","role":"staff","organisation":"arts",` + math1 + `}`, "I I N N N D D"},
		{"roles.assign", `{"person":"@bob","role":"staff","organisation":"science",` + go1 + `}`, "I I N N N D D"},
		{"roles.assign", `{"person":"@bob","role":"staff"}`, "ok ok N N N D D"},
		{"roles.assign", `{"person":"@bob","role":"tenant-admin","organisation":"arts"}`, "ok ok ok D N D D"},
		{"roles.assign", `{"person":"@bob","role":"tenant-admin"}`, "ok ok N N N D D"},
		{"roles.assign", `{"person":"@gostaff","role":"tenant-admin",` + go1 + `}`, "I I I I I D D"},
		{"roles.assign", `{"person":"@bob","role":"operator"}`, "I I N N N D D"},
		{"roles.assign", `{"person":"@bob","role":"operator",` + go1 + `}`, "I I I I I D D"},
		{"roles.assign", `{"person":"@bob","role":"learner",` + go1 + `}`, "I I I I I D D"},
		{"roles.assign", `{"person":"@bob","role":"king",` + go1 + `}`, "I I I I I D D"},
		{"roles.remove", `{"person":"@bob","role":"staff",` + go1 + `}`, "ok ok ok ok ok D D"},
		{"roles.remove", `{"person":"@bob","role":"staff",` + math1 + `}`, "ok ok N N N D D"},
		{"roles.remove", `{"person":"@bob","role":"tenant-admin","organisation":"arts"}`, "ok ok ok D N D D"},
		{"roles.remove", `{"person":"@bob","role":"tenant-admin"}`, "ok ok N N N D D"},
		{"tokens.create", `{"name":"own"}`, "ok ok ok ok ok ok ok"},
		{"tokens.create", `{"name":"another's","person":"@bob"}`, "ok D D D D D D"},
		{"tokens.create", `{"name":"s","roles":[{"name":"tenant-admin"}]}`, "ok ok D D D D D"},
		{"tokens.create", `{"name":"s","roles":[{"name":"tenant-admin","organisation":"arts"}]}`, "ok ok D D D D D"},
		{"tokens.create", `{"name":"s","roles":[{"name":"staff",` + go1 + `}]}`, "ok ok D D D D D"},
		{"tokens.create", `{"name":"s","roles":[{"name":"operator"}]}`, "I I I I I I I"},
		{"tokens.create", `{"name":"s","roles":[{"name":"learner"}]}`, "I I I I I I I"},
		{"tokens.revoke", `{"id":"@token"}`, "ok ok N N N N N"},
		{"tenants.get", `{}`, "ok ok ok ok ok ok ok"},
		{"tenants.list", `{}`, "ok D D D D D D"},
		{"tenants.put", `{"name":"third","title":"Third"}`, "ok D D D D D D"},
		{"tenants.brand", `{"title":"Acme #"}`, "ok ok N D D D D"},
		{"audit.list", `{}`, "ok ok N D D D D"},
		{"tenants.numbers", `{}`, "ok ok N D D D D"},
		{"organisations.put", `{"key":"arts","title":"Arts #"}`, "ok ok ok D D D D"},
		{"organisations.put", `{"key":"science","title":"Science #"}`, "ok ok N D D D D"},
		{"courses.get", `{` + go1 + `}`, "ok ok ok ok ok ok ok"},
		{"courses.create", `{"key":"course-v1:arts+New#+1","title":"New"}`, "ok ok ok ok N D D"},
		{"courses.create", `{"key":"course-v1:science+New#+1","title":"New"}`, "ok ok N N N D D"},
		{"courses.create", `{"key":"course-v1:fresh#+New+1","title":"New"}`, "ok ok N N N D D"},
		{"courses.update", `{` + go1 + `,"title":"Go #"}`, "ok ok ok ok ok D D"},
		{"courses.update", `{` + rust1 + `,"title":"Rust #"}`, "ok ok ok ok N D D"},
		{"courses.update", `{` + math1 + `,"title":"Math #"}`, "ok ok N N N D D"},
		{"enrollments.create", `{` + go1 + `,"person":"@bob"}`, "ok ok ok ok ok N N"},
		{"enrollments.create", `{` + rust1 + `,"person":"@bob"}`, "ok ok ok ok N N N"},
		{"enrollments.create", `{` + math1 + `,"person":"@bob"}`, "ok ok N N N N N"},
		{"enrollments.create", `{` + math1 + `,"person":"@ada"}`, "ok ok N N N ok N"},
		{"enrollments.create", `{` + go1 + `,"username":"bob"}`, "ok ok ok ok ok D D"},
		{"enrollments.create", `{` + math1 + `,"username":"ada"}`, "ok ok D D D D D"},
		{"enrollments.create", `{` + go1 + `,"username":"nobody"}`, "N N N N N D D"},
		{"enrollments.create", `{` + go1 + `,"username":"bob","person":"@bob"}`, "I I I I I I I"},
		{"courses.people", `{` + go1 + `}`, "ok ok ok ok ok N N"},
		{"courses.people", `{` + math1 + `}`, "ok ok N N N N N"},
		{"courses.seats", `{` + go1 + `}`, "ok ok ok ok ok ok ok"},
		{"enrollments.get", `{` + go1 + `,"person":"@ada"}`, "ok ok ok ok ok ok N"},
		{"enrollments.get", `{` + math1 + `,"person":"@ada"}`, "ok ok N N N ok N"},
		{"enrollments.update", `{` + go1 + `,"person":"@ada","mode":"honor"}`, "ok ok ok ok ok ok N"},
		{"enrollments.update", `{` + math1 + `,"person":"@ada","mode":"honor"}`, "ok ok N N N ok N"},
		{"enrollments.delete", `{` + go1 + `,"person":"@bob"}`, "ok ok ok ok ok N N"},
		{"enrollments.delete", `{` + math1 + `,"person":"@bob"}`, "ok ok N N N N N"},
		{"enrollments.create", `{` + go1 + `,"username":"bob"}`, "ok ok ok ok ok D D"},
		{"enrollments.delete", `{` + go1 + `,"username":"bob"}`, "ok ok ok ok ok D D"},
		{"enrollments.delete", `{` + math1 + `,"username":"bob"}`, "ok ok D D D D D"},
		{"enrollments.delete", `{` + go1 + `,"username":"nobody"}`, "N N N N N D D"},
		{"enrollments.delete", `{` + go1 + `,"username":"bob","person":"@bob"}`, "I I I I I I I"},
		{"grades.set", `{` + go1 + `,"person":"@ada","earned":1,"possible":1}`, "ok ok ok ok ok D D"},
		{"grades.set", `{` + math1 + `,"person":"@ada","earned":1,"possible":1}`, "ok ok N N N D D"},
		{"grades.get", `{` + go1 + `,"person":"@ada"}`, "ok ok ok ok ok ok N"},
		{"grades.get", `{` + math1 + `,"person":"@ada"}`, "ok ok N N N ok N"},
		{"completions.set", `{` + go1 + `,"person":"@ada","block":"b","completion":1}`, "ok ok ok ok ok ok N"},
		{"completions.set", `{` + math1 + `,"person":"@ada","block":"b","completion":1}`, "ok ok N N N ok N"},
		{"completions.set", `{` + rust1 + `,"person":"@ada","block":"b","completion":1}`, "ok ok ok ok N N N"}, // she is not in it
		{"completions.get", `{` + go1 + `,"person":"@ada"}`, "ok ok ok ok ok ok N"},
		{"completions.get", `{` + math1 + `,"person":"@ada"}`, "ok ok N N N ok N"},
		{"completions.get", `{` + go1 + `,"person":"@bob"}`, "ok ok ok ok ok N N"},
	}
	tried := map[string]bool{"users.list": true, "roles.list": true, "tokens.list": true, "organisations.list": true, // TestLists
		"courses.list": true, "enrollments.list": true, "grades.list": true}
	for _, tt := range table {
		tried[tt.operation] = true
		for i, want := range strings.Fields(tt.want) {
			in := tt.in
			if strings.Contains(in, "@token") {
				token, err := w.CreateToken(system(t, "acme"), learning.CreateToken{Name: "s", Roles: []trellis.Role{{Name: trellis.RoleStaff}}})
				must(t, err)
				in = strings.ReplaceAll(in, "@token", token.ID)
			}
			if _, err := w.do(t, w.actors[who[i]], tt.operation, w.fill(t, in)); kind(err) != kinds[want] {
				t.Errorf("%s, %s %s: %v, want %s", who[i], tt.operation, tt.in, err, want)
			}
		}
		for name, a := range map[string]trellis.Actor{
			"nobody": {}, "a ghost": {Kind: "ghost", Roles: w.actors["admin"].Roles}, "an extension that does not run": {Kind: trellis.ExtensionActor, ID: "x"},
		} {
			if tt.operation == "users.me" || tt.operation == "users.change_password" || tt.operation == "users.end_sessions" {
				continue // takes no permission
			}
			if _, err := w.do(t, a, tt.operation, w.fill(t, tt.in)); kind(err) != trellis.Denied {
				t.Errorf("%s, %s: %v", name, tt.operation, err)
			}
		}
		if _, err := w.do(t, narrowed(w.actors["admin"], "events:read"), tt.operation, w.fill(t, tt.in)); kind(err) == "" && tt.operation != "users.me" {
			t.Errorf("%s by a token that is narrowed to something else", tt.operation)
		}
	}
	for _, o := range w.Operations() {
		if !tried[o.Spec().Name] {
			t.Errorf("the table says nothing of %s", o.Spec().Name)
		}
	}
}

// An extension has its grants, where it has them, and no operation that it could
// raise itself by.
func TestRightsOfExtensions(t *testing.T) {
	w := newWorld(t)
	for _, o := range w.Operations() {
		s := o.Spec()
		if s.Doors.Guest && !hostapi.Grantable(s.Permission) {
			t.Errorf("%s is open to extensions, which cannot be granted %s", s.Name, s.Permission)
		}
		if noun, _, _ := strings.Cut(s.Name, "."); s.Doors.Guest && slices.Contains([]string{"tokens", "roles", "tenants", "audit", "organisations"}, noun) {
			t.Errorf("%s is open to extensions", s.Name)
		}
	}
	grants := []hostapi.Grant{}
	for _, p := range []string{"users:read", "courses:read", "enrollments:read", "enrollments:write", "grades:read", "grades:write", "completions:read", "completions:write"} {
		grants = append(grants, hostapi.Grant{Permission: p, Course: goCourse})
	}
	ada, bob := w.ids["ada"], w.ids["bob"]
	itself := trellis.Actor{Tenant: "acme", Kind: trellis.ExtensionActor, ID: "inst"}
	for _, tt := range []struct {
		name, operation, in string
		actor               trellis.Actor
		filter              bool
		want                trellis.Kind
	}{
		{"in its course", "enrollments.create", `{"course":"` + goCourse + `","person":"` + bob + `","mode":"verified"}`, itself, false, ""},
		{"in another", "enrollments.create", `{"course":"` + mathCourse + `","person":"` + bob + `"}`, itself, false, trellis.NotFound},
		{"for nobody", "enrollments.create", `{"course":"` + goCourse + `"}`, itself, false, trellis.Invalid},
		{"while it filters", "enrollments.create", `{"course":"` + goCourse + `","person":"` + bob + `"}`, itself, true, trellis.Denied},
		{"reads while it filters", "enrollments.get", `{"course":"` + goCourse + `","person":"` + bob + `"}`, itself, true, ""},
		{"a grade, for a learner", "grades.set", `{"course":"` + goCourse + `","person":"` + ada + `","earned":1,"possible":1}`, w.actors["ada"], false, trellis.Denied},
		{"another's grade, for a learner", "grades.get", `{"course":"` + goCourse + `","person":"` + bob + `"}`, w.actors["ada"], false, trellis.NotFound},
		{"a mode that is not open, for a learner", "enrollments.update", `{"course":"` + goCourse + `","mode":"verified"}`, w.actors["ada"], false, trellis.Denied},
		{"a token", "tokens.create", `{"name":"x"}`, w.actors["admin"], false, trellis.NotFound},
		{"a role", "roles.assign", `{"person":"` + ada + `","role":"staff"}`, w.actors["admin"], false, trellis.NotFound},
		{"a password", "users.set_password", `{"id":"` + ada + `","password":"correct horse"}`, w.actors["admin"], false, trellis.NotFound},
		{"her own password", "users.change_password", `{"current":"correct horse","password":"correct mouse"}`, w.actors["ada"], false, trellis.NotFound},
	} {
		ctx := hostapi.WithCaller(as(t, tt.actor), hostapi.Caller{Installation: "inst", Grants: grants, Filter: tt.filter})
		if _, err := w.api.Serve(ctx, hostapi.GuestDoor, tt.operation, []byte(tt.in)); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Who sees a person does not thereby see what the person is called.
func TestWhoSeesPersonalData(t *testing.T) {
	w := newWorld(t)
	ada := w.ids["ada"]
	one, inGo := `{"id":"`+ada+`"}`, `{"id":"`+ada+`","course":"`+goCourse+`"}`
	guest := func(permissions ...string) context.Context {
		c := hostapi.Caller{Installation: "inst"}
		for _, p := range permissions {
			c.Grants = append(c.Grants, hostapi.Grant{Permission: p, Course: goCourse})
		}
		return hostapi.WithCaller(as(t, trellis.Actor{Kind: trellis.ExtensionActor, ID: "inst"}), c)
	}
	for _, tt := range []struct {
		name      string
		ctx       context.Context
		door      hostapi.Door
		operation string
		in        string
		want      string // username, email, name
	}{
		{"an admin", as(t, w.actors["admin"]), hostapi.HTTPDoor, "users.get", one, "username email name"},
		{"an admin's narrowed token", as(t, narrowed(w.actors["admin"], "users:read", "pii:name")), hostapi.HTTPDoor, "users.get", one, "name"},
		{"an admin's token for nothing personal", as(t, narrowed(w.actors["admin"], "users:read")), hostapi.HTTPDoor, "users.list", `{}`, ""},
		{"herself", as(t, w.actors["ada"]), hostapi.HTTPDoor, "users.get", one, "username email name"},
		{"herself, narrowed", as(t, narrowed(w.actors["ada"], "users:read")), hostapi.HTTPDoor, "users.me", `{}`, ""},
		{"staff, of her course", as(t, w.actors["gostaff"]), hostapi.HTTPDoor, "users.get", inGo, "username email name"},
		{"staff, in a list of her course", as(t, w.actors["gostaff"]), hostapi.HTTPDoor, "users.list", `{"course":"` + goCourse + `"}`, "username email name"},
		{"staff, in a list of all", as(t, w.actors["gostaff"]), hostapi.HTTPDoor, "users.list", `{}`, ""},
		{"an extension", guest("users:read"), hostapi.GuestDoor, "users.get", inGo, ""},
		{"an extension that was granted an address", guest("users:read", "pii:email"), hostapi.GuestDoor, "users.get", inGo, "email"},
	} {
		out, err := w.api.Serve(tt.ctx, tt.door, tt.operation, []byte(tt.in))
		must(t, err)
		var got []string
		for field, value := range map[string]string{"username": `"username":"ada"`, "email": "ada@example.org", "name": `"name":"ADA"`} {
			if strings.Contains(string(out), value) {
				got = append(got, field)
			}
		}
		want := strings.Fields(tt.want)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || !strings.Contains(string(out), ada) {
			t.Errorf("%s sees %v, want %v: %s", tt.name, got, want, out)
		}
	}
}
