package learning_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

func TestCreateToken(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ids := map[string]string{}
	for _, name := range []string{"ada", "bob", "admin", "off"} {
		ids[name] = c.someone(t, sys, name).ID
	}
	_, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: ids["off"], Active: ptr(false)})
	must(t, err)
	ada, boss := person(ids["ada"]), person(ids["admin"], trellis.Role{Name: trellis.RoleTenantAdmin})
	teacher := staff(ids["bob"], goCourse)
	service := trellis.Actor{Kind: trellis.ServiceActor, ID: "svc", Roles: []trellis.Role{{Name: trellis.RoleTenantAdmin}}}
	role := func(name string) []trellis.Role { return []trellis.Role{{Name: name}} }
	for _, tt := range []struct {
		name  string
		actor trellis.Actor
		in    learning.CreateToken
		want  trellis.Kind
	}{
		{"her own", ada, learning.CreateToken{Name: "x"}, ""},
		{"her own, narrowed", ada, learning.CreateToken{Name: "x", Scopes: []string{"grades:read", "enrollments:*"}}, ""},
		{"narrowed to a host", ada, learning.CreateToken{Name: "x", Scopes: []string{"http:api.example.org"}}, ""},
		{"without a name", ada, learning.CreateToken{}, trellis.Invalid},
		{"with the name of a session", ada, learning.CreateToken{Name: "session"}, trellis.Invalid},
		{"with a name of many lines", ada, learning.CreateToken{Name: "a\nb"}, trellis.Invalid},
		{"for ever", ada, learning.CreateToken{Name: "x", Days: 367}, trellis.Invalid},
		{"for less than nothing", ada, learning.CreateToken{Name: "x", Days: -1}, trellis.Invalid},
		{"narrowed to nothing", ada, learning.CreateToken{Name: "x", Scopes: []string{}}, trellis.Invalid},
		{"narrowed to what is no permission", ada, learning.CreateToken{Name: "x", Scopes: []string{"grades:read", "grades:erase"}}, trellis.Invalid},
		{"narrowed to no noun", ada, learning.CreateToken{Name: "x", Scopes: []string{"gradess:*"}}, trellis.Invalid},
		{"narrowed to part of a word", ada, learning.CreateToken{Name: "x", Scopes: []string{"gra*"}}, trellis.Invalid},
		{"another's", ada, learning.CreateToken{Name: "x", Person: ids["bob"]}, trellis.Denied},
		{"another's, by an admin", boss, learning.CreateToken{Name: "x", Person: ids["bob"]}, trellis.Denied},
		{"another's, by an operator", operator(), learning.CreateToken{Name: "x", Person: ids["bob"]}, ""},
		{"of an account that is switched off", operator(), learning.CreateToken{Name: "x", Person: ids["off"]}, trellis.Conflict},
		{"nobody's", operator(), learning.CreateToken{Name: "x", Person: trellis.NewID()}, trellis.NotFound},
		{"a service's, by an admin", boss, learning.CreateToken{Name: "x", Roles: role("staff")}, ""},
		{"a service's, by staff", teacher, learning.CreateToken{Name: "x", Roles: teacher.Roles[1:]}, trellis.Denied},
		{"a service's, by a learner", ada, learning.CreateToken{Name: "x", Roles: role("learner")}, trellis.Invalid},
		{"an operator's, by an admin", boss, learning.CreateToken{Name: "x", Roles: role("operator")}, trellis.Invalid},
		{"an operator's in a tenant, by an operator", operator(), learning.CreateToken{Name: "x", Roles: role("operator")}, trellis.Invalid},
		{"a king's", boss, learning.CreateToken{Name: "x", Roles: role("king")}, trellis.Invalid},
		{"a person's with roles", boss, learning.CreateToken{Name: "x", Person: ids["admin"], Roles: role("staff")}, trellis.Invalid},
		{"a service's without roles", service, learning.CreateToken{Name: "x"}, trellis.Invalid},
		{"a service's, by a service", service, learning.CreateToken{Name: "x", Roles: role("staff")}, ""},

		{"wider than its maker", narrowed(ada, "tokens:write"), learning.CreateToken{Name: "x"}, trellis.Denied},
		{"wider in one thing", narrowed(ada, "tokens:write", "grades:read"), learning.CreateToken{Name: "x", Scopes: []string{"grades:read", "grades:write"}}, trellis.Denied},
		{"wider by a star", narrowed(ada, "tokens:write", "grades:read"), learning.CreateToken{Name: "x", Scopes: []string{"*"}}, trellis.Denied},
		{"wider by a noun", narrowed(ada, "tokens:write", "grades:read"), learning.CreateToken{Name: "x", Scopes: []string{"grades:*"}}, trellis.Denied},
		{"as wide", narrowed(ada, "tokens:write", "grades:read"), learning.CreateToken{Name: "x", Scopes: []string{"grades:read"}}, ""},
		{"narrower than a noun", narrowed(ada, "tokens:*", "grades:*"), learning.CreateToken{Name: "x", Scopes: []string{"grades:read"}}, ""},
		{"narrower than a star", narrowed(ada, "*"), learning.CreateToken{Name: "x", Scopes: []string{"grades:read"}}, ""},
		{"a service's, wider", narrowed(boss, "tokens:write"), learning.CreateToken{Name: "x", Roles: role("tenant-admin")}, trellis.Denied},
	} {
		got, err := c.CreateToken(as(t, tt.actor), tt.in)
		if kind(err) != tt.want || (got.Key != "") != (tt.want == "") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada, bob := c.someone(t, sys, "ada"), c.someone(t, sys, "bob")
	make := func(in learning.CreateToken) learning.NewToken {
		t.Helper()
		in.Name = "test"
		token, err := c.CreateToken(sys, in)
		must(t, err)
		return token
	}
	own := make(learning.CreateToken{Person: ada.ID, Scopes: []string{"grades:read"}})
	service := make(learning.CreateToken{Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: goCourse}}})
	revoked, expired, off := make(learning.CreateToken{Person: ada.ID}), make(learning.CreateToken{Person: ada.ID}), make(learning.CreateToken{Person: bob.ID})
	must(t, c.RevokeToken(sys, revoked.ID))
	must(t, c.db.Write(sys, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tokens SET expires = ? WHERE tenant = 'acme' AND id = ?`, store.Micros(time.Now()), expired.ID)
		return err
	})))
	if _, err := c.Authenticate(t.Context(), "", off.Key); err != nil {
		t.Fatal(err)
	}
	_, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: bob.ID, Active: ptr(false)})
	must(t, err)

	platform := system(t, trellis.PlatformTenant)
	root, err := c.Register(platform, learning.Register{Username: "root"})
	must(t, err)
	_, err = c.AssignRole(platform, learning.Assign{Person: root.ID, Role: trellis.RoleOperator})
	must(t, err)
	operates, err := c.CreateToken(platform, learning.CreateToken{Person: root.ID, Name: "test"})
	must(t, err)

	mistyped := own.Key[:len(own.Key)-1] + "A"
	if own.Key == mistyped {
		mistyped = own.Key[:len(own.Key)-1] + "B"
	}
	for _, tt := range []struct {
		name, tenant, key, want string
	}{
		{"a person's", "acme", own.Key, "acme person:" + ada.ID + " [{learner  }] [grades:read]"},
		{"without a tenant", "", own.Key, "acme person:" + ada.ID + " [{learner  }] [grades:read]"},
		{"a service's", "acme", service.Key, "acme service:" + service.ID + " [{staff  " + goCourse + "}] []"},
		{"an operator's, in a tenant", "acme", operates.Key, "_ person:" + root.ID + " [{learner  } {operator  }] []"},
		{"in another tenant", "other", own.Key, ""},
		{"in the platform's", "_", own.Key, ""},
		{"revoked", "acme", revoked.Key, ""},
		{"expired", "acme", expired.Key, ""},
		{"of an account that was switched off", "acme", off.Key, ""},
		{"mistyped", "acme", mistyped, ""},
		{"cut off", "acme", own.Key[:30], ""},
		{"its ID", "acme", own.ID, ""},
		{"nothing", "acme", "", ""},
		{"only the prefix", "acme", "trl_", ""},
	} {
		for range 2 { // from the database, then from memory
			a, err := c.Authenticate(t.Context(), tt.tenant, tt.key)
			got := ""
			if err == nil {
				got = fmt.Sprint(a.Tenant, " ", a, " ", a.Roles, " ", a.Scopes)
			} else if kind(err) != trellis.Denied {
				t.Errorf("%s: %v", tt.name, err)
			}
			if got != tt.want {
				t.Errorf("%s: %q, want %q (%v)", tt.name, got, tt.want, err)
			}
		}
	}

	// A role that is taken is gone at once on the node that took it.
	teacher := learning.Assign{Person: ada.ID, Role: trellis.RoleTenantAdmin}
	for _, step := range []struct {
		change func(context.Context, learning.Assign) (learning.RoleAssignment, error)
		want   int
	}{{c.AssignRole, 2}, {c.RemoveRole, 1}} {
		_, err := step.change(sys, teacher)
		must(t, err)
		a, err := c.Authenticate(t.Context(), "acme", own.Key)
		if err != nil || len(a.Roles) != step.want {
			t.Errorf("roles %v, %v", a.Roles, err)
		}
	}
}

// A token is shown once. What is kept is its hash; neither the database nor the log
// has the key, and its use is noted to the minute.
func TestTokenIsKeptAsHash(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.member(t, "ada")
	token, err := c.CreateToken(as(t, person(ada.ID)), learning.CreateToken{Name: "test"})
	must(t, err)
	session, err := c.Login(door(t), learning.Login{Username: "ada", Password: password})
	must(t, err)
	before, err := c.Token(sys, token.ID)
	must(t, err)
	for _, key := range []string{token.Key, session.Key, token.Key + "x"} {
		_, _ = c.Authenticate(t.Context(), "acme", key)
	}
	after, err := c.Token(sys, token.ID)
	must(t, err)
	if before.LastUsed != nil || after.LastUsed == nil || time.Since(*after.LastUsed) > time.Minute {
		t.Errorf("last used %v, then %v", before.LastUsed, after.LastUsed)
	}
	files, err := filepath.Glob(c.path + "*")
	must(t, err)
	searched := 0
	for _, f := range files {
		raw, err := os.ReadFile(f)
		must(t, err)
		if bytes.Contains(raw, []byte(ada.ID)) {
			searched++
		}
		for name, secret := range map[string]string{"a token": token.Key[4:30], "a session": session.Key[4:30], "a password": password} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s stands in %s", name, filepath.Base(f))
			}
		}
	}
	if searched == 0 {
		t.Error("no file of the database was searched")
	}
	if log := c.logged.String(); strings.Contains(log, token.Key[4:30]) || strings.Contains(log, "horse") {
		t.Errorf("logged %s", log)
	}
	if shown := c.list(t, person(ada.ID), "tokens.list", `{}`); strings.Contains(fmt.Sprint(shown), token.Key[4:]) || len(shown.Items) != 2 {
		t.Errorf("listed %v", shown)
	}
}

// Sessions that have run out do not pile up.
func TestSessionsAreSwept(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.member(t, "ada")
	login := func() {
		_, err := c.Login(door(t), learning.Login{Username: "ada", Password: password})
		must(t, err)
	}
	login()
	must(t, c.db.Write(sys, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tokens SET expires = 1 WHERE tenant = 'acme'`)
		return err
	})))
	login()
	login()
	var n int
	must(t, c.db.Read(sys, func(tx *store.Tx) error {
		return tx.QueryRow(sys, `SELECT COUNT(*) FROM tokens WHERE tenant = 'acme' AND person = ?`, ada.ID).Scan(&n)
	}))
	if n != 2 {
		t.Errorf("%d sessions", n)
	}
}

func FuzzAuthenticate(f *testing.F) {
	c := newCore(f)
	sys := system(f, "acme")
	token, err := c.CreateToken(sys, learning.CreateToken{Name: "x", Roles: []trellis.Role{{Name: trellis.RoleStaff}}})
	must(f, err)
	for _, s := range []string{token.Key, token.Key[:20], "trl_", "", "trl_" + strings.Repeat("A", 48), token.Key + "=", strings.ToUpper(token.Key)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if _, err := c.Authenticate(t.Context(), "acme", key); (err == nil) != (key == token.Key) {
			t.Errorf("%q: %v", key, err)
		}
	})
}
