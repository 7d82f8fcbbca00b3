package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

type userCmd struct {
	List       userListCmd       `cmd:"" default:"1" help:"Show people."`
	Create     userCreateCmd     `cmd:"" help:"Make an account."`
	Password   userPasswordCmd   `cmd:"" help:"Give somebody a password, read from standard input."`
	Deactivate userDeactivateCmd `cmd:"" help:"Switch an account off."`
}

type userListCmd struct {
	remote
	Course   string `help:"Only those who are enrolled in a course."`
	Username string `help:"Only the person who logs in with this name."`
	Email    string `help:"Only those with this address."`
	Search   string `help:"Only those in whose name, login name or address this stands."`
	After    string `help:"Begin after this one: the value of next in the page before."`
}

func (c *userListCmd) Run(e *env) error {
	var list learning.List[trellis.User]
	query := params("course", c.Course, "username", c.Username, "email", c.Email, "search", c.Search, "after", c.After)
	if err := c.do(e.ctx, "GET", "/api/v1/users", query, nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			nobody := "Nobody is here."
			if c.Username+c.Email+c.Search != "" {
				nobody = "Nobody is here of whom that is so."
			}
			fmt.Fprintln(w, nobody+" Next: trellis user create NAME, or trellis import FILE")
		}
		for _, u := range list.Items {
			state := ""
			if !u.Active {
				state = "switched off"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.ID, u.PII.Username, u.PII.Name, u.PII.Email, state)
		}
		more(w, "trellis user list", list.Next)
	})
	return nil
}

type userCreateCmd struct {
	remote
	Username string `arg:"" help:"The name to log in with."`
	Name     string `help:"The full name."`
	Email    string `help:"The address."`
}

func (c *userCreateCmd) Run(e *env) error {
	var out trellis.User
	if err := c.do(e.ctx, "POST", "/api/v1/users", nil, some("username", c.Username, "name", c.Name, "email", c.Email), &out); err != nil {
		return err
	}
	e.done(out, "%s has an account: %s\n\nNext: trellis user password %s, trellis role give %s staff -course KEY, trellis enroll %s KEY", c.Username, out.ID, c.Username, c.Username, c.Username)
	return nil
}

type userRef struct {
	remote
	Person string `arg:"" help:"The person: an ID, or the name that she logs in with."`
}

type userPasswordCmd struct{ userRef }

func (c *userPasswordCmd) Run(e *env) error {
	id, err := personID(e, c.remote, c.Person, "")
	if err != nil {
		return err
	}
	password, err := e.hidden("Password")
	if err != nil {
		return advise(err, "trellis user password %s <password-file", c.Person)
	}
	if err := c.do(e.ctx, "PUT", "/api/v1/users/"+seg(id)+"/password", nil, some("password", password), nil); err != nil {
		return err
	}
	e.done(map[string]string{"id": id, "state": "password set"}, "%s has another password; who was logged in no longer is. Next: trellis login %s", c.Person, c.Person)
	return nil
}

type userDeactivateCmd struct {
	userRef
	Undo bool `help:"Switch it on again."`
}

func (c *userDeactivateCmd) Run(e *env) error {
	id, err := personID(e, c.remote, c.Person, "")
	if err != nil {
		return err
	}
	var out trellis.User
	if err := c.do(e.ctx, "PATCH", "/api/v1/users/"+seg(id), nil, map[string]any{"is_active": c.Undo}, &out); err != nil {
		return err
	}
	e.done(out, "The account of %s works: %t. Next: trellis user list", c.Person, out.Active)
	return nil
}

type roleCmd struct {
	List roleListCmd `cmd:"" default:"1" help:"Show who has which role."`
	Give roleGiveCmd `cmd:"" help:"Give somebody a role."`
	Take roleTakeCmd `cmd:"" help:"Take a role from somebody."`
}

type roleListCmd struct {
	remote
	Course string `help:"Only those in a course."`
	Role   string `help:"Only this role: operator, tenant-admin or staff."`
	Person string `help:"Only this person's: an ID, or the name that she logs in with."`
	After  string `help:"Begin after this one: the value of next in the page before."`
}

func (c *roleListCmd) Run(e *env) error {
	person := ""
	if c.Person != "" {
		var err error
		if person, err = personID(e, c.remote, c.Person, c.Course); err != nil {
			return err
		}
	}
	var list learning.List[learning.RoleAssignment]
	if err := c.do(e.ctx, "GET", "/api/v1/roles", params("course", c.Course, "role", c.Role, "person", person, "after", c.After), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "Nobody has a role but learner, which everybody has. Next: trellis role give PERSON staff -course KEY")
		}
		for _, r := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s%s\n", r.Person, r.Role, r.Organisation, r.Course)
		}
		more(w, "trellis role list", list.Next)
	})
	return nil
}

// assignment names a role, somebody, and where.
type assignment struct {
	remote
	Person       string `arg:"" help:"The person: an ID, or the name that she logs in with."`
	Role         string `arg:"" enum:"operator,tenant-admin,staff" help:"operator, tenant-admin or staff."`
	Course       string `help:"Limits it to a course."`
	Organisation string `help:"Limits it to an organisation."`
}

func (a assignment) pairs(e *env) ([]string, error) {
	id, err := personID(e, a.remote, a.Person, a.Course)
	return []string{"person", id, "role", a.Role, "course", a.Course, "organisation", a.Organisation}, err
}

type roleGiveCmd struct{ assignment }

func (c *roleGiveCmd) Run(e *env) error {
	pairs, err := c.pairs(e)
	if err != nil {
		return err
	}
	var out learning.RoleAssignment
	if err := c.do(e.ctx, "POST", "/api/v1/roles", nil, some(pairs...), &out); err != nil {
		return err
	}
	e.done(out, "%s is %s. Next: trellis role list", c.Person, c.Role)
	return nil
}

type roleTakeCmd struct{ assignment }

func (c *roleTakeCmd) Run(e *env) error {
	pairs, err := c.pairs(e)
	if err != nil {
		return err
	}
	var out learning.RoleAssignment
	if err := c.do(e.ctx, "DELETE", "/api/v1/roles", params(pairs...), nil, &out); err != nil {
		return err
	}
	e.done(out, "%s is %s no longer. Next: trellis role list", c.Person, c.Role)
	return nil
}

// idPattern is what the ID of a person looks like; names to log in with do not.
var idPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// seesEverybody says whether somebody may look at all people of the tenant, so that
// who is not among them is not there.
func seesEverybody(me learning.Me) bool {
	if len(me.Scopes) > 0 && !slices.Contains(me.Scopes, "users:read") {
		return false
	}
	return slices.ContainsFunc(me.Roles, func(r trellis.Role) bool {
		return (r.Name == "operator" || r.Name == "tenant-admin") && r.Organisation == "" && r.Course == ""
	})
}

// own returns the ID of a person who is named by it, or of the one who asks and
// logs in with that name; "" for everybody else.
func own(e *env, r remote, who string) (id string, me learning.Me, err error) {
	if idPattern.MatchString(who) {
		return who, me, nil
	}
	if err := r.do(e.ctx, "GET", "/api/v1/me", nil, nil, &me); err != nil {
		return "", me, err
	}
	if me.User != nil && strings.EqualFold(me.User.Username, who) {
		return me.ID, me, nil
	}
	return "", me, nil
}

// named returns what the server is to find a person by: the ID, which everybody
// may say of herself, or the login name, which those who enrol others may say.
func named(e *env, r remote, who string) (id, username string, err error) {
	if id, _, err = own(e, r, who); err != nil || id != "" {
		return id, "", err
	}
	return "", who, nil
}

// personID finds a person by the name that she logs in with, unless who is an ID.
// Those who see names only in a course find those who are enrolled in it.
func personID(e *env, r remote, who, course string) (string, error) {
	id, me, err := own(e, r, who)
	if err != nil || id != "" {
		return id, err
	}
	everybody := seesEverybody(me)
	if everybody {
		course = "" // she may be found who is not enrolled yet
	}
	var page learning.List[trellis.User]
	err = r.do(e.ctx, "GET", "/api/v1/users", params("username", who, "course", course), nil, &page)
	switch {
	case trellis.KindOf(err) == trellis.Denied || err == nil && len(page.Items) == 0 && !everybody:
		return "", advise(trellis.Errorf(trellis.Denied, "you may not look everybody up by login name, and of those whom you see nobody logs in as %q", who),
			"say the person's ID in place of the name; those who run the tenant find it with trellis user list -username %s", who)
	case err != nil:
		return "", err
	case len(page.Items) == 0:
		return "", advise(trellis.Errorf(trellis.NotFound, "nobody here logs in as %q", who), "trellis user list, trellis user create %s", who)
	}
	return page.Items[0].ID, nil
}
