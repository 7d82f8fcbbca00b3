package account_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

func TestSignIn(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	pagestest.Account(t, p, "demo", "kim")
	b := pagestest.Browse(t, p).In("demo")
	b.Get("/courses").Want(http.StatusOK, "Sign in").Lacks("Sign out", "you come to the page that you asked for")
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": "wrong"}).Want(http.StatusUnauthorized)
	b.Fault("username", "Name or password is wrong.")
	if got := pagestest.Attr(b.Find("input[name=password]")[0], "value"); got != "" {
		t.Errorf("the password comes back: %q", got)
	}
	b.Submit("Sign in", pagestest.Fields{"password": pagestest.Password}).Want(http.StatusOK, "kim", "Sign out")
	if got, want := b.At.Path, "/t/demo/courses"; got != want {
		t.Errorf("after signing in one is at %s, want %s", got, want)
	}
	b.Get("/login").Want(http.StatusOK, "My courses") // who is signed in has nothing to do there
	b.Submit("Sign out", nil).Want(http.StatusOK, "You are signed out.", "Sign in")
	pagestest.Browse(t, p).SignIn("demo", "kim", pagestest.Password).Want(http.StatusOK, "kim")
}

// TestWhereOneBegins: those who run the tenant begin in the console, and what they
// find with the courses is about courses, not about them.
func TestWhereOneBegins(t *testing.T) {
	s := pagestest.NewSchool(t)
	s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "kim")
	pagestest.Account(t, s.Platform, "demo", "alma", learning.Assign{Role: trellis.RoleTenantAdmin})
	pagestest.Account(t, s.Platform, trellis.PlatformTenant, "olga", learning.Assign{Role: trellis.RoleOperator})
	for name, want := range map[string]string{"kim": "/t/demo/courses", "alma": "/t/demo/console", "olga": "/t/demo/console"} {
		b := pagestest.Browse(t, s.Platform).SignIn("demo", name, pagestest.Password)
		if b.At.Path != want {
			t.Errorf("%s begins at %s, want %s", name, b.At.Path, want)
		}
		for _, path := range []string{"/", "/login"} {
			if b.Get(path); b.At.Path != want {
				t.Errorf("from %s %s comes to %s, want %s", path, name, b.At.Path, want)
			}
		}
		if name != "kim" {
			b.Get("/courses").Want(http.StatusOK, "All courses", "Open Logic 1").Lacks("You are in no course", "Choose one", "Join")
		}
	}
}

// TestSignInLeadsBack: whoever was led to the sign-in page comes to the page that
// she asked for, and nowhere else.
func TestSignInLeadsBack(t *testing.T) {
	s := pagestest.NewSchool(t)
	logic := s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "kim")
	b := pagestest.Browse(t, s.Platform).In("demo").Get("/courses/"+logic+"?x=1").Want(http.StatusOK, "Sign in, and you come to the page that you asked for.")
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}).Want(http.StatusOK, "Logic 1")
	if got, want := b.At.RequestURI(), "/t/demo/courses/"+logic+"?x=1"; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/\t/evil.example", "/login", "/logout", "/login?next=/logout", "javascript:alert(1)", ""} {
		b := pagestest.Browse(t, s.Platform).In("demo").Get("/login?next=" + url.QueryEscape(next))
		b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}).Want(http.StatusOK)
		if got, want := b.At.Path, "/t/demo/courses"; got != want {
			t.Errorf("after %q one is at %s", next, got)
		}
	}
}

// TestLapsedForm: what somebody sends whose session has ended is not done, and
// she comes back to where she was.
func TestLapsedForm(t *testing.T) {
	s := pagestest.NewSchool(t)
	logic := s.Course(t, "Logic", "Logic 1", nil)
	kim := pagestest.Account(t, s.Platform, "demo", "kim")
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/courses/" + logic)
	if err := s.Learning.EndSessions(trellis.WithActor(s.Ctx, trellis.Actor{Tenant: "demo", ID: kim, Kind: trellis.PersonActor})); err != nil {
		t.Fatal(err)
	}
	b.Submit("Join Logic 1", nil).Want(http.StatusOK, "Your session has ended, so what you sent was not done.")
	if active, _ := s.Enrolled(t, kim, logic); active {
		t.Error("it was done")
	}
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}).Want(http.StatusOK, "Join Logic 1")
	if got, want := b.At.Path, "/t/demo/courses/"+logic; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
}

func TestTooManySignIns(t *testing.T) {
	s := pagestest.NewSchool(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	b := pagestest.Browse(t, s.Platform).In("demo").Get("/login")
	for range 10 {
		b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": "wrong horse"}).Want(http.StatusUnauthorized)
	}
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}).Want(http.StatusTooManyRequests, "Too many tries have failed. Try again in 15 minutes.")
	if b.Header.Get("Retry-After") == "" {
		t.Error("the head does not say when to try again")
	}
	if got := pagestest.Attr(b.Find("#field-username")[0], "value"); got != "kim" {
		t.Errorf("the name is %q now", got)
	}
}

// TestKnownBrowser: strangers' guesses keep nobody out of a browser in which that
// person has signed in before, operators neither; another's mark does not count.
func TestKnownBrowser(t *testing.T) {
	s := pagestest.NewSchool(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	pagestest.Account(t, s.Platform, "demo", "pat")
	pagestest.Account(t, s.Platform, trellis.PlatformTenant, "olga", learning.Assign{Role: trellis.RoleOperator})
	in := map[string]*pagestest.Browser{}
	for _, name := range []string{"kim", "pat", "olga"} {
		b := pagestest.Browse(t, s.Platform).In("demo").Get("/login").Submit("Sign in", pagestest.Fields{"username": name, "password": pagestest.Password}).Want(http.StatusOK)
		in[name] = b.Submit("Sign out", nil).Get("/login")
	}
	stranger := pagestest.Browse(t, s.Platform).In("demo").Get("/login")
	for _, name := range []string{"kim", "olga"} {
		for range 10 {
			stranger.Submit("Sign in", pagestest.Fields{"username": name, "password": "wrong horse"}).Want(http.StatusUnauthorized)
		}
		in["pat"].Submit("Sign in", pagestest.Fields{"username": name, "password": pagestest.Password}).Want(http.StatusTooManyRequests)
		in[name].Submit("Sign in", pagestest.Fields{"username": name, "password": pagestest.Password}).Want(http.StatusOK)
	}
}

func TestSchools(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	pagestest.Account(t, p, "demo", "kim")
	b := pagestest.Browse(t, p).Get("/").Want(http.StatusOK, "Which school?")
	b.Submit("Go to its sign-in page", nil).Want(http.StatusNotFound).Fault("school", "Say which school is yours.")
	b.Submit("Go to its sign-in page", pagestest.Fields{"school": "Nowhere"}).Want(http.StatusNotFound)
	b.Fault("school", "There is no school of this name here. Look at the address that your school has given you: the name stands behind /t/.")
	b.Submit("Go to its sign-in page", pagestest.Fields{"school": "_"}).Want(http.StatusNotFound)
	b.Submit("Go to its sign-in page", pagestest.Fields{"school": " Demo "}).Want(http.StatusOK, "Sign in")
	if got, want := b.At.Path, "/t/demo/login"; got != want {
		t.Errorf("one is at %s, want %s", got, want)
	}
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}).Want(http.StatusOK, "kim")
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
			s := pagestest.NewSchool(t)
			pagestest.Account(t, s.Platform, "demo", "kim")
			s.Filter(t, "org.openedx.learning.student.login.requested.v1", refuse(tt.effect))
			b := pagestest.Browse(t, s.Platform).In("demo").Get("/login")
			b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password})
			b.Want(b.Status, tt.want)
			if b.At.RequestURI() != tt.at {
				t.Errorf("one is at %s, want %s", b.At, tt.at)
			}
		})
	}
}
