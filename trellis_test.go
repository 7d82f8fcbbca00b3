package trellis_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
)

func TestValidTenant(t *testing.T) {
	for _, tt := range []struct {
		name string
		want bool
	}{
		{"demo", true}, {"a", true}, {"a-1", true}, {strings.Repeat("a", 31), true},
		{"", false}, {"_", false}, {"1a", false}, {"Demo", false}, {"a_b", false}, {"a.b", false},
		{strings.Repeat("a", 32), false}, {"a\n", false},
	} {
		if got := trellis.ValidTenant(tt.name); got != tt.want {
			t.Errorf("ValidTenant(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestParseCourseKey(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want trellis.CourseKey
		ok   bool
	}{
		{"course-v1:edX+DemoX+2026", trellis.CourseKey{Organisation: "edX", Code: "DemoX", Run: "2026"}, true},
		{"course-v1:Ä.b_c~d-1+x+y", trellis.CourseKey{Organisation: "Ä.b_c~d-1", Code: "x", Run: "y"}, true},
		{"course-v1:a+b", trellis.CourseKey{}, false},
		{"course-v1:a+b+c+d", trellis.CourseKey{}, false},
		{"course-v1:a +b+c", trellis.CourseKey{}, false},
		{"course-v1:a/b+b+c", trellis.CourseKey{}, false},
		{"edX/DemoX/2026", trellis.CourseKey{}, false},
		{"course-v1:" + strings.Repeat("a", 64) + "+" + strings.Repeat("b", 64) + "+" + strings.Repeat("c", 65), trellis.CourseKey{}, false},
	} {
		got, err := trellis.ParseCourseKey(tt.in)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("ParseCourseKey(%q) = %+v, %v", tt.in, got, err)
		}
		if err == nil && got.String() != tt.in {
			t.Errorf("%q became %q", tt.in, got)
		}
		if err == nil && trellis.OrganisationOf(tt.in) != got.Organisation {
			t.Errorf("OrganisationOf(%q) = %q", tt.in, trellis.OrganisationOf(tt.in))
		}
		if err != nil && trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("kind of %v = %q", err, trellis.KindOf(err))
		}
	}
}

func TestActorRole(t *testing.T) {
	a := trellis.Actor{Roles: []trellis.Role{
		{Name: trellis.RoleStaff, Course: "course-v1:a+b+c"}, {Name: trellis.RoleTenantAdmin},
	}}
	if a.Is(trellis.RoleStaff) {
		t.Error("staff of one course is staff of the tenant")
	}
	if !a.Is(trellis.RoleTenantAdmin) {
		t.Error("a tenant's admin is none")
	}
	if got := (trellis.Actor{}).String(); got != "nobody" {
		t.Errorf("the zero actor is %q", got)
	}
}

func TestNewIDSorts(t *testing.T) {
	var many [20000]string
	for i := range many {
		many[i] = trellis.NewID()
	}
	if !slices.IsSorted(many[:]) {
		t.Error("a later identifier sorts before an earlier one")
	}
	seen := map[string]bool{}
	for _, id := range many {
		if seen[id] {
			t.Fatalf("%s was given twice", id)
		}
		seen[id] = true
	}
	if d := time.Since(trellis.TimeOf(many[0])); d < 0 || d > time.Minute {
		t.Errorf("made %v ago", d)
	}
}

func TestNewIDSortsWhenTheClockStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still in here, and lies before what was handed out
		last := trellis.NewID()
		for range 1000 {
			id := trellis.NewID()
			if id <= last {
				t.Fatalf("%s after %s", id, last)
			}
			last = id
		}
	})
}

func TestDerivedIDs(t *testing.T) {
	event := trellis.NewID()
	first, second := trellis.WithIDs(t.Context(), event, "inst", "hook"), trellis.WithIDs(t.Context(), event, "inst", "hook")
	var a, b []string
	for range 3 {
		a, b = append(a, trellis.IDFrom(first)), append(b, trellis.IDFrom(second))
	}
	if !slices.Equal(a, b) {
		t.Errorf("a repeated delivery gets other identifiers: %v, %v", a, b)
	}
	if a[0] == a[1] || a[1] == a[2] {
		t.Errorf("the same identifier twice in one delivery: %v", a)
	}
	other := trellis.IDFrom(trellis.WithIDs(t.Context(), event, "ins", "thook"))
	if other == a[0] {
		t.Error("parts run into one another")
	}
	if !trellis.TimeOf(a[0]).Equal(trellis.TimeOf(event)) {
		t.Error("a derived identifier does not sort beside what it comes from")
	}
	one, another := trellis.IDFrom(context.Background()), trellis.IDFrom(context.Background())
	if one == another {
		t.Error("without a seed, identifiers repeat")
	}
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, typ string
		want         bool
	}{
		{"*", "a.b", true}, {"a.b", "a.b", true}, {"a.b", "a.bc", false}, {"a.*", "a.b.c", true},
		{"a.*", "a", false}, {"a.*", "ab.c", false}, {"a.b.*", "a.b", false}, {"a*", "ab.c", false},
	} {
		if got := trellis.MatchType(tt.pattern, tt.typ); got != tt.want {
			t.Errorf("MatchType(%q, %q) = %v, want %v", tt.pattern, tt.typ, got, tt.want)
		}
	}
	for pattern, want := range map[string]bool{
		"*": true, "a.b": true, "a.*": true, "a.b.*": true, "": false, "a": false, "a*": false, "*.a": false, "A.b": false, "a..b": false,
	} {
		if got := trellis.ValidPattern(pattern); got != want {
			t.Errorf("ValidPattern(%q) = %v, want %v", pattern, got, want)
		}
	}
}
