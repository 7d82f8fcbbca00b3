package hostapi_test

import (
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

func TestReach(t *testing.T) {
	const read = "enrollments:read"
	everywhere := []hostapi.Grant{{Permission: read}}
	inGo := []hostapi.Grant{{Permission: read, Course: goCourse}}
	inActs := []hostapi.Grant{{Permission: read, Organisation: "arts"}}
	orgAdmin := person("x", trellis.Role{Name: trellis.RoleTenantAdmin, Organisation: "acme"})
	both := person("x", trellis.Role{Name: trellis.RoleLearner}, trellis.Role{Name: trellis.RoleStaff, Course: goCourse})
	scoped := func(a trellis.Actor, scopes ...string) trellis.Actor {
		a.Scopes = append([]string{}, scopes...)
		return a
	}
	of := func(course, who string) hostapi.Scope { return hostapi.Scope{Course: course, Person: who} }
	all := hostapi.Scope{}

	for _, tt := range []struct {
		name   string
		actor  trellis.Actor
		guest  bool
		grants []hostapi.Grant
		at     hostapi.Scope
		want   bool
	}{
		{"nobody", trellis.Actor{}, false, nil, of(goCourse, "ada"), false},
		{"the system", trellis.Actor{Kind: trellis.SystemActor}, false, nil, all, true},
		{"an unknown kind", trellis.Actor{Kind: "ghost", Roles: admin.Roles}, false, nil, all, false},
		{"no role", person("x"), false, nil, all, false},
		{"an unknown role", person("x", trellis.Role{Name: "king"}), false, nil, all, false},
		{"a learner, herself", learner, false, nil, of(goCourse, "ada"), true},
		{"a learner, another", learner, false, nil, of(goCourse, "bob"), false},
		{"a learner, a whole course", learner, false, nil, of(goCourse, ""), false},
		{"staff, her course", staff, false, nil, of(goCourse, "bob"), true},
		{"staff, another course", staff, false, nil, of(rustCourse, "bob"), false},
		{"staff, a person in any course", staff, false, nil, of("", "bob"), false},
		{"staff, the tenant", staff, false, nil, all, false},
		{"staff, her course in another organisation", staff, false, nil, hostapi.Scope{Course: goCourse, Organisation: "arts"}, false},
		{"staff and learner, herself elsewhere", both, false, nil, of(rustCourse, "x"), true},
		{"an organisation's admin, a course of it", orgAdmin, false, nil, of(rustCourse, ""), true},
		{"an organisation's admin, the organisation", orgAdmin, false, nil, hostapi.Scope{Organisation: "acme"}, true},
		{"an organisation's admin, another's course", orgAdmin, false, nil, of(artCourse, ""), false},
		{"an organisation's admin, another's course as if hers", orgAdmin, false, nil, hostapi.Scope{Organisation: "acme", Course: artCourse}, false},
		{"an organisation's admin, her course as if another's", orgAdmin, false, nil, hostapi.Scope{Organisation: "arts", Course: goCourse}, false},
		{"an organisation's admin, a course without one", orgAdmin, false, nil, of("plain", ""), false},
		{"an organisation's admin, the tenant", orgAdmin, false, nil, all, false},
		{"an admin, the tenant", admin, false, nil, all, true},

		{"a token with the permission", scoped(admin, read), false, nil, all, true},
		{"a token with the noun", scoped(admin, "enrollments:*"), false, nil, all, true},
		{"a token with everything", scoped(admin, "*"), false, nil, all, true},
		{"a token with another permission", scoped(admin, "grades:read"), false, nil, all, false},
		{"a token with nothing", scoped(admin), false, nil, all, false},
		{"a token gives nothing of its own", scoped(learner, "*"), false, nil, of(goCourse, "bob"), false},

		{"a grant narrows an admin", admin, true, inGo, of(rustCourse, ""), false},
		{"a grant leaves its course", admin, true, inGo, of(goCourse, "bob"), true},
		{"a grant gives a learner nothing", learner, true, everywhere, of(goCourse, "bob"), false},
		{"a grant leaves a learner herself", learner, true, inGo, of(goCourse, "ada"), true},
		{"a grant of a course, herself elsewhere", learner, true, inGo, of(rustCourse, "ada"), false},
		{"no grant", admin, true, nil, all, false},
		{"a grant beside the organisation", orgAdmin, true, inActs, of(artCourse, ""), false},
		{"a grant within the organisation", orgAdmin, true, inGo, of(goCourse, ""), true},
		{"a grant of an organisation, staff of its course", person("x", trellis.Role{Name: trellis.RoleStaff, Course: artCourse}), true, inActs, of(artCourse, "bob"), true},
		{"a token and a grant", scoped(admin, "grades:read"), true, everywhere, all, false},

		{"an extension has its grants", robot, true, inGo, of(goCourse, "bob"), true},
		{"an extension has no more", robot, true, inGo, of(rustCourse, "bob"), false},
		{"an extension that does not run", robot, false, nil, of(goCourse, "bob"), false},
		{"the system, through an extension", trellis.Actor{Kind: trellis.SystemActor}, true, inGo, all, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := as(t, tt.actor)
			if tt.guest {
				ctx = hostapi.WithCaller(ctx, hostapi.Caller{Installation: "inst", Grants: tt.grants})
			}
			reach := hostapi.ReachOf(ctx, read)
			if got := reach.Allows(tt.at); got != tt.want {
				t.Errorf("%+v allows %+v: %v, want %v", reach, tt.at, got, tt.want)
			}
			if reach.All() != reach.Allows(hostapi.Scope{}) {
				t.Errorf("%+v: all %v, but the tenant %v", reach, reach.All(), !reach.All())
			}
		})
	}
}

// What extensions have for themselves is nobody's role: a learner's request must
// not fail because the learner has no notes of her own to keep.
func TestReachOfWhatIsTheExtensionsOwn(t *testing.T) {
	narrow := learner
	narrow.Scopes = []string{"enrollments:write"}
	for _, tt := range []struct {
		name, permission string
		grants           []string
		want             bool
	}{
		{"granted", "kv", []string{"kv"}, true},
		{"not granted", "kv", []string{"jobs"}, false},
		{"a host", "http:api.example.org", []string{"http:api.example.org"}, true},
		{"another host", "http:example.org", []string{"http:api.example.org"}, false},
		{"below a host", "http:api.example.org", []string{"http:*.example.org"}, true},
		{"the host itself", "http:example.org", []string{"http:*.example.org"}, false},
		{"only its ending", "http:badexample.org", []string{"http:*.example.org"}, false},
		{"every host", "http:example.org", []string{"http:*"}, false},
		{"no host", "http:", []string{"http:*.example.org"}, false},
		{"a person's permission", "grades:read", []string{"grades:read"}, false},
	} {
		got := hostapi.ReachOf(extension(as(t, narrow), tt.grants...), tt.permission)
		if !got.Empty() != tt.want {
			t.Errorf("%s: reach %+v, want some: %v", tt.name, got, tt.want)
		}
	}
	if got := hostapi.ReachOf(as(t, admin), "kv"); !got.Empty() {
		t.Errorf("an admin keeps notes as if she were an extension: %+v", got)
	}
}
