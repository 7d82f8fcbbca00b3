package learning_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

// page is a list as it comes out of the door.
type page struct {
	Items []map[string]any `json:"items"`
	Next  string           `json:"next"`
}

func (c *core) list(t testing.TB, a trellis.Actor, operation, in string) page {
	t.Helper()
	out, err := c.do(t, a, operation, in)
	if err != nil {
		t.Errorf("%s %s: %v", operation, in, err)
		return page{}
	}
	var p page
	must(t, json.Unmarshal([]byte(out), &p))
	return p
}

// TestLists says what each actor sees in each list.
func TestLists(t *testing.T) {
	w := newWorld(t)
	sys := system(t, "acme")
	names := map[string]string{}
	for name, id := range w.ids {
		names[id] = name
	}
	_, err := w.UpdateCourse(sys, learning.UpdateCourse{Key: rustCourse, Hidden: ptr(true)})
	must(t, err)
	service, err := w.CreateToken(sys, learning.CreateToken{Name: "service", Roles: []trellis.Role{{Name: trellis.RoleStaff}}})
	must(t, err)
	names[service.ID] = "service"
	for _, name := range []string{"ada", "gostaff"} {
		token, err := w.CreateToken(sys, learning.CreateToken{Name: name, Person: w.ids[name]})
		must(t, err)
		names[token.ID] = name
	}
	w.actors["bob"] = person(w.ids["bob"])
	w.actors["artsservice"] = trellis.Actor{Kind: trellis.ServiceActor, ID: "service", Roles: []trellis.Role{{Name: trellis.RoleTenantAdmin, Organisation: "arts"}}}
	w.actors["narrowed"] = narrowed(w.actors["admin"], "courses:read")
	everybody := "ada admin artsadmin artsstaff bob gostaff operator zoe"
	all, arts := "ada/Go ada/Math bob/Math bob/Rust", "ada/Go bob/Rust"
	inGo := `{"course":"` + goCourse + `"}`
	inMath := `{"course":"` + mathCourse + `"}`
	for _, tt := range []struct{ who, operation, in, want string }{
		{"admin", "users.list", `{}`, everybody},
		{"operator", "users.list", `{}`, everybody},
		{"artsadmin", "users.list", `{}`, "ada artsadmin bob"},
		{"artsstaff", "users.list", `{}`, "ada artsstaff bob"},
		{"gostaff", "users.list", `{}`, "ada gostaff"},
		{"ada", "users.list", `{}`, "ada"},
		{"zoe", "users.list", `{}`, "zoe"},
		{"artsservice", "users.list", `{}`, "ada bob"},
		{"admin", "users.list", inMath, "ada bob"},
		{"artsadmin", "users.list", inMath, ""},
		{"gostaff", "users.list", inGo, "ada"},
		{"gostaff", "users.list", inMath, ""},
		{"ada", "users.list", inMath, "ada"},
		{"zoe", "users.list", inGo, ""},

		{"admin", "enrollments.list", `{}`, all},
		{"artsadmin", "enrollments.list", `{}`, arts},
		{"artsstaff", "enrollments.list", `{}`, arts},
		{"gostaff", "enrollments.list", `{}`, "ada/Go"},
		{"gostaff", "enrollments.list", inMath, ""},
		{"ada", "enrollments.list", `{}`, "ada/Go ada/Math"},
		{"ada", "enrollments.list", inMath, "ada/Math"},
		{"ada", "enrollments.list", `{"person":"` + w.ids["bob"] + `"}`, ""},
		{"zoe", "enrollments.list", `{}`, ""},
		{"admin", "grades.list", `{}`, all},
		{"artsservice", "grades.list", `{}`, arts},
		{"gostaff", "grades.list", `{}`, "ada/Go"},
		{"ada", "grades.list", `{}`, "ada/Go ada/Math"},
		{"ada", "grades.list", `{"person":"` + w.ids["bob"] + `"}`, ""},

		{"admin", "courses.list", `{}`, "Go Math Rust"},
		{"narrowed", "courses.list", `{}`, "Go Math Rust"},
		{"artsstaff", "courses.list", `{}`, "Go Math Rust"},
		{"gostaff", "courses.list", `{}`, "Go Math"}, // Rust is hidden
		{"zoe", "courses.list", `{}`, "Go Math"},
		{"bob", "courses.list", `{}`, "Go Math Rust"}, // he is in it
		{"artsservice", "courses.list", `{}`, "Go Rust"},
		{"admin", "courses.list", `{"organisation":"arts"}`, "Go Rust"},
		{"ada", "courses.list", `{"enrolled":true}`, "Go Math"},
		{"ada", "courses.list", `{"enrolled":false}`, ""},
		{"bob", "courses.list", `{"enrolled":true}`, "Math Rust"},
		{"zoe", "courses.list", `{"enrolled":false}`, "Go Math"},
		{"admin", "courses.list", `{"search":"ARTS  title"}`, "Go Rust"},
		{"admin", "courses.list", `{"search":"ｒｕｓｔ"}`, "Rust"},
		{"zoe", "courses.list", `{"search":"rust"}`, ""},
		{"ada", "courses.list", `{"enrolled":true,"search":"math"}`, "Math"},

		{"admin", "organisations.list", `{}`, "arts science"},
		{"zoe", "organisations.list", `{}`, "arts science"},
		{"artsservice", "organisations.list", `{}`, "arts"},

		{"admin", "roles.list", `{}`, "admin artsadmin artsstaff gostaff"},
		{"artsadmin", "roles.list", `{}`, "artsadmin artsstaff gostaff"},
		{"gostaff", "roles.list", `{}`, "gostaff"},
		{"admin", "roles.list", `{"person":"` + w.ids["gostaff"] + `"}`, "gostaff"},
		{"admin", "roles.list", inMath, ""},

		{"admin", "roles.list", `{"role":"tenant-admin"}`, "admin artsadmin"},
		{"admin", "roles.list", `{"organisation":"arts"}`, "artsadmin artsstaff"},
		{"admin", "roles.list", `{"organisation":"arts","role":"staff"}`, "artsstaff"},
		{"gostaff", "roles.list", `{"role":"tenant-admin"}`, ""},

		{"admin", "enrollments.list", `{"mode":"audit"}`, all},
		{"admin", "enrollments.list", `{"mode":"verified"}`, ""},
		{"admin", "grades.list", `{"item":""}`, all},
		{"admin", "grades.list", `{"item":"essay"}`, ""},

		{"admin", "users.list", `{"username":"ADA"}`, "ada"},
		{"admin", "users.list", `{"username":"ad"}`, ""},
		{"admin", "users.list", `{"email":"Ada@Example.ORG"}`, "ada"},
		{"admin", "users.list", `{"username":"ada","email":"bob@example.org"}`, ""},
		{"gostaff", "users.list", `{"username":"ada","course":"` + goCourse + `"}`, "ada"},
		{"gostaff", "users.list", `{"username":"bob","course":"` + goCourse + `"}`, ""},
		{"artsadmin", "users.list", `{"email":"bob@example.org","course":"` + rustCourse + `"}`, "bob"},

		{"admin", "tokens.list", `{}`, "ada gostaff service"},
		{"admin", "tokens.list", `{"sessions":true}`, ""},
		{"admin", "tokens.list", `{"sessions":false}`, "ada gostaff service"},
		{"artsadmin", "tokens.list", `{}`, ""},
		{"ada", "tokens.list", `{}`, "ada"},
		{"admin", "tokens.list", `{"person":"` + w.ids["ada"] + `"}`, "ada"},
		{"gostaff", "tokens.list", `{"person":"` + w.ids["ada"] + `"}`, ""},
		{"gostaff", "tokens.list", `{}`, "gostaff"},
	} {
		var got []string
		for _, item := range w.list(t, w.actors[tt.who], tt.operation, tt.in).Items {
			var name string
			switch noun, _, _ := strings.Cut(tt.operation, "."); noun {
			case "users", "tokens":
				name = names[item["id"].(string)]
			case "roles":
				name = names[item["person"].(string)]
			case "organisations":
				name = item["key"].(string)
			case "courses":
				name = code(item["key"])
			default:
				name = names[item["person"].(string)] + "/" + code(item["course"])
			}
			got = append(got, name)
		}
		slices.Sort(got)
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s, %s %s: %q, want %q", tt.who, tt.operation, tt.in, got, tt.want)
		}
	}
	if _, err := w.do(t, w.actors["narrowed"], "courses.list", `{"enrolled":true}`); kind(err) != trellis.Denied {
		t.Errorf("a token for courses shows where its owner is enrolled: %v", err)
	}
	if _, err := w.do(t, narrowed(w.actors["admin"], "users:read"), "users.list", `{"username":"ada"}`); kind(err) != trellis.Denied {
		t.Errorf("a token for people without their names finds one by it: %v", err)
	}
	for _, name := range []string{"ada", "zoe"} {
		if _, err := w.do(t, w.actors[name], "roles.list", `{}`); kind(err) != trellis.Denied {
			t.Errorf("%s lists roles: %v", name, err)
		}
	}
}

func code(key any) string {
	k, _ := trellis.ParseCourseKey(key.(string))
	return k.Code
}

// Two organisations whose keys differ in case, or where a letter stands for any,
// are two.
func TestOrganisationsAreNotConfused(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	for _, org := range []string{"a_b", "A_B", "axb", "a_b2", "ä", "Ä"} {
		key := c.course(t, sys, "course-v1:"+org+"+C+1")
		_, err := c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: key})
		must(t, err)
	}
	for _, org := range []string{"a_b", "A_B", "axb", "ä"} {
		boss := person("boss", trellis.Role{Name: trellis.RoleTenantAdmin, Organisation: org})
		items := c.list(t, boss, "enrollments.list", `{}`).Items
		if len(items) != 1 || items[0]["course"] != "course-v1:"+org+"+C+1" {
			t.Errorf("the admin of %s sees %v", org, items)
		}
	}
}

// A page begins behind the last row of the one before, whatever is inserted and
// removed meanwhile: nobody is shown twice, and none who stayed is left out.
func TestPages(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	c.course(t, sys, goCourse)
	there := map[string]bool{}
	for i := range 25 {
		p := c.someone(t, sys, fmt.Sprint("p", i))
		_, err := c.Enroll(sys, learning.Enroll{Person: p.ID, Course: goCourse})
		must(t, err)
		there[p.ID] = true
	}
	seen := map[string]int{}
	after, last, pages := "", "", 0
	for ; ; pages++ {
		p := c.list(t, admin(), "enrollments.list", fmt.Sprintf(`{"limit":4,"after":%q}`, after))
		for _, item := range p.Items {
			id := item["person"].(string)
			if seen[id]++; id <= last {
				t.Errorf("%s after %s", id, last)
			}
			last = id
		}
		if after = p.Next; after == "" {
			break
		}
		if len(p.Items) != 4 {
			t.Errorf("a page of %d that is not the last", len(p.Items))
		}
		late := c.someone(t, sys, fmt.Sprint("late", pages))
		_, err := c.Enroll(sys, learning.Enroll{Person: late.ID, Course: goCourse})
		must(t, err)
		if pages > 50 {
			t.Fatal("the list has no end")
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	for id := range there {
		if seen[id] == 0 {
			t.Errorf("%s was left out", id)
		}
	}
	if pages < 6 {
		t.Errorf("%d pages", pages)
	}
}

func TestPageInvalid(t *testing.T) {
	c := newCore(t)
	cursor := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, in := range []string{
		`{"limit":-1}`, `{"limit":201}`, `{"after":"!"}`, `{"after":"` + cursor("one") + `"}`, `{"after":"` + cursor("a\x00b\x00c") + `"}`,
		`{"after":"` + cursor("a\x00\xff") + `"}`, `{"limit":"1"}`, `{"befor":""}`,
	} {
		if _, err := c.do(t, admin(), "enrollments.list", in); kind(err) != trellis.Invalid {
			t.Errorf("%s: %v", in, err)
		}
	}
	out, err := c.do(t, admin(), "enrollments.list", `{"after":"`+cursor("a\x00b")+`"}`)
	if err != nil || out != `{"items":[]}` {
		t.Errorf("%s, %v", out, err)
	}
}

// The last page of the audit log says that it is the last.
func TestAuditPages(t *testing.T) {
	c := newCore(t)
	for i := range 4 {
		_, err := c.do(t, admin(), "organisations.put", fmt.Sprintf(`{"key":"o%d","title":"O"}`, i))
		must(t, err)
	}
	first := c.list(t, admin(), "audit.list", `{"limit":2}`)
	second := c.list(t, admin(), "audit.list", fmt.Sprintf(`{"limit":2,"before":%q}`, first.Next))
	if len(first.Items) != 2 || first.Next == "" || len(second.Items) != 2 || second.Next != "" {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if e := first.Items[0]; e["operation"] != "organisations.put" || e["target"] != "o3" || e["actor"] != "person:admin" || e["permission"] != "organisations:write" {
		t.Errorf("entry %v", e)
	}
}

// What a cursor says is input: it changes where a page begins, and nothing else.
func FuzzCursor(f *testing.F) {
	f.Add("", 0)
	f.Add(base64.RawURLEncoding.EncodeToString([]byte("course\x00person")), 1)
	f.Add("' OR 1=1 --", 200)
	c := newCore(f)
	sys := system(f, "acme")
	c.course(f, sys, goCourse)
	for i, tenant := range []string{"acme", "other"} {
		ctx := system(f, tenant)
		if i > 0 {
			c.course(f, ctx, goCourse)
		}
		p := c.someone(f, ctx, "ada")
		_, err := c.Enroll(ctx, learning.Enroll{Person: p.ID, Course: goCourse})
		must(f, err)
	}
	f.Fuzz(func(t *testing.T, after string, limit int) {
		in, err := json.Marshal(learning.ListEnrollments{Page: learning.Page{After: after, Limit: limit}})
		must(t, err)
		out, err := c.api.Serve(as(t, admin()), hostapi.HTTPDoor, "enrollments.list", in)
		if err != nil {
			if kind(err) != trellis.Invalid {
				t.Errorf("%v (%s)", err, kind(err))
			}
			return
		}
		var p page
		must(t, json.Unmarshal(out, &p))
		if len(p.Items) > 1 || p.Next != "" {
			t.Errorf("after %q: %s", after, out)
		}
	})
}
