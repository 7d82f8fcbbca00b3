package hostapi_test

import (
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

func TestSentence(t *testing.T) {
	for _, tt := range []struct {
		permission, want string
		grantable        bool
	}{
		{"enrollments:read", "See who is enrolled in which course", true},
		{"http:api.example.org", "Send requests to api.example.org", true},
		{"http:*.example.org", "Send requests to *.example.org", true},
		{"audit:read", "Read the audit log and traces", false},
		{"http:", "", false},
		{"http:API.example.org", "", false},
		{"http:nowhere. It is harmless", "", false},
		{"http:x\n", "", false},
		{"enrollments:*", "", false},
		{"kv:read", "", false},
		{"", "", false},
	} {
		got, err := hostapi.Sentence(tt.permission)
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.permission, got, tt.want)
		}
		if tt.want == "" && trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("%q: error %v", tt.permission, err)
		}
		if got := hostapi.Grantable(tt.permission); got != tt.grantable {
			t.Errorf("%q: grantable %v", tt.permission, got)
		}
	}
}

func TestPermissionsAreSaidPlainly(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range hostapi.Permissions() {
		if seen[p.Name] || seen[p.Sentence] {
			t.Errorf("%s stands there twice", p.Name)
		}
		seen[p.Name], seen[p.Sentence] = true, true
		if p.Sentence == "" || strings.HasSuffix(p.Sentence, ".") || strings.Contains(p.Sentence, "%s") != strings.HasSuffix(p.Name, ":") {
			t.Errorf("%s: sentence %q", p.Name, p.Sentence)
		}
	}
}

func TestRoleRights(t *testing.T) {
	known := map[string]bool{}
	for _, p := range hostapi.Permissions() {
		known[p.Name] = true
	}
	has := map[string]map[string]bool{}
	for role, rights := range hostapi.RoleRights() {
		has[role] = map[string]bool{}
		for _, r := range rights {
			if !known[r.Permission] {
				t.Errorf("%s has %s, which is no permission", role, r.Permission)
			}
			if has[role][r.Permission] {
				t.Errorf("%s has %s twice", role, r.Permission)
			}
			has[role][r.Permission] = true
			if r.Own && role != trellis.RoleLearner {
				t.Errorf("%s has %s for herself only", role, r.Permission)
			}
		}
	}
	for _, pair := range [][2]string{ // whoever is the first may do what the second may
		{trellis.RoleOperator, trellis.RoleTenantAdmin}, {trellis.RoleTenantAdmin, trellis.RoleStaff}, {trellis.RoleTenantAdmin, trellis.RoleLearner},
	} {
		for p := range has[pair[1]] {
			if !has[pair[0]][p] {
				t.Errorf("%s has not %s, which %s has", pair[0], p, pair[1])
			}
		}
	}
	if has[trellis.RoleTenantAdmin]["tenants:write"] {
		t.Error("a tenant's admin makes tenants")
	}
}
