package pages_test

import (
	"net/http"
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// password is that of everybody whom a test makes.
const password = "trellis-test"

// account makes somebody who can sign in, and returns the ID.
func account(t testing.TB, p *testkit.Platform, tenant, username string, roles ...learning.Assign) string {
	t.Helper()
	ctx := app.System(t.Context(), tenant)
	person, err := p.Learning.Register(ctx, learning.Register{Username: username, Name: username, Email: username + "@" + tenant + ".example", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		r.Person = person.ID
		if _, err := p.Learning.AssignRole(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	return person.ID
}

func TestSignIn(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	account(t, p, "demo", "kim")
	b := browse(t, p).in("demo")
	b.get("/courses").want(http.StatusOK, "Sign in")
	b.submit("Sign in", fields{"username": "kim", "password": "wrong"}).want(http.StatusUnauthorized)
	b.fault("username", "Name or password is wrong.")
	b.submit("Sign in", fields{"password": password}).want(http.StatusOK, "kim", "Sign out")
	if got, want := b.at.Path, "/t/demo/courses"; got != want {
		t.Errorf("after signing in one is at %s, want %s", got, want)
	}
	b.submit("Sign out", nil).want(http.StatusOK, "Sign in")
	browse(t, p).signIn("demo", "kim", password).want(http.StatusOK, "kim")
}
