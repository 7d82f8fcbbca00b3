package learning_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// open is a core whose tenant acme lets people register themselves.
func open(t *testing.T) *core {
	t.Helper()
	c := newCore(t)
	_, err := c.PutTenant(system(t, trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme", Open: true})
	must(t, err)
	return c
}

// TestSignUp: who registers herself has an account in the tenant, acts herself, and
// is nothing but a learner.
func TestSignUp(t *testing.T) {
	c := open(t)
	sys := system(t, "acme")
	p, err := c.SignUp(door(t), learning.SignUp{Username: " Ada ", Password: password, Name: "Ada L", Email: "ada@example.org"})
	must(t, err)
	token, err := c.Login(door(t), learning.Login{Username: "ada", Password: password})
	must(t, err)
	actor, err := c.Authenticate(t.Context(), "acme", token.Key)
	must(t, err)
	if actor.ID != p.ID || len(actor.Roles) != 1 || actor.Roles[0] != (trellis.Role{Name: trellis.RoleLearner}) || p.PII.Username != "Ada" || !p.Active {
		t.Errorf("%+v is %+v", p, actor)
	}
	if e := c.events(t, sys, learning.RegistrationCompleted.Name()); len(e) != 1 || e[0].Person != p.ID || e[0].Actor != "person:"+p.ID || strings.Contains(string(e[0].Data), "Ada") {
		t.Errorf("events %+v", e)
	}
	if n := c.filters.count(learning.RegistrationRequested.Name()); n != 1 {
		t.Errorf("the filter was asked %d times", n)
	}
	if _, err := c.Login(as(t, trellis.Actor{Tenant: "other"}), learning.Login{Username: "ada", Password: password}); kind(err) != trellis.Denied {
		t.Errorf("she is in another tenant, too: %v", err)
	}
}

// TestSignUpRefuses says what makes no account, and that then nothing has happened.
func TestSignUpRefuses(t *testing.T) {
	c := open(t)
	sys := system(t, "acme")
	c.someone(t, sys, "taken")
	c.operator(t, "root", password)
	right := learning.SignUp{Username: "eve", Password: password}
	with := func(change func(*learning.SignUp)) learning.SignUp { in := right; change(&in); return in }
	before, asked := len(c.events(t, sys, "")), c.filters.count(learning.RegistrationRequested.Name())
	for _, tt := range []struct {
		name, tenant string
		in           learning.SignUp
		want         trellis.Kind
	}{
		{"a tenant that is closed", "other", right, trellis.NotFound},
		{"the platform's own", trellis.PlatformTenant, right, trellis.NotFound},
		{"a tenant that is not", "none", right, trellis.NotFound},
		{"a name that is taken", "acme", with(func(in *learning.SignUp) { in.Username = "TAKEN" }), trellis.Conflict},
		{"the same in wide letters", "acme", with(func(in *learning.SignUp) { in.Username = "ｔａｋｅｎ" }), trellis.Conflict},
		{"no password", "acme", with(func(in *learning.SignUp) { in.Password = "" }), trellis.Invalid},
		{"a short one", "acme", with(func(in *learning.SignUp) { in.Password = "1234567" }), trellis.Invalid},
		{"no name", "acme", with(func(in *learning.SignUp) { in.Username = " " }), trellis.Invalid},
		{"a name that hides", "acme", with(func(in *learning.SignUp) { in.Username = "eve\u200b" }), trellis.Invalid},
		{"Cyrillic in Latin", "acme", with(func(in *learning.SignUp) { in.Username = "e\u0432e" }), trellis.Invalid},
		{"Greek in Latin", "acme", with(func(in *learning.SignUp) { in.Username = "ev\u03b5" }), trellis.Invalid},
		{"Cyrillic in wide Latin", "acme", with(func(in *learning.SignUp) { in.Username = "\uff45\u0432" }), trellis.Invalid},
		{"Greek in Cyrillic", "acme", with(func(in *learning.SignUp) { in.Username = "\u0432\u03b5" }), trellis.Invalid},
		{"no address", "acme", with(func(in *learning.SignUp) { in.Email = "eve" }), trellis.Invalid},
	} {
		if _, err := c.SignUp(as(t, trellis.Actor{Tenant: tt.tenant}), tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if n := c.filters.count(learning.RegistrationRequested.Name()) - asked; n != 2 {
		t.Errorf("of what could not be an account, or is taken, the filter was asked %d times", n)
	}
	for _, name := range []string{"\u0435\u0432\u0430", "\u03b5\u03cd\u03b1"} { // of one script
		c.filters.on(learning.RegistrationRequested.Name(), refuse)
		if _, err := c.SignUp(door(t), with(func(in *learning.SignUp) { in.Username = name })); kind(err) != trellis.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.filters.on(learning.RegistrationRequested.Name(), refuse)
	if _, err := c.SignUp(door(t), right); kind(err) != trellis.Refused {
		t.Errorf("a policy says no: %v", err)
	}
	// Whoever is somebody already lends the account nothing of what she may do.
	c.filters.on(learning.RegistrationRequested.Name(), func(q trellis.Question) ([]byte, error) { return q.Data, nil })
	if after := len(c.events(t, sys, "")); after != before {
		t.Errorf("%d events for nothing", after-before)
	}
	p, err := c.SignUp(as(t, admin()), right)
	must(t, err)
	if roles := c.list(t, admin(), "roles.list", `{"person":"`+p.ID+`"}`); len(roles.Items) != 0 {
		t.Errorf("an admin's has the roles %v", roles.Items)
	}
}

// TestSignUpIsSlow: whose names are taken is not found out by trying many, and nobody
// fills a tenant with accounts from one network; elsewhere people go on.
func TestSignUpIsSlow(t *testing.T) {
	c := open(t)
	c.someone(t, system(t, "acme"), "taken")
	try := func(name, address string) trellis.Kind {
		_, err := c.SignUp(door(t), learning.SignUp{Username: name, Password: password, Address: address})
		if kind(err) == trellis.Exhausted && trellis.RetryAfter(err) <= 0 {
			t.Error("no word of how long to wait")
		}
		return kind(err)
	}
	for i := range 50 {
		if got := try("taken", fmt.Sprintf("2001:db8::%x", i)); got != trellis.Conflict {
			t.Fatalf("try %d: %q", i, got)
		}
	}
	if got := try("new", "2001:db8::ffff"); got != trellis.Exhausted {
		t.Errorf("after fifty: %q", got)
	}
	if got := try("new", "2001:db8:1::1"); got != "" {
		t.Errorf("from elsewhere: %q", got)
	}
}

// TestSignUpIsSlowToRefuse: what is refused, or could be no account, counts as well.
func TestSignUpIsSlowToRefuse(t *testing.T) {
	c := open(t)
	c.filters.on(learning.RegistrationRequested.Name(), refuse)
	for i := range 200 {
		in, want := learning.SignUp{Username: "eve", Password: password, Address: "192.0.2.1"}, trellis.Refused
		if i%2 == 0 {
			in.Username, want = "e\u0432e", trellis.Invalid
		}
		if _, err := c.SignUp(door(t), in); kind(err) != want {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if _, err := c.SignUp(door(t), learning.SignUp{Username: "eve", Password: password, Address: "192.0.2.1"}); kind(err) != trellis.Exhausted {
		t.Errorf("after two hundred: %v", err)
	}
	if _, err := c.SignUp(door(t), learning.SignUp{Username: "eve", Password: password, Address: "192.0.2.2"}); kind(err) != trellis.Refused {
		t.Errorf("from elsewhere: %v", err)
	}
}
