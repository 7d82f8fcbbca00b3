package console_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestPeoplePages: an account is made, changed, given a role, switched off, and
// erased; each but the last can be undone.
func TestPeoplePages(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.Get("/console/people").Want(200, "ada", "Administrator of the school", "tea", "Staff of "+logicOne)
	b.Follow("Make an account").Want(200)
	b.Submit("Make the account", pagestest.Fields{"name": "Kim"}).Want(400).Fault("username", "The username is missing.")
	b.Submit("Make the account", pagestest.Fields{"username": "kim", "email": "none"}).Want(400).Fault("email", "The email address is not one.")
	b.Submit("Make the account", pagestest.Fields{"email": "kim@example.org", "name": hostile, "password": "short"}).Want(400)
	quiet(b.Submit("Make the account", pagestest.Fields{"name": hostileTitle(s), "password": ""}).Want(200, "has an account now", "Nobody can sign in to it before it has a password."))
	kim := b.At.Path[strings.LastIndex(b.At.Path, "/")+1:]
	b.Submit("Set the password", nil).Want(400).Fault("password", "Enter the new password.")
	b.Submit("Set the password", pagestest.Fields{"password": pagestest.Password}).Want(200, "has a new password")
	pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
	b.Submit("Save the account", pagestest.Fields{"username": "ada"}).Want(400).Fault("username", `The username "ada" is taken.`)
	quiet(b.Submit("Save the account", pagestest.Fields{"username": "kim", "name": "Kim"}).Want(200, "The account of Kim is changed.").Submit("Undo", nil).Want(200))
	b.Submit("Save the account", pagestest.Fields{"name": "Kim"}).Want(200)

	b.Submit("Give the role", pagestest.Fields{"role": "staff", "course": "course-v1:None+X+1"}).Want(400, "course-v1:None+X+1")
	b.Submit("Give the role", pagestest.Fields{"role": "staff", "course": logicOne}).Want(200, "Kim is now: Staff of "+logicOne)
	b.Submit("Undo", nil).Want(200, "Kim is no longer: Staff of "+logicOne, "Learner, as everybody")
	b.Submit("Give the role", pagestest.Fields{"role": "tenant-admin", "course": "Demo"}).Want(200, "Kim is now: Administrator of the organisation Demo.")
	if got := b.Texts(".rows button"); len(got) != 1 || got[0] != "Take Administrator of the organisation Demo" || len(b.Find(".rows button .hidden")) != 0 {
		t.Errorf("the button says %q, some of it to few", got)
	}
	b.Submit("Take Administrator of the organisation Demo", nil).Want(200, "no longer")

	b.Submit("Switch the account off", nil).Want(200, "The account of Kim is off", "Switch the account on")
	b.Submit("Undo", nil).Want(200, "can sign in again", "Works")
	b.Follow("Erase this person").Want(200, "cannot be undone", "Keep Kim")
	b.Submit("Erase for good", pagestest.Fields{"typed": "no"}).Want(400).Fault("typed", "Nothing was erased: type kim to go on.")
	b.Submit("Erase for good", pagestest.Fields{"typed": "kim"}).Want(200, "Kim is erased.").Lacks("kim@example.org")
	b.Get("/console/people/" + kim).Want(404)
	b.Get("/console/people/" + s.admin).Want(200).Lacks("Erase this person")
	b.Post("/console/people/"+s.admin+"/erase", map[string][]string{"typed": {"ada"}}).Want(400, "your own account")
}

// TestThousandPeople: a list of a thousand is read in pages, each person once, and
// searched.
func TestThousandPeople(t *testing.T) {
	s := openBureau(t)
	batch, err := s.Learning.Batch(s.ctx, learning.Keys{})
	s.must(err)
	var changes []store.Change
	for i := range 1000 {
		c, err := batch.PrepareRegister(trellis.WithIDs(s.ctx, "many", fmt.Sprint(i)), learning.Register{Username: fmt.Sprintf("p%04d", i), Name: hostileTitle(s)})
		s.must(err)
		changes = append(changes, c)
	}
	s.must(s.DB.Write(s.ctx, changes...))
	b := s.signedIn()
	seen := map[string]bool{}
	pages := 0
	for b.Get("/console/people"); ; b.Follow("Next page") {
		pages++
		quiet(b.Want(200))
		for _, row := range b.Texts("tbody tr") {
			if seen[row] {
				t.Fatalf("twice: %s", row)
			}
			seen[row] = true
		}
		if !b.Has("Next page") {
			break
		}
	}
	if len(seen) != 1002 || pages != 21 {
		t.Errorf("%d people on %d pages", len(seen), pages)
	}
	b.Get("/console/people?q=p0777").Want(200, "p0777", "trellis user list -search p0777")
	b.Get("/console/people?q=it%27s+who").Want(200, `trellis user list -search 'it'\''s who'`)
	if n := len(b.Find("tbody tr")); n != 1 {
		t.Errorf("found %d", n)
	}
	b.Get("/console/people?q=nobody+is+called+so").Want(200, "Nobody is like that.")
	b.Get(narrowed("/console/people", "q", strings.Repeat("x", 151))).Want(400, "Search: at most 150 printable characters.")
}

// TestTokenPages: a token is shown once, in sentences, does what it says, and ends.
func TestTokenPages(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.Get("/console/tokens").Want(200, "There is no such token.")
	b.Follow("Make a token")
	b.Submit("Make the token", nil).Want(400, "The name of the token is missing.")
	b.Submit("Make the token", pagestest.Fields{"name": "Reports", "scope": []string{"courses:read"}, "days": "7"}).Want(200, "It is shown only now", "See the courses")
	key := pagestest.Attr(b.Find("code[data-copy]")[0], "data-copy")
	if status, body := s.Do(t, key, "GET", "/api/v1/courses", ""); status != 200 || !strings.Contains(body, "LOGIC") {
		t.Errorf("with the token: %d %s", status, body)
	}
	if status, _ := s.Do(t, key, "GET", "/api/v1/users", ""); status != 403 {
		t.Errorf("beyond the token: %d", status)
	}
	b.Follow("I have copied it").Want(200, "Reports", "ada", "See the courses", "Soon").Lacks(key)
	b.Follow("End Reports").Want(200, "Whoever uses it is turned away").Submit("End the token", nil).Want(200, "The token has ended.")
	if status, _ := s.Do(t, key, "GET", "/api/v1/courses", ""); status != 401 {
		t.Errorf("with the token that ended: %d", status)
	}
	b.Get("/console/tokens/new").Submit("Make the token", pagestest.Fields{"name": "Service", "kind": "staff", "course": logicOne}).Want(200, "Staff of "+logicOne)
	b.Get("/console/tokens?kind=service").Want(200, "A service", "Service")
	b.Get("/console/tokens?kind=session").Want(200, "Session", "ada")
}

// TestTenantPages: operators make tenants, change them, and go in.
func TestTenantPages(t *testing.T) {
	s := openBureau(t)
	pagestest.Account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "op", pagestest.Password)
	b.Get("/console/tenants").Want(200, "You are here")
	b.Follow("Make a tenant").Submit("Make the tenant", pagestest.Fields{"name": "North", "title": "North School"}).Want(400, "cannot name a tenant")
	b.Submit("Make the tenant", pagestest.Fields{"name": "demo"}).Want(409).Fault("name", "There is a tenant demo already: choose another name, or change that one.")
	b.Submit("Make the tenant", pagestest.Fields{"name": "north", "host": "no host!"}).Want(400).Fault("host", `"no host!" is not a host name.`)
	b.Submit("Make the tenant", pagestest.Fields{"host": ""}).Want(200, "North School is there.", "By invitation")
	b.Follow("Go in to North School").Want(200, "Console")
	if b.At.Path != "/t/north/console" {
		t.Errorf("gone in to %s", b.At)
	}
	quiet(b.In("demo").Get("/console/tenants/north").Submit("Save the tenant", pagestest.Fields{"title": hostileTitle(s), "open": true}).Want(200, "is changed", "Open to everybody"))
	b.Submit("Undo", nil).Want(200, "North School", "By invitation").Lacks("Open to everybody")
	b.Get("/console/tenants/none").Want(404)
	s.signedIn().Get("/console/tenants").Want(403, "operators of the platform")
}

// TestBrandPage: a school gets a title, a colour and a logo; what does not fit is
// said at the field.
func TestBrandPage(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.Get("/console/brand").Want(200)
	b.Submit("Save the look", pagestest.Fields{"title": ""}).Want(400).Fault("title", "Say what the school is called.")
	b.Submit("Save the look", pagestest.Fields{"title": "Art School", "accent": "red"}).Want(400).Fault("accent", `"red" is no colour: # and six hexadecimal digits, such as #0b6277.`)
	b.Submit("Save the look", pagestest.Fields{"accent": "#AA3355", "logo": pagestest.File{Name: "x.svg", Data: []byte("<svg onload=alert(1)>")}}).Want(400).Fault("logo", "A logo is a PNG, a JPEG or a WebP, and this is none of them.")
	b.Submit("Save the look", pagestest.Fields{"logo": pagestest.File{Name: "x.png", Data: square(t)}}).Want(200, "The pages look so from now on.", "Art School")
	if tenant := sure(s.Learning.Tenant(s.ctx)); tenant.Accent != "#aa3355" || tenant.Logo == "" || len(b.Find("main img[alt]")) != 1 {
		t.Errorf("the school is %+v", tenant)
	}
	b.Submit("Undo", nil).Want(200)
	b.Submit("Save the look", pagestest.Fields{"nologo": true}).Want(200, "is not kept")
	if tenant := sure(s.Learning.Tenant(s.ctx)); tenant.Accent != "" || tenant.Logo != "" || tenant.Title != "demo" {
		t.Errorf("the school is %+v", tenant)
	}
}

// square is a picture.
func square(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestCoursesTable lists the courses and finds one.
func TestCoursesTable(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.Get("/console/courses").Want(200, logicOne)
	b.Get("/console/courses?q=none").Want(200, "No course is called so.").Follow("Show all courses").Want(200, logicOne)
}
