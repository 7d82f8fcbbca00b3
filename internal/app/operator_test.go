package app_test

import (
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestOperatorNamesATenant: an operator who has not said in which tenant to act is
// told so, and nothing is made in the platform's own.
func TestOperatorNamesATenant(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "acme")
	operator := p.Operator(t)
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/api/v1/courses", `{"key":"course-v1:A+B+1","title":"x"}`},
		{"PUT", "/api/v1/organisations/A", `{"title":"x"}`},
		{"POST", "/api/v1/imports/oneroster", "PK"},
		{"GET", "/api/v1/exports/oneroster", ""},
	} {
		if status, body := p.Do(t, operator, tt.method, tt.path, tt.body); status != 400 || !strings.Contains(body, "name the tenant that you mean") {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, status, body)
		}
		if status, body := p.Do(t, operator, tt.method, "/t/acme"+tt.path, tt.body); status >= 400 {
			t.Errorf("%s %s in acme: %d %s", tt.method, tt.path, status, body)
		}
	}
}
