package extensions_test

import (
	"fmt"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

// TestUploading: who sends bundles slowly holds up herself, course staff hold up no
// admin, and a tenant holds up no other; all
// of them together are bounded; and who has done makes room, once.
func TestUploading(t *testing.T) {
	r := &extensions.Registry{}
	as := func(tenant, who string, role trellis.Role) (func(), error) {
		done, err := r.Uploading(trellis.WithActor(t.Context(), trellis.Actor{Tenant: tenant, ID: who, Kind: trellis.PersonActor, Roles: []trellis.Role{role}}))
		if err != nil && (trellis.KindOf(err) != trellis.Exhausted || trellis.RetryAfter(err) <= 0) {
			t.Errorf("%s: %v", tenant, err)
		}
		return done, err
	}
	staff, admin := trellis.Role{Name: trellis.RoleStaff, Course: "course-v1:A+B+1"}, trellis.Role{Name: trellis.RoleTenantAdmin}
	begin := func(tenant string) (func(), error) { return as(tenant, "ada", admin) }
	var slow []func()
	for _, tt := range []struct {
		who   string
		role  trellis.Role
		taken int
	}{{"sam", staff, 2}, {"sue", staff, 1}, {"ada", admin, 1}, {"hal", admin, 0}} {
		taken := 0
		for range 3 {
			if done, err := as("slow", tt.who, tt.role); err == nil {
				slow = append(slow, done)
				taken++
			}
		}
		if taken != tt.taken {
			t.Errorf("of %s %d are taken in at once, want %d", tt.who, taken, tt.taken)
		}
	}
	done, err := begin("other")
	if err != nil {
		t.Fatalf("another tenant: %v", err)
	}
	done()
	done() // counts once
	slow[0]()
	if slow[0], err = begin("slow"); err != nil {
		t.Errorf("after one has done: %v", err)
	}
	all := len(slow)
	for i := range 100 {
		if _, err := begin(fmt.Sprint("tenant-", i)); err == nil {
			all++
		}
	}
	if all != 32 {
		t.Errorf("%d at once", all)
	}
	slow[0]()
	if _, err := begin("late"); err != nil {
		t.Errorf("after one of all has done: %v", err)
	}
}
