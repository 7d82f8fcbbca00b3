package oneroster_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

func class(id, code, title, school string) oneroster.Class {
	return oneroster.Class{Meta: oneroster.Meta{SourcedID: id}, Code: code, Title: title, School: school}
}

func TestCourseKey(t *testing.T) {
	for _, tt := range []struct {
		name   string
		class  oneroster.Class
		org    oneroster.Org
		course oneroster.Course
		year   string
		want   string
	}{
		{"plain", class("cls-1", "PHY-1", "Physics", "sch-1"), oneroster.Org{}, oneroster.Course{}, "2026", "course-v1:sch-1+PHY-1+2026~cls-1"},
		{"no year", class("cls-1", "PHY-1", "Physics", "sch-1"), oneroster.Org{}, oneroster.Course{}, "", "course-v1:sch-1+PHY-1+cls-1"},
		{"identifier of the school", class("cls-1", "PHY-1", "", "sch-1"), oneroster.Org{Identifier: "Gotham High"}, oneroster.Course{}, "", "course-v1:Gotham-High+PHY-1+cls-1"},
		{"code of the course", class("cls-1", "", "Physics", "s"), oneroster.Org{}, oneroster.Course{Code: "P 1"}, "", "course-v1:s+P-1+cls-1"},
		{"title", class("cls-1", "", "Introduction to Physics", "s"), oneroster.Org{}, oneroster.Course{}, "", "course-v1:s+Introduction-to-Physics+cls-1"},
		{"no letters that we know", class("cls-1", "物理", "物理", "学校"), oneroster.Org{}, oneroster.Course{}, "", "course-v1:x+cls-1+cls-1"},
		{"points", class("cls-1", ".", "..", "s"), oneroster.Org{Identifier: ".."}, oneroster.Course{}, "", "course-v1:s+cls-1+cls-1"},
		{"changed identifier", class("cls 1", "P", "", "s"), oneroster.Org{}, oneroster.Course{}, "2026", "course-v1:s+P+2026~cls-1~be7cf2e9ffd876dd"},
		{"a key already", class("course-v1:o+c+r", "P", "T", "s"), oneroster.Org{}, oneroster.Course{}, "2026", "course-v1:o+c+r"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := tt.class.CourseKey(tt.org, tt.course, tt.year)
			if key.String() != tt.want {
				t.Errorf("key = %s, want %s", key, tt.want)
			}
			if _, err := trellis.ParseCourseKey(key.String()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCourseKeysDiffer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "b", "~", "-", " ", "ü", "0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ".", "+", ":", "/"}
	seen := map[string]string{}
	add := func(id string) {
		if id == "" {
			return
		}
		key := class(id, "", "", "").CourseKey(oneroster.Org{}, oneroster.Course{}, "")
		if _, err := trellis.ParseCourseKey(key.String()); err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		if other, ok := seen[key.Run]; ok && other != id {
			t.Fatalf("%q and %q are both %s", id, other, key)
		}
		seen[key.Run] = id
	}
	for range 20_000 {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(letters[r.IntN(len(letters))])
		}
		add(b.String())
	}
	runs := slices.Collect(maps.Keys(seen)) // somebody may name classes after what we make of others
	for _, run := range runs {
		add(run)
		add(strings.TrimPrefix(run, "~"))
	}
}

func TestCourseKeyTellsTheYearFromTheIdentifier(t *testing.T) {
	a := class("2026~x", "c", "", "s").CourseKey(oneroster.Org{}, oneroster.Course{}, "")
	b := class("x", "c", "", "s").CourseKey(oneroster.Org{}, oneroster.Course{}, "2026")
	if a == b {
		t.Errorf("two classes are %s", a)
	}
}

func TestPartsAndVerdicts(t *testing.T) {
	for role, want := range map[string]oneroster.Part{
		"student": oneroster.Learner, "teacher": oneroster.Staff, "administrator": oneroster.Staff, "proctor": oneroster.Staff,
		"ext:coach": oneroster.Staff, "parent": oneroster.Nobody, "guardian": oneroster.Nobody, "relative": oneroster.Nobody, "": oneroster.Nobody,
	} {
		if got := oneroster.PartOf(role); got != want {
			t.Errorf("%s is %q, want %q", role, got, want)
		}
	}
	const u, p, r, l, d, n = oneroster.Unknown, oneroster.Present, oneroster.Refused, oneroster.Leaving, oneroster.Disabled, oneroster.Planned
	for _, tt := range []struct {
		role        string
		status      oneroster.Status
		user, class oneroster.Standing
		want        string
	}{
		{"student", "active", p, p, "enroll learner"},
		{"teacher", "active", p, p, "enroll staff"},
		{"parent", "active", p, p, "skip role"},
		{"student", "active", u, p, "reject userSourcedId"},
		{"student", "active", p, u, "reject classSourcedId"},
		{"student", "active", r, p, "skip userSourcedId"},
		{"student", "active", r, u, "reject classSourcedId"},
		{"student", "active", p, l, "skip classSourcedId"},
		{"student", "active", l, p, "skip userSourcedId"},
		{"student", "active", p, r, "skip classSourcedId"},
		{"student", "tobedeleted", p, p, "unenroll learner"},
		{"teacher", "inactive", l, l, "unenroll staff"},
		{"student", "tobedeleted", u, p, "nothing"},
		{"student", "tobedeleted", p, u, "nothing"},
		{"student", "tobedeleted", r, p, "nothing"},
		{"student", "active", d, p, "skip userSourcedId"},
		{"student", "tobedeleted", d, p, "unenroll learner"},
		{"student", "active", n, n, "enroll learner"},
		{"student", "tobedeleted", n, p, "nothing"},
	} {
		e := oneroster.Enrollment{Meta: oneroster.Meta{Status: tt.status}, Role: tt.role}
		v := e.Judge(tt.user, tt.class)
		if got := strings.Join(strings.Fields(fmt.Sprint(v.Verb, " ", v.Part, " ", v.Column)), " "); got != tt.want {
			t.Errorf("%s %s %d %d: %s, want %s", tt.role, tt.status, tt.user, tt.class, got, tt.want)
		}
	}
}

func TestLoginAndName(t *testing.T) {
	id := oneroster.Meta{SourcedID: "u 1"}
	for _, tt := range []struct {
		user        oneroster.User
		login, name string
	}{
		{oneroster.User{Meta: id, Username: "ada", Email: "x@y", GivenName: "Ada", FamilyName: "Lovelace"}, "ada", "Ada Lovelace"},
		{oneroster.User{Meta: id, Username: "ada l", Email: "a.l@y", GivenName: "Ada", FamilyName: "-"}, "a.l", "Ada"},
		{oneroster.User{Meta: oneroster.Meta{SourcedID: "u1"}, GivenName: "-", FamilyName: "Lovelace"}, "u1", "Lovelace"},
		{oneroster.User{Meta: oneroster.Meta{SourcedID: "u1"}, GivenName: "Augusta", FamilyName: "King", PreferredGivenName: "Ada"}, "u1", "Ada King"},
	} {
		if got := tt.user.Login(); got != tt.login {
			t.Errorf("login %q, want %q", got, tt.login)
		}
		if got := tt.user.Name(); got != tt.name {
			t.Errorf("name %q, want %q", got, tt.name)
		}
	}
	if got := (oneroster.User{Meta: id}).Login(); !strings.HasPrefix(got, "u-1~") {
		t.Errorf("login %q", got)
	}
}

func TestSplitName(t *testing.T) {
	for _, name := range []string{"Ada Lovelace", "Ada", "Ada  Lovelace", "A  B C", "Ada King Lovelace", "", "Björk", "X -", "O'Neil, Jr.", "日本 太郎"} {
		given, family := oneroster.SplitName(name)
		if given == "" || family == "" {
			t.Errorf("%q: %q, %q", name, given, family)
		}
		if got := (oneroster.User{GivenName: given, FamilyName: family}).Name(); got != name {
			t.Errorf("%q became %q (%q, %q)", name, got, given, family)
		}
	}
}

func TestIndex(t *testing.T) {
	x := oneroster.NewIndex()
	if row, first := x.Add("users", "a", 2); row != 2 || !first {
		t.Errorf("%d, %v", row, first)
	}
	if row, first := x.Add("users", "a", 5); row != 2 || first {
		t.Errorf("%d, %v", row, first)
	}
	if _, first := x.Add("classes", "a", 3); !first {
		t.Error("a class is taken for a user")
	}
	x.Set("users", "c", oneroster.Disabled) // what became of it may be known before the row is
	if row, first := x.Add("users", "c", 7); row != 7 || !first || x.Standing("users", "c") != oneroster.Disabled {
		t.Errorf("%d, %v", row, first)
	}
	x.Set("users", "a", oneroster.Refused)
	if row, _ := x.Add("users", "a", 9); row != 2 || x.Standing("users", "a") != oneroster.Refused || x.Standing("users", "b") != oneroster.Unknown || x.Len() != 3 {
		t.Error("the index forgets")
	}
}
