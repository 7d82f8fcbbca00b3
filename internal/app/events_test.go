package app_test

import (
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestEveryEventAndFilter provokes each live event and filter.
func TestEveryEventAndFilter(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	core := p.Learning
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	person, err := core.Register(ctx, learning.Register{Username: "ada", Password: "correct horse"})
	must(err)
	name := "Ada"
	_, err = core.UpdatePerson(ctx, learning.UpdatePerson{ID: person.ID, Name: &name})
	must(err)
	_, err = core.Login(trellis.WithActor(t.Context(), trellis.Actor{Tenant: "acme"}), learning.Login{Username: "ADA", Password: "correct horse"})
	must(err)
	for _, mode := range []string{"audit", "verified"} {
		_, err = core.Enroll(ctx, learning.Enroll{Person: person.ID, Course: course, Mode: mode})
		must(err)
	}
	_, err = core.Unenroll(ctx, learning.Unenroll{Person: person.ID, Course: course})
	must(err)
	_, err = core.SetGrade(ctx, learning.SetGrade{Person: person.ID, Course: course, Earned: 1, Possible: 2, Passed: true})
	must(err)
	_, err = core.SetGrade(ctx, learning.SetGrade{Person: person.ID, Course: course, Item: "quiz", Earned: 1, Possible: 2})
	must(err)
	_, err = core.SetCompletion(ctx, learning.SetCompletion{Person: person.ID, Course: course, Block: "b", Value: .5})
	must(err)
	role := learning.Assign{Person: person.ID, Role: trellis.RoleStaff, Course: course}
	_, err = core.AssignRole(ctx, role)
	must(err)
	_, err = core.RemoveRole(ctx, role)
	must(err)
	gone, err := core.Register(ctx, learning.Register{Username: "gone"})
	must(err)
	must(core.Erase(ctx, gone.ID))

	zip := func(version string, permissions ...string) []byte {
		return testkit.Bundle(t, map[string]any{"id": "acme.life", "version": version, "abi": 1, "title": "Life", "permissions": permissions,
			"events": []any{map[string]any{"on": enrollment + "changed.v1", "call": "welcome"}}}, testkit.Module(t, "welcome"))
	}
	_, err = p.Registry.Install(ctx, zip("1.0.0"), extensions.Scope{})
	must(err)
	_, err = p.Registry.Enable(ctx, extensions.Enable{ID: "acme.life", Grants: []string{}})
	must(err)
	x, err := p.Registry.Install(ctx, zip("1.1.0", "kv"), extensions.Scope{})
	must(err)
	if x.Pending != "1.1.0" || x.Version != "1.0.0" {
		t.Errorf("a version that asks for more does not wait: %+v", x)
	}
	x, err = p.Registry.Consent(ctx, "acme.life", extensions.Scope{}, []string{"kv"})
	must(err)
	if x.Version != "1.1.0" {
		t.Errorf("version %s after consent", x.Version)
	}
	x, err = p.Registry.Rollback(ctx, "acme.life", extensions.Scope{})
	must(err)
	if x.Version != "1.0.0" {
		t.Errorf("version %s after rollback", x.Version)
	}
	staff := trellis.WithActor(ctx, trellis.Actor{Tenant: "acme", ID: person.ID, Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: course}}})
	_, err = p.Registry.Install(staff, testkit.Bundle(t, map[string]any{"id": "ada.own", "version": "1.0.0", "abi": 1, "title": "Own", "permissions": []string{"pii:name"},
		"events": []any{map[string]any{"on": enrollment + "created.v1", "call": "welcome"}}}, testkit.Module(t, "welcome")), extensions.Scope{Course: course})
	must(err)
	own, err := p.Registry.Enable(staff, extensions.Enable{ID: "ada.own", Course: course, Grants: []string{"*"}})
	must(err)
	if own.Enabled[0].State != "waiting" {
		t.Errorf("course staff granted themselves names: %+v", own.Enabled)
	}
	if _, err := p.Registry.Approve(staff, "ada.own", course); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("course staff approved their own extension: %v", err)
	}
	own, err = p.Registry.Approve(ctx, "ada.own", course)
	must(err)
	if own.Enabled[0].State != "on" {
		t.Errorf("approved: %+v", own.Enabled)
	}
	_, err = p.Registry.Disable(ctx, "acme.life", "")
	must(err)
	must(p.Registry.Uninstall(ctx, "acme.life", extensions.Scope{}))

	happened := map[string]bool{"org.trellis.extension.suspended.v1": true} // TestSuspended provokes it
	for _, e := range p.Events(t, ctx, "") {
		happened[e.Type] = true
	}
	for _, e := range app.Known().Events {
		if !happened[e.Name] {
			t.Errorf("nothing provoked %s", e.Name)
		}
	}
	for _, f := range app.Known().Filters {
		asked, err := learningAsks(ctx, p, f.Name, course)
		if err != nil || !asked {
			t.Errorf("nobody asked %s: %v", f.Name, err)
		}
	}
}
