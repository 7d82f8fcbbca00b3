package learning_test

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

func TestRegister(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada, err := c.Register(sys, learning.Register{Username: " Ada ", Name: "Ada Lovelace", Email: "ada@example.org"})
	must(t, err)
	if ada.PII.Username != "Ada" || !ada.Active || ada.Number == 0 || !trellis.ValidID(ada.ID) {
		t.Errorf("%+v", ada)
	}
	bob := c.someone(t, sys, "bob")
	elsewhere := c.someone(t, system(t, "other"), "ada") // a name is a tenant's
	if !(ada.Number < bob.Number && bob.Number < elsewhere.Number) {
		t.Errorf("numbers %d, %d, %d", ada.Number, bob.Number, elsewhere.Number)
	}
	again, err := c.Register(sys, learning.Register{ID: ada.ID, Username: "ada", Name: "Somebody else"})
	if err != nil || again != ada {
		t.Errorf("a repeat gave %+v, %v", again, err)
	}
	stored, err := c.Person(sys, ada.ID)
	if err != nil || stored != ada {
		t.Errorf("stored %+v, %v", stored, err)
	}
	for _, tt := range []struct {
		name string
		in   learning.Register
		want trellis.Kind
	}{
		{"no name", learning.Register{}, trellis.Invalid},
		{"a space", learning.Register{Username: "a b"}, trellis.Invalid},
		{"a line", learning.Register{Username: "a\nb"}, trellis.Invalid},
		{"a name of nothing", learning.Register{Username: "a\u200bb"}, trellis.Invalid},
		{"letters turned round", learning.Register{Username: "a\u202eb"}, trellis.Invalid},
		{"a soft hyphen", learning.Register{Username: "a\u00adb"}, trellis.Invalid},
		{"what is no text", learning.Register{Username: "a\xff"}, trellis.Invalid},
		{"a long name", learning.Register{Username: strings.Repeat("a", 151)}, trellis.Invalid},
		{"a full name of many lines", learning.Register{Username: "x", Name: "a\nb"}, trellis.Invalid},
		{"no address", learning.Register{Username: "x", Email: "x"}, trellis.Invalid},
		{"an address with a name", learning.Register{Username: "x", Email: "X <x@example.org>"}, trellis.Invalid},
		{"an ID of its own form", learning.Register{Username: "x", ID: "0190aaaa-bbbb-<script>"}, trellis.Invalid},
		{"an ID in capitals", learning.Register{Username: "x", ID: strings.ToUpper(trellis.NewID())}, trellis.Invalid},
		{"a short password", learning.Register{Username: "x", Password: "1234567"}, trellis.Invalid},
		{"a name that is taken", learning.Register{Username: "ADA"}, trellis.Conflict},
	} {
		if _, err := c.Register(sys, tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := c.Register(as(t, trellis.Actor{Tenant: "_", Kind: trellis.PersonActor, ID: "x", Roles: []trellis.Role{{Name: trellis.RoleTenantAdmin}}}),
		learning.Register{Username: "root"}); kind(err) != trellis.Denied {
		t.Errorf("an account of the platform's, by no operator: %v", err)
	}
}

// Names that differ in case, width or encoding alone are one name.
func TestUsernamesAreUnique(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	for _, same := range [][]string{
		{"ada", "ADA", "Ada"}, {"straße", "STRASSE", "Strasse"}, {"σίσυφος", "ΣΊΣΥΦΟΣ"}, {"jose\u0301", "josé", "JOSÉ"},
		{"ｗｉｄｅ", "wide"}, {"ﬁne", "FINE"}, {"ſmall", "small"}, {"\u212aelvin", "kelvin"},
	} {
		_, err := c.Register(sys, learning.Register{Username: same[0], Password: password})
		must(t, err)
		for _, name := range same[1:] {
			if _, err := c.Register(sys, learning.Register{Username: name}); kind(err) != trellis.Conflict {
				t.Errorf("%q beside %q: %v", name, same[0], err)
			}
			if _, err := c.Login(door(t), learning.Login{Username: name, Password: password}); err != nil {
				t.Errorf("%q logs in as %q: %v", name, same[0], err)
			}
		}
	}
	for _, name := range []string{"ada1", "strase", "jose", "wіde"} { // the last one has a Cyrillic letter
		if _, err := c.Register(sys, learning.Register{Username: name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRegisterAtOnce(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	var wg sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		wg.Go(func() { _, errs[i] = c.Register(sys, learning.Register{Username: []string{"ada", "ADA"}[i%2]}) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		switch kind(err) {
		case "":
			made++
		case trellis.Conflict:
		default:
			t.Error(err)
		}
	}
	if n := len(c.events(t, sys, learning.RegistrationCompleted.Name())); made != 1 || n != 1 {
		t.Errorf("%d accounts, %d events", made, n)
	}
}

func TestRegisterFilter(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	c.someone(t, sys, "taken")
	for _, tt := range []struct {
		name string
		by   func(trellis.Question) ([]byte, error)
		want trellis.Kind
		got  string
	}{
		{"refused", refuse, trellis.Refused, ""},
		{"another name", replacing(`"username":"ada"`, `"username":"ada2"`), "", "ada2"},
		{"a name that cannot be", replacing(`"username":"ada"`, `"username":"a d a"`), trellis.Invalid, ""},
		{"a name that is taken", replacing(`"username":"ada"`, `"username":"Taken"`), trellis.Conflict, ""},
		{"an address that is none", replacing(`"email":""`, `"email":"x@"`), trellis.Invalid, ""},
		{"a password", replacing(`"email":""`, `"password":"12345678"`), trellis.Invalid, ""},
	} {
		c.filters.on(learning.RegistrationRequested.Name(), tt.by)
		p, err := c.Register(sys, learning.Register{Username: "ada"})
		if kind(err) != tt.want || p.PII.Username != tt.got {
			t.Errorf("%s: %+v, %v", tt.name, p, err)
		}
	}
}

func TestUpdatePerson(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	c.someone(t, sys, "bob")
	for _, tt := range []struct {
		name    string
		in      learning.UpdatePerson
		want    trellis.Kind
		changes bool
	}{
		{"nothing", learning.UpdatePerson{}, "", false},
		{"the same", learning.UpdatePerson{Name: ptr("ADA")}, "", false},
		{"a name", learning.UpdatePerson{Name: ptr("Ada L.")}, "", true},
		{"a username", learning.UpdatePerson{Username: ptr("Ada")}, "", true},
		{"one that is taken", learning.UpdatePerson{Username: ptr("BOB")}, trellis.Conflict, false},
		{"one that cannot be", learning.UpdatePerson{Username: ptr("")}, trellis.Invalid, false},
		{"no address", learning.UpdatePerson{Email: ptr("")}, "", true},
		{"off", learning.UpdatePerson{Active: ptr(false)}, "", true},
		{"on", learning.UpdatePerson{Active: ptr(true)}, "", true},
	} {
		tt.in.ID = ada.ID
		before := len(c.events(t, sys, learning.PersonChanged.Name()))
		if _, err := c.UpdatePerson(sys, tt.in); kind(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if n := len(c.events(t, sys, learning.PersonChanged.Name())) - before; (n == 1) != tt.changes {
			t.Errorf("%s: %d events", tt.name, n)
		}
	}
	if _, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: trellis.NewID()}); kind(err) != trellis.NotFound {
		t.Errorf("nobody: %v", err)
	}
}

func TestErase(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := provoke(t, c)
	_, err := c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: goCourse})
	must(t, err)
	for _, r := range []learning.Assign{{Role: trellis.RoleStaff}, {Role: trellis.RoleStaff, Course: goCourse}} {
		r.Person = ada.ID
		_, err := c.AssignRole(sys, r)
		must(t, err)
	}
	link, err := learning.PrepareLink(learning.Outside{System: "sis", Kind: "user", External: "4711", ID: ada.ID})
	must(t, err)
	must(t, c.db.Write(sys, link))
	token, err := c.CreateToken(sys, learning.CreateToken{Person: ada.ID, Name: "x"})
	must(t, err)
	if _, err := c.Authenticate(t.Context(), "", token.Key); err != nil {
		t.Fatal(err)
	}
	past := c.events(t, sys, learning.RegistrationCompleted.Name())[0]
	keep := func(string) bool { return true }
	typ := reflect.TypeFor[learning.UserPayload]()
	if named, err := c.FillPeople(sys, typ, past.Data, keep); err != nil || !strings.Contains(string(named), "Lovelace") {
		t.Errorf("before: %s, %v", named, err)
	}

	before := len(c.events(t, sys, ""))
	c.filters.on(learning.UnenrollmentStarted.Name(), refuse) // nobody is kept against her will
	out, err := c.do(t, admin(), "users.erase", learning.ByID{ID: ada.ID})
	if err != nil || out != "{}" {
		t.Fatalf("%s, %v", out, err)
	}
	want := []string{learning.UnenrollmentCompleted.Name(), learning.RoleRemoved.Name(), learning.RoleRemoved.Name(), learning.AccessRoleRemoved.Name(),
		learning.PersonErased.Name()}
	if got := c.types(t, sys, before); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	if named, err := c.FillPeople(sys, typ, past.Data, keep); err != nil || strings.Contains(string(named), "Lovelace") {
		t.Errorf("the past still names her: %s, %v", named, err)
	}
	rows := dump(t, c, "acme")
	for _, trace := range []string{"ada-login", "Lovelace", "ada@example.org", "argon2id", "4711"} {
		if strings.Contains(rows, trace) {
			t.Errorf("%s is still there:\n%s", trace, rows)
		}
	}
	for what, err := range map[string]error{
		"her token": second(c.Authenticate(t.Context(), "", token.Key)),
		"her login": second(c.Login(door(t), learning.Login{Username: "ada-login", Password: password})),
	} {
		if kind(err) != trellis.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"reading":    second(c.Person(sys, ada.ID)),
		"updating":   second(c.UpdatePerson(sys, learning.UpdatePerson{ID: ada.ID, Name: ptr("X")})),
		"enrolling":  second(c.Enroll(sys, learning.Enroll{Person: ada.ID, Course: goCourse})),
		"a role":     second(c.AssignRole(sys, learning.Assign{Person: ada.ID, Role: trellis.RoleStaff})),
		"a token":    second(c.CreateToken(sys, learning.CreateToken{Person: ada.ID, Name: "x"})),
		"a password": c.SetPassword(sys, ada.ID, password),
	} {
		if kind(err) != trellis.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := second(c.Register(sys, learning.Register{ID: ada.ID, Username: "back"})); kind(err) != trellis.Conflict {
		t.Errorf("the ID is used again: %v", err)
	}
	if _, err := c.Register(sys, learning.Register{Username: "ada-login"}); err != nil {
		t.Errorf("the name is free again: %v", err)
	}
	if err := c.EachPerson(sys, func(p learning.Person) error {
		if p.ID == ada.ID {
			t.Error("she is among the people")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if e, err := c.Enrollment(sys, goCourse, ada.ID); err != nil || e.Active {
		t.Errorf("the enrolment, as nobody's: %+v, %v", e, err)
	}
	if out, err := c.do(t, admin(), "grades.get", `{"course":"`+goCourse+`","person":"`+ada.ID+`"}`); err != nil || !strings.Contains(out, `"earned":1`) {
		t.Errorf("the grade, as nobody's: %s, %v", out, err)
	}
	before = len(c.events(t, sys, ""))
	if err := c.Erase(sys, ada.ID); err != nil || len(c.events(t, sys, "")) != before {
		t.Errorf("once more: %v", err)
	}
	if err := c.Erase(sys, trellis.NewID()); kind(err) != trellis.NotFound {
		t.Errorf("nobody: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOutsideIdentifiers(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	for _, tt := range []struct {
		ctx  string
		link learning.Outside
		want trellis.Kind
		out  learning.Outcome
	}{
		{"acme", learning.Outside{System: "sis", Kind: "user", External: "1", ID: "a"}, "", learning.Created},
		{"acme", learning.Outside{System: "sis", Kind: "user", External: "1", ID: "a"}, "", learning.Unchanged},
		{"acme", learning.Outside{System: "sis", Kind: "class", External: "1", ID: "c"}, "", learning.Created},
		{"acme", learning.Outside{System: "sis2", Kind: "user", External: "1", ID: "b"}, "", learning.Created},
		{"other", learning.Outside{System: "sis", Kind: "user", External: "1", ID: "z"}, "", learning.Created},
		{"acme", learning.Outside{System: "sis", Kind: "user", External: "", ID: "z"}, trellis.Invalid, ""},
		{"acme", learning.Outside{System: "sis", Kind: "user", External: strings.Repeat("x", 513), ID: "z"}, trellis.Invalid, ""},
	} {
		c1, err := learning.PrepareLink(tt.link)
		if kind(err) != tt.want {
			t.Errorf("%+v: %v", tt.link, err)
		}
		if err != nil {
			continue
		}
		must(t, c.db.Write(system(t, tt.ctx), store.Change(c1)))
		if c1.Outcome != tt.out {
			t.Errorf("%+v: %s, want %s", tt.link, c1.Outcome, tt.out)
		}
	}
	ours, err := c.Lookup(sys, "sis", "user", []string{"1", "2", ""})
	must(t, err)
	theirs, err := c.Externals(sys, "sis", "user", []string{"a", "z", "c"})
	must(t, err)
	if len(ours) != 1 || ours["1"] != "a" || len(theirs) != 1 || theirs["a"] != "1" {
		t.Errorf("ours %v, theirs %v", ours, theirs)
	}
}
