package account_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// stolen returns a browser that has come by the session of another, and by nothing
// else.
func stolen(b *pagestest.Browser) *pagestest.Browser {
	b.T.Helper()
	thief := pagestest.Browse(b.T, b.P)
	thief.Base = b.Base
	home, err := url.Parse(b.P.URL)
	if err != nil {
		b.T.Fatal(err)
	}
	thief.Client.Jar.SetCookies(home, []*http.Cookie{{Name: "trellis", Value: session(b), Path: "/"}})
	return thief
}

// session returns what the session's cookie holds, "" if there is none.
func session(b *pagestest.Browser) string {
	home, err := url.Parse(b.P.URL)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, c := range b.Client.Jar.Cookies(home) {
		if c.Name == "trellis" {
			return c.Value
		}
	}
	return ""
}

func signedIn(b *pagestest.Browser) bool {
	b.T.Helper()
	b.Get("/courses")
	return b.Status == http.StatusOK && !strings.HasSuffix(b.At.Path, "/login")
}

// TestSessionsEnd: whatever ends a session ends it on the server, at once on this
// node, so that who has copied its cookie has nothing.
func TestSessionsEnd(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "demo")
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, b *pagestest.Browser, id string)
		out  bool // whether she herself is out, too
	}{
		{"nothing", func(*testing.T, *pagestest.Browser, string) {}, false},
		{"signing out", func(t *testing.T, b *pagestest.Browser, _ string) { b.Get("/courses").Submit("Sign out", nil) }, true},
		{"signing in again", func(t *testing.T, b *pagestest.Browser, _ string) {
			b.Post("/login", url.Values{"username": {"signing-in-again"}, "password": {pagestest.Password}})
		}, false},
		{"another password", func(t *testing.T, _ *pagestest.Browser, id string) {
			must(t, p.Learning.SetPassword(ctx, id, "another-password"))
		}, true},
		{"switching off", func(t *testing.T, _ *pagestest.Browser, id string) {
			off := false
			_, err := p.Learning.UpdatePerson(ctx, learning.UpdatePerson{ID: id, Active: &off})
			must(t, err)
		}, true},
		{"erasing", func(t *testing.T, _ *pagestest.Browser, id string) { must(t, p.Learning.Erase(ctx, id)) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			username := strings.ReplaceAll(tt.name, " ", "-")
			id := pagestest.Account(t, p, "demo", username)
			b := pagestest.Browse(t, p).SignIn("demo", username, pagestest.Password)
			thief := stolen(b)
			if !signedIn(thief) {
				t.Fatal("the copy is good for nothing: the test is, too")
			}
			tt.end(t, b, id)
			if got, want := signedIn(thief), tt.name == "nothing"; got != want {
				t.Errorf("the copy of the session is good: %v", got)
			}
			if got := signedIn(b); got == tt.out {
				t.Errorf("she is signed in: %v", got)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLapsedSession: who has to sign in again comes back to where she was.
func TestSessionThatLapsed(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "demo")
	p.Course(t, ctx, "course-v1:D+One+1")
	pagestest.Account(t, p, "demo", "kim")
	b := pagestest.Browse(t, p).SignIn("demo", "kim", pagestest.Password)
	must(t, p.Learning.Logout(ctx, session(b)))
	b.Get("/courses/course-v1:D+One+1?a=b&c=%2F").Want(http.StatusOK, "Sign in")
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password})
	if got := b.At.RequestURI(); b.Status != http.StatusOK || got != "/t/demo/courses/course-v1:D+One+1?a=b&c=%2F" {
		t.Errorf("%d at %s", b.Status, got)
	}
}

// TestSignInLeadsNowhereElse: a link to sign in does not lead away from here.
func TestSignInLeadsNowhereElse(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	pagestest.Account(t, p, "demo", "kim")
	for _, next := range []string{
		"https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "/..//evil.example", "/../../t/other/courses", "javascript:alert(1)",
		"/%5cevil.example", "/login?next=//evil.example", "\u2044evil.example", "",
	} {
		b := pagestest.Browse(t, p).In("demo")
		b.Get("/login?next=" + url.QueryEscape(next))
		b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}) // the browser fails the test if it is led to another host
		if b.Status != http.StatusOK || b.At.Path != "/t/demo/courses" {
			t.Errorf("%q: %d at %s", next, b.Status, b.At)
		}
		if b.Get("/login?next=" + url.QueryEscape(next)); b.At.Path != "/t/demo/courses" { // signed in already
			t.Errorf("%q, signed in: at %s", next, b.At)
		}
	}
}

// TestSessionsOfTenants: one cookie serves all tenants of a host, and lets into one.
func TestSessionsOfTenants(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	p.Tenant(t, "other")
	pagestest.Account(t, p, "demo", "kim")
	pagestest.Account(t, p, "other", "kim")
	pagestest.Account(t, p, trellis.PlatformTenant, "olivia", learning.Assign{Role: trellis.RoleOperator})

	b := pagestest.Browse(t, p).SignIn("demo", "kim", pagestest.Password)
	thief := stolen(b)
	b.In("other").Get("/courses").Want(http.StatusNotFound)
	b.In("none").Get("/courses").Want(http.StatusNotFound)
	b.In("other").Get("/login").Want(http.StatusOK, "Sign in")
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}).Want(http.StatusOK, "kim")
	if signedIn(thief) {
		t.Error("signing in to another tenant has left the session of the first behind")
	}
	b.In("demo").Get("/courses").Want(http.StatusNotFound)

	o := pagestest.Browse(t, p).SignIn("demo", "olivia", pagestest.Password)
	o.In("other").Get("/courses").Want(http.StatusOK, "Operator")
	o.In("none").Get("/courses").Want(http.StatusNotFound)
}

// said is a log that tests read while a platform writes it.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestSessionsAreNotSaid: neither addresses nor logs nor pages hold what lets one in.
func TestSessionsAreNotSaid(t *testing.T) {
	var log said
	p := testkit.Start(t, app.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	p.Tenant(t, "demo")
	pagestest.Account(t, p, "demo", "kim")
	b := pagestest.Browse(t, p).In("demo")
	b.Get("/login").Submit("Sign in", pagestest.Fields{"username": "kim", "password": "wrong-password"})
	if strings.Contains(b.Body, "wrong-password") {
		t.Error("the page shows the password again")
	}
	b.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password})
	session, csrf := session(b), b.CSRF()
	if session == "" || csrf == "" {
		t.Fatal("no session")
	}
	if strings.Contains(b.At.String(), session) || strings.Contains(b.Body, session) || strings.Contains(b.At.String(), csrf) {
		t.Errorf("the session is in the page or its address, %s", b.At)
	}
	b.Post("/logout", nil)
	text := log.String()
	if !strings.Contains(text, "/login") {
		t.Fatalf("the log says nothing: %s", text)
	}
	for _, secret := range []string{session, csrf, pagestest.Password, "wrong-password", "kim@demo.example"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// TestGuessesAtPasswords: after ten of them the page says when to try again, the
// same for names that nobody has.
func TestGuessesAtPasswords(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	pagestest.Account(t, p, "demo", "kim")
	for _, username := range []string{"kim", "nobody"} {
		b := pagestest.Browse(t, p).In("demo")
		for range 10 {
			b.Get("/login").Submit("Sign in", pagestest.Fields{"username": username, "password": "wrong"}).Want(http.StatusUnauthorized)
		}
		b.Get("/login").Submit("Sign in", pagestest.Fields{"username": username, "password": pagestest.Password})
		if b.Status != http.StatusTooManyRequests || b.Header.Get("Retry-After") == "" || session(b) != "" {
			t.Errorf("%s: %d, Retry-After %q: %s", username, b.Status, b.Header.Get("Retry-After"), b.Text())
		}
	}
}
