package learning_test

import (
	"context"
	goruntime "runtime"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// operator makes somebody who runs the platform.
func (c *core) operator(t testing.TB, username, secret string) learning.Person {
	t.Helper()
	sys := system(t, trellis.PlatformTenant)
	p, err := c.Register(sys, learning.Register{Username: username, Password: learning.Secret(secret)})
	must(t, err)
	_, err = c.AssignRole(sys, learning.Assign{Person: p.ID, Role: trellis.RoleOperator})
	must(t, err)
	return p
}

func TestSignIn(t *testing.T) {
	c := newCore(t)
	ada, oscar := c.member(t, "ada"), c.operator(t, "oscar", "operators horse")
	both, same := c.member(t, "same"), c.operator(t, "same", "operators horse")
	for _, tt := range []struct {
		name, username, password, tenant, id string
	}{
		{"somebody of the tenant", "ada", password, "acme", ada.ID},
		{"an operator", "oscar", "operators horse", trellis.PlatformTenant, oscar.ID},
		{"one of two with a name", "same", password, "acme", both.ID},
		{"the other", "same", "operators horse", trellis.PlatformTenant, same.ID},
		{"a wrong password", "ada", "wrong horse", "", ""},
		{"an operator's wrong password", "oscar", "wrong horse", "", ""},
		{"nobody", "eve", password, "", ""},
	} {
		token, err := c.SignIn(door(t), learning.Login{Username: tt.username, Password: learning.Secret(tt.password), Address: "192.0.2.1"})
		if tt.id == "" {
			if kind(err) != trellis.Denied || err.Error() != "the username or the password is wrong" {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		must(t, err)
		actor, err := c.Authenticate(t.Context(), "acme", token.Key)
		must(t, err)
		if actor.Tenant != tt.tenant || actor.ID != tt.id {
			t.Errorf("%s: %+v", tt.name, actor)
		}
	}
	if _, err := c.SignIn(as(t, trellis.Actor{Tenant: trellis.PlatformTenant}), learning.Login{Username: "ada", Password: password}); kind(err) != trellis.Denied {
		t.Errorf("somebody of a tenant, at the platform's own door: %v", err)
	}
}

// A wrong password costs two hashes, whoever has the name: argon2id's memory shows
// it without a clock.
func TestSignInTakesTheSameTime(t *testing.T) {
	c := newCore(t)
	c.member(t, "ada")
	c.operator(t, "oscar", "operators horse")
	for _, username := range []string{"ada", "oscar", "nobody"} {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		if _, err := c.SignIn(door(t), learning.Login{Username: username, Password: "wrong horse"}); kind(err) != trellis.Denied {
			t.Fatal(err)
		}
		goruntime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / (19 << 20); got != 2 {
			t.Errorf("%s: %d hashes, want 2", username, got)
		}
	}
}

func TestSignInCountsAttempts(t *testing.T) {
	c := newCore(t)
	c.member(t, "ada")
	c.operator(t, "oscar", "operators horse")
	other := as(t, trellis.Actor{Tenant: "other"})
	try := func(ctx context.Context, username, secret string) trellis.Kind {
		t.Helper()
		_, err := c.SignIn(ctx, learning.Login{Username: username, Password: learning.Secret(secret), Address: "192.0.2.1"})
		if kind(err) == trellis.Exhausted && trellis.RetryAfter(err) <= 0 {
			t.Errorf("%s: it does not say when: %v", username, err)
		}
		return kind(err)
	}
	for range 12 { // an operator's right password is no failure at a tenant's door
		if got := try(door(t), "oscar", "operators horse"); got != "" {
			t.Fatalf("an operator: %s", got)
		}
	}
	for range 10 {
		if got := try(other, "oscar", "wrong horse"); got != trellis.Denied {
			t.Fatalf("a guess at an operator: %s", got)
		}
	}
	for _, ctx := range []context.Context{door(t), other} {
		if got := try(ctx, "oscar", "operators horse"); got != trellis.Exhausted {
			t.Errorf("after ten guesses at an operator in another tenant: %q", got)
		}
	}

	for range 10 {
		if got := try(other, "ada", "wrong horse"); got != trellis.Denied {
			t.Fatalf("a guess at ada: %s", got)
		}
	}
	if got := try(door(t), "ada", password); got != "" {
		t.Errorf("guesses at her name in another tenant keep ada out: %q", got)
	}
	for range 10 { // they are counted, though operators of the name may no longer be tried
		if got := try(door(t), "ada", "wrong horse"); got != trellis.Exhausted {
			t.Fatalf("a guess at ada: %q", got)
		}
	}
	if got := try(door(t), "ada", password); got != trellis.Exhausted {
		t.Errorf("after ten guesses at ada: %q", got)
	}
}
