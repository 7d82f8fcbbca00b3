package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
)

func TestAccount(t *testing.T) {
	s := pagestest.NewSchool(t)
	logic := s.Course(t, "Logic", "Logic 1", nil)
	pagestest.Account(t, s.Platform, "demo", "sam", learning.Assign{Role: trellis.RoleStaff, Course: logic}, learning.Assign{Role: trellis.RoleTenantAdmin, Organisation: "Demo"})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "sam", pagestest.Password).Get("/account")
	b.Want(http.StatusOK, "sam@demo.example", "You teach Logic 1.", "You run Demo and its courses.", "You learn:")
	b.Follow("Logic 1").Want(http.StatusOK, "Course People")
}

func TestChangePassword(t *testing.T) {
	s := pagestest.NewSchool(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	elsewhere := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/account/password")
	b.Submit("Change the password", pagestest.Fields{"current": "wrong horse", "password": "battery staple"}).Want(http.StatusForbidden)
	b.Fault("current", "This is not your present password.")
	for _, n := range b.Find("input[type=password]") {
		if pagestest.Has(n, "value") {
			t.Error("a password comes back")
		}
	}
	b.Submit("Change the password", pagestest.Fields{"current": pagestest.Password, "password": "short"}).Want(http.StatusBadRequest)
	b.Fault("password", "A password has at least 8 characters and at most 1,024 bytes.")
	b.Submit("Change the password", pagestest.Fields{"current": pagestest.Password, "password": "battery staple"}).Want(http.StatusOK, "Your password is changed.", "Your account")
	elsewhere.Get("/account").Want(http.StatusOK, "Sign in")
	elsewhere.Submit("Sign in", pagestest.Fields{"username": "kim", "password": pagestest.Password}).Want(http.StatusUnauthorized)
	elsewhere.Submit("Sign in", pagestest.Fields{"password": "battery staple"}).Want(http.StatusOK, "Your account")
}

func TestSignOutEverywhere(t *testing.T) {
	s := pagestest.NewSchool(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	elsewhere := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password)
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/account")
	b.Submit("Sign out everywhere", nil).Want(http.StatusOK, "You are signed out everywhere.", "Sign in")
	elsewhere.Get("/account").Want(http.StatusOK, "Sign in")
}

func TestOwnTokens(t *testing.T) {
	s := pagestest.NewSchool(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	pagestest.Account(t, s.Platform, "demo", "lee", learning.Assign{Role: trellis.RoleTenantAdmin})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/account/tokens").Want(http.StatusOK, "You have no token.")
	b.Follow("Make a token").Want(http.StatusOK, "See who is enrolled in which course").Lacks("Read the audit log")
	b.Submit("Make the token", pagestest.Fields{"name": "", "rights": "only"}).Want(http.StatusBadRequest)
	b.Fault("name", "Name must say what the token is for, in 1 to 100 characters.")
	b.Fault("rights", "Choose what it may do, or let it do all that you may do.")
	b.Submit("Make the token", pagestest.Fields{"name": "My <b>script</b>", "rights": "only", "scope": []string{"courses:read", "enrollments:read"}, "days": "7"})
	b.Want(http.StatusOK, "Copy it now; it is shown once.", "My <b>script</b>")
	key := b.Texts("#token")[0]
	if status, body := s.Do(t, key, "GET", "/api/v1/courses", ""); status != http.StatusOK {
		t.Errorf("the token is not let in: %d %s", status, body)
	}
	if status, _ := s.Do(t, key, "GET", "/api/v1/grades", ""); status != http.StatusForbidden {
		t.Errorf("the token does more than was chosen: %d", status)
	}
	b.Get("/account/tokens").Want(http.StatusOK, "My <b>script</b>", "See the courses", "See who is enrolled in which course", "Last used").Lacks(key, "session")
	lee := pagestest.Browse(t, s.Platform).SignIn("demo", "lee", pagestest.Password).Get("/account/tokens").Want(http.StatusOK, "You have no token.")
	b.Follow("End My <b>script</b>").Want(http.StatusOK, "End this token?", "This cannot be undone", "Keep it")
	end := strings.TrimPrefix(b.At.Path, "/t/demo")
	lee.Get(end).Want(http.StatusNotFound)
	lee.Post(end, url.Values{}).Want(http.StatusNotFound)
	b.Submit("End the token", nil).Want(http.StatusOK, "The token My <b>script</b> has ended.", "You have no token.")
	if status, _ := s.Do(t, key, "GET", "/api/v1/courses", ""); status != http.StatusUnauthorized {
		t.Errorf("the token goes on: %d", status)
	}
	b.Get(end).Want(http.StatusNotFound)
}

// TestTokenSentTwice: the form of a token, sent twice, makes one token.
func TestTokenSentTwice(t *testing.T) {
	s := pagestest.NewSchool(t)
	pagestest.Account(t, s.Platform, "demo", "kim")
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "kim", pagestest.Password).Get("/account/tokens/new")
	id := pagestest.Attr(b.Find("input[name=id]")[0], "value")
	b.Submit("Make the token", pagestest.Fields{"name": "one"}).Want(http.StatusOK, "it is shown once")
	b.Post("/account/tokens/new", url.Values{"id": {id}, "name": {"one"}, "days": {"90"}}).Want(http.StatusOK, "This token was made already")
	if rows := b.Find("tbody tr"); len(rows) != 1 {
		t.Errorf("%d tokens", len(rows))
	}
}
