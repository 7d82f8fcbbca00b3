package pages_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestPeoplePages: an account is made, changed, given a role, switched off, and
// erased; each but the last can be undone.
func TestPeoplePages(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.get("/console/people").want(200, "ada", "Administrator of the school", "tea", "Staff of "+logicOne)
	b.follow("Make an account").want(200)
	b.submit("Make the account", fields{"name": "Kim"}).want(400).fault("username", "A username is needed.")
	b.submit("Make the account", fields{"username": "kim", "email": "none"}).want(400).fault("email", "The email address is not one.")
	b.submit("Make the account", fields{"email": "kim@example.org", "name": hostile, "password": "short"}).want(400)
	b.submit("Make the account", fields{"name": hostileTitle(s), "password": ""}).want(200, "has an account now", "Nobody can sign in to it before it has a password.").quiet()
	kim := b.at.Path[strings.LastIndex(b.at.Path, "/")+1:]
	b.submit("Set the password", nil).want(400).fault("password", "Enter the new password.")
	b.submit("Set the password", fields{"password": password}).want(200, "has a new password")
	browse(t, s.Platform).signIn("demo", "kim", password)
	b.submit("Save the account", fields{"username": "ada"}).want(400).fault("username", `The username "ada" is taken.`)
	b.submit("Save the account", fields{"username": "kim", "name": "Kim"}).want(200, "The account of Kim is changed.").submit("Undo", nil).want(200).quiet()
	b.submit("Save the account", fields{"name": "Kim"}).want(200)

	b.submit("Give the role", fields{"role": "staff", "course": "course-v1:None+X+1"}).want(400, "course-v1:None+X+1")
	b.submit("Give the role", fields{"role": "staff", "course": logicOne}).want(200, "Kim is now: Staff of "+logicOne)
	b.submit("Undo", nil).want(200, "Kim is no longer: Staff of "+logicOne, "Learner, as everybody")
	b.submit("Give the role", fields{"role": "tenant-admin", "course": "Demo"}).want(200, "Kim is now: Administrator of the organisation Demo.")
	if got := b.texts(".rows button"); len(got) != 1 || got[0] != "Take Administrator of the organisation Demo" || len(b.find(".rows button .hidden")) != 0 {
		t.Errorf("the button says %q, some of it to few", got)
	}
	b.submit("Take Administrator of the organisation Demo", nil).want(200, "no longer")

	b.submit("Switch the account off", nil).want(200, "The account of Kim is off", "Switch the account on")
	b.submit("Undo", nil).want(200, "can sign in again", "Works")
	b.follow("Erase this person").want(200, "cannot be undone", "Keep Kim")
	b.submit("Erase for good", fields{"typed": "no"}).want(400).fault("typed", "Nothing was erased: type kim to go on.")
	b.submit("Erase for good", fields{"typed": "kim"}).want(200, "Kim is erased.").lacks("kim@example.org")
	b.get("/console/people/" + kim).want(404)
	b.get("/console/people/" + s.admin).want(200).lacks("Erase this person")
	b.post("/console/people/"+s.admin+"/erase", map[string][]string{"typed": {"ada"}}).want(400, "your own account")
}

// TestThousandPeople: a list of a thousand is read in pages, each person once, and
// searched.
func TestThousandPeople(t *testing.T) {
	s := openBureau(t)
	batch, err := s.Learning.Batch(s.ctx, learning.Keys{})
	s.must(err)
	var changes []store.Change
	for i := range 1000 {
		c, err := batch.PrepareRegister(trellis.WithIDs(s.ctx, "many", fmt.Sprint(i)), learning.Register{Username: fmt.Sprintf("p%04d", i), Name: hostile})
		s.must(err)
		changes = append(changes, c)
	}
	s.must(s.DB.Write(s.ctx, changes...))
	b := s.signedIn()
	seen := map[string]bool{}
	pages := 0
	for b.get("/console/people"); ; b.follow("Next page") {
		pages++
		b.want(200).quiet()
		for _, row := range b.texts("tbody tr") {
			if seen[row] {
				t.Fatalf("twice: %s", row)
			}
			seen[row] = true
		}
		if !b.has("Next page") {
			break
		}
	}
	if len(seen) != 1002 || pages != 21 {
		t.Errorf("%d people on %d pages", len(seen), pages)
	}
	b.get("/console/people?q=p0777").want(200, "p0777")
	if n := len(b.find("tbody tr")); n != 1 {
		t.Errorf("found %d", n)
	}
	b.get("/console/people?q=nobody+is+called+so").want(200, "Nobody is like that.")
	b.get(narrowed("/console/people", "q", strings.Repeat("x", 151))).want(400, "Search: at most 150 printable characters.")
}

// TestTokenPages: a token is shown once, in sentences, does what it says, and ends.
func TestTokenPages(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.get("/console/tokens").want(200, "There is no such token.")
	b.follow("Make a token")
	b.submit("Make the token", nil).want(400, "A token needs a name")
	b.submit("Make the token", fields{"name": "Reports", "scope": []string{"courses:read"}, "days": "7"}).want(200, "It is shown only now", "See the courses")
	key := attr(b.find("code[data-copy]")[0], "data-copy")
	if status, body := s.Do(t, key, "GET", "/api/v1/courses", ""); status != 200 || !strings.Contains(body, "LOGIC") {
		t.Errorf("with the token: %d %s", status, body)
	}
	if status, _ := s.Do(t, key, "GET", "/api/v1/users", ""); status != 403 {
		t.Errorf("beyond the token: %d", status)
	}
	b.follow("I have copied it").want(200, "Reports", "ada", "See the courses", "Soon").lacks(key)
	b.follow("End Reports").want(200, "Whoever uses it is turned away").submit("End the token", nil).want(200, "The token has ended.")
	if status, _ := s.Do(t, key, "GET", "/api/v1/courses", ""); status != 401 {
		t.Errorf("with the token that ended: %d", status)
	}
	b.get("/console/tokens/new").submit("Make the token", fields{"name": "Service", "kind": "staff", "course": logicOne}).want(200, "Staff of "+logicOne)
	b.get("/console/tokens?kind=service").want(200, "A service", "Service")
	b.get("/console/tokens?kind=session").want(200, "Session", "ada")
}

// TestTenantPages: operators make tenants, change them, and go in.
func TestTenantPages(t *testing.T) {
	s := openBureau(t)
	account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	b := browse(t, s.Platform).signIn("demo", "op", password)
	b.get("/console/tenants").want(200, "You are here")
	b.follow("Make a tenant").submit("Make the tenant", fields{"name": "North", "title": "North School"}).want(400, "cannot name a tenant")
	b.submit("Make the tenant", fields{"name": "demo"}).want(409).fault("name", "There is a tenant demo already: choose another name, or change that one.")
	b.submit("Make the tenant", fields{"name": "north", "host": "no host!"}).want(400).fault("host", `"no host!" is not a host name.`)
	b.submit("Make the tenant", fields{"host": ""}).want(200, "North School is there.", "By invitation")
	b.follow("Go in to North School").want(200, "Console")
	if b.at.Path != "/t/north/console" {
		t.Errorf("gone in to %s", b.at)
	}
	b.in("demo").get("/console/tenants/north").submit("Save the tenant", fields{"title": hostileTitle(s), "open": true}).want(200, "is changed", "Open to everybody").quiet()
	b.submit("Undo", nil).want(200, "North School", "By invitation").lacks("Open to everybody")
	b.get("/console/tenants/none").want(404)
	s.signedIn().get("/console/tenants").want(403, "operators of the platform")
}

// TestBrandPage: a school gets a title, a colour and a logo; what does not fit is
// said at the field.
func TestBrandPage(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.get("/console/brand").want(200)
	b.submit("Save the look", fields{"title": ""}).want(400).fault("title", "Say what the school is called.")
	b.submit("Save the look", fields{"title": "Art School", "accent": "red"}).want(400).fault("accent", `"red" is no colour: # and six hexadecimal digits, such as #0b6277.`)
	b.submit("Save the look", fields{"accent": "#AA3355", "logo": file{"x.svg", []byte("<svg onload=alert(1)>")}}).want(400).fault("logo", "A logo is a PNG, a JPEG or a WebP, and this is none of them.")
	b.submit("Save the look", fields{"logo": file{"x.png", square(t)}}).want(200, "The pages look so from now on.", "Art School")
	if tenant := sure(s.Learning.Tenant(s.ctx)); tenant.Accent != "#aa3355" || tenant.Logo == "" || len(b.find("main img[alt]")) != 1 {
		t.Errorf("the school is %+v", tenant)
	}
	b.submit("Undo", nil).want(200)
	b.submit("Save the look", fields{"nologo": true}).want(200, "is not kept")
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
	b.get("/console/courses").want(200, logicOne)
	b.get("/console/courses?q=none").want(200, "No course is called so.").follow("Show all courses").want(200, logicOne)
}
