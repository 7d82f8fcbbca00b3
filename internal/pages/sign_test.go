package pages_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

func TestSignIn(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	account(t, p, "demo", "kim")
	b := browse(t, p).in("demo")
	b.get("/courses").want(http.StatusOK, "Sign in").lacks("Sign out", "you come to the page that you asked for")
	b.submit("Sign in", fields{"username": "kim", "password": "wrong"}).want(http.StatusUnauthorized)
	b.fault("username", "Name or password is wrong.")
	if got := attr(b.find("input[name=password]")[0], "value"); got != "" {
		t.Errorf("the password comes back: %q", got)
	}
	b.submit("Sign in", fields{"password": password}).want(http.StatusOK, "kim", "Sign out")
	if got, want := b.at.Path, "/t/demo/courses"; got != want {
		t.Errorf("after signing in one is at %s, want %s", got, want)
	}
	b.get("/login").want(http.StatusOK, "My courses") // who is signed in has nothing to do there
	b.submit("Sign out", nil).want(http.StatusOK, "You are signed out.", "Sign in")
	browse(t, p).signIn("demo", "kim", password).want(http.StatusOK, "kim")
}

// TestWhereOneBegins: those who run the tenant begin in the console, and what they
// find with the courses is about courses, not about them.
func TestWhereOneBegins(t *testing.T) {
	s := newSchool(t)
	s.course(t, "Logic", "Logic 1", nil)
	account(t, s.Platform, "demo", "kim")
	account(t, s.Platform, "demo", "alma", learning.Assign{Role: trellis.RoleTenantAdmin})
	account(t, s.Platform, trellis.PlatformTenant, "olga", learning.Assign{Role: trellis.RoleOperator})
	for name, want := range map[string]string{"kim": "/t/demo/courses", "alma": "/t/demo/console", "olga": "/t/demo/console"} {
		b := browse(t, s.Platform).signIn("demo", name, password)
		if b.at.Path != want {
			t.Errorf("%s begins at %s, want %s", name, b.at.Path, want)
		}
		for _, path := range []string{"/", "/login"} {
			if b.get(path); b.at.Path != want {
				t.Errorf("from %s %s comes to %s, want %s", path, name, b.at.Path, want)
			}
		}
		if name != "kim" {
			b.get("/courses").want(http.StatusOK, "All courses", "Open Logic 1").lacks("You are in no course", "Choose one", "Join")
		}
	}
}

// TestSignInLeadsBack: whoever was led to the sign-in page comes to the page that
// she asked for, and nowhere else.
func TestSignInLeadsBack(t *testing.T) {
	s := newSchool(t)
	logic := s.course(t, "Logic", "Logic 1", nil)
	account(t, s.Platform, "demo", "kim")
	b := browse(t, s.Platform).in("demo").get("/courses/"+logic+"?x=1").want(http.StatusOK, "Sign in, and you come to the page that you asked for.")
	b.submit("Sign in", fields{"username": "kim", "password": password}).want(http.StatusOK, "Logic 1")
	if got, want := b.at.RequestURI(), "/t/demo/courses/"+logic+"?x=1"; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/\t/evil.example", "/login", "/logout", "/login?next=/logout", "javascript:alert(1)", ""} {
		b := browse(t, s.Platform).in("demo").get("/login?next=" + url.QueryEscape(next))
		b.submit("Sign in", fields{"username": "kim", "password": password}).want(http.StatusOK)
		if got, want := b.at.Path, "/t/demo/courses"; got != want {
			t.Errorf("after %q one is at %s", next, got)
		}
	}
}

// TestLapsedForm: what somebody sends whose session has ended is not done, and
// she comes back to where she was.
func TestLapsedForm(t *testing.T) {
	s := newSchool(t)
	logic := s.course(t, "Logic", "Logic 1", nil)
	kim := account(t, s.Platform, "demo", "kim")
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/courses/" + logic)
	if err := s.Learning.EndSessions(trellis.WithActor(s.ctx, trellis.Actor{Tenant: "demo", ID: kim, Kind: trellis.PersonActor})); err != nil {
		t.Fatal(err)
	}
	b.submit("Join Logic 1", nil).want(http.StatusOK, "Your session has ended, so what you sent was not done.")
	if active, _ := s.enrolled(t, kim, logic); active {
		t.Error("it was done")
	}
	b.submit("Sign in", fields{"username": "kim", "password": password}).want(http.StatusOK, "Join Logic 1")
	if got, want := b.at.Path, "/t/demo/courses/"+logic; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
}

func TestTooManySignIns(t *testing.T) {
	s := newSchool(t)
	account(t, s.Platform, "demo", "kim")
	b := browse(t, s.Platform).in("demo").get("/login")
	for range 10 {
		b.submit("Sign in", fields{"username": "kim", "password": "wrong horse"}).want(http.StatusUnauthorized)
	}
	b.submit("Sign in", fields{"username": "kim", "password": password}).want(http.StatusTooManyRequests, "Too many tries have failed. Try again in 15 minutes.")
	if b.header.Get("Retry-After") == "" {
		t.Error("the head does not say when to try again")
	}
	if got := attr(b.find("#field-username")[0], "value"); got != "kim" {
		t.Errorf("the name is %q now", got)
	}
}

// TestKnownBrowser: strangers' guesses keep nobody out of a browser in which that
// person has signed in before, operators neither; another's mark does not count.
func TestKnownBrowser(t *testing.T) {
	s := newSchool(t)
	account(t, s.Platform, "demo", "kim")
	account(t, s.Platform, "demo", "pat")
	account(t, s.Platform, trellis.PlatformTenant, "olga", learning.Assign{Role: trellis.RoleOperator})
	in := map[string]*browser{}
	for _, name := range []string{"kim", "pat", "olga"} {
		b := browse(t, s.Platform).in("demo").get("/login").submit("Sign in", fields{"username": name, "password": password}).want(http.StatusOK)
		in[name] = b.submit("Sign out", nil).get("/login")
	}
	stranger := browse(t, s.Platform).in("demo").get("/login")
	for _, name := range []string{"kim", "olga"} {
		for range 10 {
			stranger.submit("Sign in", fields{"username": name, "password": "wrong horse"}).want(http.StatusUnauthorized)
		}
		in["pat"].submit("Sign in", fields{"username": name, "password": password}).want(http.StatusTooManyRequests)
		in[name].submit("Sign in", fields{"username": name, "password": password}).want(http.StatusOK)
	}
}

func TestSchools(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	account(t, p, "demo", "kim")
	b := browse(t, p).get("/").want(http.StatusOK, "Which school?")
	b.submit("Go to its sign-in page", nil).want(http.StatusNotFound).fault("school", "Say which school is yours.")
	b.submit("Go to its sign-in page", fields{"school": "Nowhere"}).want(http.StatusNotFound)
	b.fault("school", "There is no school of this name here. Look at the address that your school has given you: the name stands behind /t/.")
	b.submit("Go to its sign-in page", fields{"school": "_"}).want(http.StatusNotFound)
	b.submit("Go to its sign-in page", fields{"school": " Demo "}).want(http.StatusOK, "Sign in")
	if got, want := b.at.Path, "/t/demo/login"; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
	b.submit("Sign in", fields{"username": "kim", "password": password}).want(http.StatusOK, "kim")
}

// TestSignInRefused: an extension that keeps somebody out says why, and may send
// her to another page of the tenant, and nowhere else.
func TestSignInRefused(t *testing.T) {
	refuse := func(effect string) func(*testkit.Code) {
		return func(c *testkit.Code) {
			c.Answer(`{"refuse":{"code":"x","message":"The exam is on."` + effect + `}}`)
		}
	}
	const no = "Not signed in. Late <b>policy</b> says: The exam is on."
	for _, tt := range []struct{ name, effect, at, want string }{
		{"with a message", "", "/t/demo/login", no},
		{"with a redirect", `,"effect":{"kind":"redirect","redirect":"/login?why=exam"}`, "/t/demo/login?why=exam", no},
		{"with a redirect elsewhere", `,"effect":{"kind":"redirect","redirect":"//evil.example/"}`, "/t/demo/login", "Not signed in. Late <b>policy</b> could not decide"},
		{"with a redirect to another tenant", `,"effect":{"kind":"redirect","redirect":"/t/other/login"}`, "/t/demo/login", no},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSchool(t)
			account(t, s.Platform, "demo", "kim")
			s.filter(t, "org.openedx.learning.student.login.requested.v1", refuse(tt.effect))
			b := browse(t, s.Platform).in("demo").get("/login")
			b.submit("Sign in", fields{"username": "kim", "password": password})
			b.want(b.status, tt.want)
			if b.at.RequestURI() != tt.at {
				t.Errorf("one is at %s, want %s", b.at, tt.at)
			}
		})
	}
}
