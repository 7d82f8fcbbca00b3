package pages_test

import (
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// TestOperatorsOfThePlatform: without a tenant in the address an operator sees those
// who run the platform, and makes another.
func TestOperatorsOfThePlatform(t *testing.T) {
	s := openBureau(t)
	op := account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	b := browse(t, s.Platform).signIn("demo", "op", password).in("")
	b.get("/console/people").want(200, "Operator of the platform", "op").lacks("ada", "tea")
	b.get("/console/people/"+op).want(200, "Operator of the platform").lacks("Administrator")
	b.get("/console/people/new").submit("Make the account", fields{"username": "second", "password": password}).want(200)
	b.submit("Give the role", nil).want(200, "second is now: Operator of the platform.")
	browse(t, s.Platform).signIn("demo", "second", password).get("/console/tenants").want(200)
	b.get("/console/tenants").want(200, "Go in")
	b.get("/console/audit").want(200, "users.create")
	b.get("/console/tokens").want(200)
	b.get("/console/keys").want(200, "Trust this key")
}
