package learning_test

import (
	"context"
	"fmt"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

const password = "correct horse"

// member makes somebody who can log in.
func (c *core) member(t testing.TB, username string) learning.Person {
	t.Helper()
	p, err := c.Register(system(t, "acme"), learning.Register{Username: username, Password: password})
	must(t, err)
	return p
}

// door is where somebody stands who has not logged in yet.
func door(t testing.TB) context.Context { return as(t, trellis.Actor{}) }

func TestLogin(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada, off := c.member(t, "Ada"), c.member(t, "off")
	c.someone(t, sys, "nopass")
	_, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: off.ID, Active: ptr(false)})
	must(t, err)
	gone := c.member(t, "gone2")
	must(t, c.Erase(sys, gone.ID))

	token, err := c.Login(door(t), learning.Login{Username: "ADA", Password: password, Address: "192.0.2.1"})
	must(t, err)
	actor, err := c.Authenticate(t.Context(), "acme", token.Key)
	must(t, err)
	if actor.ID != ada.ID || actor.Kind != trellis.PersonActor || actor.Tenant != "acme" || actor.Scopes != nil || len(actor.Roles) != 1 {
		t.Errorf("actor %+v", actor)
	}
	if lasts := token.Expires.Sub(token.Created); lasts != 12*time.Hour {
		t.Errorf("the session lasts %v", lasts)
	}
	events := c.events(t, sys, learning.LoginCompleted.Name())
	if len(events) != 1 || events[0].Actor != "person:"+ada.ID || events[0].Person != ada.ID || strings.Contains(string(events[0].Data), "Ada") {
		t.Errorf("events %+v", events)
	}

	var first string
	for _, tt := range []struct{ name, username, password string }{
		{"a wrong password", "ada", "wrong horse"}, {"an unknown name", "eve", password}, {"an account that is switched off", "off", password},
		{"no password set", "nopass", ""}, {"somebody erased", "gone2", password}, {"her name after erasing", " " + gone.ID, password}, {"nothing", "", ""},
		{"a password too long", "ada", strings.Repeat("x", 5000)}, {"the right one and more", "ada", password + "x"},
	} {
		_, err := c.Login(door(t), learning.Login{Username: tt.username, Password: learning.Secret(tt.password)})
		if kind(err) != trellis.Denied {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%s is told apart: %v", tt.name, err)
		}
	}
	if _, err := c.Login(as(t, trellis.Actor{Tenant: "other"}), learning.Login{Username: "ada", Password: password}); kind(err) != trellis.Denied {
		t.Errorf("in another tenant: %v", err)
	}
	if n := len(c.events(t, sys, learning.LoginCompleted.Name())); n != 1 {
		t.Errorf("%d events", n)
	}
}

// A name that nobody has costs a hash, as every other does: argon2id's memory is
// what shows it without a clock.
func TestLoginOfNobodyCostsAHash(t *testing.T) {
	c := newCore(t)
	c.member(t, "ada")
	for _, username := range []string{"ada", "nobody"} {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		if _, err := c.Login(door(t), learning.Login{Username: username, Password: "wrong horse"}); kind(err) != trellis.Denied {
			t.Fatal(err)
		}
		goruntime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got < 19<<20 {
			t.Errorf("%s: %d bytes, want those of a hash", username, got)
		}
	}
}

func TestLoginFilter(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	c.member(t, "ada")
	in := learning.Login{Username: "ada", Password: password}
	for _, tt := range []struct {
		name string
		by   func(trellis.Question) ([]byte, error)
		want trellis.Kind
	}{
		{"refused", refuse, trellis.Refused},
		{"somebody else", replacing(`"id":"`, `"id":"x`), trellis.Invalid},
		{"passes", replacing("", ""), ""},
	} {
		before := len(c.events(t, sys, learning.LoginCompleted.Name()))
		c.filters.on(learning.LoginRequested.Name(), tt.by)
		token, err := c.Login(door(t), in)
		if kind(err) != tt.want || (token.Key != "") != (tt.want == "") {
			t.Errorf("%s: %v", tt.name, err)
		}
		if n := len(c.events(t, sys, learning.LoginCompleted.Name())) - before; (n == 1) != (tt.want == "") {
			t.Errorf("%s: %d events", tt.name, n)
		}
	}
	asked := c.filters.count(learning.LoginRequested.Name())
	_, _ = c.Login(door(t), learning.Login{Username: "ada", Password: "wrong horse"})
	if c.filters.count(learning.LoginRequested.Name()) != asked {
		t.Error("extensions are asked about somebody whose password was wrong")
	}
	for _, q := range c.filters.asked {
		if strings.Contains(string(q.Data), "horse") {
			t.Errorf("a password reached a filter: %s", q.Data)
		}
	}
}

func TestLoginLimits(t *testing.T) {
	c := newCore(t)
	c.member(t, "ada")
	c.member(t, "bob")
	try := func(username, pass, address string) error {
		_, err := c.Login(door(t), learning.Login{Username: username, Password: learning.Secret(pass), Address: address})
		return err
	}
	for i := range 9 {
		if err := try("ada", "wrong horse", fmt.Sprintf("192.0.2.%d", i)); kind(err) != trellis.Denied {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if err := try("Ada", password, ""); err != nil {
		t.Errorf("the right password after nine wrong ones: %v", err)
	}
	for i := range 10 { // a success began the count anew
		if err := try("ada", "wrong horse", ""); kind(err) != trellis.Denied {
			t.Fatalf("attempt %d after a success: %v", i, err)
		}
	}
	for _, name := range []string{"ada", "ADA"} {
		err := try(name, password, "")
		if kind(err) != trellis.Exhausted || trellis.RetryAfter(err) < time.Minute || trellis.RetryAfter(err) > 15*time.Minute {
			t.Errorf("the eleventh, as %s: %v, after %v", name, err, trellis.RetryAfter(err))
		}
	}
	if err := try("bob", password, ""); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if _, err := c.Login(as(t, trellis.Actor{Tenant: "other"}), learning.Login{Username: "ada", Password: "x"}); kind(err) != trellis.Denied {
		t.Errorf("another tenant's person of that name: %v", err)
	}
}

// Strangers who guess at a name keep out neither who comes from elsewhere, until it
// is too much everywhere, nor a browser in which the person has logged in before.
func TestLoginLimitOfStrangers(t *testing.T) {
	c := newCore(t)
	c.member(t, "ada")
	c.operator(t, "oscar", "operators horse")
	try := func(username, secret, address string, known func(tenant, name string) string) trellis.Kind {
		_, err := c.SignIn(door(t), learning.Login{Username: username, Password: learning.Secret(secret), Address: address, Known: known})
		return kind(err)
	}
	of := func(tenant, name, mark string) func(string, string) string {
		return func(t, n string) string {
			if t != tenant || n != name {
				return ""
			}
			return mark
		}
	}
	for n := range 10 {
		address := fmt.Sprintf("192.0.2.%d", n)
		for range 10 {
			if _, err := c.Login(door(t), learning.Login{Username: "ada", Password: "wrong horse", Address: address}); kind(err) != trellis.Denied {
				t.Fatalf("network %d: %v", n, err)
			}
		}
		if got := try("ada", password, address, nil); got != trellis.Exhausted {
			t.Fatalf("the eleventh of network %d: %q", n, got)
		}
		if got := try("ada", password, "198.51.100.1", nil); n == 0 && got != "" {
			t.Errorf("from elsewhere: %q", got)
		}
	}
	for range 10 {
		if got := try("oscar", "wrong horse", "192.0.2.99", nil); got != trellis.Denied {
			t.Fatalf("a guess at an operator: %q", got)
		}
	}
	for _, who := range []struct{ name, secret, tenant, address string }{{"ada", password, "acme", "198.51.100.1"}, {"oscar", "operators horse", trellis.PlatformTenant, "192.0.2.99"}} {
		for _, known := range []func(string, string) string{nil, of("other", who.name, "m"), of(who.tenant, "eve", "m")} {
			if got := try(who.name, who.secret, who.address, known); got != trellis.Exhausted {
				t.Errorf("%s, a stranger: %q", who.name, got)
			}
		}
		known := of(who.tenant, who.name, "m")
		if got := try(strings.ToUpper(who.name), who.secret, who.address, known); got != "" {
			t.Errorf("%s, in a known browser: %q", who.name, got)
		}
		for range 10 {
			if got := try(who.name, "wrong horse", who.address, known); got == "" {
				t.Fatalf("%s, with a wrong password", who.name)
			}
		}
		if got := try(who.name, who.secret, who.address, known); got != trellis.Exhausted {
			t.Errorf("%s, the eleventh in a known browser: %q", who.name, got)
		}
		if got := try(who.name, who.secret, who.address, of(who.tenant, who.name, "n")); got != "" {
			t.Errorf("%s, in another known browser: %q", who.name, got)
		}
	}
}

// One party guesses at many names: the address is counted, of IPv6 its network,
// and a success of her own does not help her.
func TestLoginLimitOfAddress(t *testing.T) {
	c := newCore(t)
	c.member(t, "bob")
	for i := range 100 {
		if i == 50 {
			if _, err := c.Login(door(t), learning.Login{Username: "bob", Password: password, Address: "2001:db8::1"}); err != nil {
				t.Fatal(err)
			}
		}
		in := learning.Login{Username: fmt.Sprint("p", i), Password: "wrong horse", Address: fmt.Sprintf("2001:db8::%x", i)}
		if _, err := c.Login(door(t), in); kind(err) != trellis.Denied {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	for address, want := range map[string]trellis.Kind{"2001:db8::ffff:1": trellis.Exhausted, "2001:db8:0:1::1": "", "192.0.2.1": "", "": ""} {
		if _, err := c.Login(door(t), learning.Login{Username: "bob", Password: password, Address: address}); kind(err) != want {
			t.Errorf("from %q: %v", address, err)
		}
	}
}

// Attempts at once are counted as attempts in a row are.
func TestLoginLimitAtOnce(t *testing.T) {
	c := newCore(t)
	c.member(t, "ada")
	var mu sync.Mutex
	got := map[trellis.Kind]int{}
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			_, err := c.Login(door(t), learning.Login{Username: "ada", Password: "wrong horse"})
			mu.Lock()
			defer mu.Unlock()
			got[kind(err)]++
		})
	}
	wg.Wait()
	if got[trellis.Denied] != 10 || got[trellis.Exhausted] != 50 {
		t.Errorf("ended %v, want 10 that were tried", got)
	}
}

// An attempt that is given up says nothing of the password.
func TestLoginGivenUp(t *testing.T) {
	c := newCore(t)
	c.member(t, "ada")
	gone, cancel := context.WithCancel(door(t))
	cancel()
	for range 20 {
		if _, err := c.Login(gone, learning.Login{Username: "ada", Password: "wrong horse"}); err == nil {
			t.Fatal("logged in")
		}
	}
	if _, err := c.Login(door(t), learning.Login{Username: "ada", Password: password}); err != nil {
		t.Errorf("after attempts that were given up: %v", err)
	}
}

func TestPasswords(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.member(t, "ada")
	session, err := c.Login(door(t), learning.Login{Username: "ada", Password: password})
	must(t, err)
	kept, err := c.CreateToken(as(t, person(ada.ID)), learning.CreateToken{Name: "kept"})
	must(t, err)
	for _, bad := range []string{"", "short", strings.Repeat("x", 1025)} {
		if err := c.SetPassword(sys, ada.ID, learning.Secret(bad)); kind(err) != trellis.Invalid {
			t.Errorf("a password of %d bytes: %v", len(bad), err)
		}
	}
	if err := c.SetPassword(sys, trellis.NewID(), password); kind(err) != trellis.NotFound {
		t.Errorf("nobody's password: %v", err)
	}
	const second = "battery staple"
	for _, tt := range []struct {
		name  string
		actor trellis.Actor
		in    learning.ChangePassword
		want  trellis.Kind
	}{
		{"without the present one", person(ada.ID), learning.ChangePassword{Current: "wrong horse", Password: second}, trellis.Denied},
		{"with a token that is narrowed", narrowed(person(ada.ID), "*"), learning.ChangePassword{Current: password, Password: second}, trellis.Denied},
		{"a service", trellis.Actor{Kind: trellis.ServiceActor, ID: ada.ID}, learning.ChangePassword{Current: password, Password: second}, trellis.Denied},
		{"somebody who has none", person(c.someone(t, sys, "nopass").ID), learning.ChangePassword{Password: second}, trellis.Denied},
		{"too short", person(ada.ID), learning.ChangePassword{Current: password, Password: "short"}, trellis.Invalid},
		{"her own", person(ada.ID), learning.ChangePassword{Current: password, Password: second}, ""},
	} {
		// Through the Go API: the text of a Secret never leaves by JSON.
		if err := c.ChangePassword(as(t, tt.actor), tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := c.Authenticate(t.Context(), "acme", session.Key); kind(err) != trellis.Denied {
		t.Errorf("the session goes on: %v", err)
	}
	if _, err := c.Authenticate(t.Context(), "acme", kept.Key); err != nil {
		t.Errorf("a token of her own has ended: %v", err)
	}
	for pass, want := range map[string]trellis.Kind{password: trellis.Denied, second: ""} {
		if _, err := c.Login(door(t), learning.Login{Username: "ada", Password: learning.Secret(pass)}); kind(err) != want {
			t.Errorf("%q: %v, want %q", pass, err, want)
		}
	}

	// With the password of somebody with a role a narrowed token could do what it
	// was narrowed from.
	boss := c.member(t, "boss")
	_, err = c.AssignRole(sys, learning.Assign{Person: boss.ID, Role: trellis.RoleTenantAdmin})
	must(t, err)
	for who, want := range map[string]trellis.Kind{ada.ID: "", boss.ID: trellis.Denied} {
		in := fmt.Sprintf(`{"id":%q,"password":"new password"}`, who)
		if _, err := c.do(t, narrowed(admin(), "users:write"), "users.set_password", in); kind(err) != want {
			t.Errorf("a token narrowed to users:write: %v, want %q", err, want)
		}
	}
}

// A password is kept as an argon2id hash, and is neither printed nor encoded.
func TestSecrets(t *testing.T) {
	c := newCore(t)
	ada := c.member(t, "ada")
	in := learning.Register{Username: "x", Password: password}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, in); strings.Contains(s, "horse") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
	var hash string
	must(t, c.db.Read(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT password FROM people WHERE tenant = 'acme' AND id = ?`, ada.ID).Scan(&hash)
	}))
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, "horse") {
		t.Errorf("stored %s", hash)
	}
	if bob := c.member(t, "bob"); bob.ID != "" {
		var other string
		must(t, c.db.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT password FROM people WHERE tenant = 'acme' AND id = ?`, bob.ID).Scan(&other)
		}))
		if other == hash {
			t.Error("the same password has the same hash: there is no salt")
		}
	}
}

// After a quarter of an hour the name is free again, and the wait that was
// announced was the right one.
func TestLoginLimitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCore(t)
		c.member(t, "ada")
		for range 10 {
			if _, err := c.Login(door(t), learning.Login{Username: "ada", Password: "wrong horse"}); kind(err) != trellis.Denied {
				t.Fatal(err)
			}
		}
		_, err := c.Login(door(t), learning.Login{Username: "ada", Password: password})
		wait := trellis.RetryAfter(err)
		if kind(err) != trellis.Exhausted || wait <= 0 || wait > 15*time.Minute {
			t.Fatalf("%v, after %v", err, wait)
		}
		time.Sleep(wait - time.Second) // time of the bubble, not of the clock
		if _, err := c.Login(door(t), learning.Login{Username: "ada", Password: password}); kind(err) != trellis.Exhausted {
			t.Errorf("too early: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := c.Login(door(t), learning.Login{Username: "ada", Password: password}); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}
