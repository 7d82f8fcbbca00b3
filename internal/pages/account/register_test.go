package account_test

import (
	"net/http"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestRegister: where a tenant is open, a stranger makes herself an account by a form
// and is signed in; where it is not, there is no such page and no word of it.
func TestRegister(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	b := pagestest.Browse(t, p).In("demo")
	b.Get("/login").Want(http.StatusOK, "Sign in").Lacks("Make yourself an account")
	b.Get("/register").Want(http.StatusNotFound)
	if _, err := p.Learning.PutTenant(app.System(t.Context(), trellis.PlatformTenant), learning.PutTenant{Name: "demo", Title: "Demo", Open: true}); err != nil {
		t.Fatal(err)
	}
	pagestest.Account(t, p, "demo", "kim")
	b.Get("/login").Want(http.StatusOK, "Make yourself an account")
	b.Get("/register").Want(http.StatusOK, "Make my account")
	b.Submit("Make my account", pagestest.Fields{"username": "KIM", "name": "Eve", "password": pagestest.Password}).Want(http.StatusConflict)
	b.Fault("username", "Somebody has this name already. Choose another.")
	if got := pagestest.Attr(b.Find("input[name=password]")[0], "value"); got != "" {
		t.Errorf("the password comes back: %q", got)
	}
	if got := pagestest.Attr(b.Find("input[name=name]")[0], "value"); got != "Eve" {
		t.Errorf("what was entered is lost: %q", got)
	}
	b.Submit("Make my account", pagestest.Fields{"username": "eve", "password": "short"}).Want(http.StatusBadRequest)
	b.Fault("password", "A password has at least 8 characters and at most 1,024 bytes.")
	b.Submit("Make my account", pagestest.Fields{"username": "eve", "password": pagestest.Password}).Want(http.StatusOK, "Sign out")
	if got, want := b.At.Path, "/t/demo/courses"; got != want {
		t.Errorf("she comes to %s, want %s", got, want)
	}
	b.Get("/console").Want(http.StatusForbidden)
	b.Get("/register").Want(http.StatusOK, "Sign out") // who is signed in has nothing to do there
}
