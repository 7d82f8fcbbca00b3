package learning_test

import (
	"sync"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// TestWatch: whatever takes something from a token is told to those who watch it, and
// to nobody else; and asked at that moment, the answer is what is so now.
func TestWatch(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	bystander := c.someone(t, sys, "bystander")
	for _, tt := range []struct {
		name string
		end  func(p learning.Person, token learning.NewToken) error
		ends bool
	}{
		{"signed out", func(_ learning.Person, token learning.NewToken) error { return c.Logout(t.Context(), token.Key) }, true},
		{"signed out everywhere", func(p learning.Person, _ learning.NewToken) error { return c.EndSessions(as(t, person(p.ID))) }, true},
		{"revoked", func(_ learning.Person, token learning.NewToken) error { return c.RevokeToken(sys, token.ID) }, true},
		{"another password", func(p learning.Person, _ learning.NewToken) error { return c.SetPassword(sys, p.ID, "something else") }, true},
		{"switched off", func(p learning.Person, _ learning.NewToken) error {
			_, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: p.ID, Active: ptr(false)})
			return err
		}, true},
		{"erased", func(p learning.Person, _ learning.NewToken) error { return c.Erase(sys, p.ID) }, true},
		{"given a role", func(p learning.Person, _ learning.NewToken) error {
			_, err := c.AssignRole(sys, learning.Assign{Person: p.ID, Role: trellis.RoleStaff})
			return err
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := c.Register(sys, learning.Register{Username: trellis.NewID(), Password: "correct horse"})
			must(t, err)
			token, err := c.Login(as(t, trellis.Actor{}), learning.Login{Username: p.PII.Username, Password: "correct horse"})
			must(t, err)
			before, err := c.Authenticate(t.Context(), "acme", token.Key)
			must(t, err)
			mine, stop := c.Watch(p.ID, token.Key)
			others, stopOthers := c.Watch(bystander.ID, "trl_other")
			defer stopOthers()
			must(t, tt.end(p, token))
			select {
			case <-mine:
			default:
				t.Fatal("nothing is told")
			}
			select {
			case <-others:
				t.Error("somebody else is told")
			default:
			}
			now, err := c.Authenticate(t.Context(), "acme", token.Key)
			if ended := kind(err) == trellis.Denied; ended != tt.ends || !tt.ends && len(now.Roles) == len(before.Roles) {
				t.Errorf("when it is told: %v, %v", now.Roles, err)
			}
			stop()
			must(t, c.Logout(t.Context(), token.Key))
			select {
			case <-mine:
				t.Error("it is told to one who has gone")
			default:
			}
		})
	}
}

// TestWatchers: they come and go while things happen.
func TestWatchers(t *testing.T) {
	c := newCore(t)
	p := c.someone(t, system(t, "acme"), "ada")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				_, stop := c.Watch(p.ID, "trl_x")
				stop()
			}
		})
	}
	for range 5 {
		if err := c.EndSessions(as(t, person(p.ID))); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

// TestOperatorAway: an operator who looks after a tenant changes the password and ends
// the sessions of her own account, which is the platform's.
func TestOperatorAway(t *testing.T) {
	c := newCore(t)
	root := c.operator(t, "root", "correct horse")
	in := func(password learning.Secret) (learning.NewToken, error) {
		return c.SignIn(as(t, trellis.Actor{}), learning.Login{Username: "root", Password: password})
	}
	session, err := in("correct horse")
	must(t, err)
	away, err := c.Authenticate(t.Context(), "acme", session.Key)
	must(t, err)
	away.Tenant = "acme"
	must(t, c.EndSessions(as(t, away)))
	if _, err := c.Authenticate(t.Context(), "acme", session.Key); kind(err) != trellis.Denied {
		t.Errorf("signed out everywhere, and still in: %v", err)
	}
	must(t, c.ChangePassword(as(t, away), learning.ChangePassword{Current: "correct horse", Password: "battery staple"}))
	if _, err := in("battery staple"); err != nil {
		t.Error(err)
	}
	if p, err := c.Person(system(t, trellis.PlatformTenant), root.ID); err != nil || p.ID != away.ID {
		t.Errorf("%+v, %v", p, err)
	}
}
