package learning_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestNoTenantReachesAnother performs every operation in one tenant, with all
// rights there, about things of another: nothing is read, and nothing changes.
func TestNoTenantReachesAnother(t *testing.T) {
	c := newCore(t)
	there := system(t, "acme")
	ada := provoke(t, c)
	_, err := c.Enroll(there, learning.Enroll{Person: ada.ID, Course: goCourse})
	must(t, err)
	_, err = c.AssignRole(there, learning.Assign{Person: ada.ID, Role: trellis.RoleStaff, Course: goCourse})
	must(t, err)
	token, err := c.CreateToken(there, learning.CreateToken{Person: ada.ID, Name: "secret-token"})
	must(t, err)
	_, err = c.do(t, admin(), "organisations.put", `{"key":"undercover","title":"X"}`) // audited
	must(t, err)

	boss := trellis.Actor{Tenant: "other", ID: "boss", Kind: trellis.PersonActor,
		Roles: []trellis.Role{{Name: trellis.RoleTenantAdmin}, {Name: trellis.RoleStaff}, {Name: trellis.RoleLearner}}}
	own, err := c.Register(as(t, boss), learning.Register{Username: "ben"})
	must(t, err)
	course := `"course":"` + goCourse + `"`
	about := `"person":"` + ada.ID + `"`
	// The input, and how it ends: lists are empty of what is not theirs.
	cases := map[string][2]string{
		"users.me": {`{}`, ""}, "users.get": {`{"id":"` + ada.ID + `"}`, "not_found"}, "users.list": {`{}`, ""},
		"users.create": {`{"id":"` + ada.ID + `","username":"ada-login"}`, ""}, // the same ID and name, of their own
		"users.update": {`{"id":"` + ada.ID + `x","name":"X"}`, "not_found"}, "users.set_password": {`{"id":"` + ada.ID + `x","password":"12345678"}`, "not_found"},
		"users.change_password": {`{"current":"` + password + `","password":"12345678"}`, "not_found"}, "users.end_sessions": {`{}`, ""}, "users.erase": {`{"id":"` + ada.ID + `x"}`, "not_found"},
		"roles.list": {`{}`, ""}, "roles.assign": {`{` + about + `,"role":"tenant-admin"}`, ""}, "roles.remove": {`{` + about + `,"role":"staff",` + course + `}`, "not_found"},
		"tokens.list": {`{}`, ""}, "tokens.create": {`{"name":"x",` + about + `}`, "denied"}, "tokens.revoke": {`{"id":"` + token.ID + `"}`, "not_found"},
		"tenants.get": {`{}`, ""}, "tenants.list": {`{}`, "denied"}, "tenants.numbers": {`{}`, ""}, "tenants.put": {`{"name":"acme","title":"X"}`, "denied"}, "tenants.brand": {`{"title":"X","accent":"#ff0000"}`, ""}, "audit.list": {`{}`, ""},
		"organisations.list": {`{}`, ""}, "organisations.put": {`{"key":"arts","title":"Mine"}`, ""},
		"courses.list": {`{}`, ""}, "courses.get": {`{` + course + `}`, "not_found"}, "courses.update": {`{` + course + `,"title":"X"}`, "not_found"},
		"courses.people": {`{` + course + `}`, "not_found"}, "courses.seats": {`{` + course + `}`, "not_found"},
		"enrollments.list": {`{` + course + `}`, ""}, "enrollments.get": {`{` + course + `,` + about + `}`, "not_found"},
		"enrollments.create": {`{` + course + `,` + about + `}`, "not_found"}, "enrollments.update": {`{` + course + `,` + about + `,"mode":"honor"}`, "not_found"},
		"enrollments.delete": {`{` + course + `,` + about + `}`, "not_found"},
		"grades.list":        {`{` + course + `}`, ""}, "grades.get": {`{` + course + `,` + about + `}`, "not_found"},
		"grades.set":      {`{` + course + `,` + about + `,"earned":2,"possible":2}`, "not_found"},
		"completions.get": {`{` + course + `,` + about + `}`, ""}, "completions.set": {`{` + course + `,` + about + `,"block":"b","completion":1}`, "not_found"},
		"courses.create": {`{"key":"` + goCourse + `","title":"Mine"}`, ""}, // the same key, of their own; last, for the others must not find it
	}
	before := dump(t, c, "acme")
	last := []string{"users.create", "roles.assign", "courses.create"}
	var order []string
	for _, o := range c.Operations() {
		if name := o.Spec().Name; !strings.Contains(strings.Join(last, " "), name) {
			order = append(order, name)
		}
	}
	for _, name := range append(order, last...) {
		in, ok := cases[name]
		if !ok {
			t.Errorf("%s has no case here", name)
			continue
		}
		out, err := c.do(t, boss, name, in[0])
		if string(kind(err)) != in[1] {
			t.Errorf("%s: %v, want %q", name, err, in[1])
		}
		for _, secret := range []string{"Lovelace", "example.org", "Go!", "secret-token", "undercover", token.Key} {
			if strings.Contains(out, secret) || err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s tells %s: %s %v", name, secret, out, err)
			}
		}
	}
	if after := dump(t, c, "acme"); after != before {
		t.Errorf("the other tenant changed:\n%s\n%s", before, after)
	}
	if _, err := c.Person(as(t, boss), own.ID); err != nil {
		t.Error(err)
	}
}

// dump is every row of a tenant, and what happened in it.
func dump(t *testing.T, c *core, tenant string) string {
	t.Helper()
	ctx := system(t, tenant)
	var out strings.Builder
	must(t, c.db.Read(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"tenants", "organisations", "people", "courses", "enrollments", "grades", "completions", "roles", "tokens", "outside", "logos"} {
			column := "tenant"
			if table == "tenants" {
				column = "name"
			}
			rows, err := tx.Query(ctx, `SELECT * FROM `+table+` WHERE `+column+` = ? ORDER BY 1, 2, 3, 4`, tenant)
			if err != nil {
				return err
			}
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			for rows.Next() {
				row := make([]any, len(columns))
				for i := range row {
					row[i] = new(any)
				}
				if err := rows.Scan(row...); err != nil {
					return err
				}
				raw, err := json.Marshal(row)
				if err != nil {
					return err
				}
				fmt.Fprintf(&out, "%s %s\n", table, raw)
			}
			if err := rows.Close(); err != nil {
				return err
			}
		}
		return nil
	}))
	fmt.Fprintf(&out, "%d events", len(c.events(t, ctx, "")))
	return out.String()
}

// Nobody is nowhere: without an actor no half of any operation begins.
func TestNobodyHasNoTenant(t *testing.T) {
	c := newCore(t)
	ctx := t.Context()
	errs := map[string]error{}
	_, errs["Batch"] = c.Batch(ctx, learning.Keys{})
	_, errs["Register"] = c.Register(ctx, learning.Register{Username: "x"})
	_, errs["Person"] = c.Person(ctx, "x")
	_, errs["Course"] = c.Course(ctx, "x")
	_, errs["Enrollment"] = c.Enrollment(ctx, "x", "x")
	_, errs["Tenant"] = c.Tenant(ctx)
	_, errs["Tenants"] = c.Tenants(ctx)
	_, errs["PutTenant"] = c.PutTenant(ctx, learning.PutTenant{Name: "x", Title: "X"})
	_, errs["PutOrganisation"] = c.PutOrganisation(ctx, learning.Organisation{Key: "x", Title: "X"})
	_, errs["Login"] = c.Login(ctx, learning.Login{Username: "x"})
	_, errs["CreateToken"] = c.CreateToken(ctx, learning.CreateToken{Name: "x"})
	_, errs["Token"] = c.Token(ctx, "x")
	_, errs["Lookup"] = c.Lookup(ctx, "a", "b", []string{"c"})
	_, errs["HasRole"] = c.HasRole(ctx, learning.Assign{})
	errs["RevokeToken"] = c.RevokeToken(ctx, "x")
	errs["SetPassword"] = c.SetPassword(ctx, "x", password)
	errs["ChangePassword"] = c.ChangePassword(ctx, learning.ChangePassword{})
	errs["Erase"] = c.Erase(ctx, "x")
	errs["EachPerson"] = c.EachPerson(ctx, func(learning.Person) error { return nil })
	for name, err := range errs {
		if kind(err) != trellis.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
}
