package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

func TestAccount(t *testing.T) {
	s := newSchool(t)
	logic := s.course(t, "Logic", "Logic 1", nil)
	account(t, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: logic}, learning.Assign{Role: trellis.RoleTenantAdmin, Organisation: "Demo"})
	b := browse(t, s.Platform).signIn("demo", "sam", password).get("/account")
	b.want(http.StatusOK, "sam@demo.example", "You teach Logic 1.", "You run Demo and its courses.", "You learn:")
	b.follow("Logic 1").want(http.StatusOK, "Course People")
}

func TestChangePassword(t *testing.T) {
	s := newSchool(t)
	account(t, s.Platform, "demo", "kim")
	elsewhere := browse(t, s.Platform).signIn("demo", "kim", password)
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/account/password")
	b.submit("Change the password", fields{"current": "wrong horse", "password": "battery staple"}).want(http.StatusForbidden)
	b.fault("current", "This is not your present password.")
	for _, n := range b.find("input[type=password]") {
		if has(n, "value") {
			t.Error("a password comes back")
		}
	}
	b.submit("Change the password", fields{"current": password, "password": "short"}).want(http.StatusBadRequest)
	b.fault("password", "A password has at least 8 characters and at most 1,024 bytes.")
	b.submit("Change the password", fields{"current": password, "password": "battery staple"}).want(http.StatusOK, "Your password is changed.", "Your account")
	elsewhere.get("/account").want(http.StatusOK, "Sign in")
	elsewhere.submit("Sign in", fields{"username": "kim", "password": password}).want(http.StatusUnauthorized)
	elsewhere.submit("Sign in", fields{"password": "battery staple"}).want(http.StatusOK, "Your account")
}

func TestSignOutEverywhere(t *testing.T) {
	s := newSchool(t)
	account(t, s.Platform, "demo", "kim")
	elsewhere := browse(t, s.Platform).signIn("demo", "kim", password)
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/account")
	b.submit("Sign out everywhere", nil).want(http.StatusOK, "You are signed out everywhere.", "Sign in")
	elsewhere.get("/account").want(http.StatusOK, "Sign in")
}

func TestOwnTokens(t *testing.T) {
	s := newSchool(t)
	account(t, s.Platform, "demo", "kim")
	account(t, s.Platform, "demo", "lee", learning.Assign{Role: trellis.RoleTenantAdmin})
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/account/tokens").want(http.StatusOK, "You have no token.")
	b.follow("Make a token").want(http.StatusOK, "See who is enrolled in which course").lacks("Read the audit log")
	b.submit("Make the token", fields{"name": "", "rights": "only"}).want(http.StatusBadRequest)
	b.fault("name", "Name must say what the token is for, in 1 to 100 characters.")
	b.fault("rights", "Choose what it may do, or let it do all that you may do.")
	b.submit("Make the token", fields{"name": "My <b>script</b>", "rights": "only", "scope": []string{"courses:read", "enrollments:read"}, "days": "7"})
	b.want(http.StatusOK, "Copy it now; it is shown once.", "My <b>script</b>")
	key := b.texts("#token")[0]
	if status, body := s.Do(t, key, "GET", "/api/v1/courses", ""); status != http.StatusOK {
		t.Errorf("the token is not let in: %d %s", status, body)
	}
	if status, _ := s.Do(t, key, "GET", "/api/v1/grades", ""); status != http.StatusForbidden {
		t.Errorf("the token does more than was chosen: %d", status)
	}
	b.get("/account/tokens").want(http.StatusOK, "My <b>script</b>", "See the courses", "See who is enrolled in which course", "Last used").lacks(key, "session")
	lee := browse(t, s.Platform).signIn("demo", "lee", password).get("/account/tokens").want(http.StatusOK, "You have no token.")
	b.follow("End My <b>script</b>").want(http.StatusOK, "End this token?", "This cannot be undone", "Keep it")
	end := strings.TrimPrefix(b.at.Path, "/t/demo")
	lee.get(end).want(http.StatusNotFound)
	lee.post(end, url.Values{}).want(http.StatusNotFound)
	b.submit("End the token", nil).want(http.StatusOK, "The token My <b>script</b> has ended.", "You have no token.")
	if status, _ := s.Do(t, key, "GET", "/api/v1/courses", ""); status != http.StatusUnauthorized {
		t.Errorf("the token goes on: %d", status)
	}
	b.get(end).want(http.StatusNotFound)
}

// TestTokenSentTwice: the form of a token, sent twice, makes one token.
func TestTokenSentTwice(t *testing.T) {
	s := newSchool(t)
	account(t, s.Platform, "demo", "kim")
	b := browse(t, s.Platform).signIn("demo", "kim", password).get("/account/tokens/new")
	id := attr(b.find("input[name=id]")[0], "value")
	b.submit("Make the token", fields{"name": "one"}).want(http.StatusOK, "it is shown once")
	b.post("/account/tokens/new", url.Values{"id": {id}, "name": {"one"}, "days": {"90"}}).want(http.StatusOK, "This token was made already")
	if rows := b.find("tbody tr"); len(rows) != 1 {
		t.Errorf("%d tokens", len(rows))
	}
}
