package console_test

import (
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
)

// TestOperatorsOfThePlatform: without a tenant in the address an operator sees those
// who run the platform, and makes another.
func TestOperatorsOfThePlatform(t *testing.T) {
	s := openBureau(t)
	op := pagestest.Account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "op", pagestest.Password).In("")
	b.Get("/console/people").Want(200, "Operator of the platform", "op").Lacks("ada", "tea")
	b.Get("/console/people/"+op).Want(200, "Operator of the platform").Lacks("Administrator")
	b.Get("/console/people/new").Submit("Make the account", pagestest.Fields{"username": "second", "password": pagestest.Password}).Want(200)
	b.Submit("Give the role", nil).Want(200, "second is now: Operator of the platform.")
	pagestest.Browse(t, s.Platform).SignIn("demo", "second", pagestest.Password).Get("/console/tenants").Want(200)
	b.Get("/console/tenants").Want(200, "Go in")
	b.Get("/console/audit").Want(200, "users.create")
	b.Get("/console/tokens").Want(200)
	b.Get("/console/keys").Want(200, "Trust this key")
}
