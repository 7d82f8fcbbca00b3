package learning_test

import (
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

func TestPutTenant(t *testing.T) {
	c := newCore(t)
	platform := system(t, trellis.PlatformTenant)
	for _, tt := range []struct {
		name  string
		actor trellis.Actor
		in    learning.PutTenant
		want  trellis.Kind
	}{
		{"good", operator(), learning.PutTenant{Name: "a-1", Title: "A", Host: "A.Example.org."}, ""},
		{"the same", operator(), learning.PutTenant{Name: "a-1", Title: "A", Host: "a.example.org"}, ""},
		{"the longest name", operator(), learning.PutTenant{Name: strings.Repeat("a", 31), Title: "A"}, ""},
		{"too long", operator(), learning.PutTenant{Name: strings.Repeat("a", 32), Title: "A"}, trellis.Invalid},
		{"in capitals", operator(), learning.PutTenant{Name: "A", Title: "A"}, trellis.Invalid},
		{"a number first", operator(), learning.PutTenant{Name: "1a", Title: "A"}, trellis.Invalid},
		{"the platform's own", operator(), learning.PutTenant{Name: "_", Title: "A"}, trellis.Invalid},
		{"ends a line", operator(), learning.PutTenant{Name: "a\n", Title: "A"}, trellis.Invalid},
		{"no title", operator(), learning.PutTenant{Name: "b"}, trellis.Invalid},
		{"a host that is taken", operator(), learning.PutTenant{Name: "b", Title: "B", Host: "a.EXAMPLE.org"}, trellis.Conflict},
		{"a host with a path", operator(), learning.PutTenant{Name: "b", Title: "B", Host: "a/b"}, trellis.Invalid},
		{"a host with a line", operator(), learning.PutTenant{Name: "b", Title: "B", Host: "a\r\nb"}, trellis.Invalid},
		{"a host of dots", operator(), learning.PutTenant{Name: "b", Title: "B", Host: "a..b"}, trellis.Invalid},
		{"by a tenant's admin", admin(), learning.PutTenant{Name: "b", Title: "B"}, trellis.Denied},
		{"by an operator of a course", person("x", trellis.Role{Name: trellis.RoleOperator, Course: goCourse}), learning.PutTenant{Name: "b", Title: "B"}, trellis.Denied},
		{"by nobody", trellis.Actor{Tenant: "_"}, learning.PutTenant{Name: "b", Title: "B"}, trellis.Denied},
	} {
		if _, err := c.PutTenant(as(t, tt.actor), tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if events := c.events(t, system(t, "a-1"), ""); len(events) != 1 || events[0].Tenant != "a-1" {
		t.Errorf("events %+v", events)
	}
	for host, want := range map[string]string{"a.example.org": "a-1", "A.EXAMPLE.ORG:8080": "a-1", "a.example.org.": "a-1", "example.org": "", "": ""} {
		if got, ok := c.TenantOfHost(t.Context(), host); got != want || ok != (want != "") {
			t.Errorf("%q belongs to %q", host, got)
		}
	}
	for name, want := range map[string]bool{"a-1": true, "_": true, "b": false, "": false} {
		if got, err := c.TenantExists(t.Context(), name); err != nil || got != want {
			t.Errorf("%q exists: %v, %v", name, got, err)
		}
	}
	all, err := c.Tenants(platform)
	if err != nil || len(all) != 4 {
		t.Errorf("%d tenants, %v", len(all), err)
	}
	if _, err := c.Tenants(as(t, admin())); kind(err) != trellis.Denied {
		t.Errorf("an admin sees every tenant: %v", err)
	}
}

func TestOrganisations(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	changed := learning.OrganisationChanged.Name()
	for _, tt := range []struct {
		in     learning.Organisation
		want   trellis.Kind
		events int
	}{
		{learning.Organisation{Key: "arts", Title: "Arts"}, "", 1}, {learning.Organisation{Key: "arts", Title: "Arts"}, "", 0},
		{learning.Organisation{Key: "arts", Title: "The Arts"}, "", 1}, {learning.Organisation{Key: "Ärzte", Title: "Ä"}, "", 1},
		{learning.Organisation{Key: "a b", Title: "X"}, trellis.Invalid, 0}, {learning.Organisation{Key: "a+b", Title: "X"}, trellis.Invalid, 0},
		{learning.Organisation{Key: "..", Title: "X"}, trellis.Invalid, 0}, {learning.Organisation{Key: "", Title: "X"}, trellis.Invalid, 0},
		{learning.Organisation{Key: "x", Title: ""}, trellis.Invalid, 0}, {learning.Organisation{Key: "x", Title: "a\nb"}, trellis.Invalid, 0},
	} {
		before := len(c.events(t, sys, changed))
		if _, err := c.PutOrganisation(sys, tt.in); kind(err) != tt.want || len(c.events(t, sys, changed))-before != tt.events {
			t.Errorf("%+v: %v, %d events", tt.in, err, len(c.events(t, sys, changed))-before)
		}
	}

	// A course makes its organisation, and leaves the name of one that is there.
	c.course(t, sys, goCourse)
	c.course(t, sys, mathCourse)
	titles := map[string]string{}
	must(t, c.EachOrganisation(sys, func(o learning.Organisation) error { titles[o.Key] = o.Title; return nil }))
	if titles["arts"] != "The Arts" || titles["science"] != "science" {
		t.Errorf("titles %v", titles)
	}

	// One person learns in several.
	ada := c.someone(t, sys, "ada")
	for _, course := range []string{goCourse, mathCourse} {
		if _, err := c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: course}); err != nil {
			t.Error(err)
		}
	}
}
