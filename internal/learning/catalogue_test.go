package learning_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// reference is every filter and event of Open edX, from its own sources.
//
//go:embed testdata/openedx.txt
var reference string

func TestCatalogueIsOpenEdXs(t *testing.T) {
	c, err := learning.NewCatalogue(nil, nil, nil)
	must(t, err)
	if raw, err := json.Marshal(c); err != nil || !strings.Contains(string(raw), `"slots":[]`) {
		t.Errorf("without places: %v", err)
	}
	var got, want []string
	for line := range strings.Lines(reference) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
			want = append(want, line)
		}
	}
	for _, f := range c.Filters {
		var params, outcomes []string
		for _, p := range f.Parameters {
			params = append(params, p.Name+":"+p.Type)
		}
		for _, o := range f.Outcomes {
			outcomes = append(outcomes, o.Name)
			if o.Doc == "" {
				t.Errorf("%s: %s says nothing", f.Name, o.Name)
			}
		}
		got = append(got, strings.Join([]string{"filter", f.Name, f.Class, strings.Join(params, ", "), strings.Join(outcomes, " ")}, "\t"))
		if f.Doc == "" || f.Live || f.Schema != nil {
			t.Errorf("filter %+v", f)
		}
	}
	for _, e := range c.Events {
		if len(e.Parameters) != 1 || e.Doc == "" || e.Live || e.Schema != nil {
			t.Errorf("event %+v", e)
			continue
		}
		got = append(got, strings.Join([]string{"event", e.Name, e.Signal, e.Parameters[0].Name + ": " + e.Parameters[0].Type}, "\t"))
	}
	if len(c.Filters) != 27 || len(c.Events) != 75 {
		t.Errorf("%d filters, %d events", len(c.Filters), len(c.Events))
	}
	slices.Sort(got)
	slices.Sort(want)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not in the reference: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("missing: %s", line)
		}
	}
	if len(slices.Compact(got)) != 27+75 {
		t.Error("something stands there twice")
	}
}

// Of Open edX's events all that the core's operations give rise to are live, and
// the four filters that the core asks.
func TestCatalogueIsLive(t *testing.T) {
	c, err := learning.NewCatalogue(learning.Filters(), learning.Events(), nil)
	must(t, err)
	wantFilters := map[string][]string{
		"org.openedx.learning.student.registration.requested.v1": {"PreventRegistration"},
		"org.openedx.learning.student.login.requested.v1":        {"PreventLogin"},
		"org.openedx.learning.course.enrollment.started.v1":      {"PreventEnrollment"},
		"org.openedx.learning.course.unenrollment.started.v1":    {"PreventUnenrollment"},
	}
	wantEvents := []string{
		"org.openedx.authz.role_assignment.created", "org.openedx.authz.role_assignment.deleted",
		"org.openedx.content_authoring.course.catalog_info.changed.v1", "org.openedx.content_authoring.course.created.v1",
		"org.openedx.learning.student.registration.completed.v1", "org.openedx.learning.auth.session.login.completed.v1",
		"org.openedx.learning.course.enrollment.created.v1", "org.openedx.learning.course.enrollment.changed.v1",
		"org.openedx.learning.course.unenrollment.completed.v1", "org.openedx.learning.course.persistent_grade_summary.changed.v1",
		"org.openedx.learning.user.course_access_role.added.v1", "org.openedx.learning.user.course_access_role.removed.v1",
		"org.openedx.learning.course.passing.status.updated.v1",
		"org.trellis.person.changed.v1", "org.trellis.person.erased.v1", "org.trellis.grade.item.changed.v1", "org.trellis.completion.changed.v1",
		"org.trellis.organisation.changed.v1", "org.trellis.tenant.changed.v1",
	}
	for _, f := range c.Filters {
		want, live := wantFilters[f.Name]
		if f.Live != live || (f.Schema != nil) != live || live && (len(f.Outcomes) != len(want) || f.Outcomes[0].Name != want[0] || f.Class == "") {
			t.Errorf("filter %+v", f)
		}
	}
	live := 0
	for _, e := range c.Events {
		want := slices.Contains(wantEvents, e.Name)
		if e.Live != want || (e.Schema != nil) != want {
			t.Errorf("event %s: live %v, want %v", e.Name, e.Live, want)
		}
		if e.Live {
			live++
		}
	}
	if live != len(wantEvents) || len(c.Events) != 75+6 {
		t.Errorf("%d live events of %d, want %d of %d", live, len(c.Events), len(wantEvents), 75+6)
	}
}

// TestPayloads provokes every live event and filter of the core, holds what was
// really sent against its schema, and looks for personal data in the log.
func TestPayloads(t *testing.T) {
	c := newCore(t)
	provoke(t, c)
	catalogue, err := learning.NewCatalogue(learning.Filters(), learning.Events(), nil)
	must(t, err)
	personal := []string{"ada-login", "Ada Lovelace", "ada@example.org", "192.0.2.7", "correct horse"}
	seen := map[string]int{}
	for _, tenant := range []string{"acme", "other", trellis.PlatformTenant} {
		for _, e := range c.events(t, system(t, tenant), "") {
			seen[e.Type]++
			check(t, catalogue, e.Type, e.Data)
			raw, err := json.Marshal(e)
			must(t, err)
			for _, p := range personal {
				if strings.Contains(string(raw), p) {
					t.Errorf("%s is in the log: %s", p, raw)
				}
			}
			if e.Actor == "" || e.Source != "trellis" || e.Tenant != tenant || e.Key == "" || e.Position == 0 || e.Time.IsZero() {
				t.Errorf("event %+v", e)
			}
		}
	}
	for _, q := range c.filters.asked {
		seen[q.Type]++
		check(t, catalogue, q.Type, q.Data)
		if strings.Contains(string(q.Data), "correct horse") {
			t.Errorf("a password was asked about: %s", q.Data)
		}
	}
	for _, s := range slices.Concat(learning.Events(), learning.Filters()) {
		if seen[s.Name] == 0 {
			t.Errorf("nothing provoked %s", s.Name)
		}
	}
}

func check(t *testing.T, c learning.Catalogue, name string, data []byte) {
	t.Helper()
	var raw json.RawMessage
	for _, f := range c.Filters {
		if f.Name == name {
			raw = f.Schema
		}
	}
	for _, e := range c.Events {
		if e.Name == name {
			raw = e.Schema
		}
	}
	var schema jsonschema.Schema
	must(t, json.Unmarshal(raw, &schema))
	resolved, err := schema.Resolve(nil)
	must(t, err)
	var instance any
	must(t, json.Unmarshal(data, &instance))
	if err := resolved.Validate(instance); err != nil {
		t.Errorf("%s: %v\n%s", name, err, data)
	}
	if object, ok := instance.(map[string]any); ok {
		object["nonsense"] = 1
		if resolved.Validate(object) == nil {
			t.Errorf("the schema of %s takes anything", name)
		}
	}
}

// provoke performs every operation of the core once, in the tenant acme, and
// returns the person whom it concerns.
func provoke(t testing.TB, c *core) learning.Person {
	t.Helper()
	sys := system(t, "acme")
	done := func(_ any, err error) {
		t.Helper()
		must(t, err)
	}
	ada, err := c.Register(sys, learning.Register{Username: "ada-login", Name: "Ada Lovelace", Email: "ada@example.org", Password: password})
	must(t, err)
	done(c.UpdatePerson(sys, learning.UpdatePerson{ID: ada.ID, Name: ptr("Augusta Ada Lovelace")}))
	done(c.Login(door(t), learning.Login{Username: "ADA-login", Password: password, Address: "192.0.2.7"}))
	done(c.PutOrganisation(sys, learning.Organisation{Key: "arts", Title: "Arts"}))
	done(c.CreateCourse(sys, learning.CreateCourse{Key: goCourse, Title: "Go", Start: ptr(trellis.TimeOf(ada.ID))}))
	done(c.UpdateCourse(sys, learning.UpdateCourse{Key: goCourse, Title: ptr("Go!")}))
	for _, mode := range []string{"audit", "verified"} {
		done(c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: goCourse, Mode: mode}))
	}
	done(c.Unenroll(sys, learning.Unenroll{Person: ada.ID, Course: goCourse}))
	done(c.SetGrade(sys, learning.SetGrade{Person: ada.ID, Course: goCourse, Earned: 1, Possible: 2, Passed: true}))
	done(c.SetGrade(sys, learning.SetGrade{Person: ada.ID, Course: goCourse, Item: "quiz", Earned: 1, Possible: 2}))
	done(c.SetCompletion(sys, learning.SetCompletion{Person: ada.ID, Course: goCourse, Block: "b", Value: .5}))
	for _, r := range []learning.Assign{{Role: trellis.RoleTenantAdmin}, {Role: trellis.RoleStaff, Organisation: "arts"}, {Role: trellis.RoleStaff, Course: goCourse}} {
		r.Person = ada.ID
		done(c.AssignRole(sys, r))
		done(c.RemoveRole(sys, r))
	}
	gone := c.someone(t, sys, fmt.Sprint("gone", trellis.NewID()))
	must(t, c.Erase(sys, gone.ID))
	return ada
}
