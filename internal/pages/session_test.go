package pages_test

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
	"github.com/trellis-learning/trellis/internal/testkit"
)

// stolen returns a browser that has come by the session of another, and by nothing
// else.
func (b *browser) stolen() *browser {
	b.t.Helper()
	thief := browse(b.t, b.p)
	thief.base = b.base
	home, err := url.Parse(b.p.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	thief.client.Jar.SetCookies(home, []*http.Cookie{{Name: "trellis", Value: b.session(), Path: "/"}})
	return thief
}

// session returns what the session's cookie holds, "" if there is none.
func (b *browser) session() string {
	home, err := url.Parse(b.p.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(home) {
		if c.Name == "trellis" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) signedIn() bool {
	b.t.Helper()
	b.get("/courses")
	return b.status == http.StatusOK && !strings.HasSuffix(b.at.Path, "/login")
}

// TestSessionsEnd: whatever ends a session ends it on the server, at once on this
// node, so that who has copied its cookie has nothing.
func TestSessionsEnd(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "demo")
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, b *browser, id string)
		out  bool // whether she herself is out, too
	}{
		{"nothing", func(*testing.T, *browser, string) {}, false},
		{"signing out", func(t *testing.T, b *browser, _ string) { b.get("/courses").submit("Sign out", nil) }, true},
		{"signing in again", func(t *testing.T, b *browser, _ string) {
			b.post("/login", url.Values{"username": {"signing-in-again"}, "password": {password}})
		}, false},
		{"another password", func(t *testing.T, _ *browser, id string) {
			must(t, p.Learning.SetPassword(ctx, id, "another-password"))
		}, true},
		{"switching off", func(t *testing.T, _ *browser, id string) {
			off := false
			_, err := p.Learning.UpdatePerson(ctx, learning.UpdatePerson{ID: id, Active: &off})
			must(t, err)
		}, true},
		{"erasing", func(t *testing.T, _ *browser, id string) { must(t, p.Learning.Erase(ctx, id)) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			username := strings.ReplaceAll(tt.name, " ", "-")
			id := account(t, p, "demo", username)
			b := browse(t, p).signIn("demo", username, password)
			thief := b.stolen()
			if !thief.signedIn() {
				t.Fatal("the copy is good for nothing: the test is, too")
			}
			tt.end(t, b, id)
			if got, want := thief.signedIn(), tt.name == "nothing"; got != want {
				t.Errorf("the copy of the session is good: %v", got)
			}
			if got := b.signedIn(); got == tt.out {
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
	account(t, p, "demo", "kim")
	b := browse(t, p).signIn("demo", "kim", password)
	must(t, p.Learning.Logout(ctx, b.session()))
	b.get("/courses/course-v1:D+One+1?a=b&c=%2F").want(http.StatusOK, "Sign in")
	b.submit("Sign in", fields{"username": "kim", "password": password})
	if got := b.at.RequestURI(); b.status != http.StatusOK || got != "/t/demo/courses/course-v1:D+One+1?a=b&c=%2F" {
		t.Errorf("%d at %s", b.status, got)
	}
}

// TestSignInLeadsNowhereElse: a link to sign in does not lead away from here.
func TestSignInLeadsNowhereElse(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	account(t, p, "demo", "kim")
	for _, next := range []string{
		"https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "/..//evil.example", "/../../t/other/courses", "javascript:alert(1)",
		"/%5cevil.example", "/login?next=//evil.example", "\u2044evil.example", "",
	} {
		b := browse(t, p).in("demo")
		b.get("/login?next=" + url.QueryEscape(next))
		b.submit("Sign in", fields{"username": "kim", "password": password}) // the browser fails the test if it is led to another host
		if b.status != http.StatusOK || b.at.Path != "/t/demo/courses" {
			t.Errorf("%q: %d at %s", next, b.status, b.at)
		}
		if b.get("/login?next=" + url.QueryEscape(next)); b.at.Path != "/t/demo/courses" { // signed in already
			t.Errorf("%q, signed in: at %s", next, b.at)
		}
	}
}

// TestSessionsOfTenants: one cookie serves all tenants of a host, and lets into one.
func TestSessionsOfTenants(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	p.Tenant(t, "other")
	account(t, p, "demo", "kim")
	account(t, p, "other", "kim")
	account(t, p, trellis.PlatformTenant, "olivia", learning.Assign{Role: trellis.RoleOperator})

	b := browse(t, p).signIn("demo", "kim", password)
	thief := b.stolen()
	b.in("other").get("/courses").want(http.StatusNotFound)
	b.in("none").get("/courses").want(http.StatusNotFound)
	b.in("other").get("/login").want(http.StatusOK, "Sign in")
	b.submit("Sign in", fields{"username": "kim", "password": password}).want(http.StatusOK, "kim")
	if thief.signedIn() {
		t.Error("signing in to another tenant has left the session of the first behind")
	}
	b.in("demo").get("/courses").want(http.StatusNotFound)

	o := browse(t, p).signIn("demo", "olivia", password)
	o.in("other").get("/courses").want(http.StatusOK, "Operator")
	o.in("none").get("/courses").want(http.StatusNotFound)
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
	account(t, p, "demo", "kim")
	b := browse(t, p).in("demo")
	b.get("/login").submit("Sign in", fields{"username": "kim", "password": "wrong-password"})
	if strings.Contains(b.body, "wrong-password") {
		t.Error("the page shows the password again")
	}
	b.submit("Sign in", fields{"username": "kim", "password": password})
	session, csrf := b.session(), b.csrf()
	if session == "" || csrf == "" {
		t.Fatal("no session")
	}
	if strings.Contains(b.at.String(), session) || strings.Contains(b.body, session) || strings.Contains(b.at.String(), csrf) {
		t.Errorf("the session is in the page or its address, %s", b.at)
	}
	b.post("/logout", nil)
	text := log.String()
	if !strings.Contains(text, "/login") {
		t.Fatalf("the log says nothing: %s", text)
	}
	for _, secret := range []string{session, csrf, password, "wrong-password", "kim@demo.example"} {
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
	account(t, p, "demo", "kim")
	for _, username := range []string{"kim", "nobody"} {
		b := browse(t, p).in("demo")
		for range 10 {
			b.get("/login").submit("Sign in", fields{"username": username, "password": "wrong"}).want(http.StatusUnauthorized)
		}
		b.get("/login").submit("Sign in", fields{"username": username, "password": password})
		if b.status != http.StatusTooManyRequests || b.header.Get("Retry-After") == "" || b.session() != "" {
			t.Errorf("%s: %d, Retry-After %q: %s", username, b.status, b.header.Get("Retry-After"), b.text())
		}
	}
}
